"""The forms of output: contracts on names, printed columns that sum to printed totals, snapshots."""

from __future__ import annotations

import csv
import io
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

import archcost
from archcost.analysis import TOTALS
from archcost.api import Model
from archcost.cli.main import main
from archcost.reports import markdown, table
from archcost.reports.content import content
from archcost.spec import document, zoo

TINY = """
name: tiny
input: [3, 16, 16]
blocks:
  gate:
    - global_avg_pool: {keep_dims: true}
    - pointwise: {out: channels(input), bias: true}
    - sigmoid
    - multiply: {from: [input, sigmoid]}
layers:
  - conv: {out: 8, kernel: 3, stride: 2}
  - batch_norm
  - relu
  - gate
  - depthwise: {kernel: [3, 5]}
  - pointwise: {out: 16}
  - global_avg_pool
  - linear: {out: 10, scale: fixed}
"""
LAYER_KEYS = {
    "name", "kind", "block", "input_shapes", "output_shape", "macs", "params", "buffers", "activation_bytes",
    "bytes_moved", "formula",
}  # fmt: skip


@pytest.fixture
def tiny() -> archcost.Analysis:
    return Model(document.parse(TINY), {}).analyze()


def run(*args: str) -> str:
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result.stdout


def load(path) -> dict[str, np.ndarray]:
    with np.load(path) as archive:
        return dict(archive)


def test_json_keeps_its_contract():
    data = json.loads(run("analyze", "mobilenetv1", "--alpha", "0.5", "--resolution", "160x192", "--format", "json"))
    assert list(data) == ["schema_version", "spec", "settings", "totals", "layers"]
    assert data["settings"] == {
        "alpha": 0.5,
        "resolution": [160, 192],
        "batch": 1,
        "dtype": "float32",
        "parameters": {"depth": 5, "conv": "separable"},
    }
    assert tuple(data["totals"]) == TOTALS
    assert all(set(layer) >= LAYER_KEYS for layer in data["layers"])


@pytest.mark.parametrize("name", zoo.names())
def test_layers_sum_to_totals(name):
    data = archcost.analyze(name, batch=3, dtype="float16").to_dict(by="block")
    for key in ("macs", "params", "buffers", "activation_bytes"):
        assert sum(layer[key] for layer in data["layers"]) == data["totals"][key]
        assert sum(group[key] for group in data["groups"]) == data["totals"][key]
    assert data["totals"]["flops"] == 2 * data["totals"]["macs"]
    assert data["totals"]["layers"] == len(data["layers"]) == sum(group["layers"] for group in data["groups"])
    assert data["totals"]["weight_bytes"] == 2 * (data["totals"]["params"] + data["totals"]["buffers"])


@pytest.mark.parametrize("by", [None, "block", "kind"])
def test_printed_columns_sum_to_the_printed_total(by):
    """Re-adds what a reader sees: every numeric cell of the rows against the line below the rule."""
    lines = table.analysis(archcost.analyze("mobilenetv2"), by).split("\n")
    body = lines[3 : lines.index("", 3)]
    rule = next(i for i, line in enumerate(body) if line.startswith("─"))
    figures = re.compile(r"(?<![\w×/.])(\d[\d,]*)(?= |$)")
    rows = [[int(cell.replace(",", "")) for cell in figures.findall(line)] for line in body[:rule]]
    total = [int(cell.replace(",", "")) for cell in figures.findall(body[rule + 1])]
    width = 4 if by is None else 5
    tail = [[row[-width:] for row in rows], total[-width:]]
    assert [sum(column) for column in zip(*tail[0], strict=True)] == tail[1]


@pytest.mark.parametrize("name", ["mobilenetv1", "vit_b_16", "squeezenet1_1"])
def test_kinds_sum_to_the_total(name):
    report = content(archcost.analyze(name))
    for key in ("layers", "macs", "params", "activation_elements", "bytes_moved"):
        assert sum(getattr(row, key) for row in report.kinds) == getattr(report.total, key)


def test_shares_sum_to_one():
    rows = list(csv.DictReader(io.StringIO(archcost.analyze("densenet121").to_csv())))
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1)


def test_csv_holds_every_column():
    rows = list(csv.DictReader(io.StringIO(run("analyze", "mobilenetv1", "--format", "csv"))))
    assert len(rows) == 84
    assert rows[0]["kernel"] == "3x3" and rows[0]["stride"] == "2x2" and rows[0]["output_shape"] == "32x112x112"
    assert sum(int(row["macs"]) for row in rows) == 568_740_352


@pytest.mark.parametrize("width", [80, 100, 120, None])
def test_tables_fit_the_terminal_and_say_what_they_left_out(width):
    text = table.analysis(archcost.analyze("mobilenetv1"), None, width)
    if width is None:
        assert "Not shown" not in text
    else:
        assert max(map(len, text.split("\n"))) <= width
        assert "Not shown" in text
    assert "568,740,352" in text and "4,231,976" in text


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json"])
def test_snapshots(form, tiny, tmp_path, snapshot):
    spec = tmp_path / "tiny.yaml"
    spec.write_text(TINY)
    assert run("analyze", spec, "--format", form) == snapshot


