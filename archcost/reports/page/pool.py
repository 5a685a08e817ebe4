"""Sizes as a page holds them: constants, and vectors along α, along the resolution, or over the grid of both.

Amounts stay the products that the operators' formulas are; a page multiplies them out at one α and one resolution.
Whatever reaches it as an array over both is taken apart into a vector along each, where that gives every entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from archcost.analysis.rows import Part, TooLarge
from archcost.cost import Amount
from archcost.dims import Dim

EXACT = 2**53
"""The largest number up to which JavaScript's arithmetic is exact on integers."""

PLAIN = 4
"""Characters of a number in a vector, about."""

Factor = int
"""A constant from 0 on; below, -1 - the place of a vector."""
Product = list[Factor]
Sum = list[Product]
"""A sum of products."""


class Pool:
    """The vectors of a page's network, each once. widths, sizes: how many α and how many resolutions its grid has."""

    def __init__(self, widths: int, sizes: int) -> None:
        self.widths, self.sizes = widths, sizes
        self._places: dict[tuple[str, bytes], int] = {}
        self._vectors: list[tuple[str, Any]] = []
        self._pairs: dict[tuple[Factor, Factor], Factor] = {}
        self._masks: dict[bytes, int] = {}
        self.size = 0  # characters that the vectors take as text, about

    def pair(self, a: Factor, b: Factor) -> Factor:
        """One size that is the product of two factors."""
        if (a, b) not in self._pairs:
            self._pairs[a, b] = -1 - len(self._vectors)
            self._vectors.append(("pair", (a, b)))
            self.size += PLAIN * 2
        return self._pairs[a, b]

    def __getitem__(self, factor: Factor) -> Any:
        """A factor, shaped so that it broadcasts over the grid."""
        if factor >= 0:
            return factor
        axis, values = self._vectors[-1 - factor]
        return self[values[0]] * self[values[1]] if axis == "pair" else values

    def written(self) -> list[dict[str, Any]]:
        return [{"axis": axis, "values": np.ravel(values).tolist()} for axis, values in self._vectors]

    def vector(self, axis: str, values: Any) -> Factor:
        """axis: a (along α), r (along the resolutions) or g (over both, α first)."""
        refuse(int(abs(values).max()), "this network")
        if (values == values.flat[0]).all() and values.flat[0] >= 0:
            return int(values.flat[0])
        key = axis, np.ascontiguousarray(values, np.int64).tobytes()
        if key not in self._places:
            shape = {"a": (-1, 1), "r": (1, -1), "g": (self.widths, self.sizes)}[axis]
            self._places[key] = len(self._vectors)
            self._vectors.append((axis, values.reshape(shape)))
            self.size += PLAIN * values.size
        return -1 - self._places[key]

    def mask(self, mask: Any) -> int:
        """The place of a mask over the grid: alike for those that are alike."""
        return self._masks.setdefault(mask.tobytes(), len(self._masks))

    def parted(self, whole: Any) -> Product:
        """A grid as a vector along each axis, or else as it is."""
        if (whole == whole[:, :1]).all():
            return [self.vector("a", whole[:, 0])]
        if (whole == whole[:1]).all():
            return [self.vector("r", whole[0])]
        common = int(np.gcd.reduce(whole[0]))
        if common > 0:
            across = whole[0] // common
            if across[0]:
                down = whole[:, 0] // across[0]
                if (np.multiply.outer(down, across) == whole).all():
                    return [self.pair(self.vector("a", down), self.vector("r", across))]
        return [self.vector("g", whole.ravel())]


