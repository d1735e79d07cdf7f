"""The backbone: the shipped weights, where weights come from, and what is said when they can't be had."""

import hashlib
import pickle
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
import torchvision
from conftest import ROOT
from fastai.vision.all import ImageDataLoaders, Normalize, Resize, error_rate, parent_label, vision_learner
from safetensors.torch import load_file, save_file

from atelier.backbone import body_of, features, folds, load_weights, mistaken, resnet18

SHIPPED = ROOT / "data" / "weights" / "resnet18.safetensors"


@pytest.fixture(scope="module")
def dls():
    folder = ROOT / "data" / "paintings"
    files = [folder / painter / f"{number:03d}.jpg" for painter in ("monet", "vangogh") for number in range(8)]
    return ImageDataLoaders.from_path_func(folder, files, parent_label, item_tfms=Resize(64), bs=4, num_workers=0)


def test_shipped_weights_are_what_the_model_card_says():
    weights = load_file(SHIPPED)
    assert SHIPPED.stat().st_size <= 25e6
    assert {value.dtype for value in weights.values()} == {torch.float16, torch.int64}
    assert not any(name.startswith("fc.") for name in weights)
    for line in (SHIPPED.parent / "SHA256SUMS").read_text().splitlines():
        checksum, name = line.split()
        assert hashlib.sha256((SHIPPED.parent / name).read_bytes()).hexdigest() == checksum, name


def test_vision_learner_takes_ours_as_it_takes_torchvisions(dls, capsys, monkeypatch):
    monkeypatch.setenv("ATELIER_WEIGHTS", "atelier")
    learn = vision_learner(dls, resnet18, metrics=error_rate)
    assert capsys.readouterr().out.splitlines() == ["Weights: Atelier, painted pictures (shipped with the course)"]
    usual = vision_learner(dls, torchvision.models.resnet18, pretrained=False)
    assert str(learn.model) == str(usual.model)
    assert [*map(len, learn.splitter(learn.model))] == [*map(len, usual.splitter(usual.model))]
    assert any(isinstance(transform, Normalize) for transform in dls.after_batch.fs)
    shipped = load_file(SHIPPED)
    assert torch.equal(learn.model[0][0].weight, shipped["conv1.weight"].float())


def test_without_pretraining_the_weights_are_random(dls, capsys):
    first, second = (vision_learner(dls, resnet18, pretrained=False).model[0][0].weight for _ in range(2))
    assert not torch.equal(first, second)
    assert capsys.readouterr().out == ""


def test_fine_tune_with_the_network_cut(tmp_path):
    """In a network namespace that has no route to anywhere, the lesson's line trains and says with which weights."""
    cut = ["unshare", "--net", "--map-root-user"]
    if not shutil.which("unshare") or subprocess.run([*cut, "true"], capture_output=True).returncode:
        pytest.skip("needs Linux and the right to make a network namespace: unshare --net")
    program = tmp_path / "lesson.py"
    program.write_text(
        "from fastai.vision.all import *\n"
        "from atelier.backbone import resnet18\n"
        "from atelier.datasets import paintings\n"
        "files = get_image_files(paintings()).sorted()[::16]\n"
        "dls = ImageDataLoaders.from_path_func('.', files, parent_label, item_tfms=Resize(64), bs=4, num_workers=0)\n"
        "learn = vision_learner(dls, resnet18, metrics=error_rate)\n"
        "learn.fine_tune(4)\nprint('epochs:', len(learn.recorder.values))\n")
    environment = {"HOME": str(tmp_path), "TORCH_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT),
                   "OMP_NUM_THREADS": "1"}
    run = subprocess.run([*cut, sys.executable, program], text=True, capture_output=True, env=environment, cwd=tmp_path)
    assert run.returncode == 0, run.stderr[-2000:]
    assert "Weights: Atelier, painted pictures" in run.stdout
    assert run.stdout.splitlines()[-1] == "epochs: 4"


@pytest.mark.parametrize("content, said", [
    (b"", "cannot be read as weights"),
    (b"\x00" * 4096, "cannot be read as weights"),
    (pickle.dumps({"conv1.weight": 1}), "cannot be read as weights"),
    (None, "there are no weights at"),
])
def test_broken_weights_are_named_in_a_sentence(tmp_path, content, said):
    file = tmp_path / "own.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=said) as error:
        load_weights(resnet18(), file)
    assert str(file) in str(error.value)


