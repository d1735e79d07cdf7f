"""Lighthouse's verdict on the two forms of a page: nothing to mend in accessibility, best practices and search engines.
The other pages are judged by `make bench`; axe-core sees them all in test_site."""

import pytest
from site_tools import lighthouse, served


@pytest.fixture(scope="module")
def home(public):
    with served(public, lighthouse.Gzipped) as address:
        yield address


@pytest.mark.parametrize("page, form", [("index.html", "desktop"), ("lessons/04_transfer.html", "mobile")])
def test_lighthouse_finds_nothing(home, page, form):
    scores, costs = lighthouse.judge(f"{home}/{page}", form, lighthouse.WHOLE)
    assert scores == dict.fromkeys(lighthouse.WHOLE, 100), costs
