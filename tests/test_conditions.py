"""Dtypes and modes row by row: what a file says of each, short names and all, and what is fitted and predicted so."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from archcost.graph import build
from archcost.latency import conditions, evidence
from archcost.latency import profile as profiles
from archcost.latency.formula import Rates
from archcost.latency.points import read_points, refer
from archcost.latency.prediction import Predictor, by_row
from archcost.latency.profile import Fit, Profile
from archcost.latency.table import Table, TableError
from archcost.spec.settings import settle

HEADER = "spec,alpha,resolution,batch,latency_ms,mode\n"
GRID = [(alpha, size) for alpha in (0.25, 0.5, 1.0) for size in (128, 160, 224)]
CARD = Rates(1e-5, 3e-6, 5e12, 8e12, 1e12, 8e11, 2e11, 2e12, 1.3)
GRAPH = Fit(CARD, inside=0.1, outside=0.2, families=("mobilenetv1",), mode="graph", launch_seconds=2e-5)
UNKNOWN = replace(GRAPH, mode="", launch_seconds=None)


def network(spec="mobilenetv1", alpha=1.0, size=224):
    document = refer(spec).document
    return build(document, settle(document, alpha, resolution=size))


def card(fit=GRAPH, **more):
    return Profile("card", "", "made up", True, {"float32": fit, **more})


def slower(fit, by):
    """The same with every kernel `by` seconds later."""
    return replace(fit, rates=replace(fit.rates, kernel_seconds=by))


MANY = card(float16=slower(GRAPH, 1e-3), tf32=slower(GRAPH, 2e-3), bfloat16=slower(UNKNOWN, 3e-3))
KERNELS = 30
"""Of each of V1's variants."""


def times():
    """Of V1's variants, in a graph."""
    predictor = Predictor(card())
    return np.array([float(predictor.network(network(alpha=alpha, size=size)).seconds) for alpha, size in GRID])


def lines(mode, seconds, more=""):
    return "".join(
        f"mobilenetv1,{a},{s},1,{1e3 * float(t)!r},{mode}{more}\n" for (a, s), t in zip(GRID, seconds, strict=True)
    )


@pytest.fixture
def write(tmp_path):
    def write(text, name="points.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def device(write):
    return lambda made: str(write(profiles.text(made), "card.yaml"))


def predicted(run, device, profile, path, *words):
    result = run("predict", "--device", device(profile), "--points", path, *words)
    assert result.exit_code == 0, result.output
    return [float(row["predicted_ms"]) for row in csv.DictReader(io.StringIO(result.stdout))]


# Rows of several dtypes and modes

MIXED = "spec,alpha,resolution,batch,dtype,tf32,mode\n" + "".join(
    f"mobilenetv1,{alpha},128,{batch},{dtype},{tf32},{mode}\n"
    for batch, alpha in ((1, 0.25), (8, 1), (1, 0.5))
    for dtype, tf32 in (("fp32", "false"), ("", ""), ("FP16", ""), ("half", "true"), ("float32", "True"), ("tf32", ""))
    for mode in ("eager", "", "graph")
)


def test_each_row_is_predicted_as_if_alone(run, device, write):
    found = predicted(run, device, MANY, write(MIXED))
    header, *rows = MIXED.splitlines()
    for row, ms in zip(rows, found, strict=True):
        _, alpha, size, batch, dtype, tf32, mode = row.split(",")
        known = "tf32" if tf32 == "True" else conditions.dtype_named(dtype or "float32")
        model = network(alpha=float(alpha), size=int(size))
        seconds = float(Predictor(MANY, known, mode).network(model, int(batch)).seconds)
        assert ms == pytest.approx(1e3 * seconds, rel=1e-5), row
    for row, ms in list(zip(rows, found, strict=True))[::7]:
        assert [ms] == predicted(run, device, MANY, write(f"{header}\n{row}\n"))
    assert len(set(found)) == 10


def test_options_stand_above_columns(run, device, write):
    path = write(MIXED)
    assert len(set(predicted(run, device, MANY, path, "--dtype", "fp16", "--mode", "eager"))) == 3
    with_mode = predicted(run, device, MANY, path, "--mode", "graph")
    assert with_mode[0::3] == with_mode[1::3] == with_mode[2::3]
    refused = run("predict", "--device", device(MANY), "--points", path, "--mode", "compile")
    assert refused.exit_code == 2 and "no times in mode compile" in refused.stderr


def test_a_profile_that_knows_no_mode_takes_every_row_alike(run, device, write):
    found = predicted(run, device, MANY, write(MIXED), "--dtype", "bf16")
    assert found[0::3] == found[1::3] == found[2::3]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("bf16,,graph", "card has no times for bfloat16; it has float32"),
        ("float32,true,", "card has no times for tf32"),
        ("fp32,,compile", "card has no times in mode compile for float32; it has graph, eager"),
        ("fp61,,", ':3: dtype must be one of float32, tf32, float16, bfloat16, int8, not "fp61"'),
    ],
)
def test_one_row_that_cannot_be_predicted_is_said(run, device, write, row, said):
    path = write(f"spec,alpha,resolution,batch,dtype,tf32,mode\nresnet18,1,64,1,,,\nresnet18,1,64,1,{row}\n")
    result = run("predict", "--device", device(card()), "--points", path)
    assert result.exit_code == 2 and not result.stdout and said in result.stderr


