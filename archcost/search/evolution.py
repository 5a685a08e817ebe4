"""Spaces too large to go through: Optuna proposes variants, exact costs say which are feasible, the best are kept.

The study is a journal file, which `optuna-dashboard` opens and the next run goes on from.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from archcost.dims import is_array
from archcost.errors import ArchcostError, SpecError
from archcost.search.candidates import MAXIMISED, Candidates, joined
from archcost.search.constraints import Constraints
from archcost.search.enumeration import Estimate, Found, Scale, candidates_of, kept_to, note
from archcost.search.space import Space
from archcost.spec.names import unknown
from archcost.spec.settings import Settings

SAMPLERS = ("nsga2", "tpe")
STUDY = "archcost"
PATIENCE, PATIENCE_EVALUATING = 5, 50
"""Proposals for each variant tried or evaluated, before a search gives up to find what keeps to the limits."""
WORST = 1e30
"""What a variant is told to be that cannot exist; Optuna takes no infinity."""


class Evaluate(Protocol):
    """Tells the accuracy of a space's variant, by the space's place and the variant's number; NaN where it has none."""

    def __call__(self, place: int, number: int) -> float: ...

    def __len__(self) -> int: ...


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
    once and count for nothing. The same seed, and the same journal to begin with, give the same answer.

    evaluate: tells the accuracy of a space's variant that keeps to the other limits, NaN where it cannot, and how many
    networks it told of (its length); there are trials until these are so many (`evaluations`), but not for ever.
    Ctrl-C ends it.

    Raises ArchcostError where Optuna is not installed, or the journal is broken or of another seed.
    """
    study = _study(objectives, seed, sampler, journal)
    tried = _Tried(spaces, constraints, scale, estimate, evaluate)
    finished = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    study.sampler = _sampler(sampler, seed + len(finished))  # or it proposes again what it began with
    _same(study, spaces, objectives, seed, journal)
    try:
        for trial in finished:
            try:
                tried(trial.params)
            except (KeyError, IndexError, TypeError) as error:  # a trial without its values
                raise _damaged(journal, error) from None
        last = PATIENCE * trials if trials is not None else len(finished) + PATIENCE_EVALUATING * evaluations
        for _ in range(len(finished), last):
            if len(evaluate) >= evaluations if evaluate is not None else tried.count >= (trials or 0):
                break
            trial = study.ask()
            row = tried(_suggested(trial, spaces))
            for name, limit in constraints.given():
                trial.set_constraint(name, WORST if row is None else _violation(row, name, limit))
            values = [WORST] * len(objectives) if row is None else [float(row.minimised(o)[0]) for o in objectives]
            study.tell(trial, [WORST if value != value else value for value in values])
            watched(tried.count)
    except KeyboardInterrupt:
        pass
    return _told(tried.rows, sum(map(len, spaces)), constraints, objectives)


@dataclass(eq=False)
class _Tried:
    """The variants that were proposed, each costed once, and evaluated where it keeps to the limits on costs. count: of
    proposals that do."""

    spaces: Sequence[Space]
    constraints: Constraints
    scale: Scale
    estimate: Estimate
    evaluate: Evaluate | None
    count: int = 0
    known: dict[tuple[int, int], Candidates | None] = field(default_factory=dict)

    def __call__(self, places: dict[str, int]) -> Candidates | None:
        """The variant at these places of its axes; None where it cannot exist."""
        row = _known(self.known, self.spaces, places, self.scale, self.estimate)
        if row is None or not _cheap(self.constraints, row):
            return row
        self.count += 1
        if self.evaluate is not None:
            accuracy = self.evaluate(int(row.space[0]), int(row.number[0]))
            for name in ("accuracy", "accuracy_low", "accuracy_high"):
                getattr(row, name)[:] = accuracy
        return row

    @property
    def rows(self) -> list[Candidates]:
        return [row for row in self.known.values() if row is not None]


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


def _same(study: Any, spaces: Sequence[Space], objectives: Sequence[str], seed: int, journal: Path | None) -> None:
    """Raises ArchcostError for the study of other spaces or objectives (its values are places on their axes), or of
    another seed."""
    axes = repr([[space.name, *space.axes.items()] for space in spaces]) + repr(tuple(objectives))
    if study.user_attrs.get("axes", axes) != axes:
        raise ArchcostError(f"{journal}: is the study of another space, or of other objectives; move it away")
    first = study.user_attrs.get("seed", seed)
    if first != seed:
        raise ArchcostError(f"{journal}: is of seed {first}; go on with --seed {first}, or name another --out")
    if "seed" not in study.user_attrs:  # nothing is written twice: a file that is only read stays as it is
        study.set_user_attr("axes", axes)
        study.set_user_attr("seed", seed)


def _mend(journal: Path) -> None:
    """Cuts off a last record that was not written to its end; the next would be glued to it."""
    content = journal.read_bytes() if journal.is_file() else b""
    if content.startswith(b'{"op_code"') and not content.endswith(b"\n"):
        with journal.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def _sampler(sampler: str, seed: int) -> Any:
    import optuna

    samplers: Any = optuna.samplers
    return samplers.NSGAIISampler(seed=seed) if sampler == "nsga2" else samplers.TPESampler(seed=seed)


def _study(objectives: Sequence[str], seed: int, sampler: str, journal: Path | None) -> Any:
    try:
        import optuna
    except ImportError:
        raise ArchcostError(
            "this space is too large to go through; evolving needs Optuna: pip install 'archcost[search]'"
        ) from None
    if sampler not in SAMPLERS:
        raise ArchcostError(unknown("sampler", sampler, SAMPLERS))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    chosen = _sampler(sampler, seed)
    storage = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of experimental interfaces
        try:
            if journal is not None:
                from optuna.storages import JournalStorage
                from optuna.storages.journal import JournalFileBackend

                _mend(journal)
                journal.parent.mkdir(parents=True, exist_ok=True)
                storage = JournalStorage(JournalFileBackend(str(journal)))
            return optuna.create_study(
                storage=storage,
                sampler=chosen,
                study_name=STUDY,
                directions=["minimize"] * len(objectives),
                load_if_exists=True,
            )
        except OSError as error:
            raise ArchcostError(f"{journal}: cannot be written: {error.strerror}") from None
        except Exception as error:  # whatever Optuna meets in a file that it did not write
            raise _damaged(journal, error) from None


def _damaged(journal: Path | None, error: Exception) -> ArchcostError:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ArchcostError(f"{journal}: is no study of Optuna's, or damaged ({said}); move it away")


def _suggested(trial: Any, spaces: Sequence[Space]) -> dict[str, int]:
    """The place of each value on its axis; what one spec alone has is suggested for that one."""
    chosen = {"spec": trial.suggest_int("spec", 0, len(spaces) - 1) if len(spaces) > 1 else 0}
    space = spaces[chosen["spec"]]
    for name, values in space.axes.items():
        label = f"{space.name} {name}"
        chosen[label] = trial.suggest_int(label, 0, len(values) - 1)
    return chosen


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
