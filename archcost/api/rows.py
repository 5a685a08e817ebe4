"""What stands in a search's JSON, read with care: somebody may have written it by hand.

Each function raises KeyError, TypeError or ValueError, with a text that names what is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from archcost.reports.page.found import LATENCY, Device
from archcost.search.candidates import parted

LIMITS = ("macs", "params", "weight_bytes", "peak_activation_bytes", "min_accuracy")
OBJECTIVES = ("accuracy", "macs", "params", "weight_bytes", "peak_activation_bytes", "seconds", "measured")
COSTS = ("macs", "params", "weight_bytes", "peak_activation_bytes")
FIGURES = (*COSTS, "accuracy", "accuracy_low", "accuracy_high", "published")
TIMES = ("predicted_ms", "measured_ms")


def text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} where a text stands")
    return value


def devices_of(content: Mapping[str, Any]) -> list[Device]:
    """The devices of a search: the only one, or several with their labels."""
    alone = content.get("device")
    if alone is not None:
        return [_device(alone, "")]
    several = content.get("devices") or ()
    return [_device(each, text_of(each["device"])) for each in several if each is not None]


def _device(given: Mapping[str, Any], label: str) -> Device:
    mode = given.get("mode")
    return Device(text_of(given["name"]), label, "" if mode is None else text_of(mode), bool(given.get("measured")))


def row_of(row: Any, known: Mapping[str, str], devices: Sequence[Device]) -> dict[str, Any]:
    """A network of a result. known: the specs that were searched, and where they are now. Numbers that are none are
    what nobody knows."""
    if not isinstance(row, Mapping):
        raise ValueError(f"{row!r} where a network stands")
    spec = text_of(row["spec"])
    if spec not in known:
        raise ValueError(f"a network of {spec}, which was not searched")
    size, parameters = row["resolution"], row["parameters"]
    if size is not None and (not isinstance(size, Sequence) or len(size) != 2):
        raise ValueError(f"{size!r} where a resolution stands")
    if not isinstance(parameters, Mapping):
        raise ValueError(f"{parameters!r} where parameters stand")
    times = [*TIMES, *(device.key(name) for device in devices for name in TIMES)]
    return {
        "spec": known[spec],
        "alpha": _number(row["alpha"], "alpha"),
        "resolution": None if size is None else [int(_number(each, "resolution")) for each in size],
        "parameters": dict(parameters),
        **{name: _figure(row.get(name), name) for name in (*FIGURES, *times)},
    }


def limits_of(given: Any, devices: Sequence[Device]) -> dict[str, float]:
    """Limits by their names."""
    known = {*LIMITS, LATENCY, *(device.key(LATENCY) for device in devices)}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValueError(f"unknown limits {', '.join(map(str, unknown))}")
    limits = {name: _number(value, name) for name, value in given.items()}
    for name, value in limits.items():
        if value < 0:
            raise ValueError(f"the limit {name} is {value:g}, which is less than nothing")
    return limits


def scale_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """The batch, the dtype and whether layers work in place, as far as they are told."""
    if not isinstance(content.get("inplace", True), bool):
        raise ValueError(f"inplace is {content['inplace']!r}, which is neither true nor false")
    return {name: content[name] for name in ("batch", "dtype", "inplace") if name in content}


def objectives_of(given: Any) -> tuple[str, ...]:
    """Names of columns, the first of which the winner is best in; a + before one says that more is better."""
    found = tuple(text_of(each) for each in given) or ("accuracy", "macs")
    unknown = [name for name in found if parted(name.removeprefix("+"))[0] not in OBJECTIVES]
    if unknown:
        raise ValueError(f"unknown objectives {', '.join(unknown)}")
    return found


def axes_of(space: Mapping[str, Any]) -> dict[str, Any]:
    """The axes of a space; specs without a resolution have one that nobody reads."""
    sizes = [224 if size is None else tuple(size) for size in space["resolution"]]
    return {"alpha": [*space["alpha"]], "resolution": sizes, **space["parameters"]}


def _number(value: Any, name: str) -> float:
    found = _figure(value, name)
    if found is None:
        raise ValueError(f"{name} is {value!r}, which is no number")
    return found


def _figure(value: Any, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} is {value!r}, which is no number")
    return value if math.isfinite(value) else None
