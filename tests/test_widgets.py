"""What one can touch on pages and slides, in a real browser: the lessons' own numbers, by mouse and by keyboard."""

import io
import itertools
import json
import math
import random
import re
import shutil
import sys

import nbformat
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
from nbformat.v4 import new_markdown_cell, new_notebook, new_output
from PIL import Image
from site_tools import COURSE, build, photograph, served, until, violations, watch

from atelier.resizing import resize_geometry

sys.path.insert(0, str(ROOT / "tools"))
import freshness  # noqa: E402

LESSONS = {"descent": "05_gradient_descent", "resize": "03_resize", "augment": "03_resize", "confusion": "04_transfer",
           "bends": "05_gradient_descent", "convolution": "07_pytorch", "scores": "07_pytorch", "guess": "02_datablock"}


def cell_of(lesson, line):
    """The cell of a lesson in which a line stands."""
    return next(c for c in read(ROOT / "nbs" / f"{lesson}.ipynb").cells if f"{line}\n" in c.source)


def printed(lesson, label):
    """What the cell with a label printed, as JSON."""
    outputs = cell_of(lesson, f"#| label: {label}").outputs
    return json.loads("".join(o.text for o in outputs if o.output_type == "stream"))


def three_cells(name, lesson, values=None):
    """A widget of a lesson as three cells that can stand beside those of others: with its still and its values as the
    lesson stores them, or with other values."""
    shown = cell_of(lesson, f"#| widget: {name}")
    option = dict(re.findall(r"(?m)^#\| (values|still): (\S+)", shown.source))
    cells = [cell_of(lesson, f"#| label: {option[which]}") for which in ("still", "values")] + [shown]
    for cell in cells:
        cell.source = re.sub(r"(?m)^(#\| (?:label|values|still): )", rf"\g<1>{name}-", cell.source)
        cell.id = f"{name}-{cell.id}"
    if values is not None:
        cells[1].outputs = [new_output("stream", name="stdout", text=json.dumps(values))]
    return cells


def write_lesson(course, name, title, cells):
    """A notebook of a course that looks as if it had run."""
    nb = new_notebook(cells=[new_markdown_cell(f"# {title}\n\n> **What can be touched?**"), *cells])
    nb.metadata.atelier = {"run": {"cells": freshness.cells(nb)}}
    nbformat.write(nb, course / f"nbs/{name}.ipynb")


@pytest.fixture(scope="module")
def touchable(tmp_path_factory):
    """The address of the tiny course with all widgets of the lessons on one page and one deck,
    and on a second page the new ones without values and with NaN, and a good one below."""
    course = shutil.copytree(COURSE, tmp_path_factory.mktemp("touchable") / "course")
    for kind in ("js/widgets", "css"):
        shutil.copytree(ROOT / "site/course/assets" / kind, course / "assets" / kind, dirs_exist_ok=True)
    cells = [cell for name, lesson in LESSONS.items() for cell in three_cells(name, lesson)]
    write_lesson(course, "03_touch", "03 Widgets", cells)
    bad = {"none": {}, "nan": None}
    cells = []
    for kind, name in itertools.product(bad, NEW):
        values = json.loads(re.sub(r"(?<=[\[ ])-?\d+\.\d+", "null", json.dumps(values_of(name)), count=1))
        three = three_cells(name, LESSONS[name], {} if kind == "none" else values)
        for cell in three:
            cell.source = re.sub(r"(?m)^(#\| (?:label|values|still): )", rf"\g<1>{kind}-", cell.source)
            cell.id = f"{kind}-{cell.id}"
        cells += three
    write_lesson(course, "04_bad", "04 Bad values", [*cells, *three_cells("bends", LESSONS["bends"])])
    for name in LESSONS:
        for file in values_of(name).get("files", []):
            (course / "data/dice" / file).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / "data/paintings" / file, course / "data/dice" / file)
    slides = ["---\ntitle: Touch\n---\n"]
    for name, lesson in LESSONS.items():
        label = re.search(r"#\| label: (\S+)", three_cells(name, lesson)[2].source)[1]
        slides.append(f'## {name}\n\n{{{{< widget nb="03" label="{label}" >}}}}\n')
    (course / "slides/touch.md").write_text("\n".join(slides), encoding="utf-8")
    run = build(ROOT, course / "public", course)
    assert run.returncode == 0, run.stdout
    with served(course / "public") as address:
        yield address


