"""The decks in a real browser: every slide and every step is seen, fits, can be read, and is quiet."""

import re

import pytest
from conftest import ROOT
from site_tools import photograph, until, violations, watch

DECKS = sorted(path.stem for path in (ROOT / "slides").glob("*.md"))
WIDTH, HEIGHT = 1280, 720

# Fragments appear at once, else axe-core meets them half-faded. A <style> would be blocked by the page's policy.
AT_ONCE = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('.fragment { transition: none !important }');
  document.adoptedStyleSheets.push(sheet);
}"""

# Which step is shown.
STEP = "[location.hash, Reveal.getIndices().h, Reveal.getIndices().v, Reveal.getIndices().f].join()"

# What sticks out of the slide or is cut off inside it, as a list of sentences. A view of a widget is a window on more.
OVERFLOW = """() => {
  const slide = Reveal.getCurrentSlide(), found = [];
  for (const element of slide.querySelectorAll('*')) {
    if (element.closest('aside.notes, math, svg, .visually-hidden, .widget-view > *')) continue;
    if (!element.checkVisibility()) continue;
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    const name = `${element.tagName.toLowerCase()}.${element.className} "${element.textContent.trim().slice(0, 40)}"`;
    if (box.left < -1 || box.top < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1)
      found.push(`${name} sticks out: ${[box.left, box.top, box.right, box.bottom].map(Math.round)}`);
    if (element.tagName === 'PRE' && element.scrollWidth > element.clientWidth + 1) found.push(`${name} is cut off`);
    if (element.matches('.cell') && element.scrollHeight > element.clientHeight + 2) found.push(`${name} overlaps`);
  }
  return found;
}"""


# Whether the slide stands as it will: laid out for this step, its letters and pictures there.
SETTLED = """document.fonts.status === 'loaded' && [...Reveal.getCurrentSlide().querySelectorAll('img')]
    .every(image => image.complete && image.naturalWidth)"""


def opened(browser, home, deck, **context):
    """A deck in a window of its own, ready, and the lists of its errors and of the strangers it asked."""
    page = browser.new_page(**context)
    errors, strangers = watch(page, home)
    page.goto(f"{home}/slides/{deck}.html")
    page.wait_for_selector(".reveal.ready")
    return page, errors, strangers


@pytest.mark.parametrize("deck", DECKS)
def test_every_slide_fits_and_can_be_read(browser, home, deck):
    """No step overflows; the last step of each slide passes axe-core, contrast included; nothing is logged."""
    page, errors, strangers = opened(browser, home, deck, viewport={"width": WIDTH, "height": HEIGHT})
    total, seen = page.evaluate("Reveal.getTotalSlides()"), set()
    page.evaluate("Reveal.configure({transition: 'none'})")
    page.evaluate(AT_ONCE)
    for _ in range(1000):
        place = page.evaluate("[Reveal.getIndices().h, Reveal.getIndices().v]")
        if tuple(place) not in seen:
            until(page, SETTLED)
        seen.add(tuple(place))
        assert not (found := page.evaluate(OVERFLOW)), (place, found)
        photograph(page, f"deck-{deck}/" + "{:02d}-{:02d}".format(*place))  # the last step of a slide stays
        if page.evaluate("!Reveal.availableFragments().next"):
            assert not (found := violations(page, ".slides section.present:not(.stack)")), (place, found)
        if page.evaluate("Reveal.isLastSlide() && !Reveal.availableFragments().next"):
            break
        step = page.evaluate(STEP)
        page.keyboard.press("Space")
        until(page, f"step => {STEP} !== step", step)
    assert len(seen) == total, "Space leads through every slide"
    assert not errors and not strangers, (errors, strangers)


@pytest.mark.parametrize("deck", DECKS)
def test_notes_pace_the_talk(browser, home, deck):
    """Every slide has speaker notes with minutes; the speaker view's timing is their sum."""
    page, *_ = opened(browser, home, deck)
    slides = page.evaluate("""Reveal.getSlides().map(s => [s.querySelector('h1, h2')?.textContent,
        s.querySelectorAll('aside.notes').length, Number(s.dataset.timing)])""")
    without = [title for title, notes, _ in slides if notes != 1]
    assert not without, without
    source = (ROOT / "slides" / f"{deck}.md").read_text(encoding="utf-8")
    minutes = [float(m) for m in re.findall(r'notes minutes="([\d.]+)"', source)]
    assert sum(seconds for *_, seconds in slides if seconds) == pytest.approx(60*sum(minutes))


@pytest.mark.parametrize("deck", DECKS)
def test_deck_on_a_phone(browser, home, deck):
    """The page that a phone shows instead of slides: nothing sticks out, and axe-core finds nothing."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    errors, _ = watch(page, home)
    page.goto(f"{home}/slides/{deck}.html", wait_until="load")
    page.wait_for_selector(".deck")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390 and not errors
    assert not (found := violations(page)), found
