"""Measures tasks one after the other: answered from the store, or timed by the protocol and put there."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any, NamedTuple

import torch

from archcost.errors import ArchcostError
from archcost.latency import measurement
from archcost.latency.alone import alone
from archcost.latency.bench import Bench, labels
from archcost.latency.measurement import FAILED, OK, OUT_OF_MEMORY, UNSTABLE, Measurement, Protocol
from archcost.latency.store import Store
from archcost.latency.subject import Task
from archcost.live.clocks import Clock, Forward, GraphClock, HostClock, graph_clock
from archcost.live.machine import Machine, find, first_line
from archcost.live.runnable import runnable

_MOST_UNITS = 1_000_000
_NAMES = ("spec", "alpha", "resolution", "parameters", "layer", "kind")
"""What the asker calls it; others may have measured the same under other names."""


class Answer(NamedTuple):
    """A measurement, and whether the store had it already."""

    measurement: Measurement
    stored: bool


@dataclass(slots=True)
class Outcome:
    """What became of a run. samples: seconds of one forward, a mean for each block."""

    status: str
    reason: str | None = None
    samples: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


def measure(
    tasks: Iterable[Task],
    store: Store,
    machine: Machine,
    *,
    protocol: Protocol | None = None,
    fresh: bool = False,
    retry: bool = False,
) -> Iterator[Answer]:
    """An answer for each task, in their order; each is in the store before it is handed out.

    machine: from `find`. fresh: measure anew what the store has; retry: what it has of an earlier run that
    was unstable or failed. Running out of memory and what torch cannot do are
    answers too; raises ArchcostError where no further task can be measured.
    """
    protocol = protocol or Protocol.on(machine.device.type)
    done: set[str] = set()
    for task in tasks:
        task = _checked(task, machine)
        labelled = labels(task, machine.name, machine.fingerprint, machine.software, dataclasses.asdict(protocol))
        key = measurement.key_of({name: labelled[name] for name in measurement.IDENTITY})
        found = store.get(key) if key in done or not fresh else None
        if found is not None and retry and found.status != OK and key not in done:
            found = None
        if found is None:
            with alone(machine.lock):
                outcome = run(task, machine, protocol)
            found = _measurement({"key": key, **labelled}, outcome)
            store.put(found)
            stored = False
        else:
            own = {name: labelled[name] for name in _NAMES}
            found, stored = dataclasses.replace(found, **own), True
        done.add(key)
        yield Answer(found, stored)


def _checked(task: Task, machine: Machine) -> Task:
    """The task as this machine runs it. Raises ArchcostError for what makes no sense on it."""
    measurement.require("dtype", task.dtype, measurement.DTYPES)
    measurement.require("layout", task.layout, measurement.LAYOUTS)
    measurement.require("mode", task.mode, measurement.MODES)
    if task.mode == "graph" and not machine.is_gpu:
        raise ArchcostError("mode graph replays CUDA graphs, which need a GPU; on a CPU measure in mode eager")
    if task.batch < 1:
        raise ArchcostError(f"a batch of {task.batch}; it takes at least 1")
    # TF32 is a way to multiply float32 numbers on a GPU; elsewhere there is nothing to turn on.
    return dataclasses.replace(task, tf32=task.tf32 and machine.is_gpu and task.dtype == "float32")


def _measurement(labelled: Mapping[str, Any], outcome: Outcome) -> Measurement:
    return Measurement(
        **labelled,
        **measurement.statistics(outcome.samples),
        status=outcome.status,
        reason=outcome.reason,
        peak_bytes=outcome.peak_bytes,
        before=outcome.before,
        after=outcome.after,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def bench(machine: Machine) -> Bench:
    """The machine as others know it."""
    kind = machine.device.type
    return Bench(str(machine.device), machine.name, kind, machine.fingerprint, machine.software)


def timed(task: Task, machine: Machine) -> Measurement:
    """One task's measurement by the usual protocol, which no store is asked for and none keeps. Raises ArchcostError
    where the task makes no sense on the machine, or the device is lost."""
    task, known = _checked(task, machine), bench(machine)
    return _measurement(known.labels(task), run(task, machine, Protocol.on(known.kind)))


def run(task: Task, machine: Machine, protocol: Protocol) -> Outcome:
    """Measures one task now. Raises ArchcostError only where the device is lost."""
    try:
        with _settings(task, machine):
            forward, kernels = runnable(task, machine.device)
            with torch.inference_mode():
                outcome = _timed(forward, kernels, task, machine, protocol)
    except MemoryError as error:
        outcome = Outcome(OUT_OF_MEMORY, first_line(error))
    except (RuntimeError, TypeError) as error:
        # The end of a capture that failed raises once more; what came before says why.
        hidden = error.__context__ if not error.__suppress_context__ else None
        cause = hidden if isinstance(hidden, RuntimeError) else error
        outcome = Outcome(OUT_OF_MEMORY if _is_memory(cause) else FAILED, first_line(cause))
    machine.release()  # out here, where no traceback holds the tensors any more
    return outcome


def _is_memory(error: Exception) -> bool:
    said = str(error)
    return isinstance(error, torch.OutOfMemoryError) or any(
        text in said for text in ("out of memory", "not enough memory", "can't allocate memory", "ALLOC_FAILED")
    )


def _timed(forward: Forward, kernels: int, task: Task, machine: Machine, protocol: Protocol) -> Outcome:
    for _ in range(3 if machine.is_gpu else 1):  # the search for the fastest algorithms
        forward()
    machine.wait()
    peak_bytes = machine.peak_bytes(forward)
    clock: HostClock | GraphClock
    if task.mode == "graph":
        most = max(protocol.graph_forwards, protocol.most_graph_kernels // kernels)
        clock = graph_clock(forward, protocol.graph_forwards, most, protocol.block_seconds)
    else:
        clock = HostClock(forward, machine.wait)
    try:
        outcome = repeated(clock, machine, protocol)
    finally:
        if isinstance(clock, GraphClock):
            clock.close()
    outcome.peak_bytes = peak_bytes
    return outcome


def repeated(clock: Clock, machine: Machine, protocol: Protocol) -> Outcome:
    """Samples that neither drifted nor were throttled; after the last try, those that there are, marked."""
    outcome = Outcome(UNSTABLE)
    for _ in range(protocol.tries):
        units = warm_up(clock, protocol)
        before = machine.state()
        samples = blocks(clock, units, protocol)
        after = machine.state()
        reason = fault(samples, before, after, protocol)
        outcome = Outcome(UNSTABLE if reason else OK, reason, samples, None, before, after)
        if reason is None:
            break
    return outcome


def warm_up(clock: Clock, protocol: Protocol) -> int:
    """Runs until the last blocks agree, and long enough; returns how many units make a block."""
    last: deque[float] = deque(maxlen=protocol.agreeing_blocks)
    units, total = 1, 0.0
    while True:
        seconds = clock.elapsed(units)
        total += seconds
        last.append(max(seconds / units, 1e-9))
        units = min(_MOST_UNITS, math.ceil(protocol.block_seconds / min(last)))
        agreed = len(last) == last.maxlen and max(last) / min(last) - 1 <= protocol.agreement
        if (agreed and total >= protocol.warm_up_seconds) or total >= protocol.warm_up_limit_seconds:
            return units


def blocks(clock: Clock, units: int, protocol: Protocol) -> list[float]:
    """Seconds of one forward, from each of enough blocks."""
    samples: list[float] = []
    total = 0.0
    while len(samples) < protocol.fewest_blocks or (
        total < protocol.limit_seconds and (len(samples) < protocol.blocks or total < protocol.seconds)
    ):
        seconds = clock.elapsed(units)
        if seconds <= 0:
            raise RuntimeError(f"the clock says that a block took {seconds} s")
        total += seconds
        samples.append(seconds / (units * clock.forwards))
    return samples


def fault(samples: list[float], before: Mapping[str, Any], after: Mapping[str, Any], protocol: Protocol) -> str | None:
    """Why these samples are not to be trusted; None where they are."""
    half = len(samples) // 2
    first, second = median(samples[:half]), median(samples[half:])
    if before.get("throttled") or after.get("throttled"):
        reasons = dict.fromkeys([*before.get("throttle", []), *after.get("throttle", [])])
        return f"the GPU was throttled: {', '.join(reasons)}"
    busy = _foreign_cores(before, after)
    if busy > protocol.foreign_cores:
        return f"other programs used {busy:.1f} of its cores"
    drift = second / first - 1
    if abs(drift) > protocol.drift:
        return f"drifted by {drift:+.1%} from its first half to its second; {protocol.drift:.0%} is allowed"
    return None


def _foreign_cores(before: Mapping[str, Any], after: Mapping[str, Any]) -> float:
    """Cores that others used and this process would have; 0 where nobody counts them."""
    if "foreign_seconds" not in before or "foreign_seconds" not in after:
        return 0.0
    seconds = after["clock_seconds"] - before["clock_seconds"]
    return float((after["foreign_seconds"] - before["foreign_seconds"]) / max(seconds, 1e-9) - after["spare_cores"])


@contextmanager
def _settings(task: Task, machine: Machine) -> Iterator[None]:
    """torch's switches as the protocol has them; the caller's own come back afterwards."""
    cudnn: Any = torch.backends.cudnn
    precision, threads = torch.get_float32_matmul_precision(), torch.get_num_threads()
    names = ("benchmark", "benchmark_limit", "allow_tf32") if machine.is_gpu else ()
    before = {name: getattr(cudnn, name) for name in names}
    try:
        torch.set_num_threads(machine.threads)
        torch.set_float32_matmul_precision("high" if task.tf32 else "highest")
        for name, value in zip(names, (True, 0, task.tf32), strict=False):
            setattr(cudnn, name, value)
        with torch.cuda.device(machine.device) if machine.is_gpu else nullcontext():
            yield
    finally:
        for name, value in before.items():
            setattr(cudnn, name, value)
        torch.set_float32_matmul_precision(precision)
        torch.set_num_threads(threads)


__all__ = ["Answer", "Machine", "find", "measure"]
