"""Vertex AI, played on this machine: the container's command, its variables, probes, predictions and limits."""

import base64
import io
import json
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from types import SimpleNamespace

import httpx
import numpy as np
import psutil
import pytest
import torch
from awkward import READ, REFUSED
from conftest import ROOT
from PIL import Image

from atelier.files import PictureError, open_picture
from atelier.serving import free_ports, serving
from atelier.unet import Unet, save_unet, segment

BIN = Path(sys.executable).parent
VERTEX = ROOT / "deploy" / "vertex"
DOCKERFILE = (VERTEX / "Dockerfile").read_text(encoding="utf-8")
CLASSES, SIZE = ["void", "sky", "water", "field", "tree"], (64, 64)
PICTURES = sorted((ROOT / "data" / "paintings").glob("*/*.jpg"))[:3]
HEALTH = "/v1/endpoints/7/deployedModels/3"  # as Vertex AI names its routes where nobody names others
PREDICT = HEALTH + ":predict"
LIMIT = 1_500_000


def text(data):
    return base64.b64encode(data).decode()


def encoded(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


GOOD = {"image": text(PICTURES[0].read_bytes())}


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(3)
    return Unet(len(CLASSES)).eval()


@pytest.fixture(scope="module")
def container(net):
    """A folder with what the Dockerfile copies into the image and nothing else, and the image's command."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for *sources, target in (line.split() for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.M)):
            (folder / target).mkdir(exist_ok=True)
            for source in sources:
                if source == "unet.safetensors":
                    save_unet(net, folder / target / source, CLASSES, SIZE)
                else:
                    shutil.copy(ROOT / source, folder / target)
        [command] = re.findall(r"^CMD (.+)$", DOCKERFILE, re.M)
        yield SimpleNamespace(folder=folder, command=command.replace("0.0.0.0", "127.0.0.1"))


@pytest.fixture(scope="module")
def endpoint(container):
    [port] = free_ports()
    env = {"AIP_HTTP_PORT": str(port), "AIP_HEALTH_ROUTE": HEALTH, "AIP_PREDICT_ROUTE": PREDICT,
           "BENTOML_HOME": f"{container.folder}/bentoml", "PATH": f"{BIN}:/usr/bin:/bin"}
    command = ["sh", "-c", f"cd '{container.folder}' && {container.command}"]
    with serving(command, port, ready=HEALTH, env=env) as client:
        yield client
    with socket.socket() as door:
        assert door.connect_ex(("127.0.0.1", port)) != 0, "the server has left its port behind"


@pytest.fixture
def predict(endpoint, net):
    """Asks for predictions; when the test is over the endpoint must still answer rightly."""
    def post(body, **more):
        return endpoint.post(PREDICT, **({"content": body} if isinstance(body, bytes) else {"json": body}), **more)
    yield post
    [prediction] = post({"instances": [GOOD]}).json()["predictions"]
    assert np.array_equal(mask_of(prediction), segment(net, PICTURES[0], SIZE))


def mask_of(prediction):
    return np.array(Image.open(io.BytesIO(base64.b64decode(prediction["mask"]))))


def test_the_probe_is_answered_while_a_prediction_runs(endpoint, predict):
    """More than once: Vertex AI takes an endpoint away that is silent. One that waits answers the first at the most."""
    meanwhile = 0
    with ThreadPoolExecutor(1) as client:
        asked = client.submit(predict, {"instances": [GOOD]*16})
        while not asked.done():
            assert endpoint.get(HEALTH).status_code == 200
            meanwhile += not asked.done()
    assert asked.result().status_code == 200 and meanwhile > 2


@pytest.mark.parametrize("more", [{}, {"parameters": {}}, {"parameters": {"anything": [1]}}, {"parameters": None}],
                         ids=["without", "empty", "some", "null"])
def test_predictions_in_the_order_of_the_instances(more, predict, net):
    answer = predict({"instances": [{"image": text(picture.read_bytes())} for picture in PICTURES], **more})
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("application/json")
    assert list(answer.json()) == ["predictions"] and len(answer.content) <= LIMIT
    for picture, prediction in zip(PICTURES, answer.json()["predictions"], strict=True):
        assert np.array_equal(mask_of(prediction), segment(net, picture, SIZE))
        assert (prediction["size"], prediction["classes"]) == ([256, 256], CLASSES)


def test_one_photograph_one_answer(predict, net):
    """The container reads and refuses as the library does."""
    for name, data in READ.items():
        picture = open_picture(data)
        [prediction] = predict({"instances": [{"image": text(data)}]}).json()["predictions"]
        assert prediction["size"] == [*picture.size], name
        assert np.array_equal(mask_of(prediction), segment(net, picture, SIZE)), name
    for name, (data, _) in REFUSED.items():
        with pytest.raises(PictureError) as refusal:
            open_picture(data)
        answer = predict({"instances": [{"image": text(data)}]})
        said = {"error": f"Instance 0 was refused: {refusal.value}."}
        assert (answer.status_code, answer.json()) == (400, said), name


BAD_INSTANCES = {
    "no object": 5, "null": None, "a list": [GOOD["image"]], "no image": {"picture": GOOD["image"]},
    "a number": {"image": 7}, "an object": {"image": {"b64": GOOD["image"]}}, "not base64": {"image": "!"},
    "empty": {"image": ""}, "text": {"image": text(b"Monet")},
    "half": {"image": text(PICTURES[0].read_bytes()[:2000])},
    "a bomb": {"image": text(encoded(Image.new("1", (30_000, 30_000))))},
}


@pytest.mark.parametrize("instance", BAD_INSTANCES.values(), ids=BAD_INSTANCES)
def test_a_refusal_names_the_instance(instance, predict):
    answer = predict({"instances": [GOOD, instance, GOOD]})
    assert answer.status_code == 400
    assert re.fullmatch(r"Instance 1 was refused: the \w+ .{20,}\.", answer.json()["error"])


@pytest.mark.parametrize("body", [
    {}, {"instances": None}, {"instances": 5}, {"instances": {}}, {"instances": []}, {"instances": "x"},
    {"instances": [GOOD] * 17}, {"inputs": [GOOD]}, b""], ids=lambda body: str(body)[:22])
def test_malformed_instances(body, predict):
    answer = predict(body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "'instances' must be a list of 1 to 16 objects."


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b"\xff\xfe", b"[" * 100_000, b'{"instances": ["\\ud800"]}'],
                         ids=["half", "list", "number", "bytes", "deep", "half a letter"])
def test_what_is_no_json_object(body, predict):
    answer = predict(body, headers={"content-type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error"]


def test_other_content_types(predict):
    body = json.dumps({"instances": [GOOD]}).encode()
    for kind in ("text/plain", "application/vnd.bentoml+pickle", "multipart/form-data"):
        answer = predict(body, headers={"content-type": kind})
        assert answer.status_code == 415 and "Send application/json" in answer.json()["error"]


def test_the_limit_is_vertex_ais(predict):
    headers = {"content-type": "application/json"}
    body = json.dumps({"instances": [GOOD]}).encode()
    assert predict(body.ljust(LIMIT), headers=headers).status_code == 200
    for size in (LIMIT + 1, 60_000_000):
        answer = predict(body.ljust(size), headers=headers)
        assert (answer.status_code, answer.json()) == (413, {"error": "Send at most 1.5 MB."})


@pytest.mark.parametrize("method, path", [("GET", "/"), ("GET", "/readyz"), ("GET", "/metrics"), ("POST", "/predict"),
                                          ("GET", "/static_content/swagger-ui.css"), ("GET", "/schema.json")])
def test_there_is_nothing_else(method, path, endpoint):
    answer = endpoint.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["error"] == f"There is no {path} here, only {HEALTH} and {PREDICT}."


def test_the_description_loads_nothing(endpoint):
    description = endpoint.get("/docs.json")
    assert PREDICT in description.json()["paths"] and "<script" not in description.text


def test_an_answer_that_is_too_large_is_refused(net, monkeypatch):
    monkeypatch.setenv("UNET_WEIGHTS", "none")
    service = runpy.run_path(str(VERTEX / "service.py"))
    predictions = service["Unet"].inner.predictions
    monkeypatch.setitem(predictions.__globals__, "mask_text", lambda mask: "A" * (LIMIT // 2))
    net.size, net.classes = SIZE, CLASSES
    assert len(predictions(SimpleNamespace(net=net), [GOOD])) == 1
    with pytest.raises(ValueError, match="larger than 1.5 MB: send fewer instances"):
        predictions(SimpleNamespace(net=net), [GOOD, GOOD])


def test_a_killed_worker_comes_back(endpoint, predict):
    def worker():
        return {p.pid for p in endpoint.processes() if "worker" in " ".join(p.cmdline())}
    old = worker()
    for pid in old:
        psutil.Process(pid).send_signal(signal.SIGKILL)
    start = monotonic()
    while True:
        try:
            if endpoint.get(HEALTH).status_code == 200 and worker() and not worker() & old:
                break
        except httpx.TransportError:
            pass
        assert monotonic() - start < 300, "it did not come back"
        sleep(.2)


def test_the_image_has_what_is_tested():
    pins = dict(re.findall(r"([\w-]+)==([\w.]+)", DOCKERFILE))
    assert {"torch", "torchvision", "safetensors", "bentoml"} <= pins.keys()
    assert pins == {name: version(name) for name in pins}
    assert "fastai" not in DOCKERFILE and re.search(r"^USER (?!root)", DOCKERFILE, re.M)


def test_the_service_needs_no_fastai(container):
    program = "import sys, service; print(sorted({name.split('.')[0] for name in sys.modules}))"
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=container.folder, text=True, capture_output=True, check=True)
    assert not {"'fastai'", "'fastcore'", "'matplotlib'", "'pandas'"} & set(re.findall(r"'\w+'", run.stdout))
