"""The pretraining: what is painted and asked, and that a run that was killed ends where an undisturbed one ends."""

import csv
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file

from atelier import pretraining
from atelier.pretraining import ANSWERS, colours, crops, picture, rate, texture


def test_a_picture_and_its_labels_are_always_the_same():
    image, labels = picture(700)
    again, same = picture(700)
    assert (image == again).all() and labels == same
    assert image.shape == (160, 160, 3) and image.dtype == np.uint8
    assert labels[0] == 700 % 512
    assert all(0 <= label < ANSWERS[name] for label, name in zip(labels, ("painter", "subject", "mood"), strict=True))


def test_at_least_two_hundred_painters_none_of_them_in_the_lessons():
    assert pretraining.PAINTERS >= 200
    assert pretraining.FIRST_SEED > 1_000_000  # the lessons' pictures have seeds below 2000


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


RUN = """
import torch
from pathlib import Path
from atelier import pretraining
torch.set_num_threads(1)
pretraining.SHARD = 16
folder = Path({folder!r})
pretraining.paint_pictures(folder / 'pictures', 2, 1)
pretraining.pretrain(folder, 8 * 60, 2, bs=8, size=32, device='cpu', every={every}, report=10)
"""


def start(folder, every):
    return subprocess.Popen([sys.executable, "-c", RUN.format(folder=str(folder), every=every)], cwd=ROOT,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    run = start(undisturbed, 1000)
    assert run.wait(300) == 0, run.stdout.read()
    run = start(killed, 0)
    deadline = time.monotonic() + 300
    while not (killed / "checkpoint.pt").exists():
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(.05)
    time.sleep(1)  # some steps more, and into the next checkpoint
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (killed / "resnet18.safetensors").exists(), "it was killed too late to show anything"
    state = torch.load(killed / "checkpoint.pt", weights_only=True)  # whole, whenever the kill came
    assert 0 < state["step"] < 60
    run = start(killed, 1000)
    output, _ = run.communicate(timeout=300)
    assert run.returncode == 0 and f"going on from crop {state['step'] * 8}" in output.decode()
    first, second = (load_file(folder / "resnet18.safetensors") for folder in (undisturbed, killed))
    assert all(torch.equal(first[name], second[name]) for name in first)
    logs = [list(csv.reader((folder / "log.csv").read_text().splitlines())) for folder in (undisturbed, killed)]
    for log in logs:
        for row in log:
            row.pop(1)  # the seconds
    assert logs[0] == logs[1] and len(logs[0]) == 7


def test_a_checkpoint_comes_often_enough():
    import inspect

    assert inspect.signature(pretraining.pretrain).parameters["every"].default <= 300


@pytest.mark.parametrize("arguments, said", [(["--crops", "many"], "invalid int"), ([], "folder")])
def test_the_command_line_says_what_is_wrong(arguments, said):
    command = [sys.executable, "-m", "atelier.pretraining", *arguments]
    run = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    assert run.returncode == 2 and said in run.stderr
