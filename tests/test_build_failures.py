"""Mistakes that must not reach a page: the tiny course with a deck, notebooks, a glossary and other files full of them,
built once. The build reports every single one, with its file and line or its notebook and cell, and does not crash."""

import re
import shutil

import nbformat
import pytest
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from site_tools import COURSE, build

DECK, NOTEBOOK, SHEET = "slides/mistakes.md", "nbs/03_mistakes.ipynb", "data/mistakes/README.md"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"'

# What stands on a slide, and what the build says of it; a slide each.
SLIDES = [
    ('{{< cell nb="77" label="roll" >}}', 'there is no notebook "77" in nbs/; there are: 01_dice'),
    ('{{< cell nb="03" label="roll" >}}', 'several notebooks begin with "03"; .*: 03_mistakes, 03_other'),
    ('{{< cell nb="01" label="rol" >}}', 'no cell with the label "rol"; it has: .*roll'),
    ('{{< cell nb="01" >}}', 'no cell with the label ""; it has: .*roll'),
    ('{{< cell nb="01" label="roll" show="all" >}}', 'show="all"; it is one of source, output, both'),
    ('{{< cell nb="01" label="roll" show="source" steps="40" >}}', 'steps="40" asks for 40, but there are 1 to 5'),
    ('{{< cell nb="01" label="roll" steps="first" >}}', 'steps="first"; write numbers such as'),
    ('{{< cell nb="01" label="roll" lines="9-1" >}}', 'lines="9-1" asks for 9-1'),
    ('{{< cell nb="01" label="roll" output="2" >}}', 'output="2" asks for 2, but there are 1 to 1'),
    ('{{< cell nb="01" label="roll" show="output" steps="1" >}}', 'steps="1" .* show="output" shows none'),
    ('{{< cell nb="01" label="solution-mean" show="output" >}}', "has no stored output to show"),
    ('{{< cell nb="01" label="plot" width="wide" >}}', 'width="wide" is no number of pixels'),
    ('{{< cell nb="03_mistakes" label="long" >}}', r'label "long"\) takes 31 lines .*; a slide holds 14'),
    ('{{< cell nb="03_mistakes" label="wide" >}}', r'label "wide"\) has a line of 90 characters; a slide holds 80'),
    ('{{< value nb="01" label="solution-mean" >}}', "printed nothing, so there is no value"),
    ('{{< value nb="01" label="roll" match="z" >}}', 'match="z" is not in what the cell printed'),
    ('{{< value nb="01" label="roll" match="(" >}}', r'match="\(" is no regular expression'),
    ('{{< value nb="03_mistakes" label="long" >}}', "printed several lines"),
    ('{{< widget nb="01" label="roll" >}}', r'has no "#\| widget:" line'),
    ('{{< cols widths="1" >}}\na\n\n|||\n\nb\n{{< /cols >}}', 'widths="1"; give one digit for each of the 2 columns'),
    ('{{< cols widths="1 9" >}}\n{{< cell nb="01" label="roll" show="source" >}}\n\n|||\n\nb\n{{< /cols >}}',
     r"01#roll has a line of \d+ characters; column 1 holds 7"),
    ('{{< notes minutes="1.2.3" >}}\na\n{{< /notes >}}', 'minutes="1.2.3" is not a number'),
    ("```python\nprint(1)\n```", "code typed into a deck"),
    ("![](nb:01#plot)", "the picture nb:01#plot has no alternative text"),
    ("![a](nb:01#roll)", r'label "roll"\) drew no picture'),
    ("![a](nowhere.png)", "there is no picture slides/nowhere.png"),
    ("![a](https://example.org/a.png)", "the picture https://example.org/a.png lies on another host"),
    ("![a](../data/dice/die.svg)\n{width=wide}", 'width="wide" is no number of pixels'),
    ("[a](nowhere.html)", "links to nowhere.html, which is neither a page nor a file"),
    ("[a](http://[b)", r"the address http://\[b cannot be read"),
    ("[a](../nbs/09_gone.ipynb)", "links to the notebook ../nbs/09_gone.ipynb, which is not in nbs/"),
    ("[a](../nbs/01_dice.ipynb#gone)", 'neither a cell with the label nor a heading "gone"'),
    (r"\(\frac{1\)", r"the formula \\frac{1 cannot be read"),
]
# What is wrong with a slide as a whole is said of its heading.
WHOLE_SLIDES = [
    ("    print(1)", 'the slide "Mistake" has code typed into it'),
    ("\n".join(["- a line"]*30), r'the slide "Mistake" needs about \d{4} pixels of height'),
]
# The build looks at these before it knows lines.
ON_ANY_SLIDE = [
    ('<iframe src="https://example.org"></iframe>', "<iframe .*> is not allowed in a text"),
    ('<img src="a.png">', "the picture <img .*> has no alternative text"),
]
# As if it stood before the first slide, and above all in the front matter: `picture:` without `alt:`.
DECK_HEAD = "---\ntitle: Deck\npicture: nb:01#plot\n---\n\nWords too early\n\n"
DECK_AS_A_WHOLE = ["text before the first slide; .*Words too early",
                   "picture of the title slide has no alternative text",
                   *(complaint for _, complaint in ON_ANY_SLIDE)]


