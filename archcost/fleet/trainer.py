"""A training slot: runs evaluation commands in a process of its own, which ends them when the worker dies."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from archcost.accuracy.evaluation import Order, run
from archcost.fleet.child import Say, serve
from archcost.fleet.wire import Request
from archcost.latency.subject import Label


def main() -> int:
    over = threading.Event()

    def ready() -> tuple[dict[str, Any], Callable[[Request, Say], dict[str, Any]]]:
        return {"ready": True}, lambda request, say: {"evaluation": run(order(request), over).data()}

    return serve(ready, over)


def order(request: Request) -> Order:
    """What to run, with the spec as a file of this machine's. Raises ArchcostError where the request has no network."""
    curves = tuple({int(step): accuracy for step, accuracy in curve.items()} for curve in request.curves)
    return Order(
        request.command,
        Label.of(request.network, request.spec),
        request.file,
        request.text,
        request.limit_seconds,
        request.memory_bytes,
        request.pruner,
        curves,
    )


if __name__ == "__main__":
    sys.exit(main())
