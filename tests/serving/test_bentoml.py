"""The services of lesson 11, really started: right answers, bad input refused in a sentence, faults survived."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import onnxruntime
import pytest
import torch
from awkward import READ, REFUSED
from conftest import ROOT
from PIL import Image
from torch import nn

from atelier.files import PictureError, open_picture
from atelier.sentiment import Reader, load_reader, save_reader
from atelier.sentiment import read as answers_of
from atelier.serving import Guard, free_ports, marked, serving

DEPLOY = ROOT / "deploy"
VOCAB = ["xxunk", "xxpad", "xxbos", "xxmaj", "xxup", "good", "bad", "film", "a", ".", "!"]
TEXT = "A good film!"


def sentence(reply):
    """The sentence in a refusal, in whichever of its forms BentoML gives it."""
    body = reply.json()
    body = body[0] if isinstance(body, list) else body
    return body["detail"][0]["msg"] if "detail" in body else body["error"]


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def png(picture):
    picture.save(buffer := BytesIO(), "PNG")
    return buffer.getvalue()


class Tints(nn.Module):
    """A painter that looks at nothing but colour: in red pictures it sees Monet's hand, in blue ones Van Gogh's.

    It sees the red more the further up, and the blue the further left, so that it matters how a picture lies."""

    def forward(self, pixels):
        steps = torch.linspace(.1, 1.9, 128).flip(0)
        red, blue = pixels[..., 0]/255*steps[:, None], pixels[..., 2]/255*steps
        return (8*torch.stack([red.mean((1, 2)), blue.mean((1, 2))], 1)).softmax(1)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A model store with an untrained reader and an untrained painter."""
    store = tmp_path_factory.mktemp("bentoml")
    torch.manual_seed(0)
    reader = Reader(len(VOCAB), 2, 8, 16, 10)
    save_reader(reader.state_dict(), store / "reader.safetensors", VOCAB, ["neg", "pos"])
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(Tints(), (torch.zeros(1, 128, 128, 3, dtype=torch.uint8),), dynamo=True,
                                    input_names=["pixels"], verbose=False)
    program.model.metadata_props["labels"] = json.dumps(["Monet", "Van Gogh"])
    program.save(store / "painter.onnx")
    program = ("import bentoml, shutil, sys\n"
               "for name, file in (('sentiment', 'reader.safetensors'), ('painter', 'painter.onnx')):\n"
               "    with bentoml.models.create(name) as model:\n"
               "        shutil.copy(f'{sys.argv[1]}/{file}', model.path_of(file))\n")
    subprocess.run([sys.executable, "-c", program, store], check=True,
                   env={**os.environ, "BENTOML_HOME": str(store), "BENTOML_DO_NOT_TRACK": "True"})
    return store


@pytest.fixture(scope="module")
def sentiment(store):
    with serving(DEPLOY / "sentiment", env={"BENTOML_HOME": str(store)}) as client:
        yield client
    assert not client.processes() and is_free(client.base_url.port)


@pytest.fixture(scope="module")
def painter(store):
    with serving(DEPLOY / "painter", env={"BENTOML_HOME": str(store)}) as client:
        yield client
    assert not client.processes() and is_free(client.base_url.port)


@pytest.fixture(scope="module")
def expected(store):
    return answers_of(load_reader(store / "reader.safetensors"), [TEXT])[0]


@pytest.fixture
def healthy(sentiment, expected):
    """After each test the service gives the right answer."""
    yield sentiment
    assert np.allclose(sentiment.post("/scores", json={"text": TEXT}).json(), expected, atol=1e-6)


def ask(client, content, name="a.png", kind="image/png", field="image"):
    return client.post("/classify", files={field: (name, content, kind)})


@pytest.fixture
def picture():
    return Image.open(ROOT / "data" / "paintings" / "monet" / "000.jpg")


@pytest.fixture
def healthy_painter(painter, picture):
    yield painter
    for tint, name in ((200, 20, 20), "Monet"), ((20, 20, 200), "Van Gogh"):
        answer = ask(painter, png(Image.new("RGB", (300, 200), tint))).json()
        assert answer["painter"] == name and .99 < answer["probability"] <= 1


def test_three_addresses_agree(healthy, expected):
    label, probability = ["neg", "pos"][expected.argmax()], pytest.approx(expected.max(), abs=1e-6)
    answer = {"label": label, "probability": probability}
    assert healthy.post("/classify", json={"text": TEXT}).json() == answer
    assert healthy.post("/classify_batch", json={"texts": [TEXT, "bad", TEXT]}).json()[::2] == [answer, answer]


