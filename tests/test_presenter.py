"""What a presenter has beside the slides: pen, pointer, black screen, help, the speaker's view, and notes on paper."""

import re

import pytest
from site_tools import photograph, until, watch

DECK = "slides/gradient-descent.html"
INK = """() => {
  const canvas = document.querySelector('.pen'), {width, height} = canvas;
  const {data} = canvas.getContext('2d').getImageData(0, 0, width, height);
  return data.filter((value, i) => i % 4 === 3 && value > 0).length;
}"""


@pytest.fixture
def page(browser, home):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    errors, strangers = watch(page, home)
    page.goto(f"{home}/{DECK}")
    page.wait_for_selector(".reveal.ready")
    yield page
    assert not errors and not strangers


def drag(page, *places):
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def test_the_pen_draws_on_its_slide_alone(page):
    line = (300, 300), (600, 350), (700, 200)
    drag(page, *line)
    assert page.evaluate(INK) == 0, "without the pen a mouse draws nothing"
    page.keyboard.press("d")
    drag(page, *line)
    drawn = page.evaluate(INK)
    assert drawn > 1000 and page.evaluate("Reveal.getIndices().h") == 0
    x, y = page.evaluate("""() => {  // where the ink is, in pixels of the screen
        const canvas = document.querySelector('.pen'), {width, height} = canvas;
        const {data} = canvas.getContext('2d').getImageData(0, 0, width, height), scale = width / innerWidth;
        const at = data.findIndex((value, i) => i % 4 === 3 && value > 0) >> 2;
        return [at % width / scale, at / width / scale];
    }""")
    assert abs(x - 700) < 8 and abs(y - 200) < 8, "the highest point of the line is where the mouse was"
    page.keyboard.press("Space")
    assert page.evaluate(INK) == 0
    page.keyboard.press("Shift+Space")
    assert page.evaluate(INK) == drawn, "it is kept"
    page.keyboard.press("x")
    assert page.evaluate(INK) == 0
    page.keyboard.press("d")
    drag(page, *line)
    assert page.evaluate(INK) == 0


def test_the_pen_follows_a_small_window(page):
    """The slide is scaled, and stands in the middle."""
    page.set_viewport_size({"width": 1000, "height": 800})
    until(page, "Reveal.getScale() < 1")
    page.keyboard.press("d")
    drag(page, (500, 400), (500, 401))
    box = page.locator(".pen").bounding_box()
    assert box["width"] == pytest.approx(1000, abs=2) and page.evaluate("""() => {
        const canvas = document.querySelector('.pen'), {width, height} = canvas;
        return canvas.getContext('2d').getImageData(width/2, height/2, 1, 1).data[3];
    }""") > 0


def test_the_pointer_goes_with_the_mouse(page):
    pointer = page.locator(".pointer")
    assert not pointer.is_visible()
    page.keyboard.press("q")
    page.mouse.move(400, 300)
    page.mouse.move(640, 360)
    box = pointer.bounding_box()
    assert (box["x"] + box["width"]/2, box["y"] + box["height"]/2) == pytest.approx((640, 360), abs=1)
    orange = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--orange')")
    assert orange == "#e3731d" and pointer.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(227, 115, 29)"
    page.keyboard.press("q")
    assert not pointer.is_visible() and page.evaluate("Reveal.getIndices().h") == 0


def test_the_keys_are_named(page):
    keys = page.locator(".keys").inner_text()
    page.keyboard.press("Shift+Slash")
    until(page, "document.body.innerText.toUpperCase().includes('KEYBOARD SHORTCUTS')")
    help_text = page.evaluate("document.body.innerText")
    for key, words in (("D", "Pen on or off"), ("X", "Wipe what the pen drew"), ("Q", "Pointer on or off")):
        assert re.search(rf"{key}\s+{words}", help_text)
    assert all(f"{key} " in keys for key in ("Space", "Esc", "S", "B", "D", "X", "Q", "?"))


def test_the_screen_goes_black(page):
    page.keyboard.press("b")
    until(page, "Reveal.isPaused()")
    page.keyboard.press("b")
    until(page, "!Reveal.isPaused()")


def test_the_speaker_s_view_counts_down(page):
    """The time that is left for this slide stands there, by the minutes of the notes up to it."""
    page.evaluate("Reveal.slide(1, 1)")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    speaker = opened.value
    until(speaker, "document.querySelector('.speaker-controls-notes').innerText.includes('lily pond')")
    until(speaker, "!!document.querySelector('.pacing .minutes-value').textContent.trim()")
    pacing = speaker.locator(".pacing")
    assert pacing.is_visible() and speaker.locator(".timer").is_visible()
    seconds = page.evaluate("""Reveal.getSlides().slice(0, Reveal.getSlides().indexOf(Reveal.getCurrentSlide()) + 1)
        .reduce((sum, slide) => sum + Number(slide.dataset.timing), 0)""")
    hours, minutes, rest = (int(n) for n in re.findall(r"\d+", pacing.inner_text()))
    assert seconds - 30 < 3600*hours + 60*minutes + rest <= seconds
    speaker.set_viewport_size({"width": 1280, "height": 720})
    photograph(speaker, "speaker")


def test_neither_pen_nor_pointer_is_printed(browser, public):
    page = browser.new_page()
    page.goto((public / DECK).as_uri() + "?print-pdf")
    page.wait_for_selector(".pdf-page")
    assert not page.locator(".pen, .pointer").count()
