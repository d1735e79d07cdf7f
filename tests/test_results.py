"""data/results: its files hold together, cells and pages show what they hold, and nobody needs the data behind them."""

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date

import numpy as np
import pytest
from conftest import NOTEBOOKS, ROOT, read
from scipy.stats import t

from atelier.results import (
    FORMS,
    Result,
    provenance,
    read_or_measure,
    read_results,
    results_table,
    with_margin,
    write_results,
)

RESULTS = ROOT / "data" / "results"
NAMES = sorted(file.stem for file in RESULTS.glob("*.csv"))
COLUMNS = ["data", "method", "measure", "value", "standard_error", "n", "source", "date", "seconds", "command"]
# A file whose figures another cell shows.
SHOWN_BY = {"A_painting_data-contest": "difficulty"}
# In a table with paired differences: their measure, the row that they refer to, and whether they count what is more.
DIFFERENCES = {"A_painting_data-contest": ("more than fine-tuned", "fine-tuned", 1),
               "B_backbone-probe-table": ("less than the first edition", "first edition", -1),
               "B_backbone-trained-table": ("more than frozen", "frozen, logistic regression", 1),
               "B_backbone_pretraining-ablation-table": ("more than with everything", "everything", 1)}
# Cells that read a file and need nothing that the lesson computed before: they run alone.
ALONE = {"A_painting-statistics": ["samples", "statistics"],
         "06-real": ["on-real", "real"], "10-real": ["on-real", "real"], "13-real": ["on-real", "real"],
         "B_backbone-probe-table": ["probes", "probe-table"],
         "B_backbone-trained-table": ["probes", "probe-table", "contest", "trained-table"],
         "B_backbone-to-real-table": ["probes", "probe-table", "to-real-table"],
         "B_backbone_pretraining-ablation-table": ["ablation-table"]}


