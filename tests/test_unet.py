"""The U-Net in plain PyTorch: the same numbers as fastai's, without fastai, and bad input named in a sentence."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
import torchvision
from conftest import ROOT, full_disk
from fastai.vision.all import (
    DataBlock,
    DynamicUnet,
    FlipItem,
    ImageBlock,
    MaskBlock,
    Normalize,
    Resize,
    ResizeMethod,
    create_body,
    imagenet_stats,
)
from PIL import Image
from safetensors.torch import save_file

from atelier.files import misfits
from atelier.unet import Unet, check_masks, from_fastai, load_unet, preprocess, save_unet, segment

PICTURE = ROOT / "data" / "paintings" / "monet" / "000.jpg"
MASK = ROOT / "data" / "masks" / "monet" / "000.png"
CLASSES = ["void", "sky", "water", "field", "tree"]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def theirs():
    """fastai's network, every weight and every running mean shaken: none of them may go to another's place."""
    torch.manual_seed(0)
    model = DynamicUnet(create_body(torchvision.models.resnet18()), len(CLASSES), (64, 64)).eval()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("running_var"):
                value.mul_(1 + torch.rand_like(value))
            elif value.is_floating_point() and value.dim() == 1:
                value.add_(.3 * torch.randn_like(value))
    return model


@pytest.fixture(scope="module")
def ours(theirs):
    net = Unet(len(CLASSES))
    net.load_state_dict(from_fastai(theirs.state_dict()))
    return net.eval()


@pytest.fixture(scope="module")
def folder():
    """The weights take 165 MB a file, so their folder goes when the tests are over."""
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def file(ours, folder):
    save_unet(ours, folder / "unet.safetensors", CLASSES, (48, 64))
    return folder / "unet.safetensors"


@pytest.mark.parametrize("height, width", [(64, 64), (96, 128), (75, 101)])
def test_same_scores_as_fastai(theirs, ours, height, width):
    x = torch.randn(2, 3, height, width)
    with torch.no_grad():
        expected, scores = theirs(x), ours(x)
    assert scores.shape == (2, len(CLASSES), height, width) and scores.std() > .01
    assert (scores - expected).abs().max() <= 1e-6


def test_every_name_is_translated(theirs, ours):
    state = theirs.state_dict()
    assert sorted(from_fastai(state)) == sorted(ours.state_dict())
    assert from_fastai(ours.state_dict()).keys() == ours.state_dict().keys()


def test_gradients_reach_every_weight(ours):
    net = Unet(3).train()
    net(torch.randn(2, 3, 32, 32)).sum().backward()
    assert not [name for name, weight in net.named_parameters() if weight.grad is None]


def test_answers_without_fastai(ours, file, folder):
    program = ("import sys; from atelier.unet import load_unet, segment; net = load_unet(sys.argv[1]); "
               "segment(net, sys.argv[2], net.size).save(sys.argv[3]); "
               "print(*sorted({name.split('.')[0] for name in sys.modules}))")
    command = [sys.executable, "-c", program, file, PICTURE, folder / "mask.png"]
    run = subprocess.run(command, text=True, capture_output=True, check=True)
    assert not {"fastai", "fastcore", "numba", "matplotlib", "pandas"} & set(run.stdout.split())
    assert np.array_equal(Image.open(folder / "mask.png"), segment(ours, PICTURE, (48, 64)))


@pytest.mark.parametrize("mode, size", [("RGB", (256, 256)), ("RGB", (97, 61)), ("L", (64, 48)), ("RGBA", (50, 70)),
                                        ("P", (40, 40))])
def test_preprocess_is_fastais(mode, size, folder):
    picture = folder / "picture.png"
    Image.open(PICTURE).resize(size).convert(mode).save(picture)
    mask = folder / "picture_mask.png"
    Image.new("L", size).save(mask)
    block = DataBlock(blocks=(ImageBlock, MaskBlock(CLASSES)), get_y=lambda _: mask,
                      item_tfms=[Resize((48, 64), ResizeMethod.Squish), FlipItem()],
                      batch_tfms=Normalize.from_stats(*imagenet_stats, cuda=False))
    dls = block.dataloaders([picture] * 4, bs=1, num_workers=0, device="cpu")
    expected = dls.test_dl([picture]).one_batch()[0]
    assert torch.equal(preprocess(picture, (48, 64)), torch.Tensor(expected))
    assert torch.equal(preprocess(Image.open(picture), (48, 64)), torch.Tensor(expected))


def test_segment_gives_the_best_class_of_each_pixel(ours):
    mask = segment(ours, PICTURE, (32, 64))
    with torch.no_grad():
        best = ours(preprocess(PICTURE, (32, 64)))[0].argmax(0)
    assert (mask.mode, mask.size) == ("L", (256, 256))
    assert np.array_equal(np.array(mask)[4::8, 2::4], best)
    assert set(np.unique(mask)) == set(np.unique(best)) and len(np.unique(best)) > 2, "a mask is not blurred"


def test_weights_survive_the_file(ours, file):
    again = load_unet(file)
    assert (again.classes, again.size, again.training) == (CLASSES, [48, 64], False)
    assert all(torch.equal(value, ours.state_dict()[name]) for name, value in again.state_dict().items())
    assert not list(file.parent.glob("*.part"))


def test_fastais_own_state_dict_loads_too(theirs, ours, folder):
    save_file(theirs.state_dict(), folder / "raw.safetensors")
    again = load_unet(folder / "raw.safetensors")
    assert again.classes is None and torch.equal(again.head.weight, ours.head.weight)


def test_a_write_that_fails_leaves_the_old_file(ours, folder):
    file = folder / "kept.safetensors"
    file.write_bytes(b"old")
    with full_disk(), pytest.raises(OSError, match="too large"):
        save_unet(ours, file, CLASSES, (64, 64))
    assert file.read_bytes() == b"old"


def test_too_few_names_are_not_written(ours, folder):
    with pytest.raises(ValueError, match="3 names for the 5 classes"):
        save_unet(ours, folder / "never.safetensors", CLASSES[:3], (64, 64))
    assert not (folder / "never.safetensors").exists()


@pytest.mark.parametrize("content", [None, b"", b"\x00" * 4096, b"half"], ids=["missing", "empty", "zeros", "half"])
def test_broken_files_are_named(content, file, folder):
    broken = folder / "broken.safetensors"
    broken.unlink(missing_ok=True)
    if content is not None:
        broken.write_bytes(file.read_bytes()[:10**6] if content == b"half" else content)
    said = "there are no weights at .*" if content is None else "cannot be read as weights .*"
    with pytest.raises(ValueError, match=f"{said} write it with save_unet") as error:
        load_unet(broken)
    assert str(broken) in str(error.value)


def test_weights_of_other_networks_are_named(folder):
    other = folder / "other.safetensors"
    save_file(torchvision.models.resnet18().state_dict(), other)
    with pytest.raises(ValueError, match=r"other.safetensors does not fit a U-Net on ResNet-18.*0\.0\.weight is m"):
        load_unet(other)
    deeper = DynamicUnet(create_body(torchvision.models.resnet34()), 3, (64, 64))
    save_file(deeper.state_dict(), other)
    with pytest.raises(ValueError, match=r"down\.1\.1\.2\.bn1\.bias has no place"):
        load_unet(other)


def test_a_corrupted_state_dict_names_its_key():
    own = {"a.weight": torch.zeros(2, 3), "b.weight": torch.zeros(2), "c.count": torch.tensor(1)}
    assert not list(misfits(own, own))
    bad = {"a.weight": torch.zeros(3, 2), "b.weight": torch.tensor([1, torch.nan]), "d": torch.zeros(1)}
    assert list(misfits(bad, own)) == [
        "a.weight has the shape (3, 2) and not (2, 3)", "b.weight holds numbers that are not finite",
        "c.count is missing", "d has no place in it"]


@pytest.mark.parametrize("content, said", [
    (None, "cannot be opened"), (b"", "is empty"), (b"not a picture", "is no JPEG"), (b"half", "is not whole")],
    ids=["missing", "empty", "text", "half"])
def test_pictures_that_cannot_be_read_are_named(content, said, ours, tmp_path):
    picture = tmp_path / "photo.jpg"
    if content is not None:
        picture.write_bytes(PICTURE.read_bytes()[:2000] if content == b"half" else content)
    with pytest.raises(ValueError, match=f"photo.jpg {said}"):
        segment(ours, picture, (32, 32))


def test_shipped_masks_pass():
    classes = (ROOT / "data" / "masks" / "codes.txt").read_text().splitlines()
    masks = sorted((ROOT / "data" / "masks").glob("*/*.png"))
    pictures = [ROOT / "data" / "paintings" / mask.parent.name / f"{mask.stem}.jpg" for mask in masks]
    check_masks(list(zip(pictures, masks, strict=True)), classes)
    highest = np.array(Image.open(MASK)).max()
    check_masks([(PICTURE, MASK)], range(highest + 1))
    with pytest.raises(ValueError, match=f"the code {highest}, but the last class has the code {highest - 1}"):
        check_masks([(PICTURE, MASK)], range(highest))


def made(path, change):
    """A mask made of a good one."""
    change(Image.open(MASK)).save(path)
    return path


@pytest.mark.parametrize("change, said", [
    (lambda mask: mask.resize((128, 100)), "128 x 100 pixels, its picture 256 x 256"),
    (lambda mask: Image.fromarray(np.array(mask) + 100), r"code 113, but the last class has the code 15"),
    (lambda mask: mask.convert("RGB"), "is of mode RGB: save it with 8 bits"),
    (lambda mask: mask.convert("P"), "is of mode P: save it with 8 bits"),
])
def test_bad_masks_are_named(change, said, tmp_path):
    mask = made(tmp_path / "mask.png", change)
    with pytest.raises(ValueError, match=rf"mask\.png .*{said}"):
        check_masks([(PICTURE, MASK), (PICTURE, mask)], range(16))


def test_a_folder_without_masks_or_pictures_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"2 of 3 pictures have no mask: the first belongs at .*none\.png"):
        check_masks([(PICTURE, MASK)] + 2*[(PICTURE, tmp_path / "none.png")], range(16))
    with pytest.raises(ValueError, match="there are no pictures"):
        check_masks([], range(16))
    (tmp_path / "half.png").write_bytes(MASK.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"half\.png or its picture .* cannot be read"):
        check_masks([(PICTURE, tmp_path / "half.png")], range(16))
