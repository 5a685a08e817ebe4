"""What a page says of accuracies that are fitted, unknown or others here, of a front that it lacks, and to a finger."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from archcost import report
from tests.pages import Opened

PART = "archcostPage.parts.find(({ part }) => part.variants).part"
AT = f"""(place) => {{ const front = {PART}; const box = front.svg.getBoundingClientRect();
    const [x, y] = front.points[place];
    return [box.left + front.sx(x) * box.width / front.width, box.top + front.sy(y) * box.height / front.height]; }}"""


def test_an_accuracy_is_the_one_that_is_used(browser: Any, pages: Any) -> None:
    """Fitted, with its interval and what is published beside it; published alone where it is that."""
    with Opened(browser, pages("mobilenetv1", alpha="0.25,0.5,0.75,1", resolution="128:224:32")) as opened:
        for place in range(opened.run(f"() => {PART}.variants.count")):
            text, used, low, known = opened.run(
                f"""(place) => {{ const front = {PART}; front.best = place; front.card.draw();
                    const {{ columns }} = front.variants;
                    return [document.getElementById("accuracy-is").textContent,
                        ...["accuracy", "accuracy_low", "published"].map((name) => columns[name][place])]; }}""",
                place,
            )
            assert text.startswith(f"{used:.1f} %")
            if known is not None and used == known:
                assert text.endswith("published") and "fitted" not in text
            else:
                assert re.search(rf"\({low:.1f} to [\d.]+, fitted", text)
                assert known is None or known != known or f"; published {known:.1f})" in text


def test_the_first_tap_keeps_its_tip(browser: Any, pages: Any) -> None:
    with Opened(browser, pages("mobilenetv1"), width=360, touch=True) as opened:
        opened.run(
            f"""() => {{ archcostPage.drawAll();
                {PART}.svg.scrollIntoView({{ block: 'center', behavior: 'instant' }}); }}"""
        )
        opened.page.wait_for_timeout(300)
        opened.page.touchscreen.tap(*opened.run(AT, 6))
        opened.page.wait_for_timeout(300)
        assert opened.page.is_visible("#tip") and "Source: " in opened.page.inner_text("#tip")
        opened.run("() => scrollBy({ top: 120, behavior: 'instant' })")
        opened.page.wait_for_timeout(200)
        assert not opened.page.is_visible("#tip")
        assert opened.messages == []


def test_a_front_that_cannot_be_is_said(browser: Any, tmp_path: Path, spec_file: Any) -> None:
    choices = "".join(f"  p{i}: {{default: 8, choices: [{', '.join(map(str, range(8, 28)))}]}}\n" for i in range(4))
    layers = "".join(f"  - conv: {{out: $p{i}, kernel: 3}}\n" for i in range(4))
    text = f"name: many\ninput: [3, 32, 32]\nparameters:\n{choices}layers:\n{layers}"
    said: list[str] = []
    path = tmp_path / "page.html"
    path.write_text(report(spec_file(text), warn=said.append), encoding="utf-8")
    assert len(said) == 1
    with Opened(browser, path) as opened:
        assert "more than a page holds" in opened.page.inner_text("#front")
        assert opened.page.is_visible("nav a[href='#front']")
        assert opened.messages == []


def test_an_unknown_accuracy_of_a_result_is_a_gap(browser: Any, run: Any, tmp_path: Path) -> None:
    space = ("--alpha", "0.25:1:0.05", "--resolution", "128:224:32", "--budget", "300M")
    assert run("search", "mobilenetv1", *space, "--out", tmp_path / "found").exit_code == 0
    file = tmp_path / "found" / "result.json"
    content = json.loads(file.read_text())
    front = [row for row in content["front"] if row["macs"] != content["winner"]["macs"]]
    front[0]["accuracy"] = None
    front[1]["accuracy"] = float("nan")
    front[2]["accuracy"] += 3
    file.write_text(json.dumps({**content, "front": front, "equals": []}))
    said: list[str] = []
    path = tmp_path / "page.html"
    path.write_text(report(tmp_path / "found", warn=said.append), encoding="utf-8")
    assert [("accuracy unknown, here" in each, "accuracy" in each) for each in said] == [
        (True, True),
        (True, True),
        (False, True),
    ]
    with Opened(browser, path) as opened:
        unknown = opened.run(
            f"""() => {{ const {{ columns, count }} = {PART}.variants;
                return Array.from({{ length: count }}, (_, i) => i)
                    .filter((i) => Number.isNaN(columns.accuracy[i])).map((i) => columns.macs[i]); }}"""
        )
        assert sorted(unknown) == sorted(row["macs"] for row in front[:2])
        assert "2 of them have no known accuracy" in opened.page.inner_text("#front .lead")
        assert opened.messages == []


@pytest.mark.parametrize("spec", ["mobilenetv2", "resnet50", "inceptionv3"])
def test_time_bound_and_intensity_are_in_view(browser: Any, pages: Any, spec: str) -> None:
    with Opened(browser, pages(spec, device="nvidia-t4")) as opened:
        opened.run("() => archcostPage.drawAll()")
        ends = opened.run(
            """() => { const box = document.querySelector("#layers .scroll").getBoundingClientRect();
                const head = (key) => document.querySelector(`th:has([data-sort=${key}])`).getBoundingClientRect();
                return ["seconds", "bound", "intensity"].map((key) => box.right - head(key).right); }"""
        )
        assert min(ends) >= 0
        assert opened.messages == []


def test_networks_that_vary_alike_are_one_on_the_front(browser: Any, run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "found"
    assert run("search", "mobilenetv1", "--budget", "200M", "--out", folder).exit_code == 0
    winner = json.loads((folder / "result.json").read_text())["winner"]
    path = tmp_path / "page.html"
    path.write_text(report(["mobilenetv1", folder, "mobilenetv2"]), encoding="utf-8")
    with Opened(browser, path) as opened:
        front = opened.run("() => [archcostPage.data.front.of, archcostPage.data.front.spaces.map(({ spec }) => spec)]")
        assert front == [[0, 0, 1], ["mobilenetv1", "mobilenetv2"]]
        labels = ["mobilenetv1", "mobilenetv1 of found", "mobilenetv2"]
        assert opened.page.inner_text("h1") == " · ".join(labels)
        assert opened.page.title().startswith(" · ".join(labels))
        opened.run("() => archcostPage.drawAll()")
        legend = opened.page.locator("#front .legend li").all_inner_texts()
        assert legend[:2] == [", ".join(labels[:2]), labels[2]]
        opened.choose("network", "mobilenetv1 of found")
        shown = opened.run(f"() => {PART}.variants.columns.macs[{PART}.variants.current()]")
        assert shown == winner["macs"]
        opened.choose("network", "mobilenetv2")
        of = opened.run(f"() => {{ {PART}.variants.show(0); return archcostPage.active; }}")
        assert of == 0
        assert opened.messages == []
