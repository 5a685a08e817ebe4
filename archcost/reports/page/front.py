"""The variants of a page: those of a search's spaces, each distinct network once, with what is known of it."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from archcost import dims
from archcost.accuracy import costs
from archcost.accuracy.model import is_the_zoos
from archcost.accuracy.published import Point
from archcost.errors import ArchcostError, SpecError
from archcost.graph import build
from archcost.latency.prediction import Predictor
from archcost.search.candidates import Candidates, joined
from archcost.search.enumeration import COSTS, candidates_of
from archcost.search.question import Question
from archcost.search.space import Space
from archcost.spec.settings import settle

MOST = 400_000
"""Variants that a page is drawn for."""
COLUMNS = (
    "space",
    "number",
    "macs",
    "params",
    "weight_bytes",
    "peak_activation_bytes",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "published",
)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a search wrote: its winner, its front's rows, its limits by name; and who it is of."""

    winner: Mapping[str, Any] | None = None
    rows: Sequence[Mapping[str, Any]] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    origin: str = ""
    statements: Sequence[str] = ()


def front(question: Question, predictors: Sequence[Predictor], found: Found) -> dict[str, Any]:
    """Columns over all variants, the spaces that they are numbered in, and the published points.

    Of more variants than a page is drawn for, those that the search's result names.
    """
    size = sum(map(len, question.spaces))
    whole = size <= MOST
    table = _candidates(question) if whole else _listed(question, found)
    columns = {name: getattr(table, name) for name in COLUMNS}
    for predictor in predictors:
        asked = replace(question, predictors={"": predictor})
        times = _candidates(asked).seconds if whole else _timed(question, table, predictor)
        columns[f"seconds:{predictor.profile.name}"] = times
    columns |= _measured(question, table, found)
    return {
        "count": len(table),
        "size": size,
        "whole": whole,
        "batch": question.scale.batch,
        "dtype": question.scale.dtype,
        "spaces": [_space(space) for space in question.spaces],
        "statements": [each.statement for each in question.accuracies],
        "columns": {name: _packed(values) for name, values in columns.items()},
        "published": [point for place in range(len(question.spaces)) for point in _points(question, place, predictors)],
        "limits": dict(found.limits),
        "origin": found.origin,
        "winner": None if found.winner is None else _place(question, table, found.winner),
    }


def axes_of(question: Question, space: Space, found: Found) -> tuple[Sequence[Any], Sequence[Any]]:
    """The α and the resolutions that variants of a space on the page have."""
    if sum(map(len, question.spaces)) <= MOST:
        return space.alphas, space.resolutions
    named = [at for row in found.rows if (at := _numbered(question, row)) is not None]
    settings = [space.settings(number) for at, number in named if question.spaces[at] is space]
    return [each.alpha for each in settings], [each.resolution for each in settings]


def _candidates(question: Question) -> Candidates:
    tables = []
    errors: list[SpecError] = []
    for place, space in enumerate(question.spaces):
        for first, settings in space.chunks():
            try:
                tables.append(candidates_of(place, first, settings, space, question.scale, question.estimate))
            except SpecError as error:  # nothing of this part can exist
                errors.append(error)
    if not tables:
        raise errors[0]
    return joined(tables).unique()


def _listed(question: Question, found: Found) -> Candidates:
    """The networks that a search's result names, as a table; each once."""
    rows: dict[tuple[int, int], Mapping[str, Any]] = {}
    for row in found.rows:
        at = _numbered(question, row)
        if at is not None:
            rows.setdefault(at, row)
    numbers = sorted(rows)

    def column(name: str) -> Any:
        return np.array([np.nan if rows[at].get(name) is None else rows[at][name] for at in numbers], float)

    unknown = np.full(len(numbers), np.nan)
    return Candidates(
        space=np.array([at for at, _ in numbers], int),
        number=np.array([number for _, number in numbers], int),
        network=np.arange(len(numbers), dtype=np.uint64),
        **{name: column(name) for name in (*COSTS, "accuracy", "accuracy_low", "accuracy_high", "published")},
        outside=np.zeros(len(numbers), bool),
        seconds=unknown,
        seconds_low=unknown,
        seconds_high=unknown,
        measured=unknown,
    )


def _timed(question: Question, table: Candidates, predictor: Predictor) -> Any:
    """Predicted seconds of a few networks, one by one."""
    found = []
    for at, number in zip(table.space.tolist(), table.number.tolist(), strict=True):
        space = question.spaces[at]
        found.append(
            float(predictor.network(build(space.document, space.settings(number)), question.scale.batch).seconds)
        )
    return np.array(found, float)