def values_of(name):
    """What the cell printed that a widget's cell names."""
    lesson = LESSONS[name]
    return printed(lesson, re.search(r"(?m)^#\| values: (\S+)", cell_of(lesson, f"#| widget: {name}").source)[1])


NEW = ["bends", "convolution", "scores", "guess"]


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
        figure = page.locator(f"[data-widget={name}]")
        figure.scroll_into_view_if_needed()
        return figure, page
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
    figure.scroll_into_view_if_needed()
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


@pytest.fixture
def figure(browser, touchable):
    """A function that opens one of all widgets, on the page or on its slide, and returns it with its page."""
    pages = []

    def open_(name, slide=False, width=1280, **context):
        page = browser.new_page(viewport={"width": width, "height": 720}, **context)
        pages.append(page)
        page.errors, _ = watch(page, touchable)
        page.goto(f"{touchable}/slides/touch.html#/{name}" if slide else f"{touchable}/lessons/03_touch.html")
        if slide:
            page.wait_for_selector(".reveal.ready")
        figure = page.locator(f".present [data-widget={name}]" if slide else f"[data-widget={name}]")
        figure.scroll_into_view_if_needed()
        figure.locator(".widget-room").wait_for()
        return figure, page
    yield open_
    for page in pages:
        assert not page.errors
        page.close()


def are_there(figure):
    """Waits for the pictures of a widget."""
    images = figure.locator(".widget-room img")
    wait_for(lambda: images.evaluate_all("images => images.every(image => image.naturalWidth)"))


def said(figure):
    return figure.get_by_role("status").inner_text()


def number_in(text, before):
    """The number that follows some words."""
    return float(re.search(rf"{before} ([−-]?[\d.]+)", text)[1].replace("−", "-"))


def test_bends_lose_what_the_lesson_lost(figure):
    """For each count of bends, by keyboard, and the curve itself against PyTorch's."""
    values = values_of("bends")
    widget, page = figure("bends")
    slider = widget.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    for n, loss in enumerate(values["losses"], 1):
        assert slider.input_value() == str(n)
        assert said(widget).startswith(f"{n} bend") and abs(number_in(said(widget), "loss") - loss) < 1.1e-5
        assert widget.locator(".widget-bend").count() == n
        page.keyboard.press("ArrowRight")
    assert len(values["losses"]) == 30 and all(a >= b for a, b in itertools.pairwise(values["losses"]))


def test_a_sum_of_bends_is_the_network_s(modules):
    values = values_of("bends")
    x = torch.linspace(-1, 1, len(values["light"]))
    for n in (1, 7, 30):
        kinks, weights = values["kinks"][:n], values["weights"][n - 1]
        mine = modules.evaluate("a => import('/widgets/bends.js').then(m => m.sum(...a))", [x.tolist(), kinks, weights])
        hidden = torch.nn.functional.relu(x[:, None] - torch.tensor(kinks))
        wanted = hidden @ torch.tensor(weights[:-1]) + weights[-1]
        assert np.allclose(mine, wanted, atol=1e-4)


CONVOLVED = """each => import('/widgets/convolution.js').then(m => each.filters.map(filter => {
    const {picture, stride, padding} = each;
    const side = m.sideAfter(picture.length, {size: filter.length, stride, padding});
    return Array.from({length: side}, (_, row) => Array.from({length: side}, (_, column) =>
        m.convolve(picture, filter, row, column, {stride, padding}).sum));
}))"""


def test_maps_are_pytorch_s(modules):
    """Those of the lesson, and of other sizes, strides and paddings."""
    values = values_of("convolution")
    dice = np.random.default_rng(1)
    others = [{"picture": dice.normal(size=(side, side)).tolist(), "stride": stride, "padding": padding,
               "filters": dice.normal(size=(2, size, size)).tolist()}
              for side, size, stride, padding in ((9, 3, 1, 0), (10, 3, 2, 1), (8, 5, 3, 2), (7, 7, 1, 0))]
    for each in (values, *others):
        picture, filters = torch.tensor(each["picture"]), torch.tensor(each["filters"])
        wanted = torch.nn.functional.conv2d(picture[None, None], filters[:, None], stride=each["stride"],
                                            padding=each["padding"])[0]
        assert np.allclose(modules.evaluate(CONVOLVED, each), wanted, atol=1e-4)
    assert np.allclose(modules.evaluate(CONVOLVED, values)[0], values["map"], atol=1e-3)


