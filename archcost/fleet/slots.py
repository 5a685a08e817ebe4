"""What one worker has: devices, each in a process of its own, and places to train in."""

from __future__ import annotations

import json
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from archcost.errors import ArchcostError
from archcost.fleet.wire import Device, Request
from archcost.latency.bench import Bench

START_SECONDS = 120.0
"""How long a device may take to be found: importing torch, and starting CUDA."""


class Failure(Exception):
    """Why there is no measurement. how: timeout, died, busy, error."""

    def __init__(self, how: str, said: str) -> None:
        super().__init__(said)
        self.how = how


class Probe:
    """A device, measured by a process that is started when it is needed and killed when it hangs."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()

    def start(self) -> Bench:
        """Raises ArchcostError where the device is not there."""
        self.stop()
        command = [sys.executable, "-m", "archcost.fleet.probe", self.device]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", start_new_session=True
        )
        self._lines = queue.Queue()
        threading.Thread(target=_read, args=(self._process, self._lines), daemon=True).start()
        try:
            told = self._next(START_SECONDS)
        except Failure as failure:
            raise ArchcostError(f"the device {self.device} cannot be used: {failure}") from None
        if "error" in told:
            self.stop()
            raise ArchcostError(told["error"])
        return Bench(**told["bench"])

    def measure(self, text: str, seconds: float) -> dict[str, Any]:
        """The answer to a job; waits as long again for a device that others use. Raises Failure."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(text + "\n")
            self._process.stdin.flush()
        except OSError:
            raise self._died() from None
        found = self._next(seconds, "busy")
        return self._next(seconds) if "started" in found else found

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def _next(self, seconds: float, how: str = "timeout") -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            self.stop()
            said = f"not done after {seconds:g} s"
            if how == "busy":
                said = f"another program has kept {self.device} for {seconds:g} s"
            raise Failure(how, said) from None
        if line is None:
            raise self._died()
        told: dict[str, Any] = json.loads(line)
        return told

    def _died(self) -> Failure:
        assert self._process is not None
        code = self._process.wait()
        self.stop()
        said = f"exit code {code}" if code >= 0 else f"ended by {signal.Signals(-code).name}"
        return Failure("died", f"the process that measured: {said}")


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.put(line)
    except ValueError:  # closed meanwhile
        pass
    lines.put(None)


@dataclass(eq=False)
class Slots:
    """The devices of a worker by id, and how many commands it may run at once."""

    commands: tuple[str, ...] = ()
    train_slots: int = 0
    devices: list[Device] = field(default_factory=list)
    _probes: dict[str, queue.Queue[Probe]] = field(default_factory=dict)
    _all: list[Probe] = field(default_factory=list)

    def add(self, device: str, name: str | None) -> Device:
        """A device of this machine. name: what else searches may call it. Raises ArchcostError."""
        probe = Probe(device)
        self._all.append(probe)
        bench = probe.start()
        found = Device(tuple(dict.fromkeys([*names(bench), *([name] if name else [])])), bench)
        self._probes.setdefault(bench.id, queue.Queue()).put(probe)
        self.devices.append(found)
        return found

    def close(self) -> None:
        for probe in self._all:
            probe.stop()

    def measure(self, request: Request) -> dict[str, Any]:
        """A measurement's cells, or why there is none."""
        try:
            with self._taken(request.slot, request.limit_seconds) as probe:
                return probe.measure(request.text_of(), request.limit_seconds)
        except Failure as failure:
            return {"failed": str(failure), "how": failure.how}
        except ArchcostError as error:  # it did not start again
            return {"failed": str(error), "how": "died"}

    @contextmanager
    def _taken(self, slot: str, seconds: float) -> Iterator[Probe]:
        if slot not in self._probes:
            raise Failure("error", "this worker has no such device")
        try:
            probe = self._probes[slot].get(timeout=seconds)
        except queue.Empty:
            raise Failure("busy", f"another job has kept the device for {seconds:g} s") from None
        try:
            yield probe
        finally:
            self._probes[slot].put(probe)


def names(bench: Bench) -> list[str]:
    """What a search may call a device without having been told: `cpu`; `nvidia-h200`, as profiles are named; a device
    of the user's own by its reference."""
    if bench.kind == "cpu":
        return ["cpu"]
    if bench.kind == "own":
        return [bench.device, bench.name]
    words = re.sub(r"[^a-z0-9]+", "-", bench.name.lower()).strip("-").split("-")
    model = [word for word in words if word not in ("nvidia", "tesla", "geforce", "quadro")]
    kept = "-".join(model)
    short = re.match(r"(rtx-|gtx-)?[a-z]*\d+[a-z]*", kept)  # `t4`, `h200`; not `pcie-40gb`
    known = [f"nvidia-{short[0].replace('-', '')}"] if short else []
    return list(dict.fromkeys([*known, f"nvidia-{kept}", "cuda"]))
