"""A pytest plugin: what a notebook's cells give when nbval runs them is compared with what is stored.

nbval itself drops updates of a display, so that it never sees a training's table. So the kernel's messages are noted as
they pass and put together as Jupyter does; nothing runs a second time. The cells run with the data, weights and threads
that the stored numbers belong to. Where a cell has the tag nbval-check-output, nbval compares it to the letter besides.
Not compared: quizzes, whose output is a script, and cells that show a live widget, which catches what they print.
"""

import os

import nbformat
import pytest
from freshness import label, set_environment, settings
from nbval.plugin import IPyNbCell, NbCellError
from outputs import compare, tidy, tolerance

set_environment()
for variable in settings().get("measuring", ()):
    os.environ.pop(variable, None)
OUTPUT_TIMEOUT = 120  # nbval's 5 seconds are too short where other work keeps the processor busy


class Differs(NbCellError):
    """A cell ran and gave something else than what is stored."""


def gather(messages, displays):
    """The outputs that a kernel's messages amount to; `displays` holds those that later messages may update."""
    outputs, clear = [], False
    for message in messages:
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            clear = True
            if not content.get("wait"):
                outputs, clear = [], False
            continue
        if kind == "update_display_data":
            for shown in displays.get(content.get("transient", {}).get("display_id"), []):
                shown.data = nbformat.from_dict(content["data"])
            continue
        if kind not in ("stream", "display_data", "execute_result", "error"):
            continue
        if clear:
            outputs, clear = [], False
        output = nbformat.v4.output_from_msg(message)
        outputs.append(output)
        if name := content.get("transient", {}).get("display_id"):
            displays.setdefault(name, []).append(output)
    return outputs


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    if not isinstance(item, IPyNbCell):
        return (yield)
    notebook, messages = item.parent, []
    if not hasattr(notebook, "displays"):
        notebook.displays, notebook.receive = {}, notebook.get_kernel_message

    def receive(timeout=None, stream="iopub"):
        message = notebook.receive(timeout=timeout, stream=stream)
        messages.append(message)
        return message

    notebook.get_kernel_message, item.output_timeout = receive, OUTPUT_TIMEOUT
    result = yield
    run = next(m["parent_header"]["msg_id"] for m in reversed(messages) if m["msg_type"] == "status")
    outputs = gather([m for m in messages if m["parent_header"].get("msg_id") == run], notebook.displays)
    check(item, outputs)
    return result


def check(item, outputs):
    """Fails where the outputs of this run are not those that are stored."""
    if label(item.cell) == "quiz":
        return
    has_widget = any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in outputs)
    if has_widget:
        return  # what it shows is caught by the widget
    if item.cell.source.rstrip().endswith(";"):  # nbval's kernel keeps no history, where IPython would look for it
        outputs = [output for output in outputs if output.output_type != "execute_result"]
    new = [kept for output in outputs if (kept := tidy(output))]
    if found := compare(item.cell.outputs, new, tolerance(item.cell.source)):
        raise Differs(item.cell_num, f"(label {label(item.cell)!r}): " + "; ".join(found), item.cell.source)
