"""Takes a picture of each page of a folder with chromium: python reports/screenshots.py reports/pages"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZE = {"width": 1280, "height": 1000}
SECTIONS = {"mobilenetv1": "overview", "resnet50": "where", "mobilenetv1-search": "front"}
"""What each picture begins with."""


def main(folder: Path) -> None:
    path = shutil.which("chromium")
    if path is None:
        sys.exit("pictures of pages are taken with chromium: apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for page in sorted(folder.glob("*.html")):
            scheme = "dark" if page.stem == "resnet50" else "light"
            opened = browser.new_context(viewport=SIZE, color_scheme=scheme).new_page()  # type: ignore[arg-type]
            opened.goto(page.absolute().as_uri())
            opened.wait_for_selector("html[data-ready]")
            begin = SECTIONS.get(page.stem, "overview")
            if begin != "overview":
                opened.evaluate("(id) => document.getElementById(id).scrollIntoView({ behavior: 'instant' })", begin)
            opened.wait_for_timeout(600)
            opened.screenshot(path=page.with_suffix(".png"))
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
