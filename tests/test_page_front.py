"""The front of a page: what wins under a dragged budget is what a search says, and a point sets the knobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import archcost
from archcost import report
from tests.pages import Opened

SPACE = {"alpha": "0.25:1:0.05", "resolution": "128:224:32"}
PART = "archcostPage.parts.find(({ part }) => part.variants).part"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, run: Any) -> Path:
    """The folder of a search over two families."""
    folder = tmp_path_factory.mktemp("search") / "best"
    words = ("--alpha", SPACE["alpha"], "--resolution", SPACE["resolution"], "--budget", "200M")
    more = ("--device", "pixel3-cpu", "--max-latency", "9ms", "--out", folder)
    assert run("search", "mobilenetv1", "mobilenetv2", *words, *more).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def page(found: Path, pages: Any) -> Path:
    path: Path = pages(found, device="pixel3-cpu")
    return path


def best(opened: Opened) -> dict[str, Any]:
    row: dict[str, Any] = opened.run(
        f"""() => {{
            const {{ variants, best, x, y }} = {PART};
            const {{ spec, found }} = variants.settings(best);
            return {{ spec, ...found, macs: variants.columns.macs[best], accuracy: variants.columns.accuracy[best] }};
        }}"""
    )
    return row


def across(opened: Opened, axis: str) -> None:
    """Sets the front's axis across, along which the budget is."""
    opened.run(f"(x) => {PART}.axes({{ x }})", axis)


def into_view(opened: Opened) -> None:
    opened.page.locator("#front").scroll_into_view_if_needed()
    opened.run("() => document.getElementById('front').scrollIntoView({ behavior: 'instant' })")
    opened.page.wait_for_timeout(150)


def test_it_begins_at_the_search_s_winner(browser: Any, page: Path, found: Path) -> None:
    winner = json.loads((found / "result.json").read_text())["winner"]
    with Opened(browser, page) as opened:
        row = best(opened)
        assert (row["spec"], row["alpha"], row["resolution"]) == (winner["spec"], winner["alpha"], winner["resolution"])
        assert opened.run("() => archcostPage.now.totals.macs") == winner["macs"]
        assert "9.00 ms" in opened.page.inner_text("#winner")
        assert opened.messages == []


def test_under_each_budget_wins_what_a_search_finds(browser: Any, page: Path) -> None:
    with Opened(browser, page) as opened:
        across(opened, "macs")
        for budget in (15e6, 30e6, 61e6, 100e6, 150e6, 222e6, 300e6, 500e6):
            asked = {"max_latency": 9e-3, "device": "pixel3-cpu"}
            search = archcost.find(["mobilenetv1", "mobilenetv2"], budget=budget, **SPACE, **asked)  # type: ignore[arg-type]
            opened.run(f"(budget) => {PART}.setBudget(budget)", budget)
            row, winner = best(opened), search.winner
            assert (row["spec"], row["alpha"], row["resolution"]) == (
                winner["spec"],
                winner["alpha"],
                winner["resolution"],
            ), budget
            assert row["macs"] == winner["macs"]


def test_the_front_is_the_search_s(browser: Any, page: Path) -> None:
    rows = archcost.find(["mobilenetv1", "mobilenetv2"], budget=1e9, **SPACE).front  # type: ignore[arg-type]
    wanted = {(row["spec"], row["alpha"], row["resolution"][0]) for row in rows}
    with Opened(browser, page) as opened:
        across(opened, "macs")
        places = opened.run(
            f"""() => {{ const {{ variants, edge }} = {PART};
                return edge.map((at) => variants.settings(at)).map(({{ spec, found }}) =>
                    [spec, found.alpha, found.resolution[0]]); }}"""
        )
        assert set(map(tuple, places)) == wanted


def test_dragging_the_budget(browser: Any, page: Path) -> None:
    with Opened(browser, page) as opened:
        across(opened, "macs")
        into_view(opened)
        knob = opened.page.locator(".budget-knob").bounding_box()
        before, text = best(opened), opened.page.inner_text("#winner-name")
        mouse = opened.page.mouse
        mouse.move(knob["x"] + 7, knob["y"] + 12)
        mouse.down()
        mouse.move(knob["x"] - 120, knob["y"] + 5, steps=6)
        mouse.move(knob["x"] - 240, knob["y"] + 5, steps=6)
        mouse.up()
        after = best(opened)
        assert after["macs"] < before["macs"] and after["accuracy"] < before["accuracy"]
        assert opened.page.inner_text("#winner-name") != text
        budget = opened.run(f"() => {PART}.budget")
        assert after["macs"] <= budget
        assert float(opened.page.get_attribute("#budget", "aria-valuenow")) == pytest.approx(budget)


def test_a_click_on_a_point_sets_the_knobs(browser: Any, page: Path, run: Any) -> None:
    with Opened(browser, page) as opened:
        into_view(opened)
        at = opened.run(f"() => {PART}.edge[3]")
        box = opened.page.locator(".plot").bounding_box()
        x, y = opened.run(f"(at) => [{PART}.pixels[2 * at], {PART}.pixels[2 * at + 1]]", at)
        opened.page.mouse.click(box["x"] + x, box["y"] + y)
        picked = opened.run(f"() => {PART}.picked")
        macs, params = opened.run(
            f"(at) => [{PART}.variants.columns.macs[at], {PART}.variants.columns.params[at]]", picked
        )
        figures = opened.figures()
        assert (figures["macs"], figures["params"]) == (str(macs), str(params))
        result = run(*opened.page.inner_text("#picked-command").split()[1:], "--format", "json")
        assert json.loads(result.stdout)["totals"]["macs"] == macs


