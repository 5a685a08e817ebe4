"""Optuna's study of a search: what was proposed, and what came of it.

It is a journal file, which `optuna-dashboard` opens and the next run goes on from. A proposal depends on the seed, its
number and what was told before, so that a run that was killed is gone on with as if nothing had happened.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from archcost.errors import ArchcostError
from archcost.latency.subject import hash_of
from archcost.search.space import Space
from archcost.spec.names import unknown

SAMPLERS = ("nsga2", "tpe")
NAME = "archcost"
_BEGUN = b'{"op_code":4,'
"""How a journal's record of a new proposal begins."""
_CHOSEN, _ENDED = 5, 6
"""The codes of records of a proposal's values, and of what came of it."""


class Study:
    """Proposals by number from 0: places of values on the axes of spaces."""

    def __init__(
        self, spaces: Sequence[Space], objectives: Sequence[str], seed: int, sampler: str, journal: Path | None
    ) -> None:
        """Raises ArchcostError where Optuna is not installed, or the journal is broken, or of another search."""
        self.spaces, self.seed, self.sampler, self.journal = spaces, seed, sampler, journal
        self._study = _created(spaces, len(objectives), sampler, journal)
        self._same(objectives)
        self._before: list[Any] = self._study.get_trials(deepcopy=False)
        self._asked: dict[int, Any] = {}

    @property
    def begun(self) -> int:
        """Proposals that the journal had."""
        return len(self._before)

    def is_told(self, number: int) -> bool:
        """Whether the journal had what came of a proposal."""
        return bool(self._before[number].state.is_finished())

    def is_whole(self, number: int) -> bool:
        """Whether the journal had all values of a proposal."""
        return _is_whole(self._before[number].params, self.spaces)

    def places(self, number: int) -> dict[str, int]:
        """What was proposed; or the next proposal, where the number is the next one."""
        if number < self.begun:
            return dict(self._before[number].params)
        self._study.sampler = _sampler(self.sampler, _seed(self.seed, number))
        trial = self._asked[number] = self._study.ask()
        return _suggested(trial, self.spaces)

    def tell(self, number: int, constraints: Mapping[str, float], values: Sequence[float]) -> None:
        """What came of a proposal, unless the journal had it. constraints: at most 0 where they hold."""
        if number < self.begun and self.is_told(number):
            return
        trial = self._asked.pop(number, None) or self._again(number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what was told just before a kill
            for name, violation in constraints.items():
                trial.set_constraint(name, violation)
        self._study.tell(trial, list(values))

    def damaged(self, error: Exception) -> ArchcostError:
        return _damaged(self.journal, error)

    def _again(self, number: int) -> Any:
        """A proposal that the journal had, to be told of."""
        import optuna

        self._study.sampler = optuna.samplers.RandomSampler(seed=0)  # which proposes nothing by itself
        return optuna.trial.Trial(self._study, self._before[number]._trial_id)

    def _same(self, objectives: Sequence[str]) -> None:
        """Raises ArchcostError for the study of other spaces or objectives (its values are places on their axes), or
        of another seed."""
        study, journal, seed = self._study, self.journal, self.seed
        axes = repr([[space.name, *space.axes.items()] for space in self.spaces]) + repr(tuple(objectives))
        if study.user_attrs.get("axes", axes) != axes:
            raise ArchcostError(f"{journal}: is the study of another space, or of other objectives; move it away")
        first = study.user_attrs.get("seed", seed)
        if first != seed:
            raise ArchcostError(f"{journal}: is of seed {first}; go on with --seed {first}, or name another --out")
        if "seed" not in study.user_attrs:  # nothing is written twice: a file that is only read stays as it is
            study.set_user_attr("axes", axes)
            study.set_user_attr("seed", seed)


@contextmanager
def opened(
    spaces: Sequence[Space], objectives: Sequence[str], seed: int, sampler: str, journal: Path | None
) -> Iterator[Study]:
    """The study, held against other runs while it is used. Raises ArchcostError as `Study` does."""
    if sampler not in SAMPLERS:
        raise ArchcostError(unknown("sampler", sampler, SAMPLERS))
    try:
        import optuna
    except ImportError:
        raise ArchcostError(
            "this space is too large to go through; evolving needs Optuna: pip install 'archcost[search]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if journal is None:
        yield Study(spaces, objectives, seed, sampler, journal)
        return
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        held = _held(journal)
    except OSError as error:
        raise ArchcostError(f"{journal}: cannot be written: {error.strerror}") from None
    try:
        yield Study(spaces, objectives, seed, sampler, journal)
    finally:
        os.close(held)


def _held(journal: Path) -> int:
    """A lock on the journal, as a file descriptor: the system lets go of it when this process ends, however it does.

    Optuna's own lock stays behind where a process was killed, and would hold up the next for half a minute. Raises
    OSError, or ArchcostError where another run has it.
    """
    descriptor = os.open(journal, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return descriptor
    except BlockingIOError:
        os.close(descriptor)
        raise ArchcostError(f"{journal}: another run is at work on it; wait for it, or name another --out") from None
    except OSError:  # a file system without locks: then Optuna's are waited for
        return descriptor
    for stale in journal.parent.glob(f"{journal.name}.lock*"):
        stale.unlink(missing_ok=True)
    return descriptor


def _mend(journal: Path, spaces: Sequence[Space]) -> None:
    """Cuts off a last record that was not written to its end, and a last proposal without all of its values: it is
    made again as it was."""
    content = journal.read_bytes()
    if not content.startswith(b'{"op_code"'):
        return
    end = content.rfind(b"\n") + 1
    start = content.rfind(b"\n" + _BEGUN, 0, end) + 1
    if start:
        try:
            records = [json.loads(line) for line in content[start:end].splitlines()]
            chosen = {r["param_name"]: r["param_value_internal"] for r in records if r["op_code"] == _CHOSEN}
            if not _is_whole(chosen, spaces) and all(r["op_code"] != _ENDED for r in records):
                end = start
        except (ValueError, KeyError, TypeError, IndexError):  # damaged, as Optuna will say
            pass
    if end < len(content):
        with journal.open("r+b") as file:
            file.truncate(end)


def _created(spaces: Sequence[Space], count: int, sampler: str, journal: Path | None) -> Any:
    """Optuna's study, of so many objectives."""
    import optuna

    storage = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of experimental interfaces
        try:
            if journal is not None:
                from optuna.storages import JournalStorage
                from optuna.storages.journal import JournalFileBackend

                _mend(journal, spaces)
                storage = JournalStorage(JournalFileBackend(str(journal)))
            return optuna.create_study(
                storage=storage,
                sampler=_sampler(sampler, 0),
                study_name=NAME,
                directions=["minimize"] * count,
                load_if_exists=True,
            )
        except OSError as error:
            raise ArchcostError(f"{journal}: cannot be written: {error.strerror}") from None
        except Exception as error:  # whatever Optuna meets in a file that it did not write
            raise _damaged(journal, error) from None


def _seed(seed: int, number: int) -> int:
    """Of the sampler, for one proposal."""
    return int(hash_of({"seed": seed, "number": number})[:8], 16)


def _sampler(sampler: str, seed: int) -> Any:
    import optuna

    samplers: Any = optuna.samplers
    return samplers.NSGAIISampler(seed=seed)


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


def _is_whole(chosen: Mapping[str, Any], spaces: Sequence[Space]) -> bool:
    """Whether these are all values of a proposal."""
    if len(spaces) > 1 and "spec" not in chosen:
        return False
    space = spaces[int(chosen.get("spec", 0))]
    return all(f"{space.name} {name}" in chosen for name in space.axes)
