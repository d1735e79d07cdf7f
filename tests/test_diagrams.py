"""Diagrams: what they may hold, where their words and numbers come from, and how they look on slides, pages, paper, a
phone and alone."""

import io
import re
import shutil
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from conftest import NOTEBOOKS, ROOT, read
from PIL import Image
from site_tools import COURSE, build, served, until, watch

sys.path.insert(0, str(ROOT / "tools"))
import diagrams  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
FILES = {path.stem: path for path in diagrams.FILES if COURSE not in path.parents}
LABEL = re.compile(r"(?m)^#\| *label: *(\S+)")


def drawing(line, head="<title>A die</title>\n<desc>A die is rolled.</desc>"):
    return f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" viewBox="0 0 100 100">\n{head}\n{line}\n</svg>\n'


# What stands on the fourth line of a diagram, and what the build says of it.
LINES = {
    "style": ('<rect style="fill: red"/>', "style=.* is not allowed in a diagram; colours, lines and letters come"),
    "fill": ('<rect fill="#f00"/>', 'fill="#f00" is not allowed in a diagram; colours'),
    "stroke": ("<path stroke='red'/>", "stroke='red' is not allowed"),
    "font": ('<text font-size="40">a</text>', "font-size=.* is not allowed"),
    "id": ('<rect id="a"/>', "id=.* is not allowed"),
    "event": ('<rect onclick="alert()"/>', "onclick=.* is not allowed"),
    "script": ("<script>alert()</script>", "<script> is not allowed in a diagram; it is drawn with g, path,"),
    "image": ('<image href="https://example.org/a.png"/>', "<image> is not allowed"),
    "link": ('<g href="https://example.org/"/>', "href=.* is not allowed"),
    "use": ('<use/>', "<use> is not allowed"),
    "frame": ("<foreignObject/>", "<foreignObject> is not allowed"),
    "cdata": ("<text><![CDATA[a]]></text>", r"<!\[CDATA\[a.* is not allowed"),
    "class": ('<rect class="card blue"/>', 'there is no class "blue" in css/diagram.css'),
    "number": ("<text>of 30 pictures</text>", '"of 30 pictures" holds a typed number'),
    "half": ("<text>½ of them</text>", '"½ of them" holds a typed number'),
    "entity": ("<text>&#51; of them</text>", "holds a typed number"),
    "placeholder": ('<text data-value="01#roll" data-match="(60)">60</text>', '"60" holds a typed number'),
    "notebook": ('<text data-value="77#roll">…</text>', 'there is no notebook "77" in nbs/'),
    "label": ('<text data-value="01#rol">…</text>', 'no cell with the label "rol"; it has: .*roll'),
    "unlabelled": ('<text data-value="01">…</text>', 'no cell with the label ""'),
    "silent": ('<text data-value="01#solution-mean">…</text>', "printed nothing, so there is no value"),
    "match": ('<text data-value="01#roll" data-match="z">…</text>', 'match="z" is not in what the cell printed'),
    "torn-match": ('<text data-value="01#roll" data-match="(">…</text>', r'match="\(" is no regular expression'),
    "misspelt": ('<text class="code" data-cell="01#roll">random.Ran</text>',
                 '"random.Ran" does not stand in the code of nbs/01_dice.ipynb, cell 3'),
    "renamed": ('<tspan class="strong code" data-cell="01#role">random</tspan>', 'no cell with the label "role"'),
    "nowhere": ('<text class="code">random</text>', '"random" is code; say in which cell it stands'),
}
# As a whole; of these no line is said, but for what is on the second and third.
WHOLE = {
    "untitled": (drawing("", head="<desc>A die is rolled.</desc>"), ":1", "begin it with <title> and <desc>"),
    "undescribed": (drawing("", head="<title>A die</title>\n<desc> </desc>"), ":1", "begin it with <title> and <desc>"),
    "numbered": (drawing("", head="<title>A die</title>\n<desc>It has 6 faces.</desc>"), ":3", "typed number"),
    "torn": (drawing("<g>"), "", "cannot be read: .* on line 5"),
    "sizeless": (drawing("").replace("viewBox", "d"), ":1", 'no <svg> that has a viewBox="0 0 WIDTH HEIGHT"'),
    "split": (drawing('<text data-value="01#roll">a<tspan>b</tspan></text>'), ":4", "data-value belongs to a <text>"),
}
# What stands on a slide.
SLIDES = [
    ('{{< diagram "rols" >}}', 'there is no diagram "rols"; there are: .*rolls'),
    ("{{< diagram >}}", 'there is no diagram ""'),
    ('{{< diagram name="rolls" lit="dye" >}}', 'lit="dye" is no station of nbs/diagrams/rolls.svg; it has: die, count'),
    ("![a](../nbs/diagrams/rols.svg)", "there is no picture nbs/diagrams/rols.svg"),
    ("![](../nbs/diagrams/fill.svg)", "fill.svg has no alternative text"),
    ("Look: ![a](../nbs/diagrams/rolls.svg) here.", "rolls.svg stands within a line; give it one of its own"),
]


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """What one build of the tiny course says that has all these mistakes: its errors, a text each."""
    course = shutil.copytree(COURSE, tmp_path_factory.mktemp("diagrams") / "course")
    drawings = {name: drawing(line) for name, (line, _) in LINES.items()}
    drawings |= {name: svg for name, (svg, *_) in WHOLE.items()}
    for name, svg in drawings.items():
        (course / f"nbs/diagrams/{name}.svg").write_text(svg, encoding="utf-8")
    slides = [f'{{{{< diagram "{name}" >}}}}' for name in drawings] + [slide for slide, _ in SLIDES]
    (course / "slides/mistakes.md").write_text("---\ntitle: Deck\n---\n\n" + "".join(
        f"## Mistake\n\n{slide}\n\n" for slide in slides), encoding="utf-8")
    run = build(ROOT, course / "public", course)
    assert run.returncode, run.stdout
    return re.findall(r"(?m)^ERROR (.*)$", run.stdout)


