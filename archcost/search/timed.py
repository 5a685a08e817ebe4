"""The answer to a search with the times that its loop knows: what they leave of the candidates, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from archcost.latency.prediction import Predictor
from archcost.search.answer import Answer, Work
from archcost.search.candidates import Candidates, named, parted
from archcost.search.jointly import Jointly
from archcost.search.question import Question


def told(
    found: Answer, table: Candidates, loop: Jointly, predictors: Mapping[str, Predictor], work: Work, *, exact: bool
) -> Answer:
    """The answer with the loop's times; limits on latency hold for what was measured.

    table: the candidates that the loop is of; predictors: of the devices, from what was measured.
    """
    question = found.question
    table = _filled(table, loop)
    objectives = tuple(_as_measured(name, loop.loops) for name in question.objectives)
    kept, beyond, broken = _kept(question, table, loop)
    limits = _limits(question, loop)
    everyone = limits and len(table) == found.found.feasible
    counted = replace(
        found.found,
        feasible=int((~broken).sum()) if everyone else found.found.feasible,
        candidates=kept.chosen(kept.ranked(objectives[0])) if len(kept) else None,
        extremes={**found.found.extremes, **{name: _fastest(table, name) for name in limits}},
        beyond=beyond if limits else found.found.beyond,
    )
    every = {**question.predictors, **predictors}
    ordered = {device: every[device] for device in question.devices if device in every}
    return Answer(
        replace(question, objectives=objectives, predictors=ordered),
        counted,
        exact,
        found.seed,
        work,
        found.evaluating,
    )


def _filled(table: Candidates, loop: Jointly) -> Candidates:
    """The table with each device's times, predicted and measured."""
    import numpy as np

    columns: dict[str, Any] = {}
    for label, own in loop.loops.items():
        times = np.full(len(table), np.nan)
        times[list(own.measured)] = list(own.measured.values())
        low, high = own.predicted * np.exp(-own.width), own.predicted * np.exp(own.width)
        each = {"seconds": own.predicted, "seconds_low": low, "seconds_high": high, "measured": times}
        columns |= {named(quantity, label): values for quantity, values in each.items()}
    return table.having(columns)


def _limits(question: Question, loop: Jointly) -> dict[str, float]:
    """On the devices that are measured, by column."""
    limits = {name: question.constraints.limit(name) for name in (named("seconds", label) for label in loop.loops)}
    return {name: limit for name, limit in limits.items() if limit is not None}


def _kept(question: Question, table: Candidates, loop: Jointly) -> tuple[Candidates, dict[str, Candidates], Any]:
    """What keeps to the limits on measured devices; of what breaks one of them alone the best, by limit; and a mask of
    what breaks any. With several devices, what one of them has no time of is no answer for all."""
    import numpy as np

    timed = np.ones(len(table), bool)
    if len(loop.loops) > 1:
        timed[:] = False
        timed[loop.measured] = True
    met = {name: _best_known(table, name) <= limit for name, limit in _limits(question, loop).items()}
    broken = np.zeros(len(table), int) + sum((~each).astype(int) for each in met.values())
    beyond = {}
    for name, each in met.items():
        # What breaks another limit alone was told without these, and may break them too.
        over = table.chosen(timed & ~each & (broken == 1))
        if len(over):
            beyond[name] = over.chosen(over.ranked(question.objectives[0])[:1])
    return table.chosen(timed & (broken == 0)), beyond, broken > 0


def _best_known(table: Candidates, name: str) -> Any:
    """Seconds as measured, or else as predicted; name: of the predicted column."""
    import numpy as np

    times = table.column(named("measured", parted(name)[1]))
    return np.where(np.isnan(times), table.column(name), times)


def _fastest(table: Candidates, name: str) -> Candidates:
    """Of all that were measured on a device the fastest, its time in place of the predicted one."""
    import numpy as np

    times = table.column(named("measured", parted(name)[1]))
    best = np.where(np.isnan(times), np.inf, times)
    return table.having({name: best}).chosen([int(best.argmin())])


def _as_measured(objective: str, labels: Iterable[str]) -> str:
    quantity, device = parted(objective)
    return named("measured", device) if quantity == "seconds" and device in labels else objective
