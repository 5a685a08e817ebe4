"""A graph of ONNX nodes as it grows: each named after the layer that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from numpy.typing import NDArray

Arrays = dict[str, "NDArray[Any]"]


class Graph:
    """Nodes and stored tensors. While a layer is written, its nodes' names begin with the layer's."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.stored: dict[str, TensorProto] = {}
        self.layer = ""
        self._names: set[str] = set()

    def node(self, kind: str, *inputs: str, part: str = "", **attributes: Any) -> str:
        """Adds a node with one output; returns the output's name. part: what it is within the layer."""
        name = self._unique(f"{self.layer}/{part or kind}")
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def store(self, name: str, values: Any, dtype: Any = None) -> str:
        """A tensor of the layer's own, under its name in the layer."""
        return self._stored(f"{self.layer}.{name}", np.asarray(values, dtype))

    def integers(self, *values: int) -> str:
        """A list of whole numbers that a node takes as an input; the same list is stored once."""
        name = f"integers/{'_'.join(map(str, values))}"
        if name not in self.stored:
            self._stored(name, np.array(values, np.int64))
        return name

    def number(self, value: float) -> str:
        """One number as an input."""
        name = f"number/{value!r}"
        if name not in self.stored:
            self._stored(name, np.array(value, np.float32))
        return name

    def filled(self, value: float, *sizes: int) -> str:
        """A tensor of one number where a node wants weights and the layer has none: made while running, not stored."""
        content = numpy_helper.from_array(np.array([value], np.float32))
        return self.node("ConstantOfShape", self.integers(*sizes), part=f"all_{value:g}", value=content)

    def finish(self, output: str) -> None:
        """Gives the layer's own name to the node that computes its output, and to the output."""
        if not self.nodes or self.nodes[-1].output[0] != output:
            self.node("Identity", output)
        last = self.nodes[-1]
        last.name = last.output[0] = self.layer
        self._names.add(self.layer)

    def _stored(self, name: str, values: NDArray[Any]) -> str:
        name = self._unique(name)
        self.stored[name] = numpy_helper.from_array(values, name)
        return name

    def _unique(self, name: str) -> str:
        free, number = name, 1
        while free in self._names:
            number += 1
            free = f"{name}_{number}"
        self._names.add(free)
        return free
