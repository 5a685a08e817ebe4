"""Sums and maxima of amounts over many models at once.

An amount is a sum of products of sizes. On an α × ρ grid some sizes depend on α alone, (A, 1), others on the
resolution alone, (1, R). Products are therefore gathered by their resolution factor, so that the whole grid
is touched once for each distinct map size rather than once for each layer. For one model all sizes are
integers, and this is plain arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archcost.cost import Amount, Product
from archcost.dims import Dim, is_array, larger

_LARGEST_KEY = 65_536


Entry = list[tuple[Any, Any, Dim]]
"""The products of one amount, each as (key, factor along the last axis, everything else)."""


class Sum:
    """A running sum of amounts: for each factor along the last axis, what it is multiplied with.

    >>> alive = Sum()
    >>> tensor = alive.add(Amount.product(2, 3))
    >>> other = alive.add(Amount.product(5))
    >>> alive.remove(tensor)
    >>> alive.value
    5
    """

    __slots__ = ("columns", "counts", "rows")

    def __init__(self) -> None:
        self.rows: dict[Any, Any] = {}
        self.columns: dict[Any, Dim] = {}
        self.counts: dict[Any, int] = {}

    def add(self, amount: Amount) -> Entry:
        """Returns what takes it out again."""
        entry = [_parted(factors) for factors in amount]
        for key, row, column in entry:
            self.rows[key] = row
            self.columns[key] = self.columns[key] + column if key in self.columns else column
            self.counts[key] = self.counts.get(key, 0) + 1
        return entry

    def remove(self, entry: Entry) -> None:
        """Takes back what was added before."""
        for key, _, column in entry:
            self.counts[key] -= 1
            if self.counts[key]:
                self.columns[key] = self.columns[key] - column
            else:
                del self.rows[key], self.columns[key], self.counts[key]

    def copy(self) -> Sum:
        """As it stands now, to keep."""
        kept = Sum()
        kept.rows, kept.columns = self.rows.copy(), self.columns.copy()
        return kept

    @property
    def value(self) -> Dim:
        result: Dim = 0
        for key, row in self.rows.items():
            result = result + row * self.columns[key]
        return result


def total(amounts: Iterable[Amount]) -> Dim:
    """The sum of all amounts.

    >>> total([Amount.product(2, 3), Amount.product(5)])
    11
    """
    result = Sum()
    for amount in amounts:
        result.add(amount)
    return result.value


def maximum(sums: Iterable[Sum]) -> Dim:
    """The largest of several sums, row by row. Those with the same single factor are compared without it."""
    single: dict[Any, tuple[Any, Dim]] = {}
    result: Dim = 0
    for found in sums:
        if len(found.rows) == 1:
            ((key, row),) = found.rows.items()
            column = found.columns[key]
            single[key] = (row, larger(single[key][1], column) if key in single else column)
        else:
            result = larger(result, found.value)
    for row, column in single.values():
        result = larger(result, row * column)
    return result


def _parted(factors: Product) -> tuple[Any, Any, Dim]:
    """A product as (key, factor along the last axis, everything else)."""
    row: Any = 1
    column: Dim = 1
    for factor in factors:
        if is_array(factor) and factor.ndim > 1 and factor.shape[-1] > 1 and factor.size == factor.shape[-1]:
            row = row * factor
        else:
            column = column * factor
    return _key(row), row, column


def _key(row: Any) -> Any:
    if not is_array(row):
        return 1
    return row.tobytes() if row.size <= _LARGEST_KEY else id(row)
