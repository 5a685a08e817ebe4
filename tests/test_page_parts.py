"""The parts of a page, as readers use them: table, graph, charts; by keyboard, in the dark, on a phone, in print."""

from __future__ import annotations

import csv
import io
import itertools
import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import archcost
from archcost.latency.subject import digest
from tests.pages import Opened

DEVICE = "pixel3-cpu"


@pytest.fixture
def v1(browser: Any, pages: Any) -> Any:
    with Opened(browser, pages("mobilenetv1", device=DEVICE)) as opened:
        yield opened
        assert opened.messages == []
        assert len(opened.requests) == 1, opened.requests  # the file itself


def names(opened: Opened) -> list[str]:
    found: list[str] = opened.run(
        "() => archcostPage.parts.at(-1).part.items.map((item) => item.layer?.name ?? `/${item.name}`)"
    )
    return found


def column(opened: Opened, key: str) -> list[int]:
    found: list[int] = opened.run("(key) => archcostPage.parts.at(-1).part.items.map((item) => item.layer[key])", key)
    return found


def into_view(opened: Opened, section: str) -> None:
    opened.page.locator(f"#{section}").scroll_into_view_if_needed()
    opened.page.wait_for_function(
        "(id) => document.querySelector(`#${id} .content`).childElementCount > 0", arg=section
    )
    opened.page.wait_for_timeout(100)


def test_layers_sort_filter_and_fold(v1: Opened) -> None:
    into_view(v1, "layers")
    page = v1.page
    assert names(v1)[:3] == ["/conv_bn_relu", "conv_bn_relu.conv", "conv_bn_relu.batch_norm"]
    page.uncheck("#grouped")
    page.click("[data-sort=params]")
    assert page.get_attribute("th:has([data-sort=params])", "aria-sort") == "descending"
    assert column(v1, "params") == sorted(column(v1, "params"), reverse=True)
    assert names(v1)[0] == "separable13.pointwise"
    page.click("[data-sort=params]")
    assert column(v1, "params") == sorted(column(v1, "params"))
    page.click("[data-sort=params]")
    assert names(v1)[0] == "conv_bn_relu.conv"
    page.fill("#filter", "depthwise")
    assert len(names(v1)) == 13
    macs = sum(layer.macs for layer in archcost.analyze("mobilenetv1").layers if layer.kind == "depthwise")
    assert page.inner_text("tfoot td >> nth=3").replace(",", "") == str(macs)
    page.fill("#filter", "")
    page.check("#grouped")
    page.click("#fold")
    assert all(name.startswith("/") or "." not in name for name in names(v1))
    page.click("tr[data-at='1'] .fold")
    assert names(v1)[2:4] == ["separable1.depthwise", "separable1.batch_norm1"]


def test_the_formula_stands_beside_a_row(v1: Opened) -> None:
    into_view(v1, "layers")
    v1.page.hover("tr[data-at='1'] th")
    assert "3² · 3 · 32 · 112² = 10,838,016" in v1.page.inner_text("#tip")


def test_csv_holds_what_the_command_writes(v1: Opened) -> None:
    v1.slide("alpha", 45)
    into_view(v1, "layers")
    with v1.page.expect_download() as waited:
        v1.page.click("#csv")
    text = Path(waited.value.path()).read_text(encoding="utf-8")
    found = list(csv.DictReader(io.StringIO(text)))
    wanted = list(csv.DictReader(io.StringIO(archcost.analyze("mobilenetv1", alpha=0.5, device=DEVICE).to_csv())))
    assert list(found[0]) == list(wanted[0])
    for row, other in zip(found, wanted, strict=True):
        for name, cell in row.items():
            if name in ("intensity", "share", "predicted_ms"):
                assert (cell == other[name] == "") or float(cell) == pytest.approx(float(other[name]), rel=1e-9)
            else:
                assert cell == other[name]


def test_a_click_selects_the_layer_everywhere(v1: Opened) -> None:
    into_view(v1, "where")
    v1.page.click(".treemap [aria-label^='separable12.pointwise']")
    assert v1.run("() => archcostPage.selected") == "separable12.pointwise"
    into_view(v1, "roofline")
    assert v1.page.get_attribute(".dot-mark.selected", "aria-label").startswith("separable12.pointwise")
    into_view(v1, "layers")
    assert v1.page.inner_text("tr.selected th") == "pointwise"
    into_view(v1, "memory")
    assert v1.page.locator("#memory .picked").count() == 1


def test_blocks_of_the_graph_open_close_and_show_branches(browser: Any, pages: Any) -> None:
    with Opened(browser, pages("resnet18")) as opened:
        into_view(opened, "graph")
        page = opened.page
        closed = page.locator(".node").count()
        page.click(".block-node >> nth=1")
        inside = page.locator(".node").count()
        assert inside > closed and page.locator(".frame").count() == 1
        joins = opened.run(
            """() => { const { placed } = archcostPage.parts.find(({ part }) => part.box_).part;
                const ends = placed.routes.map(({ edge }) => edge[1]);
                return ends.filter((end, i) => ends.indexOf(end) !== i); }"""
        )
        assert joins  # a residual comes together
        page.click(".node:not(.block-node)[role=button] >> nth=0")
        assert opened.run("() => archcostPage.selected") is not None
        page.click(".frame-close")
        assert page.locator(".node").count() == closed
        page.click("#graph-fold")
        assert page.locator(".node:not(.block-node)").count() == len(archcost.analyze("resnet18").layers) + 1
        assert opened.messages == []


