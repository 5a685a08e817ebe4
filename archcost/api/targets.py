"""The devices whose times a search is about, with their limits: measured ones, and those that a profile predicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcost.api.devices import need_device, predictor_of
from archcost.errors import ArchcostError
from archcost.latency import own
from archcost.latency.prediction import Predictor
from archcost.search import quantities

OPTION = "--max-latency"
NO_DEVICE = f"{OPTION} needs --device: cuda or cpu measures here, a profile's name predicts"


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A device. name: as it was asked for; label: of its columns, "" where there is no other device; limit: seconds
    that the answer may take there at most; predictor: None where its times are measured."""

    name: str
    label: str
    limit: float | None
    predictor: Predictor | None

    @property
    def measured(self) -> bool:
        return self.predictor is None


def is_here(name: str) -> bool:
    """Whether a name is that of a device which measures in this process."""
    return name == "cpu" or name.split(":")[0] == "cuda" or own.is_own(name)


def is_of_cluster(name: str) -> bool:
    """Whether a name is that of a device which a cluster's workers have: whatever is no profile's file. A profile's
    name is its device's there, and nothing is predicted that was to be measured."""
    return Path(name).suffix not in (".yaml", ".yml")


def targets(
    device: Any, max_latency: Any, *, dtype: str, mode: str, measured: Callable[[str], bool] = is_here
) -> tuple[Target, ...]:
    """device: a name, or several; max_latency: a time (a text with its unit, or seconds), NAME=TIME, several of them,
    or a mapping; a name among these that is no device yet adds it. measured: which names are of devices to measure on;
    all others are profiles'.

    Raises ArchcostError where a name is not clear, or there is no such profile.
    """
    names = _listed(device)
    own_limit, limits = _limits(max_latency)
    names += [name for name in limits if name not in names and not _known(name, names, measured)]
    need_device(mode, names)
    predictors = [None if measured(name) else predictor_of(name, dtype, mode) for name in names]
    labels = [name if p is None else p.profile.name for name, p in zip(names, predictors, strict=True)]
    for place, label in enumerate(labels):
        if label in labels[:place]:
            first = names[labels.index(label)]
            called = f"`{label}` is named twice" if first == names[place] else f"{first} and {names[place]} are one"
            raise ArchcostError(f"{called}; name each device once")
    if own_limit is not None:
        if not names:
            raise ArchcostError(NO_DEVICE)
        if len(names) > 1 or limits:
            raise ArchcostError(
                f"{OPTION}: of {' and '.join(names)}, whose limit is that? Write {OPTION} {names[0]}=2ms"
            )
    alone = len(names) == 1
    return tuple(
        Target(name, "" if alone else label, own_limit if own_limit is not None else _limit(limits, name, label), each)
        for name, label, each in zip(names, labels, predictors, strict=True)
    )


def _listed(device: Any) -> list[str]:
    if device is None:
        return []
    return [str(device)] if isinstance(device, (str, Path)) else [str(each) for each in device]


def _limits(given: Any) -> tuple[float | None, dict[str, float]]:
    """The limit that names no device, and those that do, in seconds."""
    if given is None or given == ():
        return None, {}
    if isinstance(given, Mapping):
        return None, {str(name): _seconds(value) for name, value in given.items()}
    several = given if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    alone, named = None, dict[str, float]()
    for each in several:
        name, sign, time = each.rpartition("=") if isinstance(each, str) else ("", "", each)
        if (sign and name in named) or (not sign and alone is not None):
            raise ArchcostError(f"{OPTION} is given twice{f' for {name}' if sign else ''}; name one limit for a device")
        if sign and not name:
            raise ArchcostError(f"{OPTION} {each}: names no device; write {OPTION} cpu=2ms")
        if sign:
            named[name] = _seconds(time)
        else:
            alone = _seconds(time)
    return alone, named


def _seconds(value: Any) -> float:
    return quantities.duration(value if isinstance(value, str) else f"{value!r}s", OPTION)


def _known(name: str, names: list[str], measured: Callable[[str], bool]) -> bool:
    """Whether a name is another one of a profile that was named by its file."""
    from archcost.latency.profile import find

    return any(not measured(each) and Path(each).suffix and find(each).name == name for each in names)


def _limit(limits: Mapping[str, float], name: str, label: str) -> float | None:
    return limits.get(name, limits.get(label))
