"""A real browser for the tests of pages: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HOW = "the tests of pages need a browser: apt-get install -y chromium (or put one named chromium on the PATH)"


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser; fails, and says how to get one, where there is none."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path is not None, HOW
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Opened:
    """A page in the browser, and all that it said and asked for."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, dark: bool = False, touch: bool = False) -> None:
        scheme = "dark" if dark else "light"
        self.context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            accept_downloads=True,
            has_touch=touch,
            is_mobile=touch,
        )
        self.page = self.context.new_page()
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", timeout=20_000)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def run(self, script: str, given: Any = None) -> Any:
        return self.page.evaluate(script, given)

    def slide(self, knob: str, place: int) -> None:
        """Moves a slider as a hand does: its value, then the event."""
        self.run(
            """([knob, place]) => {
                const input = document.getElementById(`knob-${knob}`);
                input.value = place;
                input.dispatchEvent(new Event("input", { bubbles: true }));
            }""",
            [knob, place],
        )

    def choose(self, knob: str, value: str) -> None:
        """Chooses from a list, or types into a field."""
        there = self.run(
            """([knob, value]) => {
                const field = document.getElementById(`knob-${knob}`);
                field.value = value;
                for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, { bubbles: true }));
                return field.value === value;
            }""",
            [knob, value],
        )
        assert there, f"{knob} cannot be {value}"

    def figures(self) -> Mapping[str, str]:
        """The exact totals that stand on the page, by name."""
        found: Mapping[str, str] = self.run(
            """() => Object.fromEntries([...document.querySelectorAll("[id^='total-']")]
                .map((each) => [each.id.slice(6), each.dataset.seconds ?? each.textContent.replaceAll(",", "")]))"""
        )
        return found

    def layers(self) -> list[dict[str, Any]]:
        """The rows of the table of layers, drawn or not."""
        found: list[dict[str, Any]] = self.run(
            """() => {
                const { now, network } = archcostPage;
                return now.layers.map((layer) => ({
                    name: layer.name, kind: layer.kind, block: layer.block, macs: layer.macs, params: layer.params,
                    buffers: layer.buffers, activation_bytes: layer.activation_bytes, bytes_moved: layer.bytes_moved,
                    input_shapes: layer.inputs, output_shape: layer.output, kernel: layer.kernel, stride: layer.stride,
                    groups: layer.groups, formula: network.formula(layer), seconds: layer.seconds, bound: layer.bound,
                    counted: layer.counted,
                }));
            }"""
        )
        return found
