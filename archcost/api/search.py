"""Search from Python, and what the command does: spaces and limits from what a user writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcost.accuracy import model as published
from archcost.accuracy import table as tables
from archcost.api import limits as costs
from archcost.api.devices import predictor_of
from archcost.api.model import Model, load
from archcost.errors import ArchcostError
from archcost.graph import build
from archcost.reports import search as reports
from archcost.reports import yaml
from archcost.reports.search_errors import require
from archcost.search import quantities
from archcost.search.answer import TRIALS, Answer, answer
from archcost.search.constraints import Constraints
from archcost.search.enumeration import Scale
from archcost.search.question import Question
from archcost.search.space import ALPHAS, RESOLUTIONS, Space
from archcost.spec import ranges
from archcost.spec.names import unknown

OBJECTIVES = {
    "accuracy": "accuracy",
    "macs": "macs",
    "params": "params",
    "memory": "peak_activation_bytes",
    "weights": "weight_bytes",
    "latency": "seconds",
}
"""What can be an objective, and its column."""
READERS: dict[str, tuple[str, Callable[[str, str], float]]] = {
    "budget": costs.READERS["max_macs"],
    **{name: reader for name, reader in costs.READERS.items() if name != "max_macs"},
    "max_latency": ("seconds", quantities.duration),
    "min_accuracy": ("accuracy", quantities.percent),
}


def constraints_of(given: Mapping[str, Any]) -> Constraints:
    """Limits by the names of the options; texts with units, or numbers (multiply-adds, bytes, seconds, percent)."""
    found: dict[str, float] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name not in READERS:
            raise ArchcostError(unknown("limit", name, READERS))
        column, read = READERS[name]
        label = "--" + name.replace("_", "-")
        # A number has its unit already; a time without one would be refused as a text.
        text = value if isinstance(value, str) else f"{value!r}" + ("s" if column == "seconds" else "")
        found[column] = read(text, label)
    return Constraints(**found)


def space_of(model: Model, name: str, axes: Mapping[str, Any]) -> Space:
    """A spec's space: what is asked for, else what the spec's own `space` says, else the usual one."""
    if model.document.problems:
        raise model.document.error(model.document.problems)
    usual = {"alpha": ALPHAS, "resolution": RESOLUTIONS}
    own: dict[str, Any] = {**usual, **model.document.space, **model.given, **axes}
    alphas, sizes = (_values(own.pop(key), key) for key in ("alpha", "resolution"))
    own.pop("rho", None)
    resolutions = [ranges.resolution(each) if isinstance(each, str) else each for each in sizes]
    return Space.of(name, model.document, alphas, resolutions, {key: _values(v, key) for key, v in own.items()})


def _values(given: Any, what: str) -> list[Any]:
    if isinstance(given, str):
        return list(ranges.values(given, what))
    if isinstance(given, Iterable) and not isinstance(given, (bytes, Mapping)):
        return list(given)
    return [given]


def question_of(
    specs: Sequence[str | Path],
    limits: Mapping[str, Any],
    *,
    axes: Mapping[str, Any] | None = None,
    maximize: str = "accuracy",
    against: Sequence[str] = (),
    batch: int = 1,
    dtype: str = "float32",
    inplace: bool = True,
    accuracy: str | Path | None = None,
    profile: str | Path | None = None,
    mode: str = "",
    measured: bool = False,
) -> Question:
    """A question as the command line asks it. axes: alpha, resolution and parameters, as lists or as texts of ranges;
    profile: a device whose profile predicts times; measured: times will be measured."""
    constraints = constraints_of(limits)
    if constraints.seconds is not None and profile is None and not measured:
        raise ArchcostError("--max-latency needs --device: cuda or cpu measures here, a profile's name predicts")
    twice = [str(spec) for place, spec in enumerate(specs) if spec in specs[:place]]
    if twice:
        raise ArchcostError(f"{twice[0]} is named twice")
    models = [load(spec) for spec in specs]
    spaces = [space_of(model, _name(spec, model), axes or {}) for spec, model in zip(specs, models, strict=True)]
    if accuracy is None:
        known = [published.of(model.document, "int8" if dtype == "int8" else "float32") for model in models]
    else:
        table = tables.read(accuracy)
        known = [table.of(model.document) for model in models]
    timed = profile is not None or measured
    names = [*against] or ["latency" if timed else "macs"]
    for name in (maximize, *names):
        if name not in OBJECTIVES:
            raise ArchcostError(unknown("objective", name, OBJECTIVES))
        if name == "latency" and not timed:
            raise ArchcostError("latency as an objective needs --device")
    first = OBJECTIVES[maximize] if maximize == "accuracy" else "+" + OBJECTIVES[maximize]
    others = [OBJECTIVES[name] for name in names if OBJECTIVES[name] != OBJECTIVES[maximize]]
    order = (*others, first) if constraints.accuracy is not None else (first, *others)
    predictor = None if profile is None else predictor_of(profile, dtype, mode)
    return Question(spaces, known, constraints, order, Scale(batch, dtype, inplace), predictor)


def _name(spec: str | Path, model: Model) -> str:
    """How results name a spec: as it was asked for, settings aside."""
    text = str(spec)
    return text if not model.given else ranges.reference(text)[0]


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """The result of a search; rows are as `archcost search --format json` has them."""

    answer: Answer

    @property
    def winner(self) -> dict[str, Any]:
        """The best variant's row."""
        return reports.row(self.answer.question, self.answer.candidates, self.answer.winner)

    @property
    def front(self) -> list[dict[str, Any]]:
        """The rows that no other beats, the best first."""
        found = self.answer
        return [reports.row(found.question, found.candidates, place) for place in found.front]

    def to_dict(self) -> dict[str, Any]:
        """The same data as `archcost search --format json`."""
        return reports.data(self.answer)

    def to_csv(self) -> str:
        """The front, a row each."""
        return reports.csv(self.answer)

    def to_yaml(self) -> str:
        """The winner as a concrete spec."""
        return winner_spec(self.answer)


