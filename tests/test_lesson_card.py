"""What a lesson's card adds to its text: reading time, the notebook with and without solutions, where it runs."""

import json
import re

import html5lib
import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT
from site_tools import COURSE, build

XHTML = "{http://www.w3.org/1999/xhtml}"
ADDRESS = "https://github.com/someone/course"


def card(public, name):
    """The facts of a lesson's card: each name with its <dd>."""
    page = html5lib.parse((public / f"lessons/{name}.html").read_text(encoding="utf-8"))
    facts = next(page.iter(XHTML + "dl"))
    return dict(zip(("".join(t.itertext()) for t in facts.iter(XHTML + "dt")), facts.iter(XHTML + "dd"), strict=True))


def links(fact):
    return {" ".join("".join(a.itertext()).split()): a.get("href") for a in fact.iter(XHTML + "a")}


def test_notebook_can_be_had_as_it_is_and_without_solutions(public, notebook, request):
    name = request.node.callspec.id
    found = links(card(public, name)["Notebook"])
    original = (public / "lessons" / found["as it ran"]).resolve()
    assert original.read_bytes() == (ROOT / f"nbs/{name}.ipynb").read_bytes()
    wanted = json.loads(original.read_text(encoding="utf-8"))
    kept = [cell for cell in wanted["cells"] if "solution" not in cell["metadata"].get("tags", [])]
    if len(kept) == len(wanted["cells"]):
        assert "without solutions" not in found
        return
    stripped = (public / "lessons" / found["without solutions"]).resolve()
    assert json.loads(stripped.read_text(encoding="utf-8")) == {**wanted, "cells": kept}
    nbformat.validate(nbformat.read(stripped, as_version=4))


@pytest.mark.parametrize("name", [path.stem for path in NOTEBOOKS])
def test_reading_takes_a_part_of_the_time(public, name):
    facts = {key: "".join(fact.itertext()) for key, fact in card(public, name).items()}
    assert list(facts)[:2] == ["Time", "Reading"] and "make lab" in facts["Notebook"]
    assert 1 <= int(re.match(r"(\d+) of these minutes", facts["Reading"]).group(1)) < int(facts["Time"].split()[0])


def test_no_host_is_offered_where_none_is_known(public):
    for path in NOTEBOOKS:
        assert "colab" not in (public / f"lessons/{path.stem}.html").read_text(encoding="utf-8").lower(), path.stem


@pytest.mark.parametrize("address", [ADDRESS, ADDRESS + ".git", ADDRESS + "/"])
def test_repository_gives_links_to_colab_and_binder(tmp_path, address):
    run = build(ROOT, tmp_path, COURSE, HUGO_PARAMS_REPOSITORY=address, HUGO_PARAMS_BRANCH="spring")
    assert run.returncode == 0, run.stdout
    fact = card(tmp_path, "01_dice")["Online"]
    assert links(fact) == {
        "Colab": "https://colab.research.google.com/github/someone/course/blob/spring/nbs/01_dice.ipynb",
        "Binder": "https://mybinder.org/v2/gh/someone/course/spring?labpath=nbs%2F01_dice.ipynb"}
    assert "%pip install git+https://github.com/someone/course@spring" in "".join(fact.itertext())
