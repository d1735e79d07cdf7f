"""The search page with a real index, from a sub-folder of a server, and where it can't search."""

import json
import re
import shutil
from urllib.parse import quote

import pytest
from conftest import ROOT
from site_tools import served, until, violations, watch


@pytest.fixture(scope="module")
def home(public, tmp_path_factory):
    """The site in a sub-folder of a server."""
    root = tmp_path_factory.mktemp("server")
    (root / "some").mkdir()
    (root / "some/course").symlink_to(public, target_is_directory=True)
    with served(root) as address:
        yield f"{address}/some/course"


def said(page, words):
    """Waits until the page's live region says something about the words; returns it."""
    until(page, "w => document.querySelector('.search-says').textContent.includes(w)", words)
    return page.locator(".search-says").text_content()


def test_search_by_keyboard_leads_to_the_section(browser, home):
    """From the home page with the keyboard alone: to the search, two words, and the section that has them."""
    page = browser.new_page()
    errors, strangers = watch(page, home)
    asked = []
    page.on("request", lambda request: "/pagefind/" in request.url and asked.append(request.url))
    page.goto(f"{home}/index.html", wait_until="load")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "Search":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html")
    while not page.evaluate("document.activeElement.matches('input')"):
        page.keyboard.press("Tab")
    assert not asked, "nothing of Pagefind is loaded before something is typed"
    page.keyboard.type("confusion matrix")
    assert re.match(r"\d+ pages with “confusion matrix”", said(page, "“confusion matrix”"))
    assert asked and not violations(page)
    lesson = page.locator(".search-results > li", has=page.get_by_role("heading", name="01 A first classifier"))
    link = lesson.get_by_role("link", name="Which mistakes?", exact=True)
    assert "confusion matrix" in link.locator("xpath=following-sibling::p").text_content().lower()
    assert lesson.locator("mark").count() > 0
    while not link.evaluate("link => link === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/some/course/lessons/01_classifier.html#which-mistakes")
    assert page.locator("#which-mistakes").is_visible()
    page.go_back()
    assert "“confusion matrix”" in said(page, "“confusion matrix”"), "the words are in the address"
    assert not errors and not strangers, (errors, strangers)


def test_what_is_not_there_is_said(browser, home):
    page = browser.new_page()
    page.goto(f"{home}/search.html?q=qzxwvkj")
    assert said(page, "qzxwvkj").startswith("Nothing here has “qzxwvkj” in it.")
    assert page.locator(".search-results li").count() == 0
    page.goto(f"{home}/search.html?q=predicting")  # another form of words that are there
    assert re.match(r"\d+ pages? with", said(page, "predicting"))
    page.locator("input").fill("")
    until(page, "!document.querySelector('.search-says').textContent")


def test_solutions_quizzes_and_the_frame_are_not_found(browser, home):
    """Whole phrases, in quotation marks: one of the lesson's text is found, the others are not."""
    page = browser.new_page()
    quiz = json.loads((ROOT / "nbs/quiz/02.json").read_text(encoding="utf-8"))
    phrases = {"A pair: what goes in, and what should come out": 1,
               quiz[0]["question"]: 0, quiz[0]["answers"][0]["feedback"]: 0,
               "i for i in range len items if i not in valid": 0, "Set in Newsreader and JetBrains Mono": 0}
    for phrase, expected in phrases.items():
        page.goto(f"{home}/search.html?q={quote(chr(34) + phrase + chr(34))}")
        said(page, phrase)
        assert page.locator(".search-results > li").count() == expected, phrase


def test_without_a_server_an_index_or_a_script_a_sentence_says_what_to_do(browser, public, tmp_path):
    page = browser.new_page()
    page.goto((public / "search.html").as_uri())
    assert "make present" in page.locator(".search-says").text_content()
    bare = tmp_path / "site"
    shutil.copytree(public, bare, ignore=shutil.ignore_patterns("pagefind", "nbs", "pictures"))
    with served(bare) as address:
        page.goto(f"{address}/search.html")
        page.locator("input").fill("mask")
        assert "make site" in said(page, "No search index")
    scriptless = browser.new_context(java_script_enabled=False).new_page()
    scriptless.goto((public / "search.html").as_uri())
    assert "JavaScript" in scriptless.locator(".search-says").text_content()
    assert not scriptless.locator("input").is_visible()