def rows(name):
    with open(RESULTS / f"{name}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cell(name, label=None):
    """The cell of the file's notebook with that label, else the one that the file is named after."""
    prefix, own = name.split("-", 1)
    notebook, = [path for path in NOTEBOOKS if path.stem == prefix or path.stem.split("_")[0] == prefix]
    found, = [c for c in read(notebook).cells if re.search(rf"^#\| label: {label or own}$", c.source, re.M)]
    return found


def output(shown):
    """The text of a cell's outputs; of a table, as Markdown where it is that."""
    return "\n".join(o.get("text") or o.data.get("text/markdown") or o.data["text/plain"] for o in shown.outputs)


@pytest.mark.parametrize("name", NAMES)
def test_file_is_well_formed(name):
    table = rows(name)
    assert table and all(list(row) == COLUMNS for row in table)
    assert len({(row["data"], row["method"], row["measure"]) for row in table}) == len(table)
    for row in table:
        assert all(text and text == text.strip() for text in row.values()), row
        value, n = float(row["value"]), int(row["n"])
        error = None if row["standard_error"] == "unknown" else float(row["standard_error"])
        assert n > 1 and (error is None or error >= 0)
        assert date(2026, 11, 1) <= date.fromisoformat(row["date"]) <= date.today()
        assert row["seconds"] == "unknown" or float(row["seconds"]) >= 0
        assert re.fullmatch(rf"(ATELIER_\w+=(1|FOLDER) )+make execute NB={name.split('-')[0]}", row["command"])
        if row["measure"] in ("error", "accuracy", "agrees with fp32", "balanced error", "AUC"):
            assert 0 <= value <= 1
            if name[0].isdigit():  # a lesson's: a count over n, and the standard error of a share
                assert value*n == pytest.approx(round(value*n), abs=1e-3)
                assert error == pytest.approx((value*(1 - value)/(n - 1))**.5, abs=1e-5)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences_are_those_of_the_means(name):
    """The mean of differences is the difference of the means."""
    measure, first, sign = DIFFERENCES[name]
    table = read_results(name)
    differences = [(data, way) for data, way, what in table if what == measure]
    assert differences
    for data, way in differences:
        difference = table[data, way, "error"].value - table[data, first, "error"].value
        assert table[data, way, measure].value == pytest.approx(sign * difference, abs=3e-6)


def test_every_file_is_named_summed_and_shown():
    sheet = (RESULTS / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([\w-]+)\.csv` \|", sheet, re.M) == NAMES
    sums = dict(reversed(line.split("  ")) for line in (RESULTS / "SHA256SUMS").read_text().splitlines())
    assert sums == {f"{name}.csv": hashlib.sha256((RESULTS / f"{name}.csv").read_bytes()).hexdigest() for name in NAMES}
    read_by_cells = {name for path in NOTEBOOKS for c in read(path).cells if c.cell_type == "code"
                     for name in re.findall(r"read_or_measure\(\s*[\"']([\w-]+)[\"']", c.source)}
    assert read_by_cells == set(NAMES)
    for name in NAMES:
        assert f"'{name}'" in cell(name).source.replace('"', "'"), f"{name}: its cell does not read it"
        assert "nbval-skip" not in cell(name).metadata.get("tags", []), f"{name}: its cell reads, so the tests run it"


NUMBER = re.compile(r"(?<![\w.])(-?\d+(?:\.(\d+))?)(%?)")


def is_written(number, values):
    """Whether one of the values, rounded as the number is and without its sign, is that number."""
    _, decimals, percent = number.groups()
    form = f".{len(decimals or '')}{percent or 'f'}"
    return any(f"{abs(value):{form}}" == number.group() for value in values)


@pytest.mark.parametrize("name", NAMES)
def test_cell_shows_the_figures_of_the_file_and_no_other(name):
    """Each number of each line that tells of the file's figures is one of those that the line is about."""
    table, text = rows(name), output(cell(name, SHOWN_BY.get(name)))
    seen = set()
    for line in text.splitlines():
        about = [r for r in table if r["data"] in line and r["method"] in line] or \
                [r for r in table if r["method"] in line] or \
                [r for r in table if r["data"] in line and "|" in line] or \
                [r for r in table if r["source"] in line]
        words = {r[k] for r in table for k in ("data", "method", "measure", "source", "date")}
        for word in sorted(words, key=len, reverse=True):
            line = line.replace(word, "")
        values = [float(r[k]) for r in about for k in ("value", "standard_error", "n") if r[k] != "unknown"]
        errors = [(float(r["standard_error"]), int(r["n"])) for r in about if r["standard_error"] != "unknown"]
        for error, n in errors:  # the margin, normal and Student's, and the outcomes' spread
            values += [1.96 * error, t.ppf(.975, n - 1) * error, error * n**.5]
        for number in NUMBER.finditer(line if about else ""):
            assert is_written(number, values), f"{number.group()} is not in {name}.csv: {line}"
            seen |= {i for i, r in enumerate(table) if r in about and is_written(number, [float(r["value"])])}
    assert seen == set(range(len(table))), f"not shown: {[table[i] for i in set(range(len(table))) - seen]}"


def test_pages_show_the_figures(public):
    """The demo page and the data sheets, from file to cell to page."""
    page = {name: re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", (public / f"{name}.html").read_text(encoding="utf-8")))
            for name in ("demo", "data/painter", "data/weights", "data/paintings")}
    real = read_results("13-real")["real", "int8", "error"]
    assert f"On {real.n} photographs of real paintings it is wrong on {real.value:.0%}" in page["demo"]
    assert f"int8 is wrong on {real.value:.0%} of them" in page["data/painter"] and real.date in page["data/painter"]
    tables = {"A_painting_data-contest": "paintings", "B_backbone-probe-table": "weights",
              "B_backbone-trained-table": "weights", "B_backbone-to-real-table": "weights",
              "B_backbone_pretraining-ablation-table": "weights"}
    for name, sheet in tables.items():
        for key, result in read_results(name).items():
            assert with_margin(result, FORMS.get(key[2], ".1%")) in page[f"data/{sheet}"], (name, key)


PROGRAM = """
import ast, contextlib, io, json, os, sys
said = {}
for name, sources in json.load(sys.stdin).items():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        space = {"os": os}
        tree = ast.parse("\\n".join(sources))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), space)
        shown = last and eval(compile(ast.Expression(last.value), name, "eval"), space)
    said[name] = out.getvalue() or shown.data
print(json.dumps(said))
"""


@pytest.fixture
def elsewhere(tmp_path):
    """A function that runs cells in a folder with library and results and nothing beside it; no variable names data."""
    for name in ("atelier", "data/results"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "settings.ini", tmp_path)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ATELIER_")}

    def run(names):
        sources = {name: [cell(name, label).source for label in ALONE[name]] for name in names}
        return subprocess.run([sys.executable, "-c", PROGRAM], input=json.dumps(sources), text=True, cwd=tmp_path,
                              capture_output=True, env=environment | {"PYTHONPATH": str(tmp_path)})
    return tmp_path, run


def test_cells_without_their_data_show_what_is_stored(elsewhere):
    _, run = elsewhere
    done = run(ALONE)
    assert done.returncode == 0, done.stderr
    assert {name: text.strip() for name, text in json.loads(done.stdout).items()} == \
           {name: output(cell(name)).strip() for name in ALONE}


def test_missing_file_is_named(elsewhere):
    folder, run = elsewhere
    shutil.rmtree(folder / "data/results")
    done = run(["13-real"])
    assert done.returncode
    assert "data/results/13-real.csv is missing" in done.stderr.splitlines()[-1]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder of results, in place of the course's."""
    (tmp_path / "results").mkdir()
    monkeypatch.setattr("atelier.results.home", lambda: tmp_path)
    monkeypatch.setenv("ATELIER_LONG", "1")
    monkeypatch.setenv("ATELIER_REAL_REVIEWS", "somewhere")
    monkeypatch.setenv("ATELIER_STORE", "1")
    return tmp_path


KEY = "real", "words", "accuracy"
ASKED = "real reviews", "ATELIER_REAL_REVIEWS", "ATELIER_LONG"


def measure():
    return {KEY: np.array([True, True, True, False])}


def test_what_is_measured_is_stored_and_read_again(home):
    measured = read_or_measure("10-real", measure, *ASKED)
    result = measured[KEY]
    assert (result.value, result.n, result.source, result.date) == (.75, 4, "real reviews", str(date.today()))
    assert result.standard_error == pytest.approx((.75*.25/3)**.5, abs=1e-6)
    assert result.command == "ATELIER_REAL_REVIEWS=FOLDER ATELIER_LONG=1 make execute NB=10"
    assert provenance(measured) == f"4 real reviews, measured {date.today()}"
    assert read_results("10-real") == measured
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=home / "results", check=True)
    assert {file.name for file in (home / "results").iterdir()} == {"10-real.csv", "SHA256SUMS"}


def test_fields_that_nobody_recorded_stay_unknown(home):
    results = {KEY: Result(.75, None, 4, "real reviews", "2026-11-22", None, "make execute NB=10")}
    write_results("10-real", results)
    assert (home / "results/10-real.csv").read_text().count("unknown") == 2
    assert read_results("10-real") == results


def test_measures_only_where_every_variable_is_set_and_stores_only_when_asked(home, monkeypatch):
    stored = read_or_measure("10-real", measure, *ASKED)
    before = (home / "results/10-real.csv").read_bytes()
    monkeypatch.delenv("ATELIER_STORE")
    assert read_or_measure("10-real", lambda: {KEY: [0, 1]}, *ASKED)[KEY].value == .5
    monkeypatch.setenv("ATELIER_STORE", "1")
    monkeypatch.setenv("ATELIER_LONG", "")
    assert read_or_measure("10-real", lambda: pytest.fail("measured"), *ASKED) == stored
    assert (home / "results/10-real.csv").read_bytes() == before


def test_a_table_of_figures_with_their_margins():
    results = {("128 px", way, measure): Result(value, .01, 200, "pictures", "2026-11-26", 1, "")
               for way, measure, value in (("ours", "error", .1), ("theirs", "error", .125), ("theirs", "AUC", .925))}
    assert results_table(results, ("size", "body"), "error", "AUC").data.splitlines() == [
        "| size | body | error | AUC |", "| --- | --- | --- | --- |",
        "| 128 px | ours | 10.0% ± 2.0% |  |", "| 128 px | theirs | 12.5% ± 2.0% | 0.925 ± 0.020 |"]


def test_a_run_that_breaks_off_leaves_the_old_file(home):
    """No file may grow beyond 20 bytes here: the write breaks off in its midst, as on a full disk."""
    resource = pytest.importorskip("resource", reason="the system has no limits of this kind")
    read_or_measure("10-real", measure, *ASKED)
    before = {file.name: file.read_bytes() for file in (home / "results").iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            read_or_measure("10-real", lambda: {KEY: [0, 1]}, *ASKED)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {file.name: file.read_bytes() for file in (home / "results").iterdir()} == before
