"""The page that runs a network, in a real browser: it says what Python says of a file, and asks nobody else."""

import hashlib
import json
import os

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import ROOT, read
from fastai.data.transforms import RandomSplitter, get_image_files, parent_label
from PIL import Image
from site_tools import watch

from atelier.datasets import paintings
from atelier.portable import PAINTED, REAL, middle, occlusion, say

FOLDER = ROOT / "data/painter"
FILES = sorted(get_image_files(paintings()))


@pytest.fixture(scope="module")
def session():
    return onnxruntime.InferenceSession(FOLDER / "painter.onnx")


@pytest.fixture
def demo(browser, home):
    """The page, freshly opened in a browser that has seen nothing of the site; it must not log an error in the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.errors, page.strangers = watch(page, home)
    page.goto(f"{home}/demo.html", wait_until="load")
    yield page
    assert not page.errors and not page.strangers, (page.errors, page.strangers)
    context.close()


def answer(page, file, head=REAL):
    """What a head of the page says of a picture's file: a dict with label and probabilities."""
    page.locator(f".demo [name=head][value='{head}']").check()
    page.evaluate("delete document.querySelector('.demo').dataset.answer")
    page.locator(".demo input[type=file]").first.set_input_files(file)
    page.locator(".demo[data-answer]").wait_for(timeout=60_000)
    return json.loads(page.evaluate("document.querySelector('.demo').dataset.answer"))


def test_the_file_is_whole_small_and_what_lesson_13_measured(session):
    """Its checksum, at most 12 MB, a valid model; and as many of the held-out pictures wrong as the lesson printed."""
    data = (FOLDER / "painter.onnx").read_bytes()
    sums = "".join(f"{hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()}  {name}\n"
                   for name in ("painter.onnx", "real-head.safetensors"))
    assert (FOLDER / "SHA256SUMS").read_text() == sums
    assert len(data) <= 12e6
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    files = get_image_files(paintings()).sorted()
    held_out = files[RandomSplitter(valid_pct=0.2, seed=42)(files)[1]]
    wrong = np.mean([say(session, file)[0] != parent_label(file) for file in held_out])
    lesson = read(ROOT / "nbs/13_browser.ipynb")
    cell = next(c for c in lesson.cells if "#| label: in-short\n" in c.source)
    assert f"{wrong:.0%} of {len(held_out)} painted pictures wrong" in cell.outputs[0].text


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_middle_is_the_middle_of_any_kind_of_picture(mode, tmp_path):
    picture = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.new("RGB", (31, 20), "white").convert(mode).save(picture)
    pixels = middle(picture)
    assert pixels.shape == (1, 20, 20, 3) and pixels.dtype == np.uint8


def test_a_photograph_is_turned_upright(demo, session, tmp_path):
    """A file that says that the camera lay on its side is read as it was meant, by Python and by the page."""
    upright = Image.open(FILES[0])
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise to see it
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "lying.jpg", exif=exif, quality=98, subsampling=0)
    assert np.abs(middle(tmp_path / "lying.jpg").astype(int) - middle(FILES[0])).mean() < 3
    there = answer(demo, tmp_path / "lying.jpg")["probabilities"]
    here = session.run(["probabilities"], {"pixels": middle(tmp_path / "lying.jpg")})[0][0, REAL]
    assert np.allclose(there, here, atol=0.02)
    seen = demo.locator(".demo-seen").evaluate("c => [...c.getContext('2d').getImageData(0, 0, 128, 128).data]")
    small = session.run(["small"], {"pixels": middle(FILES[0])})[0][0].transpose(1, 2, 0)
    assert np.abs(np.array(seen).reshape(128, 128, 4)[..., :3] - small).mean() < 12, "apart from the map's orange"


def test_nothing_of_the_network_is_loaded_until_asked(browser, home):
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{home}/demo.html", wait_until="networkidle")
    assert not [url for url in asked if "ort" in url.rsplit("/", 1)[1] or url.endswith(".onnx")]
    page.locator(".demo-samples a").first.click()
    page.locator(".demo[data-answer]").wait_for()
    assert [url for url in asked if url.endswith(".onnx")] and [url for url in asked if url.endswith(".wasm")]
    page.close()


def compare(page, session, files, head):
    """The share of pictures on which page and Python say the same, and the differences of their probabilities."""
    same, apart = [], []
    for file in files:
        theirs, mine = answer(page, file, head), session.run(["probabilities"], {"pixels": middle(file)})[0][0, head]
        same.append(theirs["label"] == say(session, file, head)[0])
        apart.append(abs(mine - theirs["probabilities"]).max())
    return np.mean(same), np.array(apart)


@pytest.mark.parametrize("head", [PAINTED, REAL])
def test_the_page_agrees_with_python_on_painted_pictures(demo, session, head):
    same, apart = compare(demo, session, FILES[:10] + FILES[-10:], head)
    assert same == 1 and np.median(apart) < 0.01


def test_the_page_agrees_with_python_on_real_paintings(demo, session, real):
    files = [sorted(get_image_files(real / "painters" / painter))[:10] for painter in ("monet", "vangogh")]
    same, apart = compare(demo, session, [*files[0], *files[1]], REAL)
    assert same >= 0.95 and np.median(apart) < 0.05
    right = [say(session, file, REAL)[0] == parent_label(file) for painter in files for file in painter]
    assert np.mean(right) > 0.8, "it has learned from these"


