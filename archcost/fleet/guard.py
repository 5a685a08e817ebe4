"""What a worker reads from the network: archcost's jobs, and no other program.

Dask sends functions as pickles, which can run anything. A worker of archcost's reads pickles with an eye on every name
in them: there are two that a job has, and whatever else comes is refused.
"""

from __future__ import annotations

import io
import logging
import pickle
from typing import Any

BLOCKED = (
    "run",
    "run_coroutine",
    "update_data",
    "upload_file",
    "actor_execute",
    "actor_attribute",
    "plugin-add",
    "plugin-remove",
    "benchmark_disk",
    "benchmark_memory",
    "benchmark_network",
)
"""What a Dask worker does for anybody, and one of archcost's for nobody."""
KNOWN = {("dask._task_spec", "Task"), ("archcost.fleet.jobs", "perform")}
log = logging.getLogger(__name__)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module, name)


def _loads(content: bytes, *, buffers: Any = ()) -> Any:
    try:
        return _Unpickler(io.BytesIO(content), buffers=buffers).load()
    except Exception as error:
        from dask._task_spec import Task

        from archcost.fleet.jobs import refuse

        said = f"this worker does archcost's jobs alone; what came names {error}"
        if "tblib" not in str(error):  # how Dask sends a refusal on
            log.warning("refused: %s", said)
        return Task("refused", refuse, said)  # raised here, it would cost the connection, and all that runs


def install() -> None:
    """From now on nothing that this process gets through Dask is run, jobs apart."""
    import dask
    from distributed.protocol import pickle as dasks

    dasks.loads = _loads  # what all of distributed reads pickles by
    dask.config.set({"distributed.worker.blocked-handlers": list(BLOCKED)})
