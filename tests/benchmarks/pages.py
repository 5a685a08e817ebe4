"""How quick pages are in chromium: python tests/benchmarks/pages.py

Rows of a Markdown table: bytes, seconds until the page is ready, and milliseconds of a knob's move with what is in view
drawn and laid out: the median of 18 moves of α and resolution with the overview in view, and with the section that
takes longest; of the budget, the longest of 20.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import archcost
from archcost import report
from tests.pages import Opened, chromium
from tests.test_page_limits import DEEP

MOVES = """async (section) => {
    document.getElementById(section).scrollIntoView({ behavior: "instant" });
    await new Promise((done) => setTimeout(done, 300));
    const times = [];
    for (const knob of ["alpha", "resolution"]) {
        const input = document.getElementById(`knob-${knob}`);
        for (let i = 1; i < 10; i++) {
            input.value = Math.floor((Number(input.max) * i) / 10);
            const start = performance.now();
            input.dispatchEvent(new Event("input", { bubbles: true }));
            document.body.offsetHeight;
            times.push(performance.now() - start);
        }
    }
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}"""
SECTIONS = ("overview", "front", "where", "memory", "roofline", "graph", "layers")
DRAGS = """() => {
    const front = archcostPage.parts.find(({ part }) => part.variants).part;
    const [low, high] = front.range;
    return Array.from({ length: 20 }, (_, i) => {
        const start = performance.now();
        front.setBudget(low * (high / low) ** (i / 20));
        document.body.offsetHeight;
        return performance.now() - start;
    });
}"""


def sources(folder: Path) -> dict[str, tuple[Any, Any]]:
    """What is written, and for which devices, by what the table calls it."""
    deep = folder / "deep.yaml"
    deep.write_text(DEEP, encoding="utf-8")
    search = archcost.find(["mobilenetv1"], budget="300M", alpha="0.25:1.2:0.001", resolution="112:224:1")
    (folder / "big").mkdir()
    (folder / "big" / "result.json").write_text(json.dumps(search.to_dict()), encoding="utf-8")
    return {
        "MobileNetV1, two devices": ("mobilenetv1", ["pixel3-cpu", "nvidia-t4"]),
        "ResNet50, two devices": ("resnet50", ["nvidia-t4", "nvidia-h100"]),
        "a network of 1,005 layers, two devices": (deep, ["pixel3-cpu", "nvidia-t4"]),
        "a search of 107,463 variants": (folder / "big", ["pixel3-cpu"]),
    }


def main() -> None:
    print("| page | MB | written in, s | ready in, s | a knob, ms | at its slowest, ms | the budget, ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        path = Path(name) / "page.html"
        for title, (source, device) in sources(Path(name)).items():
            start = time.perf_counter()
            path.write_text(report(source, device=device), encoding="utf-8")
            written = time.perf_counter() - start
            start = time.perf_counter()
            with Opened(browser, path) as opened:
                ready = time.perf_counter() - start
                there = [name for name in SECTIONS if opened.page.locator(f"#{name}").count()]
                times = {name: opened.run(MOVES, name) for name in there}
                drags = opened.run(DRAGS) if opened.run("() => archcostPage.data.front !== null") else None
            size = path.stat().st_size / 1e6
            drag = f"{max(drags):.0f}" if drags else "–"
            worst = max(times, key=lambda name: times[name])
            moves = f"{times['overview']:.0f} | {times[worst]:.0f} ({worst})"
            print(f"| {title} | {size:.2f} | {written:.1f} | {ready:.1f} | {moves} | {drag} |", flush=True)


if __name__ == "__main__":
    main()
