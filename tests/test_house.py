"""The house rules: one source for names, clean export, locks without addresses, nothing of one machine."""

import filecmp
import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest
import yaml
from conftest import NOTEBOOKS, ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
BIN = Path(sys.executable).parent


def tracked_texts():
    """Every text file that git knows, as (path, text); the whole folder where there is no git."""
    git = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    names = git.stdout.split("\0") if git.returncode == 0 else [str(p.relative_to(ROOT)) for p in ROOT.rglob("*")]
    for name in filter(None, names):
        path = ROOT / name
        if path.is_file():
            try:
                yield name, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def test_export_changes_nothing(copy_of_project):
    copy = copy_of_project("nbs", "atelier", "pyproject.toml", "settings.ini")
    subprocess.run([BIN / "nbdev-export"], cwd=copy, check=True, capture_output=True)
    exported = sorted(p.name for p in (copy / "atelier").glob("*.py"))
    assert exported == sorted(p.name for p in (ROOT / "atelier").glob("*.py"))
    _, differing, unreadable = filecmp.cmpfiles(ROOT / "atelier", copy / "atelier", exported, shallow=False)
    assert not differing + unreadable, f"run nbdev-export: {differing + unreadable} differ from the notebooks"


def test_settings_are_what_is_installed():
    settings = ConfigParser(interpolation=None)
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    named = settings["DEFAULT"]
    installed = metadata("atelier")
    assert (installed["Name"], installed["Version"]) == (named["lib_name"], named["version"])
    wanted = [line for line in named["requirements"].splitlines() if line]
    assert len(wanted) > 3
    unconditional = [r for r in requires("atelier") if "extra ==" not in r]
    assert {re.split(r"[<>=]", r)[0] for r in unconditional} == {re.split(r"[<>=]", r)[0] for r in wanted}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda p: p.name)
def test_locks_have_hashes_and_no_addresses(lock):
    text = lock.read_text(encoding="utf-8")
    pins = re.findall(r"^[a-z0-9][^\n]*==.*$", text, re.M)
    assert pins and not re.search(r"https?:|file:|--(extra-)?index-url|--find-links", text)
    for block in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_site_lock_needs_no_torch():
    assert not re.search(r"^(torch|fastai|jupyter)", (ROOT / "requirements/site.txt").read_text(), re.M)


def test_package_lock_records_no_addresses():
    assert not re.search(r'"resolved"|https?://[^"]*\.tgz', (ROOT / "package-lock.json").read_text())


def test_nothing_names_one_machine():
    """No absolute path of a developer's machine stands in a file or in a stored output."""
    private = re.compile(r"(?<![\w.~/-])/(?:tmp|work|home|root|Users)/[A-Za-z0-9_]")
    found = [f"{name}: {line.strip()[:80]}" for name, text in tracked_texts()
             if not name.endswith("package-lock.json")
             for line in text.splitlines() if len(line) < 5000 and private.search(line)]
    assert not found


def test_quarto_sidebar_follows_the_notebooks():
    quarto = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    assert quarto["execute"]["enabled"] is False and quarto["project"]["render"] == ["nbs/*.ipynb"]
    listed = [page for section in quarto["website"]["sidebar"]["contents"] for page in section["contents"]]
    assert listed == [f"nbs/{path.name}" for path in NOTEBOOKS]


def test_ruff_is_content():
    subprocess.run([BIN / "ruff", "check", "--no-cache", "."], cwd=ROOT, check=True)


def test_licences_are_named_where_they_live():
    assert {p.name for p in (ROOT / "LICENSES").iterdir()} == {
        "Apache-2.0.txt", "CC-BY-4.0.txt", "CC0-1.0.txt", "OFL-1.1.txt"}
    for sheet in (ROOT / "data").glob("*/README.md"):
        assert "CC0" in sheet.read_text(encoding="utf-8"), sheet


def test_hook_of_large_files_lets_every_tracked_file_pass(tmp_path):
    """The hook itself, run on all that git knows; with a copy of its settings, since it refuses unstaged ones."""
    if subprocess.run(["git", "rev-parse"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("needs git: the hook runs on what git knows")
    settings = shutil.copy(ROOT / ".pre-commit-config.yaml", tmp_path)
    run = subprocess.run([BIN / "pre-commit", "run", "large-files", "--all-files", "--config", settings], cwd=ROOT,
                         text=True, capture_output=True, env={**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home")})
    assert run.returncode == 0, run.stdout + run.stderr
