"""What can be turned on a page: the values of α, of the resolution and of each parameter, or why there is but one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archcost import dims
from archcost.errors import ArchcostError
from archcost.graph import build
from archcost.spec.parts import Document
from archcost.spec.settings import Settings, settle

ALPHAS = [f"{percent / 100:g}" for percent in range(5, 201)]
"""α without an explicit range: 0.05 to 2 in steps of 0.01."""
STEPS = 28
"""The input's own size in so many steps, and as many beyond it."""
COMBINATIONS = 96
"""Choices of all parameters together that a page holds; of more, those in which one differs from what was asked for."""
CELLS = 2_000_000
"""α × resolutions, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Knob:
    """values: in order; at: the place of what was asked for; fixed: why there is no other."""

    values: Sequence[Any]
    at: int
    fixed: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Knobs:
    """combinations: choices of the parameters' places that the page holds."""

    alpha: Knob
    resolution: Knob
    parameters: Mapping[str, Knob]
    combinations: Sequence[tuple[int, ...]]

    def chosen(self, combination: Sequence[int]) -> dict[str, Any]:
        """The values of one combination."""
        return {name: knob.values[at] for (name, knob), at in zip(self.parameters.items(), combination, strict=True)}


def knobs(
    document: Document,
    settings: Settings,
    alphas: Iterable[Any] | None = None,
    resolutions: Iterable[Any] | None = None,
    beside: Iterable[tuple[Iterable[Any], Iterable[Any]]] = (),
) -> Knobs:
    """The knobs of a spec, set as `settings` say; beside: α and resolutions that must be there besides.

    Raises ArchcostError for values that no model of it can have, and for too many of them.
    """
    extra = [*beside]
    alpha = _alpha(document, settings, alphas, [a for each, _ in extra for a in each])
    resolution = _resolution(document, settings, resolutions, [r for _, each in extra for r in each])
    if len(alpha.values) * len(resolution.values) > CELLS and extra:  # those that must be there, and no others
        alpha = _alpha(document, settings, alphas or (), [a for each, _ in extra for a in each])
        resolution = _resolution(document, settings, resolutions or (), [r for _, each in extra for r in each])
    cells = len(alpha.values) * len(resolution.values)
    if cells > CELLS:
        raise ArchcostError(
            f"{cells:,} pairs of α and resolution; a page holds {CELLS:,}: give --alpha or --resolution"
        )
    parameters = {name: _parameter(document, name, settings.parameters[name]) for name in document.parameters}
    return Knobs(alpha, resolution, parameters, _combinations([*parameters.values()]))


def _alpha(document: Document, settings: Settings, given: Iterable[Any] | None, extra: Iterable[Any]) -> Knob:
    own = settings.alpha
    reason = _frozen_width(document, settings)
    if reason:
        return Knob([own], 0, reason)
    values = [settle(document, alpha=value).alpha for value in (ALPHAS if given is None else given)]
    return _ordered([*values, *extra, own], own, dims.as_float)


def _frozen_width(document: Document, settings: Settings) -> str:
    """Why α cannot be turned; empty where it can."""
    network = build(document, settings)
    if not network.widths and not network.alpha_read:
        return "α scales nothing in this network"
    reasons = []
    for alpha in ("0.5", "0.75", "1.5", "2"):
        try:
            build(document, Settings(settle(document, alpha).alpha, settings.resolution, settings.parameters))
            return ""
        except ArchcostError as error:
            reasons.append(_said(document, error))
    return reasons[0]


def _resolution(document: Document, settings: Settings, given: Iterable[Any] | None, extra: Iterable[Any]) -> Knob:
    own = settings.resolution
    if own is None:
        return Knob([None], 0, "its input has no height and width")
    reason = _frozen_size(document, settings)
    if reason:
        return Knob([own], 0, reason)
    if given is None:
        native = settle(document).resolution or own
        sizes: list[Any] = [_scaled(native, height) for height in _heights(int(native[0]))]
    else:
        sizes = [settle(document, resolution=value).resolution for value in given]
    return _ordered([*sizes, *(size for size in extra if size is not None), own], own, lambda size: size)


def _heights(own: int) -> range:
    step = max(1, 2 ** round(math.log2(own / STEPS)))
    return range(max(step, own // 7 // step * step), 2 * own + 1, step)


def _scaled(own: Any, height: int) -> tuple[int, int]:
    """A size of the input's own proportions."""
    return height, height if own[0] == own[1] else max(1, round(int(own[1]) * height / int(own[0])))


def _frozen_size(document: Document, settings: Settings) -> str:
    assert settings.resolution is not None
    reasons = []
    own = int(settings.resolution[0])
    for height in (2 * own, own + 32, own + 64, max(1, own // 2)):
        try:
            size = settle(document, resolution=_scaled(settings.resolution, height)).resolution
            build(document, Settings(settings.alpha, size, settings.parameters))
            return ""
        except ArchcostError as error:
            reasons.append(_said(document, error))
    return reasons[0]


def _said(document: Document, error: ArchcostError) -> str:
    """The first line, without the file that it names."""
    return str(error).split("\n")[0].removeprefix(f"{document.file}: ")


def _parameter(document: Document, name: str, own: Any) -> Knob:
    choices = document.parameters[name].choices
    if not choices:
        return Knob([own], 0, "the spec declares no choices for it")
    at = [place for place, choice in enumerate(choices) if dims.same(choice, own)]
    if len(choices) == 1:
        return Knob([*choices], 0, "the spec declares one choice for it")
    return Knob([*choices], at[0])


def _ordered(values: Iterable[Any], own: Any, key: Any) -> Knob:
    """Values once each, in order."""
    once = {key(value): value for value in values}
    ordered = sorted(once)
    if len(ordered) == 1:
        return Knob([own], 0, "the page was written for one value")
    return Knob([once[each] for each in ordered], ordered.index(key(own)))


def _combinations(knobs: Sequence[Knob]) -> list[tuple[int, ...]]:
    sizes = [range(len(knob.values)) for knob in knobs]
    if math.prod(map(len, sizes)) <= COMBINATIONS:
        return [*itertools.product(*sizes)]
    own = tuple(knob.at for knob in knobs)
    nearby = {(*own[:place], at, *own[place + 1 :]) for place, size in enumerate(sizes) for at in size}
    return sorted(nearby | {own})
