"""Measures the page that runs a network: from the click on a sample to the answer, first and then again, at one thread.

    python tools/bench_demo.py      after make site; leave the machine alone meanwhile
"""

import functools
import http.server
import json
import statistics
import sys
import threading
from pathlib import Path

import browser
from bench import report
from lighthouse import Gzipped
from playwright.sync_api import sync_playwright

PUBLIC = Path(__file__).resolve().parent.parent / "site" / "public"
COLD, WARM = 5, 20
# Milliseconds from a click on a sample to its answer on the page, and those of them that the network took.
CLICK = """i => new Promise(resolve => {
  const demo = document.querySelector('.demo');
  delete demo.dataset.answer;
  const start = performance.now();
  new MutationObserver((_, observer) => {
    if (!demo.dataset.answer) return;
    observer.disconnect();
    resolve([performance.now() - start, JSON.parse(demo.dataset.answer).milliseconds]);
  }).observe(demo, {attributes: true, attributeFilter: ['data-answer']});
  demo.querySelectorAll('.demo-samples a')[i].click();
})"""


def main():
    if not (PUBLIC / "demo.html").is_file():
        sys.exit("There is no demo page in site/public. Run 'make site' first.")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Gzipped, directory=PUBLIC))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cold, warm = [], []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser.find(), args=browser.FLAGS)
        for _ in range(COLD):
            context = running.new_context()
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/demo.html", wait_until="networkidle")
            cold.append(page.evaluate(CLICK, 0)[0])
            if len(cold) == COLD:
                page.locator(".demo[data-map]").wait_for()
                warm = [page.evaluate(CLICK, i % 6) for i in range(WARM)]
            context.close()
        running.close()
    server.shutdown()
    report("demo page, first answer", f"{statistics.median(cold)/1000:.1f} s",
           f"goal: at most 3 s from the click, nothing in the cache; {json.dumps([round(ms) for ms in cold])} ms")
    for name, part in (("next answers", 0), ("of it the network", 1)):
        middle = statistics.median(times[part] for times in warm)
        report(f"demo page, {name}", f"{middle:.0f} ms", "goal: at most 60 ms")


if __name__ == "__main__":
    main()
