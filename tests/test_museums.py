"""Paintings from museums, against a server on this machine that speaks their APIs and misbehaves on demand."""

import csv
import os
import subprocess
import time
from collections import Counter
from io import BytesIO
from itertools import pairwise

import pytest
from museum_server import HASTY, MuseumServer, bomb, check_whole, command, exhibit, opened_museums, visit
from PIL import Image

from atelier import museums
from atelier.collection import read_credits
from atelier.datasets import paintings
from atelier.museums import (
    MUSEUMS,
    MuseumError,
    Work,
    download_paintings,
    read_picture,
    retry_after,
    search_paintings,
)

NAMES = [museum.name for museum in MUSEUMS]


@pytest.fixture
def museum():
    with opened_museums() as opening:
        yield opening


# Search

def test_search_reads_all_three_apis(museum):
    server = museum(*[exhibit(number) for number in range(7)])
    works = search_paintings("claude MONET", server.museums(), manners=HASTY)
    assert [work.museum for work in works] == ["chicago", "met", "cleveland"] * 2 + ["chicago"]
    assert works[1] == Work("met", 1, "29.1", "Study 1", "Claude Monet", "1874", "CC0 1.0", "Bequest of Ben Test",
                            "http://127.0.0.1/1", f"{server.address}/met/pictures/met-1")
    assert works[0].picture_url == f"{server.address}/chicago/pictures/chicago-0/full/843,/0/default.jpg"
    assert works[2].number == "1958.2" and works[2].credit == "Gift of Cy Test"
    assert len(search_paintings("Claude Monet", server.museums(), n=4, manners=HASTY)) == 4


def test_only_free_oil_paintings_by_the_artist(museum):
    wrong = {
        "chicago": [{"is_public_domain": False}, {"artwork_type_title": "Print"}, {"medium_display": "Pastel on foil"},
                    {"artist_display": "Follower of Claude Monet\nFrench"}, {"artist_display": "Édouard Manet"},
                    {"image_id": ""}],
        "met": [{"isPublicDomain": False}, {"classification": "Prints"}, {"medium": "Watercolor"},
                {"artistPrefix": "Attributed to"}, {"artistDisplayName": "Copy after Claude Monet"},
                {"primaryImage": "", "primaryImageSmall": ""}],
        "cleveland": [{"share_license_status": "Copyrighted"}, {"type": "Drawing"}, {"technique": "graphite"},
                      {"creators": []}, {"creators": [{"description": "Claude Monet", "role": "artist",
                                                       "qualifier": "attributed to"}]},
                      {"creators": [{"description": "after Claude Monet (French)", "role": "artist"}]}]}
    server = museum(*[exhibit(number, name, changes=changes) for name in wrong
                      for number, changes in enumerate([{}, *wrong[name]])])
    works = search_paintings("Claude Monet", server.museums(), manners=HASTY)
    assert [work.name for work in works] == ["chicago-0", "met-0", "cleveland-0"]


@pytest.mark.parametrize("asked", ["Édouard Manet", "Edouard Manet", "EDOUARD  MANET"])
def test_accents(museum, asked, tmp_path):
    server = museum(exhibit(0, artist="Édouard Manet"), exhibit(1, artist="Edouard Manet"))
    files = visit(server, tmp_path, asked)
    assert [file.parent.name for file in files] == ["edouard-manet"] * 2
    assert [row["artist"] for row in read_credits(tmp_path / "CREDITS.csv")].count("Édouard Manet") == 1


def test_many_pages(museum):
    count = {"chicago": 230, "met": 40, "cleveland": 230}
    server = museum(*[exhibit(number, name) for name in NAMES for number in range(count[name])])
    works = search_paintings("Claude Monet", server.museums(), manners=HASTY)
    assert Counter(work.museum for work in works) == count and len(set(works)) == 500


def test_nothing_found(museum, capsys, tmp_path):
    server = museum()
    assert list(search_paintings("Nobody Known", server.museums(), manners=HASTY)) == []
    assert capsys.readouterr().out == ""
    with pytest.raises(ValueError, match="full name"):
        search_paintings(" … ", server.museums())


@pytest.mark.parametrize("name, missing", [("chicago", "image_id"), ("met", "title"), ("cleveland", "creators")])
def test_missing_field_names_the_record(museum, capsys, name, missing):
    server = museum(exhibit(11, name, changes={missing: None}), exhibit(12, name))
    works = search_paintings("Claude Monet", server.museums(), manners=HASTY)
    said = capsys.readouterr().out
    assert [work.number for work in works] == [works[0].number] and works[0].object_id == 12
    assert "object 11" in said and repr(missing) in said and "left out" in said


