"""Predicting: the formula against a plain one, its laws, rows of a batch against single models, and `predict`."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import random

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from archcost.cli.main import main
from archcost.graph import build
from archcost.latency import profile as profiles
from archcost.latency.correction import FEATURES, Correction, Term
from archcost.latency.formula import Parallel, Rates, kernel_time
from archcost.latency.kernels import kernels, layer_kernel
from archcost.latency.points import ConvShape
from archcost.latency.prediction import BOUNDS, Predictor, Total
from archcost.latency.profile import Fit, Profile
from archcost.spec import zoo
from archcost.spec.document import read
from archcost.spec.settings import settle

HEADER = "spec,alpha,resolution,batch\n"
LAYERS = "batch,in_channels,out_channels,kernel,input_size,stride,padding,groups\n"
ADDED = ["predicted_ms", "low_ms", "high_ms", "extrapolated"]
PHONE = Rates(3e-4, 2e-5, 2e10, 4e10, 1.5e9, 2e10, 4e9, 7e10, 1.3, uncached=2.0)
CARD = Rates(2e-5, 3e-6, 6e12, 7e12, 2e12, 5e11, 4e11, 6e11, 2.5, Parallel(80, 0.5, 60, 0.9, 1.2, 1.5, 4e11, 5e-6))
SLOW = Correction(0.2, {"rows": Term(0.03, 2.0, 12.0), "whole_8_depth": Term(-0.1, 0.0, 1.0)})
RANGES = {"macs": (1e7, 6e8), "bytes": (3e6, 5e7), "batch": (1.0, 1.0)}
FIT = Fit(PHONE, "fused", None, 0.1, 0.3, ("mobilenetv1",), RANGES, 16)
laws = settings(max_examples=60, deadline=None)


def profile(fit=FIT, dtype="float32"):
    return Profile("phone", "", "made up", True, {dtype: fit})


def network(name, **chosen):
    document = read(zoo.find(name))
    return build(document, settle(document, **chosen))


def rows_of(result):
    assert result.exit_code == 0, result.stderr
    return list(csv.DictReader(io.StringIO(result.stdout)))


@pytest.fixture
def device(tmp_path, monkeypatch):
    """Puts a profile where the user's own lie."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = tmp_path / "data" / "archcost" / "devices"
    folder.mkdir(parents=True)

    def put(made, name="phone"):
        path = folder / f"{name}.yaml"
        path.write_text(profiles.text(made), encoding="utf-8")
        return name

    return put


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "points.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


# Rates and kernels for the laws

rate = st.floats(1e8, 1e14)
cores = st.builds(
    Parallel,
    units=st.floats(1, 200),
    partial=st.floats(0.01, 2),
    prologue=st.floats(1, 500),
    narrow=st.floats(0.2, 1),
    winograd_2x2=st.floats(0.2, 5),
    winograd_4x4=st.floats(0.2, 5),
    winograd_bytes_per_second=rate,
    winograd_seconds=st.floats(1e-7, 1e-4),
)
overheads = st.floats(1e-7, 1e-3)
any_rates = st.builds(
    Rates, overheads, overheads, rate, rate, rate, rate, rate, rate, st.floats(1, 8), st.none() | cores
)