def test_axes_and_sources(browser: Any, page: Path) -> None:
    with Opened(browser, page) as opened:
        titles = opened.page.locator("#front select").first.inner_text()
        assert "Predicted time, pixel3-cpu" in titles and "Peak activation memory" in titles
        opened.page.select_option("#front select >> nth=0", label="Parameters")
        opened.page.select_option("#front select >> nth=1", label="Predicted time, pixel3-cpu")
        names = ("params", "seconds:pixel3-cpu")
        columns = [opened.run(f"(name) => [...{PART}.variants.columns[name]]", name) for name in names]
        points = [*zip(*columns, strict=True)]
        wanted = {p for p in points if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in points)}
        assert {points[at] for at in opened.run(f"() => {PART}.edge")} == wanted
        into_view(opened)
        opened.page.select_option("#front select >> nth=1", label="Top-1 accuracy, %")
        box = opened.page.locator(".published").nth(4).bounding_box()
        opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert "Source: " in opened.page.inner_text("#tip")
        assert opened.messages == []


def test_every_variant_has_its_figures(browser: Any, page: Path) -> None:
    """Twenty of them, against the analysis."""
    with Opened(browser, page) as opened:
        rows = opened.run(
            f"""() => {{ const {{ variants }} = {PART}; const step = Math.floor(variants.count / 20);
                return Array.from({{ length: 20 }}, (_, i) => {{
                    const at = i * step;
                    const {{ spec, found }} = variants.settings(at);
                    const of = (name) => variants.columns[name][at];
                    return {{ spec, found, macs: of("macs"), params: of("params"), peak: of("peak_activation_bytes"),
                        weights: of("weight_bytes"), seconds: of("seconds:pixel3-cpu") }};
                }}); }}"""
        )
        for row in rows:
            found = row["found"]
            parameters = {name: value for name, value in found.items() if name not in ("alpha", "resolution")}
            given = {"alpha": str(found["alpha"]), "resolution": tuple(found["resolution"]), "parameters": parameters}
            one = archcost.analyze(row["spec"], **given, device="pixel3-cpu")
            assert (row["macs"], row["params"]) == (one.macs, one.params)
            assert (row["peak"], row["weights"]) == (one.peak_activation_bytes, one.weight_bytes)
            assert row["seconds"] == pytest.approx(one.latency.seconds, rel=1e-9)  # type: ignore[union-attr]


def test_measured_times_and_own_accuracies_of_a_result(browser: Any, found: Path, tmp_path: Path) -> None:
    """What nobody knows is a gap, never zero."""
    data = json.loads((found / "result.json").read_text())
    data["accuracies"] = ["mobilenetv1: own, 3 points", "mobilenetv2: no accuracy is known"]
    data["published"] = []
    for number, row in enumerate(data["front"]):
        row["measured_ms"] = None if number else 12.5
        row["accuracy"] = 50 + number if number < 3 else None
    data["winner"] = data["front"][0]
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps(data))
    path = tmp_path / "own.html"
    path.write_text(report(folder), encoding="utf-8")
    with Opened(browser, path) as opened:
        columns = opened.run(
            f"""() => {{ const {{ columns }} = {PART}.variants;
                const known = (name) => [...columns[name]].filter((value) => !Number.isNaN(value));
                const all = columns.accuracy.length;
                return {{ accuracy: known("accuracy"), measured: known("measured"), all }}; }}"""
        )
        assert sorted(columns["accuracy"])[:3] == [50, 51, 52] and len(columns["accuracy"]) < columns["all"]
        assert columns["measured"] == [0.0125]
        assert "have no known accuracy" in opened.page.inner_text("#front .lead")
        assert "Measured time" in opened.page.locator("#front select").first.inner_text()
        assert opened.messages == []


def test_without_known_accuracies_cost_stands_against_cost(browser: Any, pages: Any) -> None:
    with Opened(browser, pages("resnet18")) as opened:
        assert opened.run(f"() => {PART}.y") == "peak_activation_bytes"
        assert opened.run(f"() => {PART}.edge.length") > 0
        assert opened.messages == []


def test_of_more_variants_than_a_page_holds_those_that_the_search_named(browser: Any, tmp_path: Path) -> None:
    search = archcost.find(["mobilenetv1"], budget="300M", alpha="0.25:1:0.0001", resolution="128:224:1")
    (tmp_path / "result.json").write_text(json.dumps(search.to_dict()))
    path = tmp_path / "many.html"
    path.write_text(report(tmp_path, device="pixel3-cpu"), encoding="utf-8")
    with Opened(browser, path) as opened:
        assert "that the search named" in opened.page.inner_text("#front .lead")
        row, winner = best(opened), search.winner
        assert (row["alpha"], row["resolution"]) == (winner["alpha"], winner["resolution"])
        assert opened.messages == []