def code(label, source="1", options="", outputs=(), tags=()):
    """A code cell; outputs are streams where they are texts."""
    outputs = [new_output("stream", name="stdout", text=o) if isinstance(o, str) else o for o in outputs]
    return new_code_cell(f"#| label: {label}\n{options}{source}", outputs=outputs, metadata={"tags": list(tags)})


def shown(kind, content):
    return new_output("display_data", {kind: content})


def scripted(kind, content):
    return new_code_cell(outputs=[shown(kind, content)]), "its output holds a script"


def widget(values, complaint, name="dice", still="tiny"):
    options = f"#| widget: {name}\n#| values: {values}\n#| still: {still}\n"
    return code(f"w-{name}-{values}-{still}", options=options), complaint


PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
# Cells of a lesson; what is said of them, or None for cells that others need.
CELLS = [
    (code("long", outputs=["\n".join(map(str, range(30))) + "\n"]), None),
    (code("wide", f"print({'1'*83})"), None),
    (code("tiny", options="#| fig-alt: A point.\n", outputs=[shown("image/png", PNG)]), None),
    (code("listed", outputs=["[1, 2]\n"]), None),
    (code("gone", outputs=['{"files": ["gone.png"]}\n']), None),
    (code("unlisted", outputs=['{"files": "die.svg"}\n']), None),
    (code("blind", outputs=[shown("image/png", PNG)]), r'it draws a picture but has no "#\| fig-alt:" line'),
    (code("blind-drawing", outputs=[shown("image/svg+xml", f"{SVG}/>")]), "it draws a picture but has no"),
    (code("torn", options="#| fig-alt: A dot\n", outputs=[shown("image/png", PNG[:9])]), "its picture cannot be read"),
    (new_code_cell("#| label: a\n#| fig-alt: 'open\n1"), r'its "#\|" lines cannot be read'),
    (new_code_cell("#| export\n2"), r'its "#\|" lines are no mapping'),
    widget("roll-values", 'no cell with the label "roll-values"'),
    widget("listed", "the values of its widget are no JSON object"),
    widget("gone", "its widget names the picture gone.png, which is not in data/dice/"),
    widget("unlisted", "its widget's files are no list"),
    widget("gone", 'there is no widget "dise"; there are: dice', name="dise"),
    widget("gone", 'its still "long" has drawn no picture', still="long"),
    (code("bare", options="#| widget: dice\n"), 'no cell with the label ""'),
    scripted("text/html", "<p>a</p><script>alert(1)</script>"),
    scripted("text/html", '<img src="x" alt="" onerror="alert(1)">'),
    scripted("text/html", '<a href="javascript:alert(1)">a</a>'),
    scripted("text/html", '<iframe src="https://example.org"></iframe>'),
    scripted("image/svg+xml", f"{SVG}><script>alert(1)</script></svg>"),
    scripted("image/svg+xml", f'{SVG} onload="alert(1)"></svg>'),
    scripted("application/javascript", "alert(1)"),
    (new_markdown_cell("Words.\n\n<script>alert(1)</script>"), "<script> is not allowed in a text"),
    (new_markdown_cell('Words.\n\n<b onclick="alert(1)">a</b>'), "<b onclick=.*> is not allowed in a text"),
    (new_markdown_cell("Words.\n\n[a](javascript:alert(1))"), "javascript:alert.* is not allowed in a text"),
    (new_markdown_cell('Words.\n\n<p style="color: red">a</p>'), "<p style=.*> is not allowed in a text"),
    (new_markdown_cell("See [airships](glossary:balloon)."), "glossary:balloon, which is not in glossary.yaml"),
    (new_markdown_cell("See [above](#nowhere-at-all)."), 'nor a heading "nowhere-at-all"'),
    (new_markdown_cell("![](../data/dice/die.svg)"), "the picture ../data/dice/die.svg has no alternative text"),
    (new_markdown_cell(r"\(\frac{2\)"), r"the formula \\frac{2 cannot be read"),
    (code("quiz"), None),
]
# Other notebooks: what stands in the file, and what is said of it.
LABELLED = [new_code_cell("#| label: a\n1"), new_code_cell("#| label: a\n2"), code("quiz")]
NOTEBOOKS = [
    ("03_other", new_notebook(cells=LABELLED), 'nbs/03_other.ipynb: label "a" is given twice, to cells 1 and 2'),
    ("03_other", None, 'nbs/03_other.ipynb: no text cell has a heading that starts with "# "'),
    ("04_torn", '{"cells": [', "nbs/04_torn.ipynb: cannot be read"),
    ("05_list", "[1]", "nbs/05_list.ipynb: is no notebook"),
    ("06_lost", new_notebook(cells=[new_markdown_cell("# Lost"), code("quiz")]),
     "nbs/06_lost.ipynb, cell 2 .*: there is no nbs/quiz/06.json to show"),
    ("07_mute", new_notebook(cells=[new_markdown_cell("# Mute"), code("quiz")]), "nbs/quiz/07.json: cannot be read"),
]
QUIZZES = {"03": '[{"question": "Is it?", "type": "multiple_choice", "answers": [{"answer": "Yes", "correct": true}]}]',
           "07": "[{"}
