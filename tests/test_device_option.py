"""Predicted time in `analyze` and `sweep`: sums, intervals, remarks, and every format."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import archcost
from archcost.errors import ArchcostError
from archcost.latency.formula import Rates
from archcost.latency.prediction import BOUNDS, FARTHER
from archcost.latency.profile import Fit, Profile, text
from archcost.reports import content, table

RATES = Rates(
    network_seconds=1e-3,
    kernel_seconds=5e-5,
    macs_per_second=1e10,
    dense_macs_per_second=2e10,
    depthwise_macs_per_second=1e9,
    activation_bytes_per_second=1e10,
    weight_bytes_per_second=2e9,
    elementwise_bytes_per_second=3e10,
    overlap=1.5,
)
FIT = Fit(RATES, inside=0.1, outside=0.2, families=("mobilenetv1",), ranges={"batch": (1.0, 1.0)})
BOARD = Profile("board", "", "made up", True, {"float32": FIT})
DATASHEET = Profile("sheet", "", "a datasheet", False, {"float32": Fit(RATES)})
UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}


@pytest.fixture
def device(tmp_path):
    """A profile -> its file."""

    def write(profile: Profile) -> str:
        path = tmp_path / f"{profile.name}.yaml"
        path.write_text(text(profile), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def board(device):
    return device(BOARD)


def data(run, *words):
    done = run(*words, "--format", "json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def rows(run, *words):
    done = run(*words, "--format", "csv")
    assert done.exit_code == 0, done.output
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_layers_and_overhead_sum_to_the_total(run, board):
    found = data(run, "analyze", "mobilenetv1", "--device", board)
    latency = found["latency"]
    times = [layer["predicted_ms"] for layer in found["layers"]]
    kernels = [ms for ms in times if ms is not None]
    assert sum(kernels) + latency["network_overhead_ms"] == pytest.approx(latency["predicted_ms"])
    assert latency["network_overhead_ms"] == 1.0
    # 13 pairs and the first convolution, pooling, linear, softmax; BN and ReLU run inside them.
    assert len(kernels) == 30
    for layer in found["layers"]:
        assert (layer["predicted_ms"] is None) == (layer["bound"] is None) == (layer["kind"] in ("batch_norm", "relu"))
        assert layer["bound"] in (None, *BOUNDS)


def test_latency_names_its_device_and_interval(run, board):
    latency = data(run, "analyze", "mobilenetv1", "--device", board)["latency"]
    assert list(latency) == [
        "device", "dtype", "mode", "calibrated",
        "predicted_ms", "low_ms", "high_ms", "extrapolated", "network_overhead_ms",
    ]  # fmt: skip
    assert (latency["device"], latency["dtype"], latency["calibrated"]) == ("board", "float32", True)
    assert latency["extrapolated"] is False
    assert latency["high_ms"] == pytest.approx(latency["predicted_ms"] * math.exp(0.1))
    assert latency["low_ms"] == pytest.approx(latency["predicted_ms"] * math.exp(-0.1))


def test_what_was_not_fitted_is_extrapolated_and_said(run, board):
    for words, width in ((["mobilenetv2"], 0.2), (["mobilenetv1", "--batch", 8], 0.2 + FARTHER * math.log(8))):
        latency = data(run, "analyze", *words, "--device", board)["latency"]
        assert latency["extrapolated"] is True
        assert latency["high_ms"] == pytest.approx(latency["predicted_ms"] * math.exp(width))
        assert "lies outside what board was fitted on" in run("analyze", *words, "--device", board).stdout
    assert "outside" not in run("analyze", "mobilenetv1", "--device", board).stdout


def test_a_datasheet_has_no_interval_and_says_so(run, device):
    sheet = device(DATASHEET)
    latency = data(run, "analyze", "mobilenetv1", "--device", sheet)["latency"]
    assert latency["low_ms"] is latency["high_ms"] is None and latency["calibrated"] is False
    for form in ("table", "markdown"):
        shown = run("analyze", "mobilenetv1", "--device", sheet, "--format", form).stdout
        assert "sheet is not calibrated" in shown and "no interval" in shown and "80 %" not in shown


@pytest.mark.parametrize("by", [None, "block", "kind"])
def test_printed_times_sum_to_the_printed_total(board, by):
    """Re-adds what a reader sees; each cell is right to half of its last digit."""
    analysis = archcost.analyze("mobilenetv1", device=board)
    lines = table.analysis(analysis, by, None, analysis.latency).split("\n")
    body = lines[3 : lines.index("", 3)]
    assert body[-3].startswith("network overhead") and "1.00 ms" in body[-3]
    found = [re.search(r"(\d+(?:\.(\d+))?) (s|ms|µs|ns)\b", line) for line in body]
    cells = [(float(m[1]) * UNITS[m[3]], 0.5 * 10.0 ** -len(m[2] or "") * UNITS[m[3]]) for m in found if m]
    *times, total = cells
    assert len(times) >= 6
    assert sum(t for t, _ in times) == pytest.approx(total[0], abs=sum(half for _, half in cells))
    assert total[0] == pytest.approx(analysis.latency.seconds, abs=total[1])


def test_shares_of_time_sum_to_one(board):
    analysis = archcost.analyze("mobilenetv1", device=board)
    report = content.content(analysis, None, analysis.latency)
    for several in (report.lines, report.kind_lines):
        assert sum(row.time_share or 0 for row in several[:-1]) == pytest.approx(1)


@pytest.mark.parametrize("by", ["block", "kind"])
def test_groups_sum_their_layers(run, board, by):
    found = data(run, "analyze", "mobilenetv1", "--device", board, "--by", by)
    of_layers = sum(layer["predicted_ms"] or 0 for layer in found["layers"])
    assert sum(group["predicted_ms"] or 0 for group in found["groups"]) == pytest.approx(of_layers)
    in_csv = rows(run, "analyze", "mobilenetv1", "--device", board, "--by", by)
    assert sum(float(row["predicted_ms"] or 0) for row in in_csv) == pytest.approx(of_layers)
    assert "bound" not in in_csv[0]


def test_csv_agrees_with_json(run, board):
    layers = data(run, "analyze", "mobilenetv1", "--device", board)["layers"]
    for row, layer in zip(rows(run, "analyze", "mobilenetv1", "--device", board), layers, strict=True):
        assert row["bound"] == (layer["bound"] or "")
        assert row["predicted_ms"] == ("" if layer["predicted_ms"] is None else str(layer["predicted_ms"]))


def test_without_a_device_nothing_is_added_nor_loaded(run):
    found = data(run, "analyze", "mobilenetv1", "--by", "block")
    assert "latency" not in found and "predicted_ms" not in found["layers"][0] | found["groups"][0]
    assert not {"predicted_ms", "predicted_seconds", "bound"} & set(rows(run, "analyze", "mobilenetv1")[0])
    assert not any(name.startswith("predicted_ms") for name in rows(run, "sweep", "mobilenetv1")[0])
    code = """
