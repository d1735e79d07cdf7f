"""The course's plot style: what stored figures hold, that they follow light and dark, and what becomes of fastai's."""

import base64
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from itertools import combinations, product
from types import SimpleNamespace
from xml.etree import ElementTree

import freshness
import nbformat
import numpy as np
import pytest
from conftest import NOTEBOOKS, ROOT, read
from matplotlib import pyplot as plt
from outputs import points, shapes
from PIL import Image
from site_tools import build, served, until

from atelier import style
from atelier.elements import LABELS
from atelier.style import ACCENT, AREA, CHANCE, DARK, INK, MONET, PAPER, SHADE, THINGS, VAN_GOGH

SVG = "{http://www.w3.org/2000/svg}"
WORDS = {INK, CHANCE, MONET, VAN_GOGH, ACCENT}  # the colours of text and lines
PALETTE = WORDS | {AREA, PAPER, SHADE, *THINGS.values()}
TOKENS = (ROOT / "site/assets/css/tokens.css").read_text(encoding="utf-8")


def token(name):
    """The two values of a colour of the site, for light and for dark, or None."""
    found = re.search(rf"--{name}: light-dark\((#\w+), (#\w+)\)", TOKENS)
    return found and found.groups()


def luminance(colour):
    values = [int(colour[k:k + 2], 16)/255 for k in (1, 3, 5)]
    return np.dot([0.2126, 0.7152, 0.0722], [v/12.92 if v <= 0.04045 else ((v + 0.055)/1.055)**2.4 for v in values])


def contrast(a, b):
    dim, bright = sorted([luminance(a), luminance(b)])
    return (bright + 0.05)/(dim + 0.05)


def faults(svg):
    """Sentences about what in a figure does not belong to the style."""
    root, pictures = ElementTree.fromstring(svg), shapes(svg)[2]
    for colour in sorted(set(re.findall(r'(?:fill|stroke)="(?!none|url)([^"]*)"', svg)) - PALETTE):
        yield f"has the colour {colour}, which is not of the style"
    if style.THEMES not in svg or any(f"light-dark({a},{b})" not in svg for a, b in DARK.items()):
        yield "does not follow light and dark"
    width, height = (float(number) for number in root.get("viewBox").split()[2:])
    for path in root.iter(f"{SVG}path"):
        where = points(path.get("d", "")) or [0]
        span = [max(part) - min(part) for part in ([p.real for p in where], [p.imag for p in where])]
        if path.get("fill") != "none" and "fill-opacity" not in path.attrib and span[0]*span[1] > 0.8*width*height:
            yield "has a ground"
    on_picture = {PAPER, SHADE} if pictures else set()
    for text in root.iter(f"{SVG}g"):
        if text.find(f"{SVG}desc") is not None:
            for letters in text.iter(f"{SVG}path"):
                if letters.get("fill", INK) not in WORDS | on_picture or "opacity" in "".join(letters.attrib):
                    word = text.find(f"{SVG}desc").text
                    yield f"says {word!r} in {letters.get('fill', INK)}, which cannot be read everywhere"
    for path in root.iter(f"{SVG}path"):
        if path.get("stroke", INK) not in WORDS | {AREA} | on_picture and path.get("fill") == "none":
            yield f"has a line in {path.get('stroke')}, which cannot be seen everywhere"


def complaints(path):
    """What is wrong with the figures of a notebook, each named."""
    for number, cell in enumerate(read(path).cells, 1):
        for output in cell.get("outputs", []):
            if svg := output.get("data", {}).get("image/svg+xml"):
                where = f"{path.name}, cell {number} (label {freshness.label(cell)!r}): its figure"
                yield from (f"{where} {fault}" for fault in dict.fromkeys(faults(svg)))
                if "#| fig-alt:" not in cell.source:
                    yield f"{where} has no alternative text"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_stored_figure_is_of_the_style(path):
    assert not list(complaints(path))


def drawn(figure):
    """What a notebook stores of a figure; it is closed."""
    file = io.BytesIO()
    figure.savefig(file, format="svg", bbox_inches="tight", facecolor=figure.get_facecolor())
    plt.close(figure)
    return file.getvalue().decode()


@pytest.fixture(autouse=True)
def in_style():
    with plt.rc_context():
        style.use_style()
        yield


def ground(ax):
    ax.figure.set_facecolor("white")


