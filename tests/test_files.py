"""Appendix F: pictures are read alike or refused in a sentence, files are never half written, weights are checked."""

import os
import pickle
import stat
import struct
import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
import torch
from awkward import GREY, PHOTO, READ, REFUSED, encoded, lying
from conftest import ROOT
from PIL import Image
from safetensors.torch import save_file

from atelier import files
from atelier.files import (
    PictureError,
    PictureTooLarge,
    atomic_write,
    check_fit,
    open_picture,
    read_safetensors,
    to_rgb,
    write_safetensors,
)
from atelier.portable import middle
from atelier.unet import preprocess


@pytest.mark.parametrize("name", READ)
def test_a_path_bytes_and_an_image_are_one_picture(name, tmp_path):
    file = tmp_path / "picture"
    file.write_bytes(READ[name])
    with Image.open(BytesIO(READ[name])) as image:
        pictures = [open_picture(file), open_picture(str(file)), open_picture(READ[name]), open_picture(image)]
    assert {picture.mode for picture in pictures} == {"RGB"} and len({picture.tobytes() for picture in pictures}) == 1


@pytest.mark.parametrize("orientation, turned", [(6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270),
                                                 (3, Image.Transpose.ROTATE_180), (1, None), (99, None)])
def test_a_photo_stands_upright(orientation, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(PHOTO.transpose(turned) if turned is not None else PHOTO, "PNG", exif=exif)
    assert np.array_equal(open_picture(data), PHOTO)
    assert np.array_equal(to_rgb(open_picture(data)), PHOTO), "once is enough"


def test_what_the_pixels_are():
    """16 bits keep their upper 8, whatever the colours; no alpha and no palette changes a colour; the first of two."""
    grey = np.asarray(PHOTO.convert("L"))
    assert np.array_equal(open_picture(READ["16 bits of grey"]), np.stack([grey] * 3, 2))
    assert np.array_equal(to_rgb(GREY), np.stack([grey] * 3, 2))
    assert np.array_equal(open_picture(READ["8 bits of grey"]), np.stack([grey] * 3, 2))
    assert np.array_equal(open_picture(READ["transparent"]), PHOTO)
    assert np.array_equal(open_picture(READ["a palette with a hole"]), PHOTO.quantize(16).convert("RGB"))
    assert np.abs(np.asarray(open_picture(READ["two in one"])).astype(int) - np.asarray(PHOTO)).mean() < 8


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_picture_fault_and_remedy(name, tmp_path):
    data, wrong = REFUSED[name]
    with pytest.raises(PictureError, match=rf"^the picture {wrong}; .{{9,}}$") as error:
        open_picture(data)
    assert isinstance(error.value, PictureTooLarge) == ("pixels" in wrong) and error.value.wrong == wrong
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(PictureError) as of_file:
        open_picture(tmp_path / "a.png")
    assert str(of_file.value) == str(error.value).replace("the picture", str(tmp_path / "a.png"))
    assert str(pickle.loads(pickle.dumps(of_file.value))) == str(of_file.value), "it survives a data loader's worker"


def test_files_that_cannot_be_opened_or_are_too_long(tmp_path):
    for name in ("nowhere.jpg", "."):
        with pytest.raises(PictureError, match="cannot be opened .* is its name right"):
            open_picture(tmp_path / name)
    with open(tmp_path / "long.png", "wb") as file:
        file.truncate(files.MAX_BYTES + 1)
    for source in (tmp_path / "long.png", bytes(files.MAX_BYTES + 1)):
        with pytest.raises(PictureTooLarge, match="more than 32 MB; make it smaller"):
            open_picture(source)


@pytest.mark.filterwarnings("error")
def test_a_bomb_is_refused_whatever_warnings_do():
    with pytest.raises(PictureTooLarge):
        open_picture(encoded(Image.new("1", (10_000, 10_000))))


def test_a_smaller_decoding_is_still_of_the_whole_file():
    photo = PHOTO.resize((1200, 800))
    small = open_picture(lying(photo), at_least=(64, 64))
    assert 64 <= small.height < small.width < 800
    with pytest.raises(PictureError, match="is not whole"):
        open_picture(lying(photo)[:-2000], at_least=(64, 64))


def test_a_smaller_decoding_of_a_photo_that_lies_is_large_enough():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.new("RGB", (1600, 1200)), "JPEG", exif=exif)
    assert open_picture(data).size == (1200, 1600)
    width, height = open_picture(data, at_least=(400, 60)).size
    assert 400 <= width < 1200 and height * 1200 == width * 1600


