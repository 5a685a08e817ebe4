"""What one worker has: devices, and places to train in, each in a process of its own."""

from __future__ import annotations

import queue
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from archcost.errors import ArchcostError
from archcost.fleet.child import Child, Failure
from archcost.fleet.wire import TRAINING, Device, Request
from archcost.latency.bench import Bench

GRACE_SECONDS = 30.0
"""Beyond its own limit, how long a command may take to be ended."""


@dataclass(eq=False)
class Slots:
    """commands: that may be run; devices: by which searches know them."""

    commands: tuple[str, ...] = ()
    devices: list[Device] = field(default_factory=list)
    train_slots: int = 0
    _free: dict[str, queue.Queue[Child]] = field(default_factory=dict)
    _all: list[Child] = field(default_factory=list)
    _closed: bool = False

    def add(self, device: str, name: str | None) -> Device:
        """A device of this machine. name: what else searches may call it. Raises ArchcostError."""
        child = Child("probe", device)
        bench = Bench(**self._started(child)["bench"])
        self._free.setdefault(bench.id, queue.Queue()).put(child)
        found = Device(tuple(dict.fromkeys([*names(bench), *([name] if name else [])])), bench)
        self.devices.append(found)
        return found

    def add_training(self) -> None:
        """A place for one command at a time."""
        child = Child("trainer")
        self._started(child)
        self._free.setdefault(TRAINING, queue.Queue()).put(child)
        self.train_slots += 1

    def close(self) -> None:
        """Ends what runs; nothing begins any more."""
        self._closed = True
        for child in self._all:
            child.stop()

    def measure(self, request: Request) -> dict[str, Any]:
        """A measurement's cells, or why there is none; waits for the device as long as it may then measure."""

        def asked(child: Child) -> dict[str, Any]:
            found = child.next(request.limit_seconds, "busy")
            return child.next(request.limit_seconds) if "started" in found else found

        return self._done(request, request.slot, asked)

    def evaluate(self, request: Request) -> dict[str, Any]:
        """What came of a command, which keeps to its limits itself; or why nobody knows."""
        return self._done(request, TRAINING, lambda child: child.next(request.limit_seconds + GRACE_SECONDS))

    def _started(self, child: Child) -> dict[str, Any]:
        self._all.append(child)
        return child.start()

    def _done(self, request: Request, slot: str, asked: Any) -> dict[str, Any]:
        found: dict[str, Any]
        try:
            with self._taken(slot, request.limit_seconds) as child:
                if not self._closed:
                    child.tell(request)
                    found = asked(child)
        except Failure as failure:
            found = {"failed": str(failure), "how": failure.how}
        except ArchcostError as error:  # it did not start again
            found = {"failed": str(error), "how": "died"}
        return {"refused": "is about to end"} if self._closed else found

    @contextmanager
    def _taken(self, slot: str, seconds: float) -> Iterator[Child]:
        if slot not in self._free:
            raise Failure("error", "this worker has no such slot")
        try:
            child = self._free[slot].get(timeout=seconds)
        except queue.Empty:
            raise Failure("busy", f"other jobs have kept all slots for {seconds:g} s") from None
        try:
            yield child
        finally:
            self._free[slot].put(child)


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