WORDS = [
    ("- {term: Face, text: Again., lesson: 01#roll}", '"face" is given twice, under "Face" and under "Face"'),
    ("- {term: Side, also: [faces], text: A., lesson: 01#roll}", '"faces" is given twice, under "Face" and .* "Side"'),
    ("- {term: Zeppelin, text: An airship., lesson: 01#roll}", 'no lesson uses the word "Zeppelin"'),
    ('- {term: Python, text: Code., lesson: "77#roll"}', 'there is no notebook "77"'),
    ("- {term: Exercise, text: Code., lesson: 01#gone}", "links to 01#gone, but"),
    ("- {term: , text: Nothing., lesson: 01#roll}", "a word without a term"),
]
ROWS = [
    ('- {lesson: "77"}', 'there is no notebook "77"'),
    ('- {lesson: "01", exercises: [exercise-men]}', 'no cell with the label "exercise-men"'),
    ("- {deck: dize}", "dize.* has no minutes"),
    ("- {pause: Lunch}", "Lunch.* has no minutes"),
    ("- {pause: Tea, minutes: some}", "Tea.* has no minutes"),
    ("- {pause: Nap", "the timetable cannot be read"),
    ("pause", "the timetable is no list"),
]
# A data sheet; a message about a shortcode there names no line.
SHEET_LINES = [
    ('{{< cell nb="01" label="sheet" >}}', 'no cell with the label "sheet"', False),
    ("[a](gone.md)", "links to gone.md, which is neither a page nor a file", True),
    ("![](../dice/die.svg)", "the picture ../dice/die.svg has no alternative text", True),
]
REST = [
    ("data/untitled/README.md", "Words.\n", 'data/untitled/README.md: no heading that starts with "# "'),
    ("data/silent/README.md", "# Silent\n", "data/silent/README.md: no paragraph"),
    ("content/_index.md", "---\ntitle: A\nlinks:\n  - {page: /gone, text: A}\nresult: {nb: '01', label: gone}\n---\n",
     "content/_index.md: links to /gone, which is not a page"),
    ("content/_index.md", None, 'content/_index.md: result: .* has no cell with the label "gone"'),
    ("hugo.toml", None, 'hugo.toml: the menu "footer" names /gone, which is not a page'),
    ("hugo.toml", None, r"hugo.toml: the course has no description; write it below \[params\]"),
    ("hugo.toml", None, "hugo.toml: nothing is mounted as assets/images/favicon.svg"),
]
SETTINGS = [
    ("HUGO_PARAMS_REPOSITORY", "https://example.org/a", 'hugo.toml: repository = "https://example.org/a"; .* or none'),
    ("HUGO_PARAMS_ADDRESS", "example.org", "ADDRESS=example.org is not the address of a site; write one such as"),
    ("HUGO_BASEURL", "https://example.org/course/", "baseURL=https://example.org/course/ has a folder"),
]


