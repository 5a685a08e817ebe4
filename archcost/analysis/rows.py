"""The models of a batch, brought down to the distinct ones, and figures spread back over all of them.

Widths are step functions of α: variants that round to the same channels are the same network, so each
distinct network is costed once. Where the structure differs between rows, every structure is a part.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archcost import dims
from archcost.dims import Dim, Ratio, is_array
from archcost.errors import ArchcostError
from archcost.graph import Network, build
from archcost.spec.parts import Document
from archcost.spec.scope import Varies
from archcost.spec.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Indices = NDArray[np.intp]

_LARGEST_TOTAL = 2**62
_FEW = 4096


@dataclass(slots=True, eq=False)
class Rows:
    """Which rows a part serves, and where each finds its figure.

    shape: of the whole batch; chosen: flat positions in it, None for all; index: for each of these the
    position in the part's figures, None where they are in the same order already.
    """

    shape: tuple[int, ...]
    chosen: Any
    grid: tuple[int, ...]
    index: Any


@dataclass(slots=True, eq=False)
class Part:
    """A network (of arrays, in a batch) and the rows it serves; None for one model."""

    network: Network
    rows: Rows | None = None

    def spread(self, figure: Any) -> Any:
        """The figure of each row, flat."""
        import numpy as np

        rows = self.rows
        assert rows is not None
        grid = np.broadcast_to(np.asarray(figure), rows.grid)
        if rows.index is None:
            return grid.ravel()
        if grid.ndim > 1 and grid.strides[-1] == 0:
            return grid[:, 0].take(rows.index // grid.shape[-1])
        return grid.ravel().take(rows.index)

    @staticmethod
    def joined(figures: Iterable[tuple[Part, Any]]) -> Any:
        """The figures of all parts, in the batch's shape."""
        import numpy as np

        result: Any = None
        for part, figure in figures:
            rows = part.rows
            assert rows is not None
            flat = part.spread(figure)
            if rows.chosen is None:
                return flat.reshape(rows.shape)
            if result is None:
                result = np.empty(int(np.prod(rows.shape)), flat.dtype)
            if flat.dtype.kind == "U" and flat.dtype.itemsize > result.dtype.itemsize:
                result = result.astype(flat.dtype)
            result[rows.chosen] = flat
            shape = rows.shape
        return result.reshape(shape)


def masked(figure: Any, infeasible: Any) -> Any:
    """The figure with the rows that cannot exist masked out, if there are any."""
    if not is_array(infeasible) or not infeasible.any():
        return figure
    import numpy as np

    return np.ma.masked_array(figure, infeasible)


def parts(document: Document, settings: Settings) -> list[Part]:
    """The distinct networks behind settings: one for a single model.

    Raises SpecError where a single model has problems, or every row of a batch.
    """
    if not any(is_array(value) for value in _arrays(settings)):
        return [Part(build(document, settings))]
    import numpy as np

    shapes = [value.shape for value in _arrays(settings) if is_array(value)]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ArchcostError(f"arrays of shapes {', '.join(map(str, shapes))} do not broadcast") from None
    if 0 in shape:
        raise ArchcostError("a batch without a single model")
    found: list[Part] = []
    waiting: list[Any] = [None]
    while waiting:
        chosen = waiting.pop(0)
        rows = settings if chosen is None else _flat(settings, shape, chosen)
        try:
            found.append(_part(document, rows, shape, chosen))
        except _Divided as divided:
            waiting += divided.into
        except OverflowError as error:
            raise ArchcostError(f"{error}; analyse these settings one model at a time") from None
    if all(bool(np.all(part.network.infeasible)) for part in found):
        build(document, _row(settings, 0))  # raises with what is wrong with the first
    return found


class _Divided(Exception):
    """Rows whose structure differs."""

    def __init__(self, into: list[Indices]) -> None:
        super().__init__()
        self.into = into


def _part(document: Document, settings: Settings, shape: tuple[int, ...], chosen: Any) -> Part:
    import numpy as np

    largest = _corner(document, settings)
    distinct, grid, index = _distinct(document, settings, largest)
    try:
        return Part(_bounded(build(document, distinct)), Rows(shape, chosen, grid, index))
    except Varies as varies:
        keys = [np.broadcast_to(part, grid).ravel() for part in dims.parts(varies.values)]
        if index is not None:
            keys = [key.take(index) for key in keys]
        classes, representatives = _classes(keys[0]) if len(keys) == 1 else _classes(_paired(keys))
        rows = np.arange(classes.size) if chosen is None else chosen
        raise _Divided([rows[classes == i] for i in range(len(representatives))]) from None


def _arrays(settings: Settings) -> list[Any]:
    values = [settings.alpha, *(settings.resolution or ()), *settings.parameters.values()]
    return [part for value in values for part in dims.parts(value)]


def _map(settings: Settings, change: Any) -> Settings:
    def mapped(value: Any) -> Any:
        if isinstance(value, Ratio):
            return Ratio(change(value.numerator), change(value.denominator))
        return change(value)

    resolution = settings.resolution
    if resolution is not None:
        height = change(resolution[0])
        resolution = (height, height if resolution[1] is resolution[0] else change(resolution[1]))
    parameters = {name: mapped(value) for name, value in settings.parameters.items()}
    return Settings(mapped(settings.alpha), resolution, parameters)


