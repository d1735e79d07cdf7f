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
ALL = {path.stem: path for path in diagrams.FILES if COURSE not in path.parents}  # with those for a phone
FILES = {name: path for name, path in ALL.items() if not name.endswith("-narrow")}
LABEL = re.compile(r"(?m)^#\| *label: *(\S+)")


def drawing(line, head="<title>A die</title>\n<desc>A die is rolled.</desc>", width=100):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" viewBox="0 0 {width} 100">\n'
            f"{head}\n{line}\n</svg>\n")


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
    "code-number": ('<text class="code" data-cell="01#roll">61</text>', '"61" does not stand in the code of'),
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
# Of a phone's drawing: the wide one, its own, and what is said of which.
CODE = '<text class="code" data-cell="01#roll">random</text>'
PAIRS = {
    "broad": (drawing("", width=600), None, "broad.svg", "it is 600 wide, .* draw broad-narrow.svg for it"),
    "stepping": (drawing("<g/>"), drawing('<g class="fragment"/>'), "stepping-narrow.svg", "it has steps"),
    "forgetful": (drawing(CODE), drawing(""), "forgetful-narrow.svg", 'there is no "random", which forgetful.svg has'),
    "inventive": (drawing(""), drawing('<g data-station="die"/>'), "inventive-narrow.svg", 'there is a "die", which'),
    "narrower": (drawing(""), drawing("", width=501), "narrower-narrow.svg", "it is 501 wide"),
}
# What stands on a slide.
SLIDES = [
    ('{{< diagram "rols" >}}', 'there is no diagram "rols"; there are: .*rolls'),
    ("{{< diagram >}}", 'there is no diagram ""'),
    ('{{< diagram "rolls-narrow" >}}', 'there is no diagram "rolls-narrow"'),
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
    narrow = {f"{name}-narrow": svg for name, (_, svg, *_) in PAIRS.items() if svg}
    drawings |= {name: svg for name, (svg, *_) in PAIRS.items()}
    for name, svg in (drawings | narrow).items():
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
    *[(f"nbs/diagrams/{file}", complaint) for *_, file, complaint in PAIRS.values()],
    *[(f"slides/mistakes.md:{7 + 4*(len(LINES) + len(WHOLE) + len(PAIRS) + n)}(:\\d+)?", complaint)
      for n, (_, complaint) in enumerate(SLIDES)]])
def test_each_mistake_is_reported_where_it_stands(reported, place, complaint):
    assert [error for error in reported if re.match(rf"(?:.*/)?{place}: ?.*{complaint}", error)], "\n".join(reported)
    assert not [error for error in reported if "execute of template failed" in error], reported


def test_of_what_is_right_nothing_is_said(reported):
    assert not [error for error in reported if re.search(r"rolls(-narrow)?\.svg", error.split(": ")[0])], reported


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
    """Each drawing as the built site has it, by its name."""
    found = {}
    for page in [*public.glob("lessons/*.html"), *public.glob("slides/*.html")]:
        for svg in re.findall(r'<svg class="diagram.*?</svg>', page.read_text(encoding="utf-8"), re.S):
            root = ElementTree.fromstring(svg.replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))
            found[root.get("aria-label"), "narrow" in root.get("class").split()] = root
    named = {}
    for name, path in ALL.items():
        title, desc = (ElementTree.parse(path).getroot().find(SVG + tag).text for tag in ("title", "desc"))
        named[name] = found[" ".join(f"{title}. {desc}".split()), name not in FILES]
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
                typed = "" if "code" in (element.get("class") or "").split() else element.text or ""
                assert not re.search(r"\d", typed + (element.tail or "")), (name, element.text)
    assert seen >= 10


def test_spaces_beside_numbers_and_names_are_kept(public):
    """In one line of words, what stands between its parts is not the drawing's layout."""
    seen, spaced = 0, {name: ElementTree.parse(path).getroot() for name, path in ALL.items()}
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


def said(path):
    """What two drawings must have in common: stations, names of code, places of numbers."""
    found = set()
    for element in ElementTree.parse(path).getroot().iter():
        found.add(("station", element.get("data-station")))
        if element.get("data-value"):
            found.add((element.get("data-value"), element.get("data-match")))
        elif "code" in (element.get("class") or "").split():
            found.add(("code", element.text, element.get("data-cell")))
    return found


@pytest.mark.parametrize("name", FILES)
def test_a_phone_has_a_drawing_that_says_the_same(name):
    narrow = ALL.get(f"{name}-narrow")
    assert narrow or int(ElementTree.parse(FILES[name]).getroot().get("width")) <= 500
    if narrow:
        assert said(narrow) == said(FILES[name])
        root = ElementTree.parse(narrow).getroot()
        assert int(root.get("width")) <= 500 and "fragment" not in narrow.read_text(encoding="utf-8")


def test_fine_tune_is_drawn_with_the_groups_and_factors_that_lesson_04_prints():
    """Three groups of layers, at one, ten and a hundred times the lowest rate."""
    printed = "".join(output.text for output in cell("04#rates").outputs if output.get("name") == "stdout")
    early, later, head = (float(rate) for rate in re.findall(r"(\S+) at the end", printed))
    assert later/early == pytest.approx(10, rel=0.02) and head/early == pytest.approx(100, rel=0.02)


