"""Paintings from museums, against a server on this machine that plays them all and misbehaves on demand."""

import csv
import json
import os
import re
import subprocess
import sys
from collections import Counter
from email.utils import formatdate
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from conftest import ROOT, SHARED, read
from museum_server import (
    DEMANDS,
    Clock,
    MuseumServer,
    bomb,
    check_whole,
    command,
    exhibit,
    heard,
    opened_museums,
    visit,
)
from PIL import Image

from atelier import manners
from atelier.collection import read_credits
from atelier.commons import best_width, image_info, is_free, query_rows, read_mediawiki, refused, sparql
from atelier.datasets import paintings
from atelier.manners import Desk, LeftAlone, Manners, Pace, Trouble, Withdrawn, read_json, retry_after, user_agent
from atelier.museums import KNOWN, MuseumError, Work, download_paintings, main, read_picture, search_paintings
from atelier.search import MUSEUMS, lacks, probe, say_once
from atelier.sources import CHICAGO, CLEVELAND, MET, cleveland_work, met_records, met_work

COMMONS, ANSWERS = MUSEUMS[0], SHARED / "museum-answers"
SHORT = {"timeout": 0.3}  # seconds, for a server that stalls


@pytest.fixture
def museum():
    say_once.cache_clear()
    with opened_museums() as opening:
        yield opening


def search(server, artist="Claude Monet", museums=MUSEUMS, n=100, **more):
    return search_paintings(artist, museums, n, server.manners(**more))


# Search

def test_all_sources_become_one_record(museum):
    server = museum(*[exhibit(number) for number in range(3)], exhibit(9, "chicago"))
    commons, met, cleveland, chicago = search(server, "claude MONET", KNOWN)
    assert commons == Work(
        "commons", "Q1000", "F 0", "Study 0", "Claude Monet", "1889", "Public domain", "Google Art & Culture",
        "https://commons.wikimedia.org/wiki/File%3AClaude%20Monet%20-%20Q1000.jpg",
        "https://thumb.wikimedia.org/wikipedia/commons/thumb/e/ea/Claude%20Monet%20-%20Q1000.jpg/"
        "960px-Claude%20Monet%20-%20Q1000.jpg?utm_source=commons.wikimedia.org", "Musée d'Orsay", "Q1000")
    assert met == Work("met", "1", "29.1", "Study 1", "Claude Monet", "1874", "CC0 1.0", "Bequest of Ben Test",
                       "https://www.metmuseum.org/1", "https://images.metmuseum.org/web-large/met-1",
                       "Metropolitan Museum of Art", "")
    assert (cleveland.number, cleveland.credit, cleveland.wikidata) == ("1958.2", "Gift of Cy Test", "")
    assert chicago.picture_url == "https://www.artic.edu/iiif/2/chicago-9/full/843,/0/default.jpg"


BAD_ITEMS = [{"qualifier": "P1773"}, {"qualifier": "P5102"}, {"kind": "Q93184"}, {"kind": "Q15727816"}, {"parts": True},
             {"material": None}, {"rank": "deprecated"}, {"after": True}, {"qualifier": "P1877"}]
BAD_FILES = [{"licence": "cc-by-sa-4.0"}, {"licence": "cc-by-3.0"}, {"missing": True},
             {"file": "Study.tif", "size": (900, 700)}]


@pytest.mark.parametrize("busy", [False, True], ids=["query", "search"])
def test_commons_takes_only_free_oil_paintings_by_the_artist(museum, busy, capsys):
    good = [{}, {"licence": "pd-old-100"}, {"licence": "cc0"}, {"licence": "only a name"}, {"file": "Another.tif"},
            {"moved": "Renamed.jpg"}]
    server = museum(*[exhibit(number, "commons", changes=changes)
                      for number, changes in enumerate([*good, *BAD_ITEMS, *BAD_FILES])])
    server.faults["commons query"] = ["500"] * 2 * busy
    works = search(server, museums=[COMMONS])
    assert {work.object_id for work in works} == {f"Q{1000 + number}" for number in range(len(good))}
    assert works.desks["commons"].left_out == {"not free": 2, "missing": 1, "without a picture to show": 1}
    assert ("query service gave the error 500; its search is asked instead" in heard(capsys)) == busy
    assert all(re.search(demand, sparql("Q296")) for demand in DEMANDS), "else the server would not have refused"


def test_query_and_search_find_the_same(museum):
    changes = [{"fame": k, "date": ("+1885-00-00T00:00:00Z", 7 + k % 3), "files": ["Claude Monet - zz.jpg"] * (k % 2),
                "label": f"Q{1000 + k}" if k == 7 else "" if k == 8 else f"Study {k}"} for k in range(60)]
    server = museum(*[exhibit(number, "commons", changes=changes[number]) for number in range(60)])
    first = search(server, museums=[COMMONS])
    server.faults["commons query"] = ["429 long"]
    second = search(server, museums=[COMMONS])
    assert first == second and len(first) == len(set(first)) == 60, "an item with two pictures is there once"
    assert [work.object_id for work in first] == [f"Q{1059 - k}" for k in range(60)], "famous ones first"
    assert {work.title for work in first if work.object_id in ("Q1007", "Q1008")} == {"Untitled"}
    assert {work.year for work in first} == {"19th century", "1880s", "1885"}


def test_a_number_that_is_none_is_left_out(museum, capsys):
    """It would become the name of a file."""
    server = museum(exhibit(1, "commons", item="Q1/.."), exhibit(2, "commons", item="P2"), exhibit(3, "commons"))
    assert [work.object_id for work in search(server)] == ["Q1003"]
    assert heard(capsys).count("is not as its documentation says") == 2


def test_an_item_that_says_little(museum):
    server = museum(exhibit(1, "commons", changes={"bare": True}))
    assert [(work.year, work.number) for work in search(server, n=1)] == [("", "")]


