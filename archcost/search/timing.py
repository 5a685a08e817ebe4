"""A search on devices: predict all candidates, measure few, until the front consists of measured ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archcost.analysis.analysis import DTYPES
from archcost.errors import ArchcostError, SpecError
from archcost.graph import build
from archcost.latency import samples as tables
from archcost.latency.evidence import FEWEST
from archcost.latency.fit import GENERIC, HOST, PARALLEL, Form
from archcost.latency.prediction import Predictor
from archcost.latency.profile import Profile
from archcost.latency.samples import Samples
from archcost.search import pareto
from archcost.search.answer import Answer, Work
from archcost.search.candidates import Candidates, joined, named, parted
from archcost.search.crew import Crew, Inquiry, Job
from archcost.search.enumeration import Found, candidates_of, kept_to
from archcost.search.jointly import Jointly
from archcost.search.measuring import Measuring
from archcost.search.question import Question
from archcost.search.timed import told

FORMS: dict[str, tuple[Form, ...]] = {
    "cpu": (GENERIC, HOST),
    "cuda": (GENERIC, PARALLEL),
    "own": (GENERIC, PARALLEL),
}
"""That may describe a device, by its kind."""
MEASUREMENTS = 30
MOST_NEW = 1000
"""Candidates that are taken in at once where a space is too large to weigh every one from the beginning."""
SHARE = 4
"""Of the candidates under way, after each so many-th part there is a new fit."""
DONE = "no candidate that was not measured could still beat the front, at 80 % confidence"
SPENT, LATE, INTERRUPTED = "all measurements are spent", "the time for measuring is spent", "interrupted"


@dataclass(frozen=True, slots=True)
class Timed:
    """A device that candidates are timed on. name: the crew's; kind: cpu, cuda or own; label: of its columns, "" where
    there is no other device."""

    name: str
    kind: str
    label: str = ""


Recall = Callable[[Candidates], Mapping[int, Mapping[str, float | None]]]
"""What an earlier run measured of candidates: place -> label -> seconds, None where it can never be measured."""


@dataclass(eq=False)
class _Round:
    """Candidates beside the loop that measures them. exact: whether every variant was gone through; everything: whether
    all that count are in the table, or could not beat the front; looked: whether others were looked for since the first
    fit; spent: candidates asked for; known: those that an earlier run measured."""

    question: Question
    table: Candidates
    devices: Sequence[Timed]
    budget: int | None
    ahead: int
    recall: Recall
    exact: bool
    everything: bool
    looked: bool = False
    spent: int = 0
    known: int = 0
    loop: Jointly = field(init=False)

    def __post_init__(self) -> None:
        self._begin(self.table, {}, [])

    def _begin(self, added: Candidates, before: Mapping[int, Mapping[str, float | None]], out: Sequence[int]) -> None:
        """A new loop over the whole table. added: its end, of which an earlier run may know; before: by
        place; out: places that were asked for already."""
        start = len(self.table) - len(added)
        recalled = {start + place: times for place, times in self.recall(added).items()}
        told = {**before, **recalled}
        labels = [device.label for device in self.devices]
        whole = {place for place, times in told.items() if times.keys() >= set(labels)}
        self.known += sum(None not in recalled[place].values() for place in recalled.keys() & whole)
        failed = {place for place, times in told.items() if None in times.values()}
        most = None if self.budget is None else self.budget - self.spent + len(whole | failed) + len(out)
        samples = {"none": kernels(self.question, self.table)}
        value = self._value()
        loops = {}
        for device in self.devices:
            own = {place: times[device.label] for place, times in told.items() if device.label in times}
            loops[device.label] = Measuring(
                value,
                samples,
                self.question.constraints.limit(named("seconds", device.label)),
                most if len(labels) == 1 else None,
                FORMS[device.kind],
                {place: seconds for place, seconds in own.items() if seconds is not None},
                {place for place, seconds in own.items() if seconds is None},
                every=max(self.ahead // SHARE, len(labels)),
            )
        self.loop = Jointly(loops, [self.table.column(name) for name in self._predicted()], most, failed)
        for place in out:
            self.loop.ask(place)

    def _value(self) -> Any:
        """Of each candidate, more being better; where nobody knows it, less than any other."""
        import numpy as np

        objective = self.question.objectives[0]
        timed = parted(objective)[0] == "seconds"
        value = self.table.accuracy if timed else -self.table.minimised(objective)
        return np.nan_to_num(value, nan=float(np.nanmin(value)) - 1)

    def _predicted(self) -> list[str]:
        """Objectives that are times of devices nobody measures."""
        measured = {device.label for device in self.devices}
        parts = [(name, *parted(name)) for name in self.question.objectives]
        return [name for name, quantity, device in parts if quantity == "seconds" and device not in measured]

    def jobs(self, place: int) -> dict[str, Job]:
        """What to ask about a candidate, by the devices' labels."""
        space = self.question.spaces[int(self.table.space[place])]
        network = build(space.document, space.settings(int(self.table.number[place])))
        return {device.label: Job(space.name, network, device.name) for device in self.devices}

    def propose(self, alone: bool) -> int | None:
        """The candidate to ask for next, of a wider table where it is time to look beyond it: once the device is known,
        and when nothing else is left. alone: whether nothing is open."""
        while True:
            early = len(self.loop.measured) == FEWEST and not self.looked
            place = self.loop.propose()
            dry = place is None and alone and not len(self.loop.rivals())
            if not self.exact or self.everything or not (early or dry):
                return place
            self.looked = True
            if not self.widened():
                self.everything = dry
                return place

    def widened(self) -> bool:
        """Takes in candidates that were not weighed so far and could, as predicted now, beat the front; whether there
        are any."""
        added = _outside(self.question, self.table, self.predictors)
        if added is None:
            return False
        before: dict[int, dict[str, float | None]] = {}
        for label, each in self.loop.loops.items():
            for place, seconds in {**each.measured, **dict.fromkeys(each.failed, None)}.items():
                before.setdefault(place, {})[label] = seconds
        one, old, open_, known = self.loop, self.table, self.loop.open, self.known
        self.table = joined([self.table, added])
        self._begin(added, before, open_)
        fresh = self.loop.rivals()
        if (fresh < len(old)).all() and not any(place >= len(old) for place in self.loop.measured):
            self.table, self.loop, self.known = old, one, known
            return False
        return True

    @property
    def predictors(self) -> dict[str, Predictor]:
        """Of the devices, from what was measured."""
        dtype = self.question.scale.dtype
        found = {}
        for label, loop in self.loop.loops.items():
            fit = replace(loop.fit, inside=loop.width)
            found[label] = Predictor(Profile(label or "as measured", "", "", True, {dtype: fit}), dtype)
        return found

    def answer(self, found: Answer, ended: str) -> Answer:
        rivals = len(self.loop.rivals())
        said = f"{rivals} candidates" if rivals > 1 else "1 candidate"
        left = [f"{said} could still beat the front"] if rivals else []
        ended = "; ".join([ended or (SPENT if rivals else DONE), *left])
        work = Work(len(self.loop.measured), self.known, len(self.loop.failed), ended)
        told_ = told(found, self.table, self.loop, self.predictors, work, exact=self.everything and not rivals)
        told_.ahead = self.ahead
        return told_


