"""The commands a person types, run for real: what they say when something is missing, and what they serve."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from site_tools import chromium, presenting, until, watch

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


def free_pair():
    """A port that a listening socket holds, with nothing on the next one."""
    while True:
        taken, following = socket.socket(), socket.socket()
        taken.bind(("127.0.0.1", 0))
        try:
            following.bind(("127.0.0.1", taken.getsockname()[1] + 1))
        except OSError:
            taken.close()
            continue
        following.close()
        taken.listen()
        return taken


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_present_serves_deck_and_lesson_on_the_next_free_port():
    with free_pair() as taken:
        port = taken.getsockname()[1]
        with presenting(port) as server:
            assert f"Port {port} is taken; using {port + 1}." in server.said
            deck = re.search(rf"Deck +(http://127\.0\.0\.1:{port + 1}/slides/fastai\.html)", server.said).group(1)
            assert "/js/deck." in get(deck)
            assert "DataBlock" in get(f"http://127.0.0.1:{port + 1}/lessons/02_datablock.html")
            assert "debouncedSearch" in get(f"http://127.0.0.1:{port + 1}/pagefind/pagefind.js"), "the search works"
            outside = socket.socket()
            outside.settimeout(1)
            with pytest.raises(OSError):  # it listens on the loopback only
                outside.connect((socket.gethostbyname(socket.gethostname()), port + 1)) \
                    if not socket.gethostbyname(socket.gethostname()).startswith("127.") \
                    else outside.connect(("127.0.0.2", port + 1))
    for _ in range(50):
        try:
            get(f"http://127.0.0.1:{port + 1}/")
        except (urllib.error.URLError, OSError):
            return
        time.sleep(0.1)
    raise AssertionError("the server went on after Ctrl-C")


def test_presented_pages_reload_under_their_policy():
    """The dev server's reload script runs and its socket opens, in a browser that keeps to the page's policy."""
    with presenting(free_port()) as server, chromium() as running:
        page = running.new_page()
        errors, _ = watch(page, "http://127.0.0.1")
        with page.expect_websocket() as opened:
            page.goto(re.search(r"Deck +(\S+)", server.said).group(1), wait_until="load")
        opened.value.wait_for_event("framereceived")
        assert not errors


def test_saving_a_slide_or_a_notebook_reloads_the_page_and_the_port_is_free_again(copy_of_project):
    copy = copy_of_project("hugo.toml", "site", "slides", "nbs", "data", "tools")
    (copy / "node_modules").symlink_to(ROOT / "node_modules", target_is_directory=True)
    with free_pair() as taken:
        port = taken.getsockname()[1] + 1
    deck, lesson = copy / "slides/gradient-descent.md", copy / "nbs/05_gradient_descent.ipynb"
    with chromium() as running:
        page = running.new_page()
        for title in ("Which way is up?", "Which way is north?"):  # stopped and started again at once
            with presenting(port, root=copy) as server:
                assert "taken" not in server.said
                page.goto(f"http://127.0.0.1:{port}/slides/gradient-descent.html")
                page.wait_for_selector(".reveal.ready")
                before = page.evaluate("Reveal.getSlides().map(slide => slide.textContent).join()")
                assert title not in before and "grey 0.2: loss 7" not in before
                text = deck.read_text(encoding="utf-8")
                deck.write_text(re.sub("## Which way is [a-z]+", f"## {title[:-1]}", text), encoding="utf-8")
                until(page, "title => window.Reveal?.isReady() && document.body.textContent.includes(title)",
                      title)
        with presenting(port, root=copy):
            page.goto(f"http://127.0.0.1:{port}/slides/gradient-descent.html")
            page.wait_for_selector(".reveal.ready")
            source = lesson.read_text(encoding="utf-8")
            assert "grey 0.2: loss 0" in source
            lesson.write_text(source.replace("grey 0.2: loss 0", "grey 0.2: loss 7"), encoding="utf-8")
            until(page, "document.body.textContent.includes('grey 0.2: loss 7')")


def test_execute_names_an_unknown_lesson():
    run = subprocess.run([sys.executable, ROOT / "tools/execute.py", "99"], text=True, capture_output=True)
    assert run.returncode and "No notebook 99" in run.stderr and "02" in run.stderr


def test_execute_keeps_the_file_when_a_cell_fails(copy_of_project):
    """A failing lesson is not stored, half or whole; and an output that names this machine is refused."""
    copy = copy_of_project("tools/execute.py")
    (copy / "nbs").mkdir()
    lesson = copy / "nbs" / "01_short.ipynb"
    for source, complaint in (("1/0", "ZeroDivisionError"), ("import os; os.getcwd()", "belongs to this machine")):
        cells = [new_markdown_cell("# 01 Short\n\n> **Last verified:** never"), new_code_cell(source)]
        nbformat.write(new_notebook(cells=cells), lesson)
        before = lesson.read_bytes()
        run = subprocess.run([sys.executable, copy / "tools/execute.py", "01"], text=True, capture_output=True)
        assert run.returncode and complaint in run.stderr
        assert lesson.read_bytes() == before and [p.name for p in Path(copy, "nbs").iterdir()] == [lesson.name]


@pytest.mark.parametrize(("asked", "cores"), [("3", 3), ("4,2", 4), ("", os.cpu_count())])
def test_execute_records_how_long_the_run_took(copy_of_project, asked, cores):
    """Seconds and cores go into the notebook, and what cleans notebooks before a commit leaves them there."""
    copy = copy_of_project("tools/execute.py", "pyproject.toml", "settings.ini")
    (copy / "nbs").mkdir()
    lesson = copy / "nbs/01_short.ipynb"
    code = new_code_cell("import time\ntime.sleep(1.2)")
    nbformat.write(new_notebook(cells=[new_markdown_cell("# 01 Short\n\n> **Last verified:** never"), code]), lesson)
    subprocess.run([sys.executable, copy / "tools/execute.py", "01"], check=True, capture_output=True,
                   env={**os.environ, "OMP_NUM_THREADS": asked})
    measured = nbformat.read(lesson, as_version=4).metadata["atelier"]
    assert measured["seconds"] >= 1 and measured["cores"] == cores
    subprocess.run([sys.executable, copy / "tools/execute.py", "--clean"], check=True, capture_output=True)
    nbdev_clean = Path(sys.executable).with_name("nbdev-clean")
    subprocess.run([nbdev_clean, "--fname", lesson], cwd=copy, check=True, capture_output=True)
    assert nbformat.read(lesson, as_version=4).metadata["atelier"] == measured


def test_execute_tells_the_kernel_nothing_of_what_widgets_caught(copy_of_project):
    """What nbclient sends while it awaits a cell's reply may lose that reply; the run would wait for ever."""
    copy = copy_of_project("tools/execute.py", "pyproject.toml", "settings.ini")
    (copy / "nbs").mkdir()
    lesson = copy / "nbs/01_touch.ipynb"
    cells = ["from ipywidgets import Output\ncaught = Output()\nwith caught: print('held back')\ncaught",
             "caught.outputs"]
    nbformat.write(new_notebook(cells=[new_markdown_cell("# 01 Touch\n\n> **Last verified:** never"),
                                       *map(new_code_cell, cells)]), lesson)
    subprocess.run([sys.executable, copy / "tools/execute.py", "01"], check=True, capture_output=True)
    shown, told = (cell.outputs for cell in nbformat.read(lesson, as_version=4).cells[1:])
    assert "held back" not in str(shown) and told[0].data["text/plain"] == "()"


