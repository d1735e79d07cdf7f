"""Lessons run on anyone's data: here on real paintings, street scenes and reviews, from first cell to last."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT, read
from nbformat.v4 import new_code_cell

# Lessons that promise to run on a folder of one's own: the variable that names it, and a folder of real data.
PAINTINGS = ("01_classifier", "02_datablock", "03_resize", "04_transfer", "05_gradient_descent", "07_pytorch")
LESSONS = [(lesson, "ATELIER_PAINTINGS", "painters") for lesson in PAINTINGS]
LESSONS += [("09_segmentation", "ATELIER_SEGMENTATION", "camvid"), ("10_sentiment", "ATELIER_REVIEWS", "reviews")]

# How many files of a folder are enough for a lesson to run from end to end, whatever they teach. Lesson 01 shows the
# six worst of the fifth that is held back, 09 the four worst; 04 wants 120 to learn from and 30 others.
FEW = {"monet": 16, "vangogh": 16, "images": 20, "labels": 20, "neg": 30, "pos": 30}
MORE = {"04_transfer": {"monet": 75, "vangogh": 75}}

# A lesson that passes over the folder would pass on the course's own data too. So the first cell listens to what is
# opened, and the last one asks whether anything in the folder was.
LISTEN = """import sys
_opened = []
sys.addaudithook(lambda event, args: _opened.append(str(args[0])) if event == "open" else None)"""
# How well a network learns is no matter here: one batch an epoch shows that it can.
SHORT = """from fastai.callback.training import ShortEpochCallback as _Short
from fastai.torch_core import defaults as _defaults
class _One(_Short):
    def __init__(self): super().__init__(0, short_valid=False)
    def after_batch(self):
        if not hasattr(self.learn, "lr_finder"): super().after_batch()
_defaults.callbacks = [*_defaults.callbacks, _One]"""
USED = "assert any(path.startswith({folder!r}) for path in _opened), 'the lesson has not read the folder'"


def copy_few(source, target, counts):
    """Copies a folder of real data, of the folders named in `counts` only so many of the first files."""
    for folder, _, names in os.walk(source):
        there = target / Path(folder).relative_to(source)
        there.mkdir()
        for name in sorted(names)[:counts.get(there.name)]:
            shutil.copy(Path(folder) / name, there)


@pytest.mark.parametrize("lesson, variable, folder", LESSONS, ids=[lesson for lesson, *_ in LESSONS])
def test_lesson_runs_on_real_data(lesson, variable, folder, real, tmp_path):
    data = str(tmp_path / folder)
    copy_few(real / folder, tmp_path / folder, FEW | MORE.get(lesson, {}))
    notebook = read(ROOT / "nbs" / f"{lesson}.ipynb")
    for cell in notebook.cells:  # the stored numbers are those of the course's own data
        if "nbval-check-output" in cell.metadata.get("tags", []):
            cell.metadata.tags.remove("nbval-check-output")
    notebook.cells[:0] = [new_code_cell(LISTEN), new_code_cell(SHORT)]
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
