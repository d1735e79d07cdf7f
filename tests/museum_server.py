"""Wikidata, Wikimedia Commons and three museums on this machine, in their models' form; they misbehave on demand.

    with MuseumServer(exhibits) as server:
        server.faults["met-7"] = ["reset", "429"]     # of the next two requests for this picture; then it is fine
        search_paintings("Claude Monet", manners=server.manners())

The library asks the real addresses; `Through` brings them here, as /HOST/PATH. A fault belongs to a picture ("met-7"),
to a record ("met-7 record") or to a question ("met search"; "commons query", "commons search", "commons entities",
"commons files").
The shapes are those of answers recorded in 2026 by others, made anew by hand; what the real servers demand is demanded
here: a User-Agent, one request at a time, pictures of a few widths and only at addresses that were given out.
Times are those of a clock that the tests turn.

At the end, what the tests do with it: exhibits, visits, and the check that nothing half-written is left.
"""

import csv
import hashlib
import json
import re
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

import imagehash
from conftest import ROOT, SHARED
from fastai.data.transforms import get_image_files
from PIL import Image, ImageOps

from atelier.collection import NEAR, read_credits
from atelier.manners import Manners, Pace
from atelier.museums import MUSEUMS, download_paintings, search_paintings
from atelier.search import Through

PAINTED = sorted((ROOT / "data/paintings").glob("*/*.jpg"))
HTML = b"<!DOCTYPE html><title>Just a moment</title>"
FIREWALL = b"<html><body>Request unsuccessful. Incapsula incident ID: 7-1</body></html>"
PAINTERS = {"Claude Monet": "Q296", "Vincent van Gogh": "Q5582", "Édouard Manet": "Q40599"}
SOURCES = {"wikidata": "commons", "wikimedia": "commons", "metmuseum": "met", "clevelandart": "cleveland",
           "artic": "chicago"}
WIDTHS = ["20", "40", "60", "120", "250", "330", "500", "960", "1280", "1920", "3840"]


class Clock:
    """Seconds that pass when somebody sleeps."""

    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


class Entry(NamedTuple):
    """A line of the server's log."""
    source: str
    host: str
    name: str
    time: float
    path: str


@dataclass
class Exhibit:
    """A work on show: its picture's bytes, and what its record says other than usual."""
    museum: str
    number: int
    picture: bytes
    artist: str = "Claude Monet"
    title: str = "Study"
    item: str = ""                               # its number at Wikidata
    changes: dict = field(default_factory=dict)  # of the record; None as a value takes the field away

    @property
    def name(self):
        return f"{self.museum}-{self.item if self.museum == 'commons' else self.number}"

    @property
    def file(self):
        """Of an exhibit on Commons."""
        return self.changes.get("file", f"{self.artist} - {self.item}.jpg")


@cache
def bomb(side=30_000):
    """A picture of side × side pixels in a file of about a hundred kilobytes; the first one takes a second."""
    file = BytesIO()
    Image.new("1", (side, side)).save(file, "PNG")
    return file.getvalue()


# Records. Of an exhibit on Commons `changes` may hold: kind, material, qualifier, rank, parts, after, files, fame,
# label, date, collection, number, bare (of the item); file, moved, licence, missing, size (of the file).

def claim(value, rank="normal", **more):
    return {"mainsnak": {"snaktype": "value", "datavalue": {"value": value}}, "rank": rank, **more}


def thing(number):
    return {"entity-type": "item", "id": number}


def item_of(exhibit):
    """As wbgetentities answers."""
    has = {"kind": "Q3305213", "material": "Q296955", "rank": "normal", "fame": 5, "collection": "Q23402",
           "number": f"F {exhibit.number}", "label": exhibit.title, "date": ("+1889-00-00T00:00:00Z", 9)}
    has |= exhibit.changes
    made = claim(thing(PAINTERS[exhibit.artist]), has["rank"])
    if "qualifier" in has:
        made["qualifiers"] = {has["qualifier"]: []}
    claims = {"P31": [claim(thing(has["kind"]))], "P170": [made],
              "P18": [claim(file) for file in (exhibit.file, *has.get("files", ()))],
              "P217": [claim(has["number"])], "P195": [claim(thing(has["collection"]))],
              "P571": [claim({"time": has["date"][0], "precision": has["date"][1]})]}
    if has["material"]:
        claims["P186"] = [claim(thing(has["material"])), claim(thing("Q4259259"))]  # and canvas
    if has.get("parts"):
        claims["P527"] = [claim(thing("Q1"))]
    if has.get("after"):
        claims["P1877"] = [claim(thing("Q1"))]
    labels = {"en": {"language": "en", "value": has["label"]}} if has["label"] else {}
    return {"type": "item", "id": exhibit.item, "claims": claims, "labels": labels,
            "sitelinks": {f"{k}wiki": {"title": "x"} for k in range(has["fame"])}}


