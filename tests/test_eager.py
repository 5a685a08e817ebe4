"""Eager mode: the launches that bound it, found in measurements and predicted, and the modes that a profile knows."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcost.errors import ArchcostError
from archcost.graph import build
from archcost.latency import calibration, evidence
from archcost.latency import profile as profiles
from archcost.latency.formula import Rates
from archcost.latency.kernels import kernels
from archcost.latency.points import read_layers, read_points, refer
from archcost.latency.prediction import Predictor
from archcost.latency.profile import Fit, Profile
from archcost.latency.samples import networks
from archcost.spec.settings import settle

HEADER = "spec,alpha,resolution,batch,latency_ms,mode\n"
LAYERS = "batch,in_channels,out_channels,kernel,input_size,stride,padding,milliseconds,mode\n"
GRID = [(alpha, size) for alpha in (0.25, 0.5, 1.0) for size in (128, 160, 224)]
CARD = Rates(1e-5, 3e-6, 5e12, 8e12, 1e12, 8e11, 2e11, 2e12, 1.3, uncached=2.0)
GRAPH = Fit(CARD, inside=0.1, outside=0.2, families=("mobilenetv1",), mode="graph", launch_seconds=2e-5)
UNKNOWN = Fit(CARD, inside=0.1, outside=0.2, families=("mobilenetv1",))


def network(spec="mobilenetv1", alpha=1.0, size=224):
    document = refer(spec).document
    return build(document, settle(document, alpha, resolution=size))


def card(fit=GRAPH, **more):
    return Profile("card", "", "made up", True, {"float32": fit, **more})


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


def grid():
    """Times of V1's variants in a graph, and how many kernels each runs."""
    document = refer("mobilenetv1").document
    alphas, sizes = (np.array(column) for column in zip(*GRID, strict=True))
    samples = networks(document, settle(document, alphas, resolution=sizes), np.ones(len(GRID), int), 4, "fused")
    return samples.seconds(CARD), samples.kernels()


def lines(mode, seconds, more=""):
    return "".join(
        f"mobilenetv1,{a},{s},1,{1e3 * float(t)!r},{mode}{more}\n" for (a, s), t in zip(GRID, seconds, strict=True)
    )


def fitted(write, text):
    return calibration.fitted(evidence.of_points(read_points(write(text), measured=True), "float32"))


def rows_of(result):
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


# Launches


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1e-2), st.sampled_from(["mobilenetv1", "resnet18", "shufflenet_v2_x1_0"]), st.integers(1, 64))
def test_eager_is_the_longer_of_the_kernels_and_their_launches(launch, spec, batch):
    profile = card(replace(GRAPH, launch_seconds=launch))
    model = network(spec)
    graph, eager = (float(Predictor(profile, mode=mode).network(model, batch).seconds) for mode in ("graph", "eager"))
    assert eager == pytest.approx(max(graph, launch * len(kernels(model, "fused"))), rel=1e-12)
    assert float(Predictor(profile).network(model, batch).seconds) == graph


def test_a_batch_of_structures_waits_for_each_ones_own_launches():
    document, predictor = refer("mobilenetv1").document, Predictor(card(), mode="eager")
    depths, alphas = np.array([0, 5, 2, 5]), np.array([0.25, 0.25, 4.0, 4.0])
    found = predictor.variants(document, settle(document, alphas, parameters={"depth": depths})).seconds
    for depth, alpha, seconds in zip(depths, alphas, found, strict=True):
        model = build(document, settle(document, float(alpha), parameters={"depth": int(depth)}))
        assert float(seconds) == pytest.approx(float(predictor.network(model).seconds), rel=1e-12)
    waiting = 2e-5 * len(kernels(network(), "fused"))
    assert found[1] == pytest.approx(waiting) and found[0] < found[1] and found[3] > 2 * waiting


