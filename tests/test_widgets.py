"""What one can touch on pages and slides, in a real browser: the lessons' own numbers, by mouse and by keyboard."""

import io
import json
import math
import random
import re
import shutil

import numpy as np
import pytest
import torch
from conftest import ROOT, read, wait_for
from fastai.vision.augment import (
    Brightness,
    Contrast,
    Flip,
    Rotate,
    TensorImage,
    Warp,
    Zoom,
    compose_tfms,
    setup_aug_tfms,
)
from PIL import Image
from site_tools import served, until, watch

from atelier.resizing import resize_geometry

LESSONS = {"descent": "05_gradient_descent", "resize": "03_resize", "augment": "03_resize", "confusion": "04_transfer"}


def printed(lesson, label):
    """What the cell with a label printed, as JSON."""
    cells = read(ROOT / "nbs" / f"{lesson}.ipynb").cells
    cell = next(c for c in cells if f"#| label: {label}\n" in c.source)
    return json.loads("".join(o.text for o in cell.outputs if o.output_type == "stream"))


@pytest.fixture(scope="module")
def modules(browser, tmp_path_factory):
    """A page that can import the scripts one by one: the course's, beside what the engine has for all widgets."""
    folder = tmp_path_factory.mktemp("scripts")
    for assets in ("site/assets/js", "site/course/assets/js"):
        shutil.copytree(ROOT / assets, folder, dirs_exist_ok=True)
    with served(folder) as address:
        page = browser.new_page()
        page.goto(f"{address}/widgets/")
        yield page


@pytest.fixture
def widget(browser, home):
    """A function that opens the lesson of a widget and returns it with its page."""
    pages = []

    def open_(name, **context):
        page = browser.new_page(viewport={"width": 1280, "height": 720}, **context)
        pages.append(page)
        page.errors, _ = watch(page, home)
        page.goto(f"{home}/lessons/{LESSONS[name]}.html", wait_until="load")
        return page.locator(f"[data-widget={name}]"), page
    yield open_
    for page in pages:
        assert not page.errors
        page.close()


def table(figure):
    return [[float(cell) for cell in row.split("\t")[1:]] for row in figure.locator("tbody").inner_text().splitlines()]


def test_twenty_steps_are_those_of_the_lesson(widget):
    """Both problems, step by step from the start: parameters and loss, to six digits."""
    figure, _ = widget("descent")
    figure.locator("summary").click()
    for i, problem in enumerate(printed("05_gradient_descent", "explorer-values")["problems"]):
        figure.locator("select").select_option(index=i)
        figure.get_by_role("button", name="From the start").click()
        for _ in range(20):
            figure.get_by_role("button", name="Step").click()
        shown = table(figure)
        assert len(shown) == 21 and np.allclose(shown, problem["path"], rtol=0, atol=1.5e-6), problem["name"]