@pytest.mark.parametrize("place, complaint", [
    *[(f"nbs/diagrams/{name}.svg:4", complaint) for name, (_, complaint) in LINES.items()],
    *[(f"nbs/diagrams/{name}.svg{line}", complaint) for name, (_, line, complaint) in WHOLE.items()],
    *[(f"slides/mistakes.md:{7 + 4*(len(LINES) + len(WHOLE) + n)}(:\\d+)?", complaint)
      for n, (_, complaint) in enumerate(SLIDES)]])
def test_each_mistake_is_reported_where_it_stands(reported, place, complaint):
    assert [error for error in reported if re.match(rf"(?:.*/)?{place}: ?.*{complaint}", error)], "\n".join(reported)
    assert not [error for error in reported if "execute of template failed" in error], reported


def test_of_what_is_right_nothing_is_said(reported):
    assert not [error for error in reported if "rolls.svg" in error.split(": ")[0]], reported


@pytest.mark.parametrize("path", diagrams.FILES, ids=lambda path: path.stem)
def test_a_file_brings_the_style_sheet_of_the_site(path):
    """So that it looks the same where it is shown alone; `python tools/diagrams.py` writes it."""
    svg = path.read_text(encoding="utf-8")
    assert svg == diagrams.styled(svg) and svg.count("<style>") == 1
    root = ElementTree.fromstring(svg)
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}", "a picture alone has that size"


def luminance(colour):
    parts = [int(colour[i:i + 2], 16)/255 for i in (1, 3, 5)]
    return sum(w*(c/12.92 if c <= 0.04045 else ((c + 0.055)/1.055)**2.4)
               for w, c in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05)/(low + 0.05)


@pytest.fixture(scope="module")
def colours():
    """For each class of a diagram and each of its properties with a colour: that by day, and that by night."""
    found = {}
    for name, rule in re.findall(r"(?m)^\.diagram \.?([\w-]+) \{(.*)\}", diagrams.style()):
        for property, light, dark in re.findall(r"(fill|stroke): light-dark\((#\w+), (#\w+)\)", rule):
            found[name, property] = light, dark
    return found


