"""A device in a process of its own: it reads jobs, a line of JSON each, and writes what it measured.

The worker can kill it when it hangs, and lives on when it crashes. It ends when the worker does.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from archcost.errors import ArchcostError
from archcost.fleet.wire import Request
from archcost.latency import own
from archcost.latency.bench import Bench
from archcost.latency.measurement import Measurement
from archcost.latency.subject import Task, hash_of


def main(device: str) -> int:
    """Offers the device, then measures on it until standard input ends."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever the user's modules print
    try:
        bench, measured, lock = _found(device)
    except ArchcostError as error:
        _tell(told, {"error": str(error)})
        return 2
    _tell(told, {"bench": bench.data()})
    jobs: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    while True:
        text = jobs.get()
        try:
            task = Request.read(text).task
            with _alone(lock):
                _tell(told, {"started": True})
                found: dict[str, Any] = {"measurement": measured(task).cells()}
        except ArchcostError as error:
            found = {"failed": str(error), "how": "error"}
        _tell(told, found)


def _found(device: str) -> tuple[Bench, Callable[[Task], Measurement], str]:
    """The bench, what measures on it, and the name of its lock; "" where it may be shared. Raises ArchcostError."""
    if own.is_own(device):
        mine = own.find(device)
        return mine.bench, mine.measurement, str(getattr(mine.seconds, "lock", ""))
    try:
        from archcost.live import measure
    except ImportError as error:
        raise ArchcostError(f"{error.name} is not installed; measuring needs it: pip install torch") from None
    machine = measure.find(device)
    return measure.bench(machine), lambda task: measure.timed(task, machine), machine.bus_id or "cpu"


def _tell(told: IO[str], content: dict[str, Any]) -> None:
    told.write(json.dumps(content) + "\n")
    told.flush()


def _read(jobs: queue.Queue[str]) -> None:
    """Jobs as they come; where no more can come the worker is dead, and nobody wants an answer."""
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


@contextmanager
def _alone(lock: str) -> Iterator[None]:
    """Waits until no other process of this user's measures on the device."""
    if not lock:
        yield
        return
    import fcntl

    name = f"archcost-{os.getuid()}-{hash_of(lock)[:12]}.lock"
    with Path(tempfile.gettempdir(), name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
