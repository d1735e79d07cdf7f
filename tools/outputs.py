"""What of a cell's outputs is stored, and whether a new run gave the same.

By default a number may differ by 2 % or by one unit of its last printed digit, a count "k of n" by one or by 2 % of n,
and a whole number below 50 not at all; times are not compared; words must be the same. A picture has the same size and,
shrunk to 64 pixels, differs by 6 of 255 on average at the most. A drawing in SVG has the same shapes in the same
colours, its words are compared as printed ones are, and no point moves by more than 6 of 255 parts of its longer side
(or the relative tolerance, where a cell states a larger one). A cell may state its own:

    #| tolerance: 0.1                                  10 %, for every number
    #| tolerance: relative 0.1, absolute 0.07          or by so much; `count` is the same for whole numbers
    #| tolerance: unchecked, since chance orders them  only the kinds of its outputs are compared
"""

import base64
import io
import re
from html import unescape
from itertools import zip_longest
from xml.etree import ElementTree

import yaml

DROPPED_TYPES = ("application/javascript",)
# A style sheet or an empty progress bar shows nothing.
NOT_SHOWN = re.compile(r"\s*(<style>.*?</style>\s*)*(<progress.*?</progress>.*)?", re.S)
PICTURES = ("image/png", "image/jpeg")
DRAWING = "image/svg+xml"
RELATIVE, COUNT_SHARE, EXACT_BELOW, PICTURE_SIDE, PICTURE_DIFFERENCE = 0.02, 0.02, 50, 64, 6

TIME = re.compile(r"(?<![\w.])[\d.,]*\d *(?:ms|µs|us|ns|s|min|h|seconds?|minutes?|hours?|milliseconds?)\b"
                  r"|(?<![\w.])[\d.,]*\d times as (?:fast|long|slow|many \w+ a second)\b"
                  r"|(?<![\w.])[\d.,]*\d *\w*/(?:s|ms|min)\b|(?<![\w.])[\d.,]*\d \w+ (?:a|per) second"
                  r"|(?<!\d)\d+:\d\d(?::\d\d)?(?!\d)")
ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}|(?<=127\.0\.0\.1:)\d+")
NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d+\.\d+|\.\d+|\d+\.?)(?:[eE][-+]?\d+)?(?!\w)")
OF = re.compile(r" (?:of|out of|/) (\d+)\b")
TIMED = re.compile(r"\b(time|seconds?|ms|minutes?|latency)\b|/s\b|\bs\b", re.I)


def tidy(output):
    """The output as it is stored, or None where nothing worth storing is left."""
    if output.output_type == "error":
        output.traceback = [f"{output.ename}: {output.evalue}"]
    elif "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
        return None  # a live widget needs its kernel
    elif "data" in output:
        for kind in DROPPED_TYPES:
            output.data.pop(kind, None)
        if "text/html" in output.data:
            output.data.pop("text/markdown", None)  # the same table again
        if NOT_SHOWN.fullmatch(output.data.get("text/html", "shown")):
            return None
        if not output.data:
            return None
        output.metadata = {}  # such as which ground a figure needs, which a page decides
    return output


def tolerance(source):
    """What a cell's `#| tolerance:` says, as a dict with some of relative, absolute, count, unchecked."""
    found = re.search(r"(?m)^#\|\s*tolerance:(.*)$", source)
    said = yaml.safe_load(found.group(1)) if found else ""
    if isinstance(said, int | float):
        return {"relative": said}
    if said.startswith("unchecked, "):
        return {"unchecked": said.removeprefix("unchecked, ")}
    if said and not re.fullmatch(r"((relative|absolute|count) [\d.]+(, |$))+", said):
        raise ValueError(f"#| tolerance: {said}: write a number, or such as: relative 0.1, absolute 2")
    return {name: float(number) for name, number in re.findall(r"(\w+) ([\d.]+)", said)}


def shown(output):
    """An output as (kind, content): the richest form of it that a page would show."""
    if output["output_type"] == "stream":
        return "text", output["text"]
    if output["output_type"] == "error":
        return "error", f"{output['ename']}: {output['evalue']}"
    data = output["data"]
    for kind in (*PICTURES, DRAWING, "text/html", "text/markdown", "text/plain"):
        if kind in data:
            return kind, data[kind]
    return sorted(data)[0], ""


