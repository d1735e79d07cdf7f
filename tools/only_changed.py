"""A pytest plugin: a notebook that passed is not run again while nothing that decides its outcome has changed.

`make test` loads it on a maintainer's machine, and its last lines name what was left out. CI, and `make test ALL=1`,
run every notebook. What decides: the notebook with its outputs, the project's modules and data that it uses, the
quizzes, the packages, and how outputs are compared. build/passed.json has the hash of these for each notebook that
passed.
"""

import json
import os
from collections import Counter

import nbformat
from freshness import ROOT, digest, folder_hash, record

PASSED = ROOT / "build" / "passed.json"
BESIDES = ["requirements/course.txt", "tools/freshness.py", "tools/outputs.py", "tools/nbval_compare.py"]


def depends_on(notebook):
    """The hash of all that decides how a notebook's test ends."""
    used = notebook.metadata.get("atelier", {}).get("run", {"modules": {}, "data": {}})
    sources = [cell.source for cell in notebook.cells]
    now = json.dumps([record(notebook, used), sources, folder_hash(ROOT / "nbs" / "quiz")], sort_keys=True)
    return digest(now, *((ROOT / name).read_bytes() for name in BESIDES))


class OnlyChanged:
    """In the process that a person started: knows what passed before, and notes what passes now."""

    def __init__(self):
        self.before = json.loads(PASSED.read_text()) if PASSED.exists() else {}
        self.now, self.cells, self.good, self.bad = {}, {}, Counter(), set()
        for path in sorted((ROOT / "nbs").glob("[0-9A-Z]*_*.ipynb")):
            notebook, name = nbformat.read(path, as_version=4), f"nbs/{path.name}"
            self.now[name] = depends_on(notebook)
            self.cells[name] = sum(cell.cell_type == "code" for cell in notebook.cells)
        self.unchanged = [name for name, now in self.now.items() if self.before.get(name) == now]
        os.environ["ATELIER_UNCHANGED"] = " ".join(self.unchanged)

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.split("::")[0]
        if not report.passed:
            self.bad.add(name)
        elif report.when == "call":
            self.good[name] += 1

    def pytest_terminal_summary(self, terminalreporter):
        if self.unchanged:
            terminalreporter.write_line("Not run, since nothing has changed since they passed (make test ALL=1 runs "
                                        f"them): {', '.join(self.unchanged)}")

    def pytest_sessionfinish(self):
        kept = {name: now for name, now in self.before.items() if name not in self.bad}
        passed = {name: now for name, now in self.now.items()
                  if self.good[name] == self.cells[name] and name not in self.bad}
        PASSED.parent.mkdir(exist_ok=True)
        PASSED.write_text(json.dumps(kept | passed, indent=1))


def pytest_configure(config):
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(OnlyChanged())


def pytest_collection_modifyitems(config, items):
    unchanged, kept, left_out = os.environ["ATELIER_UNCHANGED"].split(), [], []
    for item in items:
        (left_out if item.nodeid.split("::")[0] in unchanged else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept
