"""Sums and maxima of amounts over many models at once.

An amount is a sum of products of sizes. On an α × ρ grid some sizes depend on α alone, (A, 1), others on the
resolution alone, (1, R). Products are therefore gathered by their resolution factor, so that the whole grid
is touched once for each distinct map size rather than once for each layer. For one model all sizes are
integers, and this is plain arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archcost.cost import Amount
from archcost.dims import Dim, is_array, larger

_LARGEST_KEY = 65_536

Groups = dict[Any, tuple[Any, Dim]]
"""Key of a factor along the last axis -> (that factor, the sum of what it is multiplied with)."""


def total(amounts: Iterable[Amount]) -> Dim:
    """The sum of all amounts.

    >>> total([Amount.product(2, 3), Amount.product(5)])
    11
    """
    result: Dim = 0
    for row, column in _grouped(product for amount in amounts for product in amount).values():
        result = result + row * column
    return result


def maximum(amounts: Iterable[Amount]) -> Dim:
    """The largest amount, row by row.

    >>> maximum([Amount.product(2, 3), Amount.product(5)])
    6
    """
    single: Groups = {}
    result: Dim = 0
    for amount in amounts:
        groups = _grouped(amount)
        if len(groups) == 1:
            ((key, (row, column)),) = groups.items()
            single[key] = (row, larger(single[key][1], column) if key in single else column)
        else:
            result = larger(result, sum((row * column for row, column in groups.values()), 0))
    for row, column in single.values():
        result = larger(result, row * column)
    return result


def _grouped(products: Iterable[tuple[Dim, ...]]) -> Groups:
    groups: Groups = {}
    for factors in products:
        key, row, column = _parted(factors)
        if key in groups:
            row, before = groups[key]
            column = before + column
        groups[key] = (row, column)
    return groups


def _parted(factors: tuple[Dim, ...]) -> tuple[Any, Any, Dim]:
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
    if not is_array(row) or row.dtype == object:
        return 1 if isinstance(row, int) else id(row)
    return row.tobytes() if row.size <= _LARGEST_KEY else id(row)
