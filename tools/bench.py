"""Measures what should be fast, and prints one line for each: what, how much, and the goal where there is one."""

import gzip
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HUGO = Path(sys.executable).with_name("hugo")


def report(what, figure, goal=""):
    print(f"{what:<44} {figure:>14}   {goal}", flush=True)


def hugo_build(cache, public):
    """Seconds of one build, with Hugo's picture cache in `cache`."""
    start = time.perf_counter()
    subprocess.run([HUGO, "--source", ROOT / "site", "--destination", public, "--quiet", "--noBuildLock"],
                   env={"HUGO_RESOURCEDIR": str(cache), "HUGO_CACHEDIR": str(cache / "hugo"), "PATH": "/usr/bin:/bin"},
                   check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def deck_bytes(public, deck):
    """Gzipped bytes of a deck's HTML and of the style sheets and scripts that it loads."""
    html = public / "slides" / f"{deck}.html"
    linked = re.findall(r'(?:href|src)="?([^" >]+\.(?:css|js))', html.read_text(encoding="utf-8"))
    files = {html, *((html.parent / link).resolve() for link in linked)}
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


def painting_rate(count=24):
    """Pictures a second of one process with one thread, at 256 pixels, after the first call has compiled."""
    from atelier.painting import paint

    paint("Monet", 0, 256), paint("Van Gogh", 0, 256)
    start = time.perf_counter()
    for seed in range(count):
        paint(("Monet", "Van Gogh")[seed % 2], seed, 256)
    return count/(time.perf_counter() - start)


def museum_visit(count=6):
    """Seconds for pictures from a server on this machine, asked once a second as if it were far away."""
    sys.path.insert(0, str(ROOT / "tests"))
    from museum_server import MuseumServer, exhibit

    exhibits = [exhibit(number, "commons") for number in range(count)]
    with MuseumServer(exhibits) as server, tempfile.TemporaryDirectory() as dest:
        start = time.perf_counter()
        options = ["--dest", dest, "--through", server.address, "--contact", "bench@example.org"]
        subprocess.run([sys.executable, "-m", "atelier.museums", "Claude Monet", "--n", str(count), *options],
                       check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


def main():
    with tempfile.TemporaryDirectory() as folder:
        cache, public = Path(folder, "cache"), Path(folder, "public")
        report("site, cold build", f"{hugo_build(cache, public):.1f} s", "goal: at most 10 s")
        report("site, warm build", f"{min(hugo_build(cache, public) for _ in range(3)):.2f} s", "goal: at most 1 s")
        for deck in sorted((ROOT / "slides").glob("[!_]*.md")):
            report(f"deck {deck.stem}: HTML, CSS and JS, gzipped", f"{deck_bytes(public, deck.stem)/1024:.0f} KB",
                   "goal: at most 120 KB")
        shutil.rmtree(cache, ignore_errors=True)
    report("museums, 6 pictures at a second each", f"{museum_visit():.1f} s", "goal: at least 7 s, at most 20 s")
    report("painting, 256 px, one core", f"{painting_rate():.1f} a second", "goal: at least 12")


if __name__ == "__main__":
    main()
