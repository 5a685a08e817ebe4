"""Every variant of a space, its costs exact: the answer is the optimum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from archcost.analysis.analysis import Analysis
from archcost.errors import SpecError
from archcost.search import pareto
from archcost.search.candidates import Candidates, joined, parted
from archcost.search.constraints import Constraints
from archcost.search.space import Space
from archcost.spec.settings import Settings

COSTS = ("macs", "params", "weight_bytes", "peak_activation_bytes")
KEPT = 1000
"""Of each part of a space, besides its front, so many of the best are kept."""


@dataclass(slots=True, eq=False)
class Scale:
    """What costs are counted for: samples at once, the type of their numbers, whether layers work in place."""

    batch: int = 1
    dtype: str = "float32"
    inplace: bool = True


@dataclass(slots=True, eq=False)
class Found:
    """What an enumeration found. size: variants; distinct: networks among them that can exist; feasible: those that
    keep to every limit; unknown: those of them of which nobody knows how good they are; candidates: the best, and
    every one on the front of the objectives.

    extremes: for each limit the candidate that needs least of it, or is most accurate, so that a user can be told;
    of those that break one limit alone, by limit, beyond: the best; nearest: the one that breaks it least.
    """

    size: int
    distinct: int
    feasible: int
    candidates: Candidates | None
    extremes: dict[str, Candidates] = field(default_factory=dict)
    beyond: dict[str, Candidates] = field(default_factory=dict)
    nearest: dict[str, Candidates] = field(default_factory=dict)
    unknown: int = 0


Estimate = Callable[[int, Settings, tuple[int, int]], Mapping[str, Any]]
"""Columns of accuracy and of time: of a space's place, a grid of its settings, and the grid's shape; each column is
flat, with an entry for every variant of the grid."""


def enumerate_all(
    spaces: Sequence[Space],
    constraints: Constraints,
    objectives: Sequence[str],
    scale: Scale,
    estimate: Estimate,
    watched: Callable[[int], None] = lambda variants: None,
) -> Found:
    """Goes through every variant of every space.

    objectives: the first is what the winner is best in. watched: is told how many variants were gone through.
    Raises SpecError where a spec has no network in its whole space.
    """
    import numpy as np

    kept: list[Candidates] = []
    found = Found(sum(map(len, spaces)), 0, 0, None)
    before = 0
    for place, space in enumerate(spaces):
        errors: list[SpecError] = []
        all_, met, rated = _Tally(), _Tally(), _Tally()
        parts = 0
        for first, settings in space.chunks():
            parts += 1
            try:
                table = candidates_of(place, first, settings, space, scale, estimate)
            except SpecError as error:  # nothing of this part can exist
                errors.append(error)
                continue
            all_.add(table.network)
            note(found.extremes, table, constraints)
            table = kept_to(constraints, table, objectives[0], found)
            met.add(table.network)
            rated.add(table.network[~np.isnan(table.minimised(objectives[0]))])
            if len(table):
                kept.append(_best(table, objectives))
            watched(before + first)
        before += len(space)
        if len(errors) == parts:
            raise errors[0]
        found.distinct += all_.count
        found.feasible += met.count
        found.unknown += met.count - rated.count
    if kept:
        table = joined(kept)
        found.candidates = table.chosen(table.ranked(objectives[0])).unique()
    return found


class _Tally:
    """How many networks there are, each counted once in however many parts of a space it lies."""

    def __init__(self) -> None:
        self.parts: list[Any] = []

    def add(self, networks: Any) -> None:
        """Networks of one part, each once."""
        self.parts.append(networks)

    @property
    def count(self) -> int:
        import numpy as np

        if len(self.parts) < 2:
            return sum(map(len, self.parts))
        together = np.sort(np.concatenate(self.parts))  # np.unique, which hashes, takes ten times as long
        return int((together[1:] != together[:-1]).sum()) + min(1, len(together))


def candidates_of(
    place: int, first: int, settings: Settings, space: Space, scale: Scale, estimate: Estimate
) -> Candidates:
    """The distinct networks of a part that can exist: each by its published variant, else by its smallest α."""
    import numpy as np

    analysis = Analysis(space.document, settings, scale.batch, scale.dtype, scale.inplace)
    shape = np.broadcast_shapes(*(value.shape for value in settings.arrays))
    shape = (shape[0], len(space.resolutions))
    count = shape[0] * shape[1]
    estimated = {**_unknown(count), **estimate(place, settings, shape)}
    content = bool(space.parameters) or count == 1
    # Without parameters no two parts of a space have a network in common, and numbers are as good.
    keys = np.broadcast_to(analysis.fingerprints if content else analysis.networks, shape).ravel()
    unpublished = np.isnan(estimated["published"])
    order = np.argsort(keys, kind="stable") if unpublished.all() else np.lexsort((unpublished, keys))
    grouped = keys[order]
    rows = np.sort(order[np.append(True, grouped[1:] != grouped[:-1])])
    rows = rows[np.broadcast_to(analysis.feasible, shape).ravel()[rows]]

    def column(name: str) -> Any:
        return np.ma.getdata(np.broadcast_to(getattr(analysis, name), shape)).ravel()[rows]

    known = {name: values[rows] for name, values in estimated.items()}
    return Candidates(
        space=np.full(len(rows), place),
        number=first + rows,
        network=keys[rows] if content else (first + rows).view(np.uint64),
        **{name: column(name) for name in COSTS},
        **{name: values for name, values in known.items() if not parted(name)[1]},
        more={name: values for name, values in known.items() if parted(name)[1]},
    )


def _unknown(count: int) -> dict[str, Any]:
    import numpy as np

    names = {field.name for field in fields(Candidates)} - {"space", "number", "network", "outside", "more", *COSTS}
    return {**{name: np.full(count, np.nan) for name in names}, "outside": np.zeros(count, bool)}


def note(extremes: dict[str, Candidates], table: Candidates, constraints: Constraints) -> None:
    """Keeps the candidate with the least of each limited cost so far, and with the most accuracy."""
    import numpy as np

    for name, _ in constraints.given():
        column = table.minimised(name)
        if np.isnan(column).all():
            continue
        place = int(np.nanargmin(column))
        if name not in extremes or column[place] < extremes[name].minimised(name)[0]:
            extremes[name] = table.chosen([place])


def kept_to(constraints: Constraints, table: Candidates, objective: str, found: Found) -> Candidates:
    """The candidates that keep to every limit; of those that break one alone the best and the nearest are noted."""
    import numpy as np

    kept = {name: constraints.met(name, table.column(name)) for name, _ in constraints.given()}
    broken = sum((~met for met in kept.values()), np.zeros(len(table), int))
    for name, met in kept.items():
        alone = table.chosen(~met & (broken == 1))
        for column, into in ((objective, found.beyond), (name, found.nearest)):
            values = alone.minimised(column)
            if len(alone) and not np.isnan(values).all():
                least = alone.chosen([int(np.nanargmin(values))])
                if name not in into or least.minimised(column)[0] < into[name].minimised(column)[0]:
                    into[name] = least
    return table.chosen(broken == 0)


def _best(table: Candidates, objectives: Sequence[str]) -> Candidates:
    """The front, and the best of the rest."""
    import numpy as np

    kept = pareto.front([np.nan_to_num(table.minimised(name), nan=np.inf) for name in objectives])
    kept[table.ranked(objectives[0])[:KEPT]] = True
    return table.chosen(kept)