@st.composite
def convolutions(draw):
    size, edge = draw(st.integers(7, 64)), draw(st.sampled_from([1, 3, 5]))
    channels = draw(st.integers(1, 300))
    depthwise = draw(st.booleans())
    out, groups = (channels, channels) if depthwise else (draw(st.integers(1, 300)), 1)
    stride = draw(st.sampled_from([1, 2]))
    margin = (edge // 2, edge // 2)
    pair = (edge, edge)
    return ConvShape(draw(st.integers(1, 64)), channels, out, pair, (size, size), (stride,) * 2, (margin,) * 2, groups)


def seconds(shape, rates):
    return float(kernel_time(layer_kernel(shape), 4, rates).seconds)


def not_less(more, less):
    """Up to the rounding of the sums inside."""
    return more >= less * (1 - 1e-12)


@laws
@given(convolutions(), any_rates, st.integers(1, 64))
def test_a_larger_batch_takes_no_less_time(shape, rates, more):
    assert not_less(seconds(shape._replace(batch=shape.batch + more), rates), seconds(shape, rates))


@laws
@given(convolutions(), any_rates)
def test_without_tiles_a_doubled_batch_takes_longer(shape, rates):
    rates = dataclasses.replace(rates, parallel=None, kernel_seconds=0.0)
    assert seconds(shape._replace(batch=2 * shape.batch), rates) > seconds(shape, rates)


@laws
@given(convolutions(), any_rates, st.integers(1, 100))
def test_more_macs_take_no_less_time(shape, rates, more):
    """More output channels of a dense convolution; more input channels of it; more of both of a depthwise one."""
    wider = [
        shape._replace(in_channels=shape.in_channels + more),
        shape._replace(out_channels=shape.out_channels + more),
    ]
    if shape.groups > 1:
        grown = shape.in_channels + more
        wider = [shape._replace(in_channels=grown, out_channels=grown, groups=grown)]
    for other in wider:
        if layer_kernel(other).kind == layer_kernel(shape).kind:  # one input channel is dense, more are depthwise
            assert not_less(seconds(other, rates), seconds(shape, rates))


@laws
@given(convolutions(), any_rates)
def test_macs_alone_cost_time(shape, rates):
    rates = dataclasses.replace(rates, kernel_seconds=0.0, overlap=1.0, parallel=None)
    kernel = layer_kernel(shape)
    twice = dataclasses.replace(kernel, macs=2 * kernel.macs)
    assert kernel_time(twice, 4, rates).seconds > kernel_time(kernel, 4, rates).seconds


@laws
@given(convolutions(), any_rates)
def test_the_roofline_lies_between_its_larger_side_and_the_sum(shape, rates):
    rates = dataclasses.replace(rates, parallel=None)
    time = kernel_time(layer_kernel(shape), 4, rates)
    work, traffic = float(time.arithmetic + time.waste), float(time.traffic)
    above = float(time.seconds) - rates.kernel_seconds
    slack = 1e-12 * float(time.seconds)
    assert max(work, traffic) - slack <= above <= work + traffic + slack


@laws
@given(convolutions(), any_rates)
def test_parts_of_a_kernels_time_are_never_negative(shape, rates):
    time = kernel_time(layer_kernel(shape), 4, rates)
    for name in ("seconds", "arithmetic", "traffic", "overhead"):
        assert getattr(time, name) > 0, name
    assert time.waste >= -1e-12 * time.seconds


def test_a_network_by_a_plain_formula():
    """A tiny network of each kind of kernel, its time written out with numbers from the shapes."""
    from archcost.spec.document import parse

    text = """name: tiny
input: [3, 8, 8]
layers:
  - conv: {out: 16, kernel: 3, padding: same, bias: false}
  - relu
  - depthwise: {kernel: 3, padding: same, bias: false}
  - conv: {out: 32, kernel: 1, bias: false}
  - global_avg_pool
  - flatten
  - linear: {out: 10, bias: false}
"""
    document = parse(text, "tiny.yaml")
    model = build(document, settle(document))
    batch, p, size = 5, PHONE.overlap, 4

    def kernel(rate, macs, moved, weights, large):
        waste = 1 / (1 + (250_000 / weights) ** 2) if large else 0
        arithmetic = batch * macs / rate * (1 + waste)
        traffic = batch * moved * size / 2e10 + weights * size / 4e9
        return 2e-5 + (arithmetic**p + traffic**p) ** (1 / p)

    expected = (
        3e-4
        + kernel(4e10, 64 * 27 * 16, 64 * 19, 432, True)
        + kernel(1.5e9, 64 * 9 * 16, 64 * 32, 144, False)
        + kernel(2e10, 64 * 16 * 32, 64 * 48, 512, True)
        + (2e-5 + batch * (64 * 32 + 32) * size / 7e10)
        + kernel(2e10, 320, 42, 320, True)
    )
    assert float(Predictor(profile()).network(model, batch).seconds) == pytest.approx(expected, rel=1e-12)
    separate = Predictor(profile(dataclasses.replace(FIT, fusion="none"))).network(model, batch).seconds
    assert float(separate) == pytest.approx(expected + 2e-5 + batch * 64 * 32 * size / 7e10, rel=1e-12)


# Totals

FITS = {
    "phone": FIT,
    "card": dataclasses.replace(FIT, rates=CARD),
    "card, corrected": dataclasses.replace(FIT, rates=CARD, correction=SLOW),
    "phone, not fused": dataclasses.replace(FIT, fusion="none"),
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
@pytest.mark.parametrize("name", ["mobilenetv1", "mobilenetv3_small", "resnet18"])
@pytest.mark.parametrize("batch", [1, 32])
def test_the_total_is_the_overhead_and_the_layers(fit, name, batch):
    model, predictor = network(name), Predictor(profile(fit))
    layers = predictor.layers(model, batch)
    assert len(layers) == len(kernels(model, fit.fusion)) == len({layer.layer for layer in layers})
    assert {layer.bound for layer in layers} <= set(BOUNDS)
    total = fit.rates.network_seconds + math.fsum(layer.seconds for layer in layers)
    found = predictor.network(model, batch)
    assert float(found.seconds) == pytest.approx(total, rel=1e-12)
    assert found.macs == batch * sum(layer.cost.macs.value for layer in model.layers)


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
@pytest.mark.parametrize("name", zoo.names())
def test_fused_is_never_slower(fit, name):
    times = [
        float(Predictor(profile(dataclasses.replace(fit, fusion=fusion))).network(network(name)).seconds)
        for fusion in ("fused", "none")
    ]
    assert 0 < times[0] <= times[1]


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
@pytest.mark.parametrize("name", ["mobilenetv1", "mobilenetv2", "resnet18"])
def test_a_grid_of_variants_is_its_single_models(fit, name):
    document, predictor = read(zoo.find(name)), Predictor(profile(fit))
    alphas, sizes = np.array([0.25, 0.35, 0.5, 0.75, 1.0, 1.3]), np.array([96, 128, 161, 224])
    found = predictor.variants(document, settle(document, alphas[:, None], resolution=sizes[None, :]), 3)
    assert found.seconds.shape == (6, 4)
    for i, alpha in enumerate(alphas):
        for j, size in enumerate(sizes):
            one = predictor.network(network(name, alpha=float(alpha), resolution=int(size)), 3)
            assert float(found.seconds[i, j]) == pytest.approx(float(one.seconds), rel=1e-12)
            assert (int(found.macs[i, j]), int(found.bytes[i, j])) == (one.macs, one.bytes)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(10, 200), st.integers(64, 300)), min_size=1, max_size=8),
    any_rates,
    st.integers(1, 64),
)
def test_random_variants_under_random_rates_are_single_models(chosen, rates, batch):
    document, predictor = read(zoo.find("mobilenetv1")), Predictor(profile(dataclasses.replace(FIT, rates=rates)))
    alphas, sizes = [a / 100 for a, _ in chosen], [size for _, size in chosen]
    found = predictor.variants(document, settle(document, np.array(alphas), resolution=np.array(sizes)), batch)
    for alpha, size, seconds in zip(alphas, sizes, found.seconds.tolist(), strict=True):
        one = predictor.network(network("mobilenetv1", alpha=alpha, resolution=size), batch)
        assert seconds == pytest.approx(float(one.seconds), rel=1e-12)


