"""A search on a device: predict all candidates, measure few, until the front consists of measured ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from archcost.analysis.analysis import DTYPES
from archcost.errors import ArchcostError
from archcost.graph import Network, build
from archcost.latency import samples as tables
from archcost.latency.fit import GENERIC, HOST, PARALLEL, Form
from archcost.latency.samples import Samples
from archcost.search.answer import Answer
from archcost.search.candidates import Candidates
from archcost.search.measuring import Measuring
from archcost.search.question import Question

FORMS: dict[str, tuple[Form, ...]] = {"cpu": (GENERIC, HOST), "cuda": (GENERIC, PARALLEL)}
MEASUREMENTS = 30
Measure = Callable[[str, Network], float | None]
"""Seconds of a spec's network on the device, for the question's batch; None where it could not be measured."""


def measured(
    found: Answer,
    measure: Measure,
    processor: str,
    *,
    known: Mapping[int, float] | None = None,
    budget: int | None = MEASUREMENTS,
    seconds: float | None = None,
    watched: Callable[[int, int], None] = lambda done, rivals: None,
) -> Answer:
    """The answer with times that were measured: on the front, and wherever a limit on latency hinges on them.

    processor: `cpu` or `cuda`; known: seconds of candidates that were measured before, which cost nothing; budget:
    measurements, seconds: time, that may be spent. watched: is told how many were
    measured, and how many candidates could still beat them. Ctrl-C ends it with what was measured so far.
    """
    import numpy as np

    question, table = found.question, found.candidates
    limit = question.constraints.seconds
    value = -table.minimised(question.objectives[0])
    if question.objectives[0] == "seconds":
        value = table.accuracy
    value = np.nan_to_num(value, nan=float(np.nanmin(value)) - 1)
    known = known or {}
    most = None if budget is None else budget + len(known)
    loop = Measuring(value, {"none": kernels(question, table)}, limit, most, forms=FORMS[processor])
    for earlier, before in known.items():
        loop.tell(earlier, before)
    start = time.monotonic()
    stopped = ""
    try:
        while (place := loop.propose()) is not None:
            if seconds is not None and time.monotonic() - start > seconds:
                stopped = "the time for measuring is spent"
                break
            space = question.spaces[int(table.space[place])]
            network = build(space.document, found.settings(place))
            loop.tell(place, measure(space.name, network))
            watched(len(loop.measured), len(loop.rivals()))
    except KeyboardInterrupt:
        stopped = "interrupted"
    if not loop.measured:
        raise ArchcostError(f"nothing could be measured: {stopped or f'{len(loop.failed)} tries failed'}")
    return _told(found, loop, stopped, len(known))


def kernels(question: Question, table: Candidates) -> Samples:
    """The kernels of candidates, in their order."""
    import numpy as np

    parts, places = [], []
    for which, space in enumerate(question.spaces):
        own = np.flatnonzero(table.space == which)
        if not len(own):
            continue
        for group, settings in space.grouped(table.number[own]):
            batches = np.full(len(group), question.scale.batch)
            size = DTYPES[question.scale.dtype]
            parts.append(tables.networks(space.document, settings, batches, size, "none"))
            places.append(own[group])
    return tables.joined(parts).chosen(np.argsort(np.concatenate(places)))


def _told(found: Answer, loop: Measuring, stopped: str, before: int) -> Answer:
    """The answer with the loop's times; a limit on latency holds for what was measured."""
    import numpy as np

    table, question = found.candidates, found.question
    times = np.full(len(table), np.nan)
    for place, seconds in loop.measured.items():
        times[place] = seconds
    low, high = loop.predicted * np.exp(-loop.width), loop.predicted * np.exp(loop.width)
    table = replace(table, seconds=loop.predicted, seconds_low=low, seconds_high=high, measured=times)
    limit = question.constraints.seconds
    extremes, beyond = dict(found.found.extremes), dict(found.found.beyond)
    everything = found.exact and len(table) == found.found.feasible
    if limit is not None:
        best = np.where(np.isnan(times), np.inf, times)
        fastest = replace(table, seconds=best).chosen([int(best.argmin())])
        extremes |= {"seconds": fastest} if loop.measured else {}
        kept = np.where(np.isnan(times), table.seconds, times) <= limit
        over = table.chosen(~kept)
        # What breaks another limit alone was told without this one, and may break it too.
        beyond = {"seconds": over.chosen(over.ranked(question.objectives[0])[:1])} if len(over) else {}
        table = table.chosen(kept)
    rivals = len(loop.rivals())
    if not stopped:
        stopped = (
            "no candidate that was not measured could still beat the front, at 80 % confidence"
            if not rivals
            else f"all measurements are spent; {rivals} candidates could still beat the front"
        )
    elif rivals:
        stopped += f"; {rivals} candidates could still beat the front"
    objectives = tuple("measured" if name == "seconds" else name for name in question.objectives)
    return Answer(
        replace(question, objectives=objectives),
        replace(
            found.found,
            feasible=len(table) if everything else found.found.feasible,
            candidates=table if len(table) else None,
            extremes=extremes,
            beyond=beyond,
        ),
        everything and not rivals,
        found.seed,
        stopped,
        measured=len(loop.measured),
        known=before,
        failed=len(loop.failed),
    )
