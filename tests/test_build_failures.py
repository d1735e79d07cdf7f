"""Mistakes that must not reach a page: each one, made in a copy, fails the build and names file and line."""

import re

import nbformat
import pytest
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell
from site_tools import build

LESSON = "nbs/02_datablock.ipynb"
HEAD = "---\ntitle: Deck\n---\n\n## Slide\n\n"  # what is appended begins on line 7


@pytest.fixture
def project(copy_of_project):
    """A copy of all that the site is built from."""
    copy = copy_of_project("site", "slides", "nbs", "data", "CHANGELOG.md")
    (copy / "node_modules").symlink_to(ROOT / "node_modules", target_is_directory=True)
    return copy


def said(project):
    """What the build printed; '' where it succeeded."""
    run = build(project, project / "public")
    return run.stdout if run.returncode else ""


def test_the_copy_builds(project):
    assert not said(project)


@pytest.mark.parametrize("slide, complaint", [
    ('{{< cell nb="77" label="datablock" >}}', 'no notebook "77"'),
    ('{{< cell nb="02" label="datablok" >}}', 'no cell with the label "datablok"; it has: .*datablock'),
    ('{{< cell nb="02" label="datablock" show="all" >}}', 'show="all"; it is one of'),
    ('{{< cell nb="02" label="datablock" show="source" steps="40" >}}', 'steps="40"'),
    ('{{< cell nb="02" label="summary" >}}', "a slide holds"),
    ('{{< value nb="02" label="datablock" >}}', "printed nothing"),
    ("```python\nprint(1)\n```", "code typed into a deck"),
    ("![](nb:02#mistakes)", "no alternative text"),
])
def test_mistake_in_a_deck(project, slide, complaint):
    (project / "slides/fastai.md").write_text(HEAD + slide + "\n", encoding="utf-8")
    assert re.search(rf"slides/fastai\.md:7\b.*{complaint}", said(project))


def change_lesson(project, change, lesson=LESSON):
    notebook = nbformat.read(project / lesson, as_version=4)
    change(notebook)
    nbformat.write(notebook, project / lesson)


def the_cell(notebook, label):
    return next(c for c in notebook.cells if c.cell_type == "code" and f"#| label: {label}\n" in c.source)


def test_picture_without_alt_text(project):
    def change(notebook):
        cell = the_cell(notebook, "mistakes")
        cell.source = re.sub(r"(?m)^#\| fig-alt:.*\n", "", cell.source)
    change_lesson(project, change)
    assert re.search(rf'{LESSON}, cell \d+ \(label "mistakes"\).*fig-alt', said(project))


def test_duplicate_label(project):
    change_lesson(project, lambda nb: nb.cells.append(new_code_cell("#| label: counts\nprint(1)")))
    assert re.search(rf'{LESSON}.*label "counts" is given twice', said(project))


@pytest.mark.parametrize("old, new, complaint", [
    ("widget: resize", "widget: resise", 'no widget "resise"; there are: augment'),
    ("values: explorer-values", "values: costs", "no JSON object"),
    ("values: explorer-values", "values: nowhere", 'no cell with the label "nowhere"'),
    ("still: explore", "still: costs", "has drawn no picture"),
    ("monet/", "manet/", "picture manet/.* which is not in data/paintings/"),
])
def test_widget_without_what_it_shows(project, old, new, complaint):
    lesson = "nbs/03_resize.ipynb"

    def change(notebook):
        cell, values = the_cell(notebook, "explorer"), the_cell(notebook, "explorer-values")
        cell.source = cell.source.replace(f"{old}\n", f"{new}\n")
        values.outputs[0].text = values.outputs[0].text.replace(old, new)
    change_lesson(project, change, lesson)
    assert re.search(rf'{lesson}, cell \d+ \(label "explorer"\).*{complaint}', said(project))


@pytest.mark.parametrize("kind, output", [
    ("text/html", "<p>a</p><script>alert(1)</script>"),
    ("text/html", '<img src="x" alt="" onerror="alert(1)">'),
    ("text/html", '<a href="javascript:alert(1)">a</a>'),
    ("text/html", '<iframe src="https://example.org"></iframe>'),
    ("image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    ("image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"></svg>'),
])
def test_output_with_a_script(project, kind, output):
    def change(notebook):
        the_cell(notebook, "mistakes").outputs.append(nbformat.v4.new_output("display_data", {kind: output}))
    change_lesson(project, change)
    assert re.search(rf'{LESSON}, cell \d+ \(label "mistakes"\).*script', said(project))


@pytest.mark.parametrize("text", [
    "<script>alert(1)</script>",
    '<b onclick="alert(1)">a</b>',
    "[a](javascript:alert(1))",
    '<p style="color: red">a</p>',
])
def test_text_with_a_script(project, text):
    change_lesson(project, lambda nb: nb.cells.append(new_markdown_cell(f"Some words.\n\n{text}")))
    assert re.search(rf"{LESSON}, cell \d+: .* is not allowed in a text", said(project))


@pytest.mark.parametrize("entry, complaint", [
    ('- {term: Epoch, text: Again., lesson: "01#fine-tune"}', '"epoch" is given twice, under "Epoch" and under'),
    ('- {term: Round, also: [epochs], text: Again., lesson: "01#fine-tune"}', '"epochs" is given twice, .* "Round"'),
    ('- {term: Zeppelin, text: An airship., lesson: "01#fine-tune"}', 'no lesson uses the word "Zeppelin"'),
    ('- {term: Painter, text: Who paints., lesson: "77#fine-tune"}', '"Painter": there is no notebook "77"'),
    ('- {term: Painter, text: Who paints., lesson: "01#nowhere"}', '"Painter": links to 01#nowhere, but'),
])
def test_mistake_in_the_glossary(project, entry, complaint):
    with (project / "site/data/glossary.yaml").open("a", encoding="utf-8") as glossary:
        glossary.write(f"\n{entry}\n")
    assert re.search(rf"site/data/glossary\.yaml.*{complaint}", said(project))


def test_link_to_a_word_that_the_glossary_lacks(project):
    change_lesson(project, lambda nb: nb.cells.append(new_markdown_cell("See [airships](glossary:zeppelin).")))
    assert re.search(rf"{LESSON}, cell \d+: links to glossary:zeppelin, which is not in", said(project))


def test_what_a_cell_printed_is_what_the_slide_shows(project):
    """A stored number changes on the slide with no other edit."""
    change_lesson(project, lambda nb: the_cell(nb, "luck").outputs[0].update(text="12345 of 99999 exams\n"))
    assert not said(project)
    assert "12345 of 99999 exams" in (project / "public/slides/fastai.html").read_text(encoding="utf-8")
