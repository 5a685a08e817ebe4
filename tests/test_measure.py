"""Measuring: what is known by one digest, the protocol under a clock of our own, CUDA graphs without a GPU, the CPU
for real, and what goes wrong."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from archcost.errors import ArchcostError
from archcost.graph import build
from archcost.latency.measurement import FAILED, OK, OUT_OF_MEMORY, UNSTABLE, Protocol, statistics
from archcost.latency.points import read_layers, read_points
from archcost.latency.store import Store
from archcost.latency.subject import Label, SingleLayer, Task, digest
from archcost.live import clocks, machine, measure, nvml, runnable
from archcost.live.build import build_network
from archcost.live.fold import fold_batch_norms
from archcost.spec import zoo
from archcost.spec.document import parse, read
from archcost.spec.settings import settle

QUICK = Protocol.on("cpu", warm_up_seconds=0.0, warm_up_limit_seconds=0.02, seconds=0.0, limit_seconds=0.02, drift=1e9)
TINY = """name: tiny
input: [3, 8, 8]
layers:
  - conv: {out: 8, kernel: 3}
  - batch_norm
  - relu
"""


def network(text_or_name, **settings):
    known = text_or_name in zoo.names()
    document = read(zoo.find(text_or_name)) if known else parse(text_or_name, "tiny.yaml")
    return build(document, settle(document, **settings))


def task(subject=None, **how):
    return Task(subject or network(TINY), Label("tiny"), **how)


@pytest.fixture
def cpu(monkeypatch):
    found = machine.find("cpu", 1)
    monkeypatch.setattr(machine, "_cpu_state", lambda threads: {})  # others may use this machine while it is tested
    return found


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "store.db") as opened:
        yield opened


# What is measured


def test_names_comments_and_form_do_not_enter_the_digest():
    other = TINY.replace("name: tiny", "name: other # text").replace("- relu", "- {relu: {}, name: last}")
    assert digest(network(other)) == digest(network(TINY))
    assert digest(network(TINY, alpha="0.9")) == digest(network(TINY, alpha="0.95"))


@pytest.mark.parametrize(
    "change", [("out: 8", "out: 9"), ("8, 8]", "8, 9]"), ("relu", "relu6"), ("kernel: 3", "kernel: 1")]
)
def test_what_runs_does(change):
    assert digest(network(TINY.replace(*change))) != digest(network(TINY))


def test_wiring_enters_the_digest():
    text = "name: x\ninput: [4, 8, 8]\nlayers: [{name: a, relu: {}}, {name: b, relu: {}}, {add: {}, from: [a, %s]}]\n"
    assert digest(network(text % "b")) != digest(network(text % "input"))


def test_the_digest_is_the_same_everywhere():
    assert digest(network(TINY)) == "c5d6efd1dd5dea075fc58f97144ca12bc0555efed7738d3886f8c4f78afec2cc"


def test_a_kernel_shares_the_digest_of_a_network_of_it():
    alone = network("name: x\ninput: [3, 8, 8]\nlayers:\n  - conv: {out: 8, kernel: 3}\n")
    assert digest(SingleLayer.of(network(TINY).layers[0])) == digest(alone)


def test_labels():
    label = Label.of(network("mobilenetv1", alpha="0.5", resolution=(160, 192), parameters={"depth": 0}))
    assert (label.spec, label.alpha, label.resolution) == ("mobilenetv1@depth=0", 0.5, "160x192")
    kernels = [str(SingleLayer.of(layer)) for layer in network("mobilenetv1").layers]
    assert kernels[3] == "depthwise 3x3/1 32→32 @112x112 g32" and "linear @1024→1000" in kernels


@pytest.mark.parametrize("name", zoo.names())
def test_every_layer_of_the_zoo_has_a_digest_and_a_text(name):
    for layer in network(name).layers:
        kernel = SingleLayer.of(layer)
        assert len(digest(kernel)) == 64 and str(kernel)
        shape = kernel.conv_shape(1)
        if shape is not None:
            assert shape.operator.shape(shape.input_shape) == layer.output_shape
            assert digest(SingleLayer.convolution(shape)) == digest(kernel) or layer.op.bias


# The protocol, under a clock of our own


class FakeClock:
    """Each forward takes what `seconds(now)` says."""

    def __init__(self, seconds, forwards=1):
        self.seconds, self.forwards, self.now, self.calls = seconds, forwards, 0.0, []

    def elapsed(self, units):
        taken = units * self.forwards * self.seconds(self.now)
        self.now += taken
        self.calls.append((units, taken))
        return taken


class FakeMachine:
    """A machine whose states are read from a list; then it is silent."""

    is_gpu = False

    def __init__(self, *states):
        self.states = deque(states)

    def state(self):
        return self.states.popleft() if self.states else {}


PROTOCOL = Protocol.on("cuda")


@pytest.mark.parametrize("seconds", [1e-6, 0.0007, 0.009, 0.05])
@pytest.mark.parametrize("forwards", [1, 10])
def test_blocks_are_long_and_many_enough(seconds, forwards):
    clock = FakeClock(lambda now: seconds, forwards)
    outcome = measure.repeated(clock, FakeMachine(), PROTOCOL)
    assert outcome.status == OK and outcome.samples == pytest.approx([seconds] * len(outcome.samples))
    blocks = clock.calls[-len(outcome.samples) :]
    assert all(taken >= 0.0999 * 0.1 for _, taken in blocks)
    assert len(blocks) >= 20 and sum(taken for _, taken in blocks) >= 0.5
    assert sum(taken for _, taken in clock.calls[: -len(blocks)]) >= 0.5


def test_the_warm_up_waits_for_the_clock_to_rise():
    clock = FakeClock(lambda now: 0.001 * (1 + math.exp(-now)))
    outcome = measure.repeated(clock, FakeMachine(), dataclasses.replace(PROTOCOL, drift=1e9))
    assert 1.0 < sum(taken for _, taken in clock.calls[: -len(outcome.samples)]) < 3


def test_a_slow_network_has_few_blocks_and_an_end():
    clock = FakeClock(lambda now: 12.0)
    outcome = measure.repeated(clock, FakeMachine(), PROTOCOL)
    assert outcome.status == OK and len(outcome.samples) == PROTOCOL.fewest_blocks


def test_the_warm_up_has_an_end():
    flip = iter(range(10**9))
    clock = FakeClock(lambda now: 0.001 if next(flip) % 2 else 0.002)
    measure.warm_up(clock, PROTOCOL)
    assert 10 <= clock.now < 10.1


def test_what_drifts_is_repeated_then_marked():
    clock = FakeClock(lambda now: 0.001 * (1 + 0.2 * now))
    outcome = measure.repeated(clock, FakeMachine(), PROTOCOL)
    assert outcome.status == UNSTABLE and outcome.reason.startswith("drifted by +") and len(outcome.samples) >= 20


def test_what_drifts_once_is_repeated_and_good():
    clock = FakeClock(lambda now: 0.001 if not 0.7 < now < 1.2 else 0.0012)
    outcome = measure.repeated(clock, FakeMachine(), PROTOCOL)
    assert outcome.status == OK and clock.now > 2


def test_a_throttled_run_is_repeated_then_marked():
    hot = nvml._throttle(0x20 | 0x04)
    clock = FakeClock(lambda now: 0.001)
    once = measure.repeated(clock, FakeMachine({}, hot), PROTOCOL)
    assert once.status == OK
    always = measure.repeated(clock, FakeMachine(*[hot] * 6), PROTOCOL)
    assert always.status == UNSTABLE and always.reason == "the GPU was throttled: power cap, thermal, by software"


@pytest.mark.parametrize("bits", [0x0, 0x1, 0x2, 0x4, 0x10, 0x100])
def test_an_idle_or_capped_gpu_is_not_throttled(bits):
    state = nvml._throttle(bits)
    assert measure.repeated(FakeClock(lambda now: 0.001), FakeMachine(*[state] * 2), PROTOCOL).status == OK


def test_other_programs_on_the_cores_are_seen():
    before = {"foreign_seconds": 10.0, "clock_seconds": 100.0, "spare_cores": 0}
    quiet, busy = ({**before, "foreign_seconds": 10.0 + s, "clock_seconds": 101.0} for s in (0.1, 0.9))
    assert measure.fault([1.0] * 20, before, quiet, PROTOCOL) is None
    assert measure.fault([1.0] * 20, before, busy, PROTOCOL) == "other programs used 0.9 of its cores"
    spare = {"spare_cores": 2}
    assert measure.fault([1.0] * 20, before | spare, busy | spare, PROTOCOL) is None


@pytest.mark.skipif(not os.path.exists("/proc/stat"), reason="counted by Linux")  # noqa: PTH110
def test_the_cores_are_counted():
    first = machine._cpu_state(1)
    assert first["clock_seconds"] > 0 and first["foreign_seconds"] > 0 and first["spare_cores"] >= 0


def test_a_clock_that_stands_still_is_a_failure():
    with pytest.raises(RuntimeError, match="the clock says"):
        measure.blocks(FakeClock(lambda now: 0.0), 1, PROTOCOL)


# CUDA graphs, on a device that is made up


@pytest.fixture
def cuda(monkeypatch):
    """A GPU that takes a millisecond a forward, and half a microsecond more for each replay; its host is ten times as
    slow. Returns the forward and a log of what was asked of it."""
    log: list[str] = []
    state = {"now": 0.0, "capturing": None, "side": False}

    def forward():
        if state["capturing"] is not None:
            state["capturing"].forwards += 1
        else:
            log.append("side forward" if state["side"] else "forward")
            state["now"] += 0.010

    class Graph:
        forwards = 0

        def replay(self):
            log.append("replay")
            state["now"] += self.forwards * 0.001 + 5e-7

        def reset(self):
            log.append("reset")

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            self.at = state["now"]

        def synchronize(self):
            log.append("wait")

        def elapsed_time(self, end):
            return 1000 * (end.at - self.at)

    class Stream:
        def wait_stream(self, other):
            log.append("join")

    @contextmanager
    def capture(graph):
        assert "side forward" in log and not state["side"]
        state["capturing"] = graph
        yield
        state["capturing"] = None

    @contextmanager
    def on(stream):
        state["side"] = True
        yield
        state["side"] = False

    fakes = {"Event": Event, "CUDAGraph": Graph, "Stream": Stream, "graph": capture, "stream": on}
    fakes |= {"current_stream": Stream, "synchronize": lambda: log.append("wait")}
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    return forward, log


def test_a_graph_holds_enough_forwards(cuda):
    forward, log = cuda
    clock = clocks.graph_clock(forward, 10, 1000, 0.05)
    assert clock.forwards == 50
    assert clock.elapsed(2) == pytest.approx(0.1, rel=1e-3)
    assert log[-3:] == ["replay", "replay", "wait"]
    assert log.count("reset") == 1  # of the graph that only told the time
    clock.close()
    assert log.count("reset") == 2


@pytest.mark.parametrize(
    ("least", "most", "seconds", "expected"), [(10, 1000, 0.005, 10), (10, 20, 1.0, 20), (10, 20, 0.0005, 2)]
)
def test_a_graph_has_bounds(cuda, least, most, seconds, expected):
    assert clocks.graph_clock(cuda[0], least, most, seconds).forwards == expected


def test_a_graph_tells_the_gpus_time_not_the_hosts(cuda):
    clock = clocks.graph_clock(cuda[0], 10, 1000, PROTOCOL.block_seconds)
    outcome = measure.repeated(clock, FakeMachine(), PROTOCOL)
    assert outcome.status == OK and statistics(outcome.samples)["median"] == pytest.approx(0.001, rel=1e-3)


# Folding


def unfolded(module):
    """Batch norms that alone read a convolution."""
    found = {name: step for name, step, _, _ in module.steps}
    readers = [source for _, _, inputs, _ in module.steps for source in inputs]

    def convolves(step):
        return isinstance(step[-1] if isinstance(step, nn.Sequential) else step, (nn.Conv2d, nn.ConvTranspose2d))

    return [
        name
        for name, step, inputs, _ in module.steps
        if isinstance(step, nn.BatchNorm2d) and convolves(found.get(inputs[0])) and readers.count(inputs[0]) == 1
    ]


@pytest.mark.parametrize("name", ["mobilenetv2", "resnet18", "shufflenet_v2_x1_0", "densenet121", "inceptionv3"])
def test_folded_networks_compute_the_same(name):
    found = network(name, resolution=96)
    module = build_network(found)
    torch.manual_seed(1)
    runnable.settle(module, (found.input_shape,), torch.device("cpu"))
    module, x = module.double(), torch.randn(2, *found.input_shape, dtype=torch.float64)
    with torch.inference_mode():
        before = module(x)
        count = fold_batch_norms(module)
        after = module(x)
    assert count > 15 and not unfolded(module)
    assert torch.allclose(before, after, rtol=1e-6, atol=1e-9)
    left = sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())
    assert left == sum(isinstance(step, nn.BatchNorm2d) for _, step, _, _ in module.steps)
    assert (left == 0) == (name != "densenet121")


def test_a_convolution_that_others_read_keeps_its_norm():
    text = TINY.replace("- conv:", "- name: c\n    conv:") + "  - {name: l, relu: {}, from: c}\n"
    module = build_network(network(text))
    assert fold_batch_norms(module) == 0


def test_numbers_keep_their_size():
    found = network("mobilenetv1", resolution=64)
    module = build_network(found)
    runnable.settle(module, (found.input_shape,), torch.device("cpu"))
    sizes = []
    for step in module.modules():
        if isinstance(step, nn.BatchNorm2d):
            step.register_forward_hook(lambda _, __, y: sizes.append(float(y.std())))
    with torch.inference_mode():
        module(torch.randn(8, *found.input_shape))
    assert len(sizes) == 27 and all(0.1 < size < 10 for size in sizes)


# The CPU, for real


def test_measured_then_answered_from_the_store(cpu, store):
    tasks = [task(batch=2), task(SingleLayer.of(network(TINY).layers[0])), task(folded=True, layout="channels_last")]
    first = list(measure.measure(tasks, store, cpu, protocol=QUICK))
    assert [a.stored for a in first] == [False] * 3 and len(store) == 3
    assert all(a.measurement.status == OK and 0 < a.measurement.median < 1 for a in first)
    assert first[0].measurement.peak_bytes is None
    assert first[1].measurement.layer == "conv 3x3/1 3→8 @8x8 g1" and first[1].measurement.padding == "1"
    again = list(measure.measure(tasks, store, cpu, protocol=QUICK))
    assert [a.measurement for a in again] == [a.measurement for a in first] and all(a.stored for a in again)
    assert not any(a.stored for a in measure.measure(tasks, store, cpu, protocol=QUICK, fresh=True))


def test_one_network_under_two_names_is_measured_once(cpu, store):
    both = [Task(network(TINY), Label("one", 1.0)), Task(network(TINY), Label("two", 0.5))]
    answers = list(measure.measure(both, store, cpu, protocol=QUICK, fresh=True))
    assert [(a.stored, a.measurement.spec, a.measurement.alpha) for a in answers] == [
        (False, "one", 1.0),
        (True, "two", 0.5),
    ]


@pytest.mark.parametrize(
    "change",
    [{"batch": 2}, {"dtype": "bfloat16"}, {"layout": "channels_last"}, {"folded": True}],
)
def test_what_makes_a_key(cpu, change):
    def key(machine_, protocol, **how):
        return measure.measurement.key_of(
            {
                name: value
                for name, value in measure.labels(
                    task(**how), machine_.name, machine_.fingerprint, machine_.software, dataclasses.asdict(protocol)
                ).items()
                if name in measure.measurement.IDENTITY
            }
        )

    assert key(cpu, QUICK, **change) != key(cpu, QUICK)
    assert key(cpu, PROTOCOL) != key(cpu, QUICK)
    assert key(dataclasses.replace(cpu, software={"torch": "1"}), QUICK) != key(cpu, QUICK)
    assert key(dataclasses.replace(cpu, fingerprint={"threads": 2}), QUICK) != key(cpu, QUICK)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_dtype_and_layout_reach_the_convolution(dtype, layout, monkeypatch):
    seen = []
    forward = nn.Conv2d.forward

    def watched(self, x):
        y = forward(self, x)
        seen.append((x.dtype, self.weight.dtype, x.is_contiguous(memory_format=torch.channels_last)))
        return y

    call, _ = runnable.runnable(task(network(TINY), dtype=dtype, layout=layout), torch.device("cpu"))
    monkeypatch.setattr(nn.Conv2d, "forward", watched)
    with torch.inference_mode():
        call()
    wanted = getattr(torch, dtype)
    assert seen == [(wanted, wanted, layout == "channels_last")]


def test_the_callers_torch_is_left_as_it_was(cpu, store):
    torch.manual_seed(7)
    before = torch.get_num_threads(), torch.get_float32_matmul_precision(), torch.random.get_rng_state().tolist()
    inside = []
    cpu = dataclasses.replace(cpu, threads=before[0] + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "warm_up", lambda clock, protocol: inside.append(torch.get_num_threads()) or 1)
        list(measure.measure([task()], store, cpu, protocol=QUICK))
    assert inside[0] == before[0] + 1
    assert (
        torch.get_num_threads(),
        torch.get_float32_matmul_precision(),
        torch.random.get_rng_state().tolist(),
    ) == before


def failing(monkeypatch, error):
    def broken(given, device):
        if given.batch == 2:
            raise error
        return runnable.runnable(given, device)

    monkeypatch.setattr(measure, "runnable", broken)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"), OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), OUT_OF_MEMORY),
        (MemoryError(), OUT_OF_MEMORY),
        (RuntimeError("\"slow_conv2d_cpu\" not implemented for 'Half'\nsecond line"), FAILED),
        (NotImplementedError("no kernel"), FAILED),
    ],
)
def test_a_failure_is_an_answer_and_the_next_goes_on(cpu, store, monkeypatch, error, status):
    failing(monkeypatch, error)
    bad, good = measure.measure([task(batch=2), task(batch=3)], store, cpu, protocol=QUICK)
    assert bad.measurement.status == status and bad.measurement.median is None and bad.measurement.reason
    assert "\n" not in bad.measurement.reason and good.measurement.status == OK
    assert store.get(bad.measurement.key) == bad.measurement


def test_memory_that_ran_out_inside_a_capture(cpu, store, monkeypatch):
    error = RuntimeError("operation failed due to a previous error during capture")
    error.__context__ = torch.OutOfMemoryError("CUDA out of memory")
    failing(monkeypatch, error)
    (answer,) = measure.measure([task(batch=2)], store, cpu, protocol=QUICK)
    assert answer.measurement.status == OUT_OF_MEMORY and answer.measurement.reason == "CUDA out of memory"


def test_a_compiler_that_fails_is_an_answer(cpu, store, monkeypatch):
    def broken(*args, **kwargs):
        raise OSError("no C++ compiler")

    monkeypatch.setattr(torch, "compile", broken)
    (answer,) = measure.measure([task(mode="compile")], store, cpu, protocol=QUICK)
    assert (
        answer.measurement.status == FAILED
        and answer.measurement.reason == "torch.compile failed: OSError: no C++ compiler"
    )


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"mode": "graph"}, "need a GPU; on a CPU measure in mode eager"),
        ({"mode": "fast"}, "unknown mode"),
        ({"dtype": "int8"}, "int8 cannot be measured here; choose from float32"),
        ({"dtype": "float8"}, "unknown dtype"),
        ({"layout": "nhwc"}, "unknown layout"),
        ({"batch": 0}, "at least 1"),
    ],
)
def test_what_makes_no_sense(cpu, store, how, said):
    with pytest.raises(ArchcostError, match=said):
        list(measure.measure([task(**how)], store, cpu, protocol=QUICK))


# Devices


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ArchcostError, match=r"no GPU can be used: .*; `--device cpu` measures on the CPU"):
        machine.find("cuda")
    found = machine.find()
    assert found.device.type == "cpu" and found.note.startswith("Measured on the CPU: ")


def test_a_driver_that_is_too_old(monkeypatch):
    import warnings

    def old():
        warnings.warn("CUDA initialization: The NVIDIA driver on your system is too old (found 11000).", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", old)
    monkeypatch.setattr(torch.version, "cuda", "12.6")
    with pytest.raises(ArchcostError, match="driver on your system is too old"):
        machine.find("cuda")


@pytest.mark.parametrize("chosen", ["cuda", None])
def test_cuda_that_is_broken(monkeypatch, chosen):
    def broken(*args):
        raise RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be …")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "current_device", broken)
    with pytest.raises(
        ArchcostError, match="CUDA is there but does not work: CUDA error: out of memory; `--device cpu`"
    ):
        machine.find(chosen)


@pytest.mark.parametrize("name", ["tpu", "cuda:x", "CPU", "", "cuda:99999"])
def test_an_unknown_device(name):
    with pytest.raises(ArchcostError, match="unknown device"):
        machine.find(name)


def test_threads():
    assert machine.find("cpu", 3).fingerprint["threads"] == 3
    assert 1 <= machine.physical_cores() <= os.cpu_count()
    with pytest.raises(ArchcostError, match="at least 1"):
        machine.find("cpu", 0)


def test_nvidia_smi_stands_in_for_the_library(monkeypatch):
    done = subprocess.CompletedProcess([], 0, "1980, 612.5, [N/A], 0x0000000000000024, 575.1\n", "")
    monkeypatch.setattr(nvml, "_library", lambda: None)
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: done)
    assert nvml.state("0") == {
        "clock_hertz": 1.98e9,
        "power_watts": 612.5,
        "throttle": ["power cap", "thermal, by software"],
        "throttled": True,
    }
    assert nvml.driver("0") == "575.1"


def test_without_either_nothing_is_known(monkeypatch):
    monkeypatch.setattr(nvml, "_library", lambda: None)
    monkeypatch.setenv("PATH", "")
    assert nvml.state("0") == {} and nvml.driver("0") is None


# The command


@pytest.fixture
def quick(monkeypatch, cpu):
    monkeypatch.setattr(Protocol, "on", classmethod(lambda cls, device: QUICK))


@pytest.fixture
def ask(run, tmp_path, quick):
    (tmp_path / "tiny.yaml").write_text(TINY)
    return lambda *words: run("measure", *words, "--device", "cpu", "--store", tmp_path / "store.db")


def rows(result):
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_every_combination(ask, tmp_path):
    spec = tmp_path / "tiny.yaml"
    result = ask(
        spec,
        "--alpha",
        "0.5,1",
        "--resolution",
        "8,16",
        "--batch",
        "1,3",
        "--layout",
        "contiguous,channels_last",
        "--format",
        "csv",
    )
    found = rows(result)
    assert result.exit_code == 0 and len(found) == 16 and {row["status"] for row in found} == {"ok"}
    assert {row["stored"] for row in found} == {"false"}
    file = tmp_path / "out.csv"
    file.write_text(result.stdout)
    points = read_points(file, measured=True, where={"layout": "contiguous"})
    assert len(points) == 8 and all(0 < seconds < 1 for seconds in points.seconds)
    assert set(points.specs) == {str(spec)}


def test_a_table_says_on_what_and_how(ask, tmp_path):
    ask(tmp_path / "tiny.yaml", "--batch", "2")
    said = ask(tmp_path / "tiny.yaml", "--batch", "2,1", "--fold-bn").stdout
    for part in ("threads; PyTorch", "BN folded", "milliseconds of one forward", "protocol blocks 1: blocks of 10 ms"):
        assert part in said
    assert "1 of 1 from the store" in ask(tmp_path / "tiny.yaml", "--batch", "2").stdout


def test_points_come_back_in_their_order_with_their_columns(ask, tmp_path):
    (tmp_path / "p.csv").write_text(
        "note,spec,alpha,resolution,batch,latency_ms,dtype\nb,tiny.yaml,,16,2,77,bfloat16\na,tiny.yaml,0.50,8,1,,\n"
    )
    found = rows(ask("--points", tmp_path / "p.csv", "--format", "csv"))
    assert [(row["note"], row["alpha"], row["batch"], row["dtype"]) for row in found] == [
        ("b", "", "2", "bfloat16"),
        ("a", "0.50", "1", "float32"),
    ]
    assert all(0 < float(row["latency_ms"]) < 77 for row in found)
    twice = rows(ask("--points", tmp_path / "p.csv", "--dtype", "float32,bfloat16", "--format", "csv"))
    assert [(row["note"], row["dtype"]) for row in twice] == [
        (note, dtype) for note in "ba" for dtype in ("float32", "bfloat16")
    ]


def test_layers(ask, tmp_path):
    result = ask(
        "mobilenetv1", "--alpha", "0.25", "--resolution", "32", "--set", "depth=2", "--layers", "-o", tmp_path / "l.csv"
    )
    assert result.exit_code == 0
    found = list(csv.DictReader(io.StringIO((tmp_path / "l.csv").read_text())))
    names = [name for row in found for name in row["names"].split()]
    network_ = network("mobilenetv1", alpha="0.25", resolution=32, parameters={"depth": 2})
    assert sorted(names) == sorted(layer.name for layer in network_.layers if layer.op.moves_data)
    assert all(int(row["count"]) == len(row["names"].split()) for row in found)
    assert len({row["key"] for row in found}) == len(found)
    kinds = {row["kind"] for row in found if row["kernel"]}
    assert kinds == {"conv", "depthwise", "pointwise"}
    layers = [read_layers(tmp_path / "l.csv", measured=True, where={"kind": kind}) for kind in sorted(kinds)]
    assert [shape.groups > 1 for each in layers for shape in each.shapes].count(True) == len(layers[1])


def test_json(ask, tmp_path):
    (row,) = json.loads(ask(tmp_path / "tiny.yaml", "--format", "json").stdout)["rows"]
    assert row["spec"] == str(tmp_path / "tiny.yaml") and row["latency_ms"] > 0 and row["peak_bytes"] is None


def test_out_of_memory_for_real(ask, tmp_path):
    result = ask(tmp_path / "tiny.yaml", "--resolution", "2000", "--batch", "1000000,1", "--set", "x=1")
    assert result.exit_code == 2
    tiny = (tmp_path / "tiny.yaml").read_text().replace("out: 8, kernel: 3", "out: 1, kernel: 1, stride: 1000")
    (tmp_path / "small.yaml").write_text(tiny)
    result = ask(tmp_path / "small.yaml", "--resolution", "2000", "--batch", "1000000", "--format", "csv")
    (row,) = rows(result)
    assert result.exit_code == 0 and row["status"] == "out_of_memory" and row["latency_ms"] == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a spec, or a file of points"),
        (["mobilenetv1", "--points", "p.csv"], "one of them"),
        (["mobilenetv9"], "did you mean `mobilenetv"),
        (["mobilenetv1", "--batch", "0"], "batch must be a whole number from 1"),
        (["mobilenetv1", "--batch", "x"], "batch must be a whole number"),
        (["mobilenetv1", "--dtype", "int8"], "int8 cannot be measured here"),
        (["mobilenetv1", "--dtype", "float33"], "did you mean `float32`"),
        (["mobilenetv1", "--mode", "graph"], "need a GPU"),
        (["mobilenetv1", "--layers", "--fold-bn"], "give one of them"),
        (["mobilenetv1", "--set", "depth=9"], "depth takes 0, 1, 2, 3, 4, 5; not 9"),
        (["vgg16", "--resolution", "224,3"], "resolution 3: "),
        (["--points", "nowhere.csv"], "no such file"),
        (["mobilenetv1", "-o", "x.png"], "no format ends in .png"),
    ],
)
def test_bad_words(ask, words, said):
    result = ask(*words)
    assert result.exit_code == 2 and said in result.stderr and not result.stdout


def test_bad_points(ask, tmp_path):
    file = tmp_path / "p.csv"
    file.write_text("spec,alpha,resolution,batch,mode\nvgg16,1,3,1,eager\nmobilenetv1,1,32,1,fast\n")
    result = ask("--points", file)
    assert (
        result.exit_code == 2 and f"{file}:2: " in result.stderr and f"{file}:3: unknown mode `fast`" in result.stderr
    )


def test_without_torch_it_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['torch'] = None; from archcost.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "measure", "mobilenetv1"], capture_output=True, text=True)
    assert done.returncode == 2 and "torch is not installed" in done.stderr and "Traceback" not in done.stderr


def test_ctrl_c_keeps_what_was_measured(tmp_path):
    path = tmp_path / "store.db"
    command = ["-m", "archcost", "measure", "mobilenetv1", "--alpha", "0.05:1:0.01", "--resolution", "32"]
    options = ["--device", "cpu", "--threads", "1", "--store", str(path), "--format", "csv"]
    process = subprocess.Popen(
        [sys.executable, *command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 120
    count = 0
    while count < 2 and time.monotonic() < until and process.poll() is None:
        time.sleep(0.1)
        if path.exists():
            with Store(path) as store:
                count = len(store)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors and "were measured, and are in the store" in errors
    with Store(path) as store:
        assert len(list(csv.DictReader(io.StringIO(output)))) == len(store) >= 2