def pale_word(ax):
    ax.text(0, 0, "pale", color=CHANCE, alpha=0.4)


@pytest.mark.parametrize("draw, fault", [
    (lambda ax: ax.plot([1, 2]), None),
    (lambda ax: ax.bar([1, 2], [3, 4], color=[MONET, VAN_GOGH]), None),
    (lambda ax: ax.contourf(np.eye(3)), None),
    (lambda ax: ax.scatter([1, 2], [3, 4], color="black"), None),
    (lambda ax: ax.plot([1, 2], color="#e3731d"), "a line in #e3731d"),
    (lambda ax: ax.plot([1, 2], color="tab:blue"), "the colour #1f77b4"),
    (lambda ax: ax.text(0, 0, "area", color=AREA), f"says 'area' in {AREA}"),
    (lambda ax: ax.text(0, 0, "paper", color=PAPER), f"says 'paper' in {PAPER}"),
    (pale_word, "says 'pale'"),
    (ground, "has a ground"),
])
def test_what_is_not_of_the_style_is_named(tmp_path, draw, fault):
    figure, ax = plt.subplots()
    draw(ax)
    output = nbformat.v4.new_output("display_data", {"image/svg+xml": drawn(figure)})
    cell = nbformat.v4.new_code_cell("#| label: mine\nplot()", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "02_own.ipynb")
    said = "\n".join(complaints(tmp_path / "02_own.ipynb"))
    assert "02_own.ipynb, cell 1 (label 'mine'): its figure has no alternative text" in said
    assert fault in said if fault else len(said.splitlines()) == 1, said


def test_colours_can_be_read_on_both_grounds():
    light, dark = zip(token("ground"), token("raised"), strict=True)
    assert min(contrast(AREA, on) for on in light + dark) >= 3, "as a line"
    for colour, sibling in DARK.items():
        assert min(contrast(colour, on) for on in light) >= 4.5, colour
        assert min(contrast(sibling, on) for on in dark) >= 4.5, sibling
    for on, word, share in ((light[0], INK, 0x8c/255), (dark[0], DARK[INK], 0x8c/255)):  # the deepest cell of a matrix
        mixed = [round(share*int(AREA[k:k + 2], 16) + (1 - share)*int(on[k:k + 2], 16)) for k in (1, 3, 5)]
        assert contrast(word, "#{:02x}{:02x}{:02x}".format(*mixed)) >= 4.5


def test_colours_are_the_site_s():
    """Those that the site names too; and the sheet knows no others."""
    for name, colour in dict(ink=INK, first=MONET, second=VAN_GOGH, chance=CHANCE, accent=ACCENT).items():
        assert token(name) in (None, (colour, DARK[colour])), name
    sheet = (ROOT / "atelier/looks/atelier.mplstyle").read_text(encoding="utf-8")
    assert {f"#{colour}" for colour in re.findall(r"\b[0-9a-f]{6}\b", sheet)} <= WORDS


DRAW = """
import sys, numpy as np, matplotlib.pyplot as plt
from atelier.style import use_style
use_style()
figure, axes = plt.subplots(1, 3)
axes[0].plot([1, 3, 2], "o-", label="a"); axes[0].legend(); axes[0].set(title="Found: ✓ 10% ≤ 20%", yscale="log")
axes[1].imshow(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)); axes[1].plot([9, 50], [9, 50])
axes[2].hist(np.arange(30) % 7)
figure.savefig(sys.stdout.buffer, format="svg", bbox_inches="tight")
"""


def test_same_figure_same_bytes():
    runs = [subprocess.run([sys.executable, "-c", DRAW], cwd=ROOT, check=True, capture_output=True, timeout=300,
                           env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}) for seed in "12"]
    assert runs[0].stdout == runs[1].stdout and not runs[0].stderr, runs[0].stderr.decode()
    assert b"<use" not in runs[0].stdout and b"style=" not in runs[0].stdout and b"dc:date" not in runs[0].stdout


def pictures_of(svg):
    """The pictures in a figure, opened, each with how wide and high it is shown, in points."""
    for image in ElementTree.fromstring(svg).iter(f"{SVG}image"):
        data = image.get("{http://www.w3.org/1999/xlink}href").partition("base64,")[2]
        a, b, c, d, _, _ = (float(n) for n in re.findall(r"-?[\d.]+", image.get("transform")))
        yield Image.open(io.BytesIO(base64.b64decode(data))), (np.hypot(a, b), np.hypot(c, d)), image


