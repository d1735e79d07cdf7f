"""Live code: make present --live for real, its slides in a browser, and what its Jupyter server refuses."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
from conftest import ROOT
from site_tools import first_port, listening, presenting, until, violations
from test_deck import OVERFLOW

DECK = "slides/gradient-descent.html"
AWAY = "Jupyter does not answer"


class Live:
    """A running tools/present.py --live: the addresses of site and Jupyter, and the token that its pages hold."""

    def __init__(self, server):
        self.server = server
        self.site = re.search(r"Site +(http://127\.0\.0\.1:\d+/)", server.said).group(1)
        self.port = int(re.search(r"Jupyter +http://127\.0\.0\.1:(\d+)/", server.said).group(1))
        with urllib.request.urlopen(self.site + DECK, timeout=10) as reply:
            self.token = re.search(r'data-token="?([\w-]+)', reply.read().decode()).group(1)

    def ask(self, path, method="GET", token=None, **headers):
        """The answer of Jupyter: its status, its headers, its text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        if token:
            headers["Authorization"] = f"token {token}"
        try:
            connection.request(method, path, headers=headers)
            reply = connection.getresponse()
            return reply.status, reply.headers, "" if reply.status == 101 else reply.read().decode()
        finally:
            connection.close()

    def kernel(self):
        return json.loads(self.ask("/api/kernels", "POST", self.token)[2])["id"]

    def processes(self):
        return psutil.Process(self.server.pid).children(recursive=True)

    def pages(self):
        """The folder that Hugo builds the served pages into."""
        command = next(c for p in self.processes() if "--destination" in (c := p.cmdline()))
        return Path(command[command.index("--destination") + 1])

    def jupyter(self):
        return next(p for p in self.processes() if any(part.endswith("live.py") for part in p.cmdline()))


@pytest.fixture(scope="module")
def live():
    begun = time.time()
    with presenting(first_port(), "--live") as server:
        server.begun = begun
        yield Live(server)


