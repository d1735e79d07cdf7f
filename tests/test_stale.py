"""A cell whose code is not what ran: an error where the site is built, a mark on slide and page while one presents."""

import re

import nbformat
import pytest
from conftest import ROOT
from nbformat.v4 import new_code_cell
from site_tools import build, first_port, presenting, until

LESSON = "nbs/01_dice.ipynb"


def edit(course, change):
    nb = nbformat.read(course / LESSON, as_version=4)
    change(nb, {cell.id: cell for cell in nb.cells})
    nbformat.write(nb, course / LESSON)


def more_rolls(nb, cells):
    cells["roll"].source = cells["roll"].source.replace("range(60)", "range(61)")


def words_only(nb, cells):
    """What may change without a run: texts, directives, docstrings, blank lines."""
    cells["t-roll"].source += "\n\nAnother sentence."
    cells["plot"].source = cells["plot"].source.replace('fig-cap: "', 'fig-cap: "Drawn: ')
    cells["solution-mean"].source = cells["solution-mean"].source.replace(
        "def mean(rolls):\n", 'def mean(rolls):\n    """Of some\n\n    numbers."""\n\n')


@pytest.mark.parametrize("change, complaint", [
    (more_rolls, r'nbs/01_dice\.ipynb, cell \d+ \(label "roll"\): its code is not what ran; .* NB=01_dice'),
    (lambda nb, cells: nb.cells.append(new_code_cell("#| label: more\n1")), r'\(label "more"\): its code is not what'),
    (lambda nb, cells: nb.cells.remove(cells["roll"]), r'\(label "counts"\): a cell before it was moved or removed'),
    (lambda nb, cells: nb.metadata.pop("atelier"), r"nbs/01_dice\.ipynb: it has not run"),
    (words_only, None),
])
def test_what_is_built_comes_from_what_ran(course, change, complaint):
    edit(course, change)
    run = build(ROOT, course / "public", course)
    assert bool(run.returncode) == bool(complaint), run.stdout
    if complaint:
        assert re.search(complaint, run.stdout), run.stdout
        assert len(re.findall("make execute", run.stdout)) == 1, run.stdout


def test_a_presenter_who_edits_keeps_the_deck_and_sees_what_did_not_run(course, monkeypatch, browser):
    edit(course, more_rolls)
    monkeypatch.setenv("HUGO_THEME", str(course))
    with presenting(first_port()) as server:
        home = re.search(r"Site +(\S+)", server.said).group(1)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{home}slides/dice.html#/a-roll-in-python")
        page.wait_for_selector(".reveal.ready")
        assert page.locator("section.present:not(.stack) .stale").all_text_contents() == ["Changed since it ran"]
        page.keyboard.press("End")
        marks = page.locator(".slides .stale").all_text_contents()
        assert "01#roll changed since this ran" in marks, "outputs that came after it"
        assert page.locator(".slides .stale-value").count() == 1, "a number in a sentence"
        page.goto(f"{home}lessons/01_dice.html")
        assert page.locator("#roll .stale").is_visible() and page.locator("#counts .stale").is_visible()
        assert page.locator(".diagram.wide [data-stale]").text_content() == "60", "a number in a diagram"
        page.goto(f"{home}lessons/02_coins.html")
        assert not page.locator(".stale").count()
        page.close()


def test_the_mark_appears_when_a_cell_is_saved(course, monkeypatch, browser):
    monkeypatch.setenv("HUGO_THEME", str(course))
    with presenting(first_port()) as server:
        page = browser.new_page()
        page.goto(re.search(r"Site +(\S+)", server.said).group(1) + "lessons/01_dice.html")
        assert not page.locator(".stale").count()
        edit(course, more_rolls)
        until(page, "document.querySelector('#roll .stale')?.textContent === 'Changed since it ran'")
        page.close()
