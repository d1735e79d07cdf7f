"""Writes into each diagram the style sheet that it needs outside of the site: css/diagram.css without variables.

    python tools/diagrams.py            every diagram of the course, and of the tests' course
    python tools/diagrams.py FILE …     these

A browser that knows no light-dark() takes the light colour, which stands before it. Jupyter and GitHub tell a picture
nothing of their own ground, so that it brings one.
"""

import re
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CSS = ROOT / "site/assets/css"
FILES = [*sorted((ROOT / "nbs/diagrams").glob("*.svg")),
         *sorted((ROOT / "tests/course/nbs/diagrams").glob("*.svg"))]


@cache
def style():
    """The <style> of a diagram's file."""
    tokens = (CSS / "tokens.css").read_text(encoding="utf-8")
    variables = dict(re.findall(r"(--[\w-]+): (.*?);", tokens))
    rules = re.findall(r"(?m)^\.diagram.*", (CSS / "diagram.css").read_text(encoding="utf-8"))
    lines = [":root { color-scheme: light dark; background: var(--ground); }", *rules]
    return "<style>\n" + "\n".join(re.sub(r"([\w-]+): ([^;]*);", lambda found: plain(found, variables), line)
                                   for line in lines) + "\n</style>"


def plain(declaration, variables):
    """A declaration without variables; one with two colours twice, the light one first."""
    name, value = declaration.groups()
    value = re.sub(r"var\((--[\w-]+)\)", lambda found: variables[found[1]], value)
    light = re.sub(r"light-dark\((.*?), .*?\)", r"\1", value)
    return f"{name}: {value};" if light == value else f"{name}: {light}; {name}: {value};"


def styled(svg):
    """A diagram's text with that style sheet in the place of its own, or as its first child."""
    svg = re.sub(r"\n?<style>.*?</style>", "", svg, flags=re.S)
    return re.sub(r"</desc>", lambda end: f"{end[0]}\n{style()}", svg, count=1)


def main(names):
    for path in [Path(name) for name in names] or FILES:
        path.write_text(styled(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
