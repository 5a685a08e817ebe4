"""One network of a page: its names, its knobs and all of its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archcost import dims
from archcost.analysis import conventions
from archcost.analysis.analysis import LARGEST_BATCH
from archcost.analysis.grids import grid
from archcost.graph import build
from archcost.latency.profile import Profile
from archcost.reports.page.knobs import Knob, Knobs
from archcost.reports.page.pool import EXACT, Pool
from archcost.reports.page.structures import Tables
from archcost.spec.parts import Document
from archcost.spec.settings import Settings

WIDEST = 8
"""Bytes that an element takes at most, with room for a sum of bytes moved."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What a page is asked to show: a spec as the command line names it, its settings, and its knobs."""

    name: str
    document: Document
    settings: Settings
    knobs: Knobs
    given: Mapping[str, Any] = field(default_factory=dict)


def network(subject: Subject, inplace: bool = True) -> dict[str, Any]:
    """All figures of one spec at every position of its knobs.

    Raises SpecError where the network that was asked for cannot exist, ArchcostError where a number is too large.
    """
    document, knobs = subject.document, subject.knobs
    build(document, subject.settings)
    tables = Tables(Pool(len(knobs.alpha.values), len(knobs.resolution.values)), inplace)
    for combination in knobs.combinations:
        tables.add(document, _grid(document, knobs, knobs.chosen(combination)))
    imported = document.imported
    return {
        "spec": subject.name,
        "name": document.name,
        "source": document.source or "",
        "partial": list(imported.partial) if imported else [],
        "knobs": {
            "alpha": _knob(knobs.alpha, [dims.as_float(value) for value in knobs.alpha.values]),
            "resolution": _knob(knobs.resolution, [value and [*map(int, value)] for value in knobs.resolution.values]),
            "parameters": [
                {
                    "name": name,
                    "help": document.parameters[name].help or "",
                    **_knob(knob, [_plain(value) for value in knob.values]),
                }
                for name, knob in knobs.parameters.items()
            ],
        },
        "sets": [list(each) for each in knobs.combinations],
        "largest_batch": max(1, min(LARGEST_BATCH, EXACT // (WIDEST * max(1, tables.most)))),
        **tables.written(),
    }


def _grid(document: Document, knobs: Knobs, parameters: Mapping[str, Any]) -> Settings:
    sizes: Sequence[Any] = knobs.resolution.values
    if knobs.resolution.fixed:
        # The size is the network's own, which needs no asking for.
        found = grid(document, knobs.alpha.values, [None], parameters)
        own = sizes[0]
        if own is None:
            return found
        import numpy as np

        height = np.array([[own[0]]])
        both = height, height if own[0] == own[1] else np.array([[own[1]]])
        return Settings(found.alpha, both, found.parameters)
    return grid(document, knobs.alpha.values, sizes, parameters)


def _knob(knob: Knob, values: list[Any]) -> dict[str, Any]:
    return {"values": values, "at": knob.at, "fixed": knob.fixed}


def _plain(value: Any) -> Any:
    return dims.as_float(value) if isinstance(value, dims.Ratio) else value


def counters() -> list[dict[str, str]]:
    """The conventions in the order of each layer's rules."""
    return [
        {"name": each.name, "unit": each.unit, "of": each.of, "differs": each.differs}
        for each in conventions.table().values()
    ]


def devices(profiles: Iterable[Profile], subjects: Iterable[Subject], mode: str = "") -> list[dict[str, Any]]:
    from archcost.reports.page import times

    families = dict.fromkeys(subject.document.name for subject in subjects)
    return [times.device(profile, families, mode) for profile in profiles]
