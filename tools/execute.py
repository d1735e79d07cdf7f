"""Runs notebooks from a clean kernel and stores them with their outputs.

    python tools/execute.py            every notebook in nbs/
    python tools/execute.py 02 A       those whose names begin with 02_ or A_
    python tools/execute.py A_painting this one
    python tools/execute.py --clean    runs nothing, only drops the metadata that editors leave
    python tools/execute.py --root FOLDER …    those of another course: FOLDER/nbs

Stored outputs must read the same anywhere: tracebacks are cut to their last line, progress bars and the
script of the quiz are dropped, and an output that names a path, user or host of this machine is refused.
The card's line "Last verified" is stamped with the date and the versions used; how long the run took, on how many
cores, and what it was executed from (tools/freshness.py) go into the notebook's metadata.
"""

import argparse
import getpass
import json
import os
import platform
import re
import socket
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import freshness
import nbformat
from freshness import label
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbclient.output_widget import OutputWidget
from nbdev.clean import clean_nb
from nbformat.v4 import new_code_cell
from outputs import tidy

from atelier.files import atomic_write

ROOT = Path(__file__).resolve().parent.parent
STAMP = re.compile(r"(?m)^(>?\s*\*\*Last verified:\*\*).*$")


class SilentOutput(OutputWidget):
    """Catches what a widget shows and tells the kernel nothing of it: telling it may lose the cell's reply, and the run
    would wait for ever (jupyter/nbclient issue 312)."""

    def sync_state(self):
        pass


def private_words():
    """Strings that must not stand in a stored output: they would name this machine."""
    words = {str(ROOT), str(Path.home()), sys.prefix, socket.gethostname()}
    if getpass.getuser() != "root":  # "root" is also an everyday word
        words.add(getpass.getuser())
    return {word for word in words if len(word) > 3}


def check_private(cell, notebook):
    for output in cell.outputs:
        text = str(output)
        for word in private_words():
            if word in text:
                sys.exit(f"{notebook}, cell {label(cell)!r}: its output names {word!r}, which belongs to this "
                         "machine. Print less, or a path relative to the data.")


def stamp(nb, packages):
    """Writes the date and the versions of Python and these packages into the card, the notebook's first cell."""
    python = ".".join(platform.python_version_tuple()[:2])
    versions = ", ".join([f"Python {python}", *(f"{package} {version(package)}" for package in packages)])
    card = nb.cells[0]
    card.source, count = STAMP.subn(rf"\1 {date.today():%Y-%m-%d} with {versions}", card.source)
    return count


def store(nb, path):
    """Writes the notebook without stray metadata, cells counted as a clean kernel counts them."""
    nb.metadata.pop("widgets", None)
    clean_nb(nb, allowed_metadata_keys=["atelier"], allowed_cell_metadata_keys=["tags"])
    for count, cell in enumerate((cell for cell in nb.cells if cell.cell_type == "code"), 1):
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    with atomic_write(path) as temporary:
        nbformat.write(nb, temporary)


def cores():
    """How many cores the notebook's libraries may use: OMP_NUM_THREADS (of a list, the first) or all there are."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(asked) if asked.isdigit() and int(asked) else os.cpu_count()


def run(nb, root):
    """Runs a notebook in a fresh kernel and returns what it used of the project: names of modules and of folders."""
    before, behind = (new_code_cell(source) for source in freshness.listener(root))
    whole = nbformat.from_dict({**nb, "cells": [before, *nb.cells, behind]})
    client = NotebookClient(whole, timeout=7200, kernel_name="python3", coalesce_streams=True,
                            resources={"metadata": {"path": str(root / "nbs")}})
    client.widget_registry["@jupyter-widgets/output"]["OutputModel"] = SilentOutput
    client.execute()
    nb.cells = whole.cells[1:-1]
    return json.loads(whole.cells[-1].outputs[-1].text)


def execute(path, root=ROOT):
    """Runs one notebook in a fresh kernel; the file changes only if every cell behaved."""
    nb = nbformat.read(path, as_version=4)
    if not stamp(nb, freshness.settings(root).get("stamped", ())):
        sys.exit(f"{path.name}: the first cell has no line '**Last verified:**' to stamp.")
    start = time.monotonic()
    try:
        used = run(nb, root)
    except CellExecutionError as error:
        sys.exit(f"{path.name} was not stored, since a cell failed:\n{error}")
    seconds = round(time.monotonic() - start)
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        if label(cell) == "quiz":
            cell.outputs = []
        cell.outputs = [kept for output in cell.outputs if (kept := tidy(output))]
        check_private(cell, path.name)
    nb.metadata["atelier"] = {"seconds": seconds, "cores": cores(), "run": freshness.record(nb, used, root)}
    store(nb, path)
    print(f"{path.name}: {seconds} s", flush=True)


def is_meant(notebook, prefix):
    """Whether `prefix`, a number ("02"), letter ("A") or whole name ("A_painting"), names the notebook."""
    return prefix in (notebook.stem.split("_")[0], notebook.stem, notebook.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", help="such as 02, A or A_painting; all if none is named")
    parser.add_argument("--clean", action="store_true", help="run nothing, drop the metadata that editors leave")
    parser.add_argument("--root", type=lambda name: Path(name).resolve(), default=ROOT, help="the course's folder")
    asked = parser.parse_args()
    notebooks = sorted((asked.root / "nbs").glob("[0-9A-Z]*_*.ipynb"))
    if asked.clean:
        for path in notebooks:
            store(nbformat.read(path, as_version=4), path)
        return
    freshness.set_environment(asked.root)
    os.environ.setdefault("ATELIER_STORE", "1")  # what a cell measures for data/results is stored, as its output is
    unknown = [prefix for prefix in asked.notebooks if not any(is_meant(nb, prefix) for nb in notebooks)]
    if unknown:
        sys.exit(f"No notebook {', '.join(unknown)} in nbs/. There are: " + ", ".join(nb.stem for nb in notebooks))
    for path in notebooks:
        if not asked.notebooks or any(is_meant(path, prefix) for prefix in asked.notebooks):
            execute(path, asked.root)


if __name__ == "__main__":
    main()