def shown_outputs(outputs):
    """The outputs of a cell as a list of (kind, content). All that it printed is one text, where it began, as it is
    stored."""
    found, printed = [], None
    for output in outputs:
        if output["output_type"] == "stream" and output["name"] == "stderr":
            continue
        kind, content = shown(output)
        if kind == "text" and printed is not None:
            found[printed] = kind, found[printed][1] + content
            continue
        printed = len(found) if kind == "text" else printed
        found.append((kind, content))
    return [(kind, content) for kind, content in found if content.strip()]


def unit(number):
    """One unit of the last digit that a printed number has."""
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - decimals)


def close(stored, new, following, stated):
    """Whether a printed number is within its tolerance of the stored one; `following` is the text after it."""
    a, b = (float(number.replace("−", "-")) for number in (stored, new))
    if a == b:
        return True
    if of := OF.match(following):
        allowed = max(1, COUNT_SHARE*int(of.group(1)))
        return abs(a - b) <= max(allowed, stated.get("count", 0))
    relative = stated.get("relative", RELATIVE)*max(abs(a), abs(b))
    if re.fullmatch(r"[-+−]?\d+", stored) and re.fullmatch(r"[-+−]?\d+", new):
        small = 0 if abs(a) < EXACT_BELOW and "relative" not in stated else relative
        point = 1 if re.match(r" ?(%|percent|points?\b)", following) else 0
        return abs(a - b) <= max(small, point, stated.get("count", 0), stated.get("absolute", 0)) + 1e-9
    return abs(a - b) <= max(relative, unit(stored), unit(new), stated.get("absolute", 0))*(1 + 1e-9)


def compare_text(stored, new, stated):
    """The first difference of two printed texts as a sentence, or None."""
    stored, new = (ADDRESS.sub("…", TIME.sub("…", re.sub(r"\x1b\[[0-9;]*m", "", text))) for text in (stored, new))
    words = [re.sub(r"[\s─│-]+", " ", NUMBER.sub("#", text)).strip() for text in (stored, new)]
    if words[0] != words[1]:
        lines = zip_longest(*(re.sub(r"(?m)\s+$", "", text).split("\n") for text in (stored, new)), fillvalue="")
        first = next(((a, b) for a, b in lines if NUMBER.sub("#", a).split() != NUMBER.sub("#", b).split()), ("", ""))
        return f"it said {first[0].strip()[:160]!r} and now says {first[1].strip()[:160]!r}"
    for a, b in zip(NUMBER.finditer(stored), NUMBER.finditer(new), strict=True):
        if not close(a.group(), b.group(), stored[a.end():a.end() + 20], stated):
            line = stored[stored.rfind("\n", 0, a.start()) + 1:].split("\n")[0].strip()
            return f"it said {a.group()} and now says {b.group()}, in {line[:120]!r}"
    return None


def table_text(html):
    """The words and numbers of an HTML output, a row a line; columns of times and what is no text left out."""
    html = re.sub(r"(?s)<(style|script|progress).*?(</\1>|$)", "", html)
    rows = re.findall(r"(?s)<tr.*?>(.*?)</tr>", html)
    if not rows:
        return unescape(re.sub(r"<[^>]*>", " ", html))
    cells = [[unescape(re.sub(r"<[^>]*>", "", cell)).strip()
              for cell in re.findall(r"(?s)<t[hd].*?>(.*?)</t[hd]>", row)] for row in rows]
    timed = {column for column, name in enumerate(cells[0]) if TIMED.search(name)}
    return "\n".join(" ".join(cell for column, cell in enumerate(row) if column not in timed) for row in cells)


def compare_picture(stored, new):
    """How two pictures, in base64, differ as a sentence, or None."""
    from PIL import Image, ImageChops, ImageStat

    pictures = [Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA") for data in (stored, new)]
    if pictures[0].size != pictures[1].size:
        return f"its picture was {pictures[0].size} and is now {pictures[1].size} pixels"
    for picture in pictures:
        picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BOX)
    difference = max(ImageStat.Stat(ImageChops.difference(*pictures)).mean)
    return f"its picture differs by {difference:.0f} of 255" if difference > PICTURE_DIFFERENCE else None


