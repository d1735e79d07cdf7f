"""Finds the browser that the tests and the PDFs use, and installs Debian's where that is possible.

    python tools/browser.py      says which browser there is, or ends with one sentence
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]


def find():
    """Path of a Chromium or Chrome: ATELIER_BROWSER, else the first on the PATH, else Playwright's; or None."""
    if named := os.environ.get("ATELIER_BROWSER"):
        return shutil.which(named)
    for name in NAMES:
        if path := shutil.which(name):
            return path
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.path.exists(path) else None


def install():
    """Debian's chromium, where apt and the right to use it are at hand."""
    if not (shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0):
        return
    print("Installing Chromium for the browser tests …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"],
                    ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    if find() is None:
        install()
    if find() is None:
        sys.exit("No Chromium or Chrome was found. Install one ('apt install chromium' on Debian and Ubuntu, "
                 "'playwright install chromium' elsewhere), or name it in ATELIER_BROWSER.")


if __name__ == "__main__":
    main()
