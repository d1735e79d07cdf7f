"""What a new run of a cell may differ by from what is stored, and that nbval's runs are compared by it."""

import base64
import io
import os
import re
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_notebook, new_output
from outputs import compare, table_text, tolerance
from PIL import Image, ImageDraw


def printed(text):
    return [new_output("stream", name="stdout", text=text)]


@pytest.mark.parametrize("stored, new", [
    ("loss 0.500", "loss 0.509"),  # 2 %
    ("loss 0.01", "loss 0.02"),  # the last printed digit
    ("3 of 154 wrong", "6 of 154 wrong"),  # 2 % of 154
    ("3 of 30 wrong", "4 of 30 wrong"),  # one of few
    ("error 47%", "error 48%"),
    ("12.3 s a picture, 140 pictures/s", "99.9 s a picture, 7 pictures/s"),
    ("done in 120 ms", "done in 3 ms"),
    ("1.9 times as fast", "2.8 times as fast"),
    ("1.6 times as many requests a second", "1.9 times as many requests a second"),
    ("<Figure at 0x7f00aa00>", "<Figure at 0x7f00bbcc>"),
    ("served at http://127.0.0.1:41234/", "served at http://127.0.0.1:50001/"),
    ("a   b", "a b"),
    ("-0.50", "−0.505"),
])
def test_near_enough(stored, new):
    assert not compare(printed(stored), printed(new))


@pytest.mark.parametrize("stored, new", [
    ("loss 0.500", "loss 0.511"),
    ("loss 0.01", "loss 0.03"),
    ("3 of 154 wrong", "7 of 154 wrong"),
    ("3 of 30 wrong", "5 of 30 wrong"),
    ("3 of 30 wrong", "3 of 31 wrong"),
    ("error 47%", "error 49%"),
    ("4 layers", "5 layers"),
    ("resnet18", "resnet19"),
    ("said monet", "said vangogh"),
    ("1 2 3", "1 2"),
    ("loss 0.5", "loss -0.5"),
    ("something", ""),
])
def test_too_far(stored, new):
    assert len(compare(printed(stored), printed(new))) == 1


def test_what_is_printed_between_other_outputs_is_one_text():
    table = html("0.1", "00:01")
    assert not compare(printed("a\nb\n") + table + table, printed("a\n") + table + printed("b\n") + table)


def test_a_cell_states_its_own_tolerance():
    assert tolerance("#| label: a\n#| tolerance: 0.1\nx") == {"relative": 0.1}
    assert tolerance("#| label: a\nx") == {}
    assert tolerance("#| tolerance: relative 0.2, absolute 4\nx") == {"relative": 0.2, "absolute": 4}
    assert tolerance("#| tolerance: unchecked, chance decides\nx") == {"unchecked": "chance decides"}
    for wrong in ("absolut 0.1", "unchecked", "relative", "relative 0.1 absolute 2"):
        with pytest.raises(ValueError, match=wrong):
            tolerance(f"#| tolerance: {wrong}")
    for stored, new, stated, same in [
            ("0.50", "0.54", {"relative": 0.1}, True), ("0.50", "0.57", {"relative": 0.1}, False),
            ("0.03", "0.09", {"absolute": 0.07}, True), ("0.03", "0.13", {"absolute": 0.07}, False),
            ("[[14 1]]", "[[12 3]]", {"count": 2}, True), ("[[14 1]]", "[[11 4]]", {"count": 2}, False),
            ("anything", "whatever", {"unchecked": "chance"}, True)]:
        assert bool(compare(printed(stored), printed(new), stated)) != same, (stored, new, stated)
    assert compare(printed("a"), [], {"unchecked": "chance"}), "that it says something is compared all the same"


TABLE = """<table border="1" class="dataframe"><thead><tr style="text-align: left;"><th>epoch</th><th>error_rate</th>
<th>time</th></tr></thead><tbody><tr><td>0</td><td>{}</td><td>{}</td></tr></tbody></table>"""


def html(*values):
    return [new_output("display_data", {"text/html": TABLE.format(*values), "text/plain": "<IPython HTML>"})]


def test_tables_without_their_times():
    assert table_text(TABLE.format("0.1", "00:07")).split() == ["epoch", "error_rate", "0", "0.1"]
    assert not compare(html("0.100", "00:07"), html("0.101", "03:55"))
    assert compare(html("0.100", "00:07"), html("0.120", "00:07")) == ["it said 0.100 and now says 0.120, in '0 0.100'"]


def picture(colour, size=(320, 240), mark=None):
    drawn, data = Image.new("RGB", size, colour), io.BytesIO()
    if mark:
        ImageDraw.Draw(drawn).rectangle(mark, fill="white")
    drawn.save(data, "PNG")
    return [new_output("display_data", {"image/png": base64.b64encode(data.getvalue()).decode()})]


