"""The engine makes a site of any course: here of the tiny one in tests/course/, walked in a browser."""

import re
import shutil
import tomllib

import pytest
from conftest import ROOT
from site_tools import COURSE, build, until, violations, watch

# What is this course's own. Its name is also the key under which every course's runs are stored.
OWN = re.compile(r"monet|gogh|paint|fastai|torch|webinar|make lab|(?<!metadata\.)\batelier\b", re.I)


def engine_files():
    """The engine's templates, scripts, style sheets and settings."""
    folders = [ROOT / "site" / name for name in ("layouts", "assets", "content", "i18n")]
    return [ROOT / "site/hugo.toml", *(file for folder in folders for file in folder.rglob("*") if file.is_file())]


def test_the_engine_names_nothing_of_a_course():
    files = engine_files()
    assert len(files) > 100
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            assert not OWN.search(line), f"{file.relative_to(ROOT)}:{number}: {line.strip()}"


def test_the_tiny_course_has_no_template_of_its_own():
    assert not list(COURSE.rglob("*.html"))


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    yield context.new_page()
    context.close()


def test_every_page_is_quiet_and_can_be_read(small, small_home, page):
    errors, strangers = watch(page, small_home)
    folder = small / "courses/chances"
    names = sorted(str(file.relative_to(folder)) for file in folder.rglob("*.html") if file.name != "404.html")
    assert {"index.html", "lessons/01_dice.html", "slides/dice.html", "data/dice.html", "glossary.html",
            "search.html", "teaching.html", "changes.html"} <= set(names)
    for name in names:
        page.goto(f"{small_home}/{name}", wait_until="load")
        if name.startswith("slides/") and name != "slides/index.html":
            page.wait_for_selector(".reveal.ready")
        else:
            assert not (found := violations(page)), (name, found)
        until(page, "[...document.images].every(i => i.loading === 'lazy' || (i.complete && i.naturalWidth > 0))")
        assert not errors and not strangers, (name, errors, strangers)


def test_every_slide_is_quiet_and_can_be_read(small_home, page):
    errors, strangers = watch(page, small_home)
    page.goto(f"{small_home}/slides/dice.html")
    page.wait_for_selector(".reveal.ready")
    page.evaluate("""() => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync('.fragment { transition: none !important }');
        document.adoptedStyleSheets.push(sheet);
    }""")
    seen = set()
    for _ in range(50):
        seen.add(page.evaluate("Reveal.getIndices().h + '/' + Reveal.getIndices().v"))
        if page.evaluate("!Reveal.availableFragments().next"):
            assert not (found := violations(page, ".slides section.present:not(.stack)")), found
        if page.evaluate("Reveal.isLastSlide() && !Reveal.availableFragments().next"):
            break
        page.keyboard.press("Space")
    assert len(seen) == page.evaluate("Reveal.getTotalSlides()") == 9
    assert not errors and not strangers, (errors, strangers)


@pytest.mark.parametrize("address", ["lessons/01_dice.html", "slides/dice.html#/roll-it-yourself"])
def test_a_course_brings_its_widgets(small_home, page, address):
    page.goto(f"{small_home}/{address}")
    figure = page.locator("[data-widget=dice]")
    figure.scroll_into_view_if_needed()
    status = figure.locator("[role=status]")
    assert re.fullmatch(r"12 rolls, the last \d, \d\.\d\d on average", status.text_content())
    figure.get_by_role("button", name="Roll").click()
    assert status.text_content().startswith("13 rolls, ")
    until(page, "document.querySelector('[data-widget] img').naturalWidth > 0")
    turned = page.evaluate("getComputedStyle(document.querySelector('.widget-die')).rotate")
    assert turned == "7deg", "and their looks, in css/course.css"


def test_the_course_s_own_words_stand_on_its_pages(small):
    settings = tomllib.loads((COURSE / "hugo.toml").read_text(encoding="utf-8"))["params"]
    home = (small / "courses/chances/index.html").read_text(encoding="utf-8")
    assert f"<title>{settings['title']}: {settings['description']}</title>" in home
    lesson = (small / "courses/chances/lessons/01_dice.html").read_text(encoding="utf-8")
    assert "Notebook</dt><dd>download it" in lesson, "no command of another course"


@pytest.mark.parametrize("address", ["", "https://example.org/least"])
def test_a_home_page_an_icon_and_notebooks_are_enough(course, address):
    """No deck, data sheet, glossary, quiz, menu, widget or list of changes."""
    for part in ("slides", "data/dice/README.md", "glossary.yaml", "CHANGELOG.md", "assets", "nbs/01_dice.ipynb"):
        path = course / part
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for page in (course / "content").glob("[!_]*.md"):
        page.unlink()
    (course / "content/_index.md").write_text("---\ntitle: Least\nheadline: Least\nlead: A.\n---\n", encoding="utf-8")
    settings = (course / "hugo.toml").read_text(encoding="utf-8")
    settings = re.sub(r"(?m)^glossary.*\n|^\[\[menus[^\[]*", "", settings)
    (course / "hugo.toml").write_text(settings, encoding="utf-8")
    lesson = course / "nbs/02_coins.ipynb"
    lesson.write_text(re.sub(r"\[([\w ]+)\]\([^)]*\)", r"\1", lesson.read_text(encoding="utf-8")), encoding="utf-8")
    run = build(ROOT, course / "public", course, HUGO_PARAMS_ADDRESS=address)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("language, colours", [("R", True), ("python", True), (None, False)])
def test_code_is_coloured_as_its_kernel_says(course, language, colours):
    file = course / "nbs/02_coins.ipynb"
    text = file.read_text(encoding="utf-8").replace('"language": "python"', f'"language": "{language}"')
    if language is None:
        text = re.sub(r'"kernelspec": \{[^}]*\}', '"kernelspec": {}', text)
    file.write_text(text, encoding="utf-8")
    assert build(ROOT, course / "public", course).returncode == 0
    lesson = (course / "public/lessons/02_coins.html").read_text(encoding="utf-8")
    block = re.search(r'<div class="highlight">.*?</div>', lesson, re.S).group()
    assert f'class="language-{language or "text"}"' in block
    assert ("<span class=\"kn\">from</span>" in block) is (language == "python")


def test_every_word_of_a_template_is_in_the_list_and_used():
    """A word that is missing would be shown as nothing at all."""
    known = tomllib.loads((ROOT / "site/i18n/en.toml").read_text(encoding="utf-8"))
    used = set()
    for file in engine_files():
        if file.suffix in (".html", ".gotmpl", ".xml"):
            text = file.read_text(encoding="utf-8")
            used |= set(re.findall(r'\bT "(\w+)"', text))
            for words in re.findall(r"\bT \(cond [^)]*\)", text):
                used |= set(re.findall(r'"(\w+)"', words))
    assert used == set(known)
