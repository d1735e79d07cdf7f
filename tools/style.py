"""Prints for each notebook how long its cells and texts are, beside what the course aims at (CONTRIBUTING.md)."""

import re
from pathlib import Path
from statistics import median, quantiles

import nbformat

NBS = Path(__file__).resolve().parent.parent / "nbs"
AIM = ("aim", "20-50", "4", "10", "30-45", "1.0-1.4")


def measure(notebook):
    """Cells, median and 90th percentile of lines a code cell, median words a text cell, text cells a code cell."""
    cells = nbformat.read(notebook, as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    text = [cell.source for cell in cells if cell.cell_type == "markdown"]
    lines = [len(re.sub(r"(?m)^#\|.*\n?", "", source).splitlines()) for source in code]
    words = [len(source.split()) for source in text]
    return len(cells), median(lines), quantiles(lines, n=10)[-1], median(words), len(text) / len(code)


def main():
    print(f"{'notebook':30}{'cells':>8}{'lines':>8}{'p90':>8}{'words':>8}{'text:code':>11}")
    for notebook in sorted(NBS.glob("[0-9A-Z]*_*.ipynb")):
        cells, lines, p90, words, ratio = measure(notebook)
        print(f"{notebook.stem:30}{cells:8}{lines:8.0f}{p90:8.0f}{words:8.0f}{ratio:11.1f}")
    print("{:30}{:>8}{:>8}{:>8}{:>8}{:>11}".format(*AIM))


if __name__ == "__main__":
    main()
