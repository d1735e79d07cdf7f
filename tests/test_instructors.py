"""The instructors' page: timetables that add up from the cards, and running times that were measured."""

import re

import html5lib
import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT, read
from site_tools import build

XHTML = "{http://www.w3.org/1999/xhtml}"


def rows(public, label):
    """The tables with that label on the page: each a list of rows of texts."""
    page = html5lib.parse((public / "instructors.html").read_text(encoding="utf-8"))
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


@pytest.fixture
def project(copy_of_project):
    copy = copy_of_project("site", "slides", "nbs", "data")
    (copy / "node_modules").symlink_to(ROOT / "node_modules", target_is_directory=True)
    return copy


def test_a_recorded_time_is_shown(project):
    for name, seconds in (("01_classifier", 83), ("02_datablock", 192)):
        notebook = read(project / f"nbs/{name}.ipynb")
        notebook.metadata["atelier"] = {"seconds": seconds, "cores": 2}
        nbformat.write(notebook, project / f"nbs/{name}.ipynb")
    run = build(project, project / "public")
    assert run.returncode == 0, run.stdout
    table, = rows(project / "public", "Times of the notebooks")
    assert [row[2] for row in table[:2]] == ["83 s, 2 cores", "3.2 min, 2 cores"]


@pytest.mark.parametrize("row, complaint", [
    ('- {lesson: "77"}', 'no notebook "77"'),
    ('- {lesson: "01", exercises: [exercise-eror]}', 'no cell with the label "exercise-eror"'),
    ("- {deck: fastay}", "fastay.*has no minutes"),
    ("- {pause: Lunch}", "Lunch.*has no minutes"),
])
def test_mistake_in_a_timetable(project, row, complaint):
    page = project / "site/content/instructors.md"
    text = "---\ntitle: For instructors\n---\n\n{{< schedule >}}\n" + row + "\n{{< /schedule >}}\n"
    page.write_text(text, encoding="utf-8")
    run = build(project, project / "public")
    assert run.returncode and re.search(rf"instructors\.md:5.*{complaint}", run.stdout), run.stdout
