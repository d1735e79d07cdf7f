"""What lies on the disk, whatever happened on the way: whole files, each once, versions of one work in a group."""

import csv
import os
import pickle
import random
import resource
import signal
import subprocess
import sys
from collections import Counter
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import wait_for
from museum_server import (
    PAINTED,
    bomb,
    catalogue,
    check_whole,
    command,
    exhibit,
    heard,
    many_pictures,
    opened_museums,
    visit,
)
from PIL import Image, ImageOps

from atelier.collection import Collection, GroupSplitter, group, read_credits
from atelier.museums import MuseumError, download_paintings, read_picture, search_paintings
from atelier.sources import MET, Work


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
    said = heard(capsys)
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


def test_credits_of_the_first_edition_are_read(museum, tmp_path):
    """They had two columns less."""
    server = museum(*[exhibit(number, "commons") for number in range(4)])
    visit(server, tmp_path, n=3)
    with open(tmp_path / "CREDITS.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["collection"], row["wikidata"]
    with open(tmp_path / "CREDITS.csv", "w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    before = len(server.asked)
    assert len(visit(server, tmp_path)) == 4
    assert len([name for name in server.asked[before:] if name in server.exhibits]) == 1
    assert {row["wikidata"] for row in read_credits(tmp_path / "CREDITS.csv")} == {"", "Q1003"}


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
    works = search_paintings("Claude Monet", [MET], manners=server.manners())
    for work in works:
        download_paintings([work], tmp_path, manners=server.manners(), progress=False)
    largest = f"met-{order.index(2)}.jpg"
    assert {file.name for file in tmp_path.glob("*/*.jpg")} == {largest, "met-9.jpg"}
    check_whole(tmp_path, 2)
    duplicates = {row["duplicate_of"] for row in read_credits(tmp_path / "CREDITS.csv")} - {""}
    assert duplicates == {f"claude-monet/{largest}"}
    before = len(server.asked)
    assert len(download_paintings(works, tmp_path, progress=False)) == 2
    assert len(server.asked) == before, "a near-duplicate isn't fetched again"


def test_versions_share_a_group_and_a_side(museum, tmp_path):
    shows = [exhibit(number, "met") for number in range(20)]
    shows += [exhibit(20, "met", title="Haystacks (Evening)"), exhibit(21, "cleveland", title="HAYSTACKS"),  # by title
              exhibit(22, "met", changes={"accessionNumber": "29.3"}),                                      # by number
              exhibit(23, "cleveland", picture=changed(4, cut=15)),                                          # by look
              exhibit(24, "met", artist="Vincent van Gogh", title="Haystacks")]                  # another's haystacks
    server = museum(*shows)
    files = visit(server, tmp_path) + visit(server, tmp_path, "Vincent van Gogh")
    groups = {Path(row["file"]).stem: row["group"] for row in read_credits(tmp_path / "CREDITS.csv")}
    assert len(files) == 25 and len(set(groups.values())) == 22
    assert groups["met-20"] == groups["cleveland-21"] != groups["met-24"]
    assert groups["met-22"] == groups["met-3"] and groups["cleveland-23"] == groups["met-4"]
    for seed in range(20):
        train, valid = GroupSplitter(tmp_path / "CREDITS.csv", seed=seed)(files)
        assert sorted(train + valid) == list(range(25)) and 3 <= len(valid) <= 8
        assert not {groups[files[i].stem] for i in train} & {groups[files[i].stem] for i in valid}
    assert GroupSplitter(tmp_path / "CREDITS.csv")(files) == GroupSplitter(tmp_path / "CREDITS.csv")(files)
    with pytest.raises(ValueError, match="other.jpg has no row"):
        GroupSplitter(tmp_path / "CREDITS.csv")([tmp_path / "claude-monet/other.jpg"])


def test_one_item_of_wikidata_is_one_group():
    """Of two sources that were visited on different days, each with its own title and photograph."""
    rows = [dict(file=f"a/{museum}-{k}.jpg", museum=museum, number="", title=f"{museum} {k}", artist="Claude Monet",
                 collection="", wikidata=item, hash=f"{0x0123456789abcdef * (3 + 2*k) % 2**64:016x}")
            for k, (museum, item) in enumerate([("commons", "Q1"), ("met", "Q1"), ("met", ""), ("cleveland", "")])]
    group(rows)
    assert [row["group"] for row in rows] == ["0", "0", "1", "2"]


def test_a_number_belongs_to_the_museum_that_owns_the_work():
    """Commons shows the works of many museums, and each museum has its own number 1."""
    rows = [dict(file=f"a/{museum}-{k}.jpg", museum=museum, number="1", title="Untitled", artist="Claude Monet",
                 collection=owner, wikidata="", hash=f"{0x0123456789abcdef * (3 + 2*k) % 2**64:016x}")
            for k, (museum, owner) in enumerate([("commons", "Musée d'Orsay"), ("commons", "The Art Institute"),
                                                 ("met", "The Art Institute"), ("met", "")])]
    group(rows)
    assert [row["group"] for row in rows] == ["0", "1", "1", "2"], "and untitled works are not one work"


# A hundred of each, one request in five failing

def a_full_house():
    """Commons with the Monets and Van Goghs that Wikidata had, some of them of no use; The Met with 30 of each."""
    shows, pictures = [], iter(many_pictures(332 + 60))
    for number, (item, title, year, artist, oil) in enumerate(catalogue()):
        changes = {"fame": 200 - number % 200, "date": (f"+{year}-00-00T00:00:00Z", 9), "number": f"C.{number}"}
        changes |= {"material": None} if not oil else {}
        changes |= {3: {"licence": "cc-by-sa-4.0"}, 7: {"missing": True}, 11: {"qualifier": "P1773"},
                    13: {"size": (9000, 2000)}}.get(number % 17, {})
        shows.append(exhibit(number, "commons", item=item, artist=artist, title=title, picture=next(pictures),
                             changes=changes))
    for number in range(60):
        artist = ("Claude Monet", "Vincent van Gogh")[number % 2]
        known = [show.item for show in shows if show.artist == artist and show.museum == "commons"]
        shows.append(exhibit(1000 + number, "met", artist=artist, title=f"Study {number}", picture=next(pictures),
                             item=known[number] if number % 3 == 0 else f"Q5{number:05}"))
    return shows


def test_a_hundred_of_each_with_one_fault_in_five(museum, tmp_path, capsys):
    """All whole, none twice, none unfree; and the server's log shows how often and how fast each source was asked."""
    server, luck = museum(*a_full_house()), random.Random(1)
    bomb()
    kinds = ["429", "429 bare", "500", "503", "reset", "cut", "truncated", "html", "404"] * 4 + ["stall", "bomb"]
    names = [*server.exhibits, *(f"{name} record" for name in server.exhibits if name.startswith("met"))]
    injected = {name: luck.choice(kinds) for name in luck.sample(names, len(names) // 5)}
    for name, fault in injected.items():
        server.faults[name] = [fault]
    server.faults |= {"commons query": ["429"], "commons files": ["maxlag", None, "429 bare"],
                      "met search": ["firewall"]}
    files = {}
    for artist in ("Claude Monet", "Vincent van Gogh"):
        files[artist] = visit(server, tmp_path, artist, timeout=3)  # for those that stall
        assert len(files[artist]) == len(set(files[artist])) == 100, heard(capsys)
    check_whole(tmp_path, 200)
    rows = read_credits(tmp_path / "CREDITS.csv")
    assert len(rows) == 200 and {row["licence"] for row in rows} == {"Public domain", "CC0 1.0"}
    assert len({row["wikidata"] for row in rows}) == 200 and not any(row["duplicate_of"] for row in rows)
    unfit = [show.name for show in server.exhibits.values()
             if not {"licence", "missing", "qualifier", "material"}.isdisjoint(show.changes)]
    assert len(unfit) > 50 and not set(unfit) & set(server.asked), "no picture of these was asked for"

    by_source = Counter(entry.source for entry in server.log)
    kept = Counter(row["museum"] for row in rows)
    for source, count in by_source.items():
        moments = [entry.time for entry in server.log if entry.source == source]
        gaps = [later - earlier for earlier, later in pairwise(moments)]
        assert min(gaps) >= 1, f"{source}: a second between any two"
        print(f"{source}: {count} requests for {kept[source]} pictures, over {moments[-1] - moments[0]:.0f} s; "
              f"shortest gap {min(gaps):.2f} s")
    asked_twice = sum(count - 1 for name, count in Counter(server.asked).items() if name in injected)
    look_ups = server.asked.count("commons files") + server.asked.count("commons query")
    tried = sum(1 for name in injected if name in server.asked)
    assert by_source["commons"] <= kept["commons"] + look_ups + tried, "nothing was asked for without need"
    assert asked_twice <= tried and tried > 30
    for entry, later in pairwise(server.log):
        fault = injected.get(entry.name)
        if fault == "429" and later.host == entry.host and server.asked.index(entry.name) == server.log.index(entry):
            assert later.time - entry.time >= 9, "the rest that was asked for"


# Stopped, killed, no room

def hear_ctrl_c():
    """A shell lets what it runs in the background ignore SIGINT, and so would whatever the tests start there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_ctrl_c_leaves_everything_whole(museum, tmp_path):
    server = museum(*[exhibit(number, "cleveland") for number in range(25)], delay=0.2)
    run = subprocess.Popen(command(server, tmp_path, "--n", "25"), text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, preexec_fn=hear_ctrl_c)
    wait_for(lambda: len(list(tmp_path.glob("*/*.jpg"))) >= 5)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=10)
    assert run.returncode == 130 and "Interrupted. What is in" in out and "Traceback" not in out + err
    assert 5 <= len(list(tmp_path.glob("*/*.jpg"))) < 25
    check_whole(tmp_path)
    wait_for(lambda: not server.inside)
    server.delay = 0
    assert len(visit(server, tmp_path)) == 25
    check_whole(tmp_path, 25)
    fetched = Counter(name for name in server.asked if name in server.exhibits)
    assert sum(fetched.values()) <= 25 + 1, "only what was under way was fetched twice"


def test_killed_at_any_moment(museum, tmp_path):
    """SIGKILL gives no time to clean up: no picture is broken or without a credit, and the next run completes."""
    server = museum(*[exhibit(number, "cleveland") for number in range(20)], delay=0.02)
    for pictures in (3, 12):
        run = subprocess.Popen(command(server, tmp_path, "--n", "20"), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
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


KILLED_AT_THE_RENAME = """import os, pickle, signal, sys
from pathlib import Path
from atelier.collection import Collection
folder, *deliveries = pickle.load(sys.stdin.buffer)
replace, renamed = os.replace, []
def killed(source, target):
    renamed.append(Path(target).suffix)
    if renamed.count('.jpg') == 2: os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
os.replace = killed
collection = Collection(folder)
for work, picture in deliveries: collection.add(work, picture)"""


def test_killed_before_a_larger_twin_has_its_name(tmp_path):
    """The smaller one says already that the larger one took its place: it stays, and the larger one comes again."""
    works = [Work("met", str(k), f"29.{k}", "Pond", "Claude Monet", "", "", "", "", "") for k in range(2)]
    small, large = [(work, read_picture(changed(5, side=side))) for work, side in zip(works, (128, 256), strict=True)]
    run = subprocess.run([sys.executable, "-c", KILLED_AT_THE_RENAME], input=pickle.dumps([tmp_path, small, large]))
    assert run.returncode == -signal.SIGKILL
    rows = {row["file"]: row["duplicate_of"] for row in read_credits(tmp_path / "CREDITS.csv")}
    assert rows == {"claude-monet/met-0.jpg": "claude-monet/met-1.jpg", "claude-monet/met-1.jpg": ""}, "the moment"
    collection = Collection(tmp_path)
    assert collection.has(small[0]) and not collection.has(large[0])
    assert [file.name for file in collection.pictures("Claude Monet")] == ["met-0.jpg"]
    collection.add(*large)
    assert [file.name for file in Collection(tmp_path).pictures("Claude Monet")] == ["met-1.jpg"]
    assert collection.has(small[0]), "as a near-duplicate"
    check_whole(tmp_path, 1)


def test_numbers_of_a_new_museum_need_not_be_digits(tmp_path):
    work = Work("rijks", "SK-A-1.b", "SK-A-1", "Pond", "Claude Monet", "", "", "", "", "")
    Collection(tmp_path).add(work, read_picture(changed(5)))
    assert Collection(tmp_path).has(work)


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
    done = subprocess.run(command(server, disk, "--n", "20"), text=True, capture_output=True)
    assert done.returncode == 1 and "could not be written: No space left on device" in done.stderr
    assert "claude-monet/cleveland-" in done.stderr and "Traceback" not in done.stderr
    there = len(list(disk.glob("*/*.jpg")))
    assert there >= 2
    check_whole(disk, there)
    enlarge()
    done = subprocess.run(command(server, disk, "--n", "20"), text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    check_whole(disk, 20)


def test_file_size_limit(museum, tmp_path):
    """The same for those who may not mount: no file may grow beyond a few kilobytes."""
    server = museum(*[exhibit(number, "cleveland") for number in range(6)])
    done = subprocess.run(command(server, tmp_path / "new", "--n", "6"), text=True, capture_output=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    assert done.returncode == 1 and "could not be written: File too large" in done.stderr
    check_whole(tmp_path / "new", 0)
    assert len(visit(server, tmp_path / "new")) == 6


def test_a_folder_that_cannot_be_used(museum, tmp_path):
    server = museum(exhibit(1))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MuseumError, match="could not be written: (Not a directory|File exists)"):
        visit(server, tmp_path / "file")