def test_the_query_on_an_engine_of_its_own():
    """All conditions, on a standard SPARQL engine: what is taken, in which order, and one row an item."""
    rdflib = pytest.importorskip("rdflib", reason="pip install rdflib to try the query on an engine")
    prefixes = "".join(line.replace("PREFIX", "@prefix") + " .\n" for line in sparql("Q296").splitlines()
                       if line.startswith("PREFIX"))

    def item(number, links, more="", maker="; a wikibase:BestRank", oil="wd:Q296955", kind="wd:Q3305213"):
        return (f"wd:{number} wdt:P31 {kind} ; wdt:P186 {oil} ; wdt:P18 <http://x/Special:FilePath/{number}.jpg> ; "
                f"wikibase:sitelinks {links} ; p:P170 wd:s{number} .\nwd:s{number} ps:P170 wd:Q296 {maker} .\n{more}\n")

    graph = rdflib.Graph().parse(format="turtle", data=prefixes + item("Q1", 5, """
        wd:Q1 rdfs:label "Haystacks"@en, "Meules"@fr ; wdt:P195 wd:Q90, wd:Q91 ; wdt:P217 "1", "2" ;
            wdt:P18 <http://x/Special:FilePath/zz.jpg> ; p:P571 wd:d1, wd:d0 .
        wd:d1 a wikibase:BestRank ; psv:P571 wd:v1 . wd:d0 psv:P571 wd:v0 .
        wd:v1 wikibase:timeValue "1889" ; wikibase:timePrecision 9 .
        wd:v0 wikibase:timeValue "1700" ; wikibase:timePrecision 7 .
        wd:Q90 rdfs:label "Orsay"@en . wd:Q91 rdfs:label "Louvre"@fr .""")
        + item("Q2", 9, 'wd:Q2 rdfs:label "Meules"@fr .')
        + item("Q3", 7, maker="; a wikibase:BestRank ; pq:P1773 wd:Q5")
        + item("Q4", 7, "wd:Q4 wdt:P527 wd:Q1 .") + item("Q5", 7, "wd:Q5 wdt:P31 wd:Q15727816 .")
        + item("Q6", 7, oil="wd:Q22915256") + item("Q7", 7, kind="wd:Q93184") + item("Q8", 7, maker="")
        + item("Q9", 7, "wd:Q9 wdt:P31 wd:Q18573970 .") + item("Q10", 7, "wd:Q10 wdt:P1877 wd:Q1 .")
        + item("Q11", 7, maker="; a wikibase:BestRank ; pq:P1877 wd:Q1"))
    rows = [{str(key): str(value) for key, value in row.asdict().items()} for row in graph.query(sparql("Q296"))]
    assert [row["item"].rsplit("/")[-1] for row in rows] == ["Q2", "Q1"]
    assert rows[1] == {"item": "http://www.wikidata.org/entity/Q1", "title": "Haystacks", "collection": "Orsay",
                       "picture": "http://x/Special:FilePath/Q1.jpg", "number": "1", "date": "1889 9", "links": "5"}


def test_only_free_oil_paintings_of_the_museums(museum):
    wrong = {
        "chicago": [{"is_public_domain": False}, {"artwork_type_title": "Print"}, {"medium_display": "Pastel on foil"},
                    {"artist_display": "Follower of Claude Monet\nFrench"}, {"artist_display": "Édouard Manet"},
                    {"image_id": ""}],
        "met": [{"isPublicDomain": False}, {"classification": "Prints"}, {"medium": "Watercolor"},
                {"artistPrefix": "Attributed to"}, {"artistSuffix": "and Workshop"}, {"artistSuffix": "and followers"},
                {"artistDisplayName": "Copy after Claude Monet"},
                {"primaryImage": "", "primaryImageSmall": ""}],
        "cleveland": [{"share_license_status": "Copyrighted"}, {"type": "Drawing"}, {"technique": "graphite"},
                      {"creators": []}, {"images": {}}, {"images": {"print": {}}},
                      {"creators": [{"description": "Claude Monet", "role": "artist", "qualifier": "attributed to"}]},
                      {"creators": [{"description": "after Claude Monet (French)", "role": "artist"}]},
                      {"creators": [{"description": "Claude Monet", "role": "artist"},
                                    {"description": "Auguste Renoir", "role": "artist"}]}]}
    server = museum(*[exhibit(number, name, changes=changes) for name in wrong
                      for number, changes in enumerate([{}, *wrong[name]])])
    works = search(server, museums=KNOWN)
    assert [work.name for work in works] == ["met-0", "cleveland-0", "chicago-0"]
    assert {name: desk.left_out["under another name"] for name, desk in works.desks.items()} == {
        "commons": 0, "met": 1, "cleveland": 1, "chicago": 2}


@pytest.mark.parametrize("asked", ["Édouard Manet", "Edouard Manet", "EDOUARD  MANET"])
def test_accents(museum, asked, tmp_path):
    server = museum(exhibit(0, artist="Édouard Manet"), exhibit(1, artist="Edouard Manet"))
    files = visit(server, tmp_path, asked)
    assert [file.parent.name for file in files] == ["edouard-manet"] * 2
    assert server.asked[:2] == ["commons search", "commons entities"], "a painter whose number is not built in"
    assert [row["artist"] for row in read_credits(tmp_path / "CREDITS.csv")].count("Édouard Manet") == 1


def test_pages_of_the_met_end_with_the_total():
    """Also past an empty page in the middle, and without a request too many."""
    def answer(request):
        if request.url.path.endswith("search"):
            offset = int(request.url.params["offset"])
            pages.append((offset, request.url.params["limit"]))
            numbers = None if offset == 500 else [offset, offset + 1]
            return httpx.Response(200, json={"total": 1176, "objectIDs": numbers})
        return httpx.Response(200, json={"number": int(request.url.path.rsplit("/")[-1])})

    pages, clock = [], Clock()
    desk = Desk(MET, Manners(transport=httpx.MockTransport(answer), pace=Pace(clock.now, clock.sleep)))
    assert [record["number"] for record in met_records(desk, "Durer")] == [0, 1, 1000, 1001]
    assert pages == [(0, "500"), (500, "500"), (1000, "500")]


def test_many_pages(museum):
    server = museum(*[exhibit(number, name) for name, count in {"cleveland": 130, "chicago": 130}.items()
                      for number in range(count)])
    assert Counter(work.museum for work in search(server, museums=[CLEVELAND, CHICAGO], n=300)) == {
        "cleveland": 130, "chicago": 130}


def test_nothing_is_looked_up_that_is_not_needed(museum, tmp_path):
    server = museum(*[exhibit(number, "commons") for number in range(60)], exhibit(61, "met"))
    works = search(server, n=3)
    assert server.asked == ["commons query", "commons files"] and len(works) == 3
    download_paintings(works, tmp_path, progress=False)
    assert len(server.asked) == 5
    server.log.clear()
    assert len(search(server, n=26)) == 26 and server.asked == ["commons query"] + ["commons files"] * 2


