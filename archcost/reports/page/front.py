"""The variants of a page: those of a search's spaces, each distinct network once, with what is known of it."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from archcost import dims
from archcost.accuracy import costs
from archcost.accuracy.model import is_the_zoos
from archcost.accuracy.published import Point
from archcost.errors import SpecError
from archcost.graph import build
from archcost.latency.prediction import Predictor
from archcost.reports.page.found import Found
from archcost.reports.page.results import compared, numbered, place_of, told
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


def front(question: Question, predictors: Sequence[Predictor], found: Found) -> dict[str, Any]:
    """Columns over all variants, the spaces that they are numbered in, and the published points.

    Of more variants than a page is drawn for, those that the search's result names. Where figures of the result are
    not those that are computed here, `differences` says which.
    """
    size = sum(map(len, question.spaces))
    whole = size <= MOST
    table = _candidates(question) if whole else _listed(question, found)
    columns = {name: getattr(table, name) for name in COLUMNS}
    for predictor in predictors:
        times = _times(question, predictor, table) if whole else _timed(question, table, predictor)
        columns[f"seconds:{predictor.profile.name}"] = times
    differences = compared(question, table, columns, found)
    columns |= told(question, table, columns, found)
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
        "limits": found.bounds(),
        "objectives": found.aims(),
        "origin": found.origin,
        "winner": None if found.winner is None else place_of(question, table, found.winner),
        "differences": differences,
    }


def axes_of(question: Question, space: Space, found: Found) -> dict[str, Sequence[Any]]:
    """The values that variants of a space on the page have, by axis."""
    if sum(map(len, question.spaces)) <= MOST:
        return dict(space.axes)
    named = [at for row in found.rows if (at := numbered(question, row)) is not None]
    settings = [space.settings(number) for at, number in named if question.spaces[at] is space]
    parameters = {name: [each.parameters[name] for each in settings] for name in space.parameters}
    return {"alpha": [e.alpha for e in settings], "resolution": [e.resolution for e in settings], **parameters}


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
        at = numbered(question, row)
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


def _times(question: Question, predictor: Predictor, table: Candidates) -> Any:
    """Predicted seconds of the table's networks."""
    asked = replace(question, predictors={"": predictor})
    seconds = np.full(len(table), np.nan)
    for place, space in enumerate(question.spaces):
        own = np.flatnonzero(table.space == place)
        for first, settings in space.chunks():
            shape = np.broadcast_shapes(*(value.shape for value in settings.arrays))
            shape = (shape[0], len(space.resolutions))
            numbers = table.number[own] - first
            inside = (numbers >= 0) & (numbers < shape[0] * shape[1])
            if inside.any() and (known := asked.times(place, settings, shape)):
                seconds[own[inside]] = known["seconds"][numbers[inside]]
    return seconds


def _timed(question: Question, table: Candidates, predictor: Predictor) -> Any:
    """Predicted seconds of a few networks, one by one."""
    found = []
    for at, number in zip(table.space.tolist(), table.number.tolist(), strict=True):
        space = question.spaces[at]
        found.append(
            float(predictor.network(build(space.document, space.settings(number)), question.scale.batch).seconds)
        )
    return np.array(found, float)


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
