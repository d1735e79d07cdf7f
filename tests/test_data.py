"""The data set: what is there, whether it agrees with itself, and whether it can be made again."""
import csv
import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from atelier import datasets
from atelier.datasets import SETS, contact_sheet, exam, home, make_picture, paint_more, paintings, remake
from atelier.elements import CODES, LABELS, MOODS
from atelier.painting import BOLDEST
from atelier.results import read_results
from atelier.scenes import SUBJECTS

DATA = ROOT / "data"


@pytest.fixture(autouse=True)
def course_pictures(monkeypatch):
    monkeypatch.delenv("ATELIER_PAINTINGS", raising=False)


def labels(name="paintings"):
    with open(DATA / name / "labels.csv", newline="") as file:
        return list(csv.DictReader(file))


def pixels(file):
    with Image.open(file) as image:
        return np.asarray(image).astype(int)


@pytest.mark.parametrize("name", SETS)
def test_counts(name):
    for folder, (_, count, _) in SETS[name].items():
        names = [f"{number:03d}" for number in range(count)]
        assert sorted(f.stem for f in (DATA / name / folder).iterdir()) == names
        if name == "paintings":
            assert sorted(f.stem for f in (DATA / "masks" / folder).iterdir()) == names
    pictures = [f for f in (DATA / name).rglob("*") if f.suffix in (".jpg", ".png")]
    assert len(pictures) == {"paintings": 154, "exam": 600}[name], "get_image_files finds every picture below it"


def test_no_seed_is_used_twice():
    seeds = [range(first, first + count) for classes in SETS.values() for _, count, first in classes.values()]
    seeds += [range(first, first + 20_000) for _, first in datasets.MORE.values()]
    seeds.sort(key=lambda seeds: seeds.start)
    assert all(one.stop <= other.start for one, other in itertools.pairwise(seeds))


@pytest.mark.parametrize("name", SETS)
def test_checksums_hold_and_cover_everything(name):
    folder = DATA / name
    sums = [line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines()]
    for digest, file in sums:
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest, file
    assert len(sums) == {"paintings": 154 + 154 + 2, "exam": 600 + 1}[name]


@pytest.mark.parametrize("name", SETS)
def test_labels_agree_with_pictures_and_masks(name):
    rows = labels(name)
    files = {f.relative_to(DATA / name).as_posix() for f in (DATA / name).rglob("*.jpg")}
    assert {row["file"] for row in rows} == files and len(rows) == len(files)
    for row in rows:
        folder, file = row["file"].split("/")
        painter, _, first = SETS[name][folder]
        assert row["painter"] == painter and int(row["seed"]) == first + int(file[:3])
        assert row["subject"] in SUBJECTS and row["mood"] in MOODS and abs(float(row["boldness"])) <= BOLDEST
        assert row["horizon"] == "" or 0 < float(row["horizon"]) < 1
        sun = [row["sun_x"], row["sun_y"], row["sun_radius"]]
        assert all(sun) == any(sun)
        with Image.open(DATA / name / row["file"]) as picture:
            assert (picture.size, picture.mode, picture.format) == ((256, 256), "RGB", "JPEG")
        if name == "paintings":
            mask = pixels(DATA / "masks" / folder / file.replace("jpg", "png"))
            assert mask.shape == (256, 256) and mask.min() > 0 and mask.max() < len(LABELS)
            assert (mask == CODES["sun"]).any() == all(sun)
    assert (DATA / "masks/codes.txt").read_text().split("\n")[:-1] == list(LABELS)


@pytest.mark.parametrize("painter", ["Monet", "Van Gogh"])
@pytest.mark.parametrize("name", SETS)
def test_some_hands_are_on_the_other_painters_side(name, painter):
    bold = np.array([float(row["boldness"]) > 0 for row in labels(name) if row["painter"] == painter])
    assert .05 < (bold if painter == "Monet" else ~bold).mean() < .35


