"""A search on a device: predict all candidates, measure few, until the front consists of measured ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from archcost.analysis.analysis import DTYPES
from archcost.errors import ArchcostError, SpecError
from archcost.graph import Network, build
from archcost.latency import samples as tables
from archcost.latency.evidence import FEWEST
from archcost.latency.fit import GENERIC, HOST, PARALLEL, Form
from archcost.latency.prediction import Predictor
from archcost.latency.profile import Profile
from archcost.latency.samples import Samples
from archcost.search import pareto
from archcost.search.answer import Answer, Work
from archcost.search.candidates import Candidates, joined
from archcost.search.enumeration import Found, candidates_of, kept_to
from archcost.search.measuring import Measuring
from archcost.search.question import Question

FORMS: dict[str, tuple[Form, ...]] = {"cpu": (GENERIC, HOST), "cuda": (GENERIC, PARALLEL)}
MEASUREMENTS = 30
MOST_NEW = 1000
"""Candidates that are taken in at once where a space is too large to weigh every one from the beginning."""
DONE = "no candidate that was not measured could still beat the front, at 80 % confidence"
SPENT, LATE, INTERRUPTED = "all measurements are spent", "the time for measuring is spent", "interrupted"
Measure = Callable[[str, Network], float | None]
"""Seconds of a spec's network on the device, for the question's batch; None where it could not be measured."""
Recall = Callable[[Candidates], Mapping[int, float | None]]
"""What an earlier run measured of candidates: place -> seconds, None where it can never be measured."""


@dataclass(eq=False)
class _Round:
    """Candidates beside the loop that measures them. spent: measurements of this run; known: those of earlier ones."""

    question: Question
    table: Candidates
    forms: tuple[Form, ...]
    budget: int | None
    recall: Recall
    spent: int = 0
    known: int = 0
    loop: Measuring = field(init=False)

    def __post_init__(self) -> None:
        self._begin(self.table, {})

    def _begin(self, added: Candidates, before: Mapping[int, float | None]) -> None:
        """A new loop over the whole table. added: its end, of which an earlier run may know; before: by place."""
        import numpy as np

        objective, limit = self.question.objectives[0], self.question.constraints.seconds
        value = self.table.accuracy if objective == "seconds" else -self.table.minimised(objective)
        value = np.nan_to_num(value, nan=float(np.nanmin(value)) - 1)
        start = len(self.table) - len(added)
        recalled = {start + place: seconds for place, seconds in self.recall(added).items()}
        self.known += sum(seconds is not None for seconds in recalled.values())
        told = {**before, **recalled}
        most = None if self.budget is None else self.budget - self.spent + len(told)
        samples = {"none": kernels(self.question, self.table)}
        self.loop = Measuring(value, samples, limit, most, forms=self.forms)
        for place, seconds in told.items():
            self.loop.tell(place, seconds)

    def network(self, place: int) -> tuple[str, Network]:
        space = self.question.spaces[int(self.table.space[place])]
        return space.name, build(space.document, space.settings(int(self.table.number[place])))

    def widened(self) -> bool:
        """Takes in candidates that were not weighed so far and could, as predicted now, beat the front; whether there
        are any."""
        added = _outside(self.question, self.table, self.predictor)
        if added is None:
            return False
        before = {**self.loop.measured, **dict.fromkeys(self.loop.failed, None)}
        one, old = self.loop, self.table
        self.table = joined([self.table, added])
        self._begin(added, before)
        fresh = self.loop.rivals()
        if (fresh < len(old)).all() and not any(place >= len(old) for place in self.loop.measured):
            self.table, self.loop = old, one
            return False
        return True

    @property
    def predictor(self) -> Predictor:
        """Of the device, from what was measured."""
        dtype = self.question.scale.dtype
        profile = Profile("as measured", "", "", True, {dtype: replace(self.loop.fit, inside=self.loop.width)})
        return Predictor(profile, dtype)


def measured(
    found: Answer,
    measure: Measure,
    processor: str,
    *,
    recall: Recall = lambda table: {},
    budget: int | None = MEASUREMENTS,
    seconds: float | None = None,
    watched: Callable[[int, int], None] = lambda done, rivals: None,
) -> Answer:
    """The answer with times that were measured: on the front, and wherever a limit on latency hinges on them.

    processor: `cpu` or `cuda`; recall: what was measured before, which costs nothing; budget: measurements, seconds:
    time, that may be spent. watched: is told how many were measured, and how many candidates could still beat them.
    Ctrl-C ends it with what was measured so far.
    """
    everything = found.exact and len(found.candidates) == found.found.feasible
    state = _Round(found.question, found.candidates, FORMS[processor], budget, recall)
    start = time.monotonic()
    ended, looked = "", False
    try:
        while True:
            early = len(state.loop.measured) == FEWEST and not looked
            place = state.loop.propose()
            if found.exact and not everything and (early or (place is None and not len(state.loop.rivals()))):
                looked = True
                if state.widened():
                    continue
                everything = place is None
            if place is None:
                break
            if seconds is not None and time.monotonic() - start > seconds:
                ended = LATE
                break
            state.spent += 1
            state.loop.tell(place, measure(*state.network(place)))
            watched(len(state.loop.measured), len(state.loop.rivals()))
    except KeyboardInterrupt:
        ended = INTERRUPTED
    if not state.loop.measured:
        raise ArchcostError(f"nothing could be measured: {ended or f'{len(state.loop.failed)} tries failed'}")
    return _told(found, state, ended, everything)


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


def _outside(question: Question, table: Candidates, predictor: Predictor) -> Candidates | None:
    """Of all that keep to the limits and are not in the table, the front by value and the better end of the predicted
    time: where any one could beat what is measured, one of these can."""
    import numpy as np

    asked = replace(question, predictor=predictor)
    limits = replace(question.constraints, seconds=None)
    first = question.objectives[0]
    objective = "accuracy" if first == "seconds" else first
    found = []
    for place, space in enumerate(question.spaces):
        own = table.number[table.space == place]
        for number, settings in space.chunks():
            try:
                rows = candidates_of(place, number, settings, space, question.scale, asked.estimate)
            except SpecError:  # nothing of this part can exist
                continue
            rows = kept_to(limits, rows, objective, Found(0, 0, 0, None))
            rows = rows.chosen(~np.isin(rows.number, own) & ~np.isnan(rows.minimised(objective)))
            if len(rows):
                found.append(rows.chosen(pareto.front([rows.minimised(objective), rows.seconds_low])))
    if not found:
        return None
    rows = joined(found)
    rows = rows.chosen(np.flatnonzero(pareto.front([rows.minimised(objective), rows.seconds_low])))
    return rows.chosen(rows.ranked(objective)[:MOST_NEW])


def _told(found: Answer, state: _Round, ended: str, everything: bool) -> Answer:
    """The answer with the loop's times; a limit on latency holds for what was measured."""
    import numpy as np

    question, loop, table = found.question, state.loop, state.table
    times = np.full(len(table), np.nan)
    for place, seconds in loop.measured.items():
        times[place] = seconds
    low, high = loop.predicted * np.exp(-loop.width), loop.predicted * np.exp(loop.width)
    table = replace(table, seconds=loop.predicted, seconds_low=low, seconds_high=high, measured=times)
    limit = question.constraints.seconds
    extremes, beyond, feasible = dict(found.found.extremes), dict(found.found.beyond), found.found.feasible
    if limit is not None:
        best = np.where(np.isnan(times), np.inf, times)
        extremes["seconds"] = replace(table, seconds=best).chosen([int(best.argmin())])
        kept = np.where(np.isnan(times), table.seconds, times) <= limit
        over = table.chosen(~kept)
        # What breaks another limit alone was told without this one, and may break it too.
        beyond = {"seconds": over.chosen(over.ranked(question.objectives[0])[:1])} if len(over) else {}
        feasible = int(kept.sum()) if len(table) == feasible else feasible
        table = table.chosen(kept)
    objectives = tuple("measured" if name == "seconds" else name for name in question.objectives)
    table = table.chosen(table.ranked(objectives[0]))
    rivals = len(loop.rivals())
    left = f"{rivals} candidates could still beat the front" if rivals > 1 else "1 candidate could still beat the front"
    ended = "; ".join([ended or (SPENT if rivals else DONE), *([left] if rivals else [])])
    return Answer(
        replace(question, objectives=objectives, predictor=state.predictor),
        replace(
            found.found,
            feasible=feasible,
            candidates=table if len(table) else None,
            extremes=extremes,
            beyond=beyond,
        ),
        everything and not rivals,
        found.seed,
        Work(len(loop.measured), state.known, len(loop.failed), ended),
        found.evaluating,
    )
