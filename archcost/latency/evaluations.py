"""What users' own commands said of networks, as rows of a store. Its tables are made when there is something for them,
so that stores of before, and programs of before, do.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from archcost.errors import ArchcostError

OK, FAILED, PRUNED = "ok", "failed", "pruned"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a user's command said about one network, which `key`, a hash of its digest and the command, stands for.

    spec, alpha, resolution, parameters (JSON): what the network was called; status: ok, failed or pruned (stopped
    early); accuracy: percent, None where it is not ok; reason: why; answer: the line of JSON that was printed; seconds:
    how long it took; curve: the accuracies (percent) that it reported on its way, by step.
    """

    key: str
    digest: str
    command: str
    spec: str
    alpha: float
    resolution: str
    parameters: str
    status: str
    accuracy: float | None
    reason: str
    answer: str
    seconds: float
    created: str
    curve: Mapping[int, float] = field(default_factory=dict)


_COLUMNS = [field.name for field in fields(Evaluation) if field.name != "curve"]
_CURVE_COLUMNS = ["key", "curve"]
_CREATE = f"CREATE TABLE IF NOT EXISTS evaluations ({', '.join(_COLUMNS)}, PRIMARY KEY (key))"
_CREATE_CURVES = f"CREATE TABLE IF NOT EXISTS curves ({', '.join(_CURVE_COLUMNS)}, PRIMARY KEY (key))"
_PUT = (
    f"INSERT INTO evaluations VALUES ({', '.join('?' * len(_COLUMNS))}) ON CONFLICT (key) DO UPDATE SET "
    f"{', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])} "
    f"WHERE excluded.status = '{OK}' OR status != '{OK}'"
)


def put(connection: sqlite3.Connection, evaluation: Evaluation) -> None:
    """Adds an evaluation, or replaces the one of the same key; but a failure never replaces an accuracy. To be called
    in a transaction."""
    connection.execute(_CREATE)
    _has(connection, "evaluations", _COLUMNS)
    values = [getattr(evaluation, name) for name in _COLUMNS]
    if not connection.execute(_PUT, values).rowcount:
        return
    if evaluation.curve:
        connection.execute(_CREATE_CURVES)
    if _has(connection, "curves", _CURVE_COLUMNS):
        connection.execute("DELETE FROM curves WHERE key = ?", [evaluation.key])
        if evaluation.curve:
            curve = json.dumps(list(evaluation.curve.items()))
            connection.execute("INSERT INTO curves VALUES (?, ?)", [evaluation.key, curve])


def rows(connection: sqlite3.Connection, condition: str, *values: str) -> Iterator[Evaluation]:
    """Evaluations of which an SQL condition holds. Raises ArchcostError for a damaged one."""
    if not _has(connection, "evaluations", _COLUMNS):
        return
    curves = _has(connection, "curves", _CURVE_COLUMNS)
    curve = "(SELECT curve FROM curves WHERE curves.key = evaluations.key)" if curves else "NULL"
    for *cells, written in connection.execute(
        f"SELECT {', '.join(_COLUMNS)}, {curve} FROM evaluations{condition}", values
    ):
        found = Evaluation(**dict(zip(_COLUMNS, cells, strict=True)), curve=_curve(written, cells[0]))
        if (found.status == OK) != isinstance(found.accuracy, float):
            raise ArchcostError(f"the evaluation {found.key} is damaged: accuracy {found.accuracy!r}")
        yield found


def _curve(written: Any, key: str) -> dict[int, float]:
    try:
        return {} if written is None else {int(step): float(accuracy) for step, accuracy in json.loads(written)}
    except (ValueError, TypeError):
        raise ArchcostError(f"the evaluation {key} is damaged: curve {str(written)[:60]!r}") from None


def _has(connection: sqlite3.Connection, table: str, columns: list[str]) -> bool:
    """Whether there is the table. Raises sqlite3.DatabaseError where it is another program's."""
    found = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    if found and found != columns:
        raise sqlite3.DatabaseError("its columns are others")
    return bool(found)
