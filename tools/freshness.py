"""Whether each notebook's stored outputs come from the code, modules, data and settings that are there now.

    python tools/freshness.py            one line for each thing that changed since a notebook ran; exit status 1 if any

`make execute` stores in a notebook's metadata, as `atelier.run`, what it was executed from: for each code cell its id,
the hash of its code and that of its outputs; for each module of the project that it imported, the hash of its syntax
tree; for each folder that it read, the hash of the files in it; and the environment variables that chose data or
weights. The site's build compares the codes alone (site/layouts/_partials/notebook/stale.html computes the same hash).
"""

import ast
import hashlib
import json
import os
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIRECTIVE = re.compile(r"^#\s*\|")
LABEL = re.compile(r"^#\s*\|\s*label:\s*(\S+)", re.M)
DOCSTRING = re.compile(r'(:[ \t]*\n)[ \t]*"""(?s:.*?)"""[ \t]*(?:\n|\Z)')
# Folders whose files a notebook does not depend on: what it is made from, or what was made from it.
NOT_DATA = {"nbs", "build", "dist", "site", "node_modules"}


def digest(*parts):
    """Sixteen hexadecimal digits that name these strings or bytes, in this order."""
    hashed = hashlib.sha256()
    for part in parts:
        part = part.encode() if isinstance(part, str) else part
        hashed.update(b"%d:" % len(part) + part)
    return hashed.hexdigest()[:16]


def code_hash(source):
    """Of a cell's code without directives, blank lines and docstrings."""
    lines = [line.rstrip() for line in source.split("\n") if line.strip() and not DIRECTIVE.match(line)]
    code = DOCSTRING.sub(r"\1", "\n".join(lines) + "\n")
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def outputs_hash(outputs):
    """Of the outputs as the notebook stores them, without their counts."""
    kept = [{key: value for key, value in output.items() if key != "execution_count"} for output in outputs]
    return digest(json.dumps(kept, sort_keys=True, ensure_ascii=False))


def label(cell):
    """The cell's `#| label:`, else its id."""
    found = LABEL.search(cell.source)
    return found.group(1) if found else cell.id


