"""What search engines, feed readers and link previews get: with the site's public address, and without one."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import urlparse

import html5lib
import pytest
from conftest import NOTEBOOKS, ROOT
from PIL import Image
from site_tools import COURSE, Quiet, build, served, watch

HOST, FOLDER = "https://example.org", "/courses/chances/"  # where the fixture `small` builds the tiny course for
ATOM = "{http://www.w3.org/2005/Atom}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def file_of(host, address):
    """The file that an address of the site means, which must be there."""
    assert address.startswith(HOST + FOLDER), address
    path = urlparse(address).path
    file = host / (path + "index.html" if path.endswith("/") else path).lstrip("/")
    assert file.is_file(), address
    return file


def metas(file):
    """The title, canonical address and named contents of a page's head."""
    head = file.read_text(encoding="utf-8").split("</head>")[0]
    tree = html5lib.parse(head, namespaceHTMLElements=False)
    found = {m.get("property") or m.get("name"): m.get("content") for m in tree.iter("meta")}
    found["canonical"] = next((link.get("href") for link in tree.iter("link") if link.get("rel") == "canonical"), None)
    return found


def pages(host):
    return [file for file in sorted(host.rglob("*.html")) if file.name != "404.html"]


def test_every_page_names_itself_once_in_the_sitemap(small):
    root = ElementTree.parse(small / FOLDER.strip("/") / "sitemap.xml").getroot()
    listed = [element.text for element in root.iter(SITEMAP + "loc")]
    assert len(set(listed)) == len(listed)
    assert {file_of(small, address) for address in listed} == set(pages(small))
    assert {metas(file)["canonical"] for file in pages(small)} == set(listed)
    robots = (small / FOLDER.strip("/") / "robots.txt").read_text(encoding="utf-8")
    assert f"Sitemap: {HOST}{FOLDER}sitemap.xml\n" in robots and not re.search(r"Disallow: \S", robots)


def previews(host):
    """The name of each page's preview, by the page's; every one is a picture of the right kind."""
    pictures = {}
    for file in pages(host):
        found = metas(file)
        assert found["og:url"] == found["canonical"] and found["og:description"] == found["description"], file
        assert found["twitter:card"] == "summary_large_image" and len(found["og:image:alt"]) > 20, file
        picture = file_of(host, found["og:image"])
        with Image.open(picture) as opened:
            assert opened.size == (1200, 630) and opened.format == "JPEG"
        assert picture.stat().st_size < 600_000
        pictures[file.stem] = picture.name
    return pictures


def test_previews_show_what_a_page_shows_else_the_home_page_s_picture(small):
    pictures = previews(small)
    assert len(set(pictures.values())) == 1, "the plot; a drawing in SVG cannot be one"


def test_previews_of_the_lessons_are_their_own(tmp_path):
    run = build(ROOT, tmp_path / FOLDER.strip("/"), HUGO_PARAMS_ADDRESS=HOST + FOLDER.rstrip("/"))
    assert run.returncode == 0, run.stdout
    pictures = previews(tmp_path)
    drawing = [path.stem for path in NOTEBOOKS
               if re.search('"image/png"|data:image/jpeg', path.read_text(encoding="utf-8"))]
    assert len({pictures[name] for name in drawing}) == len(drawing) > 15, "lessons show what they draw"
    assert pictures["fastai"] != pictures["customise"] != pictures["index"]


def test_every_page_has_a_description_of_its_own(public):
    described = {}
    for file in pages(public):
        description = metas(file)["description"]
        assert len(description) > 20, file.name
        assert described.setdefault(description, file) == file, (file, described[description])


def test_feed_of_changes(small):
    """A valid Atom feed (RFC 4287) whose entries stand on the page of changes."""
    feed = ElementTree.parse(small / FOLDER.strip("/") / "changes.xml").getroot()
    headings = re.findall(r"(?m)^## (.+)$", (COURSE / "CHANGELOG.md").read_text(encoding="utf-8"))
    entries = list(feed.iter(ATOM + "entry"))
    assert [entry.findtext(ATOM + "title") for entry in entries] == headings
    for element in [feed, *entries]:
        assert element.findtext(ATOM + "id").startswith(HOST + FOLDER) and element.findtext(ATOM + "title")
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT00:00:00Z", element.findtext(ATOM + "updated"))
    assert feed.find(ATOM + "author").findtext(ATOM + "name")
    for entry in entries:
        address, _, anchor = entry.find(ATOM + "link").get("href").partition("#")
        assert f'id="{anchor}"' in file_of(small, address).read_text(encoding="utf-8")
        assert "<li>" in entry.find(ATOM + "content").text
    assert "<h2" in (small / FOLDER.strip("/") / "changes.html").read_text(encoding="utf-8")


def test_without_an_address_nothing_is_made_up(course):
    public = course / "public"
    assert build(ROOT, public, course).returncode == 0
    assert not list(public.glob("*.xml"))
    assert "Sitemap" not in (public / "robots.txt").read_text(encoding="utf-8")
    for file in [*pages(public), public / "404.html"]:
        found = metas(file)
        assert not found["canonical"] and "og:url" not in found and "og:image" not in found, file.name
        assert "course.example" not in file.read_text(encoding="utf-8"), file.name


def test_a_course_without_changes_and_without_a_picture_has_an_address_too(course):
    """Neither a feed nor previews, and no word of them; a sitemap all the same."""
    (course / "CHANGELOG.md").unlink()
    home = course / "content/_index.md"
    home.write_text(re.sub(r"(?m)^(picture|alt):.*\n", "", home.read_text(encoding="utf-8")), encoding="utf-8")
    public = course / FOLDER.strip("/")
    run = build(ROOT, public, course, HUGO_PARAMS_ADDRESS=HOST + FOLDER)
    assert run.returncode == 0, run.stdout
    assert [file.name for file in public.glob("*.xml")] == ["sitemap.xml"]
    assert "changes.xml" not in (public / "index.html").read_text(encoding="utf-8")
    assert "og:image" not in metas(public / "teaching.html") and "og:image" in metas(public / "lessons/01_dice.html")


class NotFound(Quiet):
    """As hosts do: 404.html in the place of a file that is missing, at any depth."""

    def send_error(self, code, message=None, explain=None):
        body = next(Path(self.directory).rglob("404.html")).read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize("folder", ["/", FOLDER])
def test_a_missing_page_looks_like_the_site_at_any_depth(browser, small, course, folder):
    """At a host's root without an address, and in a folder that the address names."""
    if folder == "/":
        assert build(ROOT, course / "public", course).returncode == 0
    with served(course / "public" if folder == "/" else small, NotFound) as home:
        context = browser.new_context()
        page = context.new_page()
        errors, strangers = watch(page, home)
        for missing in ("gone.html", "lessons/gone.html", "a/b/c/d.html"):
            errors.clear()
            page.goto(f"{home}{folder}{missing}", wait_until="load")
            assert page.locator("h1").inner_text() == "This page is not here"
            assert page.evaluate("document.images.length && [...document.images].every(i => i.naturalWidth > 0)")
            assert page.evaluate("getComputedStyle(document.body).fontFamily").startswith("Newsreader")
            assert page.locator(".theme-switch").is_visible(), "its script ran"
            assert {error for error in errors if not error.startswith("Failed to load")} == {f"404 {page.url}"}
            assert not strangers
            page.get_by_role("link", name="Begin at the start").click()
            page.wait_for_selector(".hero")
            assert urlparse(page.url).path == f"{folder}index.html"
        context.close()