def test_pictures_by_size_and_colour():
    assert not compare(picture("#336699"), picture("#366699"))
    for other in (picture("#996633"), picture("#336699", (320, 200)), picture("#336699", mark=(0, 0, 60, 120))):
        assert compare(picture("#336699"), other)
    assert compare(picture("#336699"), printed("no picture"))


def drawing(word="0.50", colour="#2a66b0", at=100, path="M{at} 10L{at} 90", style="", more=""):
    """A figure as the course's style stores one, with the letters of a text, a line and a picture."""
    photo = picture("#336699")[0].data["image/png"]
    svg = (f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 400 200">'
           f'<style>{style}</style><g id="p{at}"><path d="{path.format(at=at)}" stroke="{colour}"/></g>'
           f'<g><desc>{word}</desc><path d="M5 5l1 1q1 2 3 {len(word)}z"/></g>'
           f'<image transform="matrix(9 0 0 9 1 1)" xlink:href="data:image/png;base64,{photo}"/>{more}</svg>')
    return [new_output("display_data", {"image/svg+xml": svg, "text/plain": "<Figure>"})]


@pytest.mark.parametrize("change", [
    {}, {"at": 108}, {"word": "0.504"}, {"path": "M{at} 10l0 80"}, {"path": "m{at} 10 0 80"},
])
def test_drawings_near_enough(change):
    assert not compare(drawing(), drawing(**change))


@pytest.mark.parametrize("change, said", [
    ({"at": 112}, "in its drawing <path> {'stroke': '#2a66b0'} moved by 3%"),
    ({"word": "0.52"}, "in its drawing it said 0.50 and now says 0.52, in '0.50'"),
    ({"word": "wrong"}, "in its drawing it said '0.50' and now says 'wrong'"),
    ({"colour": "#a84c0c"}, "its drawing had <path> {'stroke': '#2a66b0'} and now has <path> {'stroke': '#a84c0c'}"),
    ({"path": "M{at} 10L{at} 50L{at} 90"}, "its drawing had 2 points in <path> {'stroke': '#2a66b0'} and now has 3"),
    ({"more": "<g/>"}, "its drawing had nothing and now has <g> {}"),
    ({"style": "[stroke]{stroke:red}"}, "its drawing had <style> {'rules': None} and now has"),
])
def test_drawings_too_far(change, said):
    found, = compare(drawing(), drawing(**change))
    assert found.startswith(said)


def test_drawings_with_other_pictures_or_a_stated_tolerance():
    other = drawing()
    other[0].data["image/svg+xml"] = re.sub('base64,[^"]*', "base64," + picture("#996633")[0].data["image/png"],
                                            other[0].data["image/svg+xml"])
    assert "its picture differs by" in compare(drawing(), other)[0]
    assert not compare(drawing(), drawing(at=130), {"relative": 0.1})
    assert not compare(drawing(), drawing(colour="#a84c0c"), {"unchecked": "chance"})
    assert compare(drawing(), picture("#336699")) == ["it showed image/svg+xml and now shows image/png"]


UPDATED = f"""from IPython.display import HTML, display
table = display(HTML("nothing yet"), display_id=True)
table.update(HTML({TABLE.format("0.25", "00:01")!r}))"""


@pytest.mark.parametrize("table, number, complaint", [
    ("0.25", "0.333", None),
    ("0.75", "0.333", "label 'table'.*it said 0.75 and now says 0.25"),
    ("0.25", "0.733", "label 'number'.*it said 0.733 and now says 0.333"),
])
def test_nbval_compares_what_it_runs(tmp_path, table, number, complaint):
    """A training's table too, which is an update of a display; a number edited by hand fails and names its cell."""
    stored = {UPDATED: html(table, "00:09"), "1 + 1;": [], "print(f'{1/3:.3f}')": printed(f"{number}\n")}
    cells = [new_code_cell(f"#| label: {label}\n{source}", execution_count=1, outputs=outputs)
             for label, (source, outputs) in zip(("table", "quiet", "number"), stored.items(), strict=True)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "cells.ipynb")
    run = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "nbval_compare",
                          "--rootdir", tmp_path, "--nbval-lax", "--nbval-current-env", "--color=no",
                          tmp_path / "cells.ipynb"], text=True, capture_output=True, cwd=tmp_path,
                         env={**os.environ, "PYTHONPATH": str(ROOT / "tools")})
    assert bool(run.returncode) == bool(complaint), run.stdout
    assert f"{2 if complaint else 3} passed" in run.stdout and re.search(complaint or "", run.stdout), run.stdout
