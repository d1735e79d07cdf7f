"""The site by keyboard alone: what can be pressed is reached in reading order, shows that it is, and lets go again."""

import pytest

PAGES = ["index.html", "lessons/04_transfer.html", "lessons/index.html", "slides/index.html", "data/paintings.html",
         "handout.html", "changes.html", "404.html", "lessons/03_resize.html", "lessons/05_gradient_descent.html",
         "demo.html", "glossary.html", "search.html", "instructors.html"]

# What the Tab key should stop at, in the order of the document, each with a number to know it by.
STOPS = """() => {
  let number = 0;
  for (const element of document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')) {
    if (element.tabIndex < 0 || element.disabled || !element.checkVisibility({contentVisibilityAuto: true})) continue;
    element.dataset.stop = number++;
  }
  return number;
}"""

# The element in focus: its number, its name, whether a ring marks it, and whether it can be seen.
FOCUSED = """() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  const box = element.getBoundingClientRect(), style = getComputedStyle(element);
  return {
    number: element.dataset.stop === undefined ? null : Number(element.dataset.stop),
    name: `${element.tagName.toLowerCase()}.${element.className} "${element.textContent.trim().slice(0, 40)}"`,
    ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
      && style.outlineColor !== style.backgroundColor,
    onScreen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    seen: element.checkVisibility({opacityProperty: true, visibilityProperty: true}),
  };
}"""


@pytest.mark.parametrize("width, height", [(1280, 720), (390, 844)])
@pytest.mark.parametrize("address", PAGES)
def test_tab_reaches_everything_in_order(browser, home, address, width, height):
    """Each stop has a ring and stands on the screen; after the last one the focus leaves the page: nothing traps it."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(f"{home}/{address}")
    page.wait_for_selector(".theme-switch:not([hidden])")
    stops, seen = page.evaluate(STOPS), []
    assert stops >= 6
    for _ in range(stops + 20):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at is None or at["number"] in seen:
            break
        assert at["ring"] and at["onScreen"] and at["seen"], at
        seen.append(at["number"])
    assert seen == list(range(stops)), (at, sorted(set(range(stops)) - set(seen)))
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(FOCUSED)["number"] == stops - 1, "and back"
    page.close()


def test_skip_link_leads_past_the_header(browser, home):
    page = browser.new_page()
    page.goto(f"{home}/lessons/04_transfer.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    page.close()


def test_switches_and_folds_work_by_keyboard(browser, home):
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="light")
    page.goto(f"{home}/lessons/04_transfer.html")
    page.focus(".theme-switch:not([hidden])")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("Enter")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    page.keyboard.press("Space")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
    for fold in (".contents details", ".solution", ".answer"):
        page.focus(f"{fold} > summary >> nth=0")
        for state in (True, False):
            page.keyboard.press("Enter" if state else "Space")
            assert page.evaluate("document.activeElement.parentElement.open") is state, fold
    page.close()


def test_a_deck_by_keyboard(browser, home):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{home}/slides/fastai.html")
    page.wait_for_selector(".reveal.ready")
    count = "Reveal.getSlidePastCount()"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(count) == 1
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(count) == 0
    page.keyboard.press("End")
    assert page.evaluate("Reveal.getIndices().h === Reveal.getHorizontalSlides().length - 1"), "the last part"
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    assert page.evaluate(count) == 1
    page.keyboard.press("Escape")
    assert page.evaluate("Reveal.isOverview()")
    page.keyboard.press("Escape")
    assert not page.evaluate("Reveal.isOverview()")
    page.keyboard.press("Shift+?")
    assert page.locator(".r-overlay-help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator(".r-overlay-help").count()


def test_links_on_slides_are_reached(browser, home):
    """On each slide Tab comes to its links, with a ring, and to nothing on the slides that are not shown."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{home}/slides/fastai.html")
    page.wait_for_selector(".reveal.ready")
    found = 0
    for _ in range(200):
        links = page.evaluate("""() => {
            document.activeElement.blur();
            getSelection().removeAllRanges();
            return [...Reveal.getCurrentSlide().querySelectorAll('a[href]')].filter(a => a.checkVisibility({
                opacityProperty: true, visibilityProperty: true})).length;
        }""")
        for _ in range(links):
            for _ in range(12):
                page.keyboard.press("Tab")
                at = page.evaluate(FOCUSED)
                if at and at["name"].startswith("a."):
                    break
            assert at["ring"] and at["onScreen"] and at["seen"], at
            assert page.evaluate("Reveal.getCurrentSlide().contains(document.activeElement)"), at
            found += 1
        if page.evaluate("Reveal.isLastSlide()"):
            break
        page.evaluate("Reveal.next(); while (Reveal.availableFragments().next) Reveal.next()")
    assert found > 20
    page.close()
