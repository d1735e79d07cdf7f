"""Stored outputs come from the code, modules and data that are there; whatever changed since is named."""

import json
import re
import shutil

import freshness
import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT, read
from nbformat.v4 import new_code_cell

LESSON = "nbs/01_classifier.ipynb"


def test_every_notebook_is_as_it_ran(notebook):
    assert not list(freshness.changes(notebook)), "run make execute"


@pytest.fixture
def lesson(tmp_path):
    """A copy of a lesson and of what it uses, to be changed: data is copied where a test changes it."""
    (tmp_path / "nbs").mkdir()
    shutil.copy(ROOT / LESSON, tmp_path / "nbs")
    for name in ("pyproject.toml", "atelier"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "data").symlink_to(ROOT / "data", target_is_directory=True)
    return tmp_path


def changes(lesson):
    """What the check says of the copied lesson, after a notebook as an editor would write it."""
    freshness.module_hash.cache_clear()
    freshness.folder_hash.cache_clear()
    return list(freshness.changes(read(lesson / LESSON), lesson))


def edit(lesson, change):
    nb = read(lesson / LESSON)
    change(nb)
    nbformat.write(nb, lesson / LESSON)


def cell(nb, name):
    return next(c for c in nb.cells if c.cell_type == "code" and freshness.label(c) == name)


def replace_source(nb, name, old, new):
    assert old in cell(nb, name).source
    cell(nb, name).source = cell(nb, name).source.replace(old, new)


def test_the_copy_is_fresh(lesson):
    assert not changes(lesson)


def test_an_argument_that_changed(lesson):
    """In fine_tune(2), which slide and lesson show with its table."""
    edit(lesson, lambda nb: replace_source(nb, "fine-tune", "fine_tune(2)", "fine_tune(3)"))
    assert re.fullmatch(r"cell \d+ \(label 'fine-tune'\): its code is not what ran", *changes(lesson))


def test_a_stored_number_edited_by_hand(lesson):
    def change(nb):
        output = cell(nb, "fine-tune").outputs[-1]
        text = output.data["text/html"]
        output.data["text/html"] = re.sub(r"0\.\d", "0.9", text, count=1)
        assert output.data["text/html"] != text
    edit(lesson, change)
    said, = changes(lesson)
    assert re.fullmatch(r"cell \d+ \(label 'fine-tune'\): its outputs are not those that its run gave", said)


def test_a_picture_replaced(lesson):
    def change(nb):
        drawn = [(c, o) for c in nb.cells if c.cell_type == "code"
                 for o in c.outputs if {"image/png", "image/svg+xml"} & set(o.get("data", {}))]
        change.label = freshness.label(drawn[0][0])
        drawn[0][1].data = drawn[1][1].data
    edit(lesson, change)
    assert changes(lesson) == [said for said in changes(lesson) if f"(label {change.label!r}): its outputs" in said]
    assert len(changes(lesson)) == 1


def test_cells_that_are_new_gone_or_moved(lesson):
    edit(lesson, lambda nb: nb.cells.append(new_code_cell("#| label: extra\nprint(1)")))
    assert re.fullmatch(r"cell \d+ \(label 'extra'\) is new and has not run", *changes(lesson))
    edit(lesson, lambda nb: nb.cells.pop())
    edit(lesson, lambda nb: nb.cells.remove(cell(nb, "fine-tune")))
    assert re.fullmatch("cells that ran are gone: .*", *changes(lesson))
    shutil.copy(ROOT / LESSON, lesson / "nbs")
    edit(lesson, lambda nb: nb.cells.append(nb.cells.pop(nb.cells.index(cell(nb, "fine-tune")))))
    assert changes(lesson) == ["its cells ran in another order"]


def change_module(lesson, old, new, name="atelier/datasets.py"):
    file = lesson / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_module_that_changed_or_is_gone(lesson):
    change_module(lesson, "return ", "return None or ")
    assert changes(lesson) == ["atelier/datasets.py, which it used, changed"]
    (lesson / "atelier/datasets.py").unlink()
    assert changes(lesson) == ["atelier/datasets.py, which it used, is gone"]


def test_docstrings_comments_and_directives_stale_nothing(lesson):
    change_module(lesson, '"""', '"""In other words: ')
    change_module(lesson, "\ndef ", "\n# A comment.\n\n\ndef ")

    def change(nb):
        one = cell(nb, "fine-tune")
        one.source = one.source.replace("\n", "\n#| fig-cap: Another caption\n\n", 1)
        nb.cells[0].source += "\n"
    edit(lesson, change)
    assert not changes(lesson)
    code = 'def f(x):\n    """One {}."""\n    return\n\nclass C:\n    """\n    Many {}\n    lines.\n    """\n    y = 1'
    bare = "def f(x):\n    return\nclass C:\n    y = 1"
    assert freshness.code_hash(code) == freshness.code_hash(code.replace("{}", "other")) == freshness.code_hash(bare)
    assert freshness.code_hash(code) != freshness.code_hash(code.replace("y = 1", "y = 2"))
    assert freshness.code_hash('print("""a""")') != freshness.code_hash('print("""b""")')


def test_data_that_changed(lesson):
    (lesson / "data").unlink()
    shutil.copytree(ROOT / "data/paintings", lesson / "data/paintings")
    shutil.copytree(ROOT / "data/weights", lesson / "data/weights")
    for name in read(lesson / LESSON).metadata.atelier.run["data"]:
        assert (lesson / name).is_dir(), name
    assert not changes(lesson)
    picture = next((lesson / "data/paintings/monet").glob("*.jpg"))
    picture.write_bytes(picture.read_bytes() + b" ")
    assert changes(lesson) == ["data/paintings/monet, which it used, changed"]
    (lesson / "data/paintings/README.md").write_text("Words about the data stale nothing.")
    assert changes(lesson) == ["data/paintings/monet, which it used, changed"]


def test_other_data_and_weights_than_the_course_has(lesson):
    def change(nb):
        nb.metadata.atelier.run["environment"] = {"ATELIER_PAINTINGS": "set", "ATELIER_WEIGHTS": "atelier"}
    edit(lesson, change)
    assert re.fullmatch("it ran with ATELIER_PAINTINGS set to something of its own.*", *changes(lesson))


def test_what_runs_store():
    """Every notebook that reads a painting says so; none names a path of one machine."""
    runs = {path.stem: read(path).metadata.atelier.run for path in NOTEBOOKS}
    for lesson in ("01_classifier", "02_datablock", "05_gradient_descent"):
        assert {"data/paintings/monet", "data/paintings/vangogh"} <= set(runs[lesson]["data"]), lesson
        assert "atelier/datasets.py" in runs[lesson]["modules"]
    assert "atelier/unet.py" in runs["09_segmentation"]["modules"]
    assert "data/weights" in runs["04_transfer"]["data"], "weights are read by a library that Python does not see"
    assert "/" not in json.dumps([run["environment"] for run in runs.values()])


def test_the_command_names_notebook_and_cell(lesson, capsys):
    edit(lesson, lambda nb: replace_source(nb, "fine-tune", "fine_tune(2)", "fine_tune(3)"))
    with pytest.raises(SystemExit) as ended:
        freshness.main(lesson)
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert re.search(r"nbs/01_classifier\.ipynb: cell \d+ \(label 'fine-tune'\): its code is not what ran", said)
    assert "make execute NB=01_classifier" in said
