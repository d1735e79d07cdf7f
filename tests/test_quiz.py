"""The score of a quiz in the browser: the first answer counts, it outlives a reload, and nothing needs it."""

import json

import pytest
from site_tools import COURSE, violations, watch

LESSON = "01_dice"
QUESTIONS = json.loads((COURSE / "nbs/quiz/01.json").read_text(encoding="utf-8"))


@pytest.fixture
def context(browser):
    context = browser.new_context()
    yield context
    context.close()


def answers(page, number):
    return page.locator(".question").nth(number).locator(".answer > summary")


def positions(number, correct):
    return [index for index, answer in enumerate(QUESTIONS[number]["answers"]) if answer["correct"] is correct]


def solve(page, number):
    """Opens all right answers of a question."""
    for index in positions(number, True):
        answers(page, number).nth(index).click()


def score(page):
    return page.locator(".quiz-score [role=status]").text_content()


def test_first_answers_count_and_are_kept(context, small_home):
    page = context.new_page()
    errors, _ = watch(page, small_home)
    page.goto(f"{small_home}/lessons/{LESSON}.html")
    again = page.get_by_role("button", name="Start over")
    assert score(page) == "" and not again.is_visible()
    answers(page, 0).nth(positions(0, False)[0]).press("Enter")  # wrong, by keyboard
    assert page.evaluate("Object.keys(localStorage)") == ["chances-quiz"], "under the course's own name"
    left = len(QUESTIONS) - 1
    assert score(page) == f"0 of 1 at the first try, {left} to go."
    solve(page, 0)
    assert score(page) == f"0 of 1 at the first try, {left} to go.", "only the first answer counts"
    for number in range(1, len(QUESTIONS)):
        solve(page, number)
    total = f"{left} of {len(QUESTIONS)} at the first try."
    assert score(page) == total and not violations(page, ".quiz")
    page.reload()
    assert score(page) == total
    solve(page, 0)
    assert score(page) == total, "a question that is answered stays so"
    page.goto(f"{small_home}/lessons/index.html")
    assert page.locator(".quiz-mark:visible").all_text_contents() == [f"Quiz: {total[:-1]}"]
    page.goto(f"{small_home}/lessons/{LESSON}.html")
    again.click()
    assert score(page) == "" and page.locator(".answer[open]").count() == 0 and not again.is_visible()
    page.reload()
    assert score(page) == ""
    page.goto(f"{small_home}/lessons/index.html")
    assert page.locator(".quiz-mark:visible").count() == 0 and not errors


def test_a_question_with_several_answers_wants_all_of_them(context, small_home):
    number = next(i for i, question in enumerate(QUESTIONS) if question["type"] == "many_choice")
    right = positions(number, True)
    page = context.new_page()
    page.goto(f"{small_home}/lessons/{LESSON}.html")
    answers(page, number).nth(right[0]).click()
    assert score(page) == "", "one right answer of several decides nothing"
    page.reload()  # in the middle
    for index in right[1:]:
        answers(page, number).nth(index).click()
    assert score(page).startswith("1 of 1 ")
    page.get_by_role("button", name="Start over").click()
    answers(page, number).nth(right[0]).click()
    answers(page, number).nth(positions(number, False)[0]).click()
    assert score(page).startswith("0 of 1 "), "a wrong one before the last right one"


def test_where_nothing_can_be_stored_or_run_the_quiz_still_works(context, small_home):
    """Storage that refuses, as in private windows; what an older page stored; and no JavaScript at all."""
    page = context.new_page()
    errors, _ = watch(page, small_home)
    page.goto(f"{small_home}/lessons/{LESSON}.html")
    page.evaluate("localStorage.setItem('chances-quiz', JSON.stringify({'01_dice': {opened: [[0]]}}))")
    page.reload()
    assert score(page) == "", "a score of another number of questions is forgotten"
    page.evaluate("localStorage.setItem('chances-quiz', 'no JSON')")
    page.reload()
    refuse = "{get() { throw new DOMException('no', 'SecurityError') }}"
    page.add_init_script(f"Object.defineProperty(window, 'localStorage', {refuse})")
    page.reload()
    solve(page, 0)
    assert score(page).startswith("1 of 1 ") and not errors
    scriptless = context.browser.new_context(java_script_enabled=False).new_page()
    scriptless.goto(f"{small_home}/lessons/{LESSON}.html")
    assert not scriptless.get_by_role("button", name="Start over").is_visible()
    scriptless.locator(".answer > summary").first.click()
    assert scriptless.locator(".answer > p").first.is_visible()