def syntax(node):
    """A syntax tree as nested lists, without docstrings, and the same for every version of Python."""
    if isinstance(node, list):
        return [syntax(child) for child in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
        fields["body"] = fields["body"][1:]
    fields.pop("kind", None)
    fields.pop("type_ignores", None)
    return [type(node).__name__, *([name, syntax(child)] for name, child in fields.items() if child not in (None, []))]


@cache
def module_hash(path):
    """Of a module's syntax tree without docstrings and comments; None where there is no such file."""
    if not path.is_file():
        return None
    return digest(json.dumps(syntax(ast.parse(path.read_text(encoding="utf-8")))))


@cache
def folder_hash(path):
    """Of the files directly in a folder, by name and content; texts about them (.md) don't count."""
    if not path.is_dir():
        return None
    files = sorted(f for f in path.iterdir() if f.is_file() and f.suffix != ".md" and not f.name.startswith("."))
    return digest(*(part for file in files for part in (file.name, file.read_bytes())))


def settings(root=ROOT):
    """The table [tool.atelier] of the course's pyproject.toml."""
    file = root / "pyproject.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))["tool"].get("atelier", {}) if file.exists() else {}


def set_environment(root=ROOT):
    """Sets what the stored numbers belong to, unless it is set: the course's data and weights, and one thread."""
    for name, value in {**settings(root).get("environment", {}), "OMP_NUM_THREADS": "1"}.items():
        os.environ.setdefault(name, value)


# In the kernel.

def listen():
    """Notes from now on which files and folders this process reads and which it writes."""
    read, written = set(), set()

    def note(event, arguments):
        if event not in ("open", "os.scandir", "os.listdir") or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        path = os.path.abspath(os.fsdecode(arguments[0]))
        if event == "open":
            _, mode, flags = arguments
            writes = set(mode or "") & set("wax+") or (flags or 0) & (os.O_WRONLY | os.O_RDWR)
            (written if writes else read).add(path)
        else:
            read.add(os.path.join(path, ""))

    sys.addaudithook(note)
    listen.heard = read, written


def report(root):
    """Prints, as JSON, the modules and folders of the project that this process used since `listen`."""
    root = Path(root)

    def inside(path):
        """The path relative to the project, or None."""
        path = Path(os.path.realpath(path))
        names = path.relative_to(root).parts if path.is_relative_to(root) else (".",)
        return None if any(name.startswith(".") or name == "node_modules" for name in names) else "/".join(names)

    read, written = listen.heard
    files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    modules = {inside(file) for file in files if file.endswith(".py") and os.path.isfile(file)} - {None}
    modules.discard("tools/freshness.py")
    folders = {inside(path if path.endswith(os.sep) else os.path.dirname(path)) for path in read - written
               if not path.endswith((".py", ".pyc", ".md")) and "__pycache__" not in path}
    packages = {name.rpartition("/")[0] for name in modules}
    data = {folder for folder in folders if folder and folder.split("/")[0] not in NOT_DATA} - packages
    print(json.dumps({"modules": sorted(modules), "data": sorted(data)}))


def listener(root):
    """Source of the two cells that go before and behind a notebook's own to learn what it used."""
    tools = str(Path(__file__).parent)
    start = f"import sys; sys.path.insert(0, {tools!r}); import freshness; sys.path.remove({tools!r}); " \
            "freshness.listen(); del sys, freshness"
    return start, f"__import__('freshness').report({str(root)!r})"


# What is stored, and compared.

def cells(nb):
    """Of each code cell its id, the hash of its code and that of its outputs."""
    return [f"{cell.id} {code_hash(cell.source)} {outputs_hash(cell.outputs)}"
            for cell in nb.cells if cell.cell_type == "code"]


def environment(nb, modules, root=ROOT):
    """The variables that are set and named by the notebook or its modules; a path is stored as "set"."""
    texts = [cell.source for cell in nb.cells] + [(root / name).read_text(encoding="utf-8") for name in modules]
    named = set(re.findall(r"\bATELIER_[A-Z_]+", "\n".join(texts))) & set(os.environ)
    named -= set(settings(root).get("measuring", ()))
    return {name: os.environ[name] if re.fullmatch(r"\w+", os.environ[name]) else "set" for name in sorted(named)}


def record(nb, used, root=ROOT):
    """What goes into the metadata of a notebook that has just run and used these modules and folders."""
    return {"cells": cells(nb),
            "modules": {name: module_hash(root / name) for name in used["modules"]},
            "data": {name: folder_hash(root / name) for name in used["data"]},
            "environment": environment(nb, used["modules"], root)}


def changed_cells(nb):
    """Sentences about the cells that are not as the run left them."""
    ran = dict((words[0], words[1:]) for words in (line.split() for line in nb.metadata.atelier.run["cells"]))
    there = [cell for cell in nb.cells if cell.cell_type == "code"]
    for number, cell in enumerate(nb.cells, 1):
        if cell.cell_type != "code":
            continue
        where = f"cell {number} (label {label(cell)!r})"
        code, outputs = ran.get(cell.id, (None, None))
        if code is None:
            yield f"{where} is new and has not run"
        elif code != code_hash(cell.source):
            yield f"{where}: its code is not what ran"
        elif outputs != outputs_hash(cell.outputs):
            yield f"{where}: its outputs are not those that its run gave"
    kept = [cell.id for cell in there if cell.id in ran]
    if missing := [name for name in ran if name not in kept]:
        yield f"cells that ran are gone: {', '.join(missing)}"
    elif kept != list(ran):
        yield "its cells ran in another order"


def changes(nb, root=ROOT):
    """Sentences about all that changed since a notebook ran; none if it is fresh."""
    run = nb.metadata.get("atelier", {}).get("run")
    if not run:
        yield "it has never run"
        return
    yield from changed_cells(nb)
    for kind, there in (("modules", module_hash), ("data", folder_hash)):
        for name, stored in run[kind].items():
            if (now := there(root / name)) != stored:
                yield f"{name}, which it used, {'changed' if now else 'is gone'}"
    usual = settings(root).get("environment", {})
    for name, value in run["environment"].items():
        if usual.get(name) != value:
            yield f"it ran with {name} set to something of its own, so its numbers are not the course's"


def main(root=ROOT):
    import nbformat

    stale = 0
    for path in sorted((root / "nbs").glob("[0-9A-Z]*_*.ipynb")):
        if found := list(changes(nbformat.read(path, as_version=4), root)):
            stale += 1
            for sentence in found:
                print(f"nbs/{path.name}: {sentence}")
            print(f"    make execute NB={path.stem}")
    sys.exit(1 if stale else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT)
