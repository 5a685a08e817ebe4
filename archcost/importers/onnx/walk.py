"""A graph walked once, in order: each node's shapes, the values that shapes depend on, the calls that it comes to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import onnx
from onnx import numpy_helper

from archcost.errors import ArchcostError
from archcost.importers.onnx import naming, shapes
from archcost.importers.onnx.inputs import Entrance
from archcost.importers.onnx.reading import elements, has_data, opset, reads, sorted_nodes
from archcost.importers.onnx.shapes import Array, Inference
from archcost.importers.onnx.step import Step
from archcost.importers.packages import said
from archcost.importers.tracing.graph import Call, Origin, Ref, Shape, Trace, references

_TYPES: list[str] = list(onnx.TensorProto.DataType.keys())
_FLOATS = frozenset(getattr(onnx.TensorProto, name) for name in _TYPES if "FLOAT" in name or name == "DOUBLE")
_MOST_VALUES = 1 << 16
"""Elements of a tensor whose values are kept: sizes and indices are far fewer."""
_STATISTICS = ("running_mean", "running_var")
_MEASURES = ("Shape", "Size")


class Walk:
    """The trace of a model at one input size. Raises ArchcostError where a shape cannot be known."""

    def __init__(
        self,
        where: str,
        model: onnx.ModelProto,
        inputs: Sequence[tuple[Entrance, Shape]],
        named: Mapping[str, int],
        own: bool,
    ) -> None:
        """own: the sizes are those of the file, so that what it declares of tensors holds."""
        self.where = where
        self.trace = Trace({}, [], [], {})
        self.calls: dict[str, Call] = {}
        self.shapes: dict[str, Shape] = {}
        self.types: dict[str, int] = {}
        self.values: dict[str, Array] = {}
        """Of tensors that do not depend on the input's values."""
        self.stored: set[str] = set()
        """Tensors of the file, and what is made of them: among them are the parameters."""
        self.initial: set[str] = set()
        """Those of the file alone."""
        self.varying: set[str] = set()
        """Tensors that depend on the input's values."""
        self.uniform: set[str] = set()
        """Tensors that the graph fills with one number."""
        self.held: set[str] = set()
        """Those that some call reads."""
        self.readers: dict[str, int] = {}
        sizes = {entrance.name: shape for entrance, shape in inputs}
        self.inference = Inference(where, model, opset(model), sizes, named, own)
        for entrance, shape in inputs:
            self._origin(entrance.name, "input", shape, entrance.dtype)
            self.trace.inputs.append(entrance.name)
            self.varying.add(entrance.name)
        self._graph(model.graph)
        self.trace.outputs = list(dict.fromkeys(each.name for each in model.graph.output))
        self._parameters()

    # the graph

    def _graph(self, graph: onnx.GraphProto) -> None:
        for sparse in graph.sparse_initializer:
            self._origin(sparse.values.name, "constant", tuple(sparse.dims), sparse.values.data_type)
        for tensor in graph.initializer:
            self._initializer(tensor)
        for node in graph.node:
            for name in node.input:
                self.readers[name] = self.readers.get(name, 0) + 1
        for each in graph.output:
            self.readers[each.name] = self.readers.get(each.name, 0) + 1
        for node in sorted_nodes(self.where, graph.node, self.shapes):
            self._node(node)

    def _initializer(self, tensor: onnx.TensorProto) -> None:
        self._origin(tensor.name, "constant", tuple(int(size) for size in tensor.dims), tensor.data_type)
        self.stored.add(tensor.name)
        self.initial.add(tensor.name)
        self._keep(tensor.name, tensor)

    def _keep(self, name: str, tensor: onnx.TensorProto) -> None:
        if elements(tensor) <= _MOST_VALUES and (has_data(tensor) or not elements(tensor)):
            try:
                self.values[name] = numpy_helper.to_array(tensor)
            except (ValueError, TypeError, KeyError) as error:  # whatever a broken tensor is
                raise ArchcostError(f"{self.where}: the tensor `{name}` is broken: {said(error)}") from None

    def _origin(self, name: str, kind: Any, shape: Shape, dtype: int) -> None:
        if name in self.trace.origins:
            raise ArchcostError(f"{self.where}: there are two tensors `{name}`")
        self.trace.origins[name] = Origin(name, kind, name, shape, len(self.trace.origins) + 1)
        self.shapes[name], self.types[name] = shape, dtype

    def _node(self, node: onnx.NodeProto) -> None:
        if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
            self._constant(node)
            return
        if self._merged(node):
            return
        branch = self._branch(node)
        if branch is not None:
            self._inline(node, branch)
            return
        values = {name: self.values[name] for name in node.input if name in self.values}
        found = self.inference.outputs(node, self.shapes, self.types, values)
        folded = self._folded(node, found)
        if folded is not None:
            for name, value in zip(node.output, folded, strict=False):
                if name:
                    self.values[name] = value
                    found[name] = (tuple(value.shape), shapes.dtype_of(value))
        varies = folded is None and any(name in self.varying for name in reads(node))
        made = node.op_type == "ConstantOfShape"
        stored = node.op_type not in _MEASURES and not made and bool(self.stored.intersection(node.input))
        if made:
            self.uniform.update(node.output)
        if folded is not None and not stored:
            for name in filter(None, node.output):
                self._origin(name, "constant", *found[name])
            return
        for name in filter(None, node.output):
            if name not in found:
                if name in self.readers or name == node.output[0]:
                    raise ArchcostError(self.inference.unknown(node, name))
                continue
            self.shapes[name], self.types[name] = found[name]
        if not varies and stored:
            self.stored.update(node.output)
        if varies:
            self.varying.update(node.output)
        if any(node.output):
            Step(self, node).translate()

    def _constant(self, node: onnx.NodeProto) -> None:
        name, value = node.output[0], shapes.constant(node)
        if isinstance(value, onnx.TensorProto):
            self._origin(name, "constant", tuple(int(size) for size in value.dims), value.data_type)
            self._keep(name, value)
        else:
            self._origin(name, "constant", tuple(value.shape), shapes.dtype_of(value))
            self.values[name] = value

    def _merged(self, node: onnx.NodeProto) -> bool:
        """Takes a node for the tensor that it stands for: where torch's exporter finds equal values twice, as the
        scales of untrained norms, it keeps one and says `Identity` for the other. A vector of one number throughout is
        such a one; what differs within is one tensor in two places."""
        if node.op_type != "Identity" or node.domain not in ("", "ai.onnx") or node.input[0] not in self.initial:
            return False
        name, source = node.output[0], node.input[0]
        shape, value = self.shapes[source], self.values.get(source)
        if value is None or self.types[source] not in _FLOATS or math.prod(shape) != max(shape, default=0):
            return False
        if not bool((value == value.reshape(-1)[:1]).all()):
            return False
        self._origin(name, "constant", shape, self.types[source])
        self.stored.add(name)
        self.initial.add(name)
        self.values[name] = value
        return True

    def _branch(self, node: onnx.NodeProto) -> onnx.GraphProto | None:
        """The branch that an If takes, where that does not depend on the input's values."""
        if node.op_type != "If" or node.input[0] not in self.values:
            return None
        taken = "then_branch" if bool(self.values[node.input[0]].reshape(-1)[0]) else "else_branch"
        return next((each.g for each in node.attribute if each.name == taken), None)

    def _inline(self, node: onnx.NodeProto, branch: onnx.GraphProto) -> None:
        """The branch as if its nodes stood here."""
        self._graph(branch)
        for name, inner in zip(node.output, branch.output, strict=False):
            self.shapes[name], self.types[name] = self.shapes[inner.name], self.types[inner.name]
            if inner.name in self.varying:
                self.varying.add(name)
            if inner.name in self.values:
                self.values[name] = self.values[inner.name]
            self.add(
                Call(name, "alias", "aten", {"self": Ref(inner.name)}, self.shapes[name], (), naming.path(node), "")
            )

    def _folded(self, node: onnx.NodeProto, found: Mapping[str, tuple[Shape, int]]) -> list[Array] | None:
        """The values of outputs that only known values, or the input's shape, go into."""
        if node.op_type in _MEASURES and node.input[0] in self.shapes:
            return [shapes.measured(node, self.shapes[node.input[0]])]
        if not all(name in self.values for name in node.input if name) or any(
            each.HasField("g") for each in node.attribute
        ):
            return None
        if any(math.prod(shape) > _MOST_VALUES for shape, _ in found.values()):
            return None
        return self.inference.evaluated(node, self.values)

    # what steps ask and do

    def add(self, call: Call) -> None:
        self.trace.calls.append(call)
        self.calls[call.name] = call
        self.shapes[call.name] = call.shape
        for argument, value in call.arguments.items():
            for ref in references(value):
                self._hold(ref, "buffer" if argument in _STATISTICS else "parameter")

    def _hold(self, ref: Ref, kind: Literal["parameter", "buffer"]) -> None:
        """Notes a tensor of the file that a call reads: one tensor, however many read it. What is learned in one
        place and a statistic in another is learned."""
        origin = self.trace.origins.get(ref.name)
        if origin is None or ref.name not in self.initial or self.types[ref.name] not in _FLOATS or origin.elements < 2:
            return
        if kind == "parameter" or ref.name not in self.held:
            origin.kind = kind
        self.held.add(ref.name)

    def mark(self, name: str, kind: Literal["parameter", "buffer"]) -> None:
        """What a constant is made of is learned, or a statistic, whatever its type and wherever the file keeps it."""
        waiting = [name]
        while waiting:
            each = waiting.pop()
            if each in self.calls:
                waiting += self.calls[each].reads
                continue
            origin = self.trace.origins.get(each)
            if origin is None or origin.kind == "input" or each in self.uniform or (each == name and each in self.held):
                continue
            if kind == "parameter" or origin.kind == "constant":
                origin.kind = kind

    def loose(self, name: str) -> None:
        """A node's further output, which hardly anybody reads: it stands for itself, as a constant does."""
        if name in self.readers:
            self.varying.discard(name)
            self._origin(name, "constant", self.shapes[name], self.types[name])

    def stand_in(self, name: str, shape: Shape) -> Ref:
        """A learned tensor that the file keeps in another form."""
        if name in self.trace.origins:
            return Ref(name)
        self._origin(name, "parameter", shape, onnx.TensorProto.FLOAT)
        return Ref(name)

    def _parameters(self) -> None:
        """The learned tensors, and those that nobody reads."""
        read = {name for call in self.trace.calls for name in call.reads}
        for name in self.initial:
            origin = self.trace.origins[name]
            spare = name not in self.readers and name not in read and self.types[name] in _FLOATS
            if origin.kind == "parameter" or (spare and origin.elements > 1):
                self.trace.parameters[origin.identity] = origin.elements
        for origin in self.trace.origins.values():
            if origin.kind == "parameter":
                self.trace.parameters[origin.identity] = origin.elements
