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
from archcost.analysis.distinct import classes_of, distinct, flat, paired
from archcost.dims import is_array
from archcost.errors import ArchcostError, SpecError
from archcost.graph import Network, build
from archcost.spec.parts import Document
from archcost.spec.scope import Varies
from archcost.spec.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Indices = NDArray[np.intp]

_LARGEST_TOTAL = 2**60
"""Leaves room for what is made of a sum: flops are 2 × macs, and a weight takes 4 bytes."""
CHUNK = 2**15
"""Rows costed at once where they cannot share: their arrays fit into a core's cache."""


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
    """A network (of arrays, in a batch) and the rows it serves; None for one model.

    A structure that cannot be built has no network; `error` says why.
    """

    network: Network | None
    rows: Rows | None = None
    error: SpecError | None = None

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

        found = [(part.rows, part.spread(figure)) for part, figure in figures if part.rows is not None]
        rows, flat = found[0]
        if rows.chosen is None:
            return flat.reshape(rows.shape)
        kinds = {part.dtype.kind for _, part in found}
        mixed = "O" in kinds or ("U" in kinds and len(kinds) > 1)
        result = np.empty(math.prod(rows.shape), object if mixed else np.result_type(*(part for _, part in found)))
        for rows, flat in found:
            result[rows.chosen] = flat
        return result.reshape(rows.shape)


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
    if not settings.arrays:
        return [Part(build(document, settings))]
    import numpy as np

    shapes = [value.shape for value in settings.arrays]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ArchcostError(f"arrays of shapes {', '.join(map(str, shapes))} do not broadcast") from None
    if 0 in shape:
        raise ArchcostError("a batch without a single model")
    found: list[Part] = []
    waiting: list[tuple[Any, Network | None]] = [(None, None)]
    while waiting:
        chosen, known = waiting.pop(0)
        rows = settings if chosen is None else flat(settings, shape, chosen)
        try:
            found.append(_part(document, rows, shape, chosen, known or _corner(document, rows)))
        except _Divided as divided:
            waiting += [(each, divided.known) for each in divided.into]
        except OverflowError:
            said = "these settings need numbers of more than 64 bits; analyse them one model at a time"
            raise TooLarge(f"{document.name}: {said}") from None
    if all(part.network is None or bool(np.all(part.network.infeasible)) for part in found):
        if found[0].error is not None:
            raise found[0].error
        build(document, _row(settings, 0))  # raises with what is wrong with the first
    return sorted(found, key=lambda part: part.network is None)


class TooLarge(ArchcostError):
    """Numbers beyond what is there to hold them."""


class _Divided(Exception):
    """Rows whose structure differs. known: the sizes that α scales in them, where a corner told."""

    def __init__(self, into: list[Indices], known: Network | None) -> None:
        super().__init__()
        self.into = into
        self.known = known


def _part(document: Document, settings: Settings, shape: tuple[int, ...], chosen: Any, known: Network | None) -> Part:
    """known: a network that tells which sizes α scales, or more of them than there are."""
    import numpy as np

    while True:
        reduced, grid, index = distinct(document, settings, known)
        if index is None and grid[0] > CHUNK and len(grid) == 1:
            rows = np.arange(grid[0]) if chosen is None else chosen
            raise _Divided([rows[start : start + CHUNK] for start in range(0, grid[0], CHUNK)], known)
        try:
            network = build(document, reduced)
            seen: Network | Varies = network
        except Varies as varies:
            seen = varies
        except SpecError as error:
            if known is None:
                return Part(None, Rows(shape, chosen, grid, index), error)
            known = None  # perhaps rows were taken together that differ
            continue
        # Rows were taken together by the widths of the corner; another structure may have others.
        if known is None or (seen.widths <= known.widths and seen.alpha_read <= known.alpha_read):
            break
        known.widths |= seen.widths
        known.alpha_read |= seen.alpha_read
    if isinstance(seen, Varies):
        raise _Divided(_rows(seen, grid, index, chosen), known)
    return Part(_bounded(network), Rows(shape, chosen, grid, index))


def _rows(varies: Varies, grid: tuple[int, ...], index: Any, chosen: Any) -> list[Indices]:
    """The rows, by the value that decides their structure."""
    import numpy as np

    keys = [np.broadcast_to(part, grid).ravel() for part in dims.parts(varies.values)]
    if index is not None:
        keys = [key.take(index) for key in keys]
    classes, representatives = classes_of(keys[0] if len(keys) == 1 else paired(keys))
    rows = np.arange(classes.size) if chosen is None else chosen
    return [rows[classes == i] for i in range(len(representatives))]


def _row(settings: Settings, index: int) -> Settings:
    """One row as a single model."""
    return settings.mapped(lambda v: v.ravel()[index].item() if is_array(v) else v)


def _corner(document: Document, settings: Settings) -> Network | None:
    """The network at the largest value of every setting, in Python's integers; None where it has problems.

    It tells which sizes α scales, and no arithmetic on it can overflow.
    """
    import numpy as np

    def largest(value: Any) -> Any:
        if not is_array(value):
            return value
        return np.array([value.ravel()[0] if value.dtype.kind in "bU" else int(value.max())], dtype=object)

    try:
        return build(document, settings.mapped(largest))
    except SpecError:
        return None


def _bounded(network: Network) -> Network:
    """The network, if no sum over its layers can exceed 64 bits in any row.

    Raises OverflowError.
    """
    extremes = dims.Extremes()
    total = 0
    for layer in network.layers:
        cost = layer.cost
        for product in (*cost.macs, *cost.params, *cost.buffers, layer.output_shape):
            total += math.prod(max(map(abs, extremes.of(size))) for size in product)
    if total > _LARGEST_TOTAL:
        raise OverflowError(f"{network.document.name} grows too large for 64-bit arithmetic")
    return network