def test_depths_are_different_structures_of_one_batch():
    document, predictor = read(zoo.find("mobilenetv1")), Predictor(profile())
    depths = np.array([0, 5, 2])
    found = predictor.variants(document, settle(document, parameters={"depth": depths})).seconds
    single = [predictor.network(network("mobilenetv1", parameters={"depth": int(d)})).seconds for d in depths]
    assert found.tolist() == pytest.approx([float(each) for each in single], rel=1e-12)
    assert found[0] < found[2] < found[1]


def test_what_bounds_a_layer():
    def bounds(**changed):
        rates = dataclasses.replace(PHONE, overlap=4.0, **changed)
        return {layer.bound for layer in Predictor(profile(dataclasses.replace(FIT, rates=rates))).layers(found)}

    found = network("vgg16")
    assert bounds(kernel_seconds=1e3) == {"overhead"}
    fast = dict.fromkeys(("macs_per_second", "dense_macs_per_second", "depthwise_macs_per_second"), 1e18)
    assert bounds(kernel_seconds=1e-12, **fast) == {"memory"}
    wide = dict.fromkeys(("activation_bytes_per_second", "weight_bytes_per_second"), 1e18)
    assert {"compute", "memory"} == bounds(kernel_seconds=1e-15, **wide)  # pooling has no macs