def test_explanations(tmp_path, snapshot):
    spec = tmp_path / "tiny.yaml"
    spec.write_text(TINY)
    assert run("explain", spec) == snapshot
    assert run("explain", spec, "depthwise") == snapshot


def test_explain_shows_the_formula_with_its_numbers_and_the_saving():
    text = run("explain", "mobilenetv1", "separable1.depthwise")
    assert "3² · 32 · 112² = 3,612,672" in text
    assert "1/64 + 1/3² = 0.1267" in text and "29,302,784 / 231,211,008 = 0.1267" in text
    data = json.loads(run("explain", "mobilenetv1", "separable13.pointwise", "--format", "json"))
    assert data["separable"]["predicted"] == pytest.approx(data["separable"]["actual"])


def test_markdown_escapes_bars():
    assert markdown.table(["a"], [["x|y"]]).splitlines()[-1] == "| x\\|y |"


def test_notebook_tables_escape_names():
    text = TINY.replace("name: tiny", "name: <script>alert(1)</script>")
    assert "<script>" not in Model(document.parse(text), {}).analyze()._repr_html_()


class TestSweep:
    OPTIONS = ("--alpha", "0.25:1:0.25", "--resolution", "128:224:32", "--set", "depth=0,5")

    def test_ranges_include_their_end(self):
        data = json.loads(run("sweep", "mobilenetv1", *self.OPTIONS, "--format", "json"))
        assert data["spec"] == "mobilenetv1" and len(data["rows"]) == 4 * 4 * 2
        assert {row["alpha"] for row in data["rows"]} == {0.25, 0.5, 0.75, 1.0}
        assert {row["resolution"] for row in data["rows"]} == {128, 160, 192, 224}

    def test_every_row_is_the_single_analysis(self):
        for row in json.loads(run("sweep", "mobilenetv1", *self.OPTIONS, "--format", "json"))["rows"]:
            one = archcost.analyze(
                "mobilenetv1", alpha=row["alpha"], resolution=row["resolution"], parameters={"depth": row["depth"]}
            )
            assert {name: row[name] for name in TOTALS} == one.to_dict()["totals"]

    def test_formats_agree(self, tmp_path):
        columns = archcost.sweep("mobilenetv1", alpha=[0.5, 1], resolution=[128, 224]).columns
        for ending in ("csv", "json", "npz"):
            run("sweep", "mobilenetv1", "--alpha", "0.5,1", "--resolution", "128,224", "-o", tmp_path / f"s.{ending}")
        rows = list(csv.DictReader(io.StringIO((tmp_path / "s.csv").read_text())))
        table = json.loads((tmp_path / "s.json").read_text())["rows"]
        arrays = load(tmp_path / "s.npz")
        assert set(arrays) == set(columns) == set(rows[0]) == set(table[0])
        for name, column in columns.items():
            assert arrays[name].tolist() == column.tolist() == [row[name] for row in table]
            assert [str(value) for value in column.tolist()] == [row[name] for row in rows]

    def test_non_square(self):
        (row,) = json.loads(run("sweep", "mobilenetv1", "--resolution", "160x192", "--format", "json"))["rows"]
        assert (row["height"], row["width"]) == (160, 192) and "resolution" not in row

    def test_what_cannot_exist_is_empty_not_zero(self, tmp_path):
        rows = json.loads(run("sweep", "vgg16", "--resolution", "16,224", "--format", "json"))["rows"]
        assert rows[0]["macs"] is None and rows[1]["macs"] == 15_470_264_320
        run("sweep", "vgg16", "--resolution", "16,224", "-o", tmp_path / "s.npz")
        arrays = load(tmp_path / "s.npz")
        assert arrays["feasible"].tolist() == [False, True] and arrays["macs"].tolist() == [-1, 15_470_264_320]


def test_settings_behind_an_at_sign():
    short = json.loads(run("analyze", "mobilenetv1@alpha=0.5,resolution=160,depth=0", "--format", "json"))
    long = json.loads(
        run("analyze", "mobilenetv1", "--alpha", "0.5", "--resolution", "160", "--set", "depth=0", "--format", "json")
    )
    assert short == long
    assert short["settings"]["parameters"]["depth"] == 0


def test_rho_goes_to_the_nearest_size():
    data = json.loads(run("analyze", "mobilenetv1", "--rho", "0.714", "--format", "json"))
    assert data["settings"]["resolution"] == [160, 160]


def test_batch_of_arrays_has_data_and_csv():
    result = archcost.analyze("mobilenetv1", alpha=np.array([0.5, 1.0]), resolution=np.array([160, 224]))
    assert result.to_dict()["totals"]["macs"] == [76_524_800, 568_740_352]
    assert len(result.to_csv().splitlines()) == 3
