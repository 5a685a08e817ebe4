"""The answer to a search: as data, as a table, and in words; also why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archcost.accuracy import costs
from archcost.accuracy.published import Point, everything
from archcost.analysis import SCHEMA_VERSION
from archcost.dims import Ratio, as_float
from archcost.search.answer import Answer
from archcost.search.candidates import Candidates
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
    "predicted_ms",
    "predicted_low_ms",
    "predicted_high_ms",
    "measured_ms",
)
"""Of a row, as data."""
EQUALS = 5
"""The winner's equals that are shown."""


def row(question: Question, table: Candidates, place: int) -> dict[str, Any]:
    """A candidate as data: plain numbers, None where nobody knows; resolution is [height, width]."""
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
        "predicted_ms": _known(found["seconds"] * 1e3, 6),
        "predicted_low_ms": _known(found["seconds_low"] * 1e3, 6),
        "predicted_high_ms": _known(found["seconds_high"] * 1e3, 6),
        "measured_ms": _known(found["measured"] * 1e3, 6),
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
        "device": answer.device or _profile(question),
        "space": [_space(space) for space in question.spaces],
        "space_size": answer.found.size,
        "distinct": answer.found.distinct,
        "feasible": answer.found.feasible,
        "unknown": answer.found.unknown,
        "exact": answer.exact,
        "accuracies": [each.statement for each in question.accuracies],
        "measured": answer.measuring.done if answer.measuring else 0,
        "measured_before": answer.measuring.known if answer.measuring else 0,
        "evaluated": answer.evaluating.asked if answer.evaluating else 0,
        "failed": sum(work.failed for work in (answer.measuring, answer.evaluating) if work),
        "ended": "; ".join(work.ended for work in (answer.evaluating, answer.measuring) if work) or None,
        "winner": {**row(question, table, answer.winner), "used": {_key(name): share for name, share in used.items()}},
        "binding": None if answer.binding is None else _key(answer.binding),
        "front": rows(answer.front),
        "equals": rows(answer.equals[:EQUALS]),
        "equals_count": len(answer.equals),
        "timed": [row(question, table, place) for place in _timed(answer)],
        "published": [_published(point, cost) for point, cost in alternatives(question)],
    }


def csv(answer: Answer, top: int | None = None) -> str:
    """The front, a row each; resolution as 160 or 160x192, parameters as name=value."""
    from archcost.latency.table import to_csv

    rows = []
    for each in data(answer, top)["front"]:
        each["resolution"] = size(each["resolution"])
        each["parameters"] = " ".join(f"{name}={plain_text(value)}" for name, value in each["parameters"].items())
        rows.append(["" if each[name] is None else each[name] for name in COLUMNS])
    return to_csv(COLUMNS, rows)


def figures(answer: Answer) -> dict[str, Any]:
    """The winner's, its time as measured where it was."""
    found = answer.candidates.row(answer.winner)
    return {**found, "seconds": found["measured"]} if found["measured"] == found["measured"] else found


def _timed(answer: Answer) -> list[int]:
    """Places of the candidates that were measured but for those on the front, the quickest first."""
    times = answer.candidates.measured.tolist()
    on = {answer.winner, *answer.front}
    return sorted((at for at, time in enumerate(times) if time == time and at not in on), key=lambda at: times[at])


def _versions() -> dict[str, str]:
    import importlib
    import platform

    import numpy as np

    version = importlib.import_module("archcost").__version__  # the package's front offers the rooms above this one
    return {"archcost": version, "python": platform.python_version(), "numpy": np.__version__}


def _profile(question: Question) -> dict[str, Any] | None:
    """Whose profile predicted times; None where none did."""
    predictor = question.predictor
    if predictor is None:
        return None
    mode = predictor.mode or predictor.fit.mode or None
    return {"name": predictor.profile.name, "mode": mode, "dtype": predictor.dtype, "measured": False}


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


def _space(space: Any) -> dict[str, Any]:
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
    return "min_accuracy" if name == "accuracy" else "latency_ms" if name == "seconds" else name


def _value(name: str, limit: float) -> float:
    value = limit * 1e3 if name == "seconds" else limit
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