@pytest.mark.parametrize("launch", [1e-9, 8e-6, 1e-5, 3e-5, 1e-3], ids=str)
def test_the_launch_time_is_found_where_it_is_to_be_seen(write, launch):
    graph, count = grid()
    eager = np.maximum(graph, launch * count)
    made = fitted(write, HEADER + lines("eager", eager) + lines("graph", graph))
    assert made.mode == "graph" and made.rows == len(GRID)
    assert [held.rows for held in made.held_out if held.method == calibration.LAUNCHES] == [len(GRID)]
    assert made.held_out[-1].error < 0.04
    if launch > 2 * (graph / count).min():
        assert made.launch_seconds == pytest.approx(launch, rel=0.01)
    predictor = Predictor(card(made), mode="eager")
    found = [float(predictor.network(network(alpha=a, size=s)).seconds) for a, s in GRID]
    assert found == pytest.approx(eager.tolist(), rel=0.06)  # by rates that were fitted on few points


def test_an_eager_outlier_moves_the_launch_time_little(write):
    graph, count = grid()
    eager = np.maximum(graph, 3e-5 * count)
    eager[[0, 7]] *= (20, 0.05)
    made = fitted(write, HEADER + lines("graph", graph) + lines("eager", eager))
    assert made.launch_seconds == pytest.approx(3e-5, rel=0.05)


def test_held_out_launches_are_those_of_refits(write):
    """Each row against the candidate that suits the others best, found the long way."""
    rng = np.random.default_rng(3)
    graph, count = grid()
    eager = np.maximum(graph, 2e-5 * count) * np.exp(0.2 * rng.normal(size=len(graph)))
    both = read_points(write(HEADER + lines("graph", graph) + lines("eager", eager)), measured=True)
    found = evidence.of_points(both, "float32").eager
    launch, errors = calibration._launches(found, "fused", CARD, None)
    own = found.seconds / count

    def cost(each, rows):
        return sum(abs(np.log(eager[i] / max(graph[i], each * count[i]))) for i in rows)

    everyone = range(len(GRID))
    assert cost(launch, everyone) == pytest.approx(min(cost(each, everyone) for each in own))
    for left_out in everyone:
        rest = [i for i in everyone if i != left_out]
        best = min((own[i] for i in rest), key=lambda each: cost(each, rest))
        error = np.log(eager[left_out] / max(graph[left_out], best * count[left_out]))
        assert errors[left_out] == pytest.approx(error, rel=1e-9)


def test_single_layers_wait_for_one_launch(write, run, device):
    shapes = [f"1,{c},{c},3,{size},1,1" for c in (16, 64, 256) for size in (7, 56)]
    given_ = read_layers(write("\n".join([LAYERS.rsplit(",", 2)[0], *shapes])))
    graph = Predictor(card()).single(given_.shapes).seconds
    eager = Predictor(card(), mode="eager").single(given_.shapes).seconds
    assert eager.tolist() == np.maximum(graph, 2e-5).tolist() and min(graph) < 2e-5 < max(graph)
    text = LAYERS + "".join(f"{shape},{1e3 * t!r},graph\n" for shape, t in zip(shapes, graph.tolist(), strict=True))
    text += "".join(f"{shape},{1e3 * t!r},eager\n" for shape, t in zip(shapes, eager.tolist(), strict=True))
    made = calibration.fitted(evidence.of_layers(read_layers(write(text), measured=True), "float32"))
    assert (made.mode, made.rows) == ("graph", 6) and made.launch_seconds == pytest.approx(2e-5, rel=0.05)
    found = rows_of(run("predict", "--device", device(card()), "--layers", write(text)))
    both = [float(row["predicted_ms"]) for row in found]
    assert both == pytest.approx(1e3 * np.concatenate([graph, eager]), rel=1e-5)


def test_one_mode_alone_is_the_profiles(write):
    graph, _ = grid()
    for mode, known in (("eager", "eager"), ("compile", "compile"), ("", ""), ("interpreter", "")):
        made = fitted(write, HEADER + lines(mode, graph))
        assert (made.mode, made.launch_seconds) == (known, None)