def test_rows_keep_their_order_and_ends_in_any_shuffle(write):
    given_ = read_points(write(MIXED))
    found = by_row(MANY, given_.table, None, None, lambda predictor: predictor.points(given_))
    order = np.random.default_rng(1).permutation(len(given_))
    header, *rows = MIXED.splitlines()
    mixed = read_points(write("\n".join([header, *(rows[i] for i in order)])))
    again = by_row(MANY, mixed.table, None, None, lambda predictor: predictor.points(mixed))
    for name in ("seconds", "low", "high", "outside"):
        assert getattr(again, name).tolist() == getattr(found, name)[order].tolist()
    assert found.outside.dtype == bool and (found.low < found.seconds).all()


# Short names, and what a file names


@pytest.mark.parametrize(
    ("text", "name"),
    [("fp32", "float32"), ("FP16", "float16"), ("half", "float16"), ("bf16", "bfloat16"), ("TF32", "tf32")],
)
def test_short_names_are_dtypes_everywhere(run, device, write, text, name):
    assert conditions.dtype_named(text) == name
    graph = times()
    path = write(HEADER.strip() + ",dtype\n" + lines("graph", graph, f",{text}"))
    assert list(evidence.by_dtype(read_points(path, measured=True).table, None)) == [name]
    result = run("calibrate", "--name", "a", "--from", path, "--dtype", text, "-o", "-")
    assert result.exit_code == 0 and f"\n  {name}:\n" in result.stdout
    (ms,) = predicted(
        run, device, MANY, write("spec,alpha,resolution,batch\nresnet18,1,64,1\n"), "--dtype", text.lower()
    )
    assert ms == pytest.approx(
        1e3 * float(Predictor(MANY, name).network(network("resnet18", size=64)).seconds), rel=1e-5
    )
    long, short = (
        run("analyze", "resnet18", "--dtype", each, "--format", "csv").stdout for each in (name, text.lower())
    )
    assert long == short != ""


def test_each_dtype_of_a_file_is_fitted_by_itself(run, write):
    graph = times()
    header = HEADER.strip() + ",dtype,tf32\n"
    parts = {
        "float32": lines("graph", graph, ",fp32,no") + lines("eager", np.maximum(graph, 2e-5 * KERNELS), ",,"),
        "tf32": lines("eager", graph / 2, ",float32,yes"),
        "float16": lines("graph", graph / 3, ",half,"),
    }
    mixed = write(header + "".join(sorted("".join(parts.values()).splitlines(keepends=True))))
    made = run("calibrate", "--name", "a", "--from", mixed, "-o", mixed.with_suffix(".yaml"))
    assert made.exit_code == 0 and not made.stderr  # graph and eager belong together
    found = profiles.read(mixed.with_suffix(".yaml")).fits
    assert set(found) == set(parts) and [found[each].mode for each in parts] == ["graph", "eager", "graph"]
    assert [found[each].launch_seconds is None for each in parts] == [False, True, True]
    for name, text in parts.items():
        alone = write(header + text, "alone.csv")
        made = run("calibrate", "--name", "a", "--from", alone, "-o", alone.with_suffix(".yaml"))
        (fit,) = profiles.read(alone.with_suffix(".yaml")).fits.values()
        assert fit.rates.macs_per_second == pytest.approx(found[name].rates.macs_per_second, rel=1e-3)
        assert (fit.rows, fit.launch_seconds) == (found[name].rows, pytest.approx(found[name].launch_seconds))


def test_modes_that_do_not_belong_together_are_a_warning(run, write):
    graph = times()
    text = HEADER + "".join(lines(mode, graph) for mode in ("graph", "eager", "compile"))
    result = run("calibrate", "--name", "a", "--from", write(text), "-o", "-")
    assert "warning: `mode` differs between rows (graph, eager, compile)" in result.stderr
    chosen = run("calibrate", "--name", "a", "--from", write(text), "--where", "mode=compile", "-o", "-")
    assert not chosen.stderr and "mode: compile" in chosen.stdout


def test_dtypes_that_do_not_exist_are_all_named():
    table = Table("p.csv", ["dtype"], [["fp32"], ["fp61"], [""], ["int7"]], [2, 3, 4, 5])
    with pytest.raises(TableError, match=r'p\.csv:3: .*"fp61"(.|\n)*p\.csv:5: .*"int7"'):
        conditions.dtypes(table)


# What is still wrong


@pytest.mark.parametrize("header", [["tf32"], ["tf32", "dtype"]], ids=["no dtype column", "an empty cell"])
def test_tf32_without_a_dtype_is_not_plain_float32(header):
    assert conditions.dtypes(Table("p.csv", header, [["true", ""][: len(header)]], [2])) == ["tf32"]


def test_several_dtypes_for_one_file_of_times_are_refused(run, write):
    path = write(HEADER + lines("graph", times()))
    assert run("calibrate", "--name", "a", "--from", path, "--dtype", "fp32,fp16", "-o", "-").exit_code == 2


def test_the_command_in_a_profile_makes_it_again(run, write):
    result = run(
        "calibrate", "--name", "a", "--from", write(HEADER + lines("graph", times())), "--dtype", "fp16", "-o", "-"
    )
    assert "--dtype float16" in result.stdout.replace("\n  ", " ")