def mistakes():
    """Files full of mistakes, by their paths in a course; and for each mistake how its message begins, and the rest."""
    files, said = {}, []

    def lines(text, parts, place, before="", after="\n", down=0):
        """The text with all the parts, each of which is reported so many lines down from where it begins."""
        for part, complaint in parts:
            said.append((place.format(text.count("\n") + 1 + down), complaint))
            text += before + part + after
        return text

    slide = DECK + r":{}(:\d+)?( \(inside \w+\))?"
    files[DECK] = lines(DECK_HEAD, SLIDES, slide, "## Mistake\n\n", "\n\n", down=2)
    files[DECK] = lines(files[DECK], WHOLE_SLIDES, slide, "## Mistake\n\n", "\n\n")
    files[DECK] += "## Mistake\n\n" + "\n\n".join(slide for slide, _ in ON_ANY_SLIDE)
    said += [(DECK, complaint) for complaint in DECK_AS_A_WHOLE]
    cells = [new_markdown_cell("# 03 Mistakes\n\nIn Python."), *(cell for cell, _ in CELLS)]
    files[NOTEBOOK] = nbformat.writes(new_notebook(cells=cells))
    said += [(rf"{NOTEBOOK}, cell {number}( \(label .*\))?", complaint)
             for number, (_, complaint) in enumerate(CELLS, 2) if complaint]
    for name, content, complaint in NOTEBOOKS:
        if content:
            files[f"nbs/{name}.ipynb"] = content if isinstance(content, str) else nbformat.writes(content)
        said.append(("", complaint))
    files |= {f"nbs/quiz/{number}.json": text for number, text in QUIZZES.items()}
    said.append(("nbs/quiz/03.json", 'question 1, answer "Yes" has no feedback'))
    words = (COURSE / "glossary.yaml").read_text(encoding="utf-8")
    files["glossary.yaml"] = lines(words, WORDS, "glossary.yaml:{}(, .*)?")
    files["content/mistakes.md"] = lines("---\ntitle: Mistakes\n---\n", ROWS, r"content/mistakes\.md:{}(:\d+)?",
                                         "{{< schedule >}}\n", "\n{{< /schedule >}}\n")
    text = "# Mistakes\n\nWords.\n\n"
    for part, complaint, has_line in SHEET_LINES:
        said.append((f"{SHEET}:{text.count(chr(10)) + 1}" if has_line else SHEET, complaint))
        text += f"{part}\n\n"
    files[SHEET] = text
    for path, content, complaint in REST:
        if content:
            files[path] = content
        said.append(("", complaint))
    settings = (COURSE / "hugo.toml").read_text(encoding="utf-8")
    for right, wrong in [("/teaching", "/gone"), ("images/favicon", "images/gone"), ("description", "about")]:
        settings = settings.replace(right, wrong)
    files["hugo.toml"] = settings
    said += [("", complaint) for *_, complaint in SETTINGS]
    return files, said


FILES, SAID = mistakes()


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """What one build of all that says: its errors, a text each, and last the reason why there is no site."""
    course = tmp_path_factory.mktemp("course")
    shutil.copytree(COURSE, course, dirs_exist_ok=True)
    for path, content in FILES.items():
        (course / path).parent.mkdir(parents=True, exist_ok=True)
        (course / path).write_text(content, encoding="utf-8")
    run = build(ROOT, course / "public", course, **{name: value for name, value, _ in SETTINGS})
    assert run.returncode, run.stdout
    return re.findall(r"(?m)^ERROR (.*)$", run.stdout)


@pytest.mark.parametrize("place, complaint", SAID)
def test_each_mistake_is_reported_where_it_stands(reported, place, complaint):
    """`place` is a path in the course with its line, or a notebook with its cell."""
    begins = rf"(?:.*[/\s])?{place}: " if place else "(?:.*/)?"
    assert [error for error in reported if re.match(rf"{begins}.*{complaint}", error)], "\n".join(reported)


def test_no_mistake_ends_the_build_before_the_others_are_found(reported):
    """A template that stumbles over a mistake says so in Hugo's words, and what comes after it is not looked at."""
    assert re.fullmatch(r"error building site: logged \d+ error\(s\)", reported[-1]), reported[-1]
    assert not [error for error in reported if "execute of template failed" in error]


def test_the_course_itself_builds_and_shows_what_a_cell_printed(course):
    """A stored number changes on the slide with no other edit."""
    path = course / "nbs/02_coins.ipynb"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"\d+ of 60 are heads", "12345 of 99999 are heads", text), encoding="utf-8")
    run = build(ROOT, course / "public", course)
    assert run.returncode == 0, run.stdout
    assert "12345 of 99999 are heads" in (course / "public/slides/dice.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("file, text, complaint", [
    ("glossary.yaml", "- {term: Face", "glossary.yaml: cannot be read: "),
    ("hugo.toml", 'glossary = "words.yaml"', 'hugo.toml: glossary = "words.yaml", but there is no such file'),
])
def test_a_glossary_that_cannot_be_read_is_named(course, file, text, complaint):
    """In builds of their own, since the words of such a glossary are not looked at."""
    if file == "hugo.toml":
        text = re.sub('glossary = ".*"', text, (course / file).read_text(encoding="utf-8"))
    (course / file).write_text(text, encoding="utf-8")
    run = build(ROOT, course / "public", course)
    assert run.returncode and complaint in run.stdout and "execute of template failed" not in run.stdout, run.stdout
