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
from atelier.backbone import load_weights, resnet18
from atelier.datasets import MORE, SETS
from atelier.pretraining import ANSWERS, colours, crops, loss, picture, rate, texture, weighted


def test_a_picture_and_its_labels_are_always_the_same():
    image, labels = picture(700)
    again, same = picture(700)
    assert (image == again).all() and labels == same
    assert image.shape == (pretraining.SIZE, pretraining.SIZE, 3) and image.dtype == np.uint8
    assert labels[0] == 700 % 512
    assert all(0 <= label < ANSWERS[name] for label, name in zip(labels, ("painter", "subject", "mood"), strict=True))


def test_no_picture_of_the_lessons_is_painted_for_it():
    used = [first + count for classes in SETS.values() for _, count, first in classes.values()]
    assert max(used + [first + 20_000 for _, first in MORE.values()]) < pretraining.FIRST_SEED


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
    rates = [rate()(share) for share in (0, .01, .4, .9, 1)]
    assert rates[0] == pytest.approx(1e-5) and rates[1:4] == pytest.approx([1e-3] * 3) and rates[4] == 0


def test_batches_and_what_is_asked_about_them():
    images = torch.from_numpy(np.stack([picture(number)[0] for number in range(4)])).permute(0, 3, 1, 2)
    labels = torch.tensor([picture(number)[1] for number in range(4)])
    supply = pretraining.Crops(images, labels, (torch.zeros(24), torch.ones(24)), bs=3, batches=2, size=32)
    first, again = ([*supply] for _ in range(2))
    assert len(supply) == len(first) == 2 and all(torch.equal(x, y) for x, y in zip(first[0], again[0], strict=True))
    supply.epoch = 1
    assert not torch.equal([*supply][0][0], first[0][0]), "each epoch has batches of its own"
    x, asked, shares, surface = first[0]
    assert (x.shape, asked.shape, shares.shape, surface.shape) == ((3, 3, 32, 32), (3, 3), (3, 64), (3, 24))
    right = {name: 99 * torch.nn.functional.one_hot(asked[:, k], ANSWERS[name]).float()
             for k, name in enumerate(("painter", "subject", "mood"))}
    right |= {"colours": (shares + 1e-9).log(), "texture": surface}
    for name in ANSWERS:
        least = (-shares * (shares + 1e-9).log()).sum(1).mean() if name == "colours" else 0.
        assert loss(name, right, *first[0][1:]) == pytest.approx(float(least), abs=1e-4)
    assert weighted({"mood": 2.}, right | {"mood": torch.zeros(3, ANSWERS["mood"])}, *first[0][1:]) \
        == pytest.approx(2 * np.log(ANSWERS["mood"]), rel=1e-4)


@pytest.mark.parametrize("epochs, large", [(1, 1), (8, 1), (20, 2)])
def test_crops_are_larger_in_the_last_tenth(epochs, large):
    seen = []
    black, zeros = torch.zeros(4, 3, 64, 64, dtype=torch.uint8), torch.zeros(4, 3, dtype=torch.long)
    learn = pretraining.learner(black, zeros, kept=2, bs=2, batches=1, size=32, device="cpu")
    learn.model, learn.loss_func, learn.metrics = torch.nn.Linear(1, 1), lambda answers, *asked: answers.sum() * 0, []
    learn.model.forward = lambda x: seen.append(x.shape[-1]) or learn.model.weight
    with learn.no_bar(), learn.no_logging():
        learn.fit(epochs, cbs=pretraining.Grow(2))
    assert seen[::9] == [32] * (epochs - large) + [64] * large, "a batch to learn from, and eight kept out"


def test_one_hand_paints_with_everybodys_relief():
    one, other = (pretraining.one_hand(seed) for seed in (1000, 1001))
    assert one.relief == other.relief and one.boldness == other.boldness == 0
    assert one.length != other.length and one.subjects != other.subjects


EPOCHS, TRAINING = 8, dict(shards=2, batches=2, kept=8, bs=8, size=32, device="cpu")

# Killed while it writes its fourth checkpoint, of which half is on the disk.
KILLED = """
import os, signal, sys, torch
from atelier import pretraining
whole = torch.save
def half(state, out):
    whole(state, out)
    if len(state['log']) == 4:
        out.truncate(out.tell()//2)
        os.kill(os.getpid(), signal.SIGKILL)
torch.save = half
pretraining.pretrain(sys.argv[1], {crops}, **{training})
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
    pictures = tmp_path / "undisturbed/pictures"
    pretraining.paint_pictures(pictures, 1, 1)
    (pictures / "0001.npy.part").write_bytes(b"what a killed run left")
    painted = {file: file.stat().st_mtime_ns for file in pictures.glob("0000*")}
    pretraining.paint_pictures(pictures, 2, 1)
    assert painted == {file: file.stat().st_mtime_ns for file in painted}, "what is there is not painted again"
    assert sorted(f.name for f in pictures.iterdir()) == ["0000-labels.npy", "0000.npy", "0001-labels.npy", "0001.npy",
                                                          "engine.txt"]
    shutil.copytree(tmp_path / "undisturbed", tmp_path / "killed")
    return tmp_path / "undisturbed", tmp_path / "killed"


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(folders, one_thread, capsys):
    undisturbed, killed = folders
    crops = 16*EPOCHS
    pretraining.pretrain(undisturbed, crops, **TRAINING)
    program = "import torch; torch.set_num_threads(1)" + KILLED.format(crops=crops, training=TRAINING)
    run = subprocess.run([sys.executable, "-c", program, killed], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert not (killed / "resnet18.safetensors").exists()
    assert len(torch.load(killed / "checkpoint.pt", weights_only=True)["log"]) == 3, "the last whole one"
    capsys.readouterr()
    learn = pretraining.pretrain(killed, crops, **TRAINING)
    assert f"going on from crop {3*16}" in capsys.readouterr().out
    first, second = (load_file(folder / "resnet18.safetensors") for folder in (undisturbed, killed))
    assert all(torch.equal(first[name], second[name]) for name in first)
    logs = [list(csv.reader((folder / "log.csv").read_text().splitlines())) for folder in (undisturbed, killed)]
    for log in logs:
        for row in log:
            row.pop(1)  # the seconds
    assert logs[0] == logs[1] and len(logs[0]) == 1 + EPOCHS
    assert torch.equal(learn.model.body.conv1.weight.half(), second["conv1.weight"])
    model = load_weights(resnet18(), killed / "resnet18.safetensors")
    assert torch.equal(model.conv1.weight, second["conv1.weight"].float())


def test_what_another_edition_left_is_refused(folders):
    folder, _ = folders
    torch.save({"pupil": {}, "step": 7}, folder / "checkpoint.pt")
    with pytest.raises(ValueError, match="checkpoint.pt is of the first edition: delete it"):
        pretraining.pretrain(folder, 16, **TRAINING)
    (folder / "pictures/engine.txt").write_text("another")
    with pytest.raises(ValueError, match="pictures by another version of the engine: delete it"):
        pretraining.paint_pictures(folder / "pictures", 2, 1)


@pytest.mark.parametrize("arguments, said", [(["--crops", "many"], "invalid int"), ([], "folder")])
def test_the_command_line_says_what_is_wrong(arguments, said, capsys):
    with pytest.raises(SystemExit) as end:
        pretraining.main(arguments)
    assert end.value.code == 2 and said in capsys.readouterr().err
