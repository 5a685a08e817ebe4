"""Every combination of settings, as grids of arrays: as many variants at once as is quick."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from archcost import dims
from archcost.analysis.rows import parts
from archcost.errors import ArchcostError, SpecError
from archcost.spec.parts import Document
from archcost.spec.settings import Settings, settle

Joint = dict[str, Any]
"""Parameters, each with all its values as an array, or as a fraction of one."""
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
    numerators, denominator = _fractions([settings.alpha for settings in single])
    column = dims.Ratio(numerators[:, None], denominator)
    return Settings(column, resolution, single[0].parameters)


def grids(
    document: Document,
    alphas: Sequence[Any],
    resolutions: Sequence[Any],
    parameters: Mapping[str, Sequence[Any]],
    rho: Any = None,
) -> Iterator[tuple[int, Settings]]:
    """All combinations, the last parameter's values the fastest: how many a grid holds, and its settings.

    A grid is (combinations · A, 1) against (1, R); of one combination where that alone is many, or where no array holds
    the parameters' values.
    """
    import numpy as np

    size = len(alphas) * len(resolutions)
    together = {} if size >= QUICK else _fitting(document, alphas, resolutions, joint(parameters), rho)
    most = max(1, ROWS // size)
    inner = combinations(together)
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


def joint(parameters: Mapping[str, Sequence[Any]]) -> Joint:
    """The last parameters whose values can stand in arrays, with these."""
    found: Joint = {}
    for name, values in reversed([*parameters.items()]):
        array = _array(values)
        if array is None:
            break
        found = {name: array, **found}
    return found


def _fitting(document: Document, alphas: Sequence[Any], resolutions: Sequence[Any], found: Joint, rho: Any) -> Joint:
    """The same parameters, where 64 bits hold every size at the largest values of all; else none."""
    import numpy as np

    if not found:
        return found
    largest = [int(np.argmax(n)) if n.dtype.kind == "i" else 0 for n, _ in map(dims.parts, found.values())]  # type: ignore[union-attr]
    corner = np.array([np.ravel_multi_index(largest, [*map(_length, found.values())])])
    try:
        parts(document, spread(grid(document, alphas, resolutions, {}, rho), found, corner))
    except SpecError:  # what cannot exist there may elsewhere
        return found
    except ArchcostError:
        return {}
    return found


def spread(one: Settings, together: Joint, numbers: Any) -> Settings:
    """A grid at one combination as one at many, below each other. numbers: of combinations of these parameters."""
    import numpy as np

    if not together:
        return one
    alphas: Any = dims.parts(one.alpha)[0]
    alpha = dims.Ratio(np.tile(alphas, (len(numbers), 1)), dims.parts(one.alpha)[1])
    chosen = at(together, numbers, lambda values: np.repeat(values, len(alphas))[:, None])
    return Settings(alpha, one.resolution, {**one.parameters, **chosen})


def at(together: Joint, numbers: Any, shaped: Callable[[Any], Any] = lambda values: values) -> dict[str, Any]:
    """The parameters' values at combinations, by their numbers, each array shaped."""
    import numpy as np

    if not together:
        return {}
    places = np.unravel_index(numbers, [*map(_length, together.values())])
    found: dict[str, Any] = {}
    for (name, values), place in zip(together.items(), places, strict=True):
        if isinstance(values, dims.Ratio):
            numerators: Any = values.numerator
            found[name] = dims.Ratio(shaped(numerators[place]), values.denominator)
        else:
            found[name] = shaped(values[place])
    return found


def combinations(together: Joint) -> int:
    """How many there are of the parameters' values."""
    return math.prod(map(_length, together.values()))


def _length(values: Any) -> int:
    numerators: Any = dims.parts(values)[0]
    return len(numerators)


def _array(values: Sequence[Any]) -> Any:
    """Numbers, flags or names as an array; None for a mixture of these."""
    import numpy as np

    kinds = {type(value) for value in values}
    if kinds <= {int, dims.Ratio} and dims.Ratio in kinds:
        return dims.Ratio(*_fractions(values))
    return np.array(values) if len(kinds) == 1 and kinds <= {int, bool, str} else None


def _fractions(values: Sequence[Any]) -> tuple[Any, int]:
    """Exact numbers as an array of numerators and their least common denominator."""
    import numpy as np

    pairs: list[tuple[Any, Any]] = [dims.parts(value) for value in values]
    common = math.lcm(*(d for _, d in pairs))
    return np.array([n * (common // d) for n, d in pairs], np.int64), common
