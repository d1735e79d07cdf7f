"""A bento is built as deploy/README.md says, and serves in a virtual environment that has only its own packages."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from conftest import ROOT, read

from atelier.sentiment import Reader, load_reader, save_reader
from atelier.sentiment import read as answers_of
from atelier.serving import serving

VOCAB = ["xxunk", "xxpad", "xxbos", "xxmaj", "xxup", "good", "bad", "film", "a", ".", "!"]


@pytest.fixture(scope="module")
def bento(tmp_path_factory):
    """The sentiment bento with an untrained reader, in a folder away from the project."""
    room = tmp_path_factory.mktemp("bento")
    torch.manual_seed(0)
    save_reader(Reader(len(VOCAB), 2, 8, 16, 10).state_dict(), room / "reader.safetensors", VOCAB, ["neg", "pos"])
    env = {**os.environ, "BENTOML_HOME": str(room / "home"), "BENTOML_DO_NOT_TRACK": "True"}
    program = ("import bentoml, shutil, sys\n"
               "with bentoml.models.create('sentiment') as model:\n"
               "    shutil.copy(sys.argv[1], model.path_of('reader.safetensors'))\n")
    subprocess.run([sys.executable, "-c", program, room / "reader.safetensors"], check=True, env=env)
    command = [sys.executable, "-m", "bentoml", "build", "-f", "deploy/sentiment/bentofile.yaml", "-o", "tag", "."]
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    name, version = re.search(r"sentiment:\w+", run.stdout).group().split(":")
    bento = room / "home" / "bentos" / name / version
    subprocess.run([sys.executable, "-m", "bentoml", "export", f"{name}:{version}", room / "sentiment.bento"],
                   check=True, env=env, capture_output=True)
    return SimpleNamespace(folder=bento, parcel=room / "sentiment.bento", weights=room / "reader.safetensors")


def test_it_holds_what_the_service_needs_and_no_more(bento):
    code = {str(file.relative_to(bento.folder / "src")) for file in (bento.folder / "src").rglob("*.py")}
    assert code == {"deploy/sentiment/service.py", *(f"atelier/{name}.py" for name in
                    ("__init__", "files", "sentiment", "serving"))}
    assert not [file for file in bento.folder.rglob("*") if file.suffix in (".ipynb", ".jpg", ".pkl", ".pth")]


def test_it_serves_in_a_new_environment(bento, tmp_path):
    """Installed from the bento's own list, with nothing of this environment: the versions are this one's. They are five
    gigabytes, so the new environment holds links into uv's cache, where `make test` has put them."""
    uv = [sys.executable, "-m", "uv"]
    freeze = subprocess.run([*uv, "pip", "freeze", "--python", sys.executable], capture_output=True, text=True)
    same = [line for line in freeze.stdout.splitlines() if "==" in line]
    (tmp_path / "same.txt").write_text("\n".join(same))
    subprocess.run([*uv, "venv", "--quiet", tmp_path / "venv"], check=True)
    run = subprocess.run(
        [*uv, "pip", "install", "--quiet", "--link-mode", "symlink", "--python", tmp_path / "venv/bin/python",
         "--requirement", bento.folder / "env/python/requirements.txt", "--constraint", tmp_path / "same.txt"],
        capture_output=True, text=True)
    assert run.returncode == 0, run.stderr

    away = tmp_path / "venv/bin/python"
    env = {"BENTOML_HOME": str(tmp_path / "store"), "PYTHONPATH": "", "VIRTUAL_ENV": ""}
    (tmp_path / "store").mkdir()
    subprocess.run([away, "-m", "bentoml", "import", bento.parcel], check=True, env={**os.environ, **env})
    expected = answers_of(load_reader(bento.weights), ["A good film!"])[0]
    command = [away, "-m", "bentoml", "serve", "sentiment:latest", "--host", "127.0.0.1", "--port", "{port}"]
    with serving(command, env=env, timeout=600) as client:  # its first start compiles all of PyTorch
        answer = client.post("/classify", json={"text": "A good film!"}).json()
    label = ["neg", "pos"][expected.argmax()]
    assert answer == {"label": label, "probability": pytest.approx(expected.max(), abs=1e-5)}


@pytest.mark.parametrize("name", ["sentiment", "painter"])
def test_it_pins_what_is_tested(name):
    """The versions in a bentofile are those of the lock."""
    packages = yaml.safe_load((ROOT / "deploy" / name / "bentofile.yaml").read_text())["python"]["packages"]
    locked = dict(re.findall(r"(?m)^([\w-]+)==([\w.]+)", (ROOT / "requirements/course.txt").read_text()))
    pinned = dict(package.split("==") for package in packages if "==" in package)
    assert pinned and pinned == {package: locked[package] for package in pinned}


def written():
    """The files under deploy/ that cells of lessons write, by path, with what the cells hold."""
    files = {}
    for notebook in sorted((ROOT / "nbs").glob("1[12]_*.ipynb")):
        for cell in read(notebook).cells:
            if found := re.match(r"%%writefile (-a )?\.\./(deploy/\S+)\n(.*)", cell.source, re.S):
                more, name, source = found.groups()
                files[name] = (files[name] if more else "") + source.rstrip("\n") + "\n"
    return files


@pytest.mark.parametrize("name, source", written().items(), ids=written())
def test_files_are_the_lessons_cells(name, source):
    assert (ROOT / name).read_text(encoding="utf-8") == source


def test_every_file_is_in_a_lesson():
    kept = {file.relative_to(ROOT).as_posix() for file in Path(ROOT, "deploy").rglob("*")
            if file.is_file() and file.name != "README.md" and "__pycache__" not in file.parts}
    assert kept == written().keys()