@pytest.mark.parametrize("path, body, said", [
    ("/classify", {"text": ""}, "at least 1 character"),
    ("/classify", {"text": "x"*20_000}, "at most 10000 characters"),
    ("/classify", {"text": 5}, "valid string"),
    ("/classify", {"text": None}, "valid string"),
    ("/classify", {"text": [TEXT]}, "valid string"),
    ("/classify", {}, "required"),
    ("/classify", [], "an object"),
    ("/scores", {"texts": [TEXT]}, "required"),
    ("/classify_batch", {"texts": []}, "at least 1 item"),
    ("/classify_batch", {"texts": ["x"]*500}, "at most 64 items"),
    ("/classify_batch", {"texts": ["x"*10_000]*11}, "at most 100,000 characters"),
    ("/classify_batch", {"texts": TEXT}, "valid array"),
    ("/classify_batch", {"texts": [TEXT, ""]}, "at least 1 character"),
])
def test_bad_texts_are_refused(path, body, said, healthy):
    reply = healthy.post(path, json=body)
    assert reply.status_code == 400 and said in sentence(reply)


@pytest.mark.parametrize("content, kind, status, said", [
    (b'{"text": "\xff\xfe"}', "application/json", 400, "invalid unicode"),
    (b'{"text": "\\ud800"}', "application/json", 400, "Invalid JSON"),
    (b'{"text": ', "application/json", 400, "Invalid JSON"),
    (b"["*10**5, "application/json", 400, "Invalid JSON"),
    (b"x"*60_000_000, "application/json", 413, "at most 1 MB"),
    (b"text=good", "application/x-www-form-urlencoded", 415, "Send application/json"),
    (b"--", "multipart/form-data", 415, "Send application/json"),
    (b"\x80\x04N.", "application/vnd.bentoml+pickle", 415, "Send application/json"),
    (b'{"text": "good"}', "", 415, "without a content type"),
], ids=["not-utf8", "half-a-letter", "half-json", "deep", "60-MB", "form", "multipart", "pickle", "no-type"])
def test_bad_bodies_are_refused(content, kind, status, said, healthy):
    reply = healthy.post("/classify", content=content, headers={"content-type": kind} if kind else {})
    assert reply.status_code == status and said in sentence(reply)


@pytest.mark.parametrize("kinds", [("application/json", "application/vnd.bentoml+pickle"), ("application/json",)*2,
                                   ("multipart/form-data; boundary=b", "application/json")])
def test_a_second_content_type_is_refused(kinds, healthy):
    """A guard that reads one of them and a service that reads the other would let anything through."""
    reply = healthy.post("/classify", content=b'{"text": "good"}', headers=[("content-type", kind) for kind in kinds])
    assert reply.status_code == 400 and "one Content-Type" in sentence(reply)


@pytest.mark.parametrize("head, status", [
    ("Content-Type: application/json\r\nContent-Length: 1000000000000", 413),
    ("Content-Type: application/json\r\nContent-Length: 1000001\r\nExpect: 100-continue", 413),
    ("Content-Type: application/vnd.bentoml+pickle\r\nContent-Length: 900000", 415),
    ("Content-Type: text/plain\r\nTransfer-Encoding: chunked", 415)])
