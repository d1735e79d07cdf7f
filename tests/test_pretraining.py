"""The pretraining: what is painted and asked, and that a run that was killed ends where an undisturbed one ends."""

import csv
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file

from atelier import pretraining
from atelier.datasets import CLASSES
from atelier.pretraining import ANSWERS, colours, crops, picture, rate, texture


def test_a_picture_and_its_labels_are_always_the_same():
    image, labels = picture(700)
    again, same = picture(700)
    assert (image == again).all() and labels == same
    assert image.shape == (160, 160, 3) and image.dtype == np.uint8
    assert labels[0] == 700 % 512
    assert all(0 <= label < ANSWERS[name] for label, name in zip(labels, ("painter", "subject", "mood"), strict=True))


def test_no_picture_of_the_lessons_is_painted_for_it():
    assert max(first + count for _, count, first in CLASSES.values()) < pretraining.FIRST_SEED


def test_crops_are_repeatable_and_in_range():
    images = torch.from_numpy(np.stack([picture(number)[0] for number in range(4)])).permute(0, 3, 1, 2)
    first, again, other = (crops(images, 48, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == (4, 3, 48, 48) and first.min() >= 0 and first.max() <= 1


def test_colours_of_one_colour_and_of_halves():
    x = torch.zeros(1, 3, 8, 8)
    x[0, :, :, 4:] = torch.tensor([.9, .1, .4])[:, None, None]
    shares = colours(x)[0]
    assert shares[0] == .5 and shares[3 * 16 + 0 * 4 + 1] == .5 and shares.sum() == 1


def test_texture_tells_stripes_from_noise():
    stripes = (torch.arange(64) // 4 % 2).float().expand(1, 3, 64, 64)
    noise = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)).expand(1, 3, 64, 64)
    upright, across, chaos = (texture(x)[0] for x in (stripes, stripes.transpose(2, 3), noise))
    assert upright[2] > .95 and across[2] > .95 and chaos[2] < .6  # coherence
    assert upright[5] > .9 and across[5] < -.9  # level minus steep
    assert texture(torch.full((2, 3, 64, 64), .5)).isfinite().all()


def test_the_rate_rises_stays_and_falls_to_nothing():
    rates = [rate(step, 10_000) for step in (0, 299, 5000, 7500, 9999)]
    assert rates[0] < rates[1] == rates[2] == rates[3] == 1e-3 and 0 < rates[4] < 1e-6


STEPS, TRAINING = 16, dict(shards=2, bs=8, size=32, device="cpu", report=4)

# Killed while it writes its seventh checkpoint, of which half is on the disk.
KILLED = """
import os, signal, sys, torch
from atelier import pretraining
whole = torch.save
def half(state, out):
    whole(state, out)
    if state['step'] == 7:
        out.truncate(out.tell()//2)
        os.kill(os.getpid(), signal.SIGKILL)
torch.save = half
pretraining.pretrain(sys.argv[1], {crops}, **{training}, every=0)
"""


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Two folders with the same 32 pictures."""
    monkeypatch.setattr(pretraining, "SHARD", 16)
    for name in ("undisturbed", "killed"):
        (tmp_path / name / "pictures").mkdir(parents=True)
    for shard in range(2):
        pretraining.paint_shard(tmp_path / "undisturbed/pictures", shard)
    painted = {file: file.stat().st_mtime_ns for file in (tmp_path / "undisturbed/pictures").iterdir()}
    pretraining.paint_pictures(tmp_path / "undisturbed/pictures", 2, 1)
    assert painted == {file: file.stat().st_mtime_ns for file in painted}, "what is there is not painted again"
    shutil.copytree(tmp_path / "undisturbed/pictures", tmp_path / "killed/pictures", dirs_exist_ok=True)
    return tmp_path / "undisturbed", tmp_path / "killed"


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(folders, one_thread, capsys):
    undisturbed, killed = folders
    crops = 8*STEPS
    pretraining.pretrain(undisturbed, crops, **TRAINING)
    program = "import torch; torch.set_num_threads(1)" + KILLED.format(crops=crops, training=TRAINING)
    run = subprocess.run([sys.executable, "-c", program, killed], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert not (killed / "resnet18.safetensors").exists()
    assert torch.load(killed / "checkpoint.pt", weights_only=True)["step"] == 6, "the last whole one"
    capsys.readouterr()
    pretraining.pretrain(killed, crops, **TRAINING)
    assert f"going on from crop {6*8}" in capsys.readouterr().out
    first, second = (load_file(folder / "resnet18.safetensors") for folder in (undisturbed, killed))
    assert all(torch.equal(first[name], second[name]) for name in first)
    logs = [list(csv.reader((folder / "log.csv").read_text().splitlines())) for folder in (undisturbed, killed)]
    for log in logs:
        for row in log:
            row.pop(1)  # the seconds
    assert logs[0] == logs[1] and len(logs[0]) == 1 + STEPS//TRAINING["report"]


@pytest.mark.parametrize("arguments, said", [(["--crops", "many"], "invalid int"), ([], "folder")])
def test_the_command_line_says_what_is_wrong(arguments, said, capsys):
    with pytest.raises(SystemExit) as end:
        pretraining.main(arguments)
    assert end.value.code == 2 and said in capsys.readouterr().err
