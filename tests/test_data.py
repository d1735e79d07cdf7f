"""The data set: what is there, whether it agrees with itself, and whether it can be made again."""
import csv
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, read
from PIL import Image

from atelier.datasets import CLASSES, contact_sheet, home, make_picture, paintings, remake
from atelier.elements import CODES, LABELS

DATA = ROOT / "data"


@pytest.fixture(autouse=True)
def course_pictures(monkeypatch):
    monkeypatch.delenv("ATELIER_PAINTINGS", raising=False)


def labels():
    with open(DATA / "paintings/labels.csv", newline="") as file:
        return list(csv.DictReader(file))


def pixels(file):
    with Image.open(file) as image:
        return np.asarray(image).astype(int)


def test_counts():
    for folder, count in (("monet", 65), ("vangogh", 89)):
        names = [f"{number:03d}" for number in range(count)]
        assert sorted(f.stem for f in (DATA / "paintings" / folder).iterdir()) == names
        assert sorted(f.stem for f in (DATA / "masks" / folder).iterdir()) == names


def test_only_pictures_below_paintings():
    pictures = [f for f in (DATA / "paintings").rglob("*") if f.suffix in (".jpg", ".png")]
    assert len(pictures) == 154, "get_image_files finds every picture below data/paintings"


def test_checksums_hold_and_cover_everything():
    folder = DATA / "paintings"
    sums = [line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines()]
    for digest, name in sums:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    assert len(sums) == 154 + 154 + 2


def test_labels_agree_with_pictures_and_masks():
    rows = labels()
    files = {f.relative_to(DATA / "paintings").as_posix() for f in (DATA / "paintings").rglob("*.jpg")}
    assert {row["file"] for row in rows} == files and len(rows) == 154
    assert (DATA / "masks/codes.txt").read_text().split("\n")[:-1] == list(LABELS)
    for row in rows:
        folder, name = row["file"].split("/")
        picture = pixels(DATA / "paintings" / row["file"])
        mask = pixels(DATA / "masks" / folder / name.replace("jpg", "png"))
        assert picture.shape == (256, 256, 3) and mask.shape == (256, 256)
        assert mask.min() > 0 and mask.max() < len(LABELS)
        assert row["painter"] == CLASSES[folder][0]
        assert row["horizon"] == "" or 0 < float(row["horizon"]) < 1
        sun = [row["sun_x"], row["sun_y"], row["sun_radius"]]
        assert (mask == CODES["sun"]).any() == all(sun) == any(sun)


def test_both_painters_share_subjects_and_moods():
    for column, least in (("subject", 13), ("mood", 8)):
        seen = [{row[column] for row in labels() if row["painter"] == name} for name in ("Monet", "Van Gogh")]
        assert len(seen[0] & seen[1]) >= least


@pytest.mark.parametrize("folder, number", [("monet", 0), ("monet", 41), ("vangogh", 7), ("vangogh", 88)])
def test_a_sample_can_be_made_again(folder, number, tmp_path):
    """Equal bytes where NumPy and Pillow are the same; else a few strokes and JPEG's rounding differ.

    Two pictures by one painter differ by some 40 grey levels on average."""
    row = make_picture(folder, number, tmp_path)
    stored = labels()[[r["file"] for r in labels()].index(row[0])]
    assert [str(value) for value in row] == list(stored.values())
    name = f"{folder}/{number:03d}"
    difference = np.abs(pixels(tmp_path / f"paintings/{name}.jpg") - pixels(DATA / f"paintings/{name}.jpg"))
    assert difference.mean() < 1.5 and (difference > 32).mean() < .01
    masks = [pixels(root / f"masks/{name}.png") for root in (tmp_path, DATA)]
    assert (masks[0] != masks[1]).mean() < .005


def test_remake_makes_all_and_keeps_the_sheet(tmp_path, monkeypatch):
    import atelier.datasets as datasets
    monkeypatch.setattr(datasets, "CLASSES", {"monet": ("Monet", 2, 0), "vangogh": ("Van Gogh", 1, 1000)})
    (tmp_path / "paintings/old").mkdir(parents=True)
    (tmp_path / "paintings/README.md").write_text("the sheet")
    assert remake(tmp_path) == tmp_path / "paintings"
    made = {f.relative_to(tmp_path).as_posix() for f in tmp_path.rglob("*") if f.is_file()}
    assert made == {"paintings/monet/000.jpg", "paintings/monet/001.jpg", "paintings/vangogh/000.jpg",
                    "masks/monet/000.png", "masks/monet/001.png", "masks/vangogh/000.png", "masks/codes.txt",
                    "paintings/labels.csv", "paintings/SHA256SUMS", "paintings/README.md",
                    "contact_sheets/monet.jpg", "contact_sheets/vangogh.jpg"}
    assert (tmp_path / "paintings/README.md").read_text() == "the sheet"
    assert not (tmp_path / "paintings/old").exists()


def test_command_line_says_how_it_is_used():
    done = subprocess.run([sys.executable, "-m", "atelier.datasets", "paint"], text=True, capture_output=True)
    assert done.returncode == 1 and "usage: python -m atelier.datasets remake" in done.stderr