def test_a_correction_multiplies_kernels_with_macs_and_stops_at_its_ends():
    constant = Correction(math.log(2), {})
    shape = ConvShape(4, 32, 64, (3, 3), (28, 28), (1, 1), ((1, 1), (1, 1)), 1)
    plain = Predictor(profile()).single([shape]).seconds[0]
    twice = Predictor(profile(dataclasses.replace(FIT, correction=constant))).single([shape]).seconds[0]
    assert twice == pytest.approx(2 * plain, rel=1e-12)
    capped = Correction(0.0, {"rows": Term(1.0, 0.0, 0.5)})
    found = Predictor(profile(dataclasses.replace(FIT, correction=capped))).single([shape]).seconds[0]
    assert found == pytest.approx(math.exp(0.5) * plain, rel=1e-12)
    for kernel in kernels(network("mobilenetv1")):
        if kernel.kind == "elementwise":
            corrected = Predictor(profile(dataclasses.replace(FIT, correction=constant))).kernel(kernel).seconds
            assert corrected == Predictor(profile()).kernel(kernel).seconds


def test_features_of_kernels_are_the_ones_declared():
    from archcost.latency.correction import features

    kernel = layer_kernel(ConvShape(4, 32, 64, (3, 3), (28, 28), (1, 1), ((1, 1), (1, 1)), 1))
    for rates in (PHONE, CARD):
        found = features(kernel, kernel_time(kernel, 4, rates))
        assert tuple(found) == FEATURES
        assert all(np.isfinite(value).all() for value in found.values())


# What lies outside, and intervals


@pytest.mark.parametrize(
    ("family", "macs", "moved", "batch", "outside"),
    [
        ("mobilenetv1", 1e8, 1e7, 1, False),
        ("mobilenetv2", 1e8, 1e7, 1, True),
        ("mobilenetv1", 1e7 / 1.24, 1e7, 1, False),
        ("mobilenetv1", 1e7 / 1.26, 1e7, 1, True),
        ("mobilenetv1", 6e8 * 1.24, 1e7, 1, False),
        ("mobilenetv1", 6e8 * 1.26, 1e7, 1, True),
        ("mobilenetv1", 1e8, 1e6, 1, True),
        ("mobilenetv1", 1e8, 1e8, 1, True),
        ("mobilenetv1", 1e8, 1e7, 2, True),
    ],
)
def test_outside_what_was_fitted(family, macs, moved, batch, outside):
    total = Total(np.array([1.0]), np.array([macs]), np.array([moved]), np.array([1.0]))
    found = Predictor(profile()).judged(total, [family], np.array([batch])).outside
    assert found.tolist() == [outside]


def test_intervals_are_wider_outside_and_unknown_ones_stay_unknown():
    low, high = Predictor(profile()).interval(np.array([1.0, 1.0]), np.array([False, True]))
    assert np.log(high).tolist() == pytest.approx([0.1, 0.3]) and (low * high).tolist() == pytest.approx([1, 1])
    unknown = dataclasses.replace(FIT, inside=None, outside=None)
    low, high = Predictor(profile(unknown)).interval(np.array([1.0]), np.array([False]))
    assert np.isnan(low).all() and np.isnan(high).all()


# The command