@pytest.fixture
def page(live, browser):
    """The deck, open."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(300_000)  # the first cell imports fastai
    page.goto(live.site + DECK)
    page.wait_for_selector(".reveal.ready")
    return page


def slide_of(page, label):
    """Turns to the slide of a cell of lesson 05, with all its fragments; returns the cell."""
    page.evaluate("""name => {
        const {h, v} = Reveal.getIndices(document.querySelector(`.cell[data-cell="05#${name}"]`).closest('section'));
        Reveal.slide(h, v, 99);
    }""", label)
    return page.locator(f'.cell[data-cell="05#{label}"]')


def press(cell, name):
    cell.get_by_role("button", name=name).click()


def ready(cell):
    """Waits until nothing runs."""
    cell.get_by_role("button", name="Interrupt").wait_for(state="hidden")


def type_and_run(page, cell, code):
    if not cell.locator(".live-field").count():
        press(cell, "Edit")
    ready(cell)
    field = cell.locator(".live-field")
    field.fill(code)
    cell.get_by_role("button", name="Interrupt", include_hidden=True).evaluate("""button => {
        window.ran = false;  // it may be over before somebody looks
        new MutationObserver(() => { window.ran ||= !button.hidden })
            .observe(button, {attributes: true, attributeFilter: ['hidden']});
    }""")
    field.press("Shift+Enter")
    until(page, "window.ran")
    ready(cell)
    return cell.locator(".live-outputs")


def test_a_slide_runs_its_cell_beside_what_was_stored(page):
    """The cells before it run first, and say so; the new output equals the stored one; all fits and can be read."""
    cell = slide_of(page, "grey-loss")
    page.evaluate("""window.seen = new Set();
        for (const status of document.querySelectorAll('.live-status'))
            new MutationObserver(() => seen.add(status.textContent)).observe(status, {childList: true})""")
    press(cell, "Run")
    cell.locator(".live-outputs pre").wait_for()
    ready(cell)
    assert [s for s in page.evaluate("[...seen]") if re.fullmatch(r"cell \d of 8 before this one …", s)]
    stored, new = (cell.locator(f"{box} pre").inner_text().strip() for box in (".cell-output", ".live-outputs"))
    assert stored == new and "grey 0.2: loss" in new
    labels = cell.locator(".live-label").all_inner_texts()
    assert labels[0] == "stored" and labels[1].startswith("just now")
    assert cell.locator(".live-status").inner_text() == "kernel idle"
    assert not page.evaluate(OVERFLOW) and not violations(page, ".slides section.present:not(.stack)")
    press(cell, "Close")
    assert not cell.locator(".live-label").count() and cell.locator(".cell-output pre").inner_text().strip() == stored


def test_code_is_edited_in_place(page):
    """Keys in the field stay there; text, errors, pictures, tables and bars show; Reset brings the code back."""
    cell = slide_of(page, "grey-loss")
    where = "JSON.stringify(Reveal.getIndices())"  # the address follows later
    place, code = page.evaluate(where), cell.locator(".chroma").text_content()
    press(cell, "Edit")
    field = cell.locator(".live-field")
    assert "def grey_loss" in field.input_value() and "#|" not in field.input_value()
    field.press("End")
    for key in ("Space", "ArrowRight", "PageDown", "d", "b", "s"):
        field.press(key)
    assert page.evaluate(where) == place and not page.locator(".with-pen, .reveal.paused").count()
    assert type_and_run(page, cell, "print(6*7)").inner_text().strip() == "42"
    error = type_and_run(page, cell, "print('so far')\n1/0")
    assert "so far" in error.inner_text() and "ZeroDivisionError" in error.locator(".output-error").inner_text()
    for kind in ("plt.plot([1, 2]);", "from atelier.style import use_style\nuse_style()\nplt.plot([1, 2]);"):
        picture = type_and_run(page, cell, kind).locator("img")
        until(page, "document.querySelector('.live-outputs img').naturalWidth > 400")
        assert picture.get_attribute("alt")
    table = type_and_run(page, cell, "import pandas as pd\npd.DataFrame(dict(a=range(40)))")
    assert table.locator("tr").count() > 40
    bars = type_and_run(page, cell, "for i in progress_bar(range(5)): pass").locator("progress")
    assert bars.count() <= 1, "it changes in place"
    hostile = '<p style="color:red" onclick="window.bad=1">x</p><script>window.bad=1</script>'
    harmless = type_and_run(page, cell, f"from IPython.display import HTML\nHTML({hostile!r})")
    assert harmless.locator("p").inner_text() == "x" and not harmless.locator("script, [onclick], [style]").count()
    assert not page.evaluate(OVERFLOW)
    field.press("Escape")
    assert page.evaluate("document.activeElement === document.body") and field.is_visible()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(where) != place, "out of the field the keys are the slides' again"
    cell = slide_of(page, "grey-loss")
    press(cell, "Reset")
    assert not cell.locator(".live-field").count() and cell.locator(".chroma").text_content() == code


def test_steps_and_parts_run_as_the_whole_cell(page):
    for label in ("apply-step", "mse"):
        cell = slide_of(page, label)
        press(cell, "Edit")
        whole = cell.locator(".live-field").input_value()
        assert whole.count("\n") >= 5 and not cell.locator(".chroma").first.is_visible()
        assert cell.get_by_text("the slide shows a part of it").count() == (label == "mse")
        assert not page.evaluate(OVERFLOW)


def test_a_run_is_interrupted_and_a_dead_kernel_begins_anew(page):
    cell = slide_of(page, "grey-loss")
    press(cell, "Edit")
    field = cell.locator(".live-field")
    field.fill("print('begun')\nimport time; time.sleep(600)")
    field.press("Control+Enter")
    cell.locator(".live-outputs").get_by_text("begun").wait_for()
    assert cell.locator(".live-status").get_attribute("data-state") == "busy"
    press(cell, "Interrupt")
    cell.get_by_text("KeyboardInterrupt").wait_for()
    died = type_and_run(page, cell, "import os; os._exit(1)")
    assert "The kernel went away" in died.inner_text()
    press(cell, "Reset")
    press(cell, "Run")  # needs what the dead kernel knew
    cell.locator(".live-outputs").get_by_text("grey 0.2: loss").wait_for()


def test_jupyter_wants_the_token_and_the_deck_s_origin(live):
    foreign, own = "http://evil.example", live.site.rstrip("/")
    status, headers, _ = live.ask("/api/kernels", token=live.token, Origin=own)
    assert status == 200 and headers["Access-Control-Allow-Origin"] == own
    assert live.ask("/api/kernels")[0] == 403
    assert live.ask("/api/kernels", token="wrong", Origin=own)[0] == 403
    status, headers, _ = live.ask("/api/kernels", "POST", live.token, Origin=foreign)
    assert status in (403, 404) and headers["Access-Control-Allow-Origin"] in (None, own)
    assert live.ask("/api/kernels", token=live.token, Host="evil.example")[0] == 403
    socket_headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                      "Sec-WebSocket-Key": "dGVzdHRlc3R0ZXN0dGVzdA=="}
    channels = f"/api/kernels/{live.kernel()}/channels?token="
    for token, origin, answer in ((live.token, own, 101), (live.token, foreign, 403), ("wrong", own, 403)):
        assert live.ask(channels + token, **socket_headers, Origin=origin)[0] == answer, (token == live.token, origin)


def test_the_token_stays_out_of_the_project_and_is_read_by_its_owner_alone(live):
    """No file of the project that was written since the start holds it, and where the pages lie nobody else looks."""
    with urllib.request.urlopen(live.site + DECK, timeout=10) as reply:
        assert live.token in reply.read().decode()
    new = [file for folder in ("site", "build", "nbs", "slides") for file in (ROOT / folder).rglob("*")
           if file.is_file() and file.stat().st_mtime >= live.server.begun]
    assert ROOT / "build/jupyter.log" in new
    assert not [file for file in new if live.token.encode() in file.read_bytes()]
    assert live.pages().stat().st_mode & 0o077 == 0


def test_everything_listens_on_the_loopback_alone(live):
    live.kernel()
    found = listening(psutil.Process(live.server.pid))
    assert len(found) >= 7, "Hugo, Jupyter, and the five sockets of a kernel"
    assert {host for host, _ in found} == {"127.0.0.1"}


def test_without_jupyter_the_slide_stays_readable_until_it_is_back(live, page):
    cell = slide_of(page, "grey-loss")
    stored = cell.locator(".cell-output").inner_text()
    type_and_run(page, cell, "print(6*7)")
    old = live.jupyter()
    time.sleep(max(0, old.create_time() + 11 - time.time()))  # one that stops at once is not started again
    old.kill()
    cell.get_by_text(AWAY).wait_for()
    assert stored in cell.locator(".cell-output").inner_text() and not page.evaluate(OVERFLOW)
    press(cell, "Reset")
    for _ in range(300):  # as an impatient presenter would
        if cell.locator(".live-outputs").get_by_text("grey 0.2: loss").count():
            break
        if cell.get_by_role("button", name="Run").is_visible():
            press(cell, "Run")
        page.wait_for_timeout(500)
    assert cell.locator(".live-outputs").get_by_text("grey 0.2: loss").count() and live.jupyter().pid != old.pid


def test_ctrl_c_leaves_no_process_behind():
    """With the usual port taken, too."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8888))
            taken.listen()
        except OSError:
            pass  # somebody else holds it
        with presenting(first_port(), "--live") as server:
            live = Live(server)
            assert live.port != 8888
            live.kernel()
            processes, pages = live.processes(), live.pages()
            assert len(processes) >= 3, "Hugo, Jupyter, a kernel"
            os.killpg(server.pid, signal.SIGINT)
            server.wait(40)
            assert server.returncode == 0
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive and not pages.exists()


def test_missing_jupyter_is_one_sentence():
    run = subprocess.run([sys.executable, "-S", ROOT / "tools/present.py", "--live"], text=True, capture_output=True)
    assert run.returncode and run.stderr.count("\n") == 1 and "make present LIVE=1" in run.stderr


def test_an_ordinary_build_knows_nothing_of_it(public):
    assert not [file for file in public.rglob("live*") if file.suffix in (".js", ".css")]
    for deck in public.glob("slides/*.html"):
        text = deck.read_text(encoding="utf-8")
        assert "data-cell=" in text or deck.stem == "index"
        assert not re.search(r"data-(notebook|token|live)|js/live|css/live", text), deck.name
