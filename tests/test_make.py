"""The commands a person types, run for real: what they say when something is missing, and what they serve."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import nbformat
import psutil
import pytest
from conftest import ROOT, copy_to
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from site_tools import first_port, listening, presenting, until, watch

MAKE_PARTS = ("Makefile", "requirements", "settings.ini", "setup.py", "pyproject.toml", "package.json",
              "package-lock.json", "tools")


def make(folder, *arguments, **environment):
    return subprocess.run(["make", *arguments], cwd=folder, text=True, capture_output=True, timeout=300,
                          env={**os.environ, **environment})


def test_help_is_the_default_and_names_every_target():
    said = make(ROOT).stdout
    targets = re.search(r"\.PHONY: (.*)", (ROOT / "Makefile").read_text(encoding="utf-8")).group(1).split()
    assert re.findall(r"^  make (\w+)", said, re.M) == [t for t in ["help", *targets[1:]]]


def test_missing_python_is_one_sentence(copy_of_project, tmp_path_factory):
    copy, tools = copy_of_project(*MAKE_PARTS), tmp_path_factory.mktemp("bin")
    for name in ("sh", "make", "mkdir", "echo", "touch", "grep", "sed"):
        (tools / name).symlink_to(shutil.which(name))
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # a Python that is too old answers the version check with failure
    old.chmod(0o755)
    run = make(copy, "present", PATH=str(tools))
    assert run.returncode and "needs Python 3.11 or newer" in run.stderr and "Traceback" not in run.stderr
    assert not (copy / ".venv").exists()


def test_missing_network_is_one_sentence(copy_of_project):
    copy = copy_of_project(*MAKE_PARTS)
    run = make(copy, "present", f"PYTHON={sys._base_executable}", PIP_CONFIG_FILE=os.devnull, PIP_RETRIES="0",
               PIP_INDEX_URL="http://127.0.0.1:9/", PIP_EXTRA_INDEX_URL="", PIP_FIND_LINKS="", PIP_NO_CACHE_DIR="1",
               PIP_NO_INDEX="")
    assert run.returncode and "is there a network connection" in run.stderr
    assert "Traceback" not in run.stderr + run.stdout and "ERROR" not in run.stderr
    assert (copy / "build/install.log").read_text(), "the details are kept"


def get(url):
    with urllib.request.urlopen(url, timeout=10) as reply:
        return reply.read().decode()


class Presented:
    """tools/present.py of a copy of the project, asked for a port that somebody has, until `stop`."""

    def __init__(self, folder):
        self.folder = copy_to(folder, "site", "hugo.toml", "slides", "nbs", "data", "tools")
        (folder / "node_modules").symlink_to(ROOT / "node_modules", target_is_directory=True)
        with socket.socket() as taken:
            self.wanted = first_port()
            with contextlib.suppress(OSError):  # somebody else has it
                taken.bind(("127.0.0.1", self.wanted))
                taken.listen()
            self.start(self.wanted)
        self.port = int(re.search(r"Site +http://127\.0\.0\.1:(\d+)/", self.said).group(1))

    def start(self, port):
        self.context = presenting(port, root=self.folder)
        self.server = self.context.__enter__()
        self.said = self.server.said

    def stop(self):
        self.context.__exit__(None, None, None)

    def address(self, path=""):
        return f"http://127.0.0.1:{self.port}/{path}"


@pytest.fixture(scope="module")
def presented(tmp_path_factory):
    running = Presented(tmp_path_factory.mktemp("presented"))
    yield running
    running.stop()
    shutil.rmtree(running.folder)


def test_present_serves_deck_and_lesson_on_a_free_port(presented):
    assert presented.port > presented.wanted
    assert f"Port {presented.wanted} is taken; using {presented.port}." in presented.said
    deck = re.search(r"Deck +(\S+/slides/fastai\.html)", presented.said).group(1)
    assert deck == presented.address("slides/fastai.html") and "/js/deck." in get(deck)
    assert "DataBlock" in get(presented.address("lessons/02_datablock.html"))
    assert "debouncedSearch" in get(presented.address("pagefind/pagefind.js")), "the search works"


def test_present_listens_on_the_loopback_alone(presented):
    assert listening(psutil.Process(presented.server.pid)) == {("127.0.0.1", presented.port)}


def test_presented_pages_reload_under_their_policy(presented, browser):
    """The dev server's reload script runs and its socket opens, in a browser that keeps to the page's policy."""
    page = browser.new_page()
    errors, _ = watch(page, "http://127.0.0.1")
    with page.expect_websocket() as opened:
        page.goto(presented.address("slides/fastai.html"), wait_until="load")
    opened.value.wait_for_event("framereceived")
    assert not errors


def test_saving_a_slide_or_a_notebook_reloads_the_page_and_the_port_is_free_again(presented, browser):
    deck = presented.folder / "slides/gradient-descent.md"
    lesson = presented.folder / "nbs/05_gradient_descent.ipynb"
    page = browser.new_page()
    for file, old, new in ((deck, "## Which way is down", "## Which way is north"),
                           (lesson, "grey 0.2: loss 0", "grey 0.2: loss 7")):
        if file is lesson:  # stopped and started again at once
            presented.stop()
            assert presented.server.returncode == 0
            presented.start(presented.port)
            assert "taken" not in presented.said
        page.goto(presented.address("slides/gradient-descent.html"))
        page.wait_for_selector(".reveal.ready")
        source, seen = file.read_text(encoding="utf-8"), new.lstrip("# ")
        assert old in source and seen not in page.evaluate("document.body.textContent")
        file.write_text(source.replace(old, new), encoding="utf-8")
        until(page, "seen => window.Reveal?.isReady() && document.body.textContent.includes(seen)", seen)


def test_execute_names_an_unknown_lesson():
    run = subprocess.run([sys.executable, ROOT / "tools/execute.py", "99"], text=True, capture_output=True)
    assert run.returncode and "No notebook 99" in run.stderr and "02" in run.stderr


def short_lesson(copy, *sources):
    """A lesson 01 of these code cells in a copy of the project."""
    (copy / "nbs").mkdir(exist_ok=True)
    lesson = copy / "nbs/01_short.ipynb"
    cells = [new_markdown_cell("# 01 Short\n\n> **Last verified:** never"), *map(new_code_cell, sources)]
    nbformat.write(new_notebook(cells=cells), lesson)
    return lesson


@pytest.mark.parametrize("source, complaint", [("1/0", "ZeroDivisionError"),
                                               ("import os; os.getcwd()", "belongs to this machine")])
def test_execute_keeps_the_file_when_a_cell_fails(copy_of_project, source, complaint):
    """A failing lesson is not stored, half or whole; and an output that names this machine is refused."""
    copy = copy_of_project("tools")
    lesson = short_lesson(copy, source)
    before = lesson.read_bytes()
    run = subprocess.run([sys.executable, copy / "tools/execute.py", "01"], text=True, capture_output=True)
    assert run.returncode and complaint in run.stderr
    assert lesson.read_bytes() == before and [p.name for p in Path(copy, "nbs").iterdir()] == [lesson.name]


@pytest.mark.parametrize(("asked", "cores"), [("3", 3), ("4,2", 4), ("", os.cpu_count()), ("0", os.cpu_count())])
def test_cores_are_those_that_the_libraries_may_use(monkeypatch, asked, cores):
    import execute

    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert execute.cores() == cores


def test_execute_stores_what_a_lesson_did(copy_of_project):
    """Seconds and cores go into the notebook, and what cleans notebooks before a commit leaves them there. And the
    kernel is told nothing of what widgets caught: what nbclient sends while it awaits a cell's reply may lose that
    reply, and the run would wait for ever."""
    copy = copy_of_project("tools", "pyproject.toml", "settings.ini")
    lesson = short_lesson(copy, "import time\ntime.sleep(1.2)",
                          "from ipywidgets import Output\ncaught = Output()\nwith caught: print('held back')\ncaught",
                          "caught.outputs")
    subprocess.run([sys.executable, copy / "tools/execute.py", "01"], check=True, capture_output=True,
                   env={**os.environ, "OMP_NUM_THREADS": "3"})
    stored = nbformat.read(lesson, as_version=4)
    measured = stored.metadata["atelier"]
    assert measured["seconds"] >= 1 and measured["cores"] == 3
    shown, told = (cell.outputs for cell in stored.cells[2:])
    assert "held back" not in str(shown) and told[0].data["text/plain"] == "()"
    subprocess.run([sys.executable, copy / "tools/execute.py", "--clean"], check=True, capture_output=True)
    nbdev_clean = Path(sys.executable).with_name("nbdev-clean")
    subprocess.run([nbdev_clean, "--fname", lesson], cwd=copy, check=True, capture_output=True)
    assert nbformat.read(lesson, as_version=4).metadata["atelier"] == measured


@pytest.fixture
def linked(copy_of_project):
    """A copy of the project that has everything installed, by links; an installation through them would harm it."""
    copy = copy_of_project("site", "hugo.toml", "slides", "nbs", "data", "tools", "CHANGELOG.md")
    for name in {*MAKE_PARTS, ".venv", "node_modules"} - {"tools"}:
        (copy / name).symlink_to(ROOT / name)
    return copy


def test_site_and_pdf_leave_each_other_alone(linked):
    """`make pdf` prints every slide, and the handout on one sheet; a site that was built for a host stays as it is."""
    from pypdf import PdfReader

    address, resources = "https://example.org/atelier/", str(ROOT / "site" / "resources")
    installed = [f"--old-file={name}" for name in (".venv/.site", ".venv/.pdf", "node_modules/.package-lock.json")]
    run = make(linked, *installed, "site", f"ADDRESS={address}", HUGO_RESOURCEDIR=resources)
    assert run.returncode == 0, run.stdout + run.stderr
    for deck in (ROOT / "slides").glob("*.md"):
        cells = re.findall(r"{{< (?:cell|widget) ", deck.read_text(encoding="utf-8"))
        assert f"slides/{deck.name}: {len(cells)} cells pulled from notebooks" in run.stdout
    slides = (linked / "site/public/slides/fastai.html").read_text(encoding="utf-8")
    assert re.search(r"</tspan> \w", slides), "no space beside a diagram's number is lost in what is published"
    home = linked / "site/public/index.html"
    assert address in home.read_text(encoding="utf-8") and (linked / "site/public/pagefind/pagefind.js").is_file()
    before = home.stat().st_mtime_ns

    run = make(linked, *installed, "pdf", HUGO_RESOURCEDIR=resources)
    assert run.returncode == 0, run.stdout + run.stderr
    assert home.stat().st_mtime_ns == before and address in home.read_text(encoding="utf-8")
    assert len(PdfReader(linked / "build/handout.pdf").pages) == 1
    for deck in (ROOT / "slides").glob("*.md"):
        source = deck.read_text(encoding="utf-8")
        headings = re.findall(r"(?m)^##? ([^{\n]*)", re.sub(r"(?s)\A---.*?\n---\n", "", source))
        slides = PdfReader(linked / f"build/{deck.stem}.pdf").pages
        assert len(slides) == 1 + len(headings), deck.stem  # 1: the title
        with_notes = PdfReader(linked / f"build/{deck.stem}-notes.pdf").pages
        assert len(with_notes) == 2 * len(slides), "each slide and a page of its notes"
        for number, (slide, notes) in enumerate(zip(with_notes[::2], with_notes[1::2], strict=True), 1):
            assert slide.mediabox == notes.mediabox and f"Notes to slide {number}\n" in notes.extract_text()
        texts = [" ".join(slide.extract_text().split()) for slide in slides]
        for number, heading in enumerate(headings, 1):  # text, not pictures of it
            assert set(re.findall(r"[A-Za-z]+", heading)) <= set(re.findall(r"[A-Za-z]+", texts[number])), heading
        if deck.stem == "gradient-descent":  # what comes step by step is there from the start, once
            assert any("How wrong is a grey?" in text and "grey 0.6: loss" in text for text in texts)
            assert [text.count("return preds") for text in texts if "The step, as a function" in text] == [1]


def test_style_measures_every_notebook(copy_of_project):
    """A notebook with two code cells of one and three lines, and one text of four words, is measured as that."""
    copy = copy_of_project("tools/style.py")
    (copy / "nbs").mkdir()
    cells = [new_markdown_cell("Four words are here."), new_code_cell("#| label: a\nx = 1"), new_code_cell("a\nb\nc")]
    nbformat.write(new_notebook(cells=cells), copy / "nbs/01_short.ipynb")
    said = subprocess.run([sys.executable, copy / "tools/style.py"], text=True, capture_output=True, check=True).stdout
    row = next(line for line in said.splitlines() if line.startswith("01_short")).split()
    assert row[1:3] + row[4:] == ["3", "2", "4", "0.5"] and "aim" in said
