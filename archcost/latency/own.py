"""A device of the user's own: a Python callable that takes a task and says how many seconds one forward takes there.

`module:attribute` names it, the module being one that Python can import, or a file (`phone.py:seconds`). What tells the
device from others goes into an attribute `fingerprint` of the callable, a dict of plain values.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from archcost.errors import ArchcostError
from archcost.latency import measurement
from archcost.latency.bench import Bench
from archcost.latency.measurement import FAILED, OK, Measurement
from archcost.latency.subject import Task, canonical

PROTOCOL = {"name": "own", "version": 1}
_REFERENCE = re.compile(r"(?P<module>[^\0]+?):(?P<attribute>[A-Za-z_]\w*)")
Seconds = Callable[[Task], float]


@dataclass(frozen=True, slots=True, eq=False)
class OwnDevice:
    """The callable, and the bench that it is."""

    seconds: Seconds
    bench: Bench

    @property
    def lock(self) -> str:
        """What processes that share it must wait for each other by; "" where each has its own."""
        return str(getattr(self.seconds, "lock", ""))

    def measurement(self, task: Task) -> Measurement:
        """What it says of a task; what it raises is a failed measurement."""
        labelled = self.bench.labels(task)
        samples, reason = [], None
        try:
            samples = [_seconds(self.seconds(task))]
        except Exception as error:  # whatever the user's program meets
            reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:300] if str(error) else ''}"
        return Measurement(
            **labelled,
            **measurement.statistics(samples),
            status=OK if samples else FAILED,
            reason=reason,
            peak_bytes=None,
            before={},
            after={},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def is_own(device: str) -> bool:
    """Whether a device's name is such a reference; `cuda:1` is none, nor is a path of Windows'."""
    return _REFERENCE.fullmatch(device) is not None and not device.startswith("cuda:")


def find(reference: str) -> OwnDevice:
    """Raises ArchcostError where there is no such callable."""
    named = _REFERENCE.fullmatch(reference)
    if named is None:
        raise ArchcostError(f"`{reference}` is no device; a device of your own is module:attribute")
    module = _module(reference, named["module"])
    found = getattr(module, named["attribute"], None)
    if not callable(found):
        raise ArchcostError(f"`{reference}`: {named['module']} has no callable {named['attribute']}")
    own = getattr(found, "fingerprint", {})
    try:
        canonical(own)
        fingerprint = {"kind": "own", "name": reference, **own}
    except (TypeError, ValueError) as error:
        raise ArchcostError(f"`{reference}`: its fingerprint must be a dict of plain values: {error}") from None
    software = {
        "archcost": importlib.import_module("archcost").__version__,
        "python": platform.python_version(),
    }
    return OwnDevice(found, Bench(reference, named["attribute"], "own", fingerprint, software, PROTOCOL))


def _module(reference: str, name: str) -> ModuleType:
    try:
        if not name.endswith(".py"):
            if "" not in sys.path and str(Path.cwd()) not in sys.path:
                sys.path.insert(0, str(Path.cwd()))  # as `python -m` does; a console script does not
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(Path(name).stem, name)
        if spec is None or spec.loader is None or not Path(name).is_file():
            raise ArchcostError(f"`{reference}`: there is no file {name}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except ArchcostError:
        raise
    except Exception as error:  # whatever the user's module meets
        raise ArchcostError(f"`{reference}` cannot be imported: {type(error).__name__}: {error}") from None
    return module


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (math.isfinite(value) and value > 0):
        raise ValueError(f"a time must be a positive number of seconds, not {value!r}")
    return float(value)