def _flat(settings: Settings, shape: tuple[int, ...], chosen: Any) -> Settings:
    """The chosen rows as one-dimensional arrays."""
    import numpy as np

    return _map(settings, lambda v: np.broadcast_to(v, shape).ravel()[chosen] if is_array(v) else v)


def _row(settings: Settings, index: int) -> Settings:
    """One row as a single model."""
    return _map(settings, lambda v: int(v.ravel()[index]) if is_array(v) else v)


def _corner(document: Document, settings: Settings) -> Network:
    """The network at the largest value of every setting, in Python's integers.

    It tells which sizes α scales, and no arithmetic on it can overflow.
    """
    import numpy as np

    def largest(value: Any) -> Any:
        return np.array([int(value.max())], dtype=object) if is_array(value) else value

    return build(document, _map(settings, largest))


def _bounded(network: Network) -> Network:
    """The network, if no sum over its layers can exceed 64 bits in any row.

    Raises OverflowError.
    """
    known: dict[int, int] = {}

    def largest(size: Dim) -> int:
        if isinstance(size, int):
            return abs(size)
        if id(size) not in known:
            known[id(size)] = dims.largest(size)
        return known[id(size)]

    total = 0
    for layer in network.layers:
        cost = layer.cost
        for product in (*cost.macs, *cost.params, layer.output_shape):
            total += math.prod(map(largest, product))
    if total > _LARGEST_TOTAL:
        raise OverflowError(f"{network.document.name} grows too large for 64-bit arithmetic")
    return network


def _distinct(document: Document, settings: Settings, known: Network) -> tuple[Settings, tuple[int, ...], Any]:
    """Settings of the distinct networks, their grid, and for each row its place there (None: the same order)."""
    import numpy as np

    shape = np.broadcast_shapes(*(value.shape for value in _arrays(settings) if is_array(value)))
    direct = _flat(settings, shape, slice(None)) if len(shape) != 1 else settings
    count = int(np.prod(shape))
    if any(is_array(part) for value in settings.parameters.values() for part in dims.parts(value)):
        return direct, (count,), None
    alphas, alpha_of = _alpha_classes(document, settings.alpha, known)
    sizes, size_of = _size_classes(settings.resolution)
    rows, columns = len(alphas), len(sizes[0]) if sizes else 1
    if rows * columns > max(count, _FEW):
        return direct, (count,), None
    index = np.broadcast_to(alpha_of * columns + size_of, shape).ravel()
    alpha = Ratio(alphas[:, None], dims.parts(settings.alpha)[1]) if is_array(alphas) else settings.alpha
    resolution = settings.resolution
    if sizes and is_array(sizes[0]):
        height = sizes[0][None, :]
        resolution = (height, height if sizes[1] is sizes[0] else sizes[1][None, :])
    same = count == rows * columns and bool((index == np.arange(count)).all())
    return Settings(alpha, resolution, settings.parameters), (rows, columns), None if same else index


def _alpha_classes(document: Document, alpha: Any, known: Network) -> tuple[Any, Any]:
    """One α for each distinct list of widths, and for each row its class."""
    numerator, denominator = dims.parts(alpha)
    if not is_array(numerator):
        return [numerator], 0
    key: Any = numerator
    if not known.alpha_read and not is_array(denominator):
        # Every width grows with α, so two rows with the same sum of widths have the same widths.
        key = sum(
            document.scaling.scaled(Ratio.reduced(*size), Ratio(numerator, denominator), scale)
            for size, scale in known.widths
        )
        if not is_array(key):  # nothing scales
            key = numerator * 0
    classes, representatives = _classes(key.ravel())
    return numerator.ravel()[representatives], classes.reshape(numerator.shape)


def _size_classes(resolution: Any) -> tuple[Any, Any]:
    """The distinct heights and widths, and for each row its class."""
    if resolution is None:
        return None, 0
    height, width = resolution
    if not is_array(height) and not is_array(width):
        return ([height], [width]), 0
    if height is width:
        classes, representatives = _classes(height.ravel())
        found = height.ravel()[representatives]
        return (found, found), classes.reshape(height.shape)
    import numpy as np

    height, width = np.broadcast_arrays(height, width)
    classes, representatives = _classes(height.ravel() * (1 << 20) + width.ravel())
    return (height.ravel()[representatives], width.ravel()[representatives]), classes.reshape(height.shape)


def _paired(keys: list[Any]) -> Any:
    import numpy as np

    return np.unique(np.stack(keys, axis=1), axis=0, return_inverse=True)[1].ravel()


def _classes(keys: Any) -> tuple[Any, Any]:
    """(class of each key, position of one member of each class); classes are numbered by rising key."""
    import numpy as np

    if keys.dtype.kind == "b":
        keys = keys.astype(np.int64)
    low, high = int(keys.min()), int(keys.max())
    if high - low > 4 * keys.size + 1_000_000:
        _, representatives, classes = np.unique(keys, return_index=True, return_inverse=True)
        return classes.ravel(), representatives
    keys = keys - low
    seen = np.zeros(high - low + 1, dtype=bool)
    seen[keys] = True
    classes = (np.cumsum(seen) - 1)[keys]
    representatives = np.empty(int(seen.sum()), dtype=np.intp)
    representatives[classes] = np.arange(keys.size)
    return classes, representatives