def measured(
    found: Answer,
    devices: Sequence[Timed],
    crew: Crew,
    *,
    recall: Recall = lambda table: {},
    budget: int | None = MEASUREMENTS,
    ahead: int = 1,
    seconds: float | None = None,
    watched: Callable[[int, int], None] = lambda done, rivals: None,
) -> Answer:
    """The answer with times that were measured: on the front, and wherever a limit on latency hinges on them.

    recall: what was measured before, which costs nothing; budget: candidates, seconds: time, that may be spent; ahead:
    candidates that may be under way at once, on which the answer depends, as it does not on when they are answered.
    watched: is told how many were measured, and how many candidates could still beat them. Ctrl-C ends it with what
    was measured so far.
    """
    everything = found.exact and len(found.candidates) == found.found.feasible
    state = _Round(found.question, found.candidates, devices, budget, ahead, recall, found.exact, everything)
    until = None if seconds is None else time.monotonic() + seconds
    try:
        ended = _asked(state, Inquiry(crew, ahead), until, watched)
    except KeyboardInterrupt:
        ended = INTERRUPTED
    state.loop.forget()
    if not state.loop.measured:
        where = " on every device" if len(devices) > 1 else ""
        raise ArchcostError(f"nothing could be measured{where}: {ended or f'{len(state.loop.failed)} tries failed'}")
    return state.answer(found, ended)


def _asked(state: _Round, inquiry: Inquiry, until: float | None, watched: Callable[[int, int], None]) -> str:
    """Asks, and is told, until nothing is left to ask and nothing is open; LATE where time ended it, else "".

    until: by time.monotonic().
    """
    ended = ""
    while True:
        place = None if ended or inquiry.full else state.propose(not inquiry.open)
        if place is not None and until is not None and time.monotonic() > until:
            ended, place = LATE, None
        if place is not None:
            state.spent += 1
            state.loop.ask(place)
            inquiry.put(place, state.jobs(place))
        elif inquiry.open:
            state.loop.tell(*inquiry.next())
            watched(len(state.loop.measured), len(state.loop.rivals()))
        else:
            return ended


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


def _outside(question: Question, table: Candidates, predictors: Mapping[str, Predictor]) -> Candidates | None:
    """Of all that keep to the limits and are not in the table, the front by value and the better ends of the predicted
    times: where any one could beat what is measured, one of these can."""
    import numpy as np

    asked = replace(question, predictors={**question.predictors, **predictors})
    limits = question.constraints.but({named("seconds", label): None for label in predictors})
    first = question.objectives[0]
    objective = "accuracy" if parted(first)[0] == "seconds" else first
    least = [named("seconds_low" if label in predictors else "seconds", label) for label in asked.predictors]

    def foremost(rows: Candidates) -> Candidates:
        return rows.chosen(pareto.front([rows.minimised(objective), *map(rows.column, least)]))

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
                found.append(foremost(rows))
    if not found:
        return None
    rows = foremost(joined(found))
    return rows.chosen(rows.ranked(objective)[:MOST_NEW])