def test_both_painters_share_subjects_and_moods():
    for column, least in (("subject", 13), ("mood", 8)):
        seen = [{row[column] for row in labels() if row["painter"] == name} for name in ("Monet", "Van Gogh")]
        assert len(seen[0] & seen[1]) >= least


@pytest.mark.parametrize("name, folder, number", [("paintings", "monet", 0), ("paintings", "monet", 41),
                                                  ("paintings", "vangogh", 7), ("paintings", "vangogh", 88),
                                                  ("exam", "monet", 299), ("exam", "vangogh", 0)])
def test_a_sample_can_be_made_again(name, folder, number, tmp_path):
    """Equal bytes where NumPy and Pillow are the same; else a few strokes and JPEG's rounding differ.

    Two pictures by one painter differ by some 40 grey levels on average."""
    painter, _, first = SETS[name][folder]
    new, mask = tmp_path / folder / f"{number:03d}.jpg", tmp_path / "mask.png"
    row = make_picture(painter, first + number, new, mask)
    stored = labels(name)[[r["file"] for r in labels(name)].index(row[0])]
    assert [str(value) for value in row] == list(stored.values())
    difference = np.abs(pixels(new) - pixels(DATA / name / row[0]))
    assert difference.mean() < 1.5 and (difference > 32).mean() < .01
    if name == "paintings":
        assert (pixels(mask) != pixels(DATA / f"masks/{folder}/{number:03d}.png")).mean() < .005


FEW = {"paintings": {"monet": ("Monet", 2, 0), "vangogh": ("Van Gogh", 1, 1000)}, "exam": {"monet": ("Monet", 1, 5)}}


def test_remake_makes_all_and_keeps_the_sheets(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "SETS", FEW)
    (tmp_path / "paintings/old").mkdir(parents=True)
    (tmp_path / "paintings/README.md").write_text("the sheet")
    assert remake(tmp_path) == [tmp_path / "paintings", tmp_path / "exam"]
    made = {f.relative_to(tmp_path).as_posix() for f in tmp_path.rglob("*") if f.is_file()}
    assert made == {"paintings/monet/000.jpg", "paintings/monet/001.jpg", "paintings/vangogh/000.jpg",
                    "masks/monet/000.png", "masks/monet/001.png", "masks/vangogh/000.png", "masks/codes.txt",
                    "paintings/labels.csv", "paintings/SHA256SUMS", "paintings/README.md",
                    "exam/monet/000.jpg", "exam/labels.csv", "exam/SHA256SUMS",
                    "contact_sheets/monet.jpg", "contact_sheets/vangogh.jpg"}
    assert (tmp_path / "paintings/README.md").read_text() == "the sheet"
    assert not (tmp_path / "paintings/old").exists()


def test_a_remake_that_breaks_off_leaves_the_old_data(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "SETS", FEW)
    remake(tmp_path)
    before = {f: f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()}
    monkeypatch.setattr(datasets, "SETS", FEW | {"exam": {"monet": ("Renoir", 1, 0)}})
    with pytest.raises(ValueError, match="unknown painter 'Renoir'"):
        remake(tmp_path)
    assert {f: f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()} == before


