"""`archcost check`: a gate whose verdict, figures and exit code agree."""

from __future__ import annotations

import csv
import io
import json

import pytest

import archcost
from archcost.analysis.limits import FIGURES
from archcost.errors import ArchcostError
from archcost.reports import check as report

LIMITS = ("--max-macs", "300M", "--max-params", "4.5M", "--max-weights", "1MiB", "--max-peak-memory", "320KiB")


def test_what_holds_and_what_does_not(run):
    result = run("check", "mobilenetv1", *LIMITS, "--dtype", "int8", "--format", "json")
    data = json.loads(result.stdout)
    assert result.exit_code == 1 and data["ok"] is False
    assert data["settings"]["dtype"] == "int8"
    figures = {row["name"]: (row["value"], row["limit"], row["ok"], row["excess"]) for row in data["limits"]}
    assert figures == {
        "max_macs": (568_740_352, 300_000_000, False, 268_740_352),
        "max_params": (4_231_976, 4_500_000, True, -268_024),
        "max_weights": (4_253_864, 2**20, False, 3_205_288),
        "max_peak_memory": (1_204_224, 320 * 1024, False, 876_544),
    }
    assert all(row["percent"] == pytest.approx(100 * row["excess"] / row["limit"]) for row in data["limits"])


@pytest.mark.parametrize("name", FIGURES)
def test_a_limit_holds_up_to_its_own_value(name):
    result = archcost.analyze("mobilenetv2", dtype="int8")
    value = result.totals[FIGURES[name]]
    assert result.check(**{name: value}).ok
    (limit,) = result.check(**{name: value - 1}).exceeded
    assert (limit.excess, limit.figure) == (1, FIGURES[name])


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json"])
def test_every_form_exits_1_where_a_limit_is_exceeded_and_0_where_none_is(run, form):
    assert run("check", "mobilenetv1", "--max-macs", "568740351", "--format", form).exit_code == 1
    result = run("check", "mobilenetv1", "--max-macs", "568740352", "--format", form)
    assert result.exit_code == 0 and "568" in result.stdout


def test_table_says_by_how_much_in_80_columns(run):
    shown = run("check", "mobilenetv1", *LIMITS, "--dtype", "int8").stdout
    assert "EXCEEDED by 268,740,352 (89.58 %)" in shown and "holds, 268,024 (5.96 %) to spare" in shown
    assert "3 of 4 limits exceeded." in shown
    result = archcost.analyze("mobilenetv1", dtype="int8")
    text = report.text(result.check(max_macs="300M", max_weights="1MiB"), 80)
    assert max(map(len, text.split("\n"))) <= 80


def test_a_hair_is_not_nothing(run):
    """568,740,352 macs."""
    said = {
        568740353: "holds, 1 (less than 0.01 %) to spare",
        568740352: "holds, just",
        568740351: "EXCEEDED by 1 (less than 0.01 %)",
    }
    for limit, words in said.items():
        shown = run("check", "mobilenetv1", "--max-macs", str(limit)).stdout
        assert words in shown and "0.00" not in shown


PARTIAL = """
name: part
imported: {origin: somewhere, partial: [fft_fft]}
input: [4, 4]
layers:
  - linear: {out: 5}
  - traced: {operator: fft_fft, reads: [[4, 5]], sizes: [4, 5]}
"""


class TestPartial:
    """4 rows of 4 to 5: 80 macs that are counted."""

    def test_what_nobody_knows_does_not_hold(self, run, spec_file):
        path = spec_file(PARTIAL)
        result = run("check", path, "--max-macs", "1M", "--max-params", "1M")
        assert result.exit_code == 1 and "All limits hold" not in result.stdout
        assert "macs: not known to hold, as nobody knows the multiply-adds of fft_fft." in result.stdout
        data = json.loads(run("check", path, "--max-macs", "1M", "--max-params", "1M", "--format", "json").stdout)
        assert data["ok"] is False and [row["ok"] for row in data["limits"]] == [None, True]

    def test_what_is_counted_may_be_too_much_already(self, run, spec_file):
        result = run("check", spec_file(PARTIAL), "--max-macs", "79")
        assert result.exit_code == 1 and "EXCEEDED by 1 (1.27 %) or more" in result.stdout

    def test_limits_on_what_is_known_hold(self, run, spec_file):
        assert run("check", spec_file(PARTIAL), "--max-params", "1M", "--max-peak-memory", "1MiB").exit_code == 0

    def test_python(self, spec_file):
        found = archcost.analyze(spec_file(PARTIAL)).check(max_macs=80)
        assert not found.ok and not found.exceeded and [limit.name for limit in found.unknown] == ["max_macs"]


