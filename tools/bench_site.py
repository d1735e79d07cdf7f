"""Measures how fast the site's pages appear: Lighthouse's performance, the median of five loads on desktop and phone;
and names what Lighthouse finds to mend on each kind of page.

    python tools/bench_site.py      after make site; leave the machine alone meanwhile
"""

import functools
import http.server
import statistics
import sys
import threading
from pathlib import Path

from bench import report
from lighthouse import FORMS, WHOLE, Gzipped, judge

PUBLIC = Path(__file__).resolve().parent.parent / "site" / "public"
PAGES = ("index.html", "lessons/04_transfer.html", "demo.html")
KINDS = (*PAGES, "slides/index.html", "data/paintings.html", "handout.html")
LOADS = 5


def main():
    pages = [page for page in PAGES if (PUBLIC / page).is_file()]
    if not pages:
        sys.exit("There is no site in site/public. Run 'make site' first.")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Gzipped, directory=PUBLIC))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_port}"
    for page in KINDS:
        for form in FORMS:
            scores, costs = judge(f"{home}/{page}", form, WHOLE)
            report(f"{page}, {form}", " ".join(map(str, scores.values())), f"goal: 100 in {', '.join(scores)}")
            print("".join(f"    {cost}\n" for cost in costs), end="")
    for page in pages:
        for form in FORMS:
            url = f"{home}/{page}"
            found = [judge(url, form, ["performance"]) for _ in range(LOADS)]
            scores = sorted(scores["performance"] for scores, _ in found)
            report(f"{page}, {form}", f"{statistics.median(scores):.0f} of 100",
                   f"goal: at least 95; {scores[0]} to {scores[-1]} in {LOADS} loads")
            if statistics.median(scores) < 95:
                print("\n".join(f"    {cost}" for cost in found[-1][1]))
    server.shutdown()


if __name__ == "__main__":
    main()