GROUNDS = ("ground", "paper", "known")  # the page's, a box's, and that of a box of what is known


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_from_their_ground(colours, scheme):
    grounds = {name: colours[name, "fill"][scheme] for name in GROUNDS}
    seen = 0
    for (name, kind), pair in colours.items():
        if kind == "stroke" and name == "halo" or kind == "fill" and name in (*GROUNDS, "card", "new"):
            continue
        is_text = name in ("text", "note") or name.startswith("in-")
        for ground, colour in grounds.items():
            seen += 1
            assert contrast(pair[scheme], colour) >= (4.5 if is_text else 3), (name, kind, ground)
    assert seen > 30


def test_a_light_pixel_can_be_told_from_a_dark_one():
    pale, deep = (re.search(rf"--{name}: (#\w+)", (diagrams.CSS / "tokens.css").read_text(encoding="utf-8"))[1]
                  for name in ("pale", "deep"))
    assert contrast(pale, deep) >= 3


def shown_in(text):
    """The names of the diagrams that a Markdown text shows."""
    return set(re.findall(r'\{\{< diagram (?:name=)?"([\w-]+)"|diagrams/([\w-]+)\.svg', text))


def texts():
    """Files and their Markdown: decks, pages, notebooks' text cells."""
    for path in [*(ROOT / "slides").glob("*.md"), *(ROOT / "site/course/content").rglob("*.md")]:
        yield path, path.read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        yield path, "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def test_every_diagram_is_shown_and_its_file_is_where_jupyter_looks():
    shown = set()
    for path, text in texts():
        shown |= {name for pair in shown_in(text) for name in pair if name}
        for alt, address in re.findall(r"!\[([^\]]*)\]\(([^) ]*diagrams/[^) ]*)", text):
            assert (path.parent / address).resolve() in FILES.values(), (path.name, address)
            assert len(alt) > 30 and not re.search(r"\d", alt), (path.name, alt)
    assert shown == set(FILES)


def cell(place):
    prefix, label = place.split("#")
    notebook, = (path for path in NOTEBOOKS if path.stem == prefix or path.stem.startswith(f"{prefix}_"))
    return next(c for c in read(notebook).cells if (found := LABEL.search(c.source)) and found[1] == label)


def inlined(public):
    """Each diagram as the built site has it, by its name."""
    found = {}
    for page in [*public.glob("lessons/*.html"), *public.glob("slides/*.html")]:
        for svg in re.findall(r'<svg class="diagram.*?</svg>', page.read_text(encoding="utf-8"), re.S):
            root = ElementTree.fromstring(svg.replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))
            found[root.get("aria-label")] = root
    named = {}
    for name, path in FILES.items():
        title, desc = (ElementTree.parse(path).getroot().find(SVG + tag).text for tag in ("title", "desc"))
        named[name] = found[" ".join(f"{title}. {desc}".split())]
    return named


def test_numbers_are_those_that_cells_printed(public):
    seen = 0
    for name, root in inlined(public).items():
        assert not root.findall(f".//{SVG}style") and not root.findall(f".//{SVG}title"), name
        for element in root.iter():
            if "data-value" in element.attrib:
                printed = "".join(o.text for o in cell(element.get("data-value")).outputs if o.get("name") == "stdout")
                found = re.search(element.get("data-match") or "(?s)(.*)", printed.strip())
                assert element.text == found[found.lastindex or 0], (name, element.attrib)
                seen += 1
            elif element.tag in (SVG + "text", SVG + "tspan"):
                assert not re.search(r"\d", (element.text or "") + (element.tail or "")), (name, element.text)
    assert seen >= 10


def test_spaces_beside_numbers_and_names_are_kept(public):
    """In one line of words, what stands between its parts is not the drawing's layout."""
    seen, spaced = 0, {name: ElementTree.parse(path).getroot() for name, path in FILES.items()}
    for name, root in inlined(public).items():
        for drawn, built in zip(spaced[name].iter(SVG + "text"), root.iter(SVG + "text"), strict=True):
            pieces = [(drawn.text, built.text)] if len(drawn) else []
            for piece in pieces + [(one.tail, other.tail) for one, other in zip(drawn, built, strict=True)]:
                one, other = (re.sub(r"\s+", " ", part or "") for part in piece)
                assert one == other, (name, piece)
                seen += " " in one
    assert seen >= 5