# What the query demands, as a pattern, and whether an item is so. A demand that is not in the query is not made.
DEMANDS = {
    "wdt:P31 wd:Q3305213": lambda claims: claims["P31"][0]["mainsnak"]["datavalue"]["value"]["id"] != "Q93184",
    "wdt:P186 wd:Q296955": lambda claims: "P186" in claims,
    "wdt:P31 wd:Q15727816": lambda claims: claims["P31"][0]["mainsnak"]["datavalue"]["value"]["id"] != "Q15727816",
    r"ps:P170 wd:\w+ ; a wikibase:BestRank": lambda claims: claims["P170"][0]["rank"] != "deprecated",
    "wdt:P527": lambda claims: "P527" not in claims,
    "wdt:P1877": lambda claims: "P1877" not in claims,
    "pq:P1877": lambda claims: "P1877" not in claims["P170"][0].get("qualifiers", ()),
    "pq:P1773": lambda claims: "P1773" not in claims["P170"][0].get("qualifiers", ()),
    "pq:P5102": lambda claims: "P5102" not in claims["P170"][0].get("qualifiers", ())}


def query_row(exhibit, item):
    """As the query service answers: a variable without a value is absent."""
    time_, precision = item["claims"]["P571"][0]["mainsnak"]["datavalue"]["value"].values()
    label = item["labels"].get("en", {}).get("value", "")
    row = {"item": {"type": "uri", "value": f"http://www.wikidata.org/entity/{exhibit.item}"},
           "title": {"type": "literal", "value": label},
           "picture": {"type": "literal", "value": "http://commons.wikimedia.org/wiki/Special:FilePath/"
                                                   + quote(exhibit.file, safe="'()!,")},
           "date": {"type": "literal", "value": f"{time_.lstrip('+')} {precision}"},
           "number": {"type": "literal", "value": item["claims"]["P217"][0]["mainsnak"]["datavalue"]["value"]},
           "collection": {"type": "literal", "value": MUSEUM_NAMES[exhibit.changes.get("collection", "Q23402")]}}
    if exhibit.changes.get("bare"):
        del row["date"], row["number"]
    return row


MUSEUM_NAMES = {"Q23402": "Musée d'Orsay", "Q160236": "Metropolitan Museum of Art"}


def file_page(exhibit, width, thumb):
    """As imageinfo answers, formatversion=2."""
    title = f"File:{exhibit.changes.get('moved', exhibit.file)}"
    if exhibit.changes.get("missing"):
        return {"ns": 6, "title": title, "missing": True, "imagerepository": ""}
    wide, high = exhibit.changes.get("size", (4000, 3000))
    licence = exhibit.changes.get("licence", "pd")
    short = "Public domain" if licence.startswith("pd") else licence.upper().replace("CC-", "CC ")
    metadata = {"License": {"value": licence, "source": "commons-templates", "hidden": ""},
                "LicenseShortName": {"value": short, "source": "commons-desc-page", "hidden": ""},
                "Artist": {"value": f"<bdi><a href='//x'>{exhibit.artist}</a></bdi>", "source": "commons-desc-page"},
                "Credit": {"value": "Google Art &amp; <b>Culture</b>", "source": "commons-desc-page"}}
    if licence == "only a name":
        metadata = {"LicenseShortName": {"value": "Public domain", "hidden": ""}}
    info = {"size": 696195208, "width": wide, "height": high, "mime": "image/jpeg", "thumburl": thumb,
            "thumbwidth": width, "thumbheight": round(width * high / wide),
            "url": "https://upload.wikimedia.org/wikipedia/commons/" + exhibit.file,
            "descriptionurl": "https://commons.wikimedia.org/wiki/" + quote(title), "extmetadata": metadata}
    return {"pageid": exhibit.number, "ns": 6, "title": title, "imagerepository": "local", "imageinfo": [info]}


