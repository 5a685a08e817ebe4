"""Layers of a spec in the making: each is checked against the trace before it stands."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from archcost.cost import Cost
from archcost.dims import Condition
from archcost.importers.tracing.graph import Call, Shape
from archcost.ops import OPERATORS, Nary
from archcost.shape import TensorShape


@dataclass(slots=True, eq=False)
class Draft:
    """What a rule makes of a call: an operator of the language, its fields, the tensors that it reads.

    written: fields whose text is an expression, beside the number that it comes to here. sizes: of a constant among
    the sources, where it is written with more axes than it has. scale: what α does to `out`, where that is special.
    """

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    written: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, Shape] = field(default_factory=dict)
    scale: str = ""


@dataclass(slots=True, eq=False)
class Alias:
    """The call passes a tensor on: no layer."""

    source: str


Outcome = Draft | Alias | None


@dataclass(slots=True, eq=False)
class Entry:
    """A layer: its draft, the call that it came from, the shape without the batch."""

    draft: Draft
    call: Call
    shape: Shape
    macs: int
    params: int
    name: str = ""


def sample(shape: Shape) -> Shape:
    """A tensor's shape without the batch of 1. Windows folded into the batch are a size like any other.

    >>> sample((1, 64, 56, 56)), sample((64, 49, 96))
    ((64, 56, 56), (64, 49, 96))
    """
    if not shape:
        return (1,)
    return shape[1:] if shape[0] == 1 and len(shape) > 1 else shape


def has_batch(shape: Shape) -> bool:
    """Whether `sample` takes a batch away."""
    return len(shape) > 1 and shape[0] == 1


def evaluated(draft: Draft, shapes: list[Shape]) -> tuple[Shape, Cost] | None:
    """Output shape and cost of a draft on inputs of these shapes; None where the language does not take it."""
    operator = OPERATORS[draft.kind]
    fewest, most = operator.arity
    lowest, highest = operator.ranks
    if not fewest <= len(shapes) <= most or not all(lowest <= len(shape) <= highest for shape in shapes):
        return None
    wrong: list[bool] = []

    def reject(condition: Condition, message: str) -> None:
        wrong.append(bool(condition))

    declared = {f.name: f.metadata["type"] for f in dataclasses.fields(operator)}
    try:
        op = operator(**{name: declared[name].read(raw, reject) for name, raw in draft.fields.items()})
    except ValueError:
        return None
    inputs = tuple(TensorShape(shape) for shape in shapes)
    source: Any = inputs if issubclass(operator, Nary) else inputs[0]
    if any(wrong) or any(check[0] for check in op.problems(source)):
        return None
    y = op.shape(source)
    return tuple(int(size) for size in y), op.cost(source, y)