def test_csv_and_markdown_hold_the_same(run):
    rows = list(csv.DictReader(io.StringIO(run("check", "resnet18", *LIMITS, "--format", "csv").stdout)))
    data = json.loads(run("check", "resnet18", *LIMITS, "--format", "json").stdout)["limits"]
    assert [{name: str(value) for name, value in row.items()} for row in data] == rows
    assert "| macs | 1,814,073,344 | 300,000,000 |" in run("check", "resnet18", *LIMITS, "--format", "markdown").stdout


def test_settings_count(run):
    small = ("check", "mobilenetv1", "--alpha", "0.25", "--resolution", "96", "--set", "depth=0")
    assert run(*small, "--dtype", "int8", "--max-peak-memory", "320KiB", "--max-weights", "1MiB").exit_code == 0
    assert run("check", "mobilenetv1@alpha=0.25,resolution=96", "--max-macs", "10M").exit_code == 0
    one, four = (
        json.loads(
            run("check", "mobilenetv1", "--batch", batch, "--max-peak-memory", "1GiB", "--format", "json").stdout
        )
        for batch in (1, 4)
    )
    assert four["limits"][0]["value"] == 4 * one["limits"][0]["value"]


def test_budget_is_another_name_as_in_search(run):
    assert run("check", "mobilenetv1", "--budget", "300M").exit_code == 1


def test_output_goes_to_a_file_by_its_ending(run, tmp_path):
    path = tmp_path / "check.json"
    assert run("check", "mobilenetv1", "--max-macs", "1M", "-o", path).exit_code == 1
    assert json.loads(path.read_text())["ok"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to check; give --max-macs, --max-params, --max-weights, --max-peak-memory"),
        (["--max-macs", "lots"], "--max-macs: `lots` is no amount"),
        (["--max-macs", "300MB"], "--max-macs: `300MB` is no amount"),
        (["--max-macs", "-5"], "must be greater than 0"),
        (["--max-macs", "0"], "must be greater than 0"),
        (["--max-macs", "nan"], "is no amount"),
        (["--max-macs", "1e999"], "--max-macs"),
        (["--max-weights", "4M"], "--max-weights: `4M` is no amount; write 4MiB"),
        (["--max-peak-memory", ""], "--max-peak-memory"),
        (["--max-params", "1M", "--alpha", "-1"], "alpha must be greater than 0"),
        (["--max-params", "1M", "--set", "depht=1"], "did you mean `depth`"),
    ],
)
def test_bad_input_exits_2(run, words, said):
    result = run("check", "mobilenetv1", *words)
    assert result.exit_code == 2 and said in result.stderr
    assert result.stdout == ""


def test_a_broken_spec_exits_2(run, spec_file):
    result = run("check", spec_file("name: x\ninput: [3, 8, 8]\nlayers: [relv]\n"), "--max-macs", "1M")
    assert result.exit_code == 2 and "did you mean `relu`" in result.stderr


def test_numbers_in_python():
    result = archcost.analyze("mobilenetv1")
    assert result.check(max_macs=600e6, max_params=5_000_000).ok
    assert not result.check(max_macs=300_000_000).ok
    assert result.check(max_macs="1e30").limits[0].limit == 10**30
    with pytest.raises(ArchcostError, match="did you mean `max_macs`"):
        result.check(max_mac=1)
    with pytest.raises(ArchcostError, match="nothing to check"):
        result.check()
    with pytest.raises(ArchcostError, match="this is a batch"):
        archcost.analyze("mobilenetv1", alpha=[0.5, 1.0]).check(max_macs=1)