def test_it_looked_where_python_looks(demo, session):
    file = FILES[3]
    answer(demo, file)
    demo.locator(".demo[data-map]").wait_for(timeout=60_000)
    shown = json.loads(demo.evaluate("document.querySelector('.demo').dataset.map"))
    assert np.corrcoef(shown, occlusion(session, file, head=REAL).flatten())[0, 1] > 0.98


def test_another_head_answers_anew_and_says_what_it_knows(demo, session):
    """One of the two heads is chosen from the beginning; the other gives its own answer to the same picture."""
    assert demo.locator(".demo [name=head]:checked").get_attribute("value") == str(REAL)
    file = next(file for file in FILES if say(session, file, REAL)[0] != say(session, file, PAINTED)[0])
    first = answer(demo, file)
    assert "learned from real paintings" in demo.locator(".demo-status").inner_text()
    demo.evaluate("delete document.querySelector('.demo').dataset.answer")
    demo.get_by_label("painted pictures", exact=True).check()
    demo.locator(".demo[data-answer]").wait_for()
    second = json.loads(demo.evaluate("document.querySelector('.demo').dataset.answer"))
    assert (first["label"], second["label"]) == tuple(say(session, file, head)[0] for head in (REAL, PAINTED))
    assert "learned from painted pictures" in demo.locator(".demo-status").inner_text()


def test_it_goes_on_without_a_network(demo):
    """Once loaded, own pictures and the samples are answered with the connection cut."""
    first = answer(demo, FILES[0])
    demo.wait_for_load_state("networkidle")
    demo.context.set_offline(True)
    assert answer(demo, FILES[-1])["label"] != first["label"]
    for link in demo.locator(".demo-samples a").all():
        demo.evaluate("delete document.querySelector('.demo').dataset.answer")
        link.click()
        demo.locator(".demo[data-answer]").wait_for()


def bad_files(folder):
    """Files that are no whole picture, or too large a one, each with what the page must say of it."""
    whole = FILES[0].read_bytes()
    (folder / "text.jpg").write_text("Once upon a time.")
    (folder / "half.jpg").write_bytes(whole[:len(whole)//2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + os.urandom(500))
    Image.new("1", (30_000, 30_000)).save(folder / "huge.png")
    Image.new("RGB", (300, 200), "red").save(folder / "broken.png")
    png = (folder / "broken.png").read_bytes()
    (folder / "broken.png").write_bytes(png[:60] + bytes(len(png) - 80) + png[-20:])
    (folder / "cut.webp").write_bytes(b"RIFF\xff\xff\0\0WEBPVP8 " + bytes(40))
    return {"text.jpg": "is no picture", "half.jpg": "is incomplete", "empty.png": "is empty", "phone.heic": "HEIC",
            "huge.png": "30000 × 30000", "broken.png": "can't be read", "cut.webp": "is incomplete"}


def test_each_bad_file_gets_a_sentence(demo, tmp_path):
    status = demo.locator(".demo-status")
    for name, said in bad_files(tmp_path).items():
        demo.locator(".demo input[type=file]").first.set_input_files(tmp_path / name)
        status.filter(has_text=said).wait_for(timeout=20_000)
        assert name in status.inner_text() and not demo.locator(".demo-answer").is_visible()
    assert answer(demo, FILES[0])["label"], "and it goes on after them"


def test_of_an_animated_picture_the_first_is_read(demo, tmp_path):
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue", "green")]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    answer(demo, tmp_path / "moves.gif")
    assert "moves.gif moves: its first picture was read" in demo.locator(".demo-status").inner_text()
    assert demo.locator(".demo-seen").evaluate("c => [...c.getContext('2d').getImageData(64, 64, 1, 1).data]")[2] < 30


def test_drop_and_paste(demo):
    """What is dropped on the page or pasted into it is answered; what is no file gets a sentence."""
    give = """([bytes, event, name]) => {
        const transfer = new DataTransfer();
        if (bytes) transfer.items.add(new File([new Uint8Array(bytes)], name, {type: 'image/jpeg'}));
        const target = document.querySelector(event === 'drop' ? '.demo' : 'body');
        target.dispatchEvent(event === 'drop' ? new DragEvent('drop', {dataTransfer: transfer, bubbles: true})
            : new ClipboardEvent('paste', {clipboardData: transfer, bubbles: true}));
    }"""
    for event, sentence in (("drop", "no file"), ("paste", "no picture to paste")):
        demo.evaluate(give, [None, event, ""])
        demo.locator(".demo-status").filter(has_text=sentence).wait_for()
        demo.evaluate("delete document.querySelector('.demo').dataset.answer")
        demo.evaluate(give, [list(FILES[0].read_bytes()), event, "given.jpg"])
        demo.locator(".demo[data-answer]").wait_for()


def test_by_keyboard_alone(demo):
    demo.locator(".skip").focus()
    for _ in range(40):
        demo.keyboard.press("Tab")
        if demo.evaluate("document.activeElement.closest('.demo-samples') !== null"):
            break
    demo.keyboard.press("Space")
    demo.locator(".demo[data-answer]").wait_for()


def test_from_a_folder_it_says_what_to_do(browser, public):
    page = browser.new_page()
    page.goto((public / "demo.html").as_uri())
    page.locator(".demo-samples a").first.click()
    page.locator(".demo-status").filter(has_text="make present").wait_for()
    page.close()


def test_without_a_script_the_page_says_why_it_is_empty(browser, home):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{home}/demo.html")
    assert page.locator("noscript p").is_visible() and not page.locator(".demo").is_visible()
    page.close()


def test_on_a_phone_everything_has_room(browser, home):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{home}/demo.html")
    answer(page, FILES[-1])
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