def test_200_shuffled_rows_come_back_in_order_each_as_if_alone(run, device, write):
    chosen = [
        (spec, alpha, size, batch)
        for spec in ("mobilenetv1", "mobilenetv2", "mobilenetv1@depth=0", "resnet18")
        for alpha in (0.25, 0.5, 0.75, 1.0, 1.25)
        for size in (96, 128, 160, 192, 224)
        for batch in (1, 8)
    ]
    assert len(chosen) == 200
    random.Random(5).shuffle(chosen)
    text = "note,spec,alpha,resolution,batch,latency_ms\n"
    text += "".join(f'"row, {i}",{s},{a},{r},{b},x\n' for i, (s, a, r, b) in enumerate(chosen))
    result = run("predict", "--device", device(profile()), "--points", write(text), "--format", "csv")
    found = rows_of(result)
    lines = result.stdout.splitlines()
    assert lines[0] == text.splitlines()[0] + "," + ",".join(ADDED)
    assert [line.rsplit(",", 4)[0] for line in lines] == text.splitlines()  # the cells as they were written
    predictor = Predictor(profile())
    for row, (spec, alpha, size, batch) in zip(found, chosen, strict=True):
        name, _, depth = spec.partition("@depth=")
        model = network(name, alpha=alpha, resolution=size, parameters={"depth": int(depth)} if depth else None)
        predicted, low, high = (float(row[column]) for column in ADDED[:3])
        assert predicted == pytest.approx(1e3 * float(predictor.network(model, batch).seconds), rel=1e-5)
        assert 0 < low < predicted < high
        if batch == 8 or name != "mobilenetv1":
            assert row["extrapolated"] == "yes"
    assert {row["extrapolated"] for row in found} == {"yes", "no"}


def test_another_spec_is_extrapolated_with_a_wider_interval(run, device, write):
    rows = rows_of(run("predict", "--device", device(profile()), "--points", write(
        HEADER + "mobilenetv1,1,224,1\nmobilenetv2,1,224,1\n"
    )))  # fmt: skip
    assert [row["extrapolated"] for row in rows] == ["no", "yes"]
    ratios = [float(row["high_ms"]) / float(row["predicted_ms"]) for row in rows]
    assert ratios == pytest.approx([math.exp(0.1), math.exp(0.3)], rel=1e-4)


def test_an_unknown_interval_is_an_empty_cell(run, device, write):
    bare = Fit(CARD)
    made = Profile("card", "", "datasheet", False, {"float32": bare})
    (row,) = rows_of(run("predict", "--device", device(made, "card"), "--points", write(HEADER + "resnet18,1,224,1\n")))
    assert float(row["predicted_ms"]) > 0
    assert (row["low_ms"], row["high_ms"], row["extrapolated"]) == ("", "", "yes")


def test_columns_that_are_there_already_are_replaced(run, device, write):
    path = write("predicted_ms,spec,alpha,resolution,batch\n7,mobilenetv1,1,224,1\n")
    result = run("predict", "--device", device(profile()), "--points", path)
    assert result.stdout.splitlines()[0] == "predicted_ms,spec,alpha,resolution,batch,low_ms,high_ms,extrapolated"
    assert float(rows_of(result)[0]["predicted_ms"]) != 7


def test_where_keeps_rows_and_output_is_a_file(run, device, write, tmp_path):
    path = write("spec,alpha,resolution,batch,kind\nmobilenetv1,1,224,1,a\nmobilenetv1,0.5,224,1,b\n")
    out = tmp_path / "out.csv"
    result = run("predict", "--device", device(profile()), "--points", path, "--where", "kind=b", "-o", out)
    assert result.exit_code == 0 and not result.stdout
    assert [row["alpha"] for row in csv.DictReader(out.read_text(encoding="utf-8").splitlines())] == ["0.5"]


def test_single_layers(run, device, write):
    shapes = [(1, 32, 64, 3, 28, 1, 1, 1), (8, 64, 64, 3, 14, 2, 1, 64), (1, 512, 512, 1, 7, 1, 0, 1)]
    text = LAYERS + "".join(",".join(map(str, shape)) + "\n" for shape in shapes)
    rows = rows_of(run("predict", "--device", device(profile()), "--layers", write(text)))
    for row, (batch, c, out, k, size, stride, pad, groups) in zip(rows, shapes, strict=True):
        shape = ConvShape(batch, c, out, (k, k), (size, size), (stride, stride), ((pad, pad), (pad, pad)), groups)
        assert float(row["predicted_ms"]) == pytest.approx(1e3 * seconds(shape, PHONE), rel=1e-5)
        assert row["extrapolated"] == "yes"  # this profile was fitted on networks