def test_pdf_prints_every_slide_and_the_handout_on_one_sheet():
    from pypdf import PdfReader

    run = make(ROOT, "pdf")
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(PdfReader(ROOT / "build/handout.pdf").pages) == 1
    for deck in (ROOT / "slides").glob("*.md"):
        source = deck.read_text(encoding="utf-8")
        headings = re.findall(r"(?m)^##? ([^{\n]*)", re.sub(r"(?s)\A---.*?\n---\n", "", source))
        slides = PdfReader(ROOT / f"build/{deck.stem}.pdf").pages
        assert len(slides) == 1 + len(headings), deck.stem  # 1: the title
        with_notes = PdfReader(ROOT / f"build/{deck.stem}-notes.pdf").pages
        assert len(with_notes) == 2 * len(slides), "each slide and a page of its notes"
        for number, (slide, notes) in enumerate(zip(with_notes[::2], with_notes[1::2], strict=True), 1):
            assert slide.mediabox == notes.mediabox and f"Notes to slide {number}\n" in notes.extract_text()
        texts = [" ".join(slide.extract_text().split()) for slide in slides]
        for number, heading in enumerate(headings, 1):  # text, not pictures of it
            assert set(re.findall(r"[A-Za-z]+", heading)) <= set(re.findall(r"[A-Za-z]+", texts[number])), heading
        if deck.stem == "gradient-descent":  # what comes step by step is there from the start, once
            assert any("How wrong is a grey?" in text and "grey 0.6: loss" in text for text in texts)
            assert [text.count("return preds") for text in texts if "The step, as a function" in text] == [1]
        cells = re.findall(r"{{< (?:cell|widget) ", source)
        assert f"slides/{deck.name}: {len(cells)} cells pulled from notebooks" in run.stdout


def test_style_measures_every_notebook(copy_of_project):
    """A notebook with two code cells of one and three lines, and one text of four words, is measured as that."""
    copy = copy_of_project("tools/style.py")
    (copy / "nbs").mkdir()
    cells = [new_markdown_cell("Four words are here."), new_code_cell("#| label: a\nx = 1"), new_code_cell("a\nb\nc")]
    nbformat.write(new_notebook(cells=cells), copy / "nbs/01_short.ipynb")
    said = subprocess.run([sys.executable, copy / "tools/style.py"], text=True, capture_output=True, check=True).stdout
    row = next(line for line in said.splitlines() if line.startswith("01_short")).split()
    assert row[1:3] + row[4:] == ["3", "2", "4", "0.5"] and "aim" in said
