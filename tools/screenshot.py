"""Take a picture of a page with real Chromium: `python tools/screenshot.py URL FILE [WIDTH HEIGHT]`."""

from __future__ import annotations

import sys

from playwright.sync_api import sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def main() -> None:
    """Open the page, wait for its first live update, and write the picture."""
    url, path, *size = sys.argv[1:]
    width, height = (int(number) for number in (size or ("1280", "900")))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(url)
        page.wait_for_timeout(1_000)
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    main()