def _measured(question: Question, table: Candidates, found: Found) -> dict[str, Any]:
    """Seconds of what the search measured, of several devices `measured:NAME` for each, and the accuracies that only it
    knows put into the table."""
    keys = dict.fromkeys(key for row in found.rows for key in row if key.startswith("measured_ms_")) or ["measured_ms"]
    measured = {key: np.full(len(table), np.nan) for key in keys}
    for row in found.rows:
        place = _place(question, table, row)
        if place is None:
            continue
        for key, seconds in measured.items():
            if row.get(key) is not None:
                seconds[place] = row[key] * 1e-3
        for name in ("accuracy", "accuracy_low", "accuracy_high"):
            if row.get(name) is not None and np.isnan(getattr(table, name)[place]):
                getattr(table, name)[place] = row[name]
    return {key.replace("_ms_", ":").removesuffix("_ms"): seconds for key, seconds in measured.items()}


def _place(question: Question, table: Candidates, row: Mapping[str, Any]) -> int | None:
    """Where a row of a search's result stands in the table; None where it does not."""
    found = _numbered(question, row)
    if found is None:
        return None
    rows = np.flatnonzero((table.space == found[0]) & (table.number == found[1]))
    return int(rows[0]) if len(rows) else None


def _numbered(question: Question, row: Mapping[str, Any]) -> tuple[int, int] | None:
    """The space of a row of a result, and its number there; None where no space has it."""
    for at, space in enumerate(question.spaces):
        if space.name != row.get("spec"):
            continue
        size, parameters = row.get("resolution"), row.get("parameters")
        try:
            chosen = settle(space.document, row.get("alpha"), None, tuple(size) if size else None, parameters)
            wanted = {**chosen.parameters, "alpha": chosen.alpha, "resolution": chosen.resolution}
            return at, space.number({name: places[str(wanted[name])] for name, places in _axes(space).items()})
        except (ArchcostError, KeyError):
            continue
    return None


@lru_cache(maxsize=8)
def _axes(space: Space) -> dict[str, dict[str, int]]:
    """Of each axis the places of its values, by their text."""
    return {name: {str(value): at for at, value in enumerate(values)} for name, values in space.axes.items()}


def _space(space: Space) -> dict[str, Any]:
    """The axes, from the slowest to the fastest of the numbering."""
    return {
        "spec": space.name,
        "axes": [{"name": name, "values": list(map(_value, values))} for name, values in space.axes.items()],
    }


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [int(size) for size in value]
    return dims.as_float(value) if isinstance(value, dims.Ratio) else value


def _points(question: Question, place: int, predictors: Sequence[Predictor]) -> list[dict[str, Any]]:
    """What is published, with the costs of each and its source."""
    space = question.spaces[place]
    found = []
    points: Sequence[Point] = question.accuracies[place].points
    for point in points if is_the_zoos(space.document) and not question.own else ():
        cost = costs.known().get(costs.name(point))
        if cost is None:
            continue
        settings = settle(space.document, str(point.alpha), None, point.resolution, point.parameters)
        times = {}
        for predictor in predictors:
            total = predictor.network(build(space.document, settings), question.scale.batch)
            times[f"seconds:{predictor.profile.name}"] = float(total.seconds)
        found.append(
            {
                "space": place,
                "alpha": point.alpha,
                "resolution": None if point.resolution is None else list(point.resolution),
                "parameters": {name: _value(value) for name, value in settings.parameters.items()},
                "accuracy": point.top1,
                "source": point.source,
                "recipe": point.recipe,
                "note": point.note,
                **cost.columns(question.scale.batch, question.scale.dtype),
                **times,
            }
        )
    return found


def _packed(values: Any) -> dict[str, str]:
    """A column as zlib's bytes in base 64: float64, or int32 where that holds every value."""
    array = np.asarray(values)
    whole = array.dtype.kind in "iub" and (not array.size or abs(array).max() < 2**31)
    kind = "int32" if whole else "float64"
    data = np.ascontiguousarray(array, "<i4" if whole else "<f8")
    shuffled = data.view(np.uint8).reshape(-1, data.itemsize).T.tobytes()  # bytes of one significance lie together
    return {"kind": kind, "data": base64.b64encode(zlib.compress(shuffled, 6)).decode()}
