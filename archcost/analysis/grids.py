"""Every combination of settings, as grids of arrays: as many variants at once as is quick."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archcost import dims
from archcost.spec.parts import Document
from archcost.spec.settings import Settings, settle

QUICK = 2048
"""A grid of α × resolution of so many variants is costed by itself: its networks are few."""
ROWS = 2**17
"""Variants with different parameters that are costed at once."""


def grid(
    document: Document,
    alphas: Sequence[Any],
    resolutions: Sequence[Any],
    parameters: Mapping[str, Any],
    rho: Any = None,
) -> Settings:
    """All α, down, and resolutions, across, at one combination of parameters: arrays (A, 1) and (1, R).

    Raises ArchcostError for values that no model of this spec can have.
    """
    import numpy as np

    single = [settle(document, alpha=alpha, parameters=parameters) for alpha in alphas]
    sizes = [settle(document, rho=rho, resolution=size).resolution for size in resolutions]
    resolution: Any = None
    if sizes[0] is not None:
        heights, widths = (np.array([size[axis] for size in sizes if size])[None, :] for axis in (0, 1))
        resolution = (heights, heights if (heights == widths).all() else widths)
    return Settings(_column([settings.alpha for settings in single]), resolution, single[0].parameters)


def grids(
    document: Document,
    alphas: Sequence[Any],
    resolutions: Sequence[Any],
    parameters: Mapping[str, Sequence[Any]],
    rho: Any = None,
) -> Iterator[tuple[int, Settings]]:
    """All combinations, the last parameter's values the fastest: how many a grid holds, and its settings.

    A grid is (combinations · A, 1) against (1, R); of one combination where that alone is many, or where parameters
    have values that no array holds.
    """
    import numpy as np

    size = len(alphas) * len(resolutions)
    together = {} if size >= QUICK else joint(parameters)
    most = max(1, ROWS // size)
    inner = math.prod(len(values) for values in together.values())
    for outer in itertools.product(*(values for name, values in parameters.items() if name not in together)):
        one = grid(document, alphas, resolutions, dict(zip(parameters, outer, strict=False)), rho)
        for start in range(0, inner, most):
            numbers = np.arange(start, min(start + most, inner))
            yield len(numbers), spread(one, together, numbers)


def settled(document: Document, parameters: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Parameters' values as a spec reads them. Raises ArchcostError for those that no model of it can have."""
    return {
        name: [settle(document, parameters={name: value}).parameters[name] for value in values]
        for name, values in parameters.items()
    }


def joint(parameters: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The last parameters whose values can stand in arrays, with these."""
    found: dict[str, Any] = {}
    for name, values in reversed([*parameters.items()]):
        array = _array(values)
        if array is None:
            break
        found = {name: array, **found}
    return found


def spread(one: Settings, together: Mapping[str, Any], numbers: Any) -> Settings:
    """A grid at one combination as one at many, below each other. numbers: of combinations of these parameters."""
    import numpy as np

    if not together:
        return one
    alphas: Any = dims.parts(one.alpha)[0]
    places = np.unravel_index(numbers, [len(values) for values in together.values()])
    chosen = {
        name: np.repeat(values[place], len(alphas))[:, None]
        for (name, values), place in zip(together.items(), places, strict=True)
    }
    alpha = dims.Ratio(np.tile(alphas, (len(numbers), 1)), dims.parts(one.alpha)[1])
    return Settings(alpha, one.resolution, {**one.parameters, **chosen})


def _array(values: Sequence[Any]) -> Any:
    """Whole numbers, flags or names as an array; None for a mixture, or for fractions: those need 64 bits alone."""
    import numpy as np

    kinds = {type(value) for value in values}
    return np.array(values) if len(kinds) == 1 and kinds <= {int, bool, str} else None


def _column(values: list[Any]) -> Any:
    """Exact numbers as one column over a common denominator."""
    import numpy as np

    parts = [dims.parts(value) for value in values]
    return dims.Ratio(np.array([n * (dims.UNIT // d) for n, d in parts])[:, None], dims.UNIT)
