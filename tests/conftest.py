"""What several test files share: the project's root and notebooks, the built site, a browser, and copies to break."""

import asyncio
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"  # what the project is tested on where it is there, and never ships
NOTEBOOKS = sorted((ROOT / "nbs").glob("[0-9A-Z]*_*.ipynb"))

# How `make test` shares the tests out among its workers: a file's tests stay together, since they share servers and
# browsers, but those of test_own_data go wherever there is room. The files that take longest begin.
SPREAD = {"test_own_data"}
LONG = ("test_own_data", "test_torchserve", "test_bentoml", "test_make", "test_live", "test_demo", "test_security")


def read(notebook):
    return nbformat.read(notebook, as_version=4)


def wait_for(condition, seconds=120):
    """Waits until a function says something true; how long that takes is no matter."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def pytest_sessionstart(session):
    """What lessons, kernels and servers leave in the temporary folder goes where pytest's own goes in the end."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = session.config._tmp_path_factory.getbasetemp() / "tmp"
        folder.mkdir()
        os.environ["TMPDIR"], tempfile.tempdir = str(folder), None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """What xdist's --dist loadgroup hands out at once."""
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::")[0]
            return nodeid if Path(file).stem in SPREAD else file

    return Files(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_collection_modifyitems(config, items):
    """The order for --dist loadgroup."""
    if not getattr(config.option, "loadgroup", False):  # xdist sets it in its workers
        return
    seconds = {path: read(path).metadata.get("atelier", {}).get("seconds", 0) for path in NOTEBOOKS}

    def rank(item):
        """Notebooks by how long they ran, after the longest tests and before the rest."""
        if item.path.stem in LONG:
            return 0, LONG.index(item.path.stem)
        return (1, -seconds[item.path]) if item.path in seconds else (2, 0)

    items.sort(key=rank)


@contextmanager
def full_disk(at=100):
    """Within it, no file of this process grows beyond so many bytes; as on a full disk, the write that would fails."""
    import resource  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    """Each lesson and appendix, parsed."""
    return read(request.param)


def copy_to(folder, *names):
    """Copies files and folders of the project into a folder, to be broken there."""
    for name in names:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("public", "resources", "__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


@pytest.fixture
def copy_of_project(tmp_path):
    """A function that copies the named parts of the project into an empty folder."""
    return lambda *names: copy_to(tmp_path, *names)


@pytest.fixture(scope="session")
def public(tmp_path_factory):
    """The site as built from the project, with its search index: one build for all workers, not to be written to."""
    from site_tools import build, index  # which imports ROOT from here

    run_folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run_folder = run_folder.parent
    folder, built = run_folder / "public", run_folder / "public-is-built"
    with FileLock(run_folder / "public.lock"):
        if not built.exists():
            run = build(ROOT, folder)
            assert run.returncode == 0, run.stdout
            index(folder)
            built.touch()
    return folder


@pytest.fixture(scope="session")
def worker_browser():
    """A worker's one browser. Use `browser`."""
    from site_tools import chromium

    with chromium() as running:
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield running, loop
        asyncio._set_running_loop(loop)


@pytest.fixture(scope="module")
def browser(worker_browser):
    """A headless browser. Playwright leaves its event loop marked as running, in which no kernel of a notebook could
    be asked and no asyncio.run would begin: so only while the tests of a file use it."""
    running, loop = worker_browser
    asyncio._set_running_loop(loop)
    yield running
    asyncio._set_running_loop(None)


@pytest.fixture(autouse=True)
def _contexts(request):
    """What a test opens in the browser is closed with it."""
    if "browser" not in request.fixturenames:
        yield
        return
    running = request.getfixturevalue("browser")
    before = running.contexts
    yield
    for context in running.contexts:
        if context not in before:
            context.close()


@pytest.fixture(scope="session")
def home(public):
    """The address of a server of the built site."""
    from site_tools import served

    with served(public) as address:
        yield address


@pytest.fixture(scope="session")
def real():
    """The folder of real pictures and texts that the project is tested on but never ships."""
    folder = Path(os.environ.get("ATELIER_REAL", SHARED / "real"))
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
