"""The Quarto website without Quarto, which is on no registry: what it reads of notebooks and `_quarto.yml`, and what
Pandoc with the project's filter makes of what Quarto would hand to it."""

import json
import re
import subprocess
import sys

import html5lib
import nbformat
import pypandoc
import pytest
import yaml
from conftest import NOTEBOOKS, ROOT, read
from nbdev.process import NBProcessor
from site_tools import HUGO

XHTML = "{http://www.w3.org/1999/xhtml}"
TOP = re.compile(r"(?:#\|.*(?:\n|$))*")
MAGIC = re.compile(r"%%.*\n+")
# https://quarto.org/docs/reference/cells/cells-jupyter.html
QUARTO = re.findall(r"[\w-]+", """label classes tags id eval echo code-fold code-summary code-overflow code-line-numbers
    lst-label lst-cap fig-cap fig-subcap fig-link fig-align fig-alt fig-env fig-pos fig-scap layout layout-ncol
    layout-nrow layout-align layout-valign column fig-column tbl-column cap-location fig-cap-location
    tbl-cap-location tbl-cap tbl-subcap tbl-colwidths html-table-processing output warning error
    include panel output-location""")
NBDEV = ["export", "default_exp"]
OURS = ["widget", "values", "still", "tolerance"]
PROJECT = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))


def options(source):
    """A cell's options as Quarto reads them: the lines at its very top as one YAML block (none below a magic)."""
    return yaml.safe_load("".join(line[2:] for line in TOP.match(source)[0].splitlines(True)))