@pytest.fixture
def small_blocks(monkeypatch, tmp_path):
    """Blocks of two and two pictures, in a cache of the test's own."""
    monkeypatch.setattr(datasets, "BLOCK", 2)
    monkeypatch.setattr(datasets, "on_all_cores", lambda function, jobs, _: [function(*job) for job in jobs])
    monkeypatch.setenv("ATELIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/paintings"


def stamps(files):
    return {file: file.stat().st_mtime_ns for file in files}


def test_more_pictures_are_painted_once(small_blocks):
    files = paint_more(3)
    assert [f.parent.name for f in files] == ["monet"] * 3 + ["vangogh"] * 3
    assert len({f.read_bytes() for f in files}) == 6
    before = stamps(files)
    assert paint_more(3) == files and paint_more(4)[:3] == files[:3] and stamps(files) == before
    seeds = [int(row["seed"]) for block in ("000", "001") for row in labels(small_blocks / block)]
    assert seeds == [40_000, 40_001, 1_040_000, 1_040_001, 40_002, 40_003, 1_040_002, 1_040_003]


def test_painting_more_that_breaks_off_leaves_whole_blocks_only(small_blocks, monkeypatch):
    def break_off(painter, seed, *files):
        if seed == 1_040_003:
            raise KeyboardInterrupt
        return make_picture(painter, seed, *files)
    monkeypatch.setattr(datasets, "make_picture", break_off)
    with pytest.raises(KeyboardInterrupt):
        paint_more(4)
    assert sorted(f.name for f in small_blocks.iterdir()) == ["000", "engine.txt"]
    monkeypatch.undo()
    monkeypatch.setattr(datasets, "BLOCK", 2)
    first = stamps((small_blocks / "000").rglob("*.jpg"))
    assert len(paint_more(4, small_blocks.parent)) == 8 and stamps(first) == first


def test_two_processes_may_paint_the_same_block(small_blocks):
    """Which of two readers of one cache is first does not matter to either."""
    program = ("import sys; from pathlib import Path; from atelier import datasets; datasets.BLOCK = 2\n"
               "cache = Path(sys.argv[1]); datasets.same_engine(cache); datasets.make_block(cache / '000')")
    both = [subprocess.Popen([sys.executable, "-c", program, small_blocks], stderr=subprocess.PIPE) for _ in range(2)]
    assert [p.communicate(timeout=300)[1] for p in both] == [b"", b""] and [p.returncode for p in both] == [0, 0]
    assert sorted(f.name for f in small_blocks.iterdir()) == ["000", "engine.txt"]


def test_a_cache_of_another_engine_is_painted_anew(small_blocks, capsys):
    files = paint_more(1)
    files[0].write_bytes(b"as another engine painted it")
    (small_blocks / "engine.txt").write_text("another")
    assert paint_more(1) == files and pixels(files[0]).shape == (256, 256, 3)
    assert "is painted anew: another version of the engine painted it" in capsys.readouterr().out


@pytest.mark.parametrize("n, error, said", [(0, ValueError, "from 1 to 20000, not 0"), (20_001, ValueError, "20001"),
                                            (2.5, TypeError, "a whole number, not 2.5"), (True, TypeError, "True")])
def test_how_many_more_cannot_be_painted(n, error, said, small_blocks):
    with pytest.raises(error, match=said):
        paint_more(n)
    assert not small_blocks.exists()


def test_command_line_says_how_it_is_used():
    done = subprocess.run([sys.executable, "-m", "atelier.datasets", "paint"], text=True, capture_output=True)
    assert done.returncode == 1 and "usage: python -m atelier.datasets remake" in done.stderr


def test_data_sheet_shows_the_measured_table():
    sheet = (DATA / "paintings/README.md").read_text()
    assert '{{< cell nb="A_painting_data" label="difficulty" show="output" >}}' in sheet
    results = read_results("A_painting_data-contest")
    tuned = results["exam", "fine-tuned", "error"]
    assert .05 <= tuned.value <= .11, "hard enough that there are mistakes to look at, and far from a coin"
    rivals = {way for _, way, _ in results} - {"fine-tuned"}
    assert rivals == {"from scratch", "colour histogram", "texture statistics", "both"}
    for way in rivals:
        more = results["exam", way, "more than fine-tuned"]
        assert more.value - 1.96 * more.standard_error > 0, way
    assert results["exam", "from scratch", "error"].value >= 2 * tuned.value


def test_paintings_in_the_repository():
    assert paintings() == home() / "paintings" == DATA / "paintings"
    assert exam() == DATA / "exam"


def test_the_exam_of_own_pictures(own, monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="name other pictures of the same kind in ATELIER_EXAM"):
        exam()
    monkeypatch.setenv("ATELIER_EXAM", str(own))
    assert exam() == own
    monkeypatch.setenv("ATELIER_EXAM", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="ATELIER_EXAM names .*nowhere, which does not exist"):
        exam()


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
