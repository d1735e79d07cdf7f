"""Serves the site and the decks on 127.0.0.1 with Hugo, which rebuilds and reloads on every save. The search finds what
was there at the start.

    python tools/present.py [--port 1313]
"""

import argparse
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=1313)
    wanted = parser.parse_args().port
    port = free_port(wanted)
    if port != wanted:
        print(f"Port {wanted} is taken; using {port}.")
    base = f"http://{HOST}:{port}/"
    print("Building the site …", flush=True)
    public = tempfile.TemporaryDirectory(prefix="atelier-")  # of its own: two may present at a time
    server = subprocess.Popen([HUGO, "server", "--source", ROOT / "site", "--bind", HOST, "--port", str(port),
                               "--baseURL", base, "--quiet", "--noHTTPCache", "--destination", public.name])
    try:
        while not answers(base):
            if server.poll() is not None:
                sys.exit("Hugo stopped; the reason stands above.")
            time.sleep(0.1)
        subprocess.run([sys.executable, "-m", "pagefind", "--site", public.name, "--quiet"], check=True)
        print("\nSite   ", base)
        for deck in sorted((ROOT / "slides").glob("[!_]*.md")):
            print("Deck   ", f"{base}slides/{deck.stem}.html")
        print("\nStop with Ctrl-C. Slides and lessons reload when you save them.", flush=True)
        server.wait()
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        server.terminate()
        server.wait()
        public.cleanup()


if __name__ == "__main__":
    main()
