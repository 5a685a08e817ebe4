"""The answer to a search: as data, as a table, and in words; also why there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from archcost.accuracy import costs
from archcost.accuracy.published import Point, everything
from archcost.analysis import SCHEMA_VERSION
from archcost.dims import Ratio, as_float
from archcost.search.answer import Answer
from archcost.search.candidates import Candidates, named, parted
from archcost.search.question import Question

COLUMNS = (
    "spec",
    "alpha",
    "resolution",
    "parameters",
    "macs",
    "params",
    "weight_bytes",
    "peak_activation_bytes",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "published",
    "extrapolated",
)
"""Of a row, as data."""
TIMES = {
    "predicted_ms": "seconds",
    "predicted_low_ms": "seconds_low",
    "predicted_high_ms": "seconds_high",
    "measured_ms": "measured",
}
"""Of a row too, and the columns that they are; of several devices each has its own."""
EQUALS = 5
"""The winner's equals that are shown."""


def row(question: Question, table: Candidates, place: int) -> dict[str, Any]:
    """A candidate as data: plain numbers, None where nobody knows; resolution is [height, width]. Of several devices
    times have the device's label after their name, and those without are None."""
    found = table.row(place)
    space = question.spaces[found["space"]]
    settings = space.settings(found["number"])
    return {
        "spec": space.name,
        "alpha": as_float(settings.alpha),
        "resolution": None if settings.resolution is None else [int(size) for size in settings.resolution],
        "parameters": {name: _plain(value) for name, value in settings.parameters.items()},
        **{name: int(found[name]) for name in ("macs", "params", "weight_bytes", "peak_activation_bytes")},
        **{name: _known(found[name], 4) for name in ("accuracy", "accuracy_low", "accuracy_high", "published")},
        "extrapolated": found["outside"],
        **dict.fromkeys(TIMES),
        **{key: _known(found.get(column, math.nan) * 1e3, 6) for key, column in _times(question).items()},
    }


def _times(question: Question) -> dict[str, str]:
    """A row's times, and the columns that they are, device by device."""
    return {
        f"{key}_{device}" if device else key: named(column, device)
        for device in question.devices
        for key, column in TIMES.items()
    }


def data(answer: Answer, top: int | None = None) -> dict[str, Any]:
    """Everything: what was asked, what there is, the winner, the front and the winner's equals."""
    question, table = answer.question, answer.candidates

    def rows(places: Sequence[int]) -> list[dict[str, Any]]:
        return [row(question, table, place) for place in places[:top]]

    used = question.constraints.used(figures(answer))
    return {
        "schema_version": SCHEMA_VERSION,
        "specs": [space.name for space in question.spaces],
        "constraints": {_key(name): _value(name, limit) for name, limit in question.constraints.given()},
        "objectives": list(question.objectives),
        "batch": question.scale.batch,
        "dtype": question.scale.dtype,
        "inplace": question.scale.inplace,
        "seed": answer.seed,
        "versions": _versions(),
        **_devices(answer),
        "space": [space_data(space) for space in question.spaces],
        "space_size": answer.found.size,
        "distinct": answer.found.distinct,
        "feasible": answer.found.feasible,
        "unknown": answer.found.unknown,
        "exact": answer.exact,
        "accuracies": [each.statement for each in question.accuracies],
        "measured": answer.measuring.done if answer.measuring else 0,
        "measured_before": answer.measuring.known if answer.measuring else 0,
        "evaluated": answer.evaluating.asked if answer.evaluating else 0,
        "pruned": answer.evaluating.pruned if answer.evaluating else 0,
        "failed": sum(work.failed for work in (answer.measuring, answer.evaluating) if work),
        "ahead": answer.ahead,
        "ended": "; ".join(work.ended for work in (answer.evaluating, answer.measuring) if work) or None,
        "winner": {**row(question, table, answer.winner), "used": {_key(name): share for name, share in used.items()}},
        "binding": None if answer.binding is None else _key(answer.binding),
        "front": rows(answer.front),
        "equals": rows(answer.equals[:EQUALS]),
        "equals_count": len(answer.equals),
        "timed": [row(question, table, place) for place in _timed(answer)],
        "published": [_published(point, cost) for point, cost in alternatives(question)],
        **({} if answer.fleet is None else {"fleet": answer.fleet}),
    }


def csv(answer: Answer, top: int | None = None) -> str:
    """The front, a row each; resolution as 160 or 160x192, parameters as name=value."""
    from archcost.latency.table import to_csv

    rows = []
    columns = [*COLUMNS, *_times(answer.question)]
    for each in data(answer, top)["front"]:
        each["resolution"] = size(each["resolution"])
        each["parameters"] = " ".join(f"{name}={plain_text(value)}" for name, value in each["parameters"].items())
        rows.append(["" if each[name] is None else each[name] for name in columns])
    return to_csv(columns, rows)


