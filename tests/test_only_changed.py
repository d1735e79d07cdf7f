"""Which notebooks `make test` may leave out."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import only_changed
import pytest
from conftest import NOTEBOOKS, ROOT, read

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


PYTEST = """
import sys, pathlib, pytest
sys.path.insert(0, 'tools')
import only_changed
only_changed.PASSED = pathlib.Path(sys.argv[1])
sys.exit(pytest.main(['-q', '--collect-only', '-p', 'only_changed', '--nbval-lax', *sys.argv[2:]]))
"""


def test_pytest_collects_only_what_has_changed(tmp_path):
    (tmp_path / "passed.json").write_text(json.dumps({NAMES[0]: only_changed.depends_on(read(NOTEBOOKS[0]))}))
    started_by_a_person = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    run = subprocess.run([sys.executable, "-c", PYTEST, tmp_path / "passed.json", *NAMES], cwd=ROOT, text=True,
                         capture_output=True, env=started_by_a_person)
    assert run.returncode == 0, run.stdout + run.stderr
    cells = {name: run.stdout.count(f"{name}::") for name in NAMES}
    assert cells[NAMES[0]] == 0 < cells[NAMES[1]]
    assert "deselected" in run.stdout and f"make test ALL=1 runs them): {NAMES[0]}\n" in run.stdout


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