def test_names_of_code_stand_in_their_cells(public):
    """Said once more without the engine's own look: whole names, and none left out."""
    seen = 0
    for name, root in inlined(public).items():
        for element in root.iter():
            if "code" in (element.get("class") or "").split() and "data-value" not in element.attrib:
                edges = [r"\b" if re.match(r"\w", end) else "" for end in (element.text[0], element.text[-1])]
                pattern = edges[0] + re.escape(element.text) + edges[1]
                assert re.search(pattern, LABEL.sub("", cell(element.get("data-cell")).source)), (name, element.text)
                seen += 1
    assert seen >= 20


def test_a_number_changes_with_its_cell(course):
    path = course / "nbs/01_dice.ipynb"
    text = path.read_text(encoding="utf-8").replace("points in 60 rolls", "points in 1234 rolls")
    path.write_text(text, encoding="utf-8")
    run = build(ROOT, course / "public", course)
    assert run.returncode == 0, run.stdout
    for page in ("lessons/01_dice.html", "slides/dice.html"):
        assert ">1234</tspan>" in (course / "public" / page).read_text(encoding="utf-8")


# How much of each group of a diagram that steps can be seen, between 0 and 1.
SEEN = """() => [...document.querySelectorAll('.diagram')].filter(d => d.checkVisibility()).map(
  diagram => [...diagram.querySelectorAll('g')].map(g => {
    const style = getComputedStyle(g), box = g.getBoundingClientRect();
    return style.visibility === 'visible' && box.width && box.height ? Number(style.opacity) : 0;
  }))"""