def figures(answer: Answer) -> dict[str, Any]:
    """The winner's, its times as measured where they were."""
    found = answer.candidates.row(answer.winner)
    for device in answer.question.devices:
        measured = found.get(named("measured", device), math.nan)
        if measured == measured:
            found[named("seconds", device)] = measured
    return found


def _timed(answer: Answer) -> list[int]:
    """Places of the candidates that were measured, on whatever device, but for those on the front."""
    import numpy as np

    table, devices = answer.candidates, answer.question.devices
    known = [name for device in devices if (name := named("measured", device)) == "measured" or name in table.more]
    timed = np.any([~np.isnan(table.column(name)) for name in known], axis=0) if known else np.zeros(len(table), bool)
    return [int(at) for at in np.flatnonzero(timed) if at not in {answer.winner, *answer.front}]


def _versions() -> dict[str, str]:
    import importlib
    import platform

    import numpy as np

    version = importlib.import_module("archcost").__version__  # the package's front offers the rooms above this one
    return {"archcost": version, "python": platform.python_version(), "numpy": np.__version__}


def _devices(answer: Answer) -> dict[str, Any]:
    """Whose times they are: `device`, None where there are none; of several, `devices`."""
    question = answer.question
    if question.devices == ("",):
        return {"device": answer.devices.get("") or _profile(question, "")}
    return {
        "device": None,
        "devices": [answer.devices.get(each) or _profile(question, each) for each in question.devices],
    }


def _profile(question: Question, device: str) -> dict[str, Any] | None:
    """Whose profile predicted times; None where none did."""
    predictor = question.predictors.get(device)
    if predictor is None:
        return None
    mode = predictor.mode or predictor.fit.mode or None
    label = {"device": device} if device else {}
    return {"name": predictor.profile.name, **label, "mode": mode, "dtype": predictor.dtype, "measured": False}


def alternatives(question: Question) -> list[tuple[Point, dict[str, float]]]:
    """Published networks of the zoo that keep to the same limits on costs and accuracy, with their costs; of each
    spec and recipe the best, and the best of all first: the most accurate, or the cheapest where that is asked for.
    None where accuracies are of the user's own data."""
    if question.own:
        return []
    scale = question.scale
    dtype = "int8" if scale.dtype == "int8" else "float32"
    kept = []
    for point in everything():
        found = {**costs.known()[costs.name(point)].columns(scale.batch, scale.dtype), "accuracy": point.top1}
        limits = [each for each, _ in question.constraints.given() if each in found]
        if point.dtype == dtype and all(question.constraints.met(each, found[each]) for each in limits):
            kept.append((point, found))
    first = question.objectives[0]
    cheapest = first if kept and first in kept[0][1] and first != "accuracy" else "macs"
    turned = question.constraints.accuracy is not None
    kept.sort(key=lambda each: (each[1][cheapest] if turned else 0, -each[0].top1))
    best: dict[tuple[str, str], tuple[Point, dict[str, float]]] = {}
    for point, found in kept:
        best.setdefault((point.spec, point.recipe), (point, found))
    return list(best.values())


def _published(point: Point, cost: Mapping[str, float]) -> dict[str, Any]:
    return {
        "spec": point.spec,
        "alpha": point.alpha,
        "resolution": None if point.resolution is None else list(point.resolution),
        "parameters": dict(point.parameters),
        "recipe": point.recipe,
        **cost,
        "source": point.source,
    }


def space_data(space: Any) -> dict[str, Any]:
    """Its axes as plain data."""
    sizes = [None if size is None else [int(each) for each in size] for size in space.resolutions]
    parameters = {name: [_plain(value) for value in values] for name, values in space.parameters.items()}
    return {
        "spec": space.name,
        "alpha": [as_float(alpha) for alpha in space.alphas],
        "resolution": sizes,
        "parameters": parameters,
    }


def _key(name: str) -> str:
    """A limit's name as data has it: times are milliseconds there."""
    quantity, device = parted(name)
    if quantity == "seconds":
        return f"latency_ms_{device}" if device else "latency_ms"
    return "min_accuracy" if name == "accuracy" else name


def _value(name: str, limit: float) -> float:
    value = limit * 1e3 if parted(name)[0] == "seconds" else limit
    return int(value) if value == int(value) else value


def size(resolution: Sequence[int] | None) -> str:
    if resolution is None:
        return ""
    height, width = resolution
    return str(height) if height == width else f"{height}x{width}"


def plain_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    return as_float(value) if isinstance(value, Ratio) else value


def _known(value: float, digits: int) -> float | None:
    return None if value != value else round(value, digits)
