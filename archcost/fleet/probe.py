"""A device in a process of its own, so that the worker lives on when it hangs or crashes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from archcost.errors import ArchcostError
from archcost.fleet.child import Say, serve
from archcost.fleet.wire import Request
from archcost.latency import own
from archcost.latency.alone import alone
from archcost.latency.bench import Bench
from archcost.latency.measurement import Measurement
from archcost.latency.subject import Task


def main(device: str) -> int:
    """Offers the device, then measures on it."""

    def ready() -> tuple[dict[str, Any], Callable[[Request, Say], dict[str, Any]]]:
        bench, measured, lock = _found(device)

        def answer(request: Request, say: Say) -> dict[str, Any]:
            task = request.task
            with alone(lock, request.limit_seconds + 1):  # the worker gives up before
                say({"started": True})
                return {"measurement": measured(task).cells()}

        return {"bench": bench.data()}, answer

    return serve(ready)


def _found(device: str) -> tuple[Bench, Callable[[Task], Measurement], str]:
    """The bench, what measures on it, and the name of its lock; "" where it may be shared. Raises ArchcostError."""
    if own.is_own(device):
        mine = own.find(device)
        return mine.bench, mine.measurement, mine.lock
    try:
        from archcost.live import measure
    except ImportError as error:
        raise ArchcostError(f"{error.name} is not installed; measuring needs it: pip install torch") from None
    machine = measure.find(device)
    return measure.bench(machine), lambda task: measure.timed(task, machine), machine.lock


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
