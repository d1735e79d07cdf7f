"""The website as built: links, validity, what it loads, what it looks like at two widths."""

import json
import re
import zlib
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import html5lib
import pytest
from conftest import NOTEBOOKS, ROOT
from site_tools import photograph, violations, watch

XHTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture(scope="module")
def pages(public):
    """Every page, parsed strictly: a page that is not valid HTML ends the test with the parser's message."""
    parsed = {}
    for file in sorted(public.rglob("*.html")):
        try:
            parsed[file] = html5lib.HTMLParser(strict=True).parse(file.read_text(encoding="utf-8"))
        except html5lib.html5parser.ParseError as error:
            raise AssertionError(f"{file.relative_to(public)}: {error}") from error
    return parsed


def ids(tree):
    return [element.get("id") for element in tree.iter() if element.get("id")]


def test_there_is_a_page_for_everything(public, pages):
    names = {str(file.relative_to(public)) for file in pages}
    expected = {"index.html", "404.html", "data/paintings.html"}
    expected |= {f"lessons/{path.stem.lower()}.html" for path in NOTEBOOKS}
    expected |= {f"slides/{path.stem}.html" for path in (ROOT / "slides").glob("*.md")}
    assert expected <= {name.lower() for name in names} | names


def test_ids_are_unique(pages):
    for file, tree in pages.items():
        found = ids(tree)
        assert len(set(found)) == len(found), (file.name, {i for i in found if found.count(i) > 1})


def test_internal_links_resolve(public, pages):
    broken, checked = [], 0
    anchors = {file: set(ids(tree)) for file, tree in pages.items()}
    for file, tree in pages.items():
        for element in tree.iter():
            for attribute in ("href", "src", "poster"):
                address = element.get(attribute)
                if address is None or urlparse(address).scheme in ("http", "https", "mailto", "data"):
                    continue
                path, fragment = urldefrag(address)
                target = (file.parent / unquote(urlparse(path).path)).resolve() if path else file
                if path.startswith("/"):  # 404.html is shown at any depth, so its links begin at the root
                    assert file.name == "404.html", (file.name, address)
                    target = (public / unquote(urlparse(path).path).lstrip("/")).resolve()
                checked += 1
                if target.is_dir():
                    target /= "index.html"
                if not target.is_file() or not target.is_relative_to(public.resolve()):
                    broken.append(f"{file.relative_to(public)} → {address}")
                elif fragment and not fragment.startswith("/") and unquote(fragment) not in anchors.get(target, ()):
                    broken.append(f"{file.relative_to(public)} → {address}: no such place on the page")
    assert checked > 100 and not broken, broken


def test_nothing_is_loaded_from_another_host(public, pages):
    loading = ("script", "img", "link", "iframe", "source", "video", "audio", "object", "embed")
    for file, tree in pages.items():
        for tag in loading:
            for element in tree.iter(XHTML + tag):
                address = element.get("src") or element.get("href") or element.get("data") or ""
                assert element.get("rel") == "canonical" or not re.match(r"(https?:)?//", address), (file.name, address)
    for sheet in public.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", sheet.read_text(encoding="utf-8")), sheet.name


def test_pictures_have_text_and_size(public, pages):
    for file, tree in pages.items():
        for image in tree.iter(XHTML + "img"):
            assert image.get("alt") is not None, (file.name, image.get("src"))
            assert image.get("width") and image.get("height"), (file.name, image.get("src"))


def test_every_page_has_a_title_a_language_and_one_heading(pages):
    for file, tree in pages.items():
        assert tree.get("lang") == "en" and tree.find(f".//{XHTML}title").text.strip(), file.name
        if "slides" not in file.parts:
            assert len(list(tree.iter(XHTML + "h1"))) == 1, file.name


