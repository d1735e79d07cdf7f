"""Says what the newest packages would change, before anything is changed.

    python tools/upgrade.py            a new lock, and every notebook run under it
    python tools/upgrade.py 02 A       only those notebooks
    python tools/upgrade.py --keep 02  under the lock as it stands in requirements/

All of it happens in build/upgrade: a copy of the project with a lock and an environment of its own, in which
tools/execute.py runs the notebooks. What they give is compared with what is stored. build/upgrade/report.md lists the
packages that move, the notebooks that fail, and the cells whose numbers or words differ, old beside new.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import outputs
from execute import is_meant
from freshness import label
from outputs import PICTURES, TIME, shown_outputs, table_text

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / "build" / "upgrade"
COPY = SCRATCH / "atelier"
PYTHON = SCRATCH / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCK = "requirements/course.txt"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
WORD = re.compile(r"[^\s|]+")


def step(command, what, cwd=COPY):
    """Runs a command; if it fails the upgrade ends with a sentence, and what the command said."""
    print(what, "…", flush=True)
    run = subprocess.run([str(part) for part in command], cwd=cwd, text=True, capture_output=True)
    if run.returncode:
        sys.exit(f"{what} failed:\n{run.stdout}{run.stderr}")


def copy_project():
    """The project as git would commit it, in an empty folder."""
    shutil.rmtree(COPY, ignore_errors=True)
    git = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(git, cwd=ROOT, check=True, text=True, capture_output=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)


def install(keep):
    """The lock of the copy, anew unless `keep`, and the environment that it describes."""
    if not keep:
        step([sys.executable, COPY / "tools/lock.py", "--upgrade"], "Resolving a new lock")
    if not PYTHON.exists():
        step([sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, PYTHON.parent.parent],
             "Making an environment")
    pip = [sys.executable, "-m", "uv", "pip"]
    step([*pip, "sync", "--quiet", "--python", PYTHON, "--require-hashes", COPY / LOCK], "Installing it (several GB)")
    step([*pip, "install", "--quiet", "--python", PYTHON, "--no-deps", "--no-build-isolation", "--editable", COPY],
         "Installing the library")


def packages(lock):
    """The versions of a lock's packages, by name; several where platforms differ."""
    found = {}
    for name, version in re.findall(r"(?m)^([\w.-]+)==([^\s;\\]+)", lock):
        found.setdefault(name, []).append(version)
    return {name: ", ".join(sorted(set(versions))) for name, versions in found.items()}


def words(stored):
    """The words and numbers that a page would show of a cell's outputs, without times; of a picture that it is one."""
    texts = [kind if kind in PICTURES else table_text(content) if kind == "text/html" else content
             for kind, content in shown_outputs(stored)]
    return WORD.findall(TIME.sub("…", "\n".join(texts)))


def compare(stored, new):
    """What differs between two runs of a notebook, as (label, old, new, "fails" where the tests would fail); cells are
    told by their ids."""
    ran, found = {cell.id: cell for cell in new.cells}, []
    for cell in (cell for cell in stored.cells if cell.cell_type == "code" and cell.id in ran):
        before, now = words(cell.outputs), words(ran[cell.id].outputs)
        if len(before) != len(now):
            before, now = [" ".join(before)[:80]], [" ".join(now)[:80]]
        fails = "fails" if outputs.compare(cell.outputs, ran[cell.id].outputs, outputs.tolerance(cell.source)) else ""
        found += [(label(cell), old, fresh, fails) for old, fresh in zip(before, now, strict=True) if old != fresh]
        if fails and before == now:
            found.append((label(cell), "its picture", "another", fails))
    return found


def run(notebook):
    """What the notebook gives in the new environment: (what compare says) and None, or nothing and why it fails."""
    ended = subprocess.run([PYTHON, COPY / "tools/execute.py", notebook.name], cwd=COPY, text=True, capture_output=True)
    if ended.returncode:
        lines = COLOUR.sub("", ended.stderr or ended.stdout).split("\n")
        return [], next((line.strip() for line in reversed(lines) if line.strip()), f"status {ended.returncode}")
    new = nbformat.read(COPY / "nbs" / notebook.name, as_version=4)
    return compare(nbformat.read(notebook, as_version=4), new), None


def table(title, heads, rows):
    if not rows:
        return f"## {title}\n\nNone.\n"
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    lines = [heads, ["---"]*len(heads), *cells]
    return f"## {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def main(arguments):
    keep = "--keep" in arguments
    prefixes = [argument for argument in arguments if argument != "--keep"]
    notebooks = [path for path in sorted((ROOT / "nbs").glob("[0-9A-Z]*_*.ipynb"))
                 if not prefixes or any(is_meant(path, prefix) for prefix in prefixes)]
    if not notebooks:
        sys.exit(f"No notebook in nbs/ is called {' or '.join(prefixes)}.")
    copy_project()
    install(keep)
    old, new = (packages((root / LOCK).read_text(encoding="utf-8")) for root in (ROOT, COPY))
    moved = [(name, old.get(name, ""), new.get(name, "")) for name in sorted({*old, *new})
             if old.get(name) != new.get(name)]
    differing, failing = [], []
    for notebook in notebooks:
        print(notebook.stem, "…", flush=True)
        found, error = run(notebook)
        differing += [(notebook.stem, *row) for row in found]
        failing += [(notebook.stem, error)] if error else []
    report = "\n".join([
        f"# What an upgrade would change\n\n{len(notebooks)} notebooks ran, {len(failing)} failed.\n",
        table("Packages that move", ["package", "now", "then"], moved),
        table("Notebooks that fail", ["notebook", "why"], failing),
        table("Cells that show something else", ["notebook", "cell", "stored", "new", "in the tests"], differing)])
    (SCRATCH / "report.md").write_text(report, encoding="utf-8")
    print(f"\n{report}\nThis is build/upgrade/report.md. Nothing outside build/ has changed.")
    sys.exit(bool(failing))


if __name__ == "__main__":
    main(sys.argv[1:])
