"""The knobs turned: α, resolution, parameters. Values may be arrays, one entry for each model of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from archcost import dims
from archcost.dims import Dim, Number, Ratio, is_array
from archcost.errors import ArchcostError
from archcost.ops.fields import LARGEST_SIZE
from archcost.spec import ranges
from archcost.spec.names import unknown
from archcost.spec.parts import BUILT_IN, Document

LARGEST_MULTIPLIER = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """alpha: the width multiplier; resolution: (height, width) of the input, None where it has neither."""

    alpha: Number = 1
    resolution: tuple[Dim, Dim] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arrays(self) -> list[Any]:
        """The arrays among the values: none for one model."""
        values = [self.alpha, *(self.resolution or ()), *self.parameters.values()]
        return [part for value in values for part in dims.parts(value) if is_array(part)]

    def mapped(self, change: Callable[[Any], Any]) -> Settings:
        """The settings with every size changed; a square resolution stays one object twice."""

        def mapped(value: Any) -> Any:
            if isinstance(value, Ratio):
                return Ratio(change(value.numerator), change(value.denominator))
            return change(value)

        resolution = self.resolution
        if resolution is not None:
            height = change(resolution[0])
            resolution = (height, height if resolution[1] is resolution[0] else change(resolution[1]))
        parameters = {name: mapped(value) for name, value in self.parameters.items()}
        return Settings(mapped(self.alpha), resolution, parameters)


def settle(
    document: Document,
    alpha: object = None,
    rho: object = None,
    resolution: object = None,
    parameters: Mapping[str, object] | None = None,
    anew: bool = False,
) -> Settings:
    """Settings for a spec from what a user gave; whatever is None keeps the spec's own value.

    resolution: one number, or (height, width); rho: a factor on the spec's input, to the nearest integer.
    anew: the size may change even where an importer says that it cannot.
    Raises ArchcostError for values that no model of this spec can have.
    """
    if not document.input:
        raise document.error(document.problems)
    if rho is not None and resolution is not None:
        raise ArchcostError("rho and resolution both set the input's size; give one of them")
    return Settings(
        _multiplier("alpha", 1 if alpha is None else alpha),
        _resolution(document, rho, resolution, anew),
        {**{name: p.default for name, p in document.parameters.items()}, **_given(document, parameters or {})},
    )


def _multiplier(name: str, value: object) -> Number:
    try:
        number = dims.exact(value)
    except ValueError as error:
        raise ArchcostError(f"{name}: {error}") from None
    if dims.differs(dims.parts(number)[0] <= 0):
        raise ArchcostError(f"{name} must be greater than 0")
    if dims.differs(dims.parts(number)[0] > LARGEST_MULTIPLIER * dims.parts(number)[1]):
        raise ArchcostError(f"{name} must be at most {LARGEST_MULTIPLIER:,}")
    return number


def _resolution(document: Document, rho: object, resolution: object, anew: bool) -> tuple[Dim, Dim] | None:
    own = [node.value for node in document.input]
    if len(own) != 3:
        if rho is not None or resolution is not None:
            shown = "×".join(map(str, own))
            raise ArchcostError(f"{document.file}: its input {shown} has no height and width to set")
        return None
    imported = document.imported
    if imported is not None and imported.fixed and not anew and (rho is not None or resolution is not None):
        found = _chosen(own, rho, resolution)
        if any(is_array(new) or new != old for new, old in zip(found, own[1:], strict=True)):
            raise ArchcostError(
                f"{document.file}: its resolution cannot change: {imported.fixed}; import it again at the other "
                f"size, as with `archcost analyze {imported.origin or 'SOURCE'} --resolution …`"
            )
    return _chosen(own, rho, resolution)


def _chosen(own: list[Any], rho: object, resolution: object) -> tuple[Dim, Dim]:
    """The input's height and width from the spec's own."""
    if rho is not None:
        factor = _multiplier("rho", rho)
        rows = _size(dims.nearest(own[1] * factor))
        return rows, rows if own[1] == own[2] else _size(dims.nearest(own[2] * factor))
    if resolution is None:
        return own[1], own[2]
    if isinstance(resolution, str):
        resolution = ranges.resolution(resolution)
    both = resolution if isinstance(resolution, (tuple, list)) else (resolution, resolution)
    if len(both) != 2:
        raise ArchcostError(f"resolution is one size, or (height, width); not {len(both)} sizes")
    height, width = both
    rows = _size(height)
    return rows, rows if width is height else _size(width)


def _size(value: object) -> Dim:
    try:
        number = dims.exact(value)
    except ValueError as error:
        raise ArchcostError(f"resolution: {error}") from None
    if isinstance(number, Ratio):
        fractional = number.numerator % number.denominator != 0
        if dims.differs(fractional):
            raise ArchcostError("resolution must be a whole number of pixels")
        number = dims.floor(number)
    if dims.differs(number < 1) or dims.differs(number > LARGEST_SIZE):
        raise ArchcostError(f"resolution must lie between 1 and {LARGEST_SIZE:,} pixels")
    return number


def _given(document: Document, given: Mapping[str, object]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name in BUILT_IN:
            raise ArchcostError(f"{name} is no parameter of the spec; it is set on its own")
        if name not in document.parameters:
            known = [*document.parameters, *BUILT_IN]
            raise ArchcostError(f"{document.file}: " + unknown("parameter", str(name), known))
        parameter = document.parameters[name]
        content = _content(name, value)
        varied = any(is_array(part) for part in dims.parts(content))
        if parameter.choices and not varied and not any(dims.same(content, c) for c in parameter.choices):
            listed = ", ".join(_shown(choice) for choice in parameter.choices)
            raise ArchcostError(f"{name} takes {listed}; not {_shown(content)}")
        found[name] = content
    return found


def _content(name: str, value: object) -> Any:
    if isinstance(value, (bool, Ratio)):
        return value
    if isinstance(value, (list, tuple)):
        import numpy as np

        value = np.asarray(value)
    if is_array(value) and value.dtype.kind in "bU" and value.ndim:
        return value
    if isinstance(value, str):
        if value in ("true", "false"):
            return value == "true"
        try:
            return dims.exact(value)
        except ValueError:
            return value
    try:
        return dims.exact(value)
    except ValueError as error:
        raise ArchcostError(f"{name}: {error}") from None


def _shown(value: Any) -> str:
    return (
        f"{dims.as_float(value):g}"
        if isinstance(value, Ratio)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
