"""Lighthouse's verdict on each kind of page: nothing to mend in accessibility, best practices and search engines."""

import pytest
from site_tools import lighthouse, served

PAGES = ["index.html", "lessons/04_transfer.html", "demo.html", "slides/index.html", "data/paintings.html",
         "handout.html"]


@pytest.fixture(scope="module")
def home(public):
    with served(public, lighthouse.Gzipped) as address:
        yield address


@pytest.mark.parametrize("form", lighthouse.FORMS)
@pytest.mark.parametrize("page", PAGES)
def test_lighthouse_finds_nothing(home, page, form):
    scores, costs = lighthouse.judge(f"{home}/{page}", form, ["accessibility", "best-practices", "seo"])
    assert scores == {"accessibility": 100, "best-practices": 100, "seo": 100}, costs
