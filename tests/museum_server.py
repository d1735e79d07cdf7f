"""Three museums on this machine, which speak their models' APIs and misbehave on demand.

    with MuseumServer(works) as server:
        server.faults["met-7"] = ["reset", "429"]     # of the next two requests for this picture; then it is fine
        search_paintings("Claude Monet", server.museums())

A fault belongs to a picture ("met-7"), to a record ("met-7 record") or to a museum's search ("met search").
The shapes follow the public documentation of the Art Institute of Chicago, The Met and Cleveland's museum.
At the end, what the tests do with it: exhibits, visits, and the check that nothing half-written is left.
"""

import hashlib
import json
import os
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

from conftest import ROOT
from fastai.data.transforms import get_image_files
from PIL import Image

from atelier.collection import read_credits
from atelier.museums import MUSEUMS, Manners, download_paintings, search_paintings

os.environ["no_proxy"] = "127.0.0.1"  # this machine is asked directly, also by programs that a test starts
HASTY = Manners(tries=4, pause=0.02, timeout=0.3, deadline=0.6)
PAINTED = sorted((ROOT / "data/paintings").glob("*/*.jpg"))
HTML = b"<!DOCTYPE html><title>Just a moment</title>"


@dataclass
class Exhibit:
    """A work on show: its picture's bytes, and what its museum's record says other than usual."""
    museum: str
    number: int
    picture: bytes
    artist: str = "Claude Monet"
    title: str = "Study"
    changes: dict = field(default_factory=dict)  # of the record; None as a value takes the field away

    @property
    def name(self):
        return f"{self.museum}-{self.number}"


@cache
def bomb(side=30_000):
    """A picture of side × side pixels in a file of about a hundred kilobytes; the first one takes a second."""
    file = BytesIO()
    Image.new("1", (side, side)).save(file, "PNG")
    return file.getvalue()


def chicago_record(exhibit, pictures):
    return {"id": exhibit.number, "title": exhibit.title, "artist_title": exhibit.artist,
            "artist_display": f"{exhibit.artist}\nFrench, 1840–1926", "date_display": "1890–91",
            "medium_display": "Oil on canvas", "artwork_type_title": "Painting", "image_id": exhibit.name,
            "is_public_domain": True, "credit_line": "Gift of Ada Test",
            "main_reference_number": f"1933.{exhibit.number}"}


def met_record(exhibit, pictures):
    return {"objectID": exhibit.number, "isPublicDomain": True, "primaryImage": f"{pictures}/{exhibit.name}",
            "primaryImageSmall": f"{pictures}/{exhibit.name}", "title": exhibit.title, "artistPrefix": "",
            "artistDisplayName": exhibit.artist, "objectDate": "1874", "medium": "Oil on canvas",
            "classification": "Paintings", "creditLine": "Bequest of Ben Test",
            "accessionNumber": f"29.{exhibit.number}", "objectURL": f"http://127.0.0.1/{exhibit.number}"}


def cleveland_record(exhibit, pictures):
    return {"id": exhibit.number, "accession_number": f"1958.{exhibit.number}", "title": exhibit.title,
            "creation_date": "1880", "type": "Painting", "technique": "oil on canvas",
            "share_license_status": "CC0", "creditline": "Gift of Cy Test",
            "creators": [{"description": f"{exhibit.artist} (French, 1840–1926)", "role": "artist",
                          "qualifier": None}],
            "images": {"web": {"url": f"{pictures}/{exhibit.name}", "width": "256", "height": "256"}},
            "url": f"http://127.0.0.1/{exhibit.number}"}


RECORDS = {"chicago": chicago_record, "met": met_record, "cleveland": cleveland_record}


class MuseumServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, exhibits, delay=0.0):
        super().__init__(("127.0.0.1", 0), Guard)
        self.exhibits = {exhibit.name: exhibit for exhibit in exhibits}
        self.delay = delay                   # of each answer, in seconds
        self.faults = defaultdict(list)      # name → faults of the next requests
        self.asked = []                      # names, in the order of the requests
        self.times = []                      # of these requests
        self.agents = set()                  # User-Agent headers seen
        self.inside = defaultdict(int)       # museum → requests that are being answered
        self.most_at_once = 0
        self.lock = threading.Lock()

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, address):
        """A visitor who leaves early is no error."""

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def museums(self, *names):
        """The library's museums with this server's address."""
        return [replace(museum, api=f"{self.address}/{museum.name}", gap=0) for museum in MUSEUMS
                if not names or museum.name in names]


