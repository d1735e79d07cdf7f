"""Writes each deck as a Quarto presentation, build/quarto/NAME.qmd, which embeds the same cells of the same notebooks.

    python tools/qmd.py            every deck in slides/
    python tools/qmd.py fastai     this one

Quarto's `embed` shows a cell's code and outputs whole: steps, a choice of lines and a picture's width have no
counterpart and are left out. A widget becomes the picture that stands for it, a value the text that its cell printed,
a diagram its file.
"""

import json
import re
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UP = "../.."  # from build/quarto to the project
FORMAT = f"""format:
  revealjs: {{slide-level: 2, scrollable: true, width: 1280, height: 720}}
from: markdown+tex_math_single_backslash
html-math-method: mathml
notebook-links: false
filters: [{UP}/quarto/course.lua]
"""
SHORTCODE = re.compile(r"\{\{< *(/?)(\w+)(.*?) *>\}\}")
FRAGMENT = "{.fragment}"


@cache
def notebook(prefix):
    """Name and cells, by label, of the one notebook that a deck means by "02" or "A_painting"."""
    found = [path for path in sorted((ROOT / "nbs").glob("*.ipynb"))
             if path.stem == prefix] or sorted((ROOT / "nbs").glob(f"{prefix}_*.ipynb"))
    if len(found) != 1:
        raise LookupError(f"{len(found)} notebooks in nbs/ are called {prefix!r}")
    cells = {}
    for cell in json.loads(found[0].read_text(encoding="utf-8"))["cells"]:
        if label := re.search(r"(?m)^#\| *label: *(\S+)", "".join(cell["source"])):
            cells[label[1]] = cell
    return found[0].name, cells


def cell_of(nb, label):
    name, cells = notebook(nb)
    if label not in cells:
        raise LookupError(f"{name} has no cell {label!r}")
    return name, cells[label]


def embed(nb, label, show="output", output=""):
    name, _ = cell_of(nb, label)
    shown = {"source": ' echo=true outputs="0"', "both": " echo=true", "output": ""}[show]
    shown += f' outputs="{output}"' if output else ""
    return f"{{{{< embed {UP}/nbs/{name}#{label}{shown} >}}}}"


def printed(nb, label, match=r"(?s)(.*)"):
    """What a cell printed, or the part of it that `match` takes, as the site's value does."""
    _, cell = cell_of(nb, label)
    text = "".join("".join(output["text"]) for output in cell["outputs"] if output.get("name") == "stdout").strip()
    if not (found := re.search(match, text)):
        raise LookupError(f"{label!r} of {nb} printed nothing like {match}")
    return found.groups()[-1]


def still(nb, label):
    _, cell = cell_of(nb, label)
    return embed(nb, re.search(r"(?m)^#\| *still: *(\S+)", "".join(cell["source"]))[1])


def diagram(name, lit=None):
    """The drawing's own file, with its title and description; Quarto shows words where the site has numbers."""
    path = ROOT / "nbs/diagrams" / f"{name}.svg"
    if not path.exists():
        raise LookupError(f"there is no diagram {name!r}")
    said = re.findall(r"(?s)<(?:title|desc)>(.*?)</", path.read_text(encoding="utf-8"))
    return f"![{' '.join(said)}]({UP}/{path.relative_to(ROOT)})"


def columns(widths):
    shares = [float(width) for width in widths.split()]
    percent = [round(100*share/sum(shares)) for share in shares]
    return [f'::: {{.column width="{share}%"}}' for share in percent]


def fragment(text):
    return f"::: {FRAGMENT}\n{text}\n:::"


class Deck:
    """Turns the lines of one deck into Quarto's Markdown."""

    def __init__(self):
        self.lines, self.columns = [], []

    def shortcode(self, found):
        """What stands for a shortcode of the site."""
        end, name, said = found.groups()
        if bare := re.fullmatch(r' *"([^"]*)"', said):
            said = f' name="{bare[1]}"'
        said = dict(re.findall(r'(\w+)="(.*?)"', said))
        if name == "notes":
            minutes = f"\n**{said['minutes']} min**\n" if "minutes" in said else ""
            return ":::" if end else f"::: {{.notes}}{minutes}"
        if name == "cols":
            if end:
                return ":::\n\n::::"
            self.columns = columns(said.get("widths", "1 1"))
            return f":::: {{.columns}}\n\n{self.columns.pop(0)}"
        if name == "value":
            return printed(**said)
        if name == "widget":
            return still(**said)
        if name == "diagram":
            return diagram(**said)
        if name != "cell":
            raise LookupError(f"Quarto has nothing for {{{{< {name} >}}}}")
        text = embed(said["nb"], said["label"], said.get("show", "both"), said.get("output", ""))
        return fragment(text) if said.get("fragment") == "true" else text

    def link(self, found):
        """A link or picture as seen from build/quarto; what is only a page of the site is no link there."""
        picture, text, target = found.groups()
        if target.startswith("nb:"):
            return embed(*target.removeprefix("nb:").split("#"))
        if re.match(r"https?:|#", target):
            return found[0]
        path = (ROOT / "slides" / target.split("#")[0]).resolve()
        return f"{picture}[{text}]({UP}/{path.relative_to(ROOT)})" if path.exists() else text

    def add(self, line):
        if line == FRAGMENT:
            start = len(self.lines)
            while start and self.lines[start - 1].strip() and not self.lines[start - 1].startswith((":::", "- [")):
                start -= 1
                if self.lines[start].startswith("- "):
                    break
            block, self.lines = "\n".join(self.lines[start:]), self.lines[:start]
            line = f"- [{block[2:]}]{FRAGMENT}" if block.startswith("- ") else fragment(block)
        elif line == "|||":
            line = f":::\n\n{self.columns.pop(0)}"
        elif re.fullmatch(r"\{\w+=.*\}", line) and self.lines[-1].startswith("!["):
            line = self.lines.pop() + line
        else:
            line = re.sub(r"(!?)\[([^\]]*)\]\(([^) ]+)[^)]*\)", self.link, SHORTCODE.sub(self.shortcode, line))
        self.lines.append(line)


def quarto(text, name):
    """A deck of slides/ as Quarto's Markdown."""
    _, front, body = text.split("---\n", 2)
    said = dict(re.findall(r"(?m)^(\w+): *(.*)$", front))
    deck = Deck()
    if "picture" in said:
        alt = said["alt"].strip("\"'")
        deck.add(f"## {{.center}}\n\n![{alt}]({said['picture']})")
    for number, line in enumerate(body.split("\n"), text[:text.index(body)].count("\n") + 1):
        try:
            deck.add(line)
        except LookupError as error:
            sys.exit(f"slides/{name}.md:{number}: {error}")
    head = "".join(f"{key}: {said[key]}\n" for key in ("title", "subtitle") if key in said)
    return f"---\n{head}{FORMAT}---\n\n" + "\n".join(deck.lines)


def main(names):
    target = ROOT / "build" / "quarto"
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "slides").glob("*.md")):
        if not names or path.stem in names:
            text = quarto(path.read_text(encoding="utf-8"), path.stem)
            (target / f"{path.stem}.qmd").write_text(text, encoding="utf-8")
            print(f"build/quarto/{path.stem}.qmd")


if __name__ == "__main__":
    main(sys.argv[1:])
