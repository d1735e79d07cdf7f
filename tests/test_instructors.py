"""The instructors' page: timetables that add up from the cards, and running times that were measured."""

import re

import html5lib
import nbformat
from conftest import NOTEBOOKS, ROOT, read
from site_tools import build

XHTML = "{http://www.w3.org/1999/xhtml}"


def rows(public, label, name="instructors"):
    """The tables with that label on the page: each a list of rows of texts."""
    page = html5lib.parse((public / f"{name}.html").read_text(encoding="utf-8"))
    return [[[" ".join("".join(cell.itertext()).split()) for cell in row if cell.tag == XHTML + "td"]
             for row in box.iter(XHTML + "tr")][1:]
            for box in page.iter(XHTML + "div") if box.get("aria-label") == label]


def minutes_of(prefix):
    card = read(next(path for path in NOTEBOOKS if path.stem.startswith(f"{prefix}_"))).cells[0].source
    return int(re.search(r"\*\*Time:\*\* (\d+) minutes", card).group(1))


def test_timetables_add_up(public):
    tables = rows(public, "Timetable")
    assert len(tables) == 4
    for table in tables:
        clock = 0
        for begin, what, minutes, _ in table[:-1]:
            assert begin == f"{clock//60}:{clock % 60:02d}", what
            if lesson := re.match(r"Lesson (\d\d):", what):
                assert int(minutes) == minutes_of(lesson.group(1)), what
            clock += int(minutes)
        assert table[-1][0] == f"{clock//60}:{clock % 60:02d}" and table[-1][2] == str(clock)
    deck = (ROOT / "slides/fastai.md").read_text(encoding="utf-8")
    assert int(tables[0][0][2]) == round(sum(map(float, re.findall(r'notes minutes="([\d.]+)"', deck))) + 0.49)
    exercises = " ".join(row[3] for table in tables for row in table)
    assert "A splitter of your own" in exercises and "exercise-" not in exercises


def test_running_times_are_those_of_the_notebooks(public):
    table, = rows(public, "Times of the notebooks")
    assert len(table) == len(NOTEBOOKS)
    for path, row in zip(NOTEBOOKS, table, strict=True):
        measured = read(path).metadata.get("atelier", {}).get("seconds")
        assert (row[2] == "not yet measured") == (measured is None), path.stem


def test_a_recorded_time_is_shown(course):
    for name, measured in (("01_dice", {"seconds": 83, "cores": 2}), ("02_coins", {"seconds": 192, "cores": 1})):
        notebook = read(course / f"nbs/{name}.ipynb")
        notebook.metadata["atelier"] |= measured
        nbformat.write(notebook, course / f"nbs/{name}.ipynb")
    run = build(ROOT, course / "public", course)
    assert run.returncode == 0, run.stdout
    table, = rows(course / "public", "Times of the notebooks", "teaching")
    assert [row[2] for row in table] == ["83 s, 2 cores", "3.2 min, 1 core"]
