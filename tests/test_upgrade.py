"""What `make upgrade` reports, of two runs of a notebook and of two locks. The upgrade itself is run by hand."""

import subprocess
import sys

import nbformat
import pytest
import upgrade
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_notebook, new_output


def lesson(text, html="<table><tr><td>0.25</td><td>00:03</td></tr></table>"):
    return new_notebook(cells=[
        new_code_cell("#| label: printed\nprint(error)", id="printed",
                      outputs=[new_output("stream", name="stdout", text=text)]),
        new_code_cell("#| label: trained\nlearn.fit()", id="trained",
                      outputs=[new_output("display_data", {"text/html": html, "text/plain": "<HTML object>"})])])


def test_numbers_that_moved_are_told_old_beside_new():
    stored = lesson("error 7.8% of 154, in 12 s")
    assert not upgrade.compare(stored, lesson("error 7.8% of 154, in 31 s")), "times are not compared"
    moved = lesson("error 9.1% of 154, in 31 s", "<table><tr><td>0.31</td><td>00:05</td></tr></table>")
    assert upgrade.compare(stored, moved) == [
        ("printed", "7.8%", "9.1%", "fails"), ("trained", "0.25", "0.31", "fails")]
    assert upgrade.compare(stored, lesson("error 7.9% of 154, in 12 s")) == [("printed", "7.8%", "7.9%", "")]
    assert upgrade.compare(stored, lesson("nothing")) == [
        ("printed", "error 7.8% of 154, in …", "nothing", "fails")]
    unshown = lesson("error 7.8% of 154, in 12 s")
    unshown.cells[1].outputs = [new_output("display_data", {"image/png": "AA==", "text/plain": "<Figure>"})]
    assert upgrade.compare(stored, unshown) == [("trained", "0.25 …", "image/png", "fails")]


def test_packages_that_move_come_from_the_locks():
    lock = ("torch==2.13.0 \\\n    --hash=sha256:00\nnumpy==2.3.1 ; python_version < '3.12' \\\n"
            "numpy==2.4.0 ; python_version >= '3.12'\n")
    assert upgrade.packages(lock) == {"torch": "2.13.0", "numpy": "2.3.1, 2.4.0"}
    table = upgrade.table("Moved", ["package", "now", "then"], [("torch", "2.13.0", "2.14.0")])
    assert table.endswith("| torch | 2.13.0 | 2.14.0 |\n")


def test_a_notebook_that_fails_is_told_and_the_tree_is_left_alone(tmp_path, monkeypatch):
    """In a small project: the copy is run, and what was stored stays as it was."""
    (tmp_path / "nbs").mkdir()
    (tmp_path / "tools").mkdir()
    for tool in (ROOT / "tools").glob("*.py"):
        (tmp_path / "tools" / tool.name).write_text(tool.read_text(encoding="utf-8"), encoding="utf-8")
    path = tmp_path / "nbs/01_short.ipynb"
    card = nbformat.v4.new_markdown_cell("# 01 Short\n\n> **Last verified:** never")
    cell = new_code_cell("#| label: sum\nprint(1 + 1)", outputs=[new_output("stream", name="stdout", text="3\n")])
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    monkeypatch.setattr(upgrade, "ROOT", tmp_path)
    monkeypatch.setattr(upgrade, "COPY", tmp_path / "build/upgrade/atelier")
    monkeypatch.setattr(upgrade, "PYTHON", sys.executable)
    (tmp_path / ".gitignore").write_text("build/\n")
    for source, wanted in [("print(1 + 1)", ([("sum", "3", "2", "fails")], None)),
                           ("1/0", ([], "ZeroDivisionError: division by zero"))]:
        cell.source = f"#| label: sum\n{source}"
        nbformat.write(new_notebook(cells=[card, cell]), path)
        before = path.read_bytes()
        upgrade.copy_project()
        assert upgrade.run(path) == wanted
        assert path.read_bytes() == before


def test_a_name_that_is_none_is_refused():
    with pytest.raises(SystemExit, match="No notebook in nbs/ is called 99"):
        upgrade.main(["99"])