def test_groups_step_on_a_slide_and_light_up_with_the_code(small_home, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    errors, strangers = watch(page, small_home)
    page.goto(f"{small_home}/slides/dice.html#/roll-then-count")
    page.wait_for_selector(".reveal.ready")
    state = """() => { const slide = Reveal.getCurrentSlide(); return [
        [...slide.querySelectorAll('.diagram g')].map(g => g.matches('.custom') || g.matches('.visible')),
        [...slide.querySelectorAll('.diagram .current-fragment .card')].map(c => getComputedStyle(c).strokeWidth),
        slide.querySelectorAll('.step.visible').length]; }"""
    steps = [page.evaluate(state)]
    while page.evaluate("Reveal.availableFragments().next"):
        page.keyboard.press("Space")
        steps.append(page.evaluate(state))
    assert steps == [[[True, False, False], [], 0], [[True, False, False], ["5px"], 1],
                     [[True, True, False], [], 1], [[True, True, True], ["2px"], 1]]
    until(page, f"({SEEN})().at(-1).every(opacity => opacity === 1)")
    assert not errors and not strangers


@pytest.mark.parametrize("address, options", [
    ("slides/dice.html?print-pdf", {"width": 1280, "height": 720}),
    ("slides/dice.html", {"width": 390, "height": 844}),
    ("lessons/01_dice.html", {"width": 390, "height": 844}),
    ("lessons/01_dice.html", {"width": 1280, "height": 720}),
    ("lessons/01_dice.html", {"width": 700, "height": 1000, "media": "print"}),
])
def test_page_phone_and_paper_show_every_group(small_home, browser, address, options):
    size = {key: options[key] for key in ("width", "height")}
    page = browser.new_page(viewport=size, reduced_motion="reduce")
    page.emulate_media(media=options.get("media"))
    page.goto(f"{small_home}/{address}")
    if "print-pdf" in address:
        until(page, "document.querySelectorAll('.pdf-page').length >= 9")
    until(page, f"(groups => groups.length && groups.flat().every(opacity => opacity === 1))(({SEEN})())")
    assert page.evaluate("document.querySelectorAll('.diagram g').length") >= 3


# The size in which the smallest words of each diagram appear, and those words that stick out of it.
WORDS = """() => [...document.querySelectorAll('.diagram')].filter(d => d.checkVisibility()).map(diagram => {
  const frame = diagram.viewBox.baseVal, words = [...diagram.querySelectorAll('text')];
  const scale = Math.min(diagram.clientWidth/frame.width, diagram.clientHeight/frame.height);
  return {
    about: diagram.getAttribute('aria-label').slice(0, 40),
    smallest: scale*Math.min(...words.map(w => parseFloat(getComputedStyle(w).fontSize))),
    out: words.filter(w => { const b = w.getBBox(); return b.x < 0 || b.y < 0 || b.x + b.width > frame.width
      || b.y + b.height > frame.height; }).map(w => w.textContent),
  };
})"""


def test_words_on_slides_are_large_enough(home, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{home}/slides/fastai.html")
    page.wait_for_selector(".reveal.ready")
    slides = page.evaluate("""Reveal.getSlides().filter(slide => slide.querySelector('.diagram')).map(
        slide => [Reveal.getIndices(slide).h, Reveal.getIndices(slide).v])""")
    assert len(slides) >= 8
    for place in slides:
        page.evaluate("place => Reveal.slide(...place)", place)
        found, = page.evaluate(WORDS.replace("document.", "Reveal.getCurrentSlide()."))
        assert found["smallest"] >= 18 and not found["out"], (place, found)


@pytest.mark.parametrize("width, least", [(1280, 15), (390, 12.5)])
def test_words_on_lesson_pages_are_large_enough(home, browser, width, least):
    page, seen = browser.new_page(viewport={"width": width, "height": 844}), 0
    for notebook in NOTEBOOKS:
        if "diagrams/" in notebook.read_text(encoding="utf-8"):
            page.goto(f"{home}/lessons/{notebook.stem}.html")
            for found in page.evaluate(WORDS):
                seen += 1
                assert found["smallest"] >= least and not found["out"], (notebook.stem, found)
    assert seen >= len(FILES)


def test_a_diagram_has_a_text_for_those_who_cannot_see_it(small, small_home, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{small_home}/lessons/01_dice.html")
    text = "From a die to a count. A die is rolled many times, and each face is counted."
    assert page.get_by_role("img", name=text, exact=True).count() == 1
    assert page.locator("figure:has(.diagram) figcaption").inner_text() == "Roll, then count"
    frame = page.locator(".diagram-frame")
    assert frame.get_attribute("tabindex") == "0" and page.get_by_role("group", name="Diagram").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_file_alone_follows_light_and_dark(browser, scheme):
    """In an <img> of a page with that colour scheme, whatever the system says: its ground and its ink."""
    tokens = (diagrams.CSS / "tokens.css").read_text(encoding="utf-8")
    pairs = {name: re.search(rf"--{name}: light-dark\((#\w+), (#\w+)\)", tokens).groups() for name in ("ground", "ink")}
    wanted = {name: pair[scheme == "dark"] for name, pair in pairs.items()}
    page = browser.new_page(color_scheme="dark" if scheme == "light" else "light")
    with served(FILES["workflow"].parent) as address:
        page.goto(address)
        page.evaluate("""async scheme => {
            document.documentElement.style.colorScheme = scheme;
            document.body.innerHTML = '<img src="workflow.svg" style="position: fixed; left: 0; top: 0">';
            await document.images[0].decode();
        }""", scheme)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for name, (x, y) in {"ground": (10, 10), "ink": (300, 95)}.items():  # beside all boxes; on the first arrow
        found = picture.getpixel((x, y))
        assert "#{:02x}{:02x}{:02x}".format(*found) == wanted[name]


def test_stations_light_up_without_steps(public):
    """On the dividers: one station is lit, nothing waits for a key."""
    deck = (public / "slides/fastai.html").read_text(encoding="utf-8")
    lit = [svg for svg in re.findall(r'<svg class="diagram.*?</svg>', deck, re.S) if "data-lit" in svg]
    assert len(lit) >= 3 and not [svg for svg in lit if "fragment" in svg]
    assert all(svg.count("data-lit") == 1 for svg in lit)