class Encoder:
    """Writes the sizes of one part of a batch into a pool."""

    def __init__(self, pool: Pool, part: Part) -> None:
        self.pool = pool
        self.part = part
        self._known: dict[int, tuple[Any, Product]] = {}
        self.shape = (pool.widths, pool.sizes)
        self._places = self._classes()

    def _classes(self) -> tuple[Any, Any] | None:
        """For each α its row, and for each resolution its column, in the part's own grid of distinct networks; None
        where the part has no such grid. What is not of this part gets the first."""
        rows = self.part.rows
        assert rows is not None
        if rows.index is None or len(rows.grid) != 2:
            return None
        chosen = np.arange(rows.index.size) if rows.chosen is None else rows.chosen
        row, column = (np.zeros(size, np.intp) for size in self.shape)
        widths, sizes = np.divmod(chosen, self.pool.sizes)
        row[widths], column[sizes] = np.divmod(rows.index, rows.grid[1])
        return (row, column) if (row[widths] * rows.grid[1] + column[sizes] == rows.index).all() else None

    @cached_property
    def there(self) -> Any:
        """Which cells of the grid this part is of and can exist in."""
        assert self.part.rows is not None
        feasible = np.zeros(self.shape, bool)
        network = self.part.network
        chosen = slice(None) if self.part.rows.chosen is None else self.part.rows.chosen
        feasible.reshape(-1)[chosen] = network is not None and ~self.part.spread(network.infeasible)
        return feasible

    @cached_property
    def place(self) -> int:
        """A number of where it is: alike for parts that are of the same cells."""
        return self.pool.mask(self.there)

    def grid(self, size: Dim) -> Any:
        """A size over the whole grid; where the grid is another part's, any."""
        if isinstance(size, int):
            return np.full(self.shape, size, np.int64)
        if self._places is not None and size.ndim == 2:
            row, column = self._places
            along = (slice(None) if size.shape[0] == 1 else row, slice(None) if size.shape[1] == 1 else column)
            return np.broadcast_to(size[along[0]][:, along[1]], self.shape)
        rows = self.part.rows
        assert rows is not None
        whole = np.ones(self.shape, np.int64)
        whole.reshape(-1)[slice(None) if rows.chosen is None else rows.chosen] = self.part.spread(size)
        return whole

    def factors(self, size: Dim) -> Product:
        """A size as one factor, in a list."""
        if isinstance(size, int):
            refuse(abs(size), "this network")
            return [size] if size >= 0 else [self.pool.vector("a", np.full(self.pool.widths, size))]
        known = self._known.get(id(size))
        if known is None:
            self._known[id(size)] = known = (size, self._factors(size))
        return known[1]

    def _factors(self, size: Any) -> Product:
        if self._places is not None and size.ndim == 2:
            row, column = self._places
            if size.shape[1] == 1:
                return [self.pool.vector("a", size[:, 0][row])]
            if size.shape[0] == 1:
                return [self.pool.vector("r", size[0][column])]
        return self.pool.parted(self.grid(size))

    def product(self, sizes: Iterable[Dim]) -> Product:
        return [factor for size in sizes for factor in self.factors(size)]

    def amount(self, amount: Amount) -> Sum:
        """Its products as they are; its factors in their order, which is the formula's text."""
        return [self.product(product) for product in amount]

    def equal(self, written: Sum, size: Dim) -> bool:
        """Whether what was written gives a size all over the grid."""
        same = self.evaluated(written) == self.grid(size)
        return bool(same.all()) or bool((same | ~self.there).all())

    def largest(self, written: Sum) -> int:
        """The largest magnitude, wherever a network can exist."""
        found = np.abs(self.evaluated(written))
        most = int(found.max())
        return most if most <= EXACT else int(np.broadcast_to(found, self.shape)[self.there].max(initial=0))

    def evaluated(self, written: Sum) -> Any:
        """A sum of products, in a shape that broadcasts over the grid."""
        total: Any = np.zeros((1, 1), np.int64)
        for product in written:
            value: Any = np.ones((1, 1), np.int64)
            for factor in product:
                value = value * self.pool[factor]
            total = total + value
        return total


def refuse(largest: int, name: str) -> None:
    """Raises TooLarge for numbers that a page could not show to the unit."""
    if largest > EXACT:
        raise TooLarge(f"{name}: has numbers beyond 2^53, which no page can show to the unit; take smaller settings")