def test_lesson_page_shows_the_whole_lesson(public, pages):
    """Code, outputs, folded solutions and quiz stand in the HTML itself, highlighted and without JavaScript."""
    text = (public / "lessons/02_datablock.html").read_text(encoding="utf-8")
    tree = pages[public / "lessons/02_datablock.html"]
    words = " ".join("".join(tree.itertext()).split())
    assert 'class="chroma"' in text or "class=chroma" in text
    assert "#|" not in words, "directives of a cell are not shown"
    for question in json.loads((ROOT / "nbs/quiz/02.json").read_text(encoding="utf-8")):
        assert question["question"] in words
        for answer in question["answers"]:
            assert answer["answer"] in words
            assert answer["feedback"].removeprefix("Yes. ").removeprefix("Yes: ") in words  # the page says Right
    assert list(tree.iter("{http://www.w3.org/1998/Math/MathML}math")), "math is MathML"
    folded = ["".join(d.itertext()) for d in tree.iter(XHTML + "details")]
    assert any("def every_fifth" in d for d in folded) and any("def needed" in d for d in folded)
    assert re.search(r"Last verified:? *\d{4}-\d\d-\d\d", words)
    download = [a.get("href") for a in tree.iter(XHTML + "a") if (a.get("href") or "").endswith(".ipynb")]
    assert download


def weight(file):
    """Bytes of a file as a host sends it: text compressed, the rest as it is."""
    compressed = file.suffix in (".html", ".css", ".js", ".svg")
    return len(zlib.compress(file.read_bytes(), 9)) if compressed else file.stat().st_size


def text_weight(page):
    """Compressed bytes of a page with its style sheets and scripts."""
    links = re.findall(r'<(?:link|script)[^>]* (?:href|src)="?([^" >]+\.(?:css|js))', page.read_text(encoding="utf-8"))
    files = {page, *((page.parent / link).resolve() for link in links)}
    assert len(files) >= 3
    return sum(weight(file) for file in files)


def test_decks_and_lessons_are_light(public):
    for folder, most in (("slides", 120), ("lessons", 60)):
        for page in public.glob(f"{folder}/*.html"):
            assert text_weight(page) <= most*1024, page.name


@pytest.mark.parametrize("width", [1280, 390])
def test_home_is_light(public, home, browser, width):
    """All that a browser loads for it, letters and pictures too."""
    page, loaded = browser.new_page(viewport={"width": width, "height": 844}), set()
    page.on("response", lambda response: loaded.add(urlparse(response.url).path.lstrip("/") or "index.html"))
    page.goto(home, wait_until="networkidle")
    assert {Path(name).suffix for name in loaded} >= {".html", ".css", ".js", ".woff2", ".webp"}
    assert sum(weight(public / name) for name in loaded) <= 150*1024, loaded


WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# What may differ in the dark and on a phone; axe-core's other rules read the page's structure.
SEEN = ["color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block"]


def test_pages_fit_the_screen_and_are_quiet(public, pages, home, browser):
    """No page scrolls sideways, logs an error, asks another host or fails axe-core: seen by day on a wide screen, and
    in the dark on a phone."""
    found = []
    for file in pages:
        name = file.relative_to(public)
        if "slides" in name.parts and name.stem != "index":
            continue
        page = browser.new_page()
        errors, strangers = watch(page, home)
        for scheme, width, height, rules in (("light", 1280, 720, None), ("dark", 390, 844, SEEN)):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            if page.url == "about:blank":
                page.goto(f"{home}/{name}", wait_until="load")
            photograph(page, f"{scheme}-{width}/{'-'.join(name.with_suffix('').parts)}", full_page=True)
            found += [f"{name}, {scheme}, {width}: {each}" for each in violations(page, rules=rules)]
            if (wide := page.evaluate(WIDER)) > 0:
                found.append(f"{name} is {wide} px wider than a screen of {width}")
        found += [f"{name}: {each}" for each in errors + strangers]
        page.context.close()
    assert not found, "\n".join(found)


def test_site_works_from_a_folder_without_a_server(public, browser):
    """A deck and a lesson opened from file://, as from a USB stick."""
    page = browser.new_page()
    errors, strangers = watch(page, "file:")
    page.goto((public / "slides/fastai.html").as_uri())
    page.wait_for_selector(".reveal.ready")
    page.goto((public / "lessons/02_datablock.html").as_uri())
    assert page.locator("img").first.evaluate("image => image.complete && image.naturalWidth > 0")
    assert not errors and not strangers