def met_record(exhibit):
    return {"objectID": exhibit.number, "isPublicDomain": True,
            "primaryImage": f"https://images.metmuseum.org/original/{exhibit.name}",
            "primaryImageSmall": f"https://images.metmuseum.org/web-large/{exhibit.name}", "title": exhibit.title,
            "artistPrefix": "", "artistDisplayName": exhibit.artist, "objectDate": "1874", "medium": "Oil on canvas",
            "classification": "Paintings", "creditLine": "Bequest of Ben Test", "tags": None, "constituents": None,
            "accessionNumber": f"29.{exhibit.number}", "objectURL": f"https://www.metmuseum.org/{exhibit.number}",
            "objectWikidata_URL": f"https://www.wikidata.org/wiki/{exhibit.item}" if exhibit.item else ""}


def cleveland_record(exhibit):
    return {"id": exhibit.number, "accession_number": f"1958.{exhibit.number}", "title": exhibit.title,
            "creation_date": "1880", "type": "Painting", "technique": "oil on canvas",
            "share_license_status": "CC0", "creditline": "Gift of Cy Test",
            "creators": [{"description": f"{exhibit.artist} (French, 1840–1926)", "role": "artist",
                          "qualifier": None}],
            "images": {"web": {"url": f"https://openaccess-cdn.clevelandart.org/{exhibit.name}", "width": "256",
                               "height": "256"}},
            "url": f"https://clevelandart.org/art/{exhibit.number}"}


def chicago_record(exhibit):
    return {"id": exhibit.number, "title": exhibit.title, "artist_title": exhibit.artist,
            "artist_display": f"{exhibit.artist}\nFrench, 1840–1926", "date_display": "1890–91",
            "medium_display": "Oil on canvas", "artwork_type_title": "Painting", "image_id": exhibit.name,
            "is_public_domain": True, "credit_line": "Gift of Ada Test",
            "main_reference_number": f"1933.{exhibit.number}"}


RECORDS = {"chicago": chicago_record, "met": met_record, "cleveland": cleveland_record}


class MuseumServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, exhibits, delay=0.0):
        super().__init__(("127.0.0.1", 0), Guard)
        self.exhibits = {exhibit.name: exhibit for exhibit in exhibits}
        self.files = {exhibit.file: exhibit for exhibit in exhibits if exhibit.museum == "commons"}
        self.delay = delay                   # of each answer, in seconds
        self.faults = defaultdict(list)      # name → faults of the next requests
        self.withdrawn = set()               # numbers of The Met's that its search still finds
        self.clock = Clock()
        self.pace = Pace(self.clock.now, self.clock.sleep)
        self.log = []
        self.agents = set()                  # User-Agent headers seen
        self.given = set()                   # addresses of pictures that were given out
        self.errors = []
        self.inside = self.most_at_once = 0
        self.lock = threading.Lock()

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, address):
        """A visitor who leaves early is no error; a question that the real servers would refuse is one."""
        if not isinstance(error := sys.exc_info()[1], OSError):
            self.errors.append(repr(error))

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def asked(self):
        """Names, in the order of the requests."""
        return [entry.name for entry in self.log]

    def manners(self, **more):
        """Those of a guest of this server, in a hurry, on its clock; `timeout` is by the wall's, so patient."""
        hasty = dict(contact="tests@example.org", tries=4, pause=0.02, timeout=10, deadline=0.6,
                     pace=self.pace, transport=Through(self.address))
        return Manners(**hasty | more)


