"""What the pages may load and run: their Content-Security-Policy in a real browser, and what the build keeps out."""

import html
import re

import pytest
from conftest import ROOT
from site_tools import build, until

DECKS = sorted(path.stem for path in (ROOT / "slides").glob("*.md"))
HASHED = re.compile(r"(^|[._])[0-9a-f]{12,64}\.\w+$")  # Hugo's own hashes drop zeros at their beginning


@pytest.fixture(params=["http", "file"])
def place(request, public, home):
    """The site on a server, and as a folder."""
    return home if request.param == "http" else public.as_uri()


def listened(browser):
    """A browser context, and the list to which all its windows add their errors, violations of a policy too."""
    context, errors = browser.new_context(viewport={"width": 1280, "height": 720}), []
    context.on("console", lambda message: message.type in ("error", "warning") and errors.append(message.text))
    context.on("weberror", lambda error: errors.append(str(error.error)))
    return context, errors


def test_every_page_has_the_policy_before_it_loads_anything(public):
    for file in public.rglob("*.html"):
        head = html.unescape(file.read_text(encoding="utf-8"))
        policy = re.search(r'<meta http-equiv="?Content-Security-Policy"? content="([^"]*)"', head)
        first = re.search(r"<(link|script|img|style)\b", head)
        assert policy and policy.start() < first.start(), file.name
        assert "'unsafe-inline'" not in policy[1] and "'unsafe-eval'" not in policy[1], file.name
        assert not re.search(r"https?:|\*|data:", policy[1]), (file.name, policy[1])
        assert {"default-src 'none'", "base-uri 'none'", "form-action 'none'"} <= set(policy[1].split("; ")), file.name
        assert re.search(r'<meta name="?referrer"? content="?no-referrer', head), file.name


def test_a_page_and_a_build_may_ask_for_more(course):
    policy = """policy: {script-src: "'wasm-unsafe-eval'", worker-src: "'self'"}"""
    (course / "content/extra.md").write_text(f"---\ntitle: Extra\n{policy}\n---\n", encoding="utf-8")
    run = build(ROOT, course / "public", course, HUGO_PARAMS_CONNECT="http://127.0.0.1:8888")
    assert run.returncode == 0, run.stdout
    extra, other = (html.unescape((course / "public" / name).read_text(encoding="utf-8"))
                    for name in ("extra.html", "index.html"))
    assert "script-src 'self' 'wasm-unsafe-eval';" in extra and "worker-src 'self'" in extra
    assert "script-src 'self';" in other and "worker-src" not in other
    assert "connect-src 'self' http://127.0.0.1:8888;" in extra and "connect-src 'self' http://127.0.0.1:8888;" in other


def test_no_page_breaks_its_policy(place, public, browser):
    context, errors = listened(browser)
    page = context.new_page()
    for file in sorted(public.rglob("*.html")):
        if file.name == "404.html" and place.startswith("file:"):
            continue  # its links begin at a server's root
        page.goto(f"{place}/{file.relative_to(public)}", wait_until="load")
        assert page.evaluate("getComputedStyle(document.body).fontFamily").startswith("Newsreader"), file.name
        assert page.evaluate("document.fonts.ready.then(() => [...document.fonts].some(f => f.status === 'loaded'))")
        assert not errors, (file.name, errors)
    context.close()


def test_an_injected_script_or_style_is_blocked(place, browser):
    context, errors = listened(browser)
    page = context.new_page()
    for address in ("index.html", "slides/fastai.html"):
        page.goto(f"{place}/{address}", wait_until="load")
        broken = page.evaluate("""async () => {
            const seen = [];
            addEventListener('securitypolicyviolation', event => seen.push(event.effectiveDirective));
            const add = (tag, text) => {
                document.body.appendChild(Object.assign(document.createElement(tag), {textContent: text}));
            };
            add('script', 'window.ran = true');
            add('style', 'body { display: none }');
            document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="window.ran = true">');
            document.body.setAttribute('style', 'opacity: 0');
            for (let i = 0; i < 50 && seen.length < 5; i++) await new Promise(done => setTimeout(done, 20));
            const body = getComputedStyle(document.body);
            return [window.ran, body.display === 'none', body.opacity, seen];
        }""")
        assert broken[:3] == [None, False, "1"], address
        assert {"script-src-elem", "script-src-attr", "style-src-elem", "style-src-attr", "img-src"} == set(broken[3])
    assert errors
    context.close()


@pytest.mark.parametrize("deck", DECKS)
def test_the_speakers_view_and_the_print_keep_to_the_policy(place, browser, deck):
    """The view shows the notes of the slide, follows it, and turns it; the pages of the PDF have the slide's size."""
    context, errors = listened(browser)
    page = context.new_page()
    page.goto(f"{place}/slides/{deck}.html")
    page.wait_for_selector(".reveal.ready")
    with context.expect_page() as opened:
        page.keyboard.press("s")
    view = opened.value
    notes = ".speaker-controls-notes .value"
    for _ in range(2):
        said = page.evaluate("Reveal.getCurrentSlide().querySelector('aside.notes').textContent.trim()")
        until(view, "([where, said]) => document.querySelector(where)?.textContent.trim() === said",
              [notes, said])
        page.evaluate("Reveal.next(); while (Reveal.availableFragments().next) Reveal.next()")
    assert len(view.frames) == 3 and view.locator(".pacing").is_visible()
    view.frames[1].wait_for_selector(".reveal.ready")
    before = page.evaluate("Reveal.getSlidePastCount()")
    view.locator("body").press("ArrowLeft")
    until(page, "before => Reveal.getSlidePastCount() !== before || Reveal.availableFragments().next",
          before)
    view.close()
    page.goto(f"{place}/slides/{deck}.html?print-pdf")
    page.wait_for_selector(".pdf-page")
    assert page.evaluate("document.querySelectorAll('style').length") >= 2
    assert page.evaluate("[...document.querySelectorAll('style')].every(style => style.sheet?.cssRules.length > 0)")
    assert not errors
    context.close()


def test_no_inline_script_or_style_is_built(public):
    for file in public.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"<style\b|<script(?![^>]*\bsrc=)", text), file.name
        assert not re.search(r"<[a-z][^<>]*\s(style|on\w+)=", text), file.name


def test_names_change_with_what_is_in_them(public):
    """Scripts, styles, pictures and fonts have the hash of their content in their names: a host may keep them."""
    files = [file for file in public.rglob("*") if file.is_file() and file.suffix not in (".html", ".ipynb", ".txt")
             and "pagefind" not in file.parts]  # it asks for its first files anew each time
    assert {".css", ".js", ".svg", ".webp", ".woff2"} <= {file.suffix for file in files}
    for file in files:
        assert HASHED.search(file.name), file.relative_to(public)
