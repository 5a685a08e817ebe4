"""A traced model as plain data: tensors that it holds, and calls of operators in their order. No torch here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ref:
    """A tensor among a call's arguments, by its name in the trace."""

    name: str


class Unknown:
    """A number among a call's arguments that is read from a tensor's values."""


UNKNOWN = Unknown()


@dataclass(slots=True, eq=False)
class Origin:
    """A tensor that no call makes. identity: the same for tied parameters."""

    name: str
    kind: Literal["input", "parameter", "buffer", "constant"]
    target: str
    shape: Shape
    identity: int = 0

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(slots=True, eq=False)
class Call:
    """One call of an operator.

    operator: its name without namespace and variant; arguments: by the names of its schema; shape: of its output,
    batch included; shapes: of each output where it has several; path: of the module that called it; macs: where the
    reader of the model knows them, and the operator's name does not say them; function: of torch that was called, as
    torch.export notes it; called: the names it was called by, outermost first, where somebody listened (spelling.py).
    """

    name: str
    operator: str
    namespace: str
    arguments: dict[str, Any]
    shape: Shape
    shapes: tuple[Shape, ...]
    path: str
    module: str
    macs: int | None = None
    function: str = ""
    called: tuple[str, ...] = ()

    @property
    def known_as(self) -> str:
        """The operator's name, with where it comes from unless that is torch itself."""
        return self.operator if self.namespace == "aten" else f"{self.namespace}.{self.operator}"

    @property
    def order(self) -> list[int] | None:
        """Of a transposition: the input's axes in the order of the output, batch included; None for any other call."""
        rank, given = len(self.shape), self.arguments
        order = list(range(rank))
        if self.namespace != "aten" or self.operator not in ("transpose", "permute", "t", "movedim", "swapaxes"):
            return None
        if self.operator == "permute":
            return [int(dim) % rank for dim in given["dims"]]
        if self.operator == "t":
            return order[::-1]
        if self.operator == "movedim":
            if isinstance(given["source"], list):
                return None
            order.insert(int(given["destination"]) % rank, order.pop(int(given["source"]) % rank))
            return order
        names = ("dim0", "dim1") if "dim0" in given else ("axis0", "axis1")
        a, b = (int(given[name]) % rank for name in names)
        order[a], order[b] = order[b], order[a]
        return order

    @property
    def reads(self) -> list[str]:
        return [ref.name for ref in references(self.arguments)]


@dataclass(slots=True, eq=False)
class Trace:
    """A model at one input size. parameters: identity -> elements, used or not."""

    origins: dict[str, Origin]
    calls: list[Call]
    outputs: list[str]
    parameters: dict[int, int]
    inputs: list[str] = field(default_factory=list)

    def pruned(self) -> Trace:
        """Without the calls that no output needs."""
        needed = set(self.outputs)
        kept = []
        for call in reversed(self.calls):
            if call.name in needed:
                kept.append(call)
                needed.update(call.reads)
        return Trace(self.origins, kept[::-1], self.outputs, self.parameters, self.inputs)


def references(value: Any) -> Iterator[Ref]:
    """The tensors in an argument, lists and mappings opened."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from references(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from references(each)


def holds_unknown(value: Any) -> bool:
    """Whether a number in an argument is unknown, lists opened."""
    if isinstance(value, (list, tuple)):
        return any(map(holds_unknown, value))
    return value is UNKNOWN