def cells_of(svg, kind):
    """Where the cells of these classes lie, from the paths that draw them."""
    paths = re.findall(f'<path class="{kind}" d="([^"]*)"', svg)
    return {(float(x), float(y)) for path in paths for x, y in re.findall(r"M([\d.]+) ([\d.]+)h40v40", path)}


@pytest.mark.parametrize("name", ["convolution", "convolution-narrow"])
def test_the_map_of_the_convolution_is_the_sum_that_is_drawn(name):
    """Light pixels under a plus, less those under a minus: at the window, and everywhere else in the map."""
    svg = ALL[name].read_text(encoding="utf-8")
    corner = {kind: tuple(map(float, found)) for kind, *found in re.findall(
        r'<rect class="(pale|paper|halo)" x="([\d.]+)" y="([\d.]+)"', svg)[::-1]}  # the first of each
    maps = tuple(map(float, re.findall(r'<rect class="paper" x="([\d.]+)" y="([\d.]+)"', svg)[-1]))
    dark, (left, top) = cells_of(svg, "deep"), corner["pale"]
    drawn = {0: set(), **{n: cells_of(svg, kind) for n, kind in ((1, "ink third"), (2, "ink half"), (3, "ink"))}}
    for row in range(4):
        for column in range(6):
            x, y = left + 40*column, top + 40*row
            plus, minus = (sum((x + 40*k, y + 40*n) not in dark for n in range(3)) for k in (0, 2))
            assert ((maps[0] + 40*column, maps[1] + 40*row) in drawn[plus - minus]) == (plus > minus), (row, column)
            if (x, y) == corner["halo"]:
                words = "none", "one", "two", "three"
                assert f">{words[plus]} light under +<" in svg and f">{words[minus]} under −<" in svg
                assert f">{words[plus - minus]}<" in svg


def test_the_dots_of_gradient_descent_are_a_descent():
    """On a parabola each step leaves the same share of the distance to the bottom."""
    svg = FILES["gradient-descent"].read_text(encoding="utf-8")
    bottom = float(re.search(r'class="flow" d="M[\d.]+ [\d.]+Q([\d.]+) ', svg)[1])
    dots, = re.findall(r'class="ink" d="([^"]*)"', svg)
    away = [bottom - float(x) - 6 for x in re.findall(r"M([\d.]+) ", dots)]
    assert len(away) >= 5
    left = [after/before for before, after in zip(away, away[1:], strict=False)]
    assert left == pytest.approx([left[0]]*len(left), abs=0.02)


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
        [...slide.querySelectorAll('.diagram.wide g')].map(g => g.matches('.custom') || g.matches('.visible')),
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
    shown = page.evaluate("[...document.querySelectorAll('.diagram')].map(d => d.checkVisibility() && d.classList[1])")
    assert set(shown) - {False} == {"narrow" if size["width"] < 500 else "wide"}, shown


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


# Frames that scroll sideways, or show not one drawing; and the page, if it scrolls so.
SIDEWAYS = """() => [document.documentElement, ...document.querySelectorAll('.diagram-frame')].filter(e =>
  e.scrollWidth > e.clientWidth || e.matches('.diagram-frame') &&
  [...e.querySelectorAll('.diagram')].filter(d => d.checkVisibility()).length !== 1).map(e => e.className)"""


@pytest.mark.parametrize("width", [390, 320])
def test_no_diagram_of_a_deck_scrolls_sideways_on_a_phone(home, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto(f"{home}/slides/fastai.html")
    assert page.locator(".diagram.narrow:visible").count() >= 8
    assert "diagram-frame" not in page.evaluate(SIDEWAYS)


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


@pytest.mark.parametrize("width, least", [(1280, 15), (1060, 14), (390, 14), (320, 11)])
def test_words_on_lesson_pages_are_large_enough(home, browser, width, least):
    page, seen = browser.new_page(viewport={"width": width, "height": 844}), 0
    for notebook in NOTEBOOKS:
        if "diagrams/" in notebook.read_text(encoding="utf-8"):
            page.goto(f"{home}/lessons/{notebook.stem}.html")
            for found in page.evaluate(WORDS):
                seen += 1
                assert found["smallest"] >= least and not found["out"], (notebook.stem, found)
            assert page.evaluate(SIDEWAYS) == [], notebook.stem
    assert seen >= len(FILES)


def test_a_diagram_has_a_text_for_those_who_cannot_see_it(small, small_home, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{small_home}/lessons/01_dice.html")
    text = "From a die to a count. A die is rolled many times, and each face is counted."
    assert page.get_by_role("img", name=text, exact=True).count() == 1
    assert page.locator("figure:has(.diagram) figcaption").inner_text() == "Roll, then count"
    page.set_viewport_size({"width": 1280, "height": 720})
    assert page.get_by_role("img", name=text, exact=True).count() == 1, "one of the two, on any screen"


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
    for name, (x, y) in {"ground": (10, 10), "ink": (300, 120)}.items():  # beside all boxes; on the first arrow
        found = picture.getpixel((x, y))
        assert "#{:02x}{:02x}{:02x}".format(*found) == wanted[name]


def test_stations_light_up_without_steps(public):
    """On the dividers: one station is lit, nothing waits for a key."""
    deck = (public / "slides/fastai.html").read_text(encoding="utf-8")
    lit = [svg for svg in re.findall(r'<svg class="diagram.*?</svg>', deck, re.S) if "data-lit" in svg]
    assert len(lit) >= 3 and not [svg for svg in lit if "fragment" in svg]
    assert all(svg.count("data-lit") == 1 for svg in lit)