def test_the_dtype_is_float32_else_the_profiles_first_unless_chosen(run, device, write):
    half = dataclasses.replace(FIT, rates=dataclasses.replace(PHONE, network_seconds=7.0))
    path = write(HEADER + "mobilenetv1,1,224,1\n")

    def predicted(fits, *more):
        name = device(Profile("phone", "", "", True, fits))
        return float(rows_of(run("predict", "--device", name, "--points", path, *more))[0]["predicted_ms"])

    both = {"float16": half, "float32": FIT}
    assert predicted(both) == predicted(both, "--dtype", "float32") < 1000
    assert predicted(both, "--dtype", "float16") > 7000
    assert predicted({"float16": half, "bfloat16": FIT}) > 7000


def refused(result, *fragments):
    assert result.exit_code == 2, result.output
    assert not result.stdout
    for fragment in fragments:
        assert fragment in result.stderr, result.stderr


def test_an_unknown_device_with_the_nearest(run, device, write):
    device(profile())
    path = write(HEADER + "mobilenetv1,1,224,1\n")
    refused(run("predict", "--device", "phon", "--points", path), "unknown device `phon`", "did you mean `phone`?")
    missing = path.with_name("none.yaml")
    refused(run("predict", "--device", missing, "--points", path), f"{missing}: there is no such file")


def test_a_dtype_that_the_profile_lacks(run, device, write):
    path = write(HEADER + "mobilenetv1,1,224,1\n")
    result = run("predict", "--device", device(profile()), "--points", path, "--dtype", "float16")
    refused(result, "phone has no times for float16; it has float32: choose with --dtype")


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("spec,alpha\nmobilenetv1,1\n", [":1: ", "resolution, batch missing"]),
        (HEADER, [":1: has no rows"]),
        ("", [":1: the file is empty"]),
        (b"\x89PNG\r\n\xff\xfe", ["not UTF-8"]),
        (HEADER + 'mobilenetv1,1,224,"1\n', [":2: not CSV"]),
        (HEADER + "mobilenetv1,1,224\n", [":2: 3 cells; the header has 4"]),
        (HEADER + "mobilenetv,1,224,1\n", [":2: unknown spec `mobilenetv`", "did you mean `mobilenetv"]),
        (HEADER + "mobilenetv1,x,224,1\nmobilenetv1,1,224,0\n", [":2: alpha must be a positive number", ":3: batch"]),
        (HEADER + "mobilenetv1,1,224,1\nvgg16,1,16,1\n", ["vgg16"]),
    ],
    ids=["columns", "no rows", "empty", "binary", "quote", "cells", "spec", "two problems", "too small"],
)  # fmt: skip
def test_points_that_cannot_be_predicted(run, device, write, text, fragments):
    refused(run("predict", "--device", device(profile()), "--points", write(text)), *fragments)


def test_either_points_or_layers(run, device, write):
    path = write(HEADER + "mobilenetv1,1,224,1\n")
    name = device(profile())
    refused(run("predict", "--device", name), "give either --points or --layers")
    refused(run("predict", "--device", name, "--points", path, "--layers", path), "give either --points or --layers")


def test_float32_is_the_usual_dtype(tmp_path):
    """A shipped profile names int8 first; what is asked without a dtype is float32."""
    points = tmp_path / "points.csv"
    points.write_text("spec,alpha,resolution,batch\nmobilenetv1,1,224,1\n")
    asked = [
        ["predict", "--device", "pixel3-cpu", "--points", str(points), *more] for more in ([], ["--dtype", "float32"])
    ]
    usual, named = (CliRunner().invoke(main, words).stdout for words in asked)
    assert usual == named != CliRunner().invoke(main, [*asked[0], "--dtype", "int8"]).stdout