class Guard(BaseHTTPRequestHandler):
    """Answers a question, or does something worse."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        _, self.host, path = url.path.split("/", 2)
        self.asked = {key: values[0] for key, values in parse_qs(url.query).items()}
        source = next(source for part, source in SOURCES.items() if part in self.host)
        name, answer = self.question(path)
        server, agent = self.server, self.headers.get("User-Agent") or ""
        with server.lock:
            server.log.append(Entry(source, self.host, name, server.clock.now(), path))
            server.agents.add(agent)
            server.inside += 1
            server.most_at_once = max(server.most_at_once, server.inside)
            fault = server.faults[name].pop(0) if server.faults[name] else None
        time.sleep(server.delay)
        with server.lock:  # before the answer: whoever has all of it may come again at once
            server.inside -= 1
        exhibit = server.exhibits.get(name)
        if not agent.startswith("Atelier/"):
            self.answer(b"Please set a user-agent and respect our robot policy.", "text/plain", 403)
        elif callable(fault):
            fault(self)
        elif fault:
            self.misbehave(fault, exhibit.picture if exhibit else b"{}" * 500)
        elif exhibit:
            answer(exhibit)
        else:
            self.answer(json.dumps(answer()).encode(), "application/json")

    def question(self, path):
        """The name under which a request is logged, and the function that answers it."""
        last = path.rsplit("/", 1)[-1]
        match self.host:
            case "query.wikidata.org":
                return "commons query", self.query
            case "www.wikidata.org" if "maxlag" in self.asked:
                return "wikidata lag", self.lag
            case "www.wikidata.org":
                asks = self.asked["action"] == "query"
                return ("commons search", self.search) if asks else ("commons entities", self.entities)
            case "commons.wikimedia.org":
                return "commons files", self.file_pages
            case "thumb.wikimedia.org" | "upload.wikimedia.org":
                file = unquote(last.partition("px-")[2] if "px-" in last else last).removesuffix(".tif.jpg")
                exhibit = self.server.files.get(file) or self.server.files.get(file + ".tif")
                return exhibit.name if exhibit else "commons other", self.thumb
            case "collectionapi.metmuseum.org":
                assert path.startswith("public/collection/v1")
                return ("met search", self.met_search) if last == "search" else (f"met-{last} record", self.met_object)
            case "openaccess-api.clevelandart.org":
                return "cleveland search", self.cleveland
            case "api.artic.edu":
                return "chicago search", self.chicago
            case "www.artic.edu":
                return path.split("/")[2], self.challenge
        return last, lambda exhibit: self.answer(exhibit.picture, "image/jpeg")

    # Wikidata and Commons

    def on_commons(self, painter):
        for exhibit in self.server.exhibits.values():
            if exhibit.museum == "commons" and PAINTERS[exhibit.artist] == painter:
                yield exhibit, item_of(exhibit)

    def query(self):
        query = self.asked["query"]
        demands = [test for words, test in DEMANDS.items() if re.search(words, query)]
        found = [(exhibit, item) for exhibit, item in self.on_commons(re.search(r"ps:P170 wd:(Q\d+)", query).group(1))
                 if all(test(item["claims"]) for test in demands)]
        found.sort(key=lambda pair: -len(pair[1]["sitelinks"]))
        rows = [query_row(*pair) for pair in found]
        return {"head": {"vars": ["item", "title", "picture"]}, "results": {"bindings": rows}}

    def lag(self):
        """Of the query service, which counts here: recorded live in 2026, for hours."""
        return {"error": {"code": "maxlag", "info": "Waiting for wdqs1006: 13 seconds lagged.", "lag": 13,
                          "type": "wikibase-queryservice"}}

    def search(self):
        words, start = self.asked["srsearch"], int(self.asked.get("sroffset", 0))
        if "P106=Q1028181" in words:
            hits = list(PAINTERS.values())
        else:
            painter = re.search(r"P170=(Q\d+)", words).group(1)
            hits = [exhibit.item for exhibit, _ in self.on_commons(painter)]
        found = [{"ns": 0, "title": hit} for hit in hits[start:start + 500]]
        page = {"batchcomplete": True, "query": {"search": found}}
        return page | ({"continue": {"sroffset": start + 500}} if start + 500 < len(hits) else {})

    def entities(self):
        ids = self.asked["ids"].split("|")
        assert len(ids) <= 50, "too many values"
        known = {exhibit.item: item_of(exhibit) for exhibit in self.server.exhibits.values()
                 if exhibit.museum == "commons"}
        for name, number in PAINTERS.items():
            known[number] = {"id": number, "labels": {"en": {"value": name}},
                             "aliases": {"en": [{"value": name + " II"}]}}
        for number, name in MUSEUM_NAMES.items():
            known[number] = {"id": number, "labels": {"mul": {"value": name}}}
        return {"entities": {number: known.get(number, {"id": number, "missing": ""}) for number in ids}, "success": 1}

    def file_pages(self):
        assert self.asked["formatversion"] == "2" and self.asked["maxlag"] and self.asked["redirects"]
        titles, width = self.asked["titles"].split("|"), self.asked["iiurlwidth"]
        assert len(titles) <= 50 and width in WIDTHS and len(self.path) < 8000
        pages, steps = [], []
        for title in titles:
            exhibit = self.server.files[title.removeprefix("File:").replace("_", " ")]
            pages.append(file_page(exhibit, int(width), self.thumb_address(exhibit, width)))
            if pages[-1]["title"] != title:
                steps.append({"from": title, "to": pages[-1]["title"]})
        return {"batchcomplete": True, "query": {"redirects": steps, "pages": pages[::-1]}}  # in another order

    def thumb_address(self, exhibit, width):
        wide = exhibit.changes.get("size", (4000, 3000))[0]
        name, marks = quote(exhibit.file), "?utm_source=commons.wikimedia.org"
        if wide <= int(width):  # the original
            address = f"https://upload.wikimedia.org/wikipedia/commons/e/ea/{name}{marks}"
        else:
            thumb = f"{width}px-{name}" if not name.endswith(".tif") else f"lossy-page1-{width}px-{name}.jpg"
            address = f"https://thumb.wikimedia.org/wikipedia/commons/thumb/e/ea/{name}/{thumb}{marks}"
        self.server.given.add(address.removeprefix("https:/"))
        return address

    def thumb(self, exhibit):
        if self.path not in self.server.given:
            return self.misbehave("400", b"")
        return self.answer(exhibit.picture, "image/jpeg")

    # Museums

    def records(self, museum):
        for exhibit in self.server.exhibits.values():
            if exhibit.museum == museum:
                record = RECORDS[museum](exhibit) | exhibit.changes
                yield {key: value for key, value in record.items() if value is not None}

    def met_search(self):
        assert self.path.split("?")[0].endswith("/v1.1/search"), "retired"
        asked = self.asked
        assert asked["artistOrCulture"] == asked["hasImages"] == "true" and asked["medium"] == "Paintings"
        numbers = [exhibit.number for exhibit in self.server.exhibits.values() if exhibit.museum == "met"]
        numbers += self.server.withdrawn
        start, size = int(asked["offset"]), min(int(asked["limit"]), 500)
        return {"total": len(numbers), "objectIDs": numbers[start:start + size] or None}

    def met_object(self):
        number = int(self.path.rsplit("/", 1)[-1])
        return next(record for record in self.records("met") if record.get("objectID") == number)

    def cleveland(self):
        asked = self.asked
        assert "q" in asked or asked["type"] == "Painting" and asked["cc0"] == asked["has_image"] == "1"
        found, skip = list(self.records("cleveland")), int(asked.get("skip", 0))
        return {"info": {"total": len(found)}, "data": found[skip:skip + int(asked["limit"])]}

    def chicago(self):
        asked, found = self.asked, list(self.records("chicago"))
        size, page = int(asked["limit"]), int(asked["page"])
        return {"pagination": {"total": len(found), "limit": size, "total_pages": -(-len(found) // size),
                               "current_page": page},
                "data": found[(page - 1) * size:page * size],
                "config": {"iiif_url": "https://www.artic.edu/iiif/2", "website_url": "https://www.artic.edu"}}

    def challenge(self, exhibit):
        self.misbehave("challenge", b"")

    def answer(self, body, kind, status=200, reason=None, claimed=None, **headers):
        self.send_response(status, reason)
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
            case "400":
                self.answer(HTML, "text/html", 400, "Use thumbnail sizes listed on https://w.wiki/GHai")
            case "410":
                self.answer(b'{"message": "the search was retired on 2026-10-01", "replacement": "/v1.1"}',
                            "application/json", 410)
            case "withdrawn":
                self.answer(b'{"message": "Not a valid object"}', "application/json", 404)
            case "firewall":
                self.answer(FIREWALL, "text/html", 403)
            case "challenge":
                self.answer(HTML, "text/html; charset=UTF-8", 403, cf_mitigated="challenge")
            case "maxlag":
                self.answer(b'{"error": {"code": "maxlag", "info": "Waiting for db7: 6 seconds lagged."}}',
                            "application/json", Retry_After="5")
            case "429":
                self.answer(b"", "text/plain", 429, Retry_After="9")
            case "429 bare":
                self.answer(b"", "text/html", 429)
            case "429 date":
                self.answer(b"", "text/plain", 429, Retry_After=formatdate(time.time() + 20, usegmt=True))
            case "429 long":
                self.answer(b"", "text/plain", 429, Retry_After="600")
            case "html":
                self.answer(HTML, "image/jpeg")
            case "truncated":
                self.answer(half, "image/jpeg")
            case "bomb":
                self.answer(bomb(), "image/jpeg")
            case "large":
                self.answer(b"\0" * (33 * 10**6), "image/jpeg")
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
                    self.server.clock.sleep(0.05)
                    time.sleep(0.005)
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
        assert not server.errors and server.most_at_once <= 1, "nothing impossible was asked, nor two things at once"
        assert all(agent.startswith("Atelier/") for agent in server.agents)


@cache
def jpeg(number):
    return PAINTED[number % len(PAINTED)].read_bytes()


@cache
def many_pictures(count):
    """So many painted pictures, turned over and over, of which no two count as alike."""
    pictures, hashes = [], []
    for turn in (ImageOps.exif_transpose, ImageOps.mirror, ImageOps.flip, ImageOps.invert):
        for file in PAINTED:
            with Image.open(file) as image:
                turned = turn(image)
            look = imagehash.phash(turned)
            if all(look - other > NEAR for other in hashes):
                hashes.append(look)
                body = BytesIO()
                turned.save(body, "JPEG", quality=85)
                pictures.append(body.getvalue())
            if len(pictures) == count:
                return pictures
    raise ValueError(f"only {len(pictures)} of {count} pictures look different")


def exhibit(number, museum=None, **more):
    """A work with the painted picture of that number."""
    museum = museum or MUSEUMS[number % 3].name
    more = {"title": f"Study {number}", "picture": jpeg(number)} | more
    if museum == "commons":
        more = {"item": f"Q{1000 + number}"} | more
    return Exhibit(museum, number, **more)


def catalogue():
    """116 Monets and 216 Van Goghs as Wikidata had them in December 2025; else invented.

    Each is (item, title, year, artist, whether it is in oil)."""
    table = SHARED / "museum-answers/wikidata-commons/uclab-wikidata-dec2025-monet-vangogh.csv"
    if table.exists():
        with open(table, newline="", encoding="utf-8") as lines:
            return [(row["id"], row["_title"], row["_creation"], row["_artist"], "Oil paint" in row["_material"])
                    for row in csv.DictReader(lines)]
    return [(f"Q{9000 + k}", f"Study {k}", f"{1860 + k % 40}", *about)
            for k, about in enumerate([("Claude Monet", True)] * 110 + [("Claude Monet", False)] * 6
                                      + [("Vincent van Gogh", True)] * 190 + [("Vincent van Gogh", False)] * 26)]


def visit(server, dest, artist="Claude Monet", n=100, museums=MUSEUMS, **more):
    manners = server.manners(**more)
    works = search_paintings(artist, museums, n, manners)
    return download_paintings(works, dest, progress=False)


def heard(capsys):
    """What was printed, on one line: sentences are printed in lines of a page's width."""
    return " ".join(capsys.readouterr().out.split())


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


# The command line with a clock that doesn't make anybody wait.
IN_A_HURRY = """import sys
from atelier.manners import Pace
from atelier.museums import main
sys.exit(main(pace=Pace(sleep=lambda seconds: None), pause=0.02, timeout=5))"""


def command(server, dest, *more):
    """The command line that asks this server for Monet's paintings."""
    return [sys.executable, "-c", IN_A_HURRY, "Claude Monet", "--dest", str(dest), "--through", server.address, *more]
