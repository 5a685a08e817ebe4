"""Parameters on a page: many of them, without choices, given by the reference, and those that it has no room for."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import archcost
from archcost import report
from archcost.errors import ArchcostError
from archcost.reports.page import networks
from tests.pages import Opened

PART = "archcostPage.parts.find(({ part }) => part.variants).part"
MANY = """
name: many
input: [3, 32, 32]
parameters:
  a: {default: 1, choices: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}
  b: {default: 1, choices: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}
layers:
  - {conv: {out: 8, kernel: 3, stride: 2}}
  - {conv: {out: 8 * $b, kernel: 3}, repeat: $a}
  - global_avg_pool
  - linear: {out: 10, scale: fixed}
"""
FREE = """
name: free
input: [3, 32, 32]
parameters:
  depth: {default: 2, choices: [0, 1, 2, 3]}
  free: {default: 24, help: no choices}
layers:
  - {conv: {out: 16, kernel: 3}, repeat: $depth}
  - pointwise: {out: $free}
  - global_avg_pool
  - linear: {out: 10, scale: fixed}
"""


def written(tmp_path: Path, source: Any, **asked: Any) -> Path:
    path = tmp_path / "page.html"
    path.write_text(report(source, **asked), encoding="utf-8")
    return path


def same_as_its_command(opened: Opened, run: Any) -> list[str]:
    """Runs the page's command line, whose totals must be the page's; its words."""
    words = shlex.split(opened.page.text_content("#command"))
    result = run(*words[1:], "--format", "json")
    assert result.exit_code == 0, result.output
    totals = json.loads(result.stdout)["totals"]
    figures = opened.figures()
    for name in ("macs", "params", "weight_bytes", "peak_activation_bytes"):
        assert figures[name] == str(totals[name]), (words, name)
    return words


def test_all_of_many_combinations_are_there(browser: Any, spec_file: Any, tmp_path: Path, run: Any) -> None:
    with Opened(browser, written(tmp_path, spec_file(MANY))) as opened:
        assert opened.run("() => archcostPage.network.sets.length") == 144
        opened.slide("set-0", 4)
        opened.slide("set-1", 11)
        assert [opened.page.text_content(f"#value-set-{at}") for at in (0, 1)] == ["5", "12"]  # neither was set back
        assert "a=5" in same_as_its_command(opened, run)
        assert opened.messages == []


def test_what_a_page_has_no_room_for_is_said(
    browser: Any, spec_file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "WORK", 600)
    spec = spec_file(MANY)
    with Opened(browser, written(tmp_path, spec)) as opened:
        held = opened.run("() => archcostPage.network.sets")
        assert len(held) < 144 and [11, 0] in held and [0, 11] in held and [11, 11] not in held
        at = opened.run(
            f"""() => {{ const {{ variants }} = {PART};
                const found = (i) => variants.settings(i).found;
                const places = Array.from({{ length: variants.count }}, (_, i) => i);
                const at = places.find((i) => found(i).a === 12 && found(i).b === 12);
                {PART}.choose(at); return at; }}"""
        )
        assert opened.page.locator("#nothing").count() == 0
        assert f"holds {len(held)} of 144" in opened.page.inner_text("#absent")
        command = shlex.split(opened.page.text_content("#absent-command"))
        assert "a=12" in command and "b=12" in command
        macs = opened.run(f"(at) => {PART}.variants.columns.macs[at]", at)
        assert opened.figures()["macs"] == str(macs)  # its totals are known all the same
        settings = opened.run(f"(at) => {PART}.variants.settings(at).found", at)
        one = archcost.analyze(
            spec,
            alpha=str(settings["alpha"]),
            resolution=tuple(settings["resolution"]),
            parameters={"a": 12, "b": 12},
        )
        assert one.macs == macs
        opened.slide("set-0", 0)
        assert opened.page.locator("#absent").count() == 0
        assert opened.messages == []


def test_given_values_are_on_the_page_and_in_its_command(
    browser: Any, spec_file: Any, tmp_path: Path, run: Any
) -> None:
    with Opened(browser, written(tmp_path, f"{spec_file(FREE)}@free=40,depth=3")) as opened:
        assert {"free=40", "depth=3"} <= set(same_as_its_command(opened, run))
        assert "declares no choices" in opened.page.inner_text("#why-set-1")
        opened.run("(at) => document.getElementById('set-winner').click()")
        assert "free=40" in same_as_its_command(opened, run)
        free = opened.run(f"() => {PART}.variants.settings({PART}.best).found.free")
        assert free == 40
        assert "free=40" in opened.page.text_content("#winner-command")
        assert opened.messages == []


def test_values_that_a_search_went_through_are_a_knob(browser: Any, spec_file: Any, tmp_path: Path, run: Any) -> None:
    spec, folder = spec_file(FREE), tmp_path / "found"
    words = ("--set", "free=16,48,32", "--maximize", "params", "--against", "macs", "--budget", "5M", "--out", folder)
    assert run("search", spec, "--alpha", "0.5,1", "--resolution", "32", *words).exit_code == 0
    with Opened(browser, written(tmp_path, folder)) as opened:
        knob = opened.run("() => archcostPage.network.knobs.parameters[1]")
        assert knob["values"] == [16, 32, 48]
        for place in (0, 1, 2):
            opened.slide("set-1", place)
            assert f"free={knob['values'][place]}" in same_as_its_command(opened, run)
        assert opened.messages == []


def test_widths_that_cannot_exist_are_no_same_network(browser: Any, spec_file: Any, tmp_path: Path) -> None:
    text = (
        "name: grouped\ninput: [8, 16, 16]\nlayers:\n  - conv: {out: 8, kernel: 3}\n"
        "  - conv: {out: 8, kernel: 3, groups: 8, scale: fixed}\n  - global_avg_pool\n"
    )
    with Opened(browser, written(tmp_path, spec_file(text), alpha="0.5:1:0.05")) as opened:
        runs = opened.run("() => archcostPage.runs()")
        there = opened.run(
            """() => archcostPage.network.knobs.alpha.values.map((_, alpha) =>
                archcostPage.network.at({ ...archcostPage.knobs[0], alpha }, 1, "float32") !== null)"""
        )
        assert not all(there) and any(there)
        assert all(there[at] for first, last in runs if last > first for at in range(first, last + 1))
        opened.slide("alpha", 0)
        assert opened.page.text_content("#same-alpha") == ""
        assert opened.messages == []


def test_numbers_are_refused_only_where_they_are_too_large(spec_file: Any, browser: Any, tmp_path: Path) -> None:
    big = (
        "name: big\ninput: [3, 2048, 2048]\nlayers:\n  - conv: {out: 512, kernel: 3}\n"
        "  - conv: {out: OUT, kernel: KERNEL}\n  - global_avg_pool\n  - linear: {out: 10, scale: fixed}\n"
    )
    spec = spec_file(big.replace("OUT", "2048").replace("KERNEL", "3"))
    with Opened(browser, written(tmp_path, spec)) as opened:
        assert opened.figures()["macs"] == str(archcost.analyze(spec).macs)
        opened.slide("alpha", opened.run("() => archcostPage.network.knobs.alpha.values.length - 1"))
        alpha = opened.run("() => archcostPage.network.knobs.alpha.values.at(-1)")
        assert alpha == 2 and opened.figures()["macs"] == str(archcost.analyze(spec, alpha=2).macs)
    spec = spec_file(big.replace("OUT", "4096").replace("KERNEL", "11"))
    with Opened(browser, written(tmp_path, spec)) as opened:  # larger ones than its own are beyond 2^53
        assert opened.figures()["macs"] == str(archcost.analyze(spec).macs)
        knobs = opened.run("() => archcostPage.network.knobs")
        assert "beyond 2^53" in knobs["alpha"]["note"] + knobs["resolution"]["note"]
        assert opened.messages == []
    spec = spec_file(big.replace("OUT", "500000").replace("KERNEL", "31"))
    with pytest.raises(ArchcostError, match=r"2\^53"):
        report(spec)
