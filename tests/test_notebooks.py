"""What every lesson and appendix holds to, read from the stored files: anatomy, labels, outputs, exercises."""

import ast
import json
import re

import pytest
from conftest import NOTEBOOKS, ROOT, read

LABEL = re.compile(r"^#\|\s*label:\s*(\S+)", re.M)
QUIZZES = sorted((ROOT / "nbs" / "quiz").glob("*.json"))


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def label(cell):
    found = LABEL.search(cell.source)
    return found and found.group(1)


def checks(cell):
    """The source of the assert statements of a cell."""
    return [ast.unparse(node) for node in ast.parse(cell.source).body if isinstance(node, ast.Assert)]


def test_card_opens_the_lesson(notebook):
    card = notebook.cells[0].source
    assert re.match(r"# (\d\d|[A-Z]\d?) \S", card), "the first line is the title, with the lesson's number or letter"
    for part in ("Time", "Hardware", "Data"):
        assert re.search(rf"(?m)^> \*\*{part}:\*\* .*\\$", card), f"{part} is there, and ends in a hard break"
    assert card.count("\n> - ") == 3, "three objectives"
    assert re.search(r"\*\*Last verified:\*\* \d{4}-\d\d-\d\d with Python 3\.\d+, .*fastai", card), "run make execute"


def test_result_within_five_cells(notebook):
    first_five = code_cells(notebook)[:5]
    assert any(output.output_type in ("display_data", "execute_result") for cell in first_five
               for output in cell.outputs)


def test_labels_are_there(notebook):
    """That none is there twice, and that what draws has a text for those who can't see it, the site's build demands."""
    assert all(label(cell) for cell in code_cells(notebook)), "every code cell has a '#| label:'"


def test_ids_are_stable_and_unique(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


def test_stored_as_executed(notebook):
    """Every cell that raised was meant to; warnings are not stored; a skipped cell says why."""
    for cell in code_cells(notebook):
        raised = [o for o in cell.outputs if o.output_type == "error"]
        assert bool(raised) == ("raises-exception" in tags(cell)), label(cell)
        for output in cell.outputs:
            assert output.get("name") != "stderr", f"{label(cell)}: {output.text[:200]}"
        if "nbval-skip" in tags(cell):
            assert "#" in re.sub(r"(?m)^#\|.*$", "", cell.source), f"{label(cell)} is skipped without a reason"


def test_exercises_fail_on_the_stub_and_pass_on_the_solution(notebook):
    """The stub's failure is stored and compared again by nbval; the solution cell runs the same checks there."""
    cells = code_cells(notebook)
    exercises = [(cell, cells[i + 1]) for i, cell in enumerate(cells) if "exercise" in tags(cell)]
    assert exercises
    for stub, solution in exercises:
        assert {"raises-exception", "nbval-check-output"} <= tags(stub), label(stub)
        assert stub.outputs and stub.outputs[0].ename == "AssertionError", label(stub)
        assert tags(solution) == {"solution"} and not any(o.output_type == "error" for o in solution.outputs)
        assert checks(stub) and checks(stub) == checks(solution), label(stub)


def test_notebooks_are_small():
    """A notebook of five megabytes takes long to clone and to open."""
    assert not {path.name: path.stat().st_size for path in NOTEBOOKS if path.stat().st_size > 5 * 2**20}


def test_cells_are_short():
    """The median code cell of a lesson has four lines at the most."""
    for path in NOTEBOOKS:
        if path.name[0].isdigit():
            lengths = sorted(len(re.sub(r"(?m)^#\|.*\n?", "", c.source).splitlines()) for c in code_cells(read(path)))
            assert lengths[len(lengths)//2] <= 4, path.name


@pytest.mark.parametrize("quiz", QUIZZES, ids=lambda p: p.stem)
def test_quiz_explains_every_option(quiz):
    questions = json.loads(quiz.read_text(encoding="utf-8"))
    assert 3 <= len(questions) <= 5
    for question in questions:
        right = [answer for answer in question["answers"] if answer["correct"]]
        assert len(question["answers"]) >= 3 and all(answer["feedback"].strip() for answer in question["answers"])
        assert len(right) == 1 if question["type"] == "multiple_choice" else right


def test_every_lesson_has_a_quiz():
    numbers = {path.name.split("_")[0] for path in NOTEBOOKS if path.name[0].isdigit()}
    assert numbers <= {quiz.stem for quiz in QUIZZES}
