"""A user's own command, run on a worker that was started with the same one allowed."""

from __future__ import annotations

from typing import Any

from archcost.accuracy.evaluation import Order, run
from archcost.fleet.wire import Request
from archcost.latency.subject import Label


def evaluation(request: Request) -> dict[str, Any]:
    """What came of the command, as plain data under `evaluation`, which `evaluation.Result.of` reads. Raises
    ArchcostError where the request has no network."""
    return {"evaluation": run(order(request)).data()}


def order(request: Request) -> Order:
    """What to run, with the spec as a file of this machine's."""
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
