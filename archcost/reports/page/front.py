"""The variants of a page: those of a search's spaces, each distinct network once, with what is known of it."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from archcost.search.enumeration import candidates_of
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

    Raises ArchcostError for more variants than a page is drawn for.
    """
    size = sum(map(len, question.spaces))
    if size > MOST:
        raise ArchcostError(
            f"a space of {size:,} variants; a page shows {MOST:,}: give --alpha and --resolution in larger steps"
        )
    table = _candidates(question)
    columns = {name: getattr(table, name) for name in COLUMNS}
    for predictor in predictors:
        columns[f"seconds:{predictor.profile.name}"] = _candidates(replace(question, predictor=predictor)).seconds
    columns["measured"] = _measured(question, table, found)
    return {
        "count": len(table),
        "size": size,
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


def _measured(question: Question, table: Candidates, found: Found) -> Any:
    """Seconds of what the search measured, and the accuracies that only it knows put into the table."""
    measured = np.full(len(table), np.nan)
    for row in found.rows:
        place = _place(question, table, row)
        if place is None:
            continue
        if row.get("measured_ms") is not None:
            measured[place] = row["measured_ms"] * 1e-3
        for name in ("accuracy", "accuracy_low", "accuracy_high"):
            if row.get(name) is not None and np.isnan(getattr(table, name)[place]):
                getattr(table, name)[place] = row[name]
    return measured


def _place(question: Question, table: Candidates, row: Mapping[str, Any]) -> int | None:
    """Where a row of a search's result stands in the table; None where it does not."""
    for at, space in enumerate(question.spaces):
        if space.name != row.get("spec"):
            continue
        try:
            size = row.get("resolution")
            chosen = settle(
                space.document, row.get("alpha"), None, tuple(size) if size else None, row.get("parameters")
            )
        except ArchcostError:
            return None
        wanted = {**chosen.parameters, "alpha": chosen.alpha, "resolution": chosen.resolution}
        places = {}
        for name, values in space.axes.items():
            same = [i for i, value in enumerate(values) if _same(value, wanted[name])]
            if not same:
                return None
            places[name] = same[0]
        rows = np.flatnonzero((table.space == at) & (table.number == space.number(places)))
        if len(rows):
            return int(rows[0])
    return None


def _same(a: Any, b: Any) -> bool:
    return a == b if a is None or isinstance(a, tuple) else dims.same(a, b)


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