@pytest.mark.parametrize("fault, words", [
    ("500", "gave the error 500"), ("404", "gave the error 404"), ("html", "not JSON"), ("reset", "broke off"),
    ("stall", "stalled"), ("429 hour", "left alone for 3600 s")])
def test_one_museum_failing_does_not_stop_the_others(museum, capsys, fault, words):
    server = museum(*[exhibit(number) for number in range(6)])
    server.faults["cleveland search"] = [fault] * 9
    works = search_paintings("Claude Monet", server.museums(), manners=HASTY)
    said = capsys.readouterr().out
    assert Counter(work.museum for work in works) == {"chicago": 2, "met": 2}
    assert "The Cleveland Museum of Art" in said and words in said
    if fault == "429 hour":
        assert server.asked.count("cleveland search") == 1, "a museum that asks for an hour's rest gets it"


def test_unexpected_shapes_are_a_sentence(museum, capsys):
    server = museum(exhibit(0), exhibit(1))
    server.faults["chicago search"] = [lambda guard: guard.answer(b'{"data": null}', "application/json")]
    server.faults["met search"] = [lambda guard: guard.answer(b"[]", "application/json")]
    server.faults["cleveland search"] = [lambda guard: guard.answer(b'{"data": ["x"], "info": {"total": 1}}', "")]
    assert not search_paintings("Claude Monet", server.museums(), manners=HASTY)
    said = capsys.readouterr().out
    assert all(museum.title in said for museum in MUSEUMS) and said.count("documentation") == 3


def test_a_met_object_that_fails_is_named_and_left_out(museum, capsys):
    server = museum(*[exhibit(number, "met") for number in range(4)])
    server.faults["met-2 record"] = ["404"]
    assert [work.object_id for work in search_paintings("Claude Monet", server.museums(), manners=HASTY)] == [0, 1, 3]
    assert "object 2" in capsys.readouterr().out


def test_no_network_at_all():
    with pytest.raises(MuseumError, match="No museum answered. Is there a network connection"):
        with MuseumServer([]) as server:
            closed = server.museums()
        search_paintings("Claude Monet", closed, manners=HASTY)


# Manners

def test_retry_after_is_obeyed_by_the_whole_museum(museum, tmp_path):
    server = museum(*[exhibit(number, "met") for number in range(6)])
    works = search_paintings("Claude Monet", server.museums(), manners=HASTY)
    server.faults["met-0"] = ["429"]
    before = len(server.asked)
    download_paintings(works, tmp_path, server.museums(), HASTY, progress=False)
    check_whole(tmp_path, 6)
    moments = sorted(server.times[before:])
    pause = max(later - earlier for earlier, later in pairwise(moments))
    assert pause > 0.9, "no other picture was asked for meanwhile"


def test_retry_after_reads_numbers_and_dates():
    from email.utils import formatdate
    assert retry_after("7") == 7 and retry_after("") == retry_after("soon") == retry_after("-3") == 0
    assert 500 < retry_after(formatdate(time.time() + 600, usegmt=True)) <= 600
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


def test_gap_between_requests(museum, tmp_path):
    server = museum(*[exhibit(number, "met") for number in range(4)])
    slow, start = [museums.replace(museum, gap=0.5) for museum in server.museums("met")], time.monotonic()
    search_paintings("Claude Monet", slow, manners=HASTY)
    assert time.monotonic() - start >= 0.5*(len(server.times) - 1)


def test_a_museum_that_always_fails_is_left_alone(museum, capsys, tmp_path):
    server = museum(*[exhibit(number, "met") for number in range(40)])
    works = search_paintings("Claude Monet", server.museums(), manners=HASTY)
    for work in works:
        server.faults[work.name] = ["403"]
    before = len(server.asked)
    assert not download_paintings(works, tmp_path, server.museums(), HASTY, progress=False)
    assert len(server.asked) - before < 12
    assert "is left alone after" in capsys.readouterr().out


# Pictures

FAULTS = [  # what the picture's server does, how often, what is said, whether a second run is needed
    ("404", 1, "gave the error 404", True), ("429", 1, None, False), ("429 date", 1, None, False),
    ("429 hour", 1, "asks to be left alone for", True), ("500", 2, None, False),
    ("500", 9, "gave the error 500", True),
    ("reset", 1, None, False), ("reset", 9, "broke off in the middle", True),
    ("cut", 9, "broke off in the middle", True),
    ("stall", 1, None, False), ("stall", 4, "stalled for 0.3 s", True), ("drip", 4, "was not whole after 0.6 s", True),
    ("truncated", 1, None, False), ("truncated", 4, "is not whole", True),
    ("html", 4, "is no JPEG, PNG or WebP", True), ("bomb", 1, "more than 40 million pixels", True),
    ("large", 1, "is larger than 32 MB", True)]


