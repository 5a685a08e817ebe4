"""Where a layer stands while it is written as ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archcost.exporters.onnx.graph import Arrays, Graph
from archcost.graph import Layer


@dataclass(frozen=True, slots=True)
class At:
    """Where a layer stands: the graph, the names of its inputs, itself, and its tensors."""

    graph: Graph
    inputs: list[str]
    layer: Layer
    held: Arrays

    @property
    def x(self) -> str:
        return self.inputs[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first input, without the batch."""
        return tuple(map(int, self.layer.input_shapes[0]))

    def node(self, kind: str, *inputs: str, part: str = "", **attributes: Any) -> str:
        return self.graph.node(kind, *inputs, part=part, **attributes)

    def tensor(self, name: str) -> str:
        """One of its own, stored."""
        return self.graph.store(name, self.held[name])

    def tensors(self, *names: str) -> list[str]:
        """Those of its own that it has."""
        return [self.tensor(name) for name in names if name in self.held]


def whole(*values: Any) -> list[int]:
    """Sizes as Python's integers."""
    return [int(value) for value in values]