def test_doubles_of_several_sources(museum):
    server = museum(exhibit(0, "commons", item="Q77"), exhibit(1, "met", item="Q77"),
                    exhibit(2, "commons", changes={"number": "29.3"}), exhibit(3, "met"),
                    exhibit(4, "met", changes={"accessionNumber": "1958.5"}), exhibit(5, "cleveland"),
                    exhibit(6, "commons", changes={"number": "7"}), exhibit(7, "commons", changes={"number": "7"}),
                    exhibit(8, "cleveland"))
    works = search(server)
    assert [work.name for work in works] == ["commons-Q77", "commons-Q1002", "commons-Q1006", "commons-Q1007", "met-4",
                                             "cleveland-8"]
    assert works.desks["met"].left_out == {"known from another source": 2}


def test_nothing_found(museum, capsys):
    server = museum()
    assert list(search(server, "Nobody Known")) == [] and heard(capsys) == ""
    with pytest.raises(ValueError, match="full name"):
        search(server, " … ")
    with pytest.raises(ValueError, match="n must be at least 1"):
        search(server, n=0)


@pytest.mark.parametrize("name, missing", [("chicago", "image_id"), ("met", "title"), ("cleveland", "creators")])
def test_missing_field_names_the_record(museum, capsys, name, missing):
    server = museum(exhibit(11, name, changes={missing: None}), exhibit(12, name))
    works = search(server, museums=KNOWN)
    said = heard(capsys)
    assert [work.object_id for work in works] == ["12"]
    assert "object 11" in said and repr(missing) in said and "left out" in said


@pytest.mark.parametrize("fault, words", [
    ("500", "gave the error 500"), ("404", "gave the error 404"), ("html", "not JSON"), ("reset", "broke off"),
    ("stall", "stalled"), ("429 long", "asks to be left alone for 10 minutes"), ("firewall", "firewall"),
    ("410", 'gave the error 410 ("the search was retired on 2026-10-01")')])
def test_one_museum_failing_does_not_stop_the_others(museum, capsys, fault, words):
    server = museum(*[exhibit(number) for number in range(6)])
    server.faults["met search"] = [fault] * 9
    works = search(server, **SHORT if fault == "stall" else {})
    said = heard(capsys)
    assert Counter(work.museum for work in works) == {"commons": 2, "cleveland": 2}
    assert "The Metropolitan Museum of Art" in said and words in said
    if fault == "429 long":
        assert server.asked.count("met search") == 1, "a museum that asks for a long rest gets it"


def test_unexpected_shapes_are_a_sentence(museum, capsys):
    server = museum(exhibit(0), exhibit(1))
    for name, body in (("commons query", b'{"results": null}'), ("commons search", b'{"query": []}'),
                       ("met search", b"[]"), ("cleveland search", b'{"data": ["x"], "info": {"total": 1}}')):
        server.faults[name] = [lambda guard, body=body: guard.answer(body, "application/json")]
    assert not search(server)
    said = heard(capsys)
    assert all(museum.title in said for museum in MUSEUMS) and said.count("documentation") == 3


def test_the_mets_records_that_fail(museum, capsys):
    """Withdrawn ones are counted and no fault of the museum's, however many; another is named."""
    server = museum(*[exhibit(number, "met") for number in range(2)])
    server.withdrawn.update(range(50, 70))
    for number in server.withdrawn:
        server.faults[f"met-{number} record"] = ["withdrawn"]
    server.faults["met-1 record"] = ["404"]
    works = search(server)
    assert [work.object_id for work in works] == ["0"] and works.desks["met"].left_out == {"withdrawn": 20}
    said = heard(capsys)
    assert "object 1 gave the error 404. It is left out." in said and "left alone" not in said


def test_no_network_at_all(capsys):
    with MuseumServer([]) as server:
        closed = server.manners(tries=2)
    with pytest.raises(MuseumError, match="No museum answered. Is there a network connection"):
        search_paintings("Claude Monet", manners=closed)
    assert "its search is asked instead" in heard(capsys)


# Manners

def times(server, *names):
    return [entry.time for entry in server.log if entry.name in names]


def test_pace_is_kept_from_search_to_download(museum, tmp_path):
    server = museum(*[exhibit(number) for number in range(12)])
    visit(server, tmp_path)
    check_whole(tmp_path, 12)
    for source in ("commons", "met", "cleveland"):
        moments = [entry.time for entry in server.log if entry.source == source]
        assert len(moments) > 4 and min(later - earlier for earlier, later in pairwise(moments)) >= 1
    server.log.clear()
    slow = [SimpleNamespace(**{**vars(MET), "gap": 4.0})]
    search(server, museums=slow)
    assert {later - earlier for earlier, later in pairwise(entry.time for entry in server.log)} == {4}


@pytest.mark.parametrize("fault, rests", [
    (["429"], [9]), (["429 bare"] * 3, [5, 10, 20]), (["firewall"] * 2, [75, 75]), (["maxlag"], [5]),
    (["429 date"], [18])])
def test_a_rest_is_kept_by_the_whole_host(museum, fault, rests):
    server = museum(*[exhibit(number, "commons") for number in range(3)])
    server.faults["commons files"] = list(fault)
    search(server, museums=[COMMONS])
    moments = times(server, "commons files")
    waited = [later - earlier for earlier, later in pairwise(moments)]
    assert all(rest <= wait < rest + 6 for wait, rest in zip(waited, rests, strict=True)), waited


def test_a_long_rest_holds_for_the_next_artist_too(museum, tmp_path, capsys):
    server = museum(*[exhibit(number, artist=artist) for number, artist in enumerate(["Claude Monet"] * 6)],
                    *[exhibit(number, artist="Vincent van Gogh") for number in range(6, 12)])
    server.faults["commons-Q1000"] = ["429 long"]
    manners = server.manners()
    for artist in ("Claude Monet", "Vincent van Gogh"):
        works = search_paintings(artist, n=3, manners=manners)
        assert len(download_paintings(works, tmp_path, progress=False)) == 3
    assert [name for name in server.asked if "commons-" in name] == ["commons-Q1000"]
    assert heard(capsys).count("asks to be left alone for 10 minutes; nothing is lost") == 2
    server.clock.sleep(600)
    works = search_paintings("Claude Monet", n=5, manners=manners)
    assert len(download_paintings(works, tmp_path, progress=False)) == 5
    assert [name for name in server.asked if "commons-" in name] == ["commons-Q1000", "commons-Q1000", "commons-Q1003"]


def test_who_is_left_alone_is_not_asked_what_else_there_is(museum, tmp_path):
    server = museum(*[exhibit(number, "commons" if number < 30 else "met") for number in range(32)])
    server.faults["commons-Q1000"] = ["429 long"]
    assert len(visit(server, tmp_path, n=2)) == 2
    assert server.asked.count("commons files") == 1 and "commons-Q1001" not in server.asked


