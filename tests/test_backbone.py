"""The backbone: the shipped weights, where weights come from, and what is said when they can't be had."""

import hashlib
import pickle
import shutil
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import torch
import torchvision
from conftest import ROOT
from fastai.vision.all import ImageDataLoaders, Normalize, Resize, error_rate, parent_label, vision_learner
from safetensors.torch import load_file, save_file

from atelier import backbone
from atelier.backbone import imagenet, load_weights, resnet18

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
    with pytest.raises(ValueError, match="'cats'.*'imagenet' or 'atelier'"):
        resnet18(weights="cats")
    monkeypatch.setenv("ATELIER_WEIGHTS", "cats")
    with pytest.raises(ValueError, match="ATELIER_WEIGHTS"):
        resnet18(weights="DEFAULT")


class Shelf(BaseHTTPRequestHandler):
    """Serves a network's weights: at once, drip by drip, or not at all."""

    def do_GET(self):
        if "missing" in self.path:
            return self.send_error(404)
        self.send_response(200)
        self.end_headers()
        for start in range(0, len(self.server.body), 4096):
            try:
                self.wfile.write(self.server.body[start:start + 4096])
            except ConnectionError:
                return  # the client has hung up
            self.server.pieces += 1
            if "slow" in self.path:
                time.sleep(.3)

    def log_message(self, *_):
        pass


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "weights.pth")
    with ThreadingHTTPServer(("127.0.0.1", 0), Shelf) as server:
        server.pieces = 0
        server.body = (tmp_path / "weights.pth").read_bytes()
        server.checksum = hashlib.sha256(server.body).hexdigest()[:8]
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        imagenet.cache_clear()
        yield server
        server.shutdown()
    imagenet.cache_clear()


def test_imagenet_is_fetched_once_and_then_cached(shelf, tmp_path):
    url = f"{shelf.url}/resnet18-{shelf.checksum}.pth"
    file = imagenet(url=url)
    assert file.read_bytes() == shelf.body and file.parent == tmp_path / "checkpoints"
    imagenet.cache_clear()
    shelf.body = b"gone"
    assert imagenet(url=url) == file


@pytest.mark.parametrize("name", ["resnet18-00000000.pth", "slow-{}.pth", "missing-{}.pth"])
def test_what_cannot_be_had_in_time_or_whole_is_done_without(shelf, tmp_path, name):
    assert imagenet(patience=1., url=f"{shelf.url}/{name.format(shelf.checksum)}") is None
    if "slow" in name:  # a piece each .3 seconds; who waits for a quarter of a megabyte waits for 64
        assert shelf.pieces < 32, "it has waited far longer than its patience"
    assert not list(tmp_path.glob("checkpoints/*")), "nothing half-fetched is left in the cache"


def test_a_broken_file_in_the_cache_is_not_used(shelf, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / f"resnet18-{shelf.checksum}.pth").write_bytes(shelf.body[:1000])
    assert imagenet(url=f"{shelf.url}/resnet18-{shelf.checksum}.pth") is None


def test_imagenet_by_name(shelf, monkeypatch, capsys):
    file = imagenet(url=f"{shelf.url}/resnet18-{shelf.checksum}.pth")
    monkeypatch.setattr(backbone, "imagenet", lambda: file)
    monkeypatch.setenv("ATELIER_WEIGHTS", "imagenet")
    model = resnet18(weights="DEFAULT")
    assert "ImageNet" in capsys.readouterr().out
    assert torch.equal(model.conv1.weight, torch.load(file, weights_only=True)["conv1.weight"])
    monkeypatch.setattr(backbone, "imagenet", lambda: None)
    with pytest.raises(ValueError, match="ATELIER_WEIGHTS=atelier"):
        resnet18(weights="DEFAULT")