def test_what_the_headers_give_away_is_refused_before_the_body_comes(head, status, healthy):
    """None of the body is ever sent; the answer comes all the same, and the connection is closed."""
    with socket.create_connection(("127.0.0.1", healthy.base_url.port), timeout=60) as connection:
        connection.sendall(f"POST /classify HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()) and b'{"error": "Send ' in answer


def test_a_body_without_end_is_not_read_to_its_end(healthy):
    """A limit that reads on is none: the client can't get rid of much more than the limit."""
    given = 0

    def endless():
        nonlocal given
        while given < 2**26:
            given += 2**16
            yield b"x"*2**16
        raise AssertionError("the server has read 64 MiB for a limit of 1 MB")
    reply = healthy.post("/classify", content=endless(), headers={"content-type": "application/json"})
    assert reply.status_code == 413 and "at most 1 MB" in sentence(reply)


@pytest.mark.parametrize("text", ["()" * 5000, "😀😁" * 5000, "\x00" * 10_000, "\u202e" * 100, "xxpad"])
def test_odd_texts_are_answered_soon(text, healthy):
    start = time.monotonic()
    assert healthy.post("/classify", json={"text": text}).status_code == 200
    assert time.monotonic() - start < 10


def test_64_clients_at_once_get_no_refusal(healthy):
    def post(number):
        return healthy.post("/classify_batch", json={"texts": [f"a good film {number}"]}).status_code
    with ThreadPoolExecutor(64) as pool:
        statuses = list(pool.map(post, range(640)))
    assert statuses.count(200) == 640


def test_a_client_that_hangs_up_leaves_nothing(healthy):
    port = healthy.base_url.port
    whole = b'{"texts": ["a good film"]}'
    head = (f"POST /classify_batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(whole)}\r\n\r\n").encode()
    for sent in (head, head + whole[:9], head + whole):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(sent)
    time.sleep(1)
    workers = [process for process in healthy.processes() if process.net_connections(kind="tcp")]
    open_now = [c for w in workers for c in w.net_connections(kind="tcp") if c.status == "ESTABLISHED"]
    assert len(open_now) <= 80, "no more than this client's own"
    assert sum(c.status == "CLOSE_WAIT" for w in workers for c in w.net_connections(kind="tcp")) == 0


def test_a_killed_worker_comes_back(healthy):
    """Only requests that were on their way may be lost, one for each client; those after them wait for the new one."""
    worker = max(healthy.processes(), key=lambda process: process.create_time())

    def post(number):
        if number == 40:
            worker.kill()
        try:
            with httpx.Client(base_url=healthy.base_url, timeout=60, trust_env=False) as client:
                return client.post("/classify", json={"text": TEXT}).status_code
        except httpx.TransportError as error:
            return type(error).__name__
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(post, range(120)))
    assert len(answers) - answers.count(200) <= 8, answers
    assert worker not in healthy.processes()


def test_no_page_loads_anything_from_another_host(sentiment, painter):
    for client in (sentiment, painter):
        page = client.get("/")
        assert page.status_code == 200 and "default-src 'self'" in page.headers["content-security-policy"]
        assert not re.search(r"https?://|//[a-z]", page.text)
        for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
            assert client.get(address).status_code == 200, address
        assert "openapi" in client.get("/docs.json").json()


def test_right_pictures(healthy_painter, picture):
    for kind in ("JPEG", "PNG", "WEBP"):
        picture.save(buffer := BytesIO(), kind)
        assert ask(healthy_painter, buffer.getvalue(), kind=f"image/{kind.lower()}").status_code == 200
    for mode in ("L", "RGBA", "P", "1", "CMYK"):
        buffer = BytesIO()
        picture.convert(mode).save(buffer, "JPEG" if mode == "CMYK" else "PNG")
        assert ask(healthy_painter, buffer.getvalue()).status_code == 200, mode


@pytest.mark.parametrize("make, status, said", [
    (lambda whole: b"", 400, "the picture is empty"),
    (lambda whole: b"hello", 400, "is no JPEG, PNG or WebP"),
    (lambda whole: whole[:len(whole)//2], 400, "is not whole"),
    (lambda whole: whole[:40], 400, "is not whole"),
    (lambda whole: png(Image.new("1", (40_000, 40_000))), 400, "more than 40 million pixels"),
    (lambda whole: png(Image.new("1", (8_000, 8_000))), 400, "more than 40 million pixels"),
    (lambda whole: b"x"*60_000_000, 413, "at most 10 MB"),
    (lambda whole: b"GIF89a" + whole, 400, "is no JPEG, PNG or WebP"),
], ids=["empty", "text", "half", "header", "bomb", "large", "60-MB", "gif"])
def test_bad_pictures_are_refused(make, status, said, healthy_painter, picture):
    reply = ask(healthy_painter, make(png(picture)))
    assert reply.status_code == status and said in sentence(reply)


def test_one_photograph_one_answer(healthy_painter, store):
    """The service reads and refuses as the library does: its network looks at where the colours are."""
    network = onnxruntime.InferenceSession(store / "painter.onnx")
    for name, data in READ.items():
        small = np.array(open_picture(data).resize((128, 128), Image.Resampling.BILINEAR))
        expected = network.run(None, {"pixels": small[None]})[0][0]
        answer = ask(healthy_painter, data).json()
        label = ["Monet", "Van Gogh"][expected.argmax()]
        assert answer == {"painter": label, "probability": pytest.approx(expected.max(), abs=1e-6)}, name
    for name, (data, _) in REFUSED.items():
        with pytest.raises(PictureError) as refusal:
            open_picture(data)
        reply = ask(healthy_painter, data)
        said = f"The request was refused: {refusal.value}."
        assert (reply.status_code, sentence(reply)) == (400, said), name


@pytest.mark.parametrize("request_, status, said", [
    ({"files": {"image": (None, "http://127.0.0.1:1/x.png")}}, 400, "one file, called image"),
    ({"files": {"other": ("a.png", b"x", "image/png")}}, 400, "one file, called image"),
    ({"files": [("image", ("a.png", b"x", "image/png"))]*2}, 400, "one file, called image"),
    ({"files": {"image": ("x"*300 + ".png", b"x", "image/png")}}, 400, "a name of at most"),
    ({"files": {"image": ("a.txt", b"x", "text/plain")}}, 400, "Invalid content type"),
    ({"data": {"image": "http://127.0.0.1:1/x.png"}}, 415, "Send multipart/form-data"),
    ({"content": b"http://127.0.0.1:1/x.png", "headers": {"content-type": "image/png"}}, 415, "multipart/form-data"),
    ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "one file, called image"),
    ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400, "one file, called image"),
    ({"headers": {"content-type": "multipart/form-data"}}, 400, "one file, called image"),
    ({}, 400, "required"),
], ids=["address", "other-field", "two", "long-name", "kind", "form", "raw", "no-boundary", "no-parts", "no-body",
        "nothing"])
