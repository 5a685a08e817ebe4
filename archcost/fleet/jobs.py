"""The one function that Dask runs on workers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from archcost.fleet.wire import Request

TOPIC = "archcost"
"""Of Dask's events: a worker tells which job it has begun, by its key."""
answering: list[Callable[[Request], dict[str, Any]]] = []
"""What this process does with jobs, where it is a worker of archcost's."""


def perform(text: str) -> str:
    """A job's answer, both as JSON; whatever goes wrong is an answer too."""
    if not answering:
        said = "is a Dask worker, but none that `archcost worker` started"
        return json.dumps({"refused": said})
    try:
        _tell()
        found = answering[0](Request.read(text))
    except Exception as error:  # none may leave: Dask would send it as a pickle
        found = {"failed": f"{type(error).__name__}: {error}", "how": "error"}
    return json.dumps(found)


def _tell() -> None:
    from distributed import get_worker

    worker = get_worker()
    worker.log_event(TOPIC, {"begun": worker.get_current_task()})


def refuse(said: str) -> str:
    """In place of what is no job."""
    raise PermissionError(said)
