"""Pages under the hands of their readers: links, fingers, keys, paper, and what must not change under them."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest

import archcost
from archcost import report
from tests.pages import Opened
from tests.test_page_limits import DEEP

DEVICE = "pixel3-cpu"
SPACE = {"alpha": "0.25:1:0.25", "resolution": "128:224:32"}
FRONT = "archcostPage.parts.find(({ part }) => part.variants).part"
GRAPH = "archcostPage.parts.find(({ part }) => part.box_).part"


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, run: Any, pages: Any) -> Path:
    """The page of a small search whose limit on the time no variant reaches."""
    folder = tmp_path_factory.mktemp("search") / "best"
    words = ("search", "mobilenetv1", "--alpha", SPACE["alpha"], "--resolution", SPACE["resolution"])
    more = ("--budget", "200M", "--device", DEVICE, "--max-latency", "40ms", "--out", folder)
    assert run(*words, *more).exit_code == 0
    path: Path = pages(folder, device=DEVICE)
    return path


@pytest.fixture
def best(browser: Any, searched: Path) -> Any:
    with Opened(browser, searched) as opened:
        yield opened
        assert opened.messages == []
        assert len(opened.requests) == 1


def settled(opened: Opened) -> None:
    """With all parts drawn, in view or not."""
    opened.run("() => archcostPage.drawTo()")


def top(opened: Opened, section: str) -> float:
    found: float = opened.run("(id) => document.getElementById(id).getBoundingClientRect().top", section)
    return found


def tip(opened: Opened) -> str:
    """What the tip says; empty where it is hidden."""
    text: str = opened.run(
        "() => document.getElementById('tip').hidden ? '' : document.getElementById('tip').innerText"
    )
    return text


@pytest.mark.parametrize("width", [1280, 360])
def test_links_land_on_their_sections(browser: Any, searched: Path, width: int) -> None:
    with Opened(browser, searched, width=width) as opened:
        sections = opened.run("() => [...document.querySelectorAll('#nav a')].map((a) => a.hash.slice(1))")
        assert len(sections) == 7
        for section in reversed(sections):
            opened.run("() => scrollTo({ top: 0, behavior: 'instant' })")
            opened.page.click(f"#nav a[href='#{section}']")
            assert abs(top(opened, section)) < 100, section
        settled(opened)
        for section in ("layers", "memory"):
            opened.page.goto(f"{searched.as_uri()}#overview")
            opened.page.goto(f"{searched.as_uri()}#{section}")  # a change of the address alone
            opened.page.wait_for_timeout(100)
            assert abs(top(opened, section)) < 100, section
            opened.page.reload()
            opened.page.wait_for_selector("html[data-ready]")
            settled(opened)
            assert abs(top(opened, section)) < 100, section


def test_the_address_keeps_the_knobs(browser: Any, searched: Path) -> None:
    with Opened(browser, searched) as opened:
        opened.slide("alpha", 7)
        opened.choose("dtype", "int8")
        opened.choose("batch", "8")
        opened.page.wait_for_function("() => location.hash.includes('batch=8')")
        figures = opened.figures()
        opened.page.reload()
        opened.page.wait_for_selector("html[data-ready]")
        assert opened.figures() == figures
        opened.page.goto(f"{searched.as_uri()}#nowhere?alpha=7&batch=x&dtype=y&network=9&set.depth=77")
        opened.page.reload()
        opened.page.wait_for_selector("html[data-ready]")
        assert opened.messages == []


def test_on_paper_variants_stand_where_the_axes_say(best: Opened) -> None:
    page = best.page
    for width, media in ((1280, "screen"), (700, "print")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(media=media)
        if media == "print":
            best.run("() => dispatchEvent(new Event('beforeprint'))")
        for at, box in best.run(
            f"""() => {{
                const {{ edge, pixels, canvas, width, svg }} = {FRONT};
                const paper = canvas.getBoundingClientRect();
                const dots = [...svg.querySelectorAll(".front-dot")].map((dot) => dot.getBoundingClientRect());
                const scale = paper.width / width;
                return edge.map((at, i) => [
                    [paper.left + pixels[2 * at] * scale, paper.top + pixels[2 * at + 1] * scale],
                    [(dots[i].left + dots[i].right) / 2, (dots[i].top + dots[i].bottom) / 2],
                ]); }}"""
        ):
            assert at == pytest.approx(box, abs=1), media
        height, across = best.run(f"() => [{FRONT}.canvas.offsetHeight, {FRONT}.canvas.offsetWidth]")
        ratio = best.run(f"() => {FRONT}.canvas.height / {FRONT}.canvas.width")
        assert height / across == pytest.approx(ratio, rel=0.01)


def test_on_paper_tables_have_heads_and_long_graphs_columns(browser: Any, spec_file: Any, tmp_path: Path) -> None:
    path = tmp_path / "deep.html"
    path.write_text(report(spec_file(DEEP)), encoding="utf-8")
    with Opened(browser, path, dark=True) as opened:
        opened.run("() => dispatchEvent(new Event('beforeprint'))")
        opened.page.emulate_media(media="print")
        # chromium repeats no head with buttons in it
        assert opened.page.locator("#layer-table thead button").count() == 0
        styles = "(tag) => getComputedStyle(document.querySelector(`#layer-table ${tag}`)).display"
        assert opened.run(styles, "thead") == "table-header-group" and opened.run(styles, "tfoot") == "table-row-group"
        sheets = opened.page.locator(".graph-sheet")
        assert sheets.count() > 1 and opened.page.locator(".graph-sheet >> nth=0 >> svg").count() > 2
        widths = opened.run(
            """() => [...document.querySelectorAll('.graph-sheet .face')]
                .map((face) => face.getBoundingClientRect().width)"""
        )
        assert len(widths) >= 170 and min(widths) > 70
        assert opened.run("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        opened.page.emulate_media(media="screen")
        opened.run("() => dispatchEvent(new Event('afterprint'))")
        assert sheets.count() == 0 and opened.page.locator("#layer-table thead button").count() > 5
        assert opened.messages == []


def test_the_front_keeps_to_the_batch_and_number_type_of_its_search(best: Opened, run: Any) -> None:
    card = best.page.inner_text("#winner")
    best.choose("batch", "8")
    best.choose("dtype", "int8")
    assert best.page.inner_text("#winner") == card
    assert "batch 1, float32, as searched" in best.page.inner_text("#front .lead")
    result = run(*best.page.inner_text("#winner-command").split()[1:], "--format", "json")
    wanted = json.loads(result.stdout)
    columns = best.run(
        f"""() => {{ const {{ variants, best }} = {FRONT};
            const columns = Object.entries(variants.columns);
            return Object.fromEntries(columns.map(([name, column]) => [name, column[best]])); }}"""
    )
    assert columns["peak_activation_bytes"] == wanted["totals"]["peak_activation_bytes"]
    assert columns["weight_bytes"] == wanted["totals"]["weight_bytes"]
    assert columns[f"seconds:{DEVICE}"] == pytest.approx(wanted["latency"]["predicted_ms"] * 1e-3, rel=1e-9)
    best.page.click("#set-winner")
    assert float(best.figures()["time-0"]) == pytest.approx(columns[f"seconds:{DEVICE}"], rel=1e-9)
    assert best.figures()["peak_activation_bytes"] == str(columns["peak_activation_bytes"])


def test_budgets_are_kept_and_reach_the_limit_that_was_asked_for(best: Opened) -> None:
    page = best.page
    page.select_option("#front select >> nth=0", label="Multiply-adds")
    page.focus("#budget")
    page.keyboard.press("PageDown")
    dragged = best.run(f"() => {FRONT}.budget")
    page.select_option("#front select >> nth=0", label=f"Predicted time, {DEVICE}")
    assert "budget 40 ms" in page.text_content("#budget")
    assert best.run(f"() => {FRONT}.budget") == pytest.approx(0.04)
    best.run("() => document.querySelector('#front select').dispatchEvent(new Event('change'))")
    assert best.run(f"() => {FRONT}.budget") == pytest.approx(0.04)
    page.select_option("#front select >> nth=0", label="Multiply-adds")
    assert best.run(f"() => {FRONT}.budget") == dragged


def test_a_tap_keeps_its_tip_until_the_next(browser: Any, searched: Path) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 800}, has_touch=True)
    try:
        page = context.new_page()
        page.goto(f"{searched.as_uri()}#front")
        page.wait_for_selector("html[data-ready]")

        def tap(chosen: str, nth: int = 0) -> str:
            page.locator(chosen).nth(nth).scroll_into_view_if_needed()
            page.wait_for_timeout(500)  # scrolling ends tips
            box = page.locator(chosen).nth(nth).bounding_box()
            page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.wait_for_timeout(100)
            assert page.is_visible("#tip"), chosen
            return str(page.inner_text("#tip"))

        assert "Source: " in tap(".published", 3)
        page.touchscreen.tap(180, 3)
        assert not page.is_visible("#tip")
        assert "share" in tap(".leaf", 2)
        page.evaluate("() => archcostPage.set({ selected: null })")
        assert "macs" in tap("tr[data-at='5'] td:nth-child(2)")
    finally:
        context.close()


def test_points_leaves_and_layers_by_arrow_keys(best: Opened) -> None:
    page, key = best.page, best.page.keyboard
    settled(best)
    page.focus("#walker")
    page.wait_for_timeout(700)  # until the page has scrolled to it
    key.press("Home")
    first = page.get_attribute("#walker", "aria-label")
    assert "α 0.25, 128 px" in first and page.get_attribute("#walker", "aria-describedby") == "tip"
    seen = {first}
    for _ in range(8):
        key.press("ArrowRight")
        seen.add(page.get_attribute("#walker", "aria-label"))
    assert len(seen) == 9 and any(text.startswith("Published") for text in seen)
    key.press("ArrowUp")
    assert tip(best).split("\n")[0] in page.get_attribute("#walker", "aria-label")
    assert page.inner_text("#said") == page.get_attribute("#walker", "aria-label")
    key.press("Escape")
    assert tip(best) == ""
    key.press("Enter")
    macs = best.run(f"() => {FRONT}.variants.columns.macs[{FRONT}.picked]")
    assert best.figures()["macs"] == str(macs)
    for box, count in ((".treemap", 28), ("#roofline svg", 28)):
        assert page.locator(f"{box} [tabindex='0']").count() == 1, box
        page.focus(f"{box} [tabindex='0']")
        key.press("Home")
        names = set()
        for _ in range(count):
            names.add(best.run("() => document.activeElement.dataset.mark"))
            key.press("ArrowRight")
        assert len(names) == count == page.locator(f"{box} [data-mark]").count()
        key.press("Enter")
        assert best.run("() => archcostPage.selected") == best.run("() => document.activeElement.dataset.mark")
        key.press("Enter")
    page.focus("#memory-cursor")
    key.press("Home")
    key.press("ArrowRight")
    key.press("Enter")
    assert best.run("() => archcostPage.selected") == "conv_bn_relu.batch_norm"
    settled(best)
    assert "has none of this cost" in page.inner_text("#where .lead")
    assert "has none of this cost" in page.inner_text("#roofline .lead")


def test_a_selection_shows_in_the_graph_and_ends_with_its_layer(browser: Any, pages: Any) -> None:
    with Opened(browser, pages("mobilenetv1", device=DEVICE)) as opened:
        settled(opened)
        name = "separable12.pointwise"
        opened.run("(name) => archcostPage.select(name)", name)
        settled(opened)
        node = opened.page.locator("#graph .node.selected")
        assert node.count() == 1 and name in node.get_attribute("aria-label")
        box, own = opened.page.locator(".graph-box").bounding_box(), node.bounding_box()
        assert box["y"] < own["y"] < box["y"] + box["height"]
        opened.slide("set-0", 0)
        assert opened.run("() => archcostPage.selected") is None
        costs = "() => [...document.querySelectorAll('#where select, #graph select')].map((field) => field.value)"
        opened.page.select_option("#graph select", "params")
        settled(opened)
        assert opened.run(costs)[::2] == ["params", "params"]
        assert "in a box" in opened.page.inner_text("#graph-scale")
        assert opened.messages == []


def test_a_chain_is_a_column_and_what_stays_closed_is_said(browser: Any, spec_file: Any, tmp_path: Path) -> None:
    path = tmp_path / "deep.html"
    path.write_text(report(spec_file(DEEP), device="nvidia-t4"), encoding="utf-8")
    with Opened(browser, path) as opened:
        settled(opened)
        opened.page.click("#graph-fold")
        assert "Opened 46 of 167 blocks" in opened.page.inner_text("#graph .lead")
        boxes = opened.run(f"() => [...{GRAPH}.placed.boxes.values()].map(({{ x, y }}) => [x, y])")
        assert len({round(x) for x, _ in boxes}) == 1
        assert all(below - above > 38 for (_, above), (_, below) in itertools.pairwise(boxes))
        steps = opened.run("() => document.querySelector('.memory-line').getAttribute('d').split(/[HVML]/).length")
        assert steps < 800 and "most of" in opened.page.inner_text("#memory .lead")
        assert opened.messages == []


def test_ticks_say_what_people_say(browser: Any, pages: Any, tmp_path: Path, spec_file: Any) -> None:
    ticks = """(chosen) => [...document.querySelectorAll(chosen)].map((tick) => tick.textContent)"""
    with Opened(browser, pages("resnet18", device="nvidia-t4")) as opened:
        settled(opened)
        up = opened.run(ticks, "#front .tick.end")
        assert {text.split()[1] for text in up} <= {"KiB", "MiB"}
        assert {text.split()[0] for text in up} <= {str(2**power) for power in range(10)}
        assert not [text for text in opened.run(ticks, ".tick") if text.split()[0].endswith(".0")]
    path = tmp_path / "short.html"
    path.write_text(report(spec_file("name: short\ninput: [3, 8, 8]\nlayers: [{conv: {out: 4, kernel: 1}}, relu]\n")))
    with Opened(browser, path) as opened:
        settled(opened)
        assert opened.run(ticks, "#memory .tick.middle") == ["1", "2"]
        assert "2 layers;" in opened.page.inner_text("#layers .lead")
        assert not opened.page.is_visible("#roofline .legend")
        assert "--device NAME" in opened.page.inner_text("#roofline")
        opened.page.fill("#filter", "nothing")
        assert "nothing" in opened.page.inner_text("#no-match")


def test_names_sort_by_their_numbers_and_shapes_by_size(browser: Any, pages: Any) -> None:
    with Opened(browser, pages("mobilenetv1")) as opened:
        settled(opened)
        opened.page.uncheck("#grouped")
        items = "() => archcostPage.parts.at(-1).part.items.map(({ layer }) => [layer.name, layer.output])"
        opened.page.click("[data-sort=name]")
        names = [name for name, _ in opened.run(items)]
        assert names.index("separable2.depthwise") < names.index("separable10.depthwise")
        opened.page.click("[data-sort=output]")
        sizes = [math.prod(shape) for _, shape in opened.run(items)]
        assert sizes == sorted(sizes)


@pytest.mark.parametrize("dark", [False, True])
def test_texts_stand_out_from_their_boxes(browser: Any, pages: Any, dark: bool) -> None:
    with Opened(browser, pages("mobilenetv1", device=DEVICE), dark=dark) as opened:
        settled(opened)
        least = opened.run(
            """() => {
                const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
                const light = (colour) => {
                    context.fillStyle = colour;
                    context.fillRect(0, 0, 1, 1);
                    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((part) => part / 255)
                        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
                };
                const fill = (element) => light(getComputedStyle(element).fill);
                const found = [];
                for (const box of document.querySelectorAll(".leaf, .node"))
                    for (const text of box.querySelectorAll("text")) {
                        const pair = [fill(text), fill(box.querySelector(".face") ?? box.querySelector("rect"))];
                        found.push(Math.max(...pair) / Math.min(...pair));
                    }
                return Math.min(...found);
            }"""
        )
        assert least >= 4.5


def test_all_networks_in_one_chart(browser: Any, pages: Any) -> None:
    with Opened(browser, pages(("mobilenetv1", "mobilenetv2"), device=DEVICE)) as opened:
        settled(opened)
        page = opened.page
        assert page.locator("#together .chart >> nth=0 >> .together-line").count() == 2
        marks = opened.run(
            """() => [...document.querySelectorAll('.together-mark')]
                .map((mark) => [mark.getAttribute('d'), mark.dataset.mark[0]])"""
        )
        assert len(set(map(tuple, marks))) == 2 and len(marks) > 60  # a shape for each network
        cells = page.locator("#kind-table tbody tr", has_text="depthwise").locator("td").all_inner_texts()
        wanted = [
            sum(x.macs for x in archcost.analyze(each).layers if x.groups and x.groups > 1)
            for each in ("mobilenetv1", "mobilenetv2")
        ]
        assert [cell.split()[0] for cell in cells] == [f"{macs / 1e6:.1f}" for macs in wanted]
        assert opened.messages == []


def test_without_scripts_the_page_says_so(browser: Any, pages: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(pages("mobilenetv1").as_uri())
        assert "JavaScript" in page.inner_text("body") and "Unpacking" not in page.inner_text("body")
    finally:
        context.close()
