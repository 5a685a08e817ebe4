"""Spaces too large to go through: Optuna proposes variants, exact costs say which are feasible, the best are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from archcost.dims import is_array
from archcost.errors import SpecError
from archcost.search import study as studies
from archcost.search.candidates import MAXIMISED, Candidates, joined
from archcost.search.constraints import Constraints
from archcost.search.enumeration import Estimate, Found, Scale, candidates_of, kept_to, note
from archcost.search.space import Space
from archcost.search.study import SAMPLERS as SAMPLERS
from archcost.search.study import Study
from archcost.spec.settings import Settings

PATIENCE, PATIENCE_EVALUATING = 5, 50
"""Proposals for each variant tried or evaluated, before a search gives up to find what keeps to the limits."""
WORST = 1e30
"""What a variant is told to be that cannot exist; Optuna takes no infinity."""


class Evaluate(Protocol):
    """Asks for the accuracies of variants, rows of one, several at once. Its length: networks that it asked for."""

    def __len__(self) -> int: ...

    @property
    def open(self) -> int:
        """Questions that wait for their answers."""
        ...

    @property
    def full(self) -> bool:
        """Whether an answer is to be waited for before another question is put."""
        ...

    def known(self, row: Candidates) -> float | None:
        """The accuracy that was told of a variant's network, NaN where it has none; None where nothing was."""
        ...

    def put(self, what: Any, row: Candidates) -> None:
        """Asks, about something."""
        ...

    def next(self) -> tuple[Any, float]:
        """Waits for the oldest question: what it was about, and the accuracy."""
        ...


def evolve(
    spaces: Sequence[Space],
    constraints: Constraints,
    objectives: Sequence[str],
    scale: Scale,
    estimate: Estimate,
    *,
    trials: int | None,
    seed: int,
    sampler: str = "nsga2",
    journal: Path | None = None,
    evaluate: Evaluate | None = None,
    evaluations: int = 0,
    watched: Callable[[int], None] = lambda trials: None,
) -> Found:
    """As `enumerate_all`, over so many trials: proposals that keep to the limits on costs. Others are told to Optuna at
    once and count for nothing. The same seed, and the same journal to begin with, give the same answer; and so does a
    run that was killed and gone on with.

    evaluate: asks for accuracies of what keeps to the other limits; there are trials until it asked for so many
    networks (`evaluations`), but not for ever. watched: is told of new trials. Ctrl-C ends it.

    Raises ArchcostError where Optuna is not installed, or the journal is broken or of another seed.
    """
    most = PATIENCE * trials if trials is not None else PATIENCE_EVALUATING * evaluations
    with studies.opened(spaces, objectives, seed, sampler, journal) as study:
        tried = _Tried(spaces, constraints, scale, estimate)
        evolution = _Evolution(study, tried, objectives, evaluate, evaluations, trials or 0, watched)
        with suppress(KeyboardInterrupt):
            evolution.run(most)
        return _told(evolution.rows, sum(map(len, spaces)), constraints, objectives)


