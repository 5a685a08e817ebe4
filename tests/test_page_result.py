"""A search's result on a page: its winner by its own objectives, limits and device, whatever was asked, and read with
care where somebody wrote in it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import archcost
from archcost import report
from archcost.errors import ArchcostError
from tests.pages import Opened

PART = "archcostPage.parts.find(({ part }) => part.variants).part"
SPACE = ("--alpha", "0.25:1:0.05", "--resolution", "128:224:32")
SEARCHES = {
    "accuracy": ("mobilenetv1", "--budget", "200M"),
    "least accuracy": ("mobilenetv1", "--min-accuracy", "66"),
    "predicted": ("mobilenetv1", "mobilenetv2", "--device", "rk3399-tflite", "--max-latency", "60ms", "--batch", "2"),
    "macs": ("mobilenetv1", "--maximize", "macs", "--against", "memory", "--max-params", "2M"),
    "params": ("mobilenetv2", "--maximize", "params", "--against", "macs", "--budget", "100M", "--dtype", "int8"),
    "not in place": ("mobilenetv2", "--maximize", "params", "--max-peak-memory", "4MiB", "--no-inplace"),
}
FIGURES = ("macs", "params", "weight_bytes", "peak_activation_bytes")


def searched(run: Any, tmp_path: Path, *words: str) -> Path:
    folder = tmp_path / "found"
    result = run("search", *words, *SPACE, "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


def changed(folder: Path, **content: Any) -> Path:
    """The same result with some of its content changed."""
    file = folder / "result.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **content}))
    return folder


@pytest.mark.parametrize("kind", SEARCHES)
def test_the_winner_is_the_search_s_and_its_command_says_so(browser: Any, run: Any, tmp_path: Path, kind: str) -> None:
    folder = searched(run, tmp_path, *SEARCHES[kind])
    content = json.loads((folder / "result.json").read_text())
    winner = content["winner"]
    said: list[str] = []
    path = tmp_path / "page.html"
    path.write_text(report(folder, warn=said.append), encoding="utf-8")
    assert said == []  # what is computed here is what the search had
    with Opened(browser, path) as opened:
        at, computed, objectives = opened.run(
            f"""() => {{ const {{ variants, x, y, best, budget }} = {PART};
                const loose = variants.least(x) ? -Infinity : Infinity;
                const limit = variants.limits.find(([name]) => name === x)?.[1] ?? loose;
                return [variants.settings(best), variants.settings(variants.winner(x, y, limit)), [y, x]]; }}"""
        )
        assert at == computed
        own = {"alpha": winner["alpha"], "resolution": winner["resolution"], **winner["parameters"]}
        assert (at["spec"], at["found"]) == (winner["spec"], own)
        wanted = [name.removeprefix("+").replace("seconds", "seconds:rk3399-tflite") for name in content["objectives"]]
        assert objectives == wanted[:2]
        result = run(*shlex.split(opened.page.text_content("#winner-command"))[1:], "--format", "json")
        told = json.loads(result.stdout)
        assert {name: told["totals"][name] for name in FIGURES} == {name: winner[name] for name in FIGURES}
        if winner["predicted_ms"] is not None:
            assert told["latency"]["predicted_ms"] == pytest.approx(winner["predicted_ms"], rel=1e-5)
        opened.page.click("#set-winner")
        figures = opened.figures()
        assert {name: figures[name] for name in FIGURES} == {name: str(winner[name]) for name in FIGURES}
        assert opened.messages == []


def test_a_budget_of_accuracy_is_a_least(browser: Any, run: Any, tmp_path: Path) -> None:
    folder = searched(run, tmp_path, *SEARCHES["least accuracy"])
    path = tmp_path / "page.html"
    path.write_text(report(folder), encoding="utf-8")
    with Opened(browser, path) as opened:
        for least in (50.0, 60.0, 69.0):
            opened.run(f"(least) => {PART}.setBudget(least)", least)
            row = archcost.find(
                ["mobilenetv1"], min_accuracy=least, alpha="0.25:1:0.05", resolution="128:224:32"
            ).winner
            found = opened.run(f"() => {PART}.variants.settings({PART}.best).found")
            assert (found["alpha"], found["resolution"]) == (row["alpha"], row["resolution"]), least
        edge = opened.run(
            f"() => {PART}.edge.map((at) => ['accuracy', 'macs'].map((n) => {PART}.variants.columns[n][at]))"
        )
        assert edge == sorted(edge, reverse=True)
        assert opened.messages == []


def test_measured_times_keep_their_limit(browser: Any, run: Any, tmp_path: Path) -> None:
    """As a search on a device at hand writes them."""
    folder = searched(run, tmp_path, *SEARCHES["macs"])
    content = json.loads((folder / "result.json").read_text())
    front = content["front"]
    for place, row in enumerate(front):
        row |= {"measured_ms": 20.0 - place, "predicted_ms": 21.0 - place}
    winner, timed = front[3], front[-1]
    limits = {"latency_ms": winner["measured_ms"]}
    device = {"name": "A CPU <b>", "device": "cpu", "mode": "eager", "dtype": "float32", "measured": True}
    changed(
        folder,
        winner=winner,
        front=front[3:-1],
        timed=[timed],
        equals=[],
        constraints=limits,
        device=device,
        objectives=["+macs", "measured"],
    )
    path = tmp_path / "page.html"
    path.write_text(report(folder, device="pixel3-cpu"), encoding="utf-8")
    with Opened(browser, path) as opened:
        found = opened.run(
            f"""() => {{ const {{ variants, x, y, best, budget }} = {PART};
                const known = [...variants.columns.measured].filter((value) => value === value);
                return {{ x, y, limits: variants.limits, known: known.length, macs: variants.columns.macs[best],
                    predicted: variants.columns["seconds:A CPU <b>"][best],
                    without: variants.winner(x, y, variants.limits[0][1]) === best }}; }}"""
        )
        assert (found["x"], found["y"]) == ("measured", "macs")
        assert found["limits"] == [["measured", pytest.approx(winner["measured_ms"] * 1e-3)]]
        assert found["macs"] == winner["macs"] and found["without"]
        assert found["predicted"] == pytest.approx(winner["predicted_ms"] * 1e-3)
        assert found["known"] == len(front) - 3  # those that the search timed off its front are there too
        assert opened.messages == []


def test_several_devices_have_their_limits_each(browser: Any, run: Any, tmp_path: Path) -> None:
    asked = ("--max-latency", "rk3399-tflite=60ms", "--max-latency", "pixel3-cpu=9ms")
    folder = searched(run, tmp_path, "mobilenetv1", "--budget", "400M", *asked)
    winner = json.loads((folder / "result.json").read_text())["winner"]
    path = tmp_path / "page.html"
    path.write_text(report(folder), encoding="utf-8")
    with Opened(browser, path) as opened:
        assert opened.run("() => archcostPage.page.devices.map(({ name }) => name)") == ["rk3399-tflite", "pixel3-cpu"]
        found = opened.run(
            f"""() => {{ const {{ variants, x, budget }} = {PART};
                const at = variants.winner(x, "accuracy", variants.limits.find(([name]) => name === x)[1]);
                return {{ limits: Object.fromEntries(variants.limits), macs: variants.columns.macs[at] }}; }}"""
        )
        limits = {"seconds:rk3399-tflite": 0.06, "seconds:pixel3-cpu": 0.009, "macs": 4e8}
        assert found["limits"] == pytest.approx(limits)
        assert found["macs"] == winner["macs"]
        assert opened.messages == []


def test_a_limit_that_nothing_here_can_be_held_against_is_said(browser: Any, run: Any, tmp_path: Path) -> None:
    folder = searched(run, tmp_path, *SEARCHES["predicted"])
    content = json.loads((folder / "result.json").read_text())
    rows = [{**row, "predicted_ms": None} for row in content["front"]]
    changed(
        folder,
        device={**content["device"], "name": "mine"},
        winner={**content["winner"], "predicted_ms": None},
        front=rows,
        equals=[],
    )
    said: list[str] = []
    path = tmp_path / "page.html"
    path.write_text(report(folder, warn=said.append), encoding="utf-8")
    assert any("mine is no profile here" in each for each in said)
    with Opened(browser, path) as opened:
        lead = opened.page.inner_text("#front .lead")
        assert "time on mine cannot be held" in lead
        macs = opened.run(f"() => {PART}.variants.columns.macs[{PART}.best]")
        assert macs == content["winner"]["macs"]
        assert opened.messages == []


def test_figures_that_are_others_here_are_said(browser: Any, run: Any, tmp_path: Path) -> None:
    folder = searched(run, tmp_path, *SEARCHES["not in place"])
    content = json.loads((folder / "result.json").read_text())
    assert content["inplace"] is False
    del content["inplace"]
    (folder / "result.json").write_text(json.dumps(content))  # as an early version wrote it
    path = tmp_path / "page.html"
    result = run("report", folder, "-o", path)
    assert result.exit_code == 0
    assert "says otherwise" in result.output and "peak_activation_bytes" in result.output
    with Opened(browser, path) as opened:
        assert "peak_activation_bytes" in opened.page.inner_text("#front .notes .warning >> nth=0")
    assert run("report", folder, "--no-inplace", "-o", path).output == ""


@pytest.mark.parametrize(
    "content",
    [
        {"front": [None]},
        {"front": [5]},
        {"winner": {"spec": "mobilenetv1"}},
        {"constraints": {"macs": float("nan")}},
        {"constraints": {"macs": "7"}},
        {"constraints": {"macs": -5}},
        {"inplace": "no"},
        {"constraints": {"speed": 7}},
        {"objectives": ["beauty"]},
        {"device": "cpu"},
        {"space": [None]},
    ],
)
def test_what_is_no_result_is_named(run: Any, tmp_path: Path, content: dict[str, Any]) -> None:
    folder = changed(searched(run, tmp_path, *SEARCHES["accuracy"]), **content)
    with pytest.raises(ArchcostError, match="is not what `archcost search --out` writes"):
        report(folder)


def test_a_figure_that_is_no_number_is_named_and_one_without_end_a_gap(run: Any, tmp_path: Path, browser: Any) -> None:
    folder = searched(run, tmp_path, *SEARCHES["accuracy"])
    content = json.loads((folder / "result.json").read_text())
    with pytest.raises(ArchcostError, match="measured_ms is '7'"):
        report(changed(folder, winner={**content["winner"], "measured_ms": "7"}))
    front = [{**row, "measured_ms": float("inf")} for row in content["front"]]
    changed(folder, winner={**content["winner"], "measured_ms": float("nan")}, front=front)
    path = tmp_path / "page.html"
    path.write_text(report(folder), encoding="utf-8")
    with Opened(browser, path) as opened:
        assert "measured" not in opened.run(f"() => Object.keys({PART}.variants.axes)")
        assert opened.messages == []


def test_nothing_on_the_front_is_no_number(browser: Any, spec_file: Any, tmp_path: Path) -> None:
    """Of networks that cost nothing, too."""
    path = tmp_path / "page.html"
    text = "name: nothing\ninput: [3, 32, 32]\nlayers:\n  - max_pool: {kernel: 2, stride: 2}\n  - global_avg_pool\n"
    path.write_text(report(spec_file(text), device="pixel3-cpu"), encoding="utf-8")
    with Opened(browser, path) as opened:
        opened.page.locator("#front").scroll_into_view_if_needed()
        opened.page.wait_for_timeout(200)
        for axis in ("macs", "params", "seconds:pixel3-cpu"):
            opened.run(f"(x) => {PART}.axes({{ x }})", axis)
            opened.page.locator("#budget").press("ArrowLeft")
        wrong = opened.run(
            """() => [...document.querySelectorAll("#main *")].flatMap((each) => [...each.attributes])
                .filter(({ value }) => /NaN|Infinity|undefined/.test(value))
                .map(({ name, value }) => `${name}=${value}`)"""
        )
        assert wrong == []
        assert opened.messages == []


def test_a_spec_is_found_around_the_result(
    run: Any, spec_file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "name: near\ninput: [3, 32, 32]\nlayers:\n  - conv: {out: 8, kernel: 3}\n  - global_avg_pool\n"
    spec_file(text, "near.yaml")
    monkeypatch.chdir(tmp_path)
    words = ("--maximize", "params", "--budget", "1G", "--resolution", "32,64", "--out", "found/best")
    assert run("search", "near.yaml", *words).exit_code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "near" in report("../found/best")
    assert "near" in report(tmp_path / "found" / "best")
    assert run("compare", "../found/best", "mobilenetv1", "-o", "page.html").exit_code == 0
    (tmp_path / "near.yaml").rename(tmp_path / "far.yaml")
    with pytest.raises(ArchcostError, match=r"found/best: the search was of near\.yaml"):
        report("../found/best")


def test_a_winner_stands_beside_others(browser: Any, run: Any, tmp_path: Path) -> None:
    folder = searched(run, tmp_path, *SEARCHES["accuracy"])
    winner = json.loads((folder / "result.json").read_text())["winner"]
    path = tmp_path / "page.html"
    path.write_text(report([folder, "mobilenetv1"]), encoding="utf-8")
    with Opened(browser, path) as opened:
        assert opened.figures()["macs"] == str(winner["macs"])
        opened.choose("network", "mobilenetv1")
        assert opened.figures()["macs"] == str(archcost.analyze("mobilenetv1").macs)
        assert opened.messages == []


@pytest.mark.parametrize("source", [[], None, 5, "", ["mobilenetv1", None]])
def test_what_names_no_network_is_refused(source: Any) -> None:
    with pytest.raises(ArchcostError, match="name one"):
        report(source)


def test_one_value_is_enough(tmp_path: Path) -> None:
    for asked in ({"alpha": 0.5}, {"resolution": 128}, {"alpha": "0.5", "resolution": "128"}):
        assert report("mobilenetv1", **asked).startswith("<!doctype html>")


def test_devices_without_a_dtype_in_common(browser: Any, tmp_path: Path, run: Any) -> None:
    path = tmp_path / "page.html"
    words = ("--device", "pixel3-cpu", "--device", "nvidia-rtx3090", "--device", "nvidia-t4")
    assert run("report", "mobilenetv1", *words, "-o", path).exit_code == 0
    with Opened(browser, path) as opened:
        dtype = opened.run("() => archcostPage.dtype")
        fits = opened.run("() => archcostPage.page.devices.map(({ fits }) => Object.keys(fits))")
        has = [dtype in each for each in fits]
        assert sum(has) == max(sum(other in each for each in fits) for other in ("float32", "float16", "int8"))
        for place, there in enumerate(has):
            text = opened.page.inner_text(f".tile:has(#total-time-{place})")
            assert ("no times in" in text) != there
        assert opened.messages == []