def test_retry_after_reads_numbers_and_dates():
    assert retry_after("7") == 7 and retry_after("") == retry_after("soon") == retry_after("-3") == 0
    import time
    assert 500 < retry_after(formatdate(time.time() + 600, usegmt=True)) <= 600
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == retry_after("Wed, 21 Oct 2015 07:28:00") == 0


@pytest.mark.parametrize("refusal, rest", [(dict(status_code=403, html="Incapsula incident"), 75),
                                           (dict(status_code=429), 5)], ids=["firewall", "busy"])
def test_withdrawn_works_are_no_refusals(refusal, rest):
    """After three of them, the first refusal that asks for a rest is the first."""
    gone = httpx.Response(404, json={"message": "Not a valid object"})
    desk = desk_for(MET, gone, gone, gone, httpx.Response(**refusal))
    for _ in range(3):
        with pytest.raises(Withdrawn):
            desk.get(read_json, "https://museum.example/")
    with pytest.raises(Trouble):
        desk.get(read_json, "https://museum.example/")
    assert desk.pace.left("museum.example") == rest


def test_a_museum_that_always_fails_is_left_alone(museum, capsys, tmp_path):
    server = museum(*[exhibit(number, "met") for number in range(40)])
    works = search(server)
    for work in works:
        server.faults[work.name] = ["403"]
    before = len(server.asked)
    assert not download_paintings(works, tmp_path, progress=False)
    assert len(server.asked) - before == 8
    assert "is left alone, since it failed too often. Its pictures that failed: 32." in heard(capsys)


def test_a_firewall_that_stays_shut_is_left_alone(museum, tmp_path, capsys):
    server = museum(*[exhibit(number) for number in range(6)])
    server.faults["met search"] = ["firewall"] * 99
    search(server, tries=9)
    assert server.asked.count("met search") == 4 and "the firewall wants fewer requests" in heard(capsys)
    for number in range(6):
        server.faults[f"met-{number}"] = ["firewall"] * 99
    server.faults["met search"] = []
    assert not visit(server, tmp_path, museums=[MET], tries=9)
    assert server.asked.count("met-1") == 4 and "met-4" not in server.asked, "the next picture isn't tried"


def test_who_names_nobody_asks_slowly_and_is_told(museum, monkeypatch, capsys):
    monkeypatch.delenv("ATELIER_CONTACT", raising=False)
    server = museum(*[exhibit(number, "commons") for number in range(3)])
    for _ in range(2):
        search(server, n=100, contact="")
    assert {later - earlier for earlier, later in pairwise(times(server, "commons query", "commons files"))} == {6}
    said = heard(capsys)
    assert said.count("ATELIER_CONTACT") == 1, "once"
    assert "ask 10 times a minute: 100 pictures take about 10 minutes, and about 2 minutes once" in said
    assert not re.search(r"[(]", *server.agents)


def test_user_agent_names_project_and_person(monkeypatch, capsys):
    monkeypatch.setenv("ATELIER_CONTACT", "ada@example.org")
    assert Manners().contact == "ada@example.org"
    about = {"Version": "1.0", "Home-page": "https://example.org/atelier"}
    monkeypatch.setattr(manners, "metadata", lambda name: about)
    library = f"httpx/{httpx.__version__}"
    assert user_agent("ada@example.org") == f"Atelier/1.0 (https://example.org/atelier; ada@example.org) {library}"
    assert manners.is_named("") and user_agent("") == f"Atelier/1.0 (https://example.org/atelier) {library}"
    for contact in ("ada@example.org\r\nX: y", "Ünal"):
        with pytest.raises(ValueError, match="plain letters"):
            Manners(contact=contact)


def test_settings_hand_the_address_on(copy_of_project):
    """`url` of settings.ini becomes the field of the installed package that the User-Agent reads."""
    copy = copy_of_project("settings.ini", "setup.py", "pyproject.toml", "README.md", "LICENSE", "LICENSES", "atelier")
    settings = copy / "settings.ini"
    (copy / "data").mkdir()
    lines = re.sub(r"(?m)^url *=.*$", "url = https://example.org/atelier", settings.read_text(encoding="utf-8"))
    assert "https://example.org/atelier" in lines
    settings.write_text(lines, encoding="utf-8")
    subprocess.run([sys.executable, "setup.py", "-q", "egg_info"], cwd=copy, check=True, capture_output=True)
    written = (copy / "atelier.egg-info/PKG-INFO").read_text(encoding="utf-8")
    assert "Home-page: https://example.org/atelier\n" in written


# Pictures

FAULTS = [  # what the picture's server does, how often, what is said, whether a second run is needed
    ("404", 1, "gave the error 404", True), ("429", 1, None, False), ("429 date", 1, None, False),
    ("429 bare", 1, None, False), ("429 long", 1, "asks to be left alone for 10 minutes", True),
    ("firewall", 1, None, False), ("500", 2, None, False), ("500", 9, "gave the error 500", True),
    ("400", 1, 'gave the error 400 ("Use thumbnail sizes listed on https://w.wiki/GHai")', True),
    ("challenge", 1, "lets no program in, only people with a browser", True),
    ("reset", 1, None, False), ("reset", 9, "broke off in the middle", True),
    ("cut", 9, "broke off in the middle", True),
    ("stall", 1, None, False), ("stall", 4, "stalled for 0.3 s", True), ("drip", 4, "was not whole after 0.6 s", True),
    ("truncated", 1, None, False), ("truncated", 4, "is not whole", True),
    ("html", 4, "is no JPEG, PNG or WebP", True), ("bomb", 1, "more than 40 million pixels", True),
    ("large", 9, "is larger than 32 MB", True)]


@pytest.mark.parametrize("fault, times, words, again", FAULTS, ids=lambda value: str(value))
def test_faults_of_a_picture(museum, capsys, tmp_path, fault, times, words, again):
    server = museum(*[exhibit(number, "met") for number in range(4, 10)])
    server.faults["met-9"] = [fault] * times
    bomb()  # made before anyone waits for it
    files = visit(server, tmp_path, n=6, museums=[MET], **SHORT if fault == "stall" else {})
    said = heard(capsys)
    check_whole(tmp_path, 5 if again else 6)
    assert len(files) == (5 if again else 6)
    if again:
        assert words in said and ("met-9, 'Study 9'" in said or "The Metropolitan" in said)
        assert "5 of 6 pictures are in" in said and "failed: 1, so run the same again to try once more" in said
        server.faults["met-9"], before = [], len(server.asked)
        server.clock.sleep(600)
        assert len(visit(server, tmp_path, n=6, museums=[MET])) == 6
        check_whole(tmp_path, 6)
        # Perhaps asked twice, on a slow machine: no other is asked again.
        assert {name for name in server.asked[before:] if "search" not in name and "record" not in name} == {"met-9"}
    else:
        assert said == ""