@dataclass(eq=False)
class _Evolution:
    """The proposals, in their order: those of the journal first, as if they were made now."""

    study: Study
    tried: _Tried
    objectives: Sequence[str]
    evaluate: Evaluate | None
    evaluations: int
    trials: int
    watched: Callable[[int], None]
    _waiting: dict[int, Candidates] = field(default_factory=dict)

    def run(self, most: int) -> None:
        """most: proposals."""
        number = 0
        while number < self.study.begun or (number < most and not self._enough):
            while self.evaluate is not None and self.evaluate.full:
                self._next(self.evaluate)
            if number >= self.study.begun:
                self._take(number)
                self.watched(self.tried.count)
            elif self.study.is_told(number) or (self.study.is_whole(number) and not self._enough):
                try:
                    self._take(number)
                except (KeyError, IndexError, TypeError) as error:  # a trial without its values
                    raise self.study.damaged(error) from None
            number += 1
        while self.evaluate is not None and self.evaluate.open:
            self._next(self.evaluate)

    @property
    def rows(self) -> list[Candidates]:
        """What was tried, but for what waits for its accuracy."""
        waiting = {id(row) for row in self._waiting.values()}
        return [row for row in self.tried.known.values() if row is not None and id(row) not in waiting]

    @property
    def _enough(self) -> bool:
        return self.tried.count >= self.trials if self.evaluate is None else len(self.evaluate) >= self.evaluations

    def _take(self, number: int) -> None:
        """A proposal, told at once where its accuracy need not be waited for."""
        row = self.tried(self.study.places(number))
        if row is not None and self.evaluate is not None and _cheap(self.tried.constraints, row):
            accuracy = self.evaluate.known(row)
            if accuracy is None:
                self._waiting[number] = row
                self.evaluate.put(number, row)
                return
            _rate(row, accuracy)
        self._tell(number, row)

    def _next(self, evaluate: Evaluate) -> None:
        number, accuracy = evaluate.next()
        row = self._waiting.pop(number)
        _rate(row, accuracy)
        self._tell(number, row)

    def _tell(self, number: int, row: Candidates | None) -> None:
        violations = {
            name: WORST if row is None else _violation(row, name, limit)
            for name, limit in self.tried.constraints.given()
        }
        values = [WORST if row is None else float(row.minimised(name)[0]) for name in self.objectives]
        self.study.tell(number, violations, [WORST if value != value else value for value in values])


@dataclass(eq=False)
class _Tried:
    """The variants that were proposed, each costed once. count: of proposals that keep to the limits on costs."""

    spaces: Sequence[Space]
    constraints: Constraints
    scale: Scale
    estimate: Estimate
    count: int = 0
    known: dict[tuple[int, int], Candidates | None] = field(default_factory=dict)

    def __call__(self, places: dict[str, int]) -> Candidates | None:
        """The variant at these places of its axes; None where it cannot exist."""
        row = _known(self.known, self.spaces, places, self.scale, self.estimate)
        self.count += row is not None and _cheap(self.constraints, row)
        return row


def _rate(row: Candidates, accuracy: float) -> None:
    for name in ("accuracy", "accuracy_low", "accuracy_high"):
        getattr(row, name)[:] = accuracy


def _told(rows: list[Candidates], size: int, constraints: Constraints, objectives: Sequence[str]) -> Found:
    """What the variants that were tried come to. size: of all spaces."""
    found = Found(size, 0, 0, None)
    if rows:
        table = joined(rows)
        table = table.chosen(table.ranked(objectives[0])).unique()
        found.distinct = len(table)
        note(found.extremes, table, constraints)
        table = kept_to(constraints, table, objectives[0], found)
        found.feasible = len(table)
        found.candidates = table if len(table) else None
    return found


def _known(
    known: dict[tuple[int, int], Candidates | None],
    spaces: Sequence[Space],
    places: dict[str, int],
    scale: Scale,
    estimate: Estimate,
) -> Candidates | None:
    """The variant at these places, costed once; None where it cannot exist."""
    which = places.get("spec", 0)
    space = spaces[which]
    number = space.number({name: places[f"{space.name} {name}"] for name in space.axes})
    if (which, number) not in known:
        try:
            row = candidates_of(which, number, _alone(space, number), space, scale, estimate)
            known[which, number] = row if len(row) else None
        except SpecError:
            known[which, number] = None
    return known[which, number]


def _alone(space: Space, number: int) -> Settings:
    """One variant as a grid of one."""
    _, settings = next(space.grouped([number]))
    return settings.mapped(lambda size: size.reshape(1, 1) if is_array(size) else size)


def _cheap(constraints: Constraints, row: Candidates) -> bool:
    """Whether a variant keeps to the limits on its costs."""
    limits = [name for name, _ in constraints.given() if name not in MAXIMISED]
    return all(bool(constraints.met(name, row.column(name))[0]) for name in limits)


def _violation(row: Candidates, name: str, limit: float) -> float:
    """How far a limit is exceeded, as a share of it; 0 or less where it holds."""
    value = float(row.column(name)[0])
    if value != value:
        return WORST
    return (limit - value if name in MAXIMISED else value - limit) / limit