def test_memory_marks_the_peak(v1: Opened) -> None:
    into_view(v1, "memory")
    analysis = archcost.analyze("mobilenetv1")
    assert f"{analysis.peak_activation_bytes:,} B" in v1.page.inner_text("#memory .lead")
    assert analysis.peak_at in v1.page.inner_text("#memory .lead")
    assert v1.run("() => Math.max(...archcostPage.now.memory.steps)") == analysis.peak_activation_bytes


def drawn(opened: Opened, chosen: str) -> list[list[Any]]:
    """[x, y, text] of what is drawn, within its drawing."""
    return opened.run(  # type: ignore[no-any-return]
        """(chosen) => [...document.querySelectorAll(chosen)].map((mark) => {
            const box = mark.getBoundingClientRect(), whole = mark.ownerSVGElement.getBoundingClientRect();
            return [(box.left + box.right) / 2 - whole.left, (box.top + box.bottom) / 2 - whole.top, mark.textContent];
        })""",
        chosen,
    )


def test_marks_stand_where_the_axes_say(v1: Opened) -> None:
    """The peak of memory by both its axes; the roofline's points among its ticks, far and wide."""
    analysis = archcost.analyze("mobilenetv1")
    into_view(v1, "memory")
    ticks = [tick for tick in drawn(v1, "#memory .tick") if tick[2]]
    bottom = max(y for _, y, _ in ticks)
    across = sorted((x, int(text) - 1) for x, y, text in ticks if y > bottom - 2)
    ups = sorted((y, float(text)) for _, y, text in ticks if y < bottom - 2)
    (dot,) = drawn(v1, "#memory .peak-dot")
    (x0, i0), (x1, i1) = across[0], across[-1]
    at = [layer.name for layer in analysis.layers].index(analysis.peak_at)
    assert abs(i0 + (dot[0] - x0) * (i1 - i0) / (x1 - x0) - at) < 0.3
    (y0, v0), (y1, v1_) = ups[0], ups[-1]
    found = v0 + (dot[1] - y0) * (v1_ - v0) / (y1 - y0)
    assert abs(found - analysis.peak_activation_bytes / 2**20) < 0.1
    into_view(v1, "roofline")
    dots = drawn(v1, "#roofline .dot-mark")
    for axis in (0, 1):
        places = [dot[axis] for dot in dots]
        assert min(places) > 0 and max(places) - min(places) > 100


def test_marks_show_alphas_of_the_same_network(browser: Any, pages: Any) -> None:
    with Opened(browser, pages("mobilenetv2")) as opened:
        page = opened.page
        alphas = opened.run("() => archcostPage.network.knobs.alpha.values")
        runs = opened.run("() => archcostPage.runs()")
        digests = [digest(archcost.analyze("mobilenetv2", alpha=str(alpha)).network) for alpha in alphas]
        numbers = [number for number, (first, last) in enumerate(runs) for _ in range(first, last + 1)]
        same = [a == b for a, b in itertools.pairwise(digests)]
        assert [a == b for a, b in itertools.pairwise(numbers)] == same
        assert any(same) and not all(same)
        longest = max(runs, key=lambda run: run[1] - run[0])
        opened.slide("alpha", longest[0])
        assert page.inner_text("#same-alpha") == (
            f"α {alphas[longest[0]]:g} to {alphas[longest[1]]:g} round to this same network"
        )


@pytest.mark.parametrize("name", ["thop", "ptflops", "keras", "deepspeed"])
def test_conventions_follow_the_knobs(browser: Any, pages: Any, name: str) -> None:
    with Opened(browser, pages("mobilenetv3_large")) as opened:
        opened.page.select_option("#overview select", label=name)
        for place, alpha in ((70, "0.75"), (95, "1"), (30, "0.35")):
            opened.slide("alpha", place)
            alpha = f"{opened.run('(at) => archcostPage.network.knobs.alpha.values[at]', place):g}"
            wanted = archcost.analyze("mobilenetv3_large", alpha=alpha, convention=name).to_dict()
            assert opened.figures()["counted"] == str(wanted["totals"]["counted"])
            assert [row["counted"] for row in opened.layers()] == [row["counted"] for row in wanted["layers"]]
        opened.page.click("summary")
        rows = dict(
            opened.run(
                """() => [...document.querySelectorAll("[data-convention]")]
                    .map((cell) => [cell.dataset.convention, cell.textContent.replaceAll(",", "")])"""
            )
        )
        every = archcost.analyze("mobilenetv3_large", alpha=alpha)
        for other, counted in rows.items():
            assert counted == ("–" if every.counted(other) is None else str(every.counted(other))), other


