"""Other people's counters run on a model, beside what archcost makes of their conventions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from archcost.analysis import Analysis
from archcost.analysis.crosscheck import Crosscheck, rows
from archcost.errors import ArchcostError

if TYPE_CHECKING:
    from archcost.analysis.hooks import Writing
    from archcost.importers.reference import Source
    from archcost.live.counting import Make

TIME_LIMIT = 120.0
LONGEST = 86_400.0


def crosscheck(
    analysis: Analysis,
    only: Iterable[str] = (),
    time_limit: float = TIME_LIMIT,
    at_once: int = 1,
    progress: Callable[[str, int], None] = lambda name, of: None,
) -> Crosscheck:
    """Runs the counters that are installed, each in a process of its own.

    only: their names, or those of their conventions. time_limit: seconds for each. at_once: how many run together.
    progress: called with each one's name when it is done, and how many there are.
    Raises ArchcostError for an unknown counter, where none of those named is installed, where torch is not, and for a
    spec of which no module can be made.
    """
    from archcost.live import counters
    from archcost.live import crosscheck as live

    if analysis.settings.arrays:
        raise ArchcostError("counters run one model; this is a batch")
    if not math.isfinite(time_limit) or not 0 < time_limit <= LONGEST:
        raise ArchcostError(f"--time-limit {time_limit:g}: give seconds, above 0 and at most {LONGEST:,.0f}")
    chosen = counters.chosen(only)
    live.check_torch()
    present = [counter for counter in chosen if counter.version is not None]
    absent = [counter for counter in chosen if counter.version is None]
    if not present:
        names = ", ".join(counter.name for counter in absent)
        raise ArchcostError(f"not installed: {names}: {counters.INSTALL}")
    source = _source(analysis)
    found = live.counted(
        _make(analysis, source), present, time_limit, at_once, lambda name: progress(name, len(present))
    )
    return Crosscheck(
        analysis,
        "" if source is None else str(source),
        tuple(rows(analysis.network, found, _writings(source))),
        tuple(counter.name for counter in absent),
        counters.INSTALL if absent else "",
    )


def _source(analysis: Analysis) -> Source | None:
    """The model itself, at the size of the analysis, where that is of an imported model as it is; else None."""
    document, settings = analysis.document, analysis.settings
    imported = document.imported
    if imported is None or document.file != imported.origin or settings.alpha != 1 or settings.parameters:
        return None
    from archcost import importers
    from archcost.importers.reference import Input, Source, parse

    source = parse(imported.origin)
    if source is None or importers.blueprint(source) is None:
        return None
    sizes: Any = analysis.network.input_shape
    first = Input(tuple(map(int, sizes)), *(each.dtype for each in source.inputs[:1]))
    return Source(source.scheme, source.name, (first, *source.inputs[1:]), source.arguments)


def _writings(source: Source | None) -> dict[str, Writing] | None:
    """How the model writes its layers; None where it cannot be traced in that way.

    Nothing is to be said of what archcost builds: the rules were checked on just that.
    """
    if source is None:
        return {}
    from archcost.importers.tracing.writings import writings

    try:
        return writings(source)
    except ArchcostError:
        return None


def _make(analysis: Analysis, source: Source | None) -> Make:
    if source is not None:
        from archcost.importers.runnable import runnable

        return partial(runnable, source)
    from archcost.live.build import build_network
    from archcost.live.counting import described

    build_network(analysis.network, "meta")  # a spec of which no module can be made says so here, once
    return partial(described, analysis.document.file, analysis.document.text, analysis.settings)
