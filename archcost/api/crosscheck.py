"""Other people's counters run on a model, beside what archcost makes of their conventions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from archcost.analysis import Analysis
from archcost.analysis.crosscheck import Crosscheck, rows
from archcost.errors import ArchcostError

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

    if not math.isfinite(time_limit) or not 0 < time_limit <= LONGEST:
        raise ArchcostError(f"--time-limit {time_limit:g}: give seconds, above 0 and at most {LONGEST:,.0f}")
    chosen = counters.chosen(only)
    live.check_torch()
    present = [counter for counter in chosen if counter.version is not None]
    absent = [counter for counter in chosen if counter.version is None]
    if not present:
        names = ", ".join(counter.name for counter in absent)
        raise ArchcostError(f"not installed: {names}: {counters.INSTALL}")
    subject = live.subject(analysis)
    found = live.counted(subject, present, time_limit, at_once, lambda name: progress(name, len(present)))
    network: Any = analysis.network
    return Crosscheck(
        analysis,
        "" if subject.source is None else str(subject.source),
        tuple(rows(network, found)),
        tuple(counter.name for counter in absent),
        counters.INSTALL if absent else "",
    )
