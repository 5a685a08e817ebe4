"""What a user asks of a search: specs, limits with units, objectives and spaces become a question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from archcost.accuracy import model as published
from archcost.accuracy import table as tables
from archcost.api import limits as costs
from archcost.api.model import Model, load
from archcost.api.targets import NO_DEVICE, Target
from archcost.errors import ArchcostError
from archcost.search import pareto, quantities
from archcost.search.candidates import named
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
    return Constraints().but(found)


def space_of(model: Model, name: str, axes: Mapping[str, Any]) -> Space:
    """A spec's space: what is asked for, else what the spec's own `space` says, else the usual widths and
    sizes, and every choice of each parameter that has choices."""
    if model.document.problems:
        raise model.document.error(model.document.problems)
    choices = {name: each.choices for name, each in model.document.parameters.items() if each.choices}
    usual = {"alpha": ALPHAS, "resolution": RESOLUTIONS, **choices}
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
    targets: Sequence[Target] = (),
    own: bool = False,
) -> Question:
    """A question as the command line asks it. axes: alpha, resolution and parameters, as lists or as texts of ranges;
    targets: the devices whose times it is about; own: accuracies will be the user's."""
    times = {named("seconds", each.label): each.limit for each in targets if each.limit}
    constraints = constraints_of(limits).but(times)
    if constraints.seconds is not None and not targets:
        raise ArchcostError(NO_DEVICE)
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
    names = [*against] or ["latency" if targets else "macs"]
    for name in (maximize, *names):
        if name not in OBJECTIVES:
            raise ArchcostError(unknown("objective", name, OBJECTIVES))
        if name == "latency" and not targets:
            raise ArchcostError("latency as an objective needs --device")
    if maximize == "latency" and len(targets) > 1:
        raise ArchcostError("--maximize latency: on which device? Name one --device, or another thing to maximise")
    objectives = _objectives(maximize, names, constraints, targets)
    pareto.front([[0.0]] * len(objectives))  # raises now, rather than at the end, where it needs what is not installed
    return Question(
        spaces,
        known,
        constraints,
        objectives,
        Scale(batch, dtype, inplace),
        {each.label: each.predictor for each in targets if each.predictor is not None},
        own or accuracy is not None,
        tuple(each.label for each in targets) or ("",),
    )


def _objectives(
    maximize: str, against: Sequence[str], constraints: Constraints, targets: Sequence[Target]
) -> tuple[str, ...]:
    """Columns, the first of which the winner is best in; latency is one for each device."""
    first = OBJECTIVES[maximize] if maximize == "accuracy" else "+" + OBJECTIVES[maximize]
    others = []
    for column in (OBJECTIVES[name] for name in against if OBJECTIVES[name] != OBJECTIVES[maximize]):
        others += [named(column, each.label) for each in targets] if column == "seconds" else [column]
    return (*others, first) if constraints.accuracy is not None else (first, *others)


def _name(spec: str | Path, model: Model) -> str:
    """How results name a spec: as it was asked for, settings aside."""
    text = str(spec)
    return text if not model.given else ranges.reference(text)[0]