def test_a_profile_with_modes_comes_back_from_its_text(write):
    made = card(float16=UNKNOWN)
    assert profiles.read(write(profiles.text(made), "card.yaml")) == made
    with pytest.raises(ArchcostError, match="launch_seconds are not negative"):
        profiles.read(write(profiles.text(made).replace("launch_seconds: 2.0e-05", "launch_seconds: -1.0"), "x.yaml"))


# What a profile can say

MODES = ("", "graph", "eager", "compile")
KNOWN = [(GRAPH, ("", "graph", "eager")), (UNKNOWN, ("",))]
KNOWN += [(Fit(CARD, mode=mode), ("", mode)) for mode in MODES[1:]]


@pytest.mark.parametrize(("fit", "answered"), KNOWN, ids=["graph and launches", "unknown", *MODES[1:]])
@pytest.mark.parametrize("mode", MODES)
def test_modes_that_a_profile_lacks_are_refused(fit, answered, mode, run, device, write):
    words = ["--mode", mode] if mode else []
    path = write("spec,alpha,resolution,batch\nmobilenetv1,1,224,1\n")
    name = device(card(fit))
    for command in (["analyze", "mobilenetv1"], ["sweep", "mobilenetv1"], ["predict", "--points", path]):
        result = run(*command, "--device", name, *words)
        if mode in answered:
            assert result.exit_code == 0, result.output
        else:
            assert result.exit_code == 2 and not result.stdout
            known = f"it has {fit.mode or 'an unknown mode'}"
            assert f"card has no times in mode {mode} for float32; {known}" in result.stderr


def test_analyze_shows_what_waits_for_launches(run, device):
    def latency(mode):
        result = run("analyze", "mobilenetv1", "--device", device(card()), "--mode", mode, "--format", "json")
        found = json.loads(result.stdout)
        times = [layer["predicted_ms"] for layer in found["layers"] if layer["predicted_ms"] is not None]
        return found["latency"], sum(times)

    (graph, kernels_ms), (eager, also) = latency("graph"), latency("eager")
    assert kernels_ms == also and graph["network_overhead_ms"] == pytest.approx(0.01)
    assert eager["predicted_ms"] == pytest.approx(30 * 0.02) and eager["predicted_ms"] > graph["predicted_ms"]
    assert eager["network_overhead_ms"] + also == pytest.approx(eager["predicted_ms"])
    (row,) = json.loads(run("sweep", "mobilenetv1", "--device", device(card()), "--mode", "eager", "--format", "json")
                        .stdout)["rows"]  # fmt: skip
    assert row["predicted_ms"] == pytest.approx(eager["predicted_ms"])


# What is still wrong


def test_few_eager_rows_beside_many_of_a_graph(run, write):
    graph, _ = grid()
    text = HEADER + lines("graph", graph) + "".join(lines("eager", graph).splitlines(keepends=True)[:3])
    result = run("calibrate", "--name", "a", "--from", write(text), "-o", "-")
    assert result.exit_code == 0 or "eager" in result.stderr


@pytest.mark.parametrize("command", ["analyze", "sweep"])
def test_a_mode_without_a_device_is_refused(run, command):
    assert run(command, "mobilenetv1", "--mode", "eager").exit_code == 2


def test_the_interval_of_eager_times_knows_their_error(write):
    rng = np.random.default_rng(5)
    graph, count = grid()
    eager = 3e-5 * count * np.exp(0.5 * rng.normal(size=len(GRID)))
    predictor = Predictor(card(fitted(write, HEADER + lines("graph", graph) + lines("eager", eager))), mode="eager")
    given_ = read_points(write(HEADER + lines("eager", eager)), measured=True)
    found = predictor.points(given_)
    assert ((found.low <= eager) & (eager <= found.high)).mean() > 0.5
