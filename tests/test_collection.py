"""What lies on the disk, whatever happened on the way: whole files, each once, versions of one work in a group."""

import os
import random
import resource
import signal
import subprocess
import threading
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
from conftest import wait_for
from museum_server import HASTY, PAINTED, bomb, check_whole, command, exhibit, opened_museums, visit
from PIL import Image, ImageOps

from atelier.collection import Collection, GroupSplitter, read_credits
from atelier.museums import MuseumError, download_paintings, search_paintings


@pytest.fixture
def museum():
    with opened_museums() as opening:
        yield opening


# Files

def test_wrong_checksum_is_fetched_again(museum, capsys, tmp_path):
    server = museum(*[exhibit(number) for number in range(6)])
    damaged, cut = visit(server, tmp_path)[:2]
    with Image.open(damaged) as image:
        ImageOps.mirror(image).save(damaged)
    cut.write_bytes(cut.read_bytes()[:999])
    for name in ("met-9.jpg.0a1b2c3d.part", "met-9.jpg.part"):
        (tmp_path / "claude-monet" / name).write_bytes(b"of a run that was killed")
    before = len(server.asked)
    assert len(visit(server, tmp_path)) == 6
    said = capsys.readouterr().out
    assert all(f"{file.name} is not the picture that CREDITS.csv describes" in said for file in (damaged, cut))
    assert {name for name in server.asked[before:] if name in server.exhibits} == {damaged.stem, cut.stem}
    check_whole(tmp_path, 6)


def test_foreign_credits_are_refused(museum, tmp_path):
    server, table = museum(exhibit(0)), tmp_path / "CREDITS.csv"
    visit(server, tmp_path)
    good, sentence = table.read_bytes(), "CREDITS.csv is not as this course wrote it; move it away"
    for other in (b"name,year\na,1\n", good.replace(b"256", b"", 1), good.replace(b"claude-monet/", b"../../"),
                  b"\xff\xfe"):
        table.write_bytes(other)
        with pytest.raises(MuseumError, match=sentence):
            visit(server, tmp_path)
        for reader in (Collection, lambda folder: GroupSplitter(folder / "CREDITS.csv")):
            with pytest.raises(ValueError, match=sentence):
                reader(tmp_path)


# Versions of one work

def changed(number, side=256, light=1.0, cut=0):
    with Image.open(PAINTED[number]) as image:
        image = image.crop((cut, cut, 256 - cut, 256 - cut)).resize((side, side)).point(lambda value: value * light)
        file = BytesIO()
        image.save(file, "JPEG", quality=80)
    return file.getvalue()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
def test_of_near_duplicates_the_largest_stays(museum, tmp_path, order):
    pictures = [changed(5, side=128), changed(5, side=200, light=0.7), changed(5)]
    server = museum(*[exhibit(place, "met", picture=pictures[k]) for place, k in enumerate(order)], exhibit(9, "met"))
    works = search_paintings("Claude Monet", server.museums("met"), manners=HASTY)
    for work in works:  # one after the other, so that the order is certain
        download_paintings([work], tmp_path, server.museums(), HASTY, progress=False)
    largest = f"met-{order.index(2)}.jpg"
    assert {file.name for file in tmp_path.glob("*/*.jpg")} == {largest, "met-9.jpg"}
    check_whole(tmp_path, 2)
    duplicates = {row["duplicate_of"] for row in read_credits(tmp_path / "CREDITS.csv")} - {""}
    assert duplicates == {f"claude-monet/{largest}"}
    before = len(server.asked)
    assert len(download_paintings(works, tmp_path, server.museums(), HASTY, progress=False)) == 2
    assert len(server.asked) == before, "a near-duplicate isn't fetched again"


def test_versions_share_a_group_and_a_side(museum, tmp_path):
    shows = [exhibit(number, "met") for number in range(20)]
    shows += [exhibit(20, "met", title="Haystacks (Evening)"), exhibit(21, "chicago", title="HAYSTACKS"),  # by title
              exhibit(22, "met", changes={"accessionNumber": "29.3"}),                                      # by number
              exhibit(23, "chicago", picture=changed(4, cut=15)),                                            # by look
              exhibit(24, "met", artist="Vincent van Gogh", title="Haystacks")]                  # another's haystacks
    server = museum(*shows)
    files = visit(server, tmp_path) + visit(server, tmp_path, "Vincent van Gogh")
    group = {Path(row["file"]).stem: row["group"] for row in read_credits(tmp_path / "CREDITS.csv")}
    assert len(files) == 25 and len(set(group.values())) == 22
    assert group["met-20"] == group["chicago-21"] != group["met-24"]
    assert group["met-22"] == group["met-3"] and group["chicago-23"] == group["met-4"]
    for seed in range(20):
        train, valid = GroupSplitter(tmp_path / "CREDITS.csv", seed=seed)(files)
        assert sorted(train + valid) == list(range(25)) and 3 <= len(valid) <= 8
        assert not {group[files[i].stem] for i in train} & {group[files[i].stem] for i in valid}
    assert GroupSplitter(tmp_path / "CREDITS.csv")(files) == GroupSplitter(tmp_path / "CREDITS.csv")(files)
    with pytest.raises(ValueError, match="other.jpg has no row"):
        GroupSplitter(tmp_path / "CREDITS.csv")([tmp_path / "claude-monet/other.jpg"])