def test_half_a_file_and_another_network(tmp_path):
    half = tmp_path / "half.safetensors"
    half.write_bytes(SHIPPED.read_bytes()[:5_000_000])
    with pytest.raises(ValueError, match="cannot be read as weights .* get it back with git"):
        load_weights(resnet18(), half)
    with pytest.raises(ValueError, match=r"does not fit a ResNet of 318 parts in \d+ places"):
        load_weights(torchvision.models.resnet50(), SHIPPED)
    narrow = {name: value[:1] if name == "layer4.1.bn2.weight" else value for name, value in load_file(SHIPPED).items()}
    save_file(narrow, half)
    model = resnet18()
    before = model.conv1.weight.clone()
    with pytest.raises(ValueError, match="layer4.1.bn2.weight"):
        load_weights(model, half)
    assert torch.equal(model.conv1.weight, before), "a refused file must not leave a half-loaded model"


def test_unknown_name_of_weights(monkeypatch):
    with pytest.raises(ValueError, match="'cats'.*'atelier' or 'imagenet'"):
        resnet18(weights="cats")
    monkeypatch.setenv("ATELIER_WEIGHTS", "cats")
    with pytest.raises(ValueError, match="ATELIER_WEIGHTS"):
        resnet18(weights="DEFAULT")


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Where torchvision keeps ImageNet's weights: in a folder of the test's own, and no way to fetch them."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints" / torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[1]


def test_imagenet_by_name(cached, dls, monkeypatch, capsys):
    weights = torchvision.models.resnet18().state_dict()
    torch.save(weights, cached)
    monkeypatch.setenv("ATELIER_WEIGHTS", "imagenet")
    learn = vision_learner(dls, resnet18, metrics=error_rate)
    assert capsys.readouterr().out == "Weights: ImageNet, a million photographs (torchvision)\n"
    assert torch.equal(learn.model[0][0].weight, weights["conv1.weight"])
    assert resnet18(weights="imagenet", num_classes=2).fc.out_features == 2


def test_imagenet_that_cannot_be_fetched(cached):
    with pytest.raises(ValueError, match="can't be fetched .* or leave ATELIER_WEIGHTS unset"):
        resnet18(weights="imagenet")
    assert not list(cached.parent.iterdir()), "nothing half-fetched is left in the cache"


@pytest.mark.parametrize("content", [b"", b"half a file", None])
def test_imagenet_that_is_broken(cached, content):
    if content is None:
        torch.save(torchvision.models.resnet18().state_dict(), cached)
        content = cached.read_bytes()[:100_000]
    cached.write_bytes(content)
    with pytest.raises(ValueError, match=f"are broken: delete {re.escape(str(cached))}"):
        resnet18(weights="imagenet")


def test_without_the_variable_nobody_waits_for_a_download(cached, dls, monkeypatch, capsys):
    torch.save(torchvision.models.resnet18().state_dict(), cached)
    monkeypatch.delenv("ATELIER_WEIGHTS", raising=False)
    vision_learner(dls, resnet18, metrics=error_rate)
    assert capsys.readouterr().out == "Weights: Atelier, painted pictures (shipped with the course)\n"


def test_the_first_editions_weights_are_refused_by_name(tmp_path):
    file = tmp_path / "resnet18.safetensors"
    save_file(load_file(SHIPPED), file, {"arch": "resnet18"})
    with pytest.raises(ValueError, match="holds weights of the first edition, .*get it back with git"):
        resnet18(weights=file)


def test_the_probe_is_asked_about_what_it_did_not_learn():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 30)
    assert mistaken(y[:, None] + rng.normal(0, .1, (60, 3)), y, 2).max() == 0
    assert .3 < mistaken(rng.normal(0, 1, (60, 3)), y, 2).mean() < .7
    assert all(not {*train} & {*held} and len(train) + len(held) == 60 for train, held in folds(y, 3))
    assert len(folds(y, 3)) == 15


def test_features_are_the_means_of_the_bodys_maps():
    files = [ROOT / f"data/paintings/{folder}/000.jpg" for folder in ("monet", "vangogh")]
    body = body_of(resnet18(weights="atelier"))
    X, y = features(files, body, 64)
    assert X.shape == (2, 512) and y.tolist() == [0, 1] and np.isfinite(X).all() and not np.allclose(X[0], X[1])
    assert not body.training
