"""What a name means at one place of a spec: parameters and arguments under `$name`, tensors under `from`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from archcost import dims
from archcost.dims import Number, Ratio, is_array
from archcost.ops.fields import describe
from archcost.shape import TensorShape
from archcost.spec.expression import Value, evaluate, is_expression
from archcost.spec.names import unknown
from archcost.spec.source import Node

Tensors = tuple[str | None, ...]
"""The tensors that a layer reads; None for one whose shape an earlier problem left unknown."""

_AXES = {"channels": 0, "tokens": 0, "height": 1, "width": 2, "features": -1}


class UnknownShape(Exception):
    """A size that an earlier problem left unknown; that problem has been reported."""


class Varies(Exception):
    """A value that decides the structure differs between the rows of a batch; they need graphs of their own.

    widths, alpha_read: what the network depended on α for until then.
    """

    def __init__(self, values: Any) -> None:
        super().__init__("the structure differs between rows")
        self.values = values
        self.widths: set[Any] = set()
        self.alpha_read = False


@dataclass(slots=True, eq=False)
class Sizes:
    """What expressions read beside names: α, and the shapes known so far."""

    alpha: Number
    shapes: dict[str, TensorShape] = field(default_factory=dict)
    alpha_read: bool = False
    """Whether an expression used α, beyond scaling a layer's `out`."""


@dataclass(slots=True, eq=False)
class Scope:
    """The names inside one opening of a block, or of the whole network."""

    sizes: Sizes
    parameters: dict[str, Value]
    """The spec's own, seen everywhere."""
    arguments: dict[str, Value]
    """The block's own; they hide parameters of the same name."""
    tensors: dict[str, str | None]
    prefix: str = ""
    block: str | None = None
    scale: str | None = None
    outer: Scope | None = None
    opened: tuple[str, ...] = ()
    """The blocks that this one stands in, outermost first, itself included."""

    def tensor(self, name: str) -> str | None:
        """The tensor of that name, here or further out. Raises KeyError."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.tensors:
                return scope.tensors[name]
            scope = scope.outer
        raise KeyError(name)

    def named(self, name: str) -> Value:
        """What `$name` stands for."""
        if name == "alpha":
            self.sizes.alpha_read = True
            return Value(self.sizes.alpha, sized=True)
        if name in self.arguments:
            return self.arguments[name]
        if name in self.parameters:
            return self.parameters[name]
        raise ValueError(unknown("name", f"${name}", [f"${n}" for n in ("alpha", *self.parameters, *self.arguments)]))

    def value(self, node: Node, sources: Tensors) -> Value:
        """What a field says, with names filled in. sources: what the layer at hand reads.

        Raises ValueError, UnknownShape.
        """
        content = node.value
        if isinstance(content, str) and is_expression(content):
            return evaluate(content, self.named, lambda axis, name: self._size(axis, name, sources))
        if isinstance(content, list):
            found = [self.value(item, sources) for item in content]
            return Value([item.content for item in found], any(item.sized for item in found))
        if isinstance(content, dict):
            raise ValueError(f"needs a value, not {describe(node.plain)}")
        plain = dims.exact(content) if isinstance(content, float) else content
        return Value(plain, mark=node.mark, literal=True)

    def structural(self, node: Node, sources: Tensors) -> Any:
        """A value that decides what the network is, not only how large. Raises Varies beside what `value` does."""
        return settled(self.value(node, sources).content)

    def _size(self, axis: str, name: str | None, sources: Tensors) -> Any:
        """One size of a named layer's output, or of the first tensor that the layer at hand reads."""
        if name is None:
            tensor = sources[0] if sources else None
        else:
            try:
                tensor = self.tensor(name)
            except KeyError:
                raise ValueError(unknown("layer", name, self.tensors)) from None
        if tensor is None:
            raise UnknownShape
        shape = self.sizes.shapes[tensor]
        if not _AXES[axis] < shape.rank:
            raise ValueError(f"{axis}({name or ''}): {shape} has none")
        return shape[_AXES[axis]]


def settled(content: Any) -> Any:
    """A value that all rows share.

    Raises Varies where they do not.
    """
    parts = [part.ravel() if is_array(part) else part for part in dims.parts(content)]
    if not any(is_array(part) for part in parts):
        return content
    if any(is_array(part) and bool((part != part[0]).any()) for part in parts):
        raise Varies(content)
    first, denominator = (part.tolist()[0] if is_array(part) else part for part in parts)
    return Ratio.reduced(first, denominator) if isinstance(content, Ratio) else first
