"""The glossary page, and the links that lead to it from each lesson's first use of a word."""

import re

import html5lib
import pytest
import yaml
from conftest import NOTEBOOKS, ROOT

XHTML = "{http://www.w3.org/1999/xhtml}"
ENTRIES = yaml.safe_load((ROOT / "site/course/glossary.yaml").read_text(encoding="utf-8"))
# Where no word is linked: code, headings, other links, the card, the quiz.
QUIET = "code, pre, h1, h2, h3, h4, .card, .quiz, .cell, .solution, .contents, table"


def parse(file):
    return html5lib.parse(file.read_text(encoding="utf-8"))


def slug_of(link):
    return link.get("href").split("#")[1]


@pytest.fixture(scope="module")
def lessons(public):
    """For each lesson its links to the glossary, in order."""
    pages = {path.stem: parse(public / f"lessons/{path.stem}.html") for path in NOTEBOOKS}
    return {name: [a for a in page.iter(XHTML + "a") if a.get("class") == "word"] for name, page in pages.items()}


def test_page_has_every_term_in_alphabetical_order(public):
    headings = ["".join(h.itertext()).strip() for h in parse(public / "glossary.html").iter(XHTML + "h2")]
    assert headings == sorted((entry["term"] for entry in ENTRIES), key=str.lower)


def test_a_word_is_linked_once_in_a_lesson(lessons):
    for name, links in lessons.items():
        slugs = [slug_of(link) for link in links]
        assert len(set(slugs)) == len(slugs), name
    assert sum(map(len, lessons.values())) > 100


def test_links_stand_on_forms_of_their_term(lessons):
    """A link's text is one of the forms of the entry it leads to, and its title says what the word means."""
    forms = {}
    for entry in ENTRIES:
        slug = re.sub(r"[^\w-]", "", entry["term"].lower().replace(" ", "-"))
        forms[slug] = ({form.strip("`").lower() for form in [entry["term"], *entry.get("also", [])]}, entry["text"])
    for name, links in lessons.items():
        for link in links:
            known, text = forms[slug_of(link)]
            assert " ".join("".join(link.itertext()).split()).lower() in known, (name, slug_of(link))
            assert link.get("title") == text, (name, slug_of(link))


def test_glossary_links_back_to_the_lessons_that_use_a_word(public, lessons):
    sections = {s.find(XHTML + "h2").get("id"): s for s in parse(public / "glossary.html").iter(XHTML + "section")}
    for name, links in lessons.items():
        for link in links:
            back = [a.get("href") for a in sections[slug_of(link)].iter(XHTML + "a")]
            assert any(f"lessons/{name}.html" in address for address in back), (name, slug_of(link))


def test_first_use_is_what_is_linked(lessons):
    """In lesson 01 "epoch" is linked where it is explained, and Python's own code nowhere."""
    first = [slug_of(link) for link in lessons["01_classifier"]]
    assert first.index("epoch") < first.index("confusion-matrix") < first.index("pickle")
    assert "token" not in [slug_of(link) for link in lessons["12_torchserve"]], "not_in keeps other meanings out"


def test_word_leads_to_its_entry_and_is_quiet_elsewhere(browser, home):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{home}/lessons/01_classifier.html")
    assert page.locator(".word").count() > 5
    assert page.evaluate(f"document.querySelectorAll(':is({QUIET}) .word, a a').length") == 0
    page.get_by_role("link", name="confusion matrix").first.click()
    assert page.url.endswith("glossary.html#confusion-matrix")
    page.locator("#confusion-matrix").wait_for(state="visible")
    page.goto(f"{home}/slides/fastai.html")
    assert page.locator(".word").count() == 0, "slides have none"
    context.close()