class Guard(BaseHTTPRequestHandler):
    """Answers a visitor of a museum: a search, a record or a picture, or something worse."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        museum, *_, last = parts = url.path.strip("/").split("/")
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        is_picture = parts[1] == "pictures"
        if is_picture:
            name = parts[2]
        elif museum == "met" and last != "search":
            name = f"met-{last} record"
        else:
            name = f"{museum} search"
        server = self.server
        with server.lock:
            server.asked.append(name)
            server.times.append(time.monotonic())
            server.agents.add(self.headers.get("User-Agent"))
            server.inside[museum] += 1
            server.most_at_once = max(server.most_at_once, server.inside[museum])
            fault = server.faults[name].pop(0) if server.faults[name] else None
        time.sleep(server.delay)
        with server.lock:  # before the answer: whoever has all of it may come again at once
            server.inside[museum] -= 1
        if fault is None:
            if is_picture:
                self.answer(server.exhibits[name].picture, "image/jpeg")
            else:
                self.answer(json.dumps(getattr(self, museum)(last, query)).encode(), "application/json")
        elif callable(fault):
            fault(self)
        else:
            self.misbehave(fault, server.exhibits[name].picture if is_picture else b"{}" * 500)

    def records(self, museum, artist):
        make, pictures = RECORDS[museum], f"{self.server.address}/{museum}/pictures"
        for exhibit in self.server.exhibits.values():
            if exhibit.museum == museum and artist in (None, exhibit.artist):
                record = make(exhibit, pictures) | exhibit.changes
                yield {key: value for key, value in record.items() if value is not None}

    def chicago(self, last, query):
        assert last == "search" and query["query[term][is_public_domain]"] == "true" and int(query["limit"]) <= 100
        fields, size, page = query["fields"].split(","), int(query["limit"]), int(query["page"])
        found = [{key: record[key] for key in fields if key in record} for record in self.records("chicago", None)]
        return {"pagination": {"total": len(found), "limit": size, "total_pages": -(-len(found) // size),
                               "current_page": page},
                "data": found[(page - 1) * size:page * size],
                "config": {"iiif_url": f"{self.server.address}/chicago/pictures", "website_url": "http://127.0.0.1"}}

    def met(self, last, query):
        if last == "search":
            assert query["artistOrCulture"] == query["hasImages"] == "true" and query["medium"] == "Paintings"
            numbers = [exhibit.number for exhibit in self.server.exhibits.values() if exhibit.museum == "met"]
            return {"total": len(numbers), "objectIDs": numbers or None}
        return next(record for record in self.records("met", None) if record.get("objectID") == int(last))

    def cleveland(self, last, query):
        assert query["type"] == "Painting" and query["cc0"] == query["has_image"] == "1"
        found, skip = list(self.records("cleveland", None)), int(query["skip"])
        return {"info": {"total": len(found)}, "data": found[skip:skip + int(query["limit"])]}

    def answer(self, body, kind, status=200, claimed=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if claimed is None else claimed))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def misbehave(self, fault, body):
        half = body[:len(body) // 2]
        match fault:
            case "404" | "403" | "500" | "503":
                self.answer(HTML, "text/html", int(fault))
            case "429":
                self.answer(b"", "text/plain", 429, Retry_After="1")
            case "429 date":
                self.answer(b"", "text/plain", 429, Retry_After=formatdate(time.time() + 2, usegmt=True))
            case "429 hour":
                self.answer(b"", "text/plain", 429, Retry_After="3600")
            case "html":
                self.answer(HTML, "image/jpeg")
            case "truncated":
                self.answer(half, "image/jpeg")
            case "bomb":
                self.answer(bomb(), "image/jpeg")
            case "large":
                self.answer(b"\0" * (33 * 2**20), "image/jpeg")
            case "reset":
                self.answer(half, "image/jpeg", claimed=len(body))
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.shutdown(socket.SHUT_RD)
                self.close_connection = True
            case "cut":
                self.answer(half, "image/jpeg", claimed=len(body))
                self.close_connection = True
            case "stall":
                self.answer(half, "image/jpeg", claimed=len(body))
                self.rfile.read(1)  # until the visitor leaves
                self.close_connection = True
            case "drip":
                self.answer(half, "image/jpeg", claimed=len(body) + 1000)
                self.close_connection = True
                for _ in range(1000):
                    self.wfile.write(b"\0")
                    time.sleep(0.05)
            case _:
                raise ValueError(f"unknown fault {fault!r}")

    def log_message(self, *_):
        pass


@contextmanager
def opened_museums():
    """A function that opens a server with these exhibits; all close in the end."""
    opened = []

    def opening(*exhibits, delay=0.0):
        server = MuseumServer(exhibits, delay).__enter__()
        opened.append(server)
        return server
    yield opening
    for server in opened:
        server.__exit__()
        assert server.most_at_once <= 2, "two requests at once per museum"
        assert all("Atelier" in agent for agent in server.agents)


@cache
def jpeg(number):
    return PAINTED[number % len(PAINTED)].read_bytes()


def exhibit(number, museum=None, **more):
    """A work with the painted picture of that number."""
    more = {"title": f"Study {number}", "picture": jpeg(number)} | more
    return Exhibit(museum or MUSEUMS[number % 3].name, number, **more)


def visit(server, dest, artist="Claude Monet", manners=HASTY, n=None):
    works = search_paintings(artist, server.museums(), n, manners)
    return download_paintings(works, dest, server.museums(), manners, progress=False)


def check_whole(dest, count=None):
    """Nothing half-written: every file decodes and is the one that CREDITS.csv describes, and no other is there."""
    files = [file for file in dest.rglob("*") if file.is_file()]
    pictures = [file for file in files if file.suffix == ".jpg"]
    credits = {row["file"]: row for row in read_credits(dest / "CREDITS.csv")} if pictures else {}
    assert {file.name for file in files} - {file.name for file in pictures} <= {"CREDITS.csv"}
    assert sorted(pictures) == sorted(get_image_files(dest))
    for file in pictures:
        row = credits[file.relative_to(dest).as_posix()]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == row["sha256"] and not row["duplicate_of"]
        with Image.open(file) as image:
            image.load()
            assert image.size == (int(row["width"]), int(row["height"])) and image.mode == "RGB"
    assert count is None or len(pictures) == count


def command(server, dest, *more):
    """The command line that asks two museums of this server for Monet's paintings."""
    addresses = [f"--museum={name}={server.address}/{name}" for name in ("met", "cleveland")]
    return [sys.executable, "-m", "atelier.museums", "Claude Monet", "--dest", str(dest), *addresses, *more]