import sys
from archcost.cli.main import main
for form in ("table", "markdown", "csv", "json"):
    main(["analyze", "mobilenetv1", "--format", form, "-o", "/dev/null"], standalone_mode=False)
print([name for name in sys.modules if name == "numpy" or name.startswith("archcost.latency")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_batch_of_models_has_a_time_for_each(board):
    batch = archcost.analyze("vgg16", alpha=np.array([0.5, 1, 1]), resolution=np.array([224, 224, 16]), device=board)
    latency = batch.to_dict()["latency"]
    single = archcost.analyze("vgg16", device=board).to_dict()["latency"]
    for name in ("predicted_ms", "low_ms", "high_ms", "extrapolated"):
        assert latency[name][1] == pytest.approx(single[name])
        assert latency[name][2] is None
    assert [line["predicted_ms"] == "" for line in csv.DictReader(io.StringIO(batch.to_csv()))] == [False, False, True]


def test_notebooks_show_times(board):
    assert "network overhead" in archcost.analyze("mobilenetv1", device=board)._repr_html_()
    assert "predicted_ms" in archcost.sweep("mobilenetv1", alpha=[0.5], device=board)._repr_html_()


class TestSweep:
    WORDS = ("--alpha", "0.5,1", "--resolution", "128,224", "--set", "depth=0,5")

    def test_every_row_is_the_single_analysis(self, run, board):
        for row in data(run, "sweep", "mobilenetv1", *self.WORDS, "--device", board)["rows"]:
            chosen = {"alpha": row["alpha"], "resolution": row["resolution"], "parameters": {"depth": row["depth"]}}
            one = archcost.analyze("mobilenetv1", **chosen, device=board)
            assert row["predicted_ms"] == pytest.approx(1e3 * one.latency.seconds)

    def test_formats_agree(self, run, board, tmp_path):
        column = archcost.sweep("mobilenetv1", alpha=[0.5, 1], device=board).columns["predicted_ms"].tolist()
        words = ("sweep", "mobilenetv1", "--alpha", "0.5,1", "--device", board)
        assert run(*words, "-o", tmp_path / "s.npz").exit_code == 0
        with np.load(tmp_path / "s.npz") as archive:
            assert archive["predicted_ms"].tolist() == column
        assert [float(row["predicted_ms"]) for row in rows(run, *words)] == column
        assert [row["predicted_ms"] for row in data(run, *words)["rows"]] == column
        assert all(f"{ms:.4g}" in run(*words).stdout for ms in column)

    def test_several_devices_have_a_column_each(self, run, board, device):
        slow = device(replace(BOARD, name="slow", fits={"float32": replace(FIT, rates=replace(RATES, overlap=1.0))}))
        (row,) = rows(run, "sweep", "mobilenetv1", "--device", board, "--device", slow)
        assert 0 < float(row["predicted_ms_board"]) < float(row["predicted_ms_slow"])
        assert "predicted_ms" not in row
        again = run("sweep", "mobilenetv1", "--device", board, "--device", board)
        assert again.exit_code == 2 and "two of the devices are named board" in again.stderr

    def test_what_cannot_exist_has_no_time(self, run, board):
        found = data(run, "sweep", "vgg16", "--resolution", "16,224", "--device", board)["rows"]
        assert found[0]["predicted_ms"] is None and found[1]["predicted_ms"] > 0

    def test_it_says_what_cannot_be_trusted(self, run, board, device):
        assert not run("sweep", "mobilenetv1", "--device", board).stderr
        assert "1 of 1 variants lie outside what board" in run("sweep", "mobilenetv2", "--device", board).stderr
        assert "not calibrated" in run("sweep", "mobilenetv1", "--device", device(DATASHEET)).stderr


@pytest.mark.parametrize("command", ["analyze", "sweep"])
def test_a_wrong_device_or_dtype_is_a_message(run, board, command):
    done = run(command, "mobilenetv1", "--device", "no-such-device")
    assert done.exit_code == 2 and "unknown device `no-such-device`" in done.stderr
    done = run(command, "mobilenetv1", "--device", board, "--dtype", "float16")
    assert done.exit_code == 2 and "no times for float16" in done.stderr


def test_python_says_so_too(board):
    with pytest.raises(ArchcostError, match="unknown dtype"):
        archcost.analyze("mobilenetv1", device=board, dtype="float23")