def test_the_command_line_says_the_same(v1: Opened, run: Any) -> None:
    v1.slide("alpha", 30)
    v1.slide("resolution", 12)
    v1.slide("set-0", 2)
    v1.choose("set-1", "conv_bn_relu")
    v1.page.fill("#knob-batch", "7")
    v1.choose("dtype", "int8")
    words = v1.page.inner_text("#command").split()
    assert words[0] == "archcost"
    result = run(*words[1:], "--format", "json")
    assert result.exit_code == 0, result.output
    wanted = json.loads(result.stdout)["totals"]
    figures = v1.figures()
    assert {name: figures[name] for name in ("macs", "params", "weight_bytes", "peak_activation_bytes")} == {
        name: str(wanted[name]) for name in ("macs", "params", "weight_bytes", "peak_activation_bytes")
    }


def test_all_by_keyboard(v1: Opened) -> None:
    page = v1.page
    before = v1.figures()["macs"]
    page.focus("#knob-alpha")
    page.keyboard.press("ArrowLeft")
    assert v1.figures()["macs"] == str(archcost.analyze("mobilenetv1", alpha="0.99").macs) != before
    page.focus("#budget")
    winner = page.inner_text("#winner-name")
    for _ in range(5):
        page.keyboard.press("PageUp")
    assert page.inner_text("#winner-name") != winner
    into_view(v1, "layers")
    page.focus("tr[data-at='0']")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert v1.run("() => archcostPage.selected") == "conv_bn_relu.conv"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    assert names(v1)[1] == "/separable1"
    page.focus("[data-sort=macs]")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.sort") == "macs"
    into_view(v1, "graph")
    page.focus(".node[role=button] >> nth=1")
    page.keyboard.press("Enter")
    assert page.locator(".frame").count() == 1


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
def test_no_serious_finding_of_axe(browser: Any, pages: Any, width: int, dark: bool) -> None:
    axe = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    path = pages(("mobilenetv1", "mobilenetv2"), device=DEVICE)
    with Opened(browser, path, width=width, dark=dark) as opened:
        opened.run("() => { for (const entry of archcostPage.parts) entry.seen = true; archcostPage.drawAll(); }")
        opened.page.evaluate(axe)
        found = opened.run("() => axe.run(document)")
        serious = [
            (each["id"], each["help"], [node["html"][:200] for node in each["nodes"][:3]])
            for each in found["violations"]
            if each["impact"] in ("serious", "critical", "moderate")
        ]
        assert serious == []
        assert opened.run("() => document.documentElement.scrollWidth") <= width
        assert opened.messages == []
        background = opened.run("() => getComputedStyle(document.body).backgroundColor")
        lightness = sum(int(part) for part in background.removeprefix("rgb(").rstrip(")").split(","))
        assert (lightness < 200) == dark


def test_in_print_every_layer_stands(browser: Any, pages: Any) -> None:
    with Opened(browser, pages("densenet121")) as opened:
        layers = len(archcost.analyze("densenet121").layers)
        opened.run("() => dispatchEvent(new Event('beforeprint'))")
        opened.page.emulate_media(media="print")
        assert opened.page.locator("#layer-table tbody tr:not(.group)").count() == layers
        assert opened.page.locator("#graph .node").first.is_visible()
        assert not opened.page.locator(".tools").first.is_visible()
        assert len(opened.page.pdf()) > 10_000
        assert opened.messages == []


def test_networks_side_by_side(browser: Any, pages: Any) -> None:
    specs = ("mobilenetv1", "mobilenetv2")
    with Opened(browser, pages(specs, device=DEVICE)) as opened:
        page = opened.page

        def row(name: str) -> list[str]:
            cells = page.locator("#compare-table tbody tr", has_text=name).locator("td")
            return [cell.get_attribute("title") or "" for cell in cells.all()]

        wanted = [archcost.analyze(spec) for spec in specs]
        assert row("Multiply-adds") == [f"{each.macs:,}" for each in wanted]
        assert row("Peak activations") == [f"{each.peak_activation_bytes:,}" for each in wanted]
        page.click("#compare-table th button >> text=mobilenetv2")
        assert opened.figures()["params"] == str(wanted[1].params)
        opened.slide("alpha", 45)
        assert row("Parameters") == [f"{wanted[0].params:,}", f"{archcost.analyze(specs[1], alpha='0.5').params:,}"]
        page.check("#link")
        assert row("Parameters")[0] == f"{archcost.analyze(specs[0], alpha='0.5').params:,}"
        opened.choose("network", "mobilenetv1")
        opened.slide("resolution", 12)
        size = opened.run("() => archcostPage.now.input[1]")
        both = [f"{archcost.analyze(spec, alpha='0.5', resolution=size).macs:,}" for spec in specs]
        assert row("Multiply-adds") == both
        assert opened.messages == []
