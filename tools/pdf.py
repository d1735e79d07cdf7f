"""Prints every deck of the built site to build/NAME.pdf, one slide a page."""

import os
import sys
from pathlib import Path

from browser import FLAGS, find
from playwright.sync_api import Error, sync_playwright
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parent.parent
DECKS = ROOT / "site" / "public" / "slides"


def print_deck(browser, deck):
    """Opens the deck's print view and stores it; returns the number of pages."""
    target = ROOT / "build" / f"{deck.stem}.pdf"
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{deck.as_uri()}?print-pdf")
    page.wait_for_selector(".pdf-page")
    page.wait_for_function("[...document.images].every(image => image.complete)")
    page.evaluate("document.fonts.ready")
    temporary = target.with_suffix(".tmp")
    page.pdf(path=temporary, prefer_css_page_size=True, print_background=True)
    page.close()
    os.replace(temporary, target)
    return target, len(PdfReader(target).pages)


def main():
    decks = sorted(d for d in DECKS.glob("*.html") if d.stem != "index")
    if not decks:
        sys.exit("There is no deck in site/public/slides. Run 'make site' first.")
    (ROOT / "build").mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        except Error as error:
            sys.exit(f"The browser did not start: {error.message.splitlines()[0]}")
        for deck in decks:
            print(f"Printing {deck.name} …", flush=True)
            target, pages = print_deck(browser, deck)
            print(f"{target.relative_to(ROOT)}: {pages} pages")
        browser.close()


if __name__ == "__main__":
    main()
