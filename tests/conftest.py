"""What several test files share: the project's root, its notebooks, the real pictures, and copies to break."""

import os
import shutil
from pathlib import Path

import nbformat
import pytest

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


@pytest.fixture
def course(tmp_path):
    """A copy of the tiny course of tests/course/, to be broken."""
    return shutil.copytree(ROOT / "tests" / "course", tmp_path / "course")


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """The site of the tiny course, as built for a folder of a host, in a folder of that path; not to be written to."""
    from site_tools import COURSE, build

    host = tmp_path_factory.mktemp("host")
    run = build(ROOT, host / "courses/chances", COURSE, HUGO_PARAMS_ADDRESS="https://example.org/courses/chances/")
    assert run.returncode == 0, run.stdout
    return host


@pytest.fixture(scope="module")
def small_home(small):
    """The address of a server of the tiny course."""
    from site_tools import served

    with served(small) as address:
        yield f"{address}/courses/chances"
