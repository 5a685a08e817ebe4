"""Calibrating on the machine at hand: the curriculum can be built and run, and `calibrate --device cpu` with the
measuring replaced by times that are made up."""

from __future__ import annotations

import math
import random
import shlex
import signal

import pytest
import torch

from archcost.graph import build
from archcost.latency import calibration, curriculum
from archcost.latency import profile as profiles
from archcost.latency.fit import HOST
from archcost.latency.formula import _packed
from archcost.latency.kernels import single_kernel
from archcost.latency.measurement import FAILED, OK, UNSTABLE
from archcost.latency.points import refer
from archcost.latency.prediction import Predictor
from archcost.latency.profile import Fit
from archcost.latency.samples import one_network, single_kernels
from archcost.latency.store import Store
from archcost.latency.subject import SingleLayer, digest
from archcost.live import machine, measure
from archcost.live.build import build_module
from archcost.live.runnable import runnable
from archcost.spec.settings import settle

OFF = [mean + (-1) ** i * 0.4 * spread for i, (mean, spread) in enumerate(HOST.priors.values())]
RATES = HOST.rates([math.log(6e10), *OFF], 4)
TASKS = list(curriculum.tasks("cpu", "float32", "contiguous", "eager"))
DIFFERENT = len({(digest(task.subject), task.batch) for task in TASKS})
UNSEEN = [("mobilenetv1", 0.4, 176), ("mobilenetv2", 1.4, 112), ("efficientnet_b0", 1, 128), ("resnet50", 0.5, 160)]


def seconds(subject, batch=1):
    """By the rates of the made-up CPU."""
    if isinstance(subject, SingleLayer):
        found = single_kernels([single_kernel(subject, batch)], 4)
    else:
        found = one_network(subject, batch, 4, "none")
    return float(found.seconds(RATES)[0])


def model(spec, alpha=1, size=224):
    document = refer(spec).document
    return build(document, settle(document, alpha, resolution=size))


# What is measured


@pytest.mark.parametrize("processor", ["cpu", "cuda"])
def test_the_curriculum_is_the_same_each_time_and_can_be_built(processor):
    random.seed(processor)
    first, second = (list(curriculum.layers(processor)) for _ in range(2))
    assert [(digest(s), b) for s, b in first] == [(digest(s), b) for s, b in second]
    for subject, batch in first:
        assert batch in curriculum.BATCHES[processor]
        with torch.device("meta"):
            inputs = [torch.empty(batch, *shape) for shape in subject.input_shapes]
            output = build_module(subject.recipe).eval()(*inputs)
        assert tuple(output.shape) == (batch, *subject.op.shape(subject.source))
        assert batch * subject.layer.cost.macs.value <= 1.3 * curriculum.LARGEST[processor]  # odd sizes round up
    kinds = {single_kernel(subject, 1).kind for subject, _ in first}
    assert kinds == {"dense", "pointwise", "depthwise", "norm", "pool", "elementwise"}
    shown = [_packed(single_kernel(*each), 4) for each in first if single_kernel(*each).kind in ("dense", "pointwise")]
    assert {bool(each) for each in shown} == {True, False}  # else what repacking costs is not to be seen


@pytest.mark.parametrize("processor", ["cpu", "cuda"])
def test_nothing_is_drawn_twice(processor):
    found = [(digest(subject), batch) for subject, batch in curriculum.layers(processor)]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_smallest_of_each_operator_runs_for_real(dtype):
    tasks = curriculum.tasks("cpu", dtype, "channels_last", "eager")
    alone = [task for task in tasks if isinstance(task.subject, SingleLayer)]
    least = {}
    for task in sorted(alone, key=lambda task: -math.prod(task.subject.input_shapes[0])):
        least[type(task.subject.op)] = task
    assert len(least) >= 9
    for task in least.values():
        with torch.inference_mode():
            output = runnable(task, torch.device("cpu"))[0]()
        assert output.dtype == getattr(torch, dtype) and output.isfinite().all()
        assert tuple(output.shape) == (task.batch, *task.subject.op.shape(task.subject.source))