def test_a_note_that_cannot_be_read_is_passed_over():
    garbled = Image.Exif()
    garbled[0x0112] = 6
    data = encoded(PHOTO, "PNG", exif=garbled.tobytes()[:10] + b"\xff" * 20)
    assert open_picture(data).size == PHOTO.size


@pytest.mark.parametrize("tag, kind, value", [
    (0x0112, 2, b"6\0\0\0"), (0x0112, 7, b"\6\0\0\0"), (0x0112, 3, b"\0\1\0\0"), (0x0112, 3, b"\x09\0\0\0"),
    (0x0100, 2, b"x\0\0\0")])
def test_a_note_of_an_odd_kind_is_no_error(tag, kind, value):
    """An orientation as text, as bytes or out of its range, or beside a width that is no number."""
    entries = [(0x0112, 3, b"\6\0\0\0")] * (tag != 0x0112) + [(tag, kind, value)]
    note = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    note += b"".join(struct.pack("<HHI", tag, kind, 1) + value for tag, kind, value in sorted(entries)) + b"\0" * 4
    data = encoded(Image.new("RGB", (64, 48)), "JPEG", exif=note)
    turned = tag != 0x0112
    assert open_picture(data).size == ((48, 64) if turned else (64, 48))
    assert open_picture(data, at_least=(8, 8)).size == ((12, 16) if turned else (16, 12))


def test_what_was_turned_is_not_turned_again(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = open_picture(encoded(Image.new("RGB", (64, 48)), "JPEG", exif=exif))
    upright.save(tmp_path / "again.jpg", exif=upright.getexif())
    assert open_picture(tmp_path / "again.jpg").size == to_rgb(upright).size == (48, 64)


@pytest.mark.parametrize("data, said", [
    (encoded(PHOTO, "JPEG")[:200], "is not whole"), (encoded(PHOTO)[:20], "is not whole"),
    (b"RIFF\0\0\0\0WAVEfmt ", "is no JPEG, PNG or WebP")])
def test_what_breaks_off_in_its_header_is_told_from_what_is_no_picture(data, said):
    with pytest.raises(PictureError, match=said):
        open_picture(data)


def test_a_mistake_of_the_program_is_not_blamed_on_the_picture():
    with pytest.raises((TypeError, ZeroDivisionError)):
        open_picture(encoded(PHOTO, "JPEG"), at_least=(0, 0))
    for mode in "IF":
        with pytest.raises(PictureError, match="numbers without a scale; bring it to 8 bits"):
            to_rgb(Image.new(mode, (2, 2), 255))


def test_an_image_of_pillow_has_the_same_limits():
    with pytest.raises(PictureTooLarge, match="more than 40 million pixels"):
        open_picture(Image.new("1", (8000, 8000)))
    with pytest.raises(PictureError, match="is not whole"):
        open_picture(Image.open(BytesIO(encoded(PHOTO)[:9000])))


def test_the_librarys_other_doors_see_the_same(tmp_path):
    """The network that goes to the browser, and the U-Net."""
    for name, data in READ.items():
        (tmp_path / "picture").write_bytes(data)
        picture = open_picture(data)
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        box = left, top, left + side, top + side
        assert np.array_equal(middle(tmp_path / "picture")[0], picture.crop(box)), name
        assert torch.equal(preprocess(tmp_path / "picture", (32, 48)), preprocess(picture, (32, 48))), name
    for name, (data, _) in REFUSED.items():
        (tmp_path / "picture").write_bytes(data)
        for door in (middle, lambda file: preprocess(file, (32, 48))):
            with pytest.raises(PictureError) as error:
                door(tmp_path / "picture")
            with pytest.raises(PictureError) as here:
                open_picture(tmp_path / "picture")
            assert str(error.value) == str(here.value), name


# Files

@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()], ids=["full", "Ctrl-C"])
def test_a_write_that_fails_leaves_the_old_file(error, tmp_path):
    file = tmp_path / "kept.csv"
    file.write_text("old")
    with pytest.raises(type(error)), atomic_write(file) as part:
        part.write_text("ne")
        raise error
    assert file.read_text() == "old" and [*tmp_path.iterdir()] == [file]


def test_a_file_takes_its_place_when_whole(tmp_path):
    file = tmp_path / "new.csv"
    with atomic_write(file) as part:
        part.write_text("new")
        assert part.parent == tmp_path and part.suffix == ".part" and not file.exists()
    assert file.read_text() == "new" and [*tmp_path.iterdir()] == [file]
    plain = tmp_path / "plain"
    plain.write_text("as open() makes it")
    assert file.stat().st_mode == plain.stat().st_mode, "others may read it, as far as the umask lets them"