def test_another_work_takes_the_place_of_one_that_fails(museum, capsys, tmp_path):
    server = museum(*[exhibit(number, "commons") for number in range(27)], exhibit(30, "met"))
    for number in (3, 5):
        server.faults[f"commons-Q{1000 + number}"] = ["404"]
    assert len(visit(server, tmp_path, n=25)) == 25
    assert server.asked.count("commons files") == 2 and "met search" not in server.asked
    server.faults["commons-Q1003"] = ["404"]
    assert len(visit(server, tmp_path, n=27)) == 27
    assert (tmp_path / "claude-monet/met-30.jpg").exists(), "from the next source"
    assert "pictures are in" not in heard(capsys)
    assert len(visit(server, tmp_path, n=40)) == 28
    assert "28 of 40 pictures are in" in heard(capsys)


def test_what_is_there_counts_whatever_its_source(museum, tmp_path):
    """`n` is how many of the artist's the folder holds, by `download_paintings` as by the command line; of a plain list
    all are fetched."""
    server = museum(*[exhibit(number) for number in range(12)])
    assert len(visit(server, tmp_path, n=3, museums=[MET])) == 3
    server.log.clear()
    assert len(visit(server, tmp_path, n=4)) == 4
    assert [name for name in server.asked if name in server.exhibits] == ["commons-Q1000"]
    server.log.clear()
    assert len(visit(server, tmp_path, n=2)) == 4 and server.asked == ["commons query", "commons files"]
    listed = list(search(server, museums=[CLEVELAND], n=2))
    files = download_paintings(listed, tmp_path, manners=server.manners(), progress=False)
    assert len(files) == 2
    files[0].write_bytes(files[0].read_bytes()[:500])
    assert files == download_paintings(listed, tmp_path, manners=server.manners(), progress=False), "fetched again"
    check_whole(tmp_path, 6)


def test_widths_that_commons_serves(museum, tmp_path):
    """A very wide picture is asked for wider; a small one comes as it is, and no original of a large one."""
    server = museum(*[exhibit(number, "commons", changes={"size": size}) for number, size in enumerate(
        [(4000, 3000), (4000, 2000), (9000, 2600), (9000, 1000), (700, 500), (3000, 9000)])])
    addresses = [work.picture_url for work in search(server)]
    widths = [re.search(r"/(\d+)px-|/(commons)/e/", address) for address in addresses]
    assert [width.group(1) or width.group(2) for width in widths] == ["960", "1280", "1920", "1920", "commons", "960"]
    assert "/upload.wikimedia.org/" in addresses[4]
    assert refused({"extmetadata": {"License": {"value": "pd"}}, "width": 44567, "height": 35291,
                    "thumburl": "https://upload.wikimedia.org/wikipedia/commons/e/ea/Van_Gogh.jpg"})
    assert len(visit(server, tmp_path)) == 6


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


def test_works_of_a_museum_that_is_not_named(tmp_path):
    work = Work("louvre", "1", "", "", "Claude Monet", "", "", "", "", "")
    with pytest.raises(ValueError, match="louvre-1 is of a museum that `museums` does not name"):
        download_paintings([work], tmp_path)


# The command line

@pytest.mark.parametrize("arguments, code, words", [
    (["Claude Monet"], 1, "met-1, 'Study 1': its picture gave the error 404"),
    (["Claude Monet"], 1, "1 of 100 pictures are in pictures, and no source has more for now. Left out: failed: 1, so"),
    (["Claude Monet"], 1, "Claude Monet: about 2 s, at 60 requests a minute."),
    (["Nobody Known"], 1, "Nobody Known: no free oil painting found. Is this the full name"),
    ([""], "artist must be a full name", ""),
    (["Claude Monet", "--museum", "louvre"], 2, "invalid choice: 'louvre' (choose from"),
    (["Claude Monet", "--museum", "chicago", "--n", "1"], 1, "refused its pictures to programs since December 2025"),
    (["Claude Monet", "--museum", "chicago", "--n", "1"], 1, "lets no program in, only people with a browser"),
    (["Claude Monet", "--through", "nowhere"], 2, "invalid Through value: 'nowhere'"),
    (["Claude Monet", "--contact", "Ünal"], "the contact must be an e-mail or web address", ""),
    (["Claude Monet", "--n", "0"], 2, "--n must be at least 1"), ([], 2, "name an artist, or --probe")])
