"""Runs notebooks from a clean kernel and stores them with their outputs.

    python tools/execute.py            every notebook in nbs/
    python tools/execute.py 02 A       those whose names begin with 02_ or A_
    python tools/execute.py A_painting this one
    python tools/execute.py --clean    runs nothing, only drops the metadata that editors leave

Stored outputs must read the same anywhere: tracebacks are cut to their last line, progress bars and the
script of the quiz are dropped, and an output that names a path, user or host of this machine is refused.
The card's line "Last verified" is stamped with the date and the versions used; how long the run took, and on how many
cores, goes into the notebook's metadata, for the instructors' page.
"""

import getpass
import os
import platform
import re
import socket
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbclient.output_widget import OutputWidget
from nbdev.clean import clean_nb

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
LABEL = re.compile(r"^#\|\s*label:\s*(\S+)", re.M)
STAMP = re.compile(r"(?m)^(>?\s*\*\*Last verified:\*\*).*$")
STAMPED_PACKAGES = ("fastai", "torch", "torchvision")
DROPPED_TYPES = ("application/javascript",)
# A style sheet or an empty progress bar shows nothing.
NOT_SHOWN = re.compile(r"\s*(<style>.*?</style>\s*)*(<progress.*?</progress>.*)?", re.S)


class SilentOutput(OutputWidget):
    """Catches what a widget shows and tells the kernel nothing of it: telling it may lose the cell's reply, and the run
    would wait for ever (jupyter/nbclient issue 312)."""

    def sync_state(self):
        pass


def label(cell):
    """The cell's `#| label:`, else its id."""
    found = LABEL.search(cell.source)
    return found.group(1) if found else cell.id


def private_words():
    """Strings that must not stand in a stored output: they would name this machine."""
    words = {str(ROOT), str(Path.home()), sys.prefix, socket.gethostname()}
    if getpass.getuser() != "root":  # "root" is also an everyday word
        words.add(getpass.getuser())
    return {word for word in words if len(word) > 3}


def tidy(output):
    """The output as it is stored, or None where nothing worth storing is left."""
    if output.output_type == "error":
        output.traceback = [f"{output.ename}: {output.evalue}"]
    elif "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
        return None  # a live widget needs its kernel
    elif "data" in output:
        for kind in DROPPED_TYPES:
            output.data.pop(kind, None)
        if "text/html" in output.data:
            output.data.pop("text/markdown", None)  # the same table again
        if NOT_SHOWN.fullmatch(output.data.get("text/html", "shown")):
            return None
        if not output.data:
            return None
    return output


def check_private(cell, notebook):
    for output in cell.outputs:
        text = str(output)
        for word in private_words():
            if word in text:
                sys.exit(f"{notebook}, cell {label(cell)!r}: its output names {word!r}, which belongs to this "
                         "machine. Print less, or a path relative to the data.")


def stamp(nb):
    """Writes date and versions into the card, the notebook's first cell."""
    python = ".".join(platform.python_version_tuple()[:2])
    versions = ", ".join([f"Python {python}", *(f"{p} {version(p)}" for p in STAMPED_PACKAGES)])
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
    temporary = path.with_suffix(".tmp")
    nbformat.write(nb, temporary)
    os.replace(temporary, path)


def cores():
    """How many cores the notebook's libraries may use: OMP_NUM_THREADS (of a list, the first) or all there are."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(asked) if asked.isdigit() and int(asked) else os.cpu_count()


def execute(path):
    """Runs one notebook in a fresh kernel; the file changes only if every cell behaved."""
    nb = nbformat.read(path, as_version=4)
    if not stamp(nb):
        sys.exit(f"{path.name}: the first cell has no line '**Last verified:**' to stamp.")
    start = time.monotonic()
    client = NotebookClient(nb, timeout=7200, kernel_name="python3", coalesce_streams=True,
                            resources={"metadata": {"path": str(NBS)}})
    client.widget_registry["@jupyter-widgets/output"]["OutputModel"] = SilentOutput
    try:
        client.execute()
    except CellExecutionError as error:
        sys.exit(f"{path.name} was not stored, since a cell failed:\n{error}")
    seconds = round(time.monotonic() - start)
    nb.metadata["atelier"] = {"seconds": seconds, "cores": cores()}
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        if label(cell) == "quiz":
            cell.outputs = []
        cell.outputs = [kept for output in cell.outputs if (kept := tidy(output))]
        check_private(cell, path.name)
    store(nb, path)
    print(f"{path.name}: {seconds} s", flush=True)


def is_meant(notebook, prefix):
    """Whether `prefix`, a number ("02"), letter ("A") or whole name ("A_painting"), names the notebook."""
    return prefix in (notebook.stem.split("_")[0], notebook.stem, notebook.name)


def main(prefixes):
    os.environ.setdefault("ATELIER_WEIGHTS", "atelier")  # the same weights whatever this machine has in its cache
    os.environ.setdefault("ATELIER_STORE", "1")  # what a cell measures for data/results is stored, as its output is
    notebooks = sorted(NBS.glob("[0-9A-Z]*_*.ipynb"))
    if prefixes == ["--clean"]:
        for path in notebooks:
            store(nbformat.read(path, as_version=4), path)
        return
    unknown = [prefix for prefix in prefixes if not any(is_meant(nb, prefix) for nb in notebooks)]
    if unknown:
        sys.exit(f"No notebook {', '.join(unknown)} in nbs/. There are: " + ", ".join(nb.stem for nb in notebooks))
    chosen = [nb for nb in notebooks if not prefixes or any(is_meant(nb, prefix) for prefix in prefixes)]
    for notebook in chosen:
        execute(notebook)


if __name__ == "__main__":
    main(sys.argv[1:])
