"""`archcost diff`: layers matched by name and shape, and differences that sum."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archcost
from archcost.analysis import TOTALS
from archcost.analysis.difference import CHANGES, FIGURES
from archcost.api import Model
from archcost.errors import ArchcostError
from archcost.reports import diff as report
from archcost.spec import zoo
from archcost.spec.document import parse

HEAD = "name: net\ninput: [3, 16, 16]\nlayers:\n"
LAYERS = {
    "conv": "conv: {out: 8, kernel: 3}",
    "wide": "conv: {out: 16, kernel: 3}",
    "five": "conv: {out: 8, kernel: 5}",
    "norm": "batch_norm",
    "relu": "relu",
    "pool": "max_pool: {kernel: 2}",
}


def model(names):
    """A chain of layers; `x=conv` is a conv under the name x."""
    lines = []
    for name in names:
        given_name, _, kind = name.rpartition("=")
        layer = LAYERS[kind]
        layer = layer if ":" in layer else f"{layer}: {{}}"
        lines.append(f"  - {{{layer}{f', name: {given_name}' if given_name else ''}}}\n")
    return Model(parse(HEAD + "".join(lines), "spec.yaml"), {}).analyze()


def changes(a, b):
    found = model(a).diff(model(b))
    return [(pair.change, pair.a and pair.a.name, pair.b and pair.b.name) for pair in found.layers]


def test_equal():
    assert {change for change, *_ in changes(["conv", "norm", "relu"], ["conv", "norm", "relu"])} == {"equal"}


def test_added_and_removed_stand_in_their_place():
    assert changes(["conv", "norm", "relu"], ["conv", "relu"]) == [
        ("equal", "conv", "conv"), ("removed", "batch_norm", None), ("equal", "relu", "relu"),
    ]  # fmt: skip
    assert changes(["conv", "relu"], ["conv", "norm", "relu", "pool"]) == [
        ("equal", "conv", "conv"), ("added", None, "batch_norm"), ("equal", "relu", "relu"),
        ("added", None, "max_pool"),
    ]  # fmt: skip
    assert changes(["relu", "conv"], ["conv"])[0] == ("removed", "relu", None)


def test_renamed_are_matched_by_kind_and_shape_in_order():
    assert changes(["a=conv", "b=relu", "c=relu"], ["conv", "d=relu", "e=relu"]) == [
        ("renamed", "a", "conv"), ("renamed", "b", "d"), ("renamed", "c", "e"),
    ]  # fmt: skip


def test_the_same_name_with_another_kernel_is_a_change():
    assert changes(["conv", "relu"], ["five", "relu"])[0] == ("changed", "conv", "conv")
    # The name and the input's shape agree, so all that differs is the size.
    assert {change for change, *_ in changes(["conv", "relu"], ["wide", "relu"])} == {"changed"}


def test_a_name_on_another_kind_is_no_match():
    assert changes(["x=conv", "relu"], ["x=norm", "relu"])[:2] == [("removed", "x", None), ("added", None, "x")]


def test_where_only_sizes_differ_names_match():
    """At α = 2 and half the resolution each layer has the shape of the next stage's; names still tell."""
    found = archcost.analyze("mobilenetv1").diff(archcost.analyze("mobilenetv1", alpha=2, resolution=112))
    assert all(pair.a and pair.b and pair.a.name == pair.b.name for pair in found.layers)


def test_a_shorter_network_keeps_its_end():
    found = archcost.analyze("mobilenetv1").diff(archcost.analyze("mobilenetv1", parameters={"depth": 0}))
    assert found.counts == {"equal": 42, "changed": 0, "renamed": 12, "added": 0, "removed": 30}
    renamed = {(pair.a.name, pair.b.name) for pair in found.layers if pair.change == "renamed"}
    assert ("separable13.pointwise", "separable8.pointwise") in renamed


@settings(max_examples=60, deadline=None)
@given(*[st.lists(st.sampled_from(["conv", "wide", "five", "norm", "relu"]), min_size=1, max_size=8)] * 2)
def test_every_layer_stands_once_and_differences_sum(a, b):
    found = model(a).diff(model(b))
    first = [pair.a.name for pair in found.layers if pair.a]
    assert sorted(first) == sorted(layer.name for layer in found.a.layers)
    assert [pair.b.name for pair in found.layers if pair.b] == [layer.name for layer in found.b.layers]
    assert sum(found.counts.values()) == len(found.layers) and set(found.counts) == set(CHANGES)
    for figure in ("macs", "params", "buffers", "activation_bytes"):
        differences = [pair.figure(figure).difference for pair in found.layers]
        assert sum(differences) == found.totals[figure].difference
    if a == b:
        assert found.counts["equal"] == len(a)


