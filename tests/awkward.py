"""Pictures as people send them: awkward ones that every door must read alike, and those that every door must refuse."""

import io

import numpy as np
from conftest import ROOT
from PIL import Image


def encoded(image, kind="PNG", **options):
    """The bytes of a picture's file."""
    image.save(file := io.BytesIO(), kind, **options)
    return file.getvalue()


def lying(image, orientation=6):
    """A file as a phone writes it: the picture on its side, and the note how to turn it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=98, subsampling=0, exif=exif)


PHOTO = Image.open(ROOT / "data" / "paintings" / "monet" / "000.jpg").convert("RGB").resize((120, 80))
GREY = Image.fromarray(np.asarray(PHOTO.convert("L")).astype(np.uint16) * 257)  # mode I;16

READ = {
    "a phone's": lying(PHOTO),
    "16 bits of grey": encoded(GREY),
    "8 bits of grey": encoded(PHOTO.convert("L")),
    "one bit": encoded(PHOTO.convert("1")),
    "four inks": encoded(PHOTO.convert("CMYK"), "JPEG"),
    "transparent": encoded(Image.merge("RGBA", [*PHOTO.split(), PHOTO.convert("L")])),
    "a palette": encoded(PHOTO.quantize(16)),
    "a palette with a hole": encoded(PHOTO.quantize(16), transparency=3),
    "a WebP": encoded(PHOTO, "WEBP", lossless=True),
    "two in one": encoded(PHOTO, "MPO", save_all=True, append_images=[PHOTO.rotate(180)]),
    "as large as may be": encoded(Image.new("1", (8000, 5000), 1)),
}
REFUSED = {
    "nothing": (b"", "is empty"),
    "text": (b"Monet", "is no JPEG, PNG or WebP that can be read"),
    "half a JPEG": (encoded(PHOTO, "JPEG", quality=98)[:6000], "is not whole"),
    "half a PNG": (encoded(PHOTO)[:9000], "is not whole"),
    "half a WebP": (encoded(PHOTO, "WEBP", lossless=True)[:6000], "is not whole"),
    "a GIF": (encoded(PHOTO, "GIF"), "is no JPEG, PNG or WebP that can be read"),
    "a TIFF": (encoded(PHOTO, "TIFF"), "is no JPEG, PNG or WebP that can be read"),
    "one line too many": (encoded(Image.new("1", (8000, 5001))), "has more than 40 million pixels"),
    "a bomb": (encoded(Image.new("1", (30_000, 30_000))), "has more than 40 million pixels"),
}