@pytest.mark.parametrize("size, options", [(64, {}), (1500, {}), (8, {}), (64, {"interpolation": "bilinear"}),
                                           (64, {"extent": (0, 8, 8, 0)}), (64, {"alpha": 0.5})])
def test_pictures_stay_upright_and_in_their_own_pixels(size, options):
    pixels = np.full((size, size, 3), 40, np.uint8)
    pixels[:size//2, :size//2] = 200, 90, 40  # one corner
    pixels[size//2:] += np.random.default_rng(0).integers(0, 40, (size - size//2, size, 3), np.uint8)
    figure, ax = plt.subplots(figsize=(3, 3))
    ax.imshow(pixels, **options)
    (image, shown, element), = pictures_of(drawn(figure))
    assert max(shown) > 100
    kept = min(size, round(max(shown)*200/72)) if "interpolation" not in options else round(max(shown)*200/72)
    assert abs(image.width - kept) <= 1 and element.get("image-rendering") == ("pixelated" if size <= 32 else "auto")
    assert image.format == ("PNG" if size == 8 else "JPEG") and element.get("opacity") == str(options.get("alpha", 1))
    corners = [image.convert("RGB").getpixel((x, y))[0] for x, y in product((1, image.width - 2), repeat=2)]
    assert corners[0] > 150 > max(corners[1:])


def test_each_thing_of_a_mask_has_a_colour_of_its_own():
    assert {*THINGS} == {*LABELS} - {"void"} and len({*THINGS.values()}) == len(THINGS)


def test_an_array_of_opacities_stays():
    figure, ax = plt.subplots()
    ax.imshow(np.eye(2), cmap="gray", alpha=np.eye(2))
    (image, _, _), = pictures_of(drawn(figure))
    left, right = ((image.width * share // 4, image.height // 4) for share in (1, 3))
    assert image.mode == "RGBA" and image.getpixel(right)[3] == 0 and image.getpixel(left)[3] == 255


def said(svg):
    return shapes(svg)[1].split("\n")


def test_right_and_wrong_are_told_by_signs():
    """As fastai writes them: with a colour, or for plot_top_losses as "answer/truth / loss / probability"."""
    figure, axes = plt.subplots(2, 3)
    for ax, title, colour in zip(axes.flat, ("monet\nmonet", "monet\nvangogh", "sun", "monet/vangogh / 2.31 / 0.90",
                                             "a/a / 0.10 / 0.95", "plain"),
                                 ("green", "red", "red", "black", "black", "black"), strict=True):
        ax.imshow(np.eye(2))
        ax.set_title(title, color=colour)
        ax.axis("off")
    svg = drawn(figure)
    assert said(svg) == ["monet", "✓ said: monet", "monet", "✗ said: vangogh", "✗ sun",
                         "✗ monet/vangogh", "2.31 / 0.90", "✓ a/a", "0.10 / 0.95", "plain"]
    assert not list(faults(svg))


def test_fastai_s_figures_are_of_the_style():
    from fastai.callback.schedule import Recorder
    from fastai.interpret import ClassificationInterpretation
    from fastai.vision.core import TensorPoint, show_image

    matrix = SimpleNamespace(confusion_matrix=lambda: np.array([[900, 1], [0, 8]]), vocab=["monet", "vangogh"])
    ClassificationInterpretation.plot_confusion_matrix(matrix, cmap="Oranges")
    assert not list(faults(svg := drawn(plt.gcf()))) and {"900", "1", "0", "8", "monet"} <= set(said(svg))
    (image, _, _), = pictures_of(svg)
    assert image.getpixel((image.width - 2, 1))[3] < 5 < 100 < image.getpixel((1, 1))[3], "the more, the deeper"
    lrs = np.geomspace(1e-6, 1, 40)
    recorder = SimpleNamespace(lrs=list(lrs), losses=list(lrs**2 - lrs))
    names = ["minimum", "steep", "valley", "slide"]
    Recorder.plot_lr_find(recorder, skip_end=0, suggestions=[(lrs[k], k) for k in (9, 15, 20, 25)], nms=names)
    assert set(names) <= set(said(drawn(plt.gcf()))), "a cycle of enough colours for all of them"
    Recorder.plot_lr_find(recorder, skip_end=0)
    assert not list(faults(drawn(plt.gcf())))
    Recorder.plot_loss(SimpleNamespace(losses=[3, 2, 1], iters=[1, 3], values=[[2, 1], [1, 1]], iterations=3,
                                       metric_names=["epoch", "train_loss", "valid_loss"]), skip_start=0)
    assert not list(faults(drawn(plt.gcf())))
    Recorder.plot_sched(SimpleNamespace(hps={"lr": [1, 2], "mom": [2, 1]}))
    assert not list(faults(drawn(plt.gcf())))
    ax = show_image(np.random.default_rng(0).random((40, 40, 3)))
    TensorPoint([[9., 9.]]).show(ctx=ax)
    assert not list(faults(drawn(plt.gcf())))


def test_labels_beside_lines():
    figure, ax = plt.subplots()
    ax.plot([1, 2], color=MONET, label="Monet")
    ax.axhline(1.5, color=CHANCE)
    style.label_lines(ax)
    assert [(text.get_text(), text.get_color()) for text in ax.texts] == [("Monet", MONET)]
    plt.close(figure)


@pytest.mark.parametrize("ends", [(1, 1), (1, 1.01, 1), (5, 1, 1.2), (1, 9)])
def test_names_of_lines_do_not_touch(ends):
    figure, ax = plt.subplots()
    for number, end in enumerate(ends):
        ax.plot([0, 1], [0, end], label=f"line {number}")
    style.label_lines(ax)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    far = [abs(text.xyann[1]) for text in ax.texts]
    assert min(far) == 0 and (ends != (1, 9) or max(far) == 0), "moved only where it must be"
    plt.close(figure)


def test_files_are_written_as_notebooks_store_them(tmp_path):
    figure, ax = plt.subplots()
    ax.plot([1, 2])
    for file in (tmp_path / "plot.svg", str(tmp_path / "again.svg"), tmp_path / "plot.png"):
        figure.savefig(file)
    plt.close(figure)
    for name in ("plot.svg", "again.svg"):
        assert not list(faults((tmp_path / name).read_text(encoding="utf-8")))
    assert Image.open(tmp_path / "plot.png").getpixel((0, 0))[3] == 0


def test_sheet_and_fonts_travel_in_wheel_and_sdist(tmp_path):
    copy = tmp_path / "copy"
    for name in ("atelier", "data/reviews", "pyproject.toml", "settings.ini", "setup.py", "README.md", "LICENSE",
                 "LICENSES"):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(ROOT / name)
    both = "import sys; from setuptools.build_meta import *; to = sys.argv[1]; build_wheel(to); build_sdist(to)"
    subprocess.run([sys.executable, "-c", both, tmp_path], cwd=copy, check=True, capture_output=True, timeout=300)
    wanted = {f"atelier/looks/{name}" for name in
              ("atelier.mplstyle", "Newsreader-Regular.ttf", "Newsreader-Bold.ttf")}
    assert wanted <= set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        assert wanted <= {name.partition("/")[2] for name in archive.getnames()}


# In the browser.

@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The address of the tiny course, with two figures of the style on a lesson's page and on slides."""
    course = shutil.copytree(ROOT / "tests/course", tmp_path_factory.mktemp("style") / "course")
    nb = read(course / "nbs/01_dice.ipynb")
    for name, draw in (("own-plot", lambda ax: ax.axhspan(0, 1, color=MONET)),
                       ("own-picture", lambda ax: ax.imshow(np.full((64, 64, 3), [[[9, 99, 9]]], np.uint8)))):
        with plt.rc_context():
            style.use_style()
            figure, ax = plt.subplots()
            draw(ax)
            ax.axis("off")
            output = nbformat.v4.new_output("display_data", {"image/svg+xml": drawn(figure)})
        nb.cells.append(nbformat.v4.new_code_cell(f"#| label: {name}\n#| fig-alt: One colour.\nplot()",
                                                  id=name, outputs=[output]))
    nb.metadata.atelier.run["cells"] = freshness.cells(nb)
    nbformat.write(nb, course / "nbs/01_dice.ipynb")
    slides = "".join(f'\n\n## {name}\n\n{{{{< cell nb="01" label="{name}" show="output" >}}}}\n'
                     for name in ("own-plot", "own-picture"))
    (course / "slides/style.md").write_text(f"---\ntitle: Style\ndescription: Two figures.\n---\n{slides}")
    run = build(ROOT, course / "public", course)
    assert run.returncode == 0, run.stdout
    with served(course / "public") as address:
        yield address


def middle(page, selector):
    """The colours in the middle of a picture on the page, which a slide sets on the left, and in its corner."""
    element = page.locator(selector)
    element.scroll_into_view_if_needed()
    until(page, "selector => document.querySelector(selector).naturalWidth", selector)
    image = Image.open(io.BytesIO(element.screenshot())).convert("RGB")
    return image.getpixel((min(image.size)//2, image.height//2)), image.getpixel((1, 1))


def near(pixel, colour):
    return max(abs(value - int(colour[k:k + 2], 16)) for value, k in zip(pixel, (1, 3, 5), strict=True)) <= 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["lessons/01_dice.html", "slides/style.html"])
def test_figures_follow_the_page(browser, shown, place, scheme):
    """The page's own theme decides, whatever the system prefers; the picture in a figure stays as it is."""
    page = browser.new_context(color_scheme="dark" if scheme == "light" else "light").new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    on_slide = place.startswith("slides")
    for name in ("own-plot", "own-picture"):
        page.goto(f"{shown}/{place}#{'/' if on_slide else ''}{name}")
        if on_slide:
            until(page, "name => window.Reveal?.isReady() && document.querySelector(`#${name}.present img`)", name)
        page.evaluate("scheme => document.documentElement.dataset.theme = scheme", scheme)
        page.wait_for_timeout(300)
        inside, outside = middle(page, f"#{name} img")
        dark = scheme == "dark"
        assert near(inside, "#096309" if name == "own-picture" else DARK[MONET] if dark else MONET), inside
        assert near(outside, token("ground")[dark]), "no ground of its own"
    assert not refused


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_bare_figure_follows_the_system(browser, tmp_path, scheme):
    """As a viewer shows it that knows nothing of the site; or the fragment of its address."""
    figure, ax = plt.subplots()
    ax.axhspan(0, 1, color=MONET)
    ax.axis("off")
    (tmp_path / "plot.svg").write_text(drawn(figure), encoding="utf-8")
    (tmp_path / "page.html").write_text(f'<meta name="color-scheme" content="{scheme}"><img src="plot.svg" alt="">')
    for system, address, element in ((scheme, "plot.svg", "svg"), (scheme, "page.html", "img"),
                                     ("light" if scheme == "dark" else "dark", f"plot.svg#{scheme}", "svg")):
        page = browser.new_context(color_scheme=system).new_page()
        page.goto(f"{tmp_path.as_uri()}/{address}")
        page.wait_for_timeout(200)
        image = Image.open(io.BytesIO(page.locator(element).first.screenshot())).convert("RGB")
        assert near(image.getpixel((image.width//2, image.height//2)), DARK[MONET] if scheme == "dark" else MONET)


def test_figures_are_told_the_theme_where_the_browser_is_silent(browser, shown):
    """In WebKit, which tools/bench_figures.py looks at."""
    page = browser.new_context(color_scheme="dark").new_page()
    page.add_init_script("CSS.supports = () => true")
    fragments = "[...document.querySelectorAll('.cell-output img[src*=svg]')].map(i => new URL(i.src).hash)"
    page.goto(f"{shown}/slides/style.html")
    until(page, f"window.Reveal?.isReady() && {fragments}.join() === '#dark,#dark'")
    page.goto(f"{shown}/lessons/01_dice.html")
    until(page, f"{fragments}.slice(-2).join() === '#dark,#dark'")
    page.locator(".theme-switch").click()
    until(page, f"{fragments}.slice(-2).join() === '#light,#light'")
    page.locator(".theme-switch").click()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(fragments)[-1] == "#light", "on paper"
    inside, _ = middle(page, "#own-plot img")
    assert near(inside, MONET)


def test_text_is_large_enough_on_a_slide(browser, shown):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{shown}/slides/style.html#/own-plot")
    until(page, "window.Reveal?.isReady() && document.querySelector('#own-plot.present img')?.naturalWidth")
    box = page.evaluate("(({width, height}) => ({width, height}))(document.querySelector('#own-plot img')"
                        ".getBoundingClientRect())")
    for width, height in ((6.4, 3.4), (9, 2.9), (10, 5), (9, 4.5)):
        assert 14*min(box["width"]/(72*width), box["height"]/(72*height)) >= 18, (width, height, box)
