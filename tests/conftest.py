"""What several test files share: the project's root, its notebooks, the real pictures, and copies to break."""

import os
import shutil
from pathlib import Path

import nbformat
import pytest

# Lessons begin with the same weights whatever this machine has in torchvision's cache.
os.environ.setdefault("ATELIER_WEIGHTS", "atelier")
# Cells read data/results, also where data to measure them on is at hand.
for variable in ("ATELIER_REAL_PAINTINGS", "ATELIER_REAL_REVIEWS", "ATELIER_LONG", "ATELIER_STORE"):
    os.environ.pop(variable, None)

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "nbs").glob("[0-9A-Z]*_*.ipynb"))


def read(notebook):
    return nbformat.read(notebook, as_version=4)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    """Each lesson and appendix, parsed."""
    return read(request.param)


@pytest.fixture
def copy_of_project(tmp_path):
    """A function that copies the named files and folders of the project into an empty folder, to be broken there."""
    def copy(*names):
        for name in names:
            source, target = ROOT / name, tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("public", "resources", "__pycache__"))
            else:
                shutil.copy(source, target)
        return tmp_path
    return copy


@pytest.fixture(scope="session")
def public(tmp_path_factory):
    """The site as built from the project, with its search index."""
    from site_tools import build, index  # which imports ROOT from here

    folder = tmp_path_factory.mktemp("public")
    run = build(ROOT, folder)
    assert run.returncode == 0, run.stdout
    index(folder)
    return folder


@pytest.fixture(scope="module")
def browser():
    """A headless browser."""
    from site_tools import chromium

    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def home(public):
    """The address of a server of the built site."""
    from site_tools import served

    with served(public) as address:
        yield address


@pytest.fixture(scope="session")
def real():
    """The folder of real pictures and texts that the project is tested on but never ships."""
    folder = Path(os.environ.get("ATELIER_REAL", ROOT.parent / "shared" / "real"))
    if not folder.is_dir():
        pytest.skip(f"no real pictures at {folder}; name their folder in ATELIER_REAL to run this test")
    return folder
