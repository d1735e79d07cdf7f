"""Writes requirements/*.txt: every package with its hashes, for every platform, and no address."""

import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the library is not installed where only locks are written
from atelier.files import atomic_write  # noqa: E402

REQUIREMENTS = ROOT / "requirements"
HEADER = "# Written by `make lock`; do not edit.\n"


def compile_lock(name, sources):
    """Resolves the source texts together and stores requirements/NAME.txt."""
    target = REQUIREMENTS / f"{name}.txt"
    with atomic_write(target) as temporary:
        text = target.read_text(encoding="utf-8") if target.exists() else ""
        temporary.write_text(text, encoding="utf-8")  # uv keeps the versions it finds in its output file
        command = [sys.executable, "-m", "uv", "pip", "compile", "-", "--output-file", str(temporary), "--quiet",
                   "--generate-hashes", "--universal", "--python-version", "3.11", "--no-header", "--no-annotate",
                   *sys.argv[1:]]
        subprocess.run(command, input="\n".join(sources), text=True, check=True, cwd=ROOT)
        locked = temporary.read_text(encoding="utf-8")
        if address := re.search(r"https?://\S+", locked):
            sys.exit(f"requirements/{name}.txt would record an address ({address.group()}); it was not written.")
        temporary.write_text(HEADER + locked, encoding="utf-8")
    print(f"requirements/{name}.txt: {locked.count('==')} packages")


def main():
    settings = ConfigParser(interpolation=None)
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    site = (REQUIREMENTS / "site.in").read_text(encoding="utf-8")
    pdf = (REQUIREMENTS / "pdf.in").read_text(encoding="utf-8")
    course = settings["DEFAULT"]["requirements"] + settings["DEFAULT"]["dev_requirements"]
    compile_lock("site", [site])
    compile_lock("pdf", [site, pdf, "-c requirements/site.txt"])
    compile_lock("course", [site, pdf, course, "-c requirements/pdf.txt"])


if __name__ == "__main__":
    main()
