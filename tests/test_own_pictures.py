"""Lessons run on anyone's pictures: here on photographs of real paintings, from first cell to last."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT, read

# Lessons that promise to run on a folder of one's own, and where in the real data that folder is.
LESSONS = [("02_datablock.ipynb", "painters")]


@pytest.mark.parametrize("lesson, folder", LESSONS)
def test_lesson_runs_on_real_paintings(lesson, folder, real, tmp_path):
    notebook = read(ROOT / "nbs" / lesson)
    for cell in notebook.cells:  # the stored numbers are those of the painted pictures
        if "nbval-check-output" in cell.metadata.get("tags", []):
            cell.metadata.tags.remove("nbval-check-output")
    nbformat.write(notebook, tmp_path / lesson)
    shutil.copytree(ROOT / "nbs" / "quiz", tmp_path / "quiz")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env",
               "--rootdir", tmp_path, tmp_path / lesson]
    run = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True,
                         env={**os.environ, "ATELIER_PAINTINGS": str(real / folder)})
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert f"{len([c for c in notebook.cells if c.cell_type == 'code'])} passed" in run.stdout