def test_the_window_moves_by_keyboard_pointer_and_slider(figure):
    values = values_of("convolution")
    widget, page = figure("convolution", reduced_motion="reduce")

    def is_at(row, column):
        text = said(widget)
        assert text.startswith(f"Row {row + 1}, column {column + 1} of {len(values['map'])}"), text
        assert abs(number_in(text, "add up to") - values["map"][row][column]) < 1.6e-3
        products = [float(product) for product in widget.locator("tbody").inner_text().replace("−", "-").split()]
        assert len(products) == 49 and np.isclose(sum(products), values["map"][row][column], atol=0.03)
    widget.locator("summary").click()
    is_at(5, 5)
    seen = widget.locator(".widget-panel:nth-child(3) :is(.widget-plus, .widget-minus)")
    assert seen.count() == 1
    widget.get_by_role("slider", name="row").fill("1")
    widget.get_by_role("slider", name="column").fill("1")
    is_at(0, 0)
    widget.get_by_role("button", name="Empty").click()
    assert seen.count() == 1
    widget.locator("[role=application]").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    is_at(1, 1)
    assert seen.count() == 5
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft", "ArrowLeft"):  # no further than the edge
        page.keyboard.press(key)
    is_at(0, 0)
    widget.get_by_role("slider", name="row").fill("12")
    widget.get_by_role("slider", name="column").fill("12")
    is_at(11, 11)
    widget.locator("[role=application]").scroll_into_view_if_needed()
    box = widget.locator("[role=application]").bounding_box()
    page.mouse.move(box["x"] + box["width"]/2, box["y"] + box["height"]/2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"]*0.51, box["y"] + box["height"]*0.3)
    page.mouse.up()
    row, column = (int(n) - 1 for n in re.findall(r"\d+", said(widget))[:2])
    assert column in (5, 6) and row in (2, 3)
    is_at(row, column)
    widget.get_by_role("button", name="Fill").click()
    assert seen.count() == 144
    widget.get_by_role("button", name="Empty").click()
    assert seen.count() == 1
    widget.get_by_role("combobox").select_option(index=1)
    assert seen.count() == 1


def test_the_map_fills_while_one_looks(figure):
    widget, _ = figure("convolution")
    widget.get_by_role("button", name="Fill").click()
    assert not said(widget).startswith("Row 12, column 12")
    widget.get_by_role("status").filter(has_text="Row 12, column 12").wait_for()


def test_scores_cost_what_the_lesson_prints(figure):
    values = values_of("scores")
    widget, page = figure("scores")
    wanted = np.transpose([values[key] for key in ("scores", "powers", "shares")])
    assert np.allclose(table(widget), wanted, rtol=1e-3, atol=6e-5)
    assert abs(number_in(said(widget), "loss") - values["loss"]) < 1.1e-4
    true = widget.get_by_label(f"score of {values['labels'][values['truth']]}")
    true.focus()
    page.keyboard.press("End")
    assert number_in(said(widget), "loss") < values["loss"]
    shown = np.array(table(widget))
    assert np.allclose(torch.tensor(shown[:, 0]).softmax(0), shown[:, 2], atol=6e-5)
    before = said(widget)
    widget.get_by_role("combobox").select_option(index=1 - values["truth"])
    assert said(widget) != before and number_in(said(widget), "loss") > 1
    box = widget.locator("svg").bounding_box()
    page.mouse.move(box["x"] + box["width"]*0.1, box["y"] + box["height"]*0.6)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"]*0.1, box["y"] + box["height"]*0.3, steps=3)
    page.mouse.up()
    assert table(widget)[0][0] > shown[0][0] or shown[0][0] == 6, "the first score follows the pointer"


def test_softmax_is_pytorch_s(modules):
    for scores in ([0., 0.], [6., -6.], [1.5, -2.5, 0.3]):
        mine = modules.evaluate("a => import('/widgets/scores.js').then(m => m.softmax(...a))", [scores, 1])
        scores = torch.tensor(scores)
        assert np.allclose(mine["powers"], scores.exp(), rtol=1e-5)
        assert np.allclose(mine["shares"], scores.softmax(0), rtol=1e-5)
        assert np.isclose(mine["loss"], torch.nn.functional.cross_entropy(scores, torch.tensor(1)), rtol=1e-5)


def test_you_against_the_network(figure):
    """Named all rightly, then all wrongly, by keyboard; nothing is told before all are named."""
    values = values_of("guess")
    truth, network, _ = zip(*values["answers"], strict=True)
    right = sum(map(int.__eq__, truth, network))
    widget, page = figure("guess")
    cards, answer = widget.get_by_role("group"), widget.get_by_role("button", name="answers")
    assert cards.count() == len(truth) == 6
    for guesses, mine in ((truth, 6), ([1 - t for t in truth], 0)):
        for i, guess in enumerate(guesses):
            assert answer.is_disabled() and "network" not in widget.inner_text()
            assert said(widget).startswith(f"{i} of 6")
            radios = cards.nth(i).get_by_role("radio")
            radios.first.focus()
            page.keyboard.press("Space")
            if guess:
                page.keyboard.press("ArrowRight")
        answer.focus()
        page.keyboard.press("Enter")
        assert said(widget) == f"Right: you {mine} of 6, the network {right} of 6"
        for i, t in enumerate(truth):
            assert f"It is {values['labels'][t]}" in cards.nth(i).inner_text()
            assert cards.nth(i).get_by_role("radio").first.is_disabled()
        widget.get_by_role("button", name="Again").click()
        assert said(widget).startswith("0 of 6") and "It is" not in widget.inner_text()
    alts = widget.locator("img").evaluate_all("images => images.map(image => image.alt)")
    assert not [label for label in values["labels"] if label in "".join(alts)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_widgets_fit_the_page_and_can_be_read(figure, width, scheme):
    for name in LESSONS:
        widget, page = figure(name, width=width, color_scheme=scheme)
        are_there(widget)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        out = widget.evaluate("""figure => [...figure.querySelectorAll('.widget-room *')].filter(element => {
            if (element.closest('.widget-view *, .widget-scroll *, details > :not(summary), svg *')) return false;
            const box = element.getBoundingClientRect();
            return box.width && (box.right > innerWidth + 1 || box.left < -1);
        }).map(element => element.outerHTML.slice(0, 80))""")
        assert not out, (name, out)
        assert not violations(page, f"[data-widget={name}]"), name
        if name in NEW:
            photograph(page, f"widget-{name}-{width}-{scheme}")


# For each kind of line, mark and word in a figure's drawings: its contrast, as a share of what it needs.
RATIOS = """figure => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const ground = getComputedStyle(figure).backgroundColor;
    const pixel = (...layers) => {
        for (const layer of layers) { canvas.fillStyle = layer; canvas.fillRect(0, 0, 1, 1); }
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const linear = c => c <= 0.04045 ? c/12.92 : ((c + 0.055)/1.055)**2.4;
    const light = rgb => rgb.reduce((sum, c, i) => sum + linear(c/255)*[0.2126, 0.7152, 0.0722][i], 0);
    const ratio = (a, b) => {
        const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
        return (high + 0.05)/(low + 0.05);
    };
    const found = {};
    for (const element of figure.querySelectorAll('svg :is(path, circle, text, [class*=mark], .widget-window)')) {
        const style = getComputedStyle(element), isText = element.tagName === 'text';
        const colours = [style.fill, style.stroke].filter(colour => colour !== 'none').map(colour => pixel(colour));
        const fills = isText && element.closest('.widget-numbers') ? ['.widget-plus', '.widget-minus'] : [];
        const grounds = fills.map(kind => getComputedStyle(element.closest('svg').querySelector(kind)).fill);
        for (const one of [pixel(ground), ...grounds.map(fill => pixel(ground, fill))]) {
            const key = `${element.tagName} ${element.getAttribute('class')}`;
            const best = Math.max(...colours.map(colour => ratio(colour, one)));
            found[key] = Math.min(found[key] ?? 99, best/(isText ? 4.5 : 3));
        }
    }
    return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_charts_can_be_told_from_their_ground(figure, scheme):
    """axe-core looks at no SVG: lines and marks 3 : 1, words 4.5 : 1 on what they stand on."""
    for name in ("descent", *NEW[:3]):
        widget, _ = figure(name, color_scheme=scheme)
        ratios = widget.evaluate(RATIOS)
        assert ratios and min(ratios.values()) >= 1, (name, ratios)


# What holds words of fewer than 18 pixels; an SVG's own pixels grow and shrink with it.
SMALL = """figure => [...figure.querySelectorAll('.widget-room *')].filter(element => {
    const svg = element.ownerSVGElement, scale = svg ? svg.getBoundingClientRect().width/svg.viewBox.baseVal.width : 1;
    const hasWords = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    return element.checkVisibility() && hasWords && parseFloat(getComputedStyle(element).fontSize)*scale < 17.5;
}).map(element => element.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_widgets_fill_their_slide(figure, scheme):
    for name in LESSONS:
        widget, page = figure(name, slide=True, color_scheme=scheme)
        are_there(widget)
        slide = page.locator("section.present:not(.stack)").bounding_box()
        room = widget.locator(".widget-room").bounding_box()
        assert room["width"] > 0.85*slide["width"], name
        assert room["y"] + room["height"] <= slide["y"] + slide["height"] + 1, name
        main = ".widget-strip" if name == "confusion" else ":scope > :first-child"
        box = widget.locator(".widget-room").locator(main).bounding_box()
        assert name == "confusion" or box["width"]*box["height"] > 270_000, (name, box)
        out = widget.evaluate("""figure => [...figure.querySelectorAll('.widget-room *')].filter(element => {
            if (element.closest('.widget-view *, details *, svg *') || !element.checkVisibility()) return false;
            const box = element.getBoundingClientRect();
            return box.right > innerWidth || box.bottom > innerHeight;
        }).map(element => element.outerHTML.slice(0, 80))""")
        assert not out, (name, out)
        small = widget.evaluate(SMALL)
        assert not small, (name, small)
        assert not widget.locator("input[type=file]:visible").count()
        photograph(page, f"widget-{name}-slide-{scheme}")


def test_file_pickers_stay_on_pages(figure):
    for name in ("resize", "augment"):
        assert figure(name)[0].locator("input[type=file]").is_visible()


@pytest.mark.parametrize("name", NEW)
def test_keys_on_a_slide_work_the_widget(figure, name):
    widget, page = figure(name, slide=True)
    place, before = page.evaluate("Reveal.getIndices()"), widget.inner_text()
    control = {"convolution": "[role=application]", "guess": "input"}.get(name, "input[type=range]")
    widget.locator(control).first.focus()
    for key in ("Space", "ArrowRight", "ArrowDown", "PageUp"):
        page.keyboard.press(key)
    assert page.evaluate("Reveal.getIndices()") == place and widget.inner_text() != before


def test_new_widgets_are_stills_without_a_script_and_on_paper(browser, touchable, figure):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{touchable}/lessons/03_touch.html")
    for name in LESSONS:
        widget = page.locator(f"[data-widget={name}]")
        assert widget.locator("img").first.is_visible() and not widget.locator("button, input").count()
    for name in NEW:
        widget, page = figure(name)
        page.emulate_media(media="print")
        assert not widget.locator(".widget-controls, details").first.is_visible()
        assert widget.locator("svg, img").last.is_visible() and widget.get_by_role("status").is_visible()


def test_what_is_not_near_loads_nothing(browser, touchable):
    page = browser.new_page(viewport={"width": 1280, "height": 400})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{touchable}/lessons/03_touch.html", wait_until="networkidle")
    pictures = page.locator("[data-widget=augment] template, [data-widget=guess] template").evaluate_all(
        "all => all.flatMap(one => [...one.content.querySelectorAll('a')].map(a => a.href.split('/').pop()))")

    def loaded():
        return {name for name in pictures for url in asked if url.endswith(name)}
    assert len(pictures) > 6 and not loaded()
    page.emulate_media(media="print")
    augment = page.locator("[data-widget=augment]")
    assert augment.locator(".widget-still").is_visible() and not augment.locator(".widget-room").is_visible()
    page.emulate_media(media="screen")
    for name, least in (("augment", 1), ("guess", 7)):
        page.locator(f"[data-widget={name}]").scroll_into_view_if_needed()
        wait_for(lambda least=least: page.evaluate("1") and len(loaded()) >= least)
    page.close()


def test_bad_values_leave_the_still_and_wake_the_others(browser, touchable):
    page = browser.new_page()
    errors, _ = watch(page, touchable)
    page.goto(f"{touchable}/lessons/04_bad.html")
    for figure in page.locator("[data-widget]").all()[:-1]:
        figure.scroll_into_view_if_needed()
        assert figure.locator("img").first.is_visible()
    good = page.locator("[data-widget]").last
    good.locator(".widget-room").wait_for()
    assert page.locator(".widget-live").count() == 1 and page.locator("[data-widget]").count() == 2*len(NEW) + 1
    assert len(errors) == 2*len(NEW) and sum("has no value" in error for error in errors) == len(NEW)
    page.close()
