"""What can be turned on a page: the values of α, of the resolution and of each parameter, or why there is but one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from archcost import dims
from archcost.analysis import conventions
from archcost.analysis.grids import grid, settled
from archcost.analysis.rows import TooLarge, parts
from archcost.errors import ArchcostError, SpecError
from archcost.graph import build
from archcost.reports.page.figures import WIDEST
from archcost.reports.page.pool import EXACT
from archcost.spec.parts import Document
from archcost.spec.settings import Settings, settle

ALPHAS = [f"{percent / 100:g}" for percent in range(5, 201)]
"""α without an explicit range: 0.05 to 2 in steps of 0.01."""
STEPS = 28
"""The input's own size in so many steps, and as many beyond it."""
CELLS = 2_000_000
"""α × resolutions, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Knob:
    """values: in order; at: the place of what was asked for; fixed: why there is no other; note: what was left out."""

    values: Sequence[Any]
    at: int
    fixed: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Knobs:
    alpha: Knob
    resolution: Knob
    parameters: Mapping[str, Knob]

    @property
    def size(self) -> int:
        """How many combinations of the parameters' values there are."""
        return math.prod(len(knob.values) for knob in self.parameters.values())

    def combinations(self, wanted: Iterable[Mapping[str, Any]] = ()) -> Iterator[tuple[int, ...]]:
        """Each once, as places of the parameters' values: what was asked for, what is wanted, then the others: first
        those in which fewest parameters differ from what was asked for."""
        own = tuple(knob.at for knob in self.parameters.values())
        first = dict.fromkeys([own, *(self._places(each) for each in wanted)])
        yield from first
        knobs = [*self.parameters.values()]
        for many in range(1, len(knobs) + 1):
            for which in itertools.combinations(range(len(knobs)), many):
                others = [[at for at in range(len(knobs[place].values)) if at != own[place]] for place in which]
                for chosen in itertools.product(*others):
                    turned = dict(zip(which, chosen, strict=True))
                    found = tuple(turned.get(place, at) for place, at in enumerate(own))
                    if found not in first:
                        yield found

    def _places(self, values: Mapping[str, Any]) -> tuple[int, ...]:
        return tuple(
            _place(knob.values, values.get(name, knob.values[knob.at])) for name, knob in self.parameters.items()
        )

    def chosen(self, combination: Sequence[int]) -> dict[str, Any]:
        """The values of one combination."""
        return {name: knob.values[at] for (name, knob), at in zip(self.parameters.items(), combination, strict=True)}


Axes = Mapping[str, Iterable[Any]]
"""Values by axis: alpha, resolution, and parameters."""


def knobs(
    document: Document,
    settings: Settings,
    alphas: Iterable[Any] | None = None,
    resolutions: Iterable[Any] | None = None,
    beside: Iterable[Axes] = (),
) -> Knobs:
    """The knobs of a spec, set as `settings` say; beside: values that must be there besides.

    Raises ArchcostError for values that no model of it can have, and for too many of them.
    """
    extra = [*beside]

    def more(name: str) -> list[Any]:
        return [value for axes in extra for value in axes.get(name, ())]

    alpha = _alpha(document, settings, alphas, more("alpha"))
    resolution = _resolution(document, settings, resolutions, more("resolution"))
    if len(alpha.values) * len(resolution.values) > CELLS and extra:  # those that must be there, and no others
        alpha = _alpha(document, settings, alphas or (), more("alpha"))
        resolution = _resolution(document, settings, resolutions or (), more("resolution"))
    if len(alpha.values) * len(resolution.values) > CELLS:
        raise ArchcostError(
            f"{document.name}: {len(alpha.values):,} α at {len(resolution.values):,} resolutions are more than a page "
            f"holds, {CELLS:,}: give --alpha or --resolution"
        )
    parameters = {
        name: _parameter(document, name, settings.parameters[name], more(name)) for name in document.parameters
    }
    return Knobs(*within(document, settings, alpha, resolution), parameters)


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


def _parameter(document: Document, name: str, own: Any, extra: Sequence[Any]) -> Knob:
    """Its choices; without any, the values that were asked for."""
    choices = document.parameters[name].choices
    if len(choices) == 1:
        return Knob([*choices], 0, "the spec declares one choice for it")
    if choices:
        return Knob([*choices], _place(choices, own))
    values: list[Any] = []
    for value in settled(document, {name: [own, *extra]})[name]:
        if not any(dims.same(value, other) for other in values):
            values.append(value)
    if len(values) == 1:
        said = "" if dims.same(own, document.parameters[name].default) else "set when the page was written; "
        return Knob(values, 0, f"{said}the spec declares no choices for it")
    if not any(isinstance(value, (str, bool)) for value in values):
        values.sort(key=dims.as_float)
    return Knob(values, _place(values, own))


def _place(values: Sequence[Any], value: Any) -> int:
    return next(place for place, each in enumerate(values) if dims.same(each, value))


def _ordered(values: Iterable[Any], own: Any, key: Any) -> Knob:
    """Values once each, in order."""
    once = {key(value): value for value in values}
    ordered = sorted(once)
    if len(ordered) == 1:
        return Knob([own], 0, "the page was written for one value")
    return Knob([once[each] for each in ordered], ordered.index(key(own)))


def within(document: Document, settings: Settings, alpha: Knob, resolution: Knob) -> tuple[Knob, Knob]:
    """The knobs without their largest values, as far as these make numbers that no page can show to the unit."""
    left = {"alpha": [*alpha.values], "resolution": [*resolution.values]}
    own = {"alpha": dims.as_float(settings.alpha), "resolution": 1.0}
    if settings.resolution is not None:
        own["resolution"] = float(settings.resolution[0])

    def beyond(name: str) -> float:
        last = left[name][-1]
        return dims.as_float(last if name == "alpha" else last[0]) / own[name] if last is not None else 1.0

    at = {"alpha": alpha.at, "resolution": resolution.at}
    while not _fits(document, left["alpha"][-1], left["resolution"][-1], settings.parameters):
        turnable = [name for name, values in left.items() if len(values) > at[name] + 1]
        if not turnable:
            break  # what was asked for is itself too large, which its tables will say
        left[max(turnable, key=beyond)].pop()
    return _left(alpha, left["alpha"]), _left(resolution, left["resolution"])


def _left(knob: Knob, values: Sequence[Any]) -> Knob:
    if len(values) == len(knob.values):
        return knob
    said = "larger ones have numbers beyond 2^53, which no page can show to the unit"
    return replace(knob, values=values, note=said, fixed=said if len(values) == 1 else "")


def _fits(document: Document, alpha: Any, size: Any, parameters: Mapping[str, Any]) -> bool:
    """Whether the totals of one network leave room for what is made of them; also where there is no such network."""
    try:
        network = parts(document, grid(document, [alpha], [size], parameters))[0].network
        assert network is not None
        counts = [convention.total(network) for convention in conventions.table().values()]
    except SpecError:
        return True
    except (TooLarge, OverflowError):
        return False
    elements = sum(
        sum(shape.elements for shape in (*layer.input_shapes, layer.output_shape))
        + layer.cost.params.value
        + layer.cost.buffers.value
        for layer in network.layers
    )
    macs = sum(layer.cost.macs.value for layer in network.layers)
    return all(
        bool(np.all(np.asarray(each) <= EXACT)) for each in (2 * macs, WIDEST * elements, *(c or 0 for c in counts))
    )
