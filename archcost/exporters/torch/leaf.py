"""What a layer comes to as PyTorch code."""

from __future__ import annotations

from dataclasses import dataclass

from archcost.exporters.torch.code import Call, Value
from archcost.graph import Layer

Margins = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Leaf:
    """forms: ways to construct the module, the plainest first; they have the same parameters and result.

    said: the same in an expression of its inputs, {0}, {1} or {all}; where it is None the module is called.
    binds: how tightly, as `+` and `*` do; 9 for a call.
    """

    forms: tuple[Call, ...] = ()
    said: str | None = None
    binds: int = 9


def one(pair: Value) -> Value:
    """(3, 3) as 3."""
    return pair[0] if isinstance(pair, tuple) and len(pair) == 2 and pair[0] == pair[1] else pair


def order(margins: Margins) -> tuple[int, int, int, int]:
    """As torch pads: left, right, top, bottom."""
    (top, bottom), (left, right) = margins
    return left, right, top, bottom


def untold(layer: Layer) -> str:
    """Why a layer of an imported network cannot be written."""
    operator = getattr(layer.op, "operator", layer.kind)
    return (
        f"{layer.name}: `{operator}` is known as it was traced, by its shapes and costs alone; "
        "export the model that it was imported from"
    )
