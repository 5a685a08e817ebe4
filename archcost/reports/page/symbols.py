"""Formulas of arrays, taken down as programs: they run once on symbols, and each step on the way is kept.

A page evaluates such a program on numbers of its own, so that no formula is written twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

NAMES = {
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "true_divide": "div",
    "power": "pow",
    "float_power": "pow",
    "remainder": "mod",
    "negative": "neg",
    "maximum": "max",
    "minimum": "min",
    "ceil": "ceil",
    "floor": "floor",
    "log": "log",
    "exp": "exp",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "equal": "eq",
    "not_equal": "ne",
    "bitwise_and": "and",
    "logical_and": "and",
    "bitwise_or": "or",
    "logical_or": "or",
    "invert": "not",
    "logical_not": "not",
}
"""A program's steps, by the ufuncs that they stand for; besides there is `where`. Truth is 1 or 0."""


class Program:
    """The steps of a formula: [operation, operands …], where an operand is the place of an input, of a constant or of
    an earlier step, counted through in this order once all are known."""

    def __init__(self, inputs: Sequence[str]) -> None:
        self.inputs = list(inputs)
        self._constants: dict[str, tuple[int, float]] = {}
        self._steps: dict[tuple[Any, ...], int] = {}

    def symbols(self) -> dict[str, Symbol]:
        """The inputs, by name."""
        return {name: Symbol(self, ("input", place)) for place, name in enumerate(self.inputs)}

    def step(self, name: str, operands: Sequence[Any]) -> Symbol:
        key = (name, *map(self.operand, operands))
        return Symbol(self, ("step", self._steps.setdefault(key, len(self._steps))))

    def operand(self, value: Any) -> tuple[str, int]:
        """Raises TypeError for what is neither a symbol of this program nor one number."""
        if isinstance(value, Symbol):
            return value.place
        array = np.asarray(value)
        if array.size != 1 or array.dtype.kind not in "biuf":
            raise TypeError(f"{value!r} has no place in a program")
        number = float(array.ravel()[0])
        return "constant", self._constants.setdefault(repr(number), (len(self._constants), number))[0]

    def written(self, outputs: Sequence[Any]) -> dict[str, Any]:
        """As data; constants that JSON cannot hold are texts, as JavaScript has them."""
        ends = [self.operand(output) for output in outputs]
        first = {"input": 0, "constant": len(self.inputs)}
        first["step"] = first["constant"] + len(self._constants)
        return {
            "inputs": self.inputs,
            "constants": [_number(number) for _, number in self._constants.values()],
            "steps": [[name, *(first[sort] + at for sort, at in operands)] for name, *operands in self._steps],
            "outputs": [first[sort] + at for sort, at in ends],
        }


class Symbol(NDArrayOperatorsMixin):
    """A number that is not known yet; NumPy and Python calculate with it as with an array without axes."""

    __slots__ = ("place", "program")
    dtype = np.dtype(float)
    ndim = 0

    def __init__(self, program: Program, place: tuple[str, int]) -> None:
        self.program = program
        self.place = place

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options or ufunc.__name__ not in NAMES:
            return NotImplemented
        return self.program.step(NAMES[ufunc.__name__], inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if kwargs:
            return NotImplemented
        if function is np.where:
            condition, *ways = args
            if not isinstance(condition, Symbol):
                return ways[0] if np.asarray(condition).all() else ways[1]
            return self.program.step("where", args)
        if function is np.clip:
            value, low, high = args
            return np.minimum(np.maximum(value, low), high)
        return np.zeros(()) if function is np.zeros_like else NotImplemented

    def astype(self, kind: Any) -> Symbol:
        return self

    def __bool__(self) -> bool:
        raise TypeError("a formula that decides by a number cannot be taken down")


def _number(number: float) -> Any:
    if math.isnan(number):
        return "NaN"
    return number if math.isfinite(number) else "Infinity" if number > 0 else "-Infinity"
