"""Which notebooks `make test` may leave out."""

import json
from types import SimpleNamespace

import only_changed
import pytest
from conftest import NOTEBOOKS, read

NAMES = [f"nbs/{path.name}" for path in NOTEBOOKS[:2]]


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A function that plays a run of the tests of two notebooks, with these cells failing, skipped or not run."""
    monkeypatch.setattr(only_changed, "PASSED", tmp_path / "build" / "passed.json")
    monkeypatch.setenv("ATELIER_UNCHANGED", "")

    def play(**outcomes):
        run = only_changed.OnlyChanged()
        for name in NAMES:
            for cell in range(run.cells[name]):
                outcome = outcomes.get(f"cell_{cell}", "passed")
                if name == NAMES[0] or outcome == "passed":
                    for when in ("setup", "call", "teardown"):
                        run.pytest_runtest_logreport(SimpleNamespace(
                            nodeid=f"{name}::Cell {cell}", when=when, passed=outcome == "passed"))
        run.pytest_sessionfinish()
        return run.unchanged
    return play


def test_what_passed_whole_is_left_out_next_time(session):
    assert session() == []
    assert session() == NAMES
    assert session() == NAMES, "and the time after, though nothing of it has run"


def test_a_failure_brings_it_back(session):
    session()
    session(cell_1="failed")
    assert session() == NAMES[1:]


def test_half_a_run_counts_for_nothing(session, monkeypatch):
    run = only_changed.OnlyChanged()
    run.pytest_runtest_logreport(SimpleNamespace(nodeid=f"{NAMES[0]}::Cell 0", when="call", passed=True))
    run.pytest_sessionfinish()
    assert json.loads(only_changed.PASSED.read_text()) == {}


@pytest.mark.parametrize("change", ["source", "output", "module", "data"])
def test_whatever_decides_is_in_the_hash(change):
    notebook = next(read(path) for path in NOTEBOOKS if path.stem == "01_classifier")
    before = only_changed.depends_on(notebook)
    assert only_changed.depends_on(notebook) == before
    match change:
        case "source":
            notebook.cells[-1].source += "\nmore"
        case "output":
            next(cell for cell in notebook.cells if cell.get("outputs")).outputs.pop()
        case "module":
            notebook.metadata.atelier.run.modules["atelier/collection.py"] = ""
        case "data":
            notebook.metadata.atelier.run.data["data/reviews/train/neg"] = ""
    assert only_changed.depends_on(notebook) != before