def test_bad_forms_are_refused(request_, status, said, healthy_painter):
    reply = healthy_painter.post("/classify", **request_)
    assert reply.status_code == status and said in sentence(reply)


@pytest.mark.parametrize("name", ["sentiment", "painter"])
def test_thousands_of_odd_requests_break_nothing(name, request, tmp_path):
    """Schemathesis makes requests, right and wrong, of the service's own description: never a 5xx, never a hang.

    ATELIER_FUZZ: how many for each address; 700 make the 2,000 for the three addresses of sentiment."""
    client = request.getfixturevalue({"sentiment": "healthy", "painter": "healthy_painter"}[name])
    examples = os.environ.get("ATELIER_FUZZ", "200")
    command = [Path(sys.executable).parent / "schemathesis", "run", f"{client.base_url}/docs.json",
               "--url", str(client.base_url), "--checks", "not_a_server_error", "--include-path-regex",
               "classify|scores", "--phases", "coverage,fuzzing", "--max-examples", examples,
               "--request-timeout", "30", "--generation-deterministic", "--no-color", "--continue-on-failure"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]


def test_a_slow_request_is_told_so():
    sent = []

    async def service(scope, receive, send):
        raise AssertionError("never reached")

    async def never():
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/classify", "headers": []}
    asyncio.run(Guard(service, patience=.1)(scope, never, send))
    assert sent[0]["status"] == 408 and b"took more than 0.1 seconds" in sent[1]["body"]


def test_a_server_that_dies_is_explained():
    with pytest.raises(RuntimeError, match="(?s)has ended.*no port for me"), serving(
            [sys.executable, "-c", "import sys; sys.exit('no port for me')"]):
        raise AssertionError("never reached")


def test_a_server_that_is_never_ready_is_stopped():
    command = [sys.executable, "-c", "import time; print('still thinking', flush=True); time.sleep(99)", "{port}"]
    with pytest.raises(RuntimeError, match="(?s)was not up after 2 seconds.*still thinking"), serving(
            command, timeout=2):
        raise AssertionError("never reached")


def test_servers_are_stopped_whatever_happens(tmp_path):
    """An exception in the block, workers in a session of their own, and the death of the process that started them."""
    command = [sys.executable, "-c", "import subprocess, sys; subprocess.Popen([sys.executable, '-m', 'http.server', "
               "sys.argv[1], '--bind', '127.0.0.1'], start_new_session=True).wait()", "{port}"]
    with pytest.raises(KeyError), serving(command, ready="/") as client:
        assert len(client.processes()) == 2
        raise KeyError("in the block")
    assert not client.processes() and is_free(client.base_url.port)

    program = (f"import sys, os; from atelier.serving import serving\n"
               f"with serving({command!r}, port=int(sys.argv[1]), ready='/') as client:\n"
               f"    os.kill(os.getpid(), 9)")
    port = free_ports()[0]
    subprocess.run([sys.executable, "-c", program, str(port)], cwd=tmp_path, timeout=60)
    end = time.monotonic() + 20
    while not is_free(port):
        assert time.monotonic() < end, "the server outlived the process that started it"
        time.sleep(.1)


def test_free_ports_differ():
    assert len(set(free_ports(20))) == 20
    assert not marked("no server has this mark")
