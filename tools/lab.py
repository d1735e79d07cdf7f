"""Opens JupyterLab with the lessons, on real paintings where `make real` has fetched some.

    python tools/lab.py [what goes to jupyter lab]

ATELIER_PAINTINGS decides where it is set; set to nothing, it means the painted pictures.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def choose(environment, real=ROOT / "real"):
    """The folder for ATELIER_PAINTINGS, and a sentence that says which pictures the lessons will show."""
    own = environment.get("ATELIER_PAINTINGS")
    if own:
        return own, f"Pictures: your own, in {own}."
    counts = {folder.name: len(list(folder.glob("*.jpg"))) for folder in sorted(real.glob("*/"))}
    counts = {name: count for name, count in counts.items() if count}
    if len(counts) < 2:
        return "", "Pictures: the painted ones. `make real` fetches real paintings, a hundred of each painter."
    if own is not None:
        return "", "Pictures: the painted ones. Without ATELIER_PAINTINGS= there are real ones, in real/."
    there = ", ".join(f"{count} of {name}" for name, count in counts.items())
    return str(real), f"Pictures: real ones, {there}. `ATELIER_PAINTINGS= make lab` takes the painted ones."


def main():
    folder, sentence = choose(os.environ)
    print(sentence, flush=True)
    jupyter = Path(sys.argv[1])
    os.execve(jupyter, [str(jupyter), *sys.argv[2:]], {**os.environ, "ATELIER_PAINTINGS": folder})


if __name__ == "__main__":
    main()