def test_permissions_and_links_stay(tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    with atomic_write(link) as part:
        part.write_text("new")
    assert link.is_symlink() and file.read_text() == "new" and stat.S_IMODE(file.stat().st_mode) == 0o640


def test_two_writers_do_not_mix(tmp_path):
    file = tmp_path / "file"
    with atomic_write(file) as first, atomic_write(file) as second:
        first.write_text("first")
        second.write_text("second")
    assert file.read_text() == "first" and [*tmp_path.iterdir()] == [file]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    file = tmp_path / "file"
    file.write_text("old")
    program = ("import os, sys; from atelier.files import atomic_write\n"
               "with atomic_write(sys.argv[1]) as part: part.write_text('ne'); os.kill(os.getpid(), 9)")
    assert subprocess.run([sys.executable, "-c", program, file], cwd=ROOT).returncode == -9
    assert file.read_text() == "old"


# Weights

@pytest.fixture
def net():
    return torch.nn.Linear(3, 2)


def test_weights_and_notes_come_back(net, tmp_path):
    file = tmp_path / "net.safetensors"
    state = {"weight": net.weight.detach().t(), "bias": net.bias.detach()}  # the first is not contiguous
    write_safetensors(state, file, {"labels": "Van Gogh"})
    tensors, notes = read_safetensors(file, "never said")
    assert notes == {"labels": "Van Gogh"} and all(torch.equal(tensors[name], state[name]) for name in state)
    write_safetensors(state, file)
    assert read_safetensors(file, "never said")[1] == {} and os.listdir(tmp_path) == ["net.safetensors"]


def test_a_new_file_of_weights_can_be_read_by_whom_the_umask_lets(tmp_path, monkeypatch):
    before = os.umask(0o022)
    try:
        write_safetensors({"a": torch.ones(1)}, tmp_path / "new.safetensors")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.safetensors").stat().st_mode) == 0o644


def test_tensors_that_share_their_memory_are_written_each(tmp_path):
    one = torch.arange(4.)
    write_safetensors({"one": one, "same": one, "part": one[::2]}, tmp_path / "tied.safetensors")
    tensors, _ = read_safetensors(tmp_path / "tied.safetensors", "")
    assert tensors["same"].tolist() == one.tolist() and tensors["part"].tolist() == [0, 2]


@pytest.mark.parametrize("content, said", [
    (None, "there are no weights at .*: write it anew"), (b"", "cannot be read as weights"),
    (bytes(4096), "cannot be read as weights"), (pickle.dumps({"weight": 1}), "cannot be read as weights"),
    ("half", "cannot be read as weights .*: write it anew"),
], ids=["missing", "empty", "zeros", "pickle", "half"])
def test_broken_weights_are_named(content, said, net, tmp_path):
    file = tmp_path / "net.safetensors"
    if content == "half":
        write_safetensors(net.state_dict(), file)
        content = file.read_bytes()[:100]
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=said) as error:
        read_safetensors(file, "write it anew")
    assert str(file) in str(error.value)


def test_other_weights_are_named(net, tmp_path):
    own = net.state_dict()
    for state, said in (({**own, "more": own["bias"].clone()}, "more has no place in it"),
                        ({"weight": own["weight"]}, "bias is missing"),
                        ({**own, "bias": own["bias"][:1]}, r"bias has the shape \(1,\) and not \(2,\)"),
                        ({**own, "bias": torch.full((2,), 1e300, dtype=torch.double)}, "bias holds numbers"),
                        ({**own, "bias": own["bias"] * torch.nan}, "bias holds numbers that are not finite")):
        save_file(state, tmp_path / "net.safetensors")
        with pytest.raises(ValueError, match=rf"^net does not fit a layer in one place \({said}.*: take another$"):
            check_fit("net", read_safetensors(tmp_path / "net.safetensors", "")[0], own, "a layer", "take another")
    check_fit("net", own, own, "a layer", "take another")


def test_each_pays_for_its_own_part_only():
    """Writing needs nothing; reading pictures no network; reading weights no pictures."""
    program = ("import sys; from atelier.files import atomic_write, open_picture, read_safetensors\n"
               "assert not {'PIL', 'numpy', 'torch', 'safetensors'} & sys.modules.keys()\n"
               "open_picture(sys.argv[1]); assert not {'torch', 'safetensors'} & sys.modules.keys()")
    subprocess.run([sys.executable, "-c", program, ROOT / "data/paintings/monet/000.jpg"], cwd=ROOT, check=True)
