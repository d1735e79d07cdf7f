"""Looks whether the figures of the built site follow light and dark in Firefox and in WebKit, Safari's engine, where
they are installed (Debian: firefox-esr; webkit2gtk-driver and xvfb). The tests look in Chromium.

    python tools/bench_figures.py      after make site
"""

import base64
import contextlib
import functools
import http.server
import io
import itertools
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np
from bench import report
from PIL import Image

from atelier.style import DARK, MONET, VAN_GOGH

PUBLIC = Path(__file__).resolve().parent.parent / "site" / "public"
PAGE, FIGURE = "lessons/F_style.html", "#palette-shown img"
BRING = """() => {
  while (document.documentElement.dataset.theme !== '%s') document.querySelector('.theme-switch').click();
  const figure = document.querySelector('%s');
  figure.loading = 'eager';
  figure.scrollIntoView();
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def running(*command):
    """A process that is ended in the end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def eventually(action, seconds=30):
    """What `action` gives once it raises nothing."""
    for left in range(10*seconds, -1, -1):
        try:
            return action()
        except (OSError, httpx.TransportError):
            if not left:
                raise
            time.sleep(0.1)


@contextlib.contextmanager
def firefox(url):
    """A function that runs a script on the page and gives a picture of the window, over WebDriver BiDi."""
    from websockets.sync.client import connect

    port, number = free_port(), itertools.count(1)
    with contextlib.ExitStack() as stack:
        profile = stack.enter_context(tempfile.TemporaryDirectory())
        options = "--headless", "--profile", profile, "--remote-debugging-port", str(port)
        stack.enter_context(running("firefox-esr", *options))
        line = stack.enter_context(eventually(lambda: connect(f"ws://127.0.0.1:{port}/session", max_size=None)))

        def ask(method, **params):
            line.send(json.dumps({"id": next(number), "method": method, "params": params}))
            while "id" not in (answer := json.loads(line.recv(60))):
                pass
            return answer["result"]

        ask("session.new", capabilities={})
        context = ask("browsingContext.getTree")["contexts"][0]["context"]
        ask("browsingContext.navigate", context=context, url=url, wait="complete")

        def show(script):
            ask("script.callFunction", functionDeclaration=script, target={"context": context}, awaitPromise=True)
            time.sleep(1)
            return ask("browsingContext.captureScreenshot", context=context)["data"]

        yield show


@contextlib.contextmanager
def webkit(url):
    """The same over the older WebDriver, on a display of its own."""
    port, display = free_port(), f":{free_port()}"
    browser = next(Path("/usr/lib").glob("*/webkit2gtk-4*/MiniBrowser"))
    server = "Xvfb", display, "-screen", "0", "1280x900x24", "-nolisten", "tcp"
    # WebKit's sandbox needs rights that a container lacks.
    variables = f"DISPLAY={display}", "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS=1"
    with running(*server), running("env", *variables, "WebKitWebDriver", f"--port={port}"):
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)

        def ask(method, path, **body):
            return client.request(method, path, json=body if method == "POST" else None).json()["value"]

        def begin():
            options = {"binary": str(browser), "args": ["--automation"]}
            return ask("POST", "/session", capabilities={"alwaysMatch": {"webkitgtk:browserOptions": options}})

        session = f"/session/{eventually(begin)['sessionId']}"
        ask("POST", f"{session}/url", url=url)

        def show(script):
            ask("POST", f"{session}/execute/sync", script=f"({script})()", args=[])
            time.sleep(1)
            return ask("GET", f"{session}/screenshot")

        yield show
        ask("DELETE", session)


def share(screen, colour):
    """How many of a hundred thousand pixels of a picture have a colour."""
    image = Image.open(io.BytesIO(base64.b64decode(screen))).convert("RGB")
    wanted = tuple(int(colour[k:k + 2], 16) for k in (1, 3, 5))
    return 100_000*(abs(np.asarray(image, int) - wanted).max(2) <= 4).mean()


def main():
    if not (PUBLIC / PAGE).is_file():
        sys.exit("There is no site in site/public. Run 'make site' first.")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=PUBLIC))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/{PAGE}"
    for name, browser, *needs in (("Firefox", firefox, "firefox-esr"), ("WebKit", webkit, "WebKitWebDriver", "Xvfb")):
        what = f"figures follow the theme in {name}"
        if not all(map(shutil.which, needs)):
            report(what, "unseen", f"install {' and '.join(needs)} to see")
            continue
        with browser(url) as show:
            for scheme in ("light", "dark"):
                screen = show(BRING % (scheme, FIGURE))
                told = [share(screen, DARK[colour] if scheme == "dark" else colour) for colour in (MONET, VAN_GOGH)]
                other = [share(screen, colour if scheme == "dark" else DARK[colour]) for colour in (MONET, VAN_GOGH)]
                report(f"{what}: {scheme}", "yes" if min(told) > 10 > 5 > max(other) else "NO",
                       f"pixels of 100,000: its own {told[0]:.0f}, {told[1]:.0f}; the other theme's {max(other):.0f}")
    server.shutdown()


if __name__ == "__main__":
    main()
