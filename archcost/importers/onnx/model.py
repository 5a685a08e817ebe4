"""A model of ONNX at any input size: what is read, walked, and put into the form of a trace."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from archcost.errors import ArchcostError
from archcost.importers.onnx import inputs as entering
from archcost.importers.onnx.inputs import Entrance
from archcost.importers.onnx.patterns import recognised
from archcost.importers.onnx.walk import Walk
from archcost.importers.reference import DTYPES, Input
from archcost.importers.tracing.entries import sample
from archcost.importers.tracing.graph import Shape, Trace


class Model:
    """where: the file, as messages name it."""

    def __init__(self, where: str, proto: onnx.ModelProto) -> None:
        self.where = where
        self.proto = proto
        entering.with_channels_first(proto.graph)
        self.entrances = entering.entrances(proto.graph)

    def traced(self, given: Sequence[Input]) -> tuple[Trace, list[Input]]:
        """(the calls at these inputs, or at the file's own; the inputs without the batch). Raises ArchcostError."""
        shapes, named = entering.settled(self.where, self.entrances, given)
        inputs = list(zip(self.entrances, shapes, strict=True))
        own = all(_declared(entrance, shape, named) for entrance, shape in inputs)
        try:
            walk = Walk(self.where, self.proto, inputs, named, own)
        except ArchcostError as error:
            raise ArchcostError(f"{error}{self._advice(inputs)}") from None
        trace = recognised(walk.trace.pruned())
        if not any(name in walk.varying for name in trace.outputs):
            raise ArchcostError(f"{self.where}: its outputs do not depend on its input")
        return trace, [Input(sample(shape) or (1,), _dtype(entrance)) for entrance, shape in inputs]

    def _advice(self, inputs: Sequence[tuple[Entrance, Shape]]) -> str:
        """Where the file's batch was replaced, that may be why."""
        for entrance, shape in inputs:
            first = entrance.dims[0] if entrance.dims else None
            if isinstance(first, int) and shape and shape[0] != first:
                return f" (the file's own batch is {first}; it is read with a batch of 1: export it so)"
        return ""


def _declared(entrance: Entrance, shape: Shape, named: dict[str, int]) -> bool:
    """Whether the file itself has an input of these sizes, or leaves them open."""
    if entrance.dims is None:
        return True
    return all(
        size == each or isinstance(size, str) or size is None for size, each in zip(entrance.dims, shape, strict=True)
    )


def _dtype(entrance: Entrance) -> str:
    name = onnx.TensorProto.DataType.Name(entrance.dtype).lower() if entrance.dtype else "float"
    name = {"float": "float32"}.get(name, name)
    return name if name in DTYPES else "float32"
