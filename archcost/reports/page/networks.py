"""One network of a page: its names, its knobs and all of its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archcost import dims
from archcost.analysis import conventions
from archcost.analysis.analysis import LARGEST_BATCH
from archcost.analysis.grids import grid
from archcost.analysis.rows import TooLarge
from archcost.graph import build
from archcost.latency.prediction import Predictor
from archcost.reports.page.figures import WIDEST
from archcost.reports.page.knobs import Knob, Knobs
from archcost.reports.page.pool import EXACT, Pool, refuse
from archcost.reports.page.structures import Tables
from archcost.spec.parts import Document
from archcost.spec.settings import Settings, settle

ROOM = 24_000_000
"""Characters of a network's tables at most, which compress to a twentieth."""
LAYERS = 90_000
"""Layers that are gone through for a network's tables, at most."""
WORK = 220_000
"""The same where each combination counts as EACH layers besides, which is as long as it takes: half a minute in all."""
EACH = 20
Progress = Callable[[int, int], None]
"""Told how many of a network's combinations are done, and how many there are."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What a page is asked to show: a spec as the command line names it, what it is
    called among others, its settings, and its knobs; wanted: values
    of parameters that the tables must hold before all others."""

    name: str
    label: str
    document: Document
    settings: Settings
    knobs: Knobs
    wanted: Sequence[Mapping[str, Any]] = ()


def network(subject: Subject, inplace: bool = True, progress: Progress = lambda done, of: None) -> dict[str, Any]:
    """All figures of one spec at every position of its knobs.

    Raises SpecError where the network that was asked for cannot exist, ArchcostError where a number is too large.
    """
    document, knobs = subject.document, subject.knobs
    build(document, subject.settings)
    tables, held, beyond = _tables(subject, inplace, progress)
    imported = document.imported
    own = settle(document)
    return {
        "spec": subject.name,
        "label": subject.label,
        "name": document.name,
        "source": document.source or "",
        "partial": list(imported.partial) if imported else [],
        "knobs": {
            "alpha": _knob(knobs.alpha, [dims.as_float(value) for value in knobs.alpha.values], own=1),
            "resolution": _knob(
                knobs.resolution,
                [value and [*map(int, value)] for value in knobs.resolution.values],
                own=own.resolution and [*map(int, own.resolution)],
            ),
            "parameters": [
                {
                    "name": name,
                    "help": document.parameters[name].help or "",
                    **_knob(knob, [_plain(value) for value in knob.values], own=_plain(own.parameters[name])),
                }
                for name, knob in knobs.parameters.items()
            ],
        },
        "sets": held,
        "beyond": beyond,
        "possible": knobs.size,
        "largest_batch": max(1, min(LARGEST_BATCH, EXACT // (WIDEST * max(1, tables.most.elements)))),
        **tables.written(),
    }


def _tables(
    subject: Subject, inplace: bool, progress: Progress
) -> tuple[Tables, list[Sequence[int]], list[Sequence[int]]]:
    """The tables, the combinations that they hold, and those whose numbers are beyond what a page can show."""
    document, knobs = subject.document, subject.knobs
    tables = Tables(Pool(len(knobs.alpha.values), len(knobs.resolution.values)), inplace)
    held: list[Sequence[int]] = []
    beyond: list[Sequence[int]] = []
    whole = _grid(document, knobs)
    for combination in knobs.combinations(subject.wanted):
        try:
            chosen = settle(document, parameters=knobs.chosen(combination)).parameters
            tables.add(document, replace(whole, parameters=chosen))
            held.append(combination)
        except TooLarge:
            if not held:  # it is what the page was asked for
                refuse(EXACT + 1, document.name)
            beyond.append(combination)
        progress(len(held), knobs.size)
        if tables.size > ROOM or tables.built > LAYERS or tables.built + EACH * len(held) > WORK:
            break
    return tables, held, beyond


def _grid(document: Document, knobs: Knobs) -> Settings:
    """Every α, down, and every resolution, across."""
    sizes: Sequence[Any] = knobs.resolution.values
    if knobs.resolution.fixed:
        # The size is the network's own, which needs no asking for.
        found = grid(document, knobs.alpha.values, [None], {})
        own = sizes[0]
        if own is None:
            return found
        import numpy as np

        height = np.array([[own[0]]])
        both = height, height if own[0] == own[1] else np.array([[own[1]]])
        return Settings(found.alpha, both, found.parameters)
    return grid(document, knobs.alpha.values, sizes, {})


def _knob(knob: Knob, values: list[Any], own: Any) -> dict[str, Any]:
    """own: the spec's own value, which a command line need not name."""
    return {"values": values, "at": knob.at, "fixed": knob.fixed, "note": knob.note, "own": own}


def _plain(value: Any) -> Any:
    return dims.as_float(value) if isinstance(value, dims.Ratio) else value


def counters() -> list[dict[str, str]]:
    """The conventions in the order of each layer's rules."""
    return [
        {"name": each.name, "unit": each.unit, "of": each.of, "differs": each.differs}
        for each in conventions.table().values()
    ]


def devices(predictors: Iterable[Predictor], subjects: Iterable[Subject]) -> list[dict[str, Any]]:
    from archcost.reports.page import times

    families = dict.fromkeys(subject.document.name for subject in subjects)
    return [{**times.device(each.profile, families, each.mode), "mode": each.mode} for each in predictors]