@pytest.mark.parametrize("name", zoo.names())
def test_a_network_equals_itself(name):
    found = archcost.analyze(name).diff(archcost.analyze(name))
    assert found.counts["equal"] == len(found.layers)
    assert all(change.difference in (0, None) and change.a == change.b for change in found.totals.values())


def test_json_has_both_sides(run):
    data = json.loads(run("diff", "resnet50", "resnet50_v1_5@alpha=0.5", "--format", "json").stdout)
    assert list(data) == ["a", "b", "totals", "counts", "layers"]
    assert data["b"]["settings"]["alpha"] == 0.5
    assert tuple(data["totals"]) == TOTALS
    macs = data["totals"]["macs"]
    assert macs["b"] - macs["a"] == macs["difference"]
    assert macs["percent"] == pytest.approx(100 * macs["difference"] / macs["a"])
    assert sum(layer["difference"]["macs"] for layer in data["layers"]) == macs["difference"]
    assert all(layer["change"] != "equal" for layer in data["layers"])


def test_all_shows_equal_layers_too(run):
    few = json.loads(run("diff", "resnet18", "resnet34", "--format", "json").stdout)
    every = json.loads(run("diff", "resnet18", "resnet34", "--all", "--format", "json").stdout)
    assert len(few["layers"]) < len(every["layers"]) == sum(every["counts"].values())
    same = run("diff", "resnet18", "resnet18").stdout
    assert "68 equal" in same and "Δ macs" not in same
    assert "Δ macs" in run("diff", "resnet18", "resnet18", "--all").stdout


def test_csv_has_a_row_for_each_figure(run):
    rows = list(csv.DictReader(io.StringIO(run("diff", "vgg16", "vgg19", "--format", "csv").stdout)))
    totals = {row["figure"]: row for row in rows if row["scope"] == "total"}
    assert tuple(totals) == TOTALS and int(totals["macs"]["difference"]) == 19_632_062_464 - 15_470_264_320
    layers = [row for row in rows if row["scope"] == "layer"]
    assert {row["figure"] for row in layers} == {"output_shape", *FIGURES}
    added = [int(row["difference"]) for row in layers if row["figure"] == "macs"]
    assert sum(added) == int(totals["macs"]["difference"])


def test_markdown(run):
    shown = run("diff", "vgg16", "vgg19", "--format", "markdown").stdout
    assert "| macs | 15,470,264,320 | 19,632,062,464 | +4,161,798,144 | +26.90 % |" in shown
    assert "| added |" in shown


@pytest.mark.parametrize("width", [40, 60, 80, 100, None])
@pytest.mark.parametrize("other", ["resnet152_v1_5", "mobilenetv3_large", "vit_b_16"])
def test_tables_fit_the_terminal(width, other):
    text = report.text(archcost.analyze("resnet50").diff(archcost.analyze(other)), True, width)
    assert width is None or max(map(len, text.split("\n"))) <= width
    assert "macs" in text


def test_table_marks_what_changed(run):
    shown = run("diff", "mobilenetv1", "mobilenetv1@depth=0").stdout
    assert "layers: 84 in A, 54 in B; 42 equal, 12 renamed, 30 removed" in shown
    assert "- separable7.depthwise" in " ".join(shown.split())
    assert "→ separable8.pointwise" in shown and "-45.96 %" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mobilenetv1"], "Missing argument 'B'"),
        (["mobilenetv1", "mobilenetv11"], "did you mean `mobilenetv1`"),
        (["mobilenetv1", "no/such.yaml"], "no/such.yaml"),
        (["mobilenetv1@alpha=0", "mobilenetv1"], "alpha must be greater than 0"),
        (["mobilenetv1", "mobilenetv1@depht=0"], "did you mean `depth`"),
        (["mobilenetv1", "mobilenetv2", "--dtype", "int4"], "int4"),
        (["mobilenetv1", "mobilenetv2", "--batch", "0"], "batch must be a whole number"),
    ],
)
def test_bad_input_exits_2(run, words, said):
    result = run("diff", *words)
    assert result.exit_code == 2 and said in result.stderr
    assert result.stdout == ""


def test_batches_are_refused():
    one, many = archcost.analyze("mobilenetv1"), archcost.analyze("mobilenetv1", alpha=[0.5, 1.0])
    with pytest.raises(ArchcostError, match="this is a batch"):
        one.diff(many)


def test_hostile_names_do_not_break_the_table(run, spec_file):
    name = "x" * 100
    path = spec_file(f"name: net\ninput: [3, 8, 8]\nlayers:\n  - {{relu: {{}}, name: {name}}}\n")
    assert run("diff", path, "mobilenetv1").exit_code == 0
    found = archcost.load(path).analyze().diff(archcost.analyze("mobilenetv1"))
    assert max(map(len, report.text(found, False, 80).split("\n"))) <= 80
