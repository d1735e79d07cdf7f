"""Lessons run on anyone's data: here on real paintings, street scenes and reviews, from first cell to last."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT, read
from nbformat.v4 import new_code_cell

# Lessons that promise to run on a folder of one's own: the variable that names it, and a folder of real data.
PAINTINGS = ("01_classifier", "02_datablock", "03_resize", "04_transfer", "05_gradient_descent", "07_pytorch")
LESSONS = [(lesson, "ATELIER_PAINTINGS", "painters") for lesson in PAINTINGS]
LESSONS += [("09_segmentation", "ATELIER_SEGMENTATION", "camvid"), ("10_sentiment", "ATELIER_REVIEWS", "reviews")]

# How many files are enough for a lesson to run from end to end, whatever they teach: lesson 01 shows the six worst of
# the fifth that is held back, and 09 the four worst.
FEW = {"painters/monet": 16, "painters/vangogh": 16, "camvid/images": 20, "camvid/labels": 20,
       **{f"reviews/{part}/{label}": 50 for part in ("train", "test") for label in ("neg", "pos")}}

# A lesson that passes over the folder would pass on the course's own data too. So the first cell listens to what is
# opened, and the last one asks whether anything in the folder was.
LISTEN = """import sys
_opened = []
sys.addaudithook(lambda event, args: _opened.append(str(args[0])) if event == "open" else None)"""
USED = "assert any(path.startswith({folder!r}) for path in _opened), 'the lesson has not read the folder'"


@pytest.fixture
def few(real, tmp_path):
    """A function that copies the first files of a folder of real data."""
    def pick(folder):
        for part, count in FEW.items():
            if part.startswith(folder):
                (tmp_path / part).mkdir(parents=True)
                for file in sorted((real / part).iterdir())[:count]:
                    shutil.copy(file, tmp_path / part)
        for file in (real / folder).glob("*.txt"):
            shutil.copy(file, tmp_path / folder)
        return tmp_path / folder
    return pick


@pytest.mark.parametrize("lesson, variable, folder", LESSONS, ids=[lesson for lesson, *_ in LESSONS])
def test_lesson_runs_on_real_data(lesson, variable, folder, few, tmp_path):
    data = str(few(folder))
    notebook = read(ROOT / "nbs" / f"{lesson}.ipynb")
    for cell in notebook.cells:  # the stored numbers are those of the course's own data
        if "nbval-check-output" in cell.metadata.get("tags", []):
            cell.metadata.tags.remove("nbval-check-output")
    notebook.cells.insert(0, new_code_cell(LISTEN))
    notebook.cells.append(new_code_cell(USED.format(folder=data)))
    file = tmp_path / f"{lesson}.ipynb"
    nbformat.write(notebook, file)
    shutil.copytree(ROOT / "nbs" / "quiz", tmp_path / "quiz")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis",
               "-p", "no:hypothesispytest", "-p", "no:anyio", "--rootdir", tmp_path, "--nbval-lax",
               "--nbval-current-env", file]
    run = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True,
                         env={**os.environ, variable: data})
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    run_cells = [cell for cell in cells if "nbval-skip" not in cell.metadata.get("tags", [])]
    assert f"{len(run_cells)} passed" in run.stdout