def test_dragging_moves_the_start_and_a_large_rate_flies_out(widget):
    figure, page = widget("descent")
    figure.scroll_into_view_if_needed()
    box = figure.locator("svg").bounding_box()
    field = figure.get_by_label("start: bend a")
    before = float(field.input_value())
    page.mouse.move(box["x"] + box["width"]*0.5, box["y"] + box["height"]*0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"]*0.3, box["y"] + box["height"]*0.3, steps=4)
    page.mouse.up()
    assert float(field.input_value()) < before - 0.5
    figure.get_by_label("learning rate").focus()
    page.keyboard.press("End")
    assert "too large" in figure.get_by_role("status").inner_text()
    page.keyboard.press("Home")
    assert "loss 0." in figure.get_by_role("status").inner_text()


def test_run_moves_unless_stillness_is_wanted(widget):
    for motion, at_once in (("no-preference", False), ("reduce", True)):
        figure, page = widget("descent", reduced_motion=motion)
        figure.get_by_role("button", name="Run").click()
        assert figure.get_by_role("status").inner_text().startswith("After 30 steps") == at_once
        figure.get_by_role("status").filter(has_text="After 30 steps").wait_for()


def test_resize_has_the_geometry_of_fastai(modules):
    """`part` and atelier's resize_geometry, which lesson 03 compares with fastai pixel by pixel."""
    dice = random.Random(1)
    asked = [[method, dice.randint(2, 4000), dice.randint(2, 4000), dice.randint(2, 300)]
             for method in ("crop", "squish", "pad") for _ in range(200)]
    parts = modules.evaluate("asked => import('/widgets/resize.js').then(m => asked.map(a => m.part(...a)))", asked)
    for (method, width, height, size), part in zip(asked, parts, strict=True):
        source, target = resize_geometry(width, height, size, method)
        left, top, across, down = (part[name] for name in ("left", "top", "across", "down"))
        assert (max(left, 0), max(top, 0), min(left + across, width), min(top + down, height)) == source
        scale = size/across, size/down
        mine = [(edge - start)*s for edge, start, s in zip(source, (left, top)*2, scale*2, strict=True)]
        assert np.allclose(mine, target), (method, width, height, size)


def test_resize_names_the_price_that_the_lesson_prints(widget):
    figure, _ = widget("resize")
    lesson = read(ROOT / "nbs/03_resize.ipynb")
    costs = next(c for c in lesson.cells if c.get("outputs") and "#| label: costs\n" in c.source).outputs[0].text
    for i, line in enumerate(costs.splitlines()):  # the canvas of 256 × 160, as in the widget
        figure.locator("select").first.select_option(index=i)
        assert re.findall(r"[\d.]+", figure.get_by_role("status").inner_text()) == re.findall(r"[\d.]+", line)


def fastai_view(picture, drawn):
    """What fastai's transforms make of a picture (1 × channels × side × side, from 0 to 1), given what was drawn."""
    light = math.exp(drawn["brightness"])
    up, sideways = drawn["tilts"]
    moves = [Flip(p=1, draw=float(drawn["mirrored"])), Warp(p=1, draw_x=up, draw_y=sideways),
             Rotate(p=1, draw=drawn["degrees"]),
             Zoom(p=1, draw=drawn["enlarged"], draw_x=drawn["across"], draw_y=drawn["down"]),
             Brightness(p=1, draw=light/(1 + light)), Contrast(p=1, draw=drawn["contrast"])]
    for move in moves[:4]:
        move.align_corners = True  # as aug_transforms sets it
    return compose_tfms(TensorImage(picture.clone()), setup_aug_tfms(moves), split_idx=0)


DRAWS = """({bounds, count}) => import('/widgets/augment.js').then(m => {
    const next = m.random(42);
    return Array.from({length: count}, () => m.draws(bounds, next));
})"""


def test_views_stand_where_fastai_puts_them(modules):
    """Fifty draws, far beyond the usual, of a picture whose colours are its coordinates."""
    bounds = {"mirror": True, "turn": 45, "enlarge": 1.6, "tilt": 0.3, "light": 0}
    side = 33
    line = torch.linspace(0, 1, side)
    ramps = torch.stack([line.expand(side, side), line[:, None].expand(side, side)])[None]
    compared = 0
    for drawn in modules.evaluate(DRAWS, {"bounds": bounds, "count": 50}):
        read_at = 2*fastai_view(ramps, {**drawn, "brightness": 0, "contrast": 1})[0].permute(1, 2, 0).numpy() - 1
        seen = [[x, y] for x in range(0, side, 4) for y in range(0, side, 4)]
        points = [[2*x/(side - 1) - 1, 2*y/(side - 1) - 1] for x, y in seen]
        mine = modules.evaluate("""({drawn, points}) => import('/widgets/augment.js').then(m => {
            const back = m.placing(drawn).inverse();
            return points.map(([x, y]) => {
                const p = back.transformPoint(new DOMPoint(x, y));
                return [p.x/p.w, p.y/p.w];
            });
        })""", {"drawn": drawn, "points": points})
        for (x, y), place in zip(seen, mine, strict=True):
            if max(map(abs, place)) < 0.99:  # beyond stands a mirror image
                compared += 1
                assert np.allclose(read_at[y, x], place, atol=2e-3), (drawn, x, y)
    assert compared > 2000


def test_views_look_as_fastai_draws_them(modules, widget):
    """The eight views on the page, photographed, and fastai's of the same draws: each is most like its own."""
    values = printed("03_resize", "vary-values")
    figure, page = widget("augment")
    figure.scroll_into_view_if_needed()
    views = figure.locator(".widget-view")
    until(page, "document.querySelector('.widget-view canvas').width === 636")
    with Image.open(ROOT / "data/paintings" / values["files"][0]) as image:
        canvas = image.convert("RGB").crop(values["pictures"][0]["box"])
    short = min(canvas.size)
    left, top = (canvas.width - short)//2, (canvas.height - short)//2
    square = canvas.crop((left, top, left + short, top + short)).resize((128, 128), Image.Resampling.BILINEAR)
    picture = torch.tensor(np.array(square)).permute(2, 0, 1)[None]/255
    drawn = modules.evaluate(DRAWS, {"bounds": values["bounds"], "count": 8})
    wanted = [fastai_view(picture, each)[0].clamp(0, 1).permute(1, 2, 0).numpy() for each in drawn]
    def looks_like(i):
        """Whether the photograph of view i is most like fastai's; it may be taken before all is drawn."""
        shot = Image.open(io.BytesIO(views.nth(i).screenshot())).convert("RGB").resize((128, 128), Image.Resampling.BOX)
        apart = [np.abs(np.array(shot)/255 - view).mean() for view in wanted]
        return np.argmin(apart) == i and apart[i] < 0.04

    for i in range(8):
        wait_for(lambda i=i: looks_like(i))


def test_light_varies_without_a_server(public, browser):
    """From a file the browser lets no script read a picture's pixels; none is read."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto((public / "lessons/03_resize.html").as_uri(), wait_until="load")
    figure = page.locator("[data-widget=augment]")
    until(page, "document.querySelector('.widget-view canvas').width === 636")
    for name, least in {"turn": "0", "enlarge": "1", "tilt": "0", "light": "0"}.items():
        figure.get_by_label(name).fill(least)
    figure.get_by_label("mirror").uncheck()

    def shots():
        return [np.array(Image.open(io.BytesIO(view.screenshot())).convert("RGB")).astype(float)
                for view in figure.locator(".widget-view").all()]
    def most_apart(views, plain):
        return max(np.abs(view - plain).mean() for view in views)
    wait_for(lambda: most_apart(views := shots(), views[0]) < 1)
    plain = shots()[0]
    assert plain.std() > 20
    figure.get_by_label("light").fill("0.9")
    wait_for(lambda: most_apart(shots(), plain) > 40)


def test_light_varies_as_fastai_varies_it(modules):
    """Every byte through the widget's table, and through fastai's Brightness and Contrast."""
    pixels = TensorImage(torch.arange(256).float()/255).view(1, 1, 1, 256)
    for change, contrast in ((0.5, 1.0), (0.6, 1.0), (0.42, 1.2), (0.55, 0.83)):
        wanted = Contrast(draw=contrast, p=1)(Brightness(draw=change, p=1)(pixels.clone(), split_idx=0), split_idx=0)
        drawn = {"brightness": math.log(change/(1 - change)), "contrast": contrast}
        shown = modules.evaluate("drawn => import('/widgets/augment.js').then(m => m.lighting(drawn))", drawn)
        assert np.abs(np.array(shown)/255 - wanted.flatten().numpy()).max() < 1/255, (change, contrast)


def test_chance_keeps_its_bounds(modules):
    """Two thousand draws: all within the bounds, half of them mirrored, a quarter of them not turned."""
    views = modules.evaluate("""import('/widgets/augment.js').then(m => {
        const next = m.random(7), bounds = {mirror: true, turn: 10, enlarge: 1.1, tilt: 0.2, light: 0.2};
        return Array.from({length: 2000}, () => m.draws(bounds, next));
    })""")
    degrees = np.array([view["degrees"] for view in views])
    assert np.abs(degrees).max() <= 10 and degrees.min() < -9 and degrees.max() > 9
    assert 0.2 < (degrees == 0).mean() < 0.3
    assert 0.45 < np.mean([view["mirrored"] for view in views]) < 0.55
    assert all(1 <= view["enlarged"] <= 1.1 and 0.8 <= view["contrast"] <= 1.25 for view in views)
    for tilts in np.array([view["tilts"] for view in views]).T:
        assert np.abs(tilts).max() <= 0.2 and tilts.min() < -0.18 and tilts.max() > 0.18
        assert 0.2 < (tilts == 0).mean() < 0.3
    assert all(0.45 < np.mean([view[where] for view in views]) < 0.55 for where in ("across", "down"))
    assert all(abs(view["brightness"]) <= math.log(0.6/0.4) + 1e-9 for view in views)


def test_the_line_counts_as_the_lesson_counts(widget):
    figure, page = widget("confusion")
    values = printed("04_transfer", "line-values")
    truth, probability = np.array(values["answers"]).T
    slider = figure.get_by_role("slider")
    for line in (0.5, 0.05, 0.95, 1.0):
        slider.fill(str(line))
        answers = probability >= line
        wanted = [[int(((truth == t) & (answers == a)).sum()) for a in (0, 1)] for t in (0, 1)]
        assert table(figure) == wanted, line
        wrong = int((answers != truth).sum())
        assert figure.get_by_role("status").inner_text().startswith(f"{wrong} of {len(truth)} wrong")
        assert figure.locator("img:visible").count() == min(wrong, 24)
    slider.focus()
    page.keyboard.press("Home")
    assert table(figure)[0][0] == 0, "from a probability of 0 all is called by the second name"


def test_own_pictures_good_and_bad(widget, tmp_path):
    figure, _ = widget("resize")
    status, field = figure.get_by_role("status"), figure.locator("input[type=file]")
    before = status.inner_text()
    (tmp_path / "notes.jpg").write_text("no picture")
    field.set_input_files(tmp_path / "notes.jpg")
    status.filter(has_text="notes.jpg is no picture").wait_for()
    Image.new("1", (9000, 5000)).save(tmp_path / "huge.png")
    field.set_input_files(tmp_path / "huge.png")
    status.filter(has_text="40 million").wait_for()
    Image.new("RGB", (300, 100), "red").save(tmp_path / "wide.png")
    field.set_input_files(tmp_path / "wide.png")
    status.filter(has_text="crop: 67% lost").wait_for()
    assert before != status.inner_text()


def test_every_widget_is_a_still_without_a_script(browser, home):
    page = browser.new_context(java_script_enabled=False).new_page()
    for name, lesson in LESSONS.items():
        page.goto(f"{home}/lessons/{lesson}.html")
        figure = page.locator(f"[data-widget={name}]")
        assert figure.locator("img").first.is_visible() and not figure.locator("button, input").count()


def test_paper_shows_no_controls(widget):
    figure, page = widget("descent")
    assert figure.locator(".widget-controls").is_visible()
    page.emulate_media(media="print")
    assert not figure.locator(".widget-controls").is_visible() and figure.locator("svg").is_visible()


def test_on_a_slide_the_keys_of_a_control_turn_no_slide(browser, home):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{home}/slides/gradient-descent.html")
    page.wait_for_selector(".reveal.ready")
    page.evaluate("""() => {
        const {h, v} = Reveal.getIndices(Reveal.getSlides().find(slide => slide.querySelector('[data-widget]')));
        Reveal.slide(h, v);
    }""")
    place = page.evaluate("Reveal.getIndices()")
    figure = page.locator("section.present [data-widget]")
    said = figure.get_by_role("status").inner_text()
    figure.get_by_label("learning rate").focus()
    for key in ("ArrowLeft", "ArrowLeft", "PageUp"):
        page.keyboard.press(key)
    assert figure.get_by_role("status").inner_text() != said
    figure.get_by_role("button", name="Step").focus()
    page.keyboard.press("Space")
    assert page.evaluate("Reveal.getIndices()") == place
    page.close()