def test_command_line_speaks_in_sentences(museum, tmp_path, monkeypatch, capsys, arguments, code, words):
    server = museum(exhibit(1), exhibit(2), exhibit(3, "chicago"))
    server.faults["met-1"] = ["404"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATELIER_CONTACT", "ada@example.org")
    try:
        status = main(["--through", server.address, *arguments], pace=server.pace)
    except SystemExit as exit:
        status = exit.code
    assert code in status if isinstance(code, str) else status == code
    assert words in " ".join("".join(capsys.readouterr()).split())


def test_command_line_asks_nobody_for_what_is_there(museum, tmp_path):
    server = museum(*[exhibit(number, artist=artist)
                      for number, artist in enumerate(["Claude Monet"] * 6 + ["Vincent van Gogh"] * 3)])
    asked = command(server, tmp_path, "--n", "4", "--contact", "ada@example.org", "Vincent van Gogh")
    done = subprocess.run(asked, text=True, capture_output=True)
    assert done.returncode == 0 and "Vincent van Gogh: 3 pictures are in" in done.stdout, done.stderr
    assert all("(ada@example.org)" in agent for agent in server.agents)
    check_whole(tmp_path, 7)
    server.log.clear()
    asked[asked.index("4")] = "3"
    done = subprocess.run(asked, text=True, capture_output=True)
    assert done.returncode == 0 and " ".join(done.stdout.split()).count("no server was asked") == 2 and not server.log
    with open(tmp_path / "CREDITS.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    needed = ("title", "licence", "credit", "collection", "group")
    assert len(rows) == 7 and all(row[key] for row in rows for key in needed)


# What others recorded

RECORDED = [  # file, what it is, what a person reads
    ("met/search-v1-retired-410.json", {"status_code": 410},
     'gave the error 410 ("/public/collection/v1/search was retired on 2026-10-01. It was backed by Solr and returned '
     "every matching object ID in one response; use /public/collection/v1.1/search"),
    ("met/403-incapsula-2019-03-body.html", {"status_code": 403, "type": "text/html"},
     'gave the error 403 ("the firewall wants fewer requests")'),
    ("met/object-not-valid-404.json", {"status_code": 404}, "was withdrawn"),
    ("met/object-not-found-404.json", {"status_code": 404}, 'gave the error 404 ("ObjectID not found")'),
    ("met/object-400.json", {"status_code": 400}, 'gave the error 400 ("could not parse objectID")'),
    ("other/error-403-limit.json", {"status_code": 403},
     'gave the error 403 ("You have requested too many resources per page.'),
    ("wikidata-commons/error-user-agent-403-2025-08.txt", {"status_code": 403, "type": "text/plain"},
     'gave the error 403 ("Please set a user-agent and respect our robot policy https://w.wiki/4wJS. '
     'See also T400119.")'),
    ("wikidata-commons/error-wdqs-429-2020.html", {"status_code": 429, "type": "text/html"}, "gave the error 429")]


def recorded(name):
    if not (ANSWERS / name).exists():
        pytest.skip(f"{name} is not among the recorded answers at {ANSWERS}")
    return (ANSWERS / name).read_bytes()


def desk_for(museum, *answers):
    """A desk whose questions are answered by these responses, the last one again and again."""
    clock, queue = Clock(), list(answers)
    transport = httpx.MockTransport(lambda request: queue.pop(0) if len(queue) > 1 else queue[0])
    return Desk(museum, Manners(contact="x", tries=1, transport=transport, pace=Pace(clock.now, clock.sleep)))


@pytest.mark.parametrize("name, answer, sentence", RECORDED, ids=[Path(name).stem for name, *_ in RECORDED])
def test_recorded_refusals(name, answer, sentence):
    kind = answer.get("type", "application/json")
    desk = desk_for(MET, httpx.Response(answer["status_code"], content=recorded(name), headers={"Content-Type": kind}))
    with pytest.raises(MuseumError) as error:
        desk.get(read_json, "https://museum.example/")
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize("headers, reason, status, kind, sentence", [
    ({"Retry-After": "10"}, b"Use thumbnail steps listed on https://w.wiki/GHai. Please contact noc@wikimedia.org", 429,
     Trouble,
     'gave the error 429 ("Use thumbnail steps listed on https://w.wiki/GHai. Please contact noc@wikimedia.org")'),
    ({}, b"Use thumbnail sizes listed on https://w.wiki/GHai", 400, MuseumError,
     'gave the error 400 ("Use thumbnail sizes listed on https://w.wiki/GHai")'),
    ({}, b"Too many requests (76af2b0)", 429, Trouble, 'gave the error 429 ("Too many requests (76af2b0)")'),
    ({"Retry-After": "600"}, b"Too Many Requests", 429, LeftAlone,
     "asks to be left alone for 10 minutes; nothing is lost, run the same again then"),
    ({"cf-mitigated": "challenge", "server": "cloudflare"}, b"Forbidden", 403, MuseumError,
     "gave the error 403: it lets no program in, only people with a browser")])
def test_recorded_headers(headers, reason, status, kind, sentence):
    desk = desk_for(MET, httpx.Response(status, html="<title>no</title>", headers=headers,
                                        extensions={"reason_phrase": reason}))
    with pytest.raises(MuseumError) as error:
        desk.get(read_json, "https://museum.example/")
    assert type(error.value) is kind and str(error.value) == sentence


def parsed(name):
    """Status and headers of a recorded answer, as others wrote them down."""
    lines = [line for line in recorded(name).decode().splitlines() if not line.startswith(("#", "body:"))]
    status = int(lines.pop(0).split()[1])
    return status, dict(line.split(": ", 1) for line in lines)


def test_recorded_firewall_means_a_rest():
    """Headers and body as they came, though not of one day."""
    status, headers = parsed("met/403-incapsula-2025-09-headers.txt")
    body = recorded("met/403-incapsula-2019-03-body.html")
    desk = desk_for(MET, httpx.Response(status, headers=headers | {"Content-Length": str(len(body))}, content=body))
    with pytest.raises(Trouble, match="the firewall wants fewer requests"):
        desk.get(read_json, "https://museum.example/")
    assert desk.pace.left("museum.example") == 75


def test_recorded_challenge_of_chicago():
    status, headers = parsed("other/iiif-403-cloudflare-headers.txt")
    desk = desk_for(CHICAGO, httpx.Response(status, headers=headers, content=b"<title>Just a moment...</title>"))
    with pytest.raises(MuseumError, match="gave the error 403: it lets no program in, only people with a browser"):
        desk.get(read_json, "https://museum.example/")


def test_the_words_of_the_headers_are_those_that_were_recorded():
    noted = recorded("wikidata-commons/error-headers-recorded.txt").decode()
    for words in ("Use thumbnail steps listed on https://w.wiki/GHai. Please contact noc@wikimedia.org",
                  "Use thumbnail sizes listed on https://w.wiki/GHai", "retry-after: 10", "Retry-After: 600",
                  '"code":"maxlag"'):
        assert words in noted


def test_words_of_a_refusal_are_one_short_line():
    desk = desk_for(MET, httpx.Response(400, json={"message": "no\n\x1b[31m" + "x" * 9999}))
    with pytest.raises(MuseumError) as error:
        desk.get(read_json, "https://museum.example/")
    assert len(str(error.value)) < 450 and str(error.value).isprintable()
    for body in (b"[]", b"not JSON", b'{"message": null}', b'{"message": ["x"]}'):
        desk = desk_for(MET, httpx.Response(400, content=body, headers={"Content-Type": "application/json"}))
        with pytest.raises(MuseumError, match="gave the error 400"):
            desk.get(read_json, "https://museum.example/")


def test_mediawikis_errors_come_with_status_200():
    with pytest.raises(Trouble, match="refuses: Waiting for db: 6 s lagged"):
        read_mediawiki(b'{"error": {"code": "maxlag", "info": "Waiting for db: 6 s lagged"}}')
    with pytest.raises(MuseumError, match="refuses: Too many values") as error:
        read_mediawiki(b'{"error": {"code": "toomanyvalues", "info": "Too many values"}}')
    assert not isinstance(error.value, Trouble)


def test_recorded_searches_of_the_met():
    for name in ("search-nothing-null.json", "search-past-the-end-null.json"):
        nothing = httpx.Response(200, content=recorded(f"met/{name}"))
        assert list(met_records(desk_for(MET, nothing), "x")) == []
    found = httpx.Response(200, content=recorded("met/search-v1.1-van-gogh-2026-10.json"))
    field = httpx.Response(200, content=recorded("met/object-436535-2026-10.json"))
    gone = httpx.Response(404, content=recorded("met/object-not-valid-404.json"),
                          headers={"Content-Type": "application/json"})
    desk = desk_for(MET, found, gone, field)
    records = list(met_records(desk, "Vincent van Gogh"))
    assert len(records) == 37 and desk.left_out == {"withdrawn": 1}
    assert met_work(records[0]) == Work(
        "met", "436535", "1993.132", "Wheat Field with Cypresses", "Vincent van Gogh", "1889", "CC0 1.0",
        "Purchase, The Annenberg Foundation Gift, 1993", "https://www.metmuseum.org/art/collection/search/436535",
        "https://images.metmuseum.org/CRDImages/ep/web-large/DP-42549-001.jpg", "Metropolitan Museum of Art",
        "Q18689458")
    assert met_work(json.loads(recorded("met/object-45734-openverse-2020.json"))) is None


def test_recorded_answers_of_cleveland():
    work = cleveland_work(json.loads(recorded("cleveland/object-1958.31-van-gogh-trimmed.json"))["data"]
                          | {"creditline": None})
    assert (work.object_id, work.number, work.title, work.artist, work.year) == (
        "135299", "1958.31", "Adeline Ravoux", "Vincent van Gogh", "1890")
    assert work.picture_url.endswith("1958.31_web.jpg")
    assert cleveland_work(json.loads(recorded("cleveland/search-answer-openverse.json"))["data"][0]) is None
    painted = cleveland_work(json.loads(recorded("cleveland/record-full-openverse-2022.json")))
    assert painted.artist == "Thomas Cole" and painted.number == "1335.1917"
    for record in json.loads(recorded("cleveland/search-data-two-records-openverse.json"))["data"]:
        cleveland_work(record)
    for name in ("search-answer-openverse", "search-answer-no-data-openverse"):
        assert not search_paintings("Nobody", [CLEVELAND], 1, desk_for(
            CLEVELAND, httpx.Response(200, content=recorded(f"cleveland/{name}.json"))).manners)


def test_recorded_search_of_chicago():
    body = json.loads(recorded("other/search-monet-official-docs-2026-02.json"))
    assert body["pagination"]["total"] == 49 and not lacks(body, CHICAGO.probes[0].field)


def test_recorded_files_of_commons():
    night = httpx.Response(200, content=recorded("wikidata-commons/commons-starry-night-960-2026-10.json"))
    file = "Van Gogh - Starry Night - Google Art Project.jpg"
    desk = desk_for(COMMONS, night)
    info = image_info(desk, [file])[file]
    assert is_free(info) and not refused(info) and best_width(info) == 960
    assert info["thumburl"].startswith("https://thumb.wikimedia.org/") and "/960px-" in info["thumburl"]
    missing = httpx.Response(200, content=recorded("wikidata-commons/commons-missing-2026-10.json"))
    assert image_info(desk_for(COMMONS, missing), ["No such file anywhere 7f3a.jpg"]) == {
        "No such file anywhere 7f3a.jpg": None}
    batch = httpx.Response(200, content=recorded("wikidata-commons/commons-batch-scaled-and-unscaled-2026.json"))
    found = image_info(desk_for(COMMONS, batch), ["American-University-Beirut-NW.jpg", "AUB 1.jpg"])
    assert [refused(info) for info in found.values()] == ["", "not free"]
    stray = json.loads(recorded("wikidata-commons/commons-image_data_example.json"))
    assert refused(stray["imageinfo"][0]) == "not free"
    assert is_free(json.loads(recorded("wikidata-commons/commons-bruegel-fixture-summary.json")))
    with open(ANSWERS / "wikidata-commons/monet-files-licences-2026-06.csv", newline="", encoding="utf-8") as lines:
        free = [is_free({"extmetadata": {"LicenseShortName": {"value": row["LicenseShortName"]}}})
                for row in csv.DictReader(lines)]
    assert free == [True, False, False]


@pytest.mark.parametrize("name", ["commons-continue-openverse.json", "commons-response_small_with_continue.json"])
def test_commons_in_its_old_form_is_a_sentence(museum, name, capsys):
    """Pages as a dict by number, as formatversion=1 has them: Commons is named, and the others go on."""
    server, body = museum(*[exhibit(number) for number in range(3)]), recorded(f"wikidata-commons/{name}")
    server.faults["commons files"] = [lambda guard: guard.answer(body, "application/json")]
    assert [work.museum for work in search(server)] == ["met", "cleveland"]
    assert "Wikimedia Commons is not as its documentation says" in heard(capsys)


def test_recorded_addresses_of_files():
    """As the query service wrote them in 2017, in a list of another program."""
    text = recorded("wikidata-commons/wdqs-bindings-vangogh-2017.txt").decode()
    item, _, image, title = (found for found in re.findall(r"value: '(.*)' }", text)[:4])
    row = {key: {"value": value} for key, value in (("item", item), ("picture", image), ("title", title))}
    rows = query_rows(desk_for(COMMONS, httpx.Response(200, json={"results": {"bindings": [row]}})), "Q5582")
    assert rows[0]["id"] == "Q19836161" and rows[0]["title"] == "Allotment with Sunflower"
    assert rows[0]["file"] == "Moestuin met zonnebloem - s0004V1962v - Van Gogh Museum.jpg"


def test_recorded_bindings_of_the_query_service():
    """Of another query: the rows have our names for what both ask, and no number, date or collection."""
    answer = json.loads(recorded("wikidata-commons/wdqs-trimmed-real-answer-2026.json"))
    for row in answer["results"]["bindings"]:
        row["picture"] = row.pop("image")
        row["title"] = row.pop("itemLabel")
    rows = query_rows(desk_for(COMMONS, httpx.Response(200, json=answer)), "Q296")
    assert rows == [{"id": "Q376896", "title": "Grenelle", "date": "", "collection": "", "number": "",
                     "file": "Église Saint-Jean-Baptiste de Grenelle (Paris) 19.jpg"}]


# Are they alive?

def test_probe_names_what_is_missing(museum, capsys):
    server = museum(*[exhibit(number) for number in range(3)])
    answers = {"query.wikidata.org": {"results": {"bindings": [{"file": {"value": "x"}}]}},
               "www.wikidata.org": {"query": {"search": [{"title": "Q1"}]}},
               "commons.wikimedia.org": {"query": {"pages": [{"missing": True}]}},
               "collectionapi.metmuseum.org": {"total": 1, "objectIDs": [1], "primaryImageSmall": "https://images.met/1"},
               "images.met": {"not": "a picture"},
               "openaccess-api.clevelandart.org": None, "api.artic.edu": {"data": []}}

    def answer(request):
        body = answers[request.url.host]
        return httpx.Response(200, json=body) if body else httpx.Response(503)

    clock = Clock()
    manners = Manners(contact="x", transport=httpx.MockTransport(answer), pace=Pace(clock.now, clock.sleep))
    said = {host: said for _, host, said, _ in probe(KNOWN, manners)}
    assert "no JPEG, PNG or WebP" in said.pop("images.met")
    assert said == {"query.wikidata.org": "alive, as expected", "collectionapi.metmuseum.org": "alive, as expected",
                    "www.wikidata.org": "alive, as expected",
                    "commons.wikimedia.org": "has no query.pages.0.imageinfo", "api.artic.edu": "has no data.0",
                    "openaccess-api.clevelandart.org": "gave the error 503"}
    server.faults["cleveland search"] = [None, "503"]
    for status in 0, 1:
        assert main(["--probe", "--museum", "cleveland", "--through", server.address], pace=server.pace) == status
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", lines[0])
    assert re.fullmatch(r"cleveland +openaccess-api\S+ +\d\.\d s  alive, as expected", lines[1])
    assert re.fullmatch(r"cleveland +openaccess-cdn\S+ +\d\.\d s  alive, as expected", lines[2]), "its picture"


def test_every_source_says_when_it_was_alive():
    for source in KNOWN:
        assert re.search(r"20\d\d-\d\d", source.alive) and source.probes
        assert all(httpx.URL(probe.url).scheme == "https" and probe.field for probe in source.probes)


# make real, then make lab

@pytest.fixture
def workshop(museum, copy_of_project, tmp_path_factory):
    """A copy of what `make real` and `make lab` need, a server, and a function that runs make; jupyter says what it
    sees."""
    copy = copy_of_project("Makefile", "tools", "settings.ini", "atelier", "data/paintings", "pyproject.toml")
    venv = tmp_path_factory.mktemp("venv")
    (venv / "bin").mkdir()
    (venv / ".course").touch()
    (venv / "bin/python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (venv / "bin/jupyter").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c '
                                      '"from atelier.datasets import paintings; print(paintings())"\n')
    for program in ("python", "jupyter"):
        (venv / "bin" / program).chmod(0o755)
    server = museum(*[exhibit(number, artist=artist) for number, artist in enumerate(
        ["Claude Monet"] * 3 + ["Vincent van Gogh"] * 3)])

    def make(*arguments, **environment):
        usual = {key: value for key, value in os.environ.items() if key != "ATELIER_PAINTINGS"}
        return subprocess.run(["make", f"VENV={venv}", "-o", f"{venv}/.course", *arguments], cwd=copy, text=True,
                              capture_output=True, env={**usual, "PYTHONPATH": str(copy), **environment})
    return copy, server, make


def test_make_real_then_make_lab(workshop, tmp_path):
    copy, server, make = workshop
    before = make("lab")
    assert "painted" in before.stdout and "make real" in before.stdout, before.stderr
    assert before.stdout.strip().endswith("data/paintings")
    real = make("real", "N=2", f"MUSEUMS_THROUGH={server.address}", ATELIER_CONTACT="ada@example.org")
    assert real.returncode == 0, real.stdout + real.stderr
    assert {entry.source for entry in server.log} == {"commons", "met"}
    check_whole(copy / "real", 4)
    after = make("lab")
    assert "2 of claude-monet, 2 of vincent-van-gogh" in after.stdout
    assert after.stdout.strip().endswith(str(copy / "real"))
    own = tmp_path / "own"
    (copy / "real").rename(own)
    assert make("lab", ATELIER_PAINTINGS=str(own)).stdout.strip().endswith(str(own))
    own.rename(copy / "real")
    assert make("lab", ATELIER_PAINTINGS="").stdout.strip().endswith("data/paintings"), "set to nothing"


def test_only_make_lab_takes_the_real_ones_by_itself(tmp_path, monkeypatch):
    monkeypatch.delenv("ATELIER_PAINTINGS", raising=False)
    assert paintings() == ROOT / "data/paintings"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "ATELIER_PAINTINGS" not in makefile and "/real/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


# The lesson

@pytest.mark.parametrize("path", sorted((ROOT / "nbs").glob("C?_*.ipynb")), ids=lambda path: path.stem)
def test_the_lesson_is_told_in_short_cells(path):
    cells = read(path).cells
    assert len(cells) <= 40
    for cell in cells:
        if cell.cell_type == "code" and "#| include: false" not in cell.source:
            lines = re.sub(r"(?m)^#\|.*\n?", "", cell.source).splitlines()
            assert len(lines) <= 20 and max(map(len, lines), default=0) <= 88, cell.id
            printed = [line for output in cell.outputs for line in output.get("text", "").splitlines()]
            assert max(map(len, printed), default=0) <= 84, f"{cell.id}: its output is cut at the right"


def test_a_redirect_waits_for_its_turn_too():
    clock, asked = Clock(), []

    def answer(request):
        asked.append((request.url.host, clock.now()))
        if request.url.host == "a.example":
            return httpx.Response(302, headers={"Location": "https://b.example/picture"})
        return httpx.Response(200, content=b"whole")

    pace = Pace(clock.now, clock.sleep)
    pace.rest("b.example", 30)
    desk = Desk(MET, Manners(contact="tests@example.org", pace=pace, transport=httpx.MockTransport(answer)))
    assert desk.get(bytes, "https://a.example/") == b"whole"
    assert asked == [("a.example", 0), ("b.example", 30)]


# The real ones

@pytest.mark.skipif(not os.environ.get("ATELIER_ONLINE"), reason="set ATELIER_ONLINE=1 to ask the real servers")
@pytest.mark.parametrize("source", MUSEUMS, ids=[source.name for source in MUSEUMS])
def test_real_museums(source, tmp_path):
    works = search_paintings("Claude Monet", [source], n=3)
    assert len(works) == 3 and all(work.licence and work.title and work.credit for work in works)
    assert download_paintings(works, tmp_path, progress=False)
    check_whole(tmp_path)
