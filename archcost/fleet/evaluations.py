"""A user's own command, run on a worker that was started with the same one allowed."""

from __future__ import annotations

from typing import Any

from archcost.fleet.wire import Request


def evaluation(request: Request) -> dict[str, Any]:
    """What the command said of a network, as plain data."""
    return {"failed": f"{request.what}: not yet", "how": "error"}