# The command, with times that are made up


class Cpu:
    """Stands in for the measuring: what a CPU of these rates would take; `outcome(count, task)` may say otherwise."""

    def __init__(self):
        self.tasks, self.outcome = [], lambda count, task: None

    def __call__(self, task, machine_, protocol):
        found = self.outcome(len(self.tasks), task)
        self.tasks.append(task)
        each = seconds(task.subject, task.batch)
        return found or measure.Outcome(OK, None, [each * by for by in (0.99, 1.0, 1.01)])


@pytest.fixture
def cpu(monkeypatch):
    found = Cpu()
    monkeypatch.setattr(measure, "run", found)
    monkeypatch.setattr(machine, "_cpu_name", lambda: "a made-up CPU")
    return found


@pytest.fixture
def unfitted(monkeypatch):
    """Leaves the fit out, where it says nothing; returns the list of what would have been fitted."""
    seen = []
    monkeypatch.setattr(calibration, "fitted", lambda found: seen.append(found) or Fit(RATES, rows=len(found)))
    return seen


@pytest.fixture
def short(monkeypatch, unfitted):
    """Only the first network of the curriculum, and a few layers."""
    monkeypatch.setattr(curriculum, "NETWORKS", curriculum.NETWORKS[:1])
    monkeypatch.setattr(curriculum, "CONVOLUTIONS", {"cpu": 7})


@pytest.fixture
def calibrate(run, tmp_path, cpu):
    words = ("--device", "cpu", "--threads", "2", "--store", tmp_path / "store.db", "-o", tmp_path / "here.yaml")
    return lambda *more: run("calibrate", "--name", "here", *words, *more)


def test_calibrate_predicts_what_it_did_not_measure(calibrate, cpu, tmp_path):
    first = calibrate()
    assert first.exit_code == 0, first.output
    assert not first.stderr and len(cpu.tasks) == DIFFERENT
    made = profiles.read(tmp_path / "here.yaml")
    assert made.description == "a made-up CPU, eager, contiguous"
    assert made.source == f"{len(TASKS)} measurements on a made-up CPU, PyTorch {torch.__version__}"
    found = made.fits["float32"]
    assert (found.mode, found.fusion, found.rows) == ("eager", "none", len(TASKS)) and found.rates.host is not None
    assert 0 < found.single < 0.05 and found.inside <= found.outside and found.launch_seconds is None
    for chosen in UNSEEN:
        network = model(*chosen)
        expected = seconds(network)
        assert float(Predictor(made, mode="eager").network(network).seconds) == pytest.approx(expected, rel=0.03)
    assert shlex.split(made.command)[:6] == ["archcost", "calibrate", "--name", "here", "--device", "cpu"]


def test_ctrl_c_keeps_what_was_measured_and_the_same_command_goes_on(calibrate, cpu, tmp_path, unfitted):
    cpu.outcome = lambda count, task: signal.raise_signal(signal.SIGINT) if count == 9 else None
    stopped = calibrate()
    assert stopped.exit_code != 0 and not (tmp_path / "here.yaml").exists() and not stopped.stdout
    assert "stopped; what was measured is in the store: the same command goes on from there" in stopped.stderr
    with Store(tmp_path / "store.db") as store:
        assert len(store) == 9
    cpu.outcome = lambda count, task: None
    assert calibrate().exit_code == 0 and len(cpu.tasks) == DIFFERENT
    text = (tmp_path / "here.yaml").read_text()
    assert calibrate().exit_code == 0 and len(cpu.tasks) == DIFFERENT
    assert (tmp_path / "here.yaml").read_text() == text and (unfitted[0].seconds == unfitted[1].seconds).all()