# A hundred pictures, one request in five failing

def test_a_hundred_pictures_with_one_fault_in_five(museum, tmp_path):
    server = museum(*[exhibit(number, artist="Claude Monet" if number < 50 else "Vincent van Gogh")
                      for number in range(100)])
    luck = random.Random(1)
    kinds = ["404", "429", "500", "503", "reset", "cut", "stall", "truncated", "html", "bomb"]
    injected = {name: luck.choice(kinds) for name in luck.sample(sorted(server.exhibits), 20)}
    assert len(set(injected.values())) >= 8
    for name, fault in injected.items():
        server.faults[name] = [fault]
    bomb()
    broken, looks, done = [], 0, threading.Event()

    def watch():
        nonlocal looks
        while not done.is_set():
            for file in tmp_path.rglob("*.jpg"):
                try:
                    with Image.open(file) as image:
                        image.load()
                except FileNotFoundError:
                    continue
                except Exception as error:
                    broken.append(f"{file.name}: {error}")
                looks += 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for run in range(2):
            files = visit(server, tmp_path, "Claude Monet") + visit(server, tmp_path, "Vincent van Gogh")
            print(f"run {run + 1}: {len(files)} of 100 whole")
    finally:
        done.set()
        watcher.join()
    print(f"{looks} looks at pictures, {len(broken)} broken: {Counter(injected.values())}")
    assert len(files) == 100 and not broken and looks
    check_whole(tmp_path, 100)


# Stopped, killed, no room

def hear_ctrl_c():
    """A shell lets what it runs in the background ignore SIGINT, and so would whatever the tests start there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_ctrl_c_leaves_everything_whole(museum, tmp_path):
    server = museum(*[exhibit(number, "cleveland") for number in range(25)], delay=0.5)
    run = subprocess.Popen(command(server, tmp_path), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           preexec_fn=hear_ctrl_c)
    wait_for(lambda: len(list(tmp_path.glob("*/*.jpg"))) >= 5)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=10)
    assert run.returncode == 130 and "Interrupted. What is in" in out and "Traceback" not in out + err
    assert 5 <= len(list(tmp_path.glob("*/*.jpg"))) < 25
    check_whole(tmp_path)
    server.delay = 0
    assert len(visit(server, tmp_path)) == 25
    check_whole(tmp_path, 25)
    fetched = Counter(name for name in server.asked if name in server.exhibits)
    assert sum(fetched.values()) <= 25 + 4, "only what was under way was fetched twice"


def test_killed_at_any_moment(museum, tmp_path):
    """SIGKILL gives no time to clean up: no picture is broken or without a credit, and the next run completes."""
    server = museum(*[exhibit(number, "cleveland") for number in range(20)], delay=0.02)
    for pictures in (3, 12):
        run = subprocess.Popen(command(server, tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda least=pictures: len(list(tmp_path.glob("*/*.jpg"))) >= least)
        run.kill()
        run.wait()
        credits = {row["file"] for row in read_credits(tmp_path / "CREDITS.csv")}
        for file in tmp_path.glob("*/*.jpg"):
            assert file.relative_to(tmp_path).as_posix() in credits
            with Image.open(file) as image:
                image.load()
    assert len(visit(server, tmp_path)) == 20
    check_whole(tmp_path, 20)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of 256 KB, and a function that makes it larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        if os.environ.get("CI") and not os.geteuid():
            pytest.fail("root could not mount a tmpfs, so the full disk stays untested")
        pytest.skip("a full disk needs root and the right to mount a tmpfs")
    yield folder, lambda: subprocess.run(["mount", "-o", "remount,size=9m", str(folder)], check=True)
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk(museum, small_disk):
    disk, enlarge = small_disk
    server = museum(*[exhibit(number, "cleveland") for number in range(20)])
    done = subprocess.run(command(server, disk), text=True, capture_output=True)
    assert done.returncode == 1 and "could not be written: No space left on device" in done.stderr
    assert "claude-monet/cleveland-" in done.stderr and "Traceback" not in done.stderr
    there = len(list(disk.glob("*/*.jpg")))
    assert there >= 2
    check_whole(disk, there)
    enlarge()
    done = subprocess.run(command(server, disk), text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    check_whole(disk, 20)


def test_file_size_limit(museum, tmp_path):
    """The same for those who may not mount: no file may grow beyond a few kilobytes."""
    server = museum(*[exhibit(number, "cleveland") for number in range(6)])
    done = subprocess.run(command(server, tmp_path / "new"), text=True, capture_output=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    assert done.returncode == 1 and "could not be written: File too large" in done.stderr
    check_whole(tmp_path / "new", 0)
    assert len(visit(server, tmp_path / "new")) == 6


def test_a_folder_that_cannot_be_used(museum, tmp_path):
    server = museum(exhibit(1))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MuseumError, match="could not be written: Not a directory"):
        visit(server, tmp_path / "file")
