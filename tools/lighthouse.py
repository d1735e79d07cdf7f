"""Lighthouse, Chrome's own judge of web pages, on pages that a server of this machine shows."""

import gzip
import http.server
import json
import os
import subprocess
import sys
from pathlib import Path

from browser import FLAGS, find

ROOT = Path(__file__).resolve().parent.parent
LIGHTHOUSE = ROOT / "node_modules" / "lighthouse" / "cli" / "index.js"
NODE = Path(sys.executable).with_name("node")
FORMS = ("desktop", "mobile")
WHOLE = ("accessibility", "best-practices", "seo")  # where nothing may be left to mend


class Gzipped(http.server.SimpleHTTPRequestHandler):
    """A server of files that compresses text, as those that hold websites do and Python's own does not."""

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            path /= "index.html"
        kind = self.guess_type(str(path))
        if not path.is_file() or not kind.startswith(("text/", "image/svg", "application/json")):
            return super().do_GET()
        body = gzip.compress(path.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def judge(url, form, categories):
    """Scores from 0 to 100 by category for one page load, and what cost points, as sentences."""
    command = [NODE, LIGHTHOUSE, url, "--quiet", "--output=json", "--output-path=stdout", "--no-enable-error-reporting",
               f"--only-categories={','.join(categories)}", f"--chrome-flags=--headless=new {' '.join(FLAGS)}"]
    if form == "desktop":
        command.append("--preset=desktop")
    run = subprocess.run(command, capture_output=True, text=True, timeout=280,
                         env={**os.environ, "CHROME_PATH": find() or ""})
    if run.returncode:
        raise RuntimeError(f"Lighthouse did not judge {url}: {run.stderr.strip().splitlines()[-1:]}")
    report = json.loads(run.stdout)
    if "runtimeError" in report:
        raise RuntimeError(f"Lighthouse did not judge {url}: {report['runtimeError']['message']}")
    scores = {name: round(100*found["score"]) for name, found in report["categories"].items()}
    counted = {reference["id"] for found in report["categories"].values()
               for reference in found["auditRefs"] if reference["weight"]}
    costs = [f"{name}: {audit['title']} {audit.get('displayValue', '')}" for name, audit in report["audits"].items()
             if name in counted and audit["score"] is not None and audit["score"] < 1]
    return scores, costs