def points(path):
    """The points of an SVG path, as complex numbers."""
    found, pen, start = [], 0, 0
    for letter, numbers in re.findall(r"([MLQCZ])([^MLQCZ]*)", path, re.I):
        values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
        steps = [complex(*pair) for pair in zip(values[::2], values[1::2], strict=True)]
        together = {"q": 2, "c": 3}.get(letter.lower(), 1)  # points that are told from the same one
        for k in range(0, len(steps), together):
            found += [step + pen*letter.islower() for step in steps[k:k + together]]
            pen = found[-1]
        start = pen if letter in "Mm" else start
        pen = start if letter in "Zz" else pen
    return found


def shapes(drawing):
    """What a drawing in SVG shows: its size, its texts, its pictures, and each shape as (name and colours, its points).
    The letters of a text that is noted in a <desc> are the text and where it begins."""
    root = ElementTree.fromstring(drawing)
    texts, pictures, found = [], [], []

    def visit(element, in_text=False):
        name = element.tag.rpartition("}")[2]
        if name in ("desc", "text"):
            texts.append(element.text or "")
        look = {key: value for key, value in element.attrib.items() if not re.fullmatch(r"id|clip-path|.*href", key)}
        if name == "style":
            look["rules"] = element.text
        where = points(look.pop("d")) if re.fullmatch(r"[MLQCZ\d\s,.-]+", look.get("d", ""), re.I) else []
        where = where[:1] if in_text else where
        for key in ("x", "y", "width", "height", "viewBox", "transform"):
            where += [complex(float(number)) for number in re.findall(r"-?[\d.]+", look.pop(key, ""))]
        pictures.extend(value for key, value in element.attrib.items() if key.endswith("href") and "base64," in value)
        found.append((f"<{name}> {look}", where))
        in_text = in_text or any(child.tag.endswith("}desc") for child in element)
        for child in element:
            visit(child, in_text)

    visit(root)
    size = [float(number) for number in root.get("viewBox", "0 0 1 1").split()[2:]]
    return max(size), "\n".join(texts), pictures, found


def compare_drawing(stored, new, stated):
    """How two drawings in SVG differ, as a sentence, or None."""
    (side, words, pictures, before), (_, new_words, new_pictures, now) = shapes(stored), shapes(new)
    if said := compare_text(words, new_words, stated):
        return f"in its drawing {said}"
    looks = [[look for look, _ in found] for found in (before, now)]
    if looks[0] != looks[1]:
        first = next(pair for pair in zip_longest(*looks, fillvalue="nothing") if pair[0] != pair[1])
        return f"its drawing had {first[0][:160]} and now has {first[1][:160]}"
    for picture, other in zip(pictures, new_pictures, strict=True):
        if said := compare_picture(*(data.partition("base64,")[2] for data in (picture, other))):
            return f"in its drawing {said}"
    allowed = side*max(PICTURE_DIFFERENCE/255, stated.get("relative", 0))
    for (look, old), (_, there) in zip(before, now, strict=True):
        if len(old) != len(there):
            return f"its drawing had {len(old)} points in {look[:160]} and now has {len(there)}"
        if any(abs(a - b) > allowed for a, b in zip(old, there, strict=True)):
            furthest = max(abs(a - b) for a, b in zip(old, there, strict=True))
            return f"in its drawing {look[:160]} moved by {furthest/side:.0%}"
    return None


def compare(stored, new, stated=None):
    """Sentences about how the new outputs of a cell differ from the stored ones; none if they are the same."""
    stated = stated or {}
    stored, new = shown_outputs(stored), shown_outputs(new)
    kinds = [[kind for kind, _ in outputs] for outputs in (stored, new)]
    if kinds[0] != kinds[1]:
        return [f"it showed {', '.join(kinds[0]) or 'nothing'} and now shows {', '.join(kinds[1]) or 'nothing'}"]
    if "unchecked" in stated:
        return []
    found = []
    for (kind, before), (_, now) in zip(stored, new, strict=True):
        if kind in PICTURES:
            found.append(compare_picture(before, now))
        elif kind == DRAWING:
            found.append(compare_drawing(before, now, stated))
        elif kind == "text/html":
            found.append(compare_text(table_text(before), table_text(now), stated))
        else:
            found.append(compare_text(before, now, stated))
    return [sentence for sentence in found if sentence]