def test_data_sheet_shows_the_measured_table():
    sheet = (DATA / "paintings/README.md").read_text()
    assert '{{< cell nb="A_painting_data" label="difficulty" show="output" >}}' in sheet
    cell, = [cell for cell in read(ROOT / "nbs/A_painting_data.ipynb").cells if cell.id == "difficulty"]
    table = cell.outputs[0].data["text/markdown"].splitlines()[2:]
    errors = {line.split("|")[1].split(",")[0].strip(): float(line.split("|")[3].strip(" %")) for line in table}
    assert errors["colour histogram"] >= 18 and errors["texture statistics"] >= 18
    assert errors["ResNet-18 from scratch"] >= 18
    assert all(int(line.split("|")[2]) >= 10 for line in table)


def test_paintings_in_the_repository():
    assert paintings() == home() / "paintings" == DATA / "paintings"


def test_contact_sheet():
    assert contact_sheet(DATA / "paintings/monet", 60, 10, 50).size == (500, 300)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with two classes of pictures, named by ATELIER_PAINTINGS."""
    folder = tmp_path / "own"
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for k in range(3):
            Image.new("RGB", (40, 30), (60 * k, 99, 0)).save(folder / name / f"{k}.{'png' if k else 'jpg'}")
    monkeypatch.setenv("ATELIER_PAINTINGS", str(folder))
    return folder


def test_own_pictures_are_taken(own):
    (own / "dogs/._0.jpg").write_bytes(b"what macOS leaves beside a file, and fastai passes over")
    assert paintings() == own


def test_own_pictures_refusals(own, monkeypatch, tmp_path):
    def says(words):
        with pytest.raises(ValueError, match=words) as caught:
            paintings()
        assert "two folders of pictures" in str(caught.value)

    (own / "dogs/1.png").write_bytes(b"not a picture")
    says("picture dogs/1.png is no JPEG, PNG or WebP")
    whole = (own / "dogs/2.png").read_bytes()
    (own / "dogs/1.png").write_bytes(whole[:len(whole) // 2])
    says("picture dogs/1.png is not whole")
    for name in ("1.gif", "1.svg", "1.bmp"):  # fastai would take each, and torchvision or a service not
        (own / "dogs/1.png").rename(own / "dogs" / name)
        (own / "dogs" / name).write_bytes(b"GIF89a" + whole)
        says(f"picture dogs/{name} is no JPEG, PNG or WebP")
        (own / "dogs" / name).rename(own / "dogs/1.png")
    for file in (own / "dogs").iterdir():
        file.unlink()
    says("class dogs holds no pictures")
    (own / "dogs").rmdir()
    says("only one class, cats")
    monkeypatch.setenv("ATELIER_PAINTINGS", str(own / "cats"))
    says("holds no folder")
    monkeypatch.setenv("ATELIER_PAINTINGS", str(own / "cats/1.png"))
    says("which is a file")
    monkeypatch.setenv("ATELIER_PAINTINGS", str(tmp_path / "nowhere"))
    says("nowhere, which does not exist")


def test_real_paintings_are_taken(real, monkeypatch):
    monkeypatch.setenv("ATELIER_PAINTINGS", str(real / "painters"))
    assert paintings() == real / "painters"
    assert contact_sheet(real / "painters/monet").size == (1000, 600)


def test_paintings_and_weights_travel_in_the_wheel(tmp_path):
    """Build a wheel from a copy of the tracked parts, install it elsewhere, and ask it where the data is."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("atelier", "data"):
        (copy / name).symlink_to(ROOT / name)
    for name in ("pyproject.toml", "settings.ini", "setup.py", "README.md", "LICENSE", "LICENSES"):
        if (ROOT / name).exists():
            (copy / name).symlink_to(ROOT / name)
        elif name == "README.md":
            (copy / name).write_text("Atelier")
    target, environment = tmp_path / "site", os.environ | {"PYTHONNOUSERSITE": "1"}
    uv = [sys.executable, "-m", "uv", "pip"]
    install = [*uv, "install", "--python", sys.executable, "--no-deps", "--no-build-isolation", "--offline",
               "--target", str(target), str(copy)]
    done = subprocess.run(install, text=True, capture_output=True, timeout=600, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ask = ("import sys; sys.path.insert(0, sys.argv[1]); import atelier; from atelier.datasets import home, paintings;"
           "print(atelier.__file__); print(paintings()); print(len(list(paintings().rglob('*.jpg'))));"
           "print((home() / 'weights/resnet18.safetensors').stat().st_size)")
    environment.pop("ATELIER_PAINTINGS", None)
    done = subprocess.run([sys.executable, "-c", ask, str(target)], text=True, capture_output=True, timeout=300,
                          cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    package, folder, count, size = done.stdout.split()
    assert Path(package) == target / "atelier/__init__.py"
    assert Path(folder) == target / "atelier/data/paintings" and count == "154"
    assert int(size) == (ROOT / "data/weights/resnet18.safetensors").stat().st_size
