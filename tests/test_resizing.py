"""`resize_geometry` against fastai's own Resize: the same boxes, whatever the picture's size and the result's."""

import random

import numpy as np
import pytest
from fastai.vision.augment import PadMode, Resize
from fastai.vision.core import PILImage
from PIL import Image

from atelier.resizing import resize_geometry

METHODS = "crop", "squish", "pad"
RANDOM = random.Random(42)
CASES = [(256, 160, 128), (160, 256, 128), (97, 97, 64), (2, 300, 5), (29, 40, 100), (3, 2, 2), (1001, 333, 224)]
CASES += [tuple(RANDOM.randint(2, 400) for _ in range(2)) + (RANDOM.randint(2, 256),) for _ in range(40)]


def noise(width, height):
    pixels = np.random.default_rng(width + height).integers(0, 256, (height, width, 3), np.uint8)
    return PILImage.create(pixels)


def by_fastai(picture, size, method):
    """What fastai makes of `picture` in validation, black where it pads."""
    return Resize(size, method, pad_mode=PadMode.Zeros)(picture, split_idx=1)


def asked_of_pillow(monkeypatch, picture, size, method):
    """The boxes that fastai hands to Pillow: the crop it makes, and the square that it resizes in the end."""
    asked = {"crop": (0, 0, *picture.size)}
    crop, resize = Image.Image.crop, Image.Image.resize

    def note_crop(self, box=None):
        asked["crop"] = tuple(box)
        return crop(self, box)

    def note_resize(self, *args, **kwargs):
        asked["square"] = self.size
        return resize(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "crop", note_crop)
        patch.setattr(Image.Image, "resize", note_resize)
        by_fastai(picture, size, method)
    return asked


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
@pytest.mark.parametrize("method", METHODS)
def test_reads_the_box_that_fastai_crops(method, case, monkeypatch):
    width, height, size = case
    source, target = resize_geometry(width, height, size, method)
    asked = asked_of_pillow(monkeypatch, noise(width, height), size, method)
    assert source == asked["crop"]
    for k in (0, 1):  # from the square before it is resized: the picture's share of it
        share = (target[k + 2] - target[k]) / size
        assert share == pytest.approx((source[k + 2] - source[k]) / asked["square"][k])


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
@pytest.mark.parametrize("method", ("crop", "squish"))
def test_same_pixels_as_fastai(method, case):
    width, height, size = case
    picture = noise(width, height)
    source, target = resize_geometry(width, height, size, method)
    assert target == (0, 0, size, size)
    by_hand = picture.crop(source).resize((size, size), Image.Resampling.BILINEAR)
    assert (np.asarray(by_hand) == np.asarray(by_fastai(picture, size, method))).all()


@pytest.mark.parametrize("case", [case for case in CASES if min(case) > 20], ids=lambda case: "-".join(map(str, case)))
def test_padded_picture_lies_in_its_box(case):
    """White on black: how much of the middle row and column is white, and where its middle is."""
    width, height, size = case
    white = PILImage.create(np.full((height, width, 3), 255, np.uint8))
    light = np.asarray(by_fastai(white, size, "pad"))[..., 0] / 255
    target = resize_geometry(width, height, size, "pad")[1]
    for k, line in enumerate((light[size // 2], light[:, size // 2])):
        assert line.sum() == pytest.approx(target[k + 2] - target[k], abs=.6)
        middle = (line * (np.arange(size) + .5)).sum() / line.sum()
        assert middle == pytest.approx((target[k] + target[k + 2]) / 2, abs=.6)


def test_known_boxes():
    assert resize_geometry(256, 160, 128, "crop") == ((48, 0, 208, 160), (0, 0, 128, 128))
    assert resize_geometry(256, 160, 128, "squish") == ((0, 0, 256, 160), (0, 0, 128, 128))
    assert resize_geometry(256, 160, 128, "pad") == ((0, 0, 256, 160), (0, 24, 128, 104))
    assert resize_geometry(160, 256, 128, "pad") == ((0, 0, 160, 256), (24, 0, 104, 128))


@pytest.mark.parametrize("arguments, words", [
    ((1, 160, 128, "crop"), "2 pixels or more, not 1, 160, 128"),
    ((256, 160, 0, "pad"), "2 pixels or more"),
    ((256, 160, 128, "stretch"), "'crop', 'squish' or 'pad', not 'stretch'"),
])
def test_says_what_was_wrong(arguments, words):
    with pytest.raises(ValueError, match=words):
        resize_geometry(*arguments)