@pytest.fixture(scope="module")
def read_by_the_site(tmp_path_factory):
    """What the site's template notebook/cell.html makes of each notebook's cells."""
    project = tmp_path_factory.mktemp("reader")
    (project / "layouts").mkdir()
    (project / "layouts/home.html").write_text("""
        {{ $all := dict }}
        {{ range $name := partial "notebook/names.html" nil }}
          {{ $cells := slice }}
          {{ range $index, $raw := (partial "notebook/raw.html" $name).cells }}
            {{ $cells = $cells | append (partial "notebook/cell.html" (dict "raw" $raw "index" $index "file" $name)) }}
          {{ end }}
          {{ $all = merge $all (dict $name $cells) }}
        {{ end }}
        {{ jsonify $all }}""")
    mounts = [(ROOT / "site/layouts/_partials", "layouts/_partials"), ("layouts", "layouts"),
              (ROOT / "nbs", "assets/nbs")]
    (project / "hugo.toml").write_text('baseURL = "http://127.0.0.1/"\n' + "".join(
        f'[[module.mounts]]\nsource = "{source}"\ntarget = "{target}"\n' for source, target in mounts))
    run = subprocess.run([HUGO, "--source", project], text=True, capture_output=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads((project / "public/index.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_options_are_yaml_that_quarto_nbdev_and_site_read_alike(path, read_by_the_site):
    of_nbdev = NBProcessor(path, rm_directives=False).nb.cells
    of_site = read_by_the_site[path.stem]
    for cell, nbdev_cell, site_cell in zip(read(path).cells, of_nbdev, of_site, strict=True):
        if cell.cell_type != "code":
            continue
        # nbdev and the site look below a first line such as %%writefile, too.
        found = options(MAGIC.sub("", cell.source, count=1) if cell.source.startswith("%%") else cell.source)
        assert isinstance(found, dict), f"{cell.id}: its options are no mapping: {cell.source[:80]}"
        unknown = set(found) - {*QUARTO, *NBDEV, *OURS}
        assert not unknown, f"{found.get('label')}: nobody knows {unknown}"
        assert {key: yaml.safe_load(value) if value else True for key, value in nbdev_cell.directives_.items()} == found
        assert (site_cell["label"], site_cell["hidden"]) == (found["label"], found.get("include") is False)
        assert [site_cell[key] for key in ("caption", "alt", "widget", "values", "still")] == [
            found.get(key) for key in ("fig-cap", "fig-alt", "widget", "values", "still")], found["label"]
        assert not re.search(r"(?m)^#\|", site_cell["source"]), f"{found['label']}: an option below its code"


def test_one_writer_of_html():
    """Two formats of HTML in one website write the same file, and the second one fails."""
    html = {"html", "html4", "html5", "revealjs", "slidy", "slideous", "s5", "dzslides", "dashboard"}
    assert [name for name in PROJECT["format"] if name in html] == ["html"]


def named_files(value):
    """Every text in `_quarto.yml` that names a file."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [name for item in value for name in named_files(item)]
    return [value] if re.search(r"\.\w{2,5}$", str(value)) else []


def test_every_file_it_names_is_there():
    names = named_files(PROJECT)
    assert len(names) > len(NOTEBOOKS)
    assert not [name for name in names if not list(ROOT.glob(name))]
    assert PROJECT["filters"] == [str(path.relative_to(ROOT)) for path in (ROOT / "quarto").iterdir()]


def test_its_folders_are_ignored():
    """Quarto appends to .gitignore what it misses there."""
    assert {"/.quarto/", "**/*.quarto_ipynb"} <= set((ROOT / ".gitignore").read_text().splitlines())
    assert PROJECT["project"]["output-dir"].strip("/") + "/" in (ROOT / ".gitignore").read_text().splitlines()


def test_nothing_from_other_hosts_is_asked_for():
    """Most of Quarto's themes import a font of Google's, and its formulas a script of a CDN."""
    assert set(PROJECT["format"]["html"]["theme"].values()) <= {"default", "slate"}
    assert PROJECT["html-math-method"] == "mathml"
    assert not re.search(r"https?://|googleapis", (ROOT / "_quarto.yml").read_text(encoding="utf-8"))


def handed_to_pandoc(notebook):
    """A notebook as the Markdown that Quarto makes of it (mdFromCodeCell in its src/core/jupyter/jupyter.ts)."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield cell.source
            continue
        said = options(cell.source) or {}
        if said.get("include") is False:
            continue
        forwarded = {key: said[key] for key in OURS if key in said}
        forwarded["tags"] = json.dumps(cell.metadata.get("tags", []))
        attributes = " ".join(f"{key}='{value}'" for key, value in forwarded.items())
        yield f"::: {{#cell-{said.get('label')} .cell {attributes}}}"
        yield f"````` {{.python .cell-code}}\n{TOP.sub('', cell.source, count=1)}\n`````"
        for output in cell.outputs:
            yield f"::: {{.cell-output .cell-output-{output.output_type.replace('_', '-')}}}"
            if output.output_type == "error":
                lines = [f"{output.ename}: {output.evalue}", *output.traceback]
                yield "`````\n" + "\n".join(lines) + "\n`````"
            elif output.output_type == "stream":
                yield f"`````\n{output.text}\n`````"
            elif kind := next((kind for kind in ("svg+xml", "png") if f"image/{kind}" in output.data), None):
                yield f"![{said.get('fig-cap', '')}]({said['label']}.{kind[:3]}){{#{said['label']}}}"
            yield ":::"
        yield ":::"


# What Quarto 1.7 puts into the head of a page whose notebook printed HTML (src/core/jupyter/widgets.ts).
HEAD = """
<script src="https://cdn.example.org/require.min.js" integrity="sha384-c9" crossorigin="anonymous"></script>
<script src="https://cdn.example.org/jquery.min.js" crossorigin="anonymous" data-relocate-top="true"></script>
<script type="application/javascript">define('jquery', [],function() {return window.jQuery;})</script>
<script>document.title += "";</script>
"""


def quarto_page(path, tmp_path, to="html"):
    """The page of a notebook, parsed."""
    head = tmp_path / "head.yml"
    head.write_text(yaml.safe_dump({"title": path.stem, "header-includes": [f"```{{=html}}\n{HEAD}\n```"]}))
    run = subprocess.run(
        [pypandoc.get_pandoc_path(), "--from", PROJECT["from"], "--to", to, "--standalone",
         f"--{PROJECT['html-math-method']}", "--metadata-file", head, "--lua-filter", ROOT / PROJECT["filters"][0]],
        input="\n\n".join(handed_to_pandoc(read(path))), cwd=path.parent, text=True, capture_output=True, timeout=60)
    assert run.returncode == 0 and not run.stderr, run.stderr
    return html5lib.parse(run.stdout)


def words(element):
    return " ".join("".join(element.itertext()).split())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_page_of_a_notebook(path, tmp_path):
    """Quiz, folded solutions, each assertion once, the card's lines, formulas, and no script from elsewhere."""
    page, notebook = quarto_page(path, tmp_path), read(path)
    scripts = list(page.iter(XHTML + "script"))
    assert [words(script) for script in scripts] == ['document.title += "";'] and not scripts[0].get("src")
    card = next(page.iter(XHTML + "blockquote"))
    facts = next(p for p in card.iter(XHTML + "p") if words(p).startswith("Time:"))
    assert [words(fact) for fact in facts.iter(XHTML + "strong")] == ["Time:", "Hardware:", "Data:", "Last verified:"]
    assert len(list(facts.iter(XHTML + "br"))) == 3
    folded = {words(next(fold.iter(XHTML + "summary"))): words(fold) for fold in page.iter(XHTML + "details")}
    all_words = words(page)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "exercise" in tags:
            assert all_words.count(f"AssertionError: {cell.outputs[0].evalue}") == 1
        if "#| label: quiz" in cell.source:
            assert "display_quiz" not in all_words
            quiz = path.parent / f"quiz/{path.stem.split('_')[0]}.json"
            for question in json.loads(quiz.read_text(encoding="utf-8")):
                assert " ".join(question["question"].split()) in all_words
                for answer in question["answers"]:
                    said = folded[" ".join(answer["answer"].split())]
                    assert " ".join(answer["feedback"].split()) in said and "Right. Right" not in said
        assert "#| label" not in all_words
    folds = [fold for fold in page.iter(XHTML + "details") if words(next(fold.iter(XHTML + "summary"))) == "Solution"]
    assert len(folds) == sum("solution" in cell.metadata.get("tags", []) for cell in notebook.cells)
    assert all(list(fold.iter(XHTML + "pre")) for fold in folds)
    formulas = sum(cell.source.count(r"\(") for cell in notebook.cells if cell.cell_type == "markdown")
    assert len(list(page.iter("{http://www.w3.org/1998/Math/MathML}math"))) >= formulas


def test_widgets_show_their_still(tmp_path):
    seen = 0
    for path in NOTEBOOKS:
        widgets = [found for cell in read(path).cells if cell.cell_type == "code"
                   if "widget" in (found := options(cell.source) or {})]
        if widgets:
            page = quarto_page(path, tmp_path)
            cells = {div.get("id"): div for div in page.iter(XHTML + "div")}
            for widget in widgets:
                still = next(cells[f"cell-{widget['label']}"].iter(XHTML + "img"))
                assert still.get("src").rpartition(".")[0] == widget["still"]
                assert "A still" in words(cells[f"cell-{widget['label']}"])
                seen += 1
    assert seen


DECKS = sorted((ROOT / "slides").glob("*.md"))
SHORTCODE = re.compile(r"\{\{<.*?>\}\}")
EMBED = re.compile(r'\{\{< embed (\S+)#(\S+?)( echo=true)?( outputs="(\d+)")? >\}\}')


@pytest.fixture(scope="module")
def presentations():
    """The decks as `make qmd` writes them."""
    subprocess.run([sys.executable, ROOT / "tools/qmd.py"], check=True, capture_output=True, timeout=60)
    return {path.stem: (ROOT / f"build/quarto/{path.stem}.qmd") for path in DECKS}


def cell_that_quarto_finds(name, notebook):
    """The first cell that has the name as its id, label or tag (cellForId in src/core/jupyter/jupyter-embed.ts)."""
    for cell in notebook.cells:
        said = options(cell.source) or {} if cell.cell_type == "code" else {}
        if name in (f"cell-{said['label']}" if "label" in said else cell.id, said.get("label"),
                    *cell.metadata.get("tags", [])):
            return cell, said
    return None, {}


@pytest.mark.parametrize("deck", DECKS, ids=lambda path: path.stem)
def test_presentation_embeds_what_is_there(deck, presentations):
    """Each `embed` stands on a line of its own and names, from where the file lies, a cell that shows something."""
    text = presentations[deck.stem].read_text(encoding="utf-8")
    embeds = [line for line in text.splitlines() if "{{<" in line]
    wanted = deck.read_text(encoding="utf-8")
    assert len(embeds) == len(re.findall(r"\{\{< *(?:cell|widget)|nb:\d", wanted)) and embeds
    for line in embeds:
        path, label, echo, _, output = EMBED.fullmatch(line).groups()
        cell, said = cell_that_quarto_finds(label, read(presentations[deck.stem].parent / path))
        assert said.get("label") == label, f"{line}: Quarto would show another cell, or none"
        assert said.get("include") is not False and (echo or cell.outputs), f"{line}: nothing to show"
        assert output is None or int(output) <= len(cell.outputs), line


@pytest.mark.parametrize("deck", DECKS, ids=lambda path: path.stem)
def test_presentation_is_the_deck(deck, presentations):
    """Its slides, titles, steps, columns, notes and values, as Pandoc makes slides of it."""
    made = subprocess.run([pypandoc.get_pandoc_path(), presentations[deck.stem], "--from", PROJECT["from"],
                           "--to", "revealjs", "--standalone", "--slide-level", "2", "--mathml"],
                          text=True, capture_output=True, timeout=60)
    assert made.returncode == 0 and not made.stderr, made.stderr
    page, source = html5lib.parse(made.stdout), deck.read_text(encoding="utf-8").split("---\n", 2)[2]
    titles = [words(heading) for tag in ("h1", "h2") for heading in page.iter(XHTML + tag)
              if "title" not in (heading.get("class") or "") and words(heading)]
    written = [re.sub(r" *\{[^}]*\}$", "", title) for mark in ("#", "##")
               for title in re.findall(rf"(?m)^{mark} (.+)$", source)]
    plain = [words(html5lib.parse(pypandoc.convert_text(title, "html", "markdown"))) for title in written]
    assert titles == plain
    classes = [name for element in page.iter() for name in (element.get("class") or "").split()]
    assert classes.count("notes") == source.count("{{< notes")
    assert classes.count("column") == source.count("{{< cols") + len(re.findall(r"(?m)^\|\|\|$", source))
    assert classes.count("fragment") == len(re.findall(r'(?m)^\{\.fragment\}$|fragment="true"', source))
    links = [element.get(name) for element in page.iter() for name in ("href", "data-src") if element.get(name)]
    links = [link for link in links if "reveal.js" not in link]
    local = [link for link in links if not re.match(r"https?:|#", link)]
    assert not [link for link in local if not (presentations[deck.stem].parent / link).exists()]


def test_presentation_takes_values_from_their_cells(tmp_path, copy_of_project):
    """A number in a sentence changes with the cell that printed it."""
    project = copy_of_project("nbs", "slides", "tools", "data/contact_sheets")
    lesson = project / "nbs/02_datablock.ipynb"
    notebook = read(lesson)
    cell = next(cell for cell in notebook.cells if "#| label: luck\n" in cell.source)
    assert cell.outputs[0].text.strip() in (ROOT / "build/quarto/fastai.qmd").read_text(encoding="utf-8")
    cell.outputs[0].text = "between 7 and 8 of 100"
    nbformat.write(notebook, lesson)
    subprocess.run([sys.executable, project / "tools/qmd.py", "fastai"], check=True, capture_output=True, timeout=60)
    assert "between 7 and 8 of 100" in (project / "build/quarto/fastai.qmd").read_text(encoding="utf-8")


def test_a_deck_that_cannot_be_written_is_named(copy_of_project):
    project = copy_of_project("nbs", "tools")
    (project / "slides").mkdir()
    for line, said in [('{{< cell nb="02" label="nowhere" >}}', "02_datablock.ipynb has no cell 'nowhere'"),
                       ('{{< cell nb="99" label="imports" >}}', "0 notebooks in nbs/ are called '99'"),
                       ('{{< diagram "whale" >}}', "there is no diagram 'whale'"),
                       ('{{< hologram >}}', "Quarto has nothing for {{< hologram >}}"),
                       ('{{< value nb="02" label="luck" match="(whales)" >}}', "printed nothing like (whales)")]:
        (project / "slides/short.md").write_text(f"---\ntitle: Short\n---\n\n## A slide\n\n{line}\n")
        run = subprocess.run([sys.executable, project / "tools/qmd.py"], text=True, capture_output=True, timeout=60)
        assert run.returncode and run.stderr.startswith("slides/short.md:7: ") and said in run.stderr