def test_what_went_wrong_is_left_out_and_counted(calibrate, cpu, tmp_path, unfitted):
    wrong = (measure.Outcome(UNSTABLE, "drifted", [1e3, 2e3]), measure.Outcome(FAILED, "no kernel"))

    def outcome(count, task):
        return wrong[count % 2] if count % 5 == 2 else None

    cpu.outcome = outcome
    result = calibrate()
    bad = len(range(2, DIFFERENT, 5))
    made = profiles.read(tmp_path / "here.yaml")
    rows = made.fits["float32"].rows
    assert bad <= len(TASKS) - rows <= bad + 1  # one of them may be there twice
    said = f"warning: {len(TASKS) - rows} of {len(TASKS)} measurements were unstable or failed, and are left out"
    assert result.exit_code == 0 and said in result.stderr
    assert unfitted[0].seconds.max() < 10 and len(unfitted[0]) == rows


def test_nothing_that_could_be_measured_is_an_error(calibrate, cpu, tmp_path):
    cpu.outcome = lambda count, task: measure.Outcome(FAILED, "no kernel")
    result = calibrate()
    assert result.exit_code == 2 and not (tmp_path / "here.yaml").exists()
    assert "135 failed alike: no kernel" in result.stderr


def test_several_dtypes_are_fitted_each_on_its_own(calibrate, cpu, tmp_path, unfitted):
    def outcome(count, task):
        return measure.Outcome(OK, None, [2 * seconds(task.subject)] * 3) if task.dtype == "bfloat16" else None

    cpu.outcome = outcome
    result = calibrate("--dtype", "fp32,bf16,float32", "--layout", "channels_last")
    assert result.exit_code == 0 and len(cpu.tasks) == 2 * DIFFERENT
    assert {(task.dtype, task.layout, task.mode) for task in cpu.tasks} == {
        (dtype, "channels_last", "eager") for dtype in ("float32", "bfloat16")
    }
    made = profiles.read(tmp_path / "here.yaml")
    assert list(made.fits) == ["float32", "bfloat16"] and made.source.startswith(f"{2 * len(TASKS)} measurements")
    assert "--dtype float32,bfloat16 --layout channels_last --mode eager" in made.command
    one, half = unfitted
    assert half.seconds == pytest.approx(2 * one.seconds)
    assert [each.samples["none"].element_bytes for each in unfitted] == [4, 2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mode", "graph"], "need a GPU; on a CPU measure in mode eager"),
        (["--threads", "0"], "0 threads; at least 1 is needed"),
        (["--device", "tpu"], "unknown device `tpu`"),
        (["--dtype", "int8"], "int8 cannot be measured here"),
        (["--dtype", "float61"], "--dtype: must be one of float32"),
        (["--from", "points.csv"], "give one of --from, --from-layers and --datasheet"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_measured(calibrate, cpu, tmp_path, words, said):
    result = calibrate(*words)
    assert result.exit_code == 2 and said in result.stderr
    assert not cpu.tasks and not result.stdout and not (tmp_path / "here.yaml").exists()


# What is still wrong


def test_tf32_on_a_cpu_is_refused(calibrate, short):
    assert calibrate("--dtype", "tf32").exit_code == 2


def test_a_list_of_dtypes_is_checked_before_anything_is_measured(calibrate, cpu, short):
    assert calibrate("--dtype", "float32,int8").exit_code == 2 and not cpu.tasks


def test_a_dtype_that_this_machine_lacks_is_named(calibrate, cpu, short):
    def outcome(count, task):
        return measure.Outcome(FAILED, "not implemented for 'Half'") if task.dtype == "float16" else None

    cpu.outcome = outcome
    assert "float16" in calibrate("--dtype", "float32,float16").stderr


def test_the_command_names_the_threads(calibrate, tmp_path, short):
    calibrate()
    assert "--threads 2" in profiles.read(tmp_path / "here.yaml").command


def test_ctrl_c_ends_with_the_code_of_measure(calibrate, cpu):
    cpu.outcome = lambda count, task: signal.raise_signal(signal.SIGINT)
    assert calibrate().exit_code == 130