def winner_spec(found: Answer) -> str:
    """The winner as a concrete spec, which every command takes."""
    space = found.question.spaces[int(found.candidates.space[found.winner])]
    network = build(space.document, found.settings(found.winner))
    return yaml.network(network, f"{space.document.name}_winner")


def find(
    specs: str | Path | Sequence[str | Path] = "mobilenetv1",
    *,
    seed: int = 0,
    trials: int = TRIALS,
    sampler: str = "nsga2",
    journal: str | Path | None = None,
    device: str | Path | None = None,
    alpha: Any = None,
    resolution: Any = None,
    parameters: Mapping[str, Any] | None = None,
    maximize: str = "accuracy",
    against: Sequence[str] = (),
    batch: int = 1,
    dtype: str = "float32",
    inplace: bool = True,
    accuracy: str | Path | None = None,
    mode: str = "",
    **limits: Any,
) -> Search:
    """The best variants of specs under limits: budget, max_params, max_weights, max_peak_memory, max_latency,
    min_accuracy (texts with units as on the command line, or numbers).

    device: a profile's name or file, whose times are predicted. Raises ArchcostError where nothing fits.
    """
    several = [specs] if isinstance(specs, (str, Path)) else list(specs)
    axes = {"alpha": alpha, "resolution": resolution, **(parameters or {})}
    question = question_of(
        several,
        limits,
        axes={name: values for name, values in axes.items() if values is not None},
        maximize=maximize,
        against=against,
        batch=batch,
        dtype=dtype,
        inplace=inplace,
        accuracy=accuracy,
        profile=device,
        mode=mode,
    )
    found = answer(
        question, seed=seed, trials=trials, sampler=sampler, journal=None if journal is None else Path(journal)
    )
    require(question, found.found)
    return Search(found)