@pytest.mark.parametrize("fault, times, words, again", FAULTS, ids=lambda value: str(value))
def test_faults_of_a_picture(museum, capsys, tmp_path, fault, times, words, again):
    server = museum(*[exhibit(number) for number in range(6)])
    server.faults["met-4"] = [fault] * times
    bomb()  # made before anyone waits for it
    files = visit(server, tmp_path)
    said = capsys.readouterr().out
    check_whole(tmp_path, 5 if again else 6)
    assert len(files) == (5 if again else 6)
    if again:
        assert words in said and ("met-4, 'Study 4'" in said or "The Metropolitan" in said)
        server.faults["met-4"], before = [], len(server.asked)
        assert len(visit(server, tmp_path)) == 6
        check_whole(tmp_path, 6)
        # Perhaps asked twice, on a slow machine: no other is asked again.
        assert {name for name in server.asked[before:] if "search" not in name and "record" not in name} == {"met-4"}
    else:
        assert said == ""


def test_what_is_kept_of_a_picture():
    def body(mode, size, kind, **options):
        file = BytesIO()
        Image.effect_noise(size, 60).convert(mode).save(file, kind, **options)
        return file.getvalue()

    rotated = Image.Exif()
    rotated[0x112], rotated[0x010f] = 6, "a camera"
    picture = read_picture(body("L", (1200, 800), "JPEG", exif=rotated))
    assert (picture.width, picture.height) == (512, 768)
    with Image.open(BytesIO(picture.data)) as kept:
        assert kept.mode == "RGB" and kept.format == "JPEG" and not kept.getexif()
    for mode, kind in (("CMYK", "JPEG"), ("P", "PNG"), ("RGBA", "PNG"), ("RGB", "WEBP"), ("1", "PNG")):
        assert read_picture(body(mode, (90, 70), kind))[1:3] == (90, 70)
    for size in ((20, 20), (3000, 40)):
        with pytest.raises(MuseumError, match="no picture to learn from"):
            read_picture(body("RGB", size, "PNG"))


# The command line

def test_command_line_makes_a_folder_for_every_lesson(museum, tmp_path, monkeypatch):
    server = museum(*[exhibit(number, ("met", "cleveland")[number % 2], artist=artist)
                      for number, artist in enumerate(["Claude Monet", "Claude Monet", "Vincent van Gogh"] * 3)])
    done = subprocess.run(command(server, tmp_path, "--n", "4", "--contact", "ada@example.org", "Vincent van Gogh"),
                          text=True, capture_output=True)
    assert done.returncode == 0 and "Claude Monet: 4 of 4 works" in done.stdout, done.stderr
    assert any("ada@example.org" in agent for agent in server.agents)
    check_whole(tmp_path, 7)
    monkeypatch.setenv("ATELIER_PAINTINGS", str(tmp_path))
    assert paintings() == tmp_path
    with open(tmp_path / "CREDITS.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7 and all(row[key] for row in rows for key in ("museum", "title", "licence", "credit", "group"))


@pytest.mark.parametrize("arguments, code, words", [
    (["Claude Monet"], 1, "met-1, 'Study 1': its picture gave the error 404"),
    (["Claude Monet"], 1, "Claude Monet: 1 of 2 works are in pictures; missing: 1, so run the same again"),
    (["Nobody Known"], 1, "Nobody Known: no free oil painting found. Is this the full name"),
    ([""], "artist must be a full name", ""),
    (["Claude Monet", "--museum", "louvre"], 2, "unknown museum 'louvre': choose from chicago, met, cleveland"),
    (["Claude Monet", "--n", "0"], 2, "--n must be at least 1"), ([], 2, "usage: python -m atelier.museums")])
def test_command_line_speaks_in_sentences(museum, tmp_path, monkeypatch, capsys, arguments, code, words):
    server = museum(exhibit(1), exhibit(2))
    server.faults["met-1"] = ["404"]
    monkeypatch.chdir(tmp_path)
    try:
        status = museums.main([*arguments, *command(server, "pictures")[4:]])
    except SystemExit as exit:
        status = exit.code
    assert code in status if isinstance(code, str) else status == code
    assert words in "".join(capsys.readouterr())


# The real ones

@pytest.mark.skipif(not os.environ.get("ATELIER_ONLINE"), reason="set ATELIER_ONLINE=1 to ask the real museums")
@pytest.mark.parametrize("museum", MUSEUMS, ids=NAMES)
def test_real_museums(museum, tmp_path):
    works = search_paintings("Claude Monet", [museum], n=3)
    assert len(works) == 3 and all(work.licence and work.title and work.credit for work in works)
    assert download_paintings(works, tmp_path, [museum], progress=False)
    check_whole(tmp_path)
