"""A graph of Keras layers as a trace: each layer becomes calls of aten, whose rules the import shares with PyTorch's.

Images are written with their channels in front, whichever way Keras has them: sizes and costs are the same.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from typing import Any

from archcost.errors import ArchcostError
from archcost.importers.keras.layers import FREE, TRANSLATIONS
from archcost.importers.tracing.entries import sample
from archcost.importers.tracing.graph import Call, Origin, Ref, Shape, Trace

_NUMBER = re.compile(r"_\d+$")


class Walk:
    """The trace of a functional model, and of those inside it. last: images have their channels behind."""

    def __init__(self, where: str, model: Any, last: bool, following: frozenset[str] = frozenset()) -> None:
        """following: layers that pad by amounts which follow the input's size, as `same` does."""
        self.where = where
        self.following = following
        self.last = last
        self.trace = Trace({}, [], [], {})
        self.shapes: dict[str, Shape] = {}
        self.tensors: dict[int, Ref] = {}
        """By the identity of Keras' symbolic tensors."""
        self.concrete: dict[int, Sequence[int | None]] = {}
        """Shapes of those that Keras leaves open, by the same."""
        self.weights: dict[int, str] = {}
        self.readers: dict[int, list[Any]] = {}
        self.numbers: dict[int, int] = {}
        """Of layers that nobody named, by their identity."""
        self.kinds: list[str] = []
        for number, tensor in enumerate(model.inputs):
            name = f"input_{number}"
            self._origin(name, "input", self.sizes(tensor.shape))
            self.trace.inputs.append(name)
            self.tensors[id(tensor)] = Ref(name)
        self._graph(model, "")
        self.trace.outputs = list(dict.fromkeys(self.tensors[id(tensor)].name for tensor in model.outputs))

    def sample(self, name: str) -> Shape:
        return sample(self.shapes[name])

    def sizes(self, shape: Sequence[int | None]) -> Shape:
        """Sizes with a batch of one, channels in front."""
        if None in shape[1:]:
            raise ArchcostError(f"{self.where}: a size within it is open: {tuple(shape)}")
        found = tuple(int(size) for size in shape[1:] if size is not None)
        return (1, found[-1], *found[:-1]) if self.last and len(found) > 2 else (1, *found)

    def worked_out(self, node: Any) -> list[Sequence[int | None]]:
        """The shapes of a node's outputs; where Keras leaves sizes open, the layer is run without values."""
        found: list[Sequence[int | None]] = [tuple(tensor.shape) for tensor in node.output_tensors]
        given = {id(tensor): self.concrete.get(id(tensor), tensor.shape) for tensor in node.input_tensors}
        if any(None in shape[1:] for shape in found) and not any(None in shape[1:] for shape in given.values()):
            keras = importlib.import_module("keras")
            with keras.device("meta"):
                tensors = {
                    id(tensor): keras.ops.zeros((1, *given[id(tensor)][1:]), dtype=tensor.dtype)
                    for tensor in node.input_tensors
                }
                arguments, named = node.arguments.fill_in(tensors)
                made = keras.tree.flatten(node.operation(*arguments, **named))
            found = [tuple(each.shape) for each in made]
        self.concrete.update({id(tensor): shape for tensor, shape in zip(node.output_tensors, found, strict=True)})
        return found

    def channels(self, ref: Ref) -> int:
        """The size that weights go along: a map's channels, a vector's features."""
        shape = self.shapes[ref.name]
        return shape[1] if len(shape) > 3 or not self.last else shape[-1]

    def axis(self, axis: int, rank: int) -> int:
        """Where an axis of Keras is, channels in front."""
        place = axis % rank
        if not self.last or rank < 4 or place == 0:
            return place
        return 1 if place == rank - 1 else place + 1

    def reader(self, tensor: Any) -> Any:
        """The layer that reads a tensor, where it is one alone."""
        readers = self.readers.get(id(tensor), [])
        return readers[0] if len(readers) == 1 else None

    def _graph(self, model: Any, prefix: str) -> None:
        for nodes in model._nodes_by_depth.values():
            for node in nodes:
                for tensor in node.input_tensors:
                    self.readers.setdefault(id(tensor), []).append(node.operation)
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if not node.is_input and any(id(tensor) not in self.tensors for tensor in node.output_tensors):
                    self._node(node, prefix)

    def _node(self, node: Any, prefix: str) -> None:
        layer = node.operation
        inner: Any = getattr(layer, "_functional", None) if type(layer).__name__ == "Sequential" else layer
        if hasattr(inner, "_nodes_by_depth"):
            for tensor, given in zip(inner.inputs, node.input_tensors, strict=True):
                self.tensors[id(tensor)] = self.tensors[id(given)]
                self.concrete[id(tensor)] = self.concrete.get(id(given), given.shape)
            self._graph(inner, f"{prefix}{layer.name}.")
            for tensor, made in zip(node.output_tensors, inner.outputs, strict=True):
                self.tensors[id(tensor)] = self.tensors[id(made)]
                self.concrete[id(tensor)] = self.concrete.get(id(made), made.shape)
            return
        step = Step(self, node, prefix)
        translation = TRANSLATIONS.get(type(layer).__name__)
        if translation is None or translation(step) is False:
            step.opaque(0 if type(layer).__name__ in FREE else None)
        for tensor, ref in zip(node.output_tensors, step.made, strict=True):
            self.tensors[id(tensor)] = ref

    def _origin(self, name: str, kind: Any, shape: Shape) -> None:
        self.trace.origins[name] = Origin(name, kind, name, shape, len(self.trace.origins) + 1)
        self.shapes[name] = shape

    def learned(self, variable: Any, path: str, shape: Shape, kind: Any = "parameter") -> Ref:
        """A weight, in the shape that aten has it; a layer that is used twice has the same ones."""
        if id(variable) not in self.weights:
            name = f"{path}.{variable.name}"
            name = name if name not in self.trace.origins else f"{name}.{len(self.trace.origins)}"
            self._origin(name, kind, shape)
            self.weights[id(variable)] = name
            if kind == "parameter":
                origin = self.trace.origins[name]
                self.trace.parameters[origin.identity] = origin.elements
        return Ref(self.weights[id(variable)])

    def named(self, layer: Any) -> str:
        """A layer's name. Keras numbers those that nobody named as long as a process lives; here, within the model."""
        kind, name = type(layer).__name__.lower(), str(layer.name)
        base = _NUMBER.sub("", name)
        if base.replace("_", "") != kind:
            return name.replace("/", ".")
        if id(layer) not in self.numbers:
            self.numbers[id(layer)] = sum(each == kind for each in self.kinds)
            self.kinds.append(kind)
        number = self.numbers[id(layer)]
        return f"{base}_{number}" if number else base

    def table(self, path: str, what: str, channels: int) -> Ref:
        """A constant for each channel of a map."""
        name = f"{path}.{what}"
        self._origin(name, "constant", (channels, 1, 1))
        return Ref(name)

    def add(self, call: Call) -> Ref:
        name = call.name
        while name in self.shapes:
            name += "_"
        call.name = name
        self.trace.calls.append(call)
        self.shapes[name] = call.shape
        return Ref(name)


class Step:
    """One call of a layer: what translations ask of it, and the calls that they make."""

    def __init__(self, walk: Walk, node: Any, prefix: str) -> None:
        self.walk = walk
        self.layer = node.operation
        self.path = prefix + walk.named(node.operation)
        read = walk.reader(node.output_tensors[0]) if node.operation.name in walk.following else None
        if read is not None:
            self.path = prefix + walk.named(read)
        self.arguments = node.arguments
        self.refs = [walk.tensors[id(tensor)] for tensor in node.input_tensors]
        self.outputs = [walk.sizes(shape) for shape in walk.worked_out(node)]
        self.made: list[Ref] = []

    @property
    def x(self) -> Ref:
        return self.refs[0]

    @property
    def shape(self) -> Shape:
        return self.walk.shapes[self.x.name]

    @property
    def output(self) -> Shape:
        return self.outputs[0]

    def weight(self, name: str, shape: Shape, kind: Any = "parameter") -> Ref | None:
        """A weight by its attribute; None where the layer has none. A `kernel` may be what is made of the weight."""
        variable = getattr(self.layer, f"_{name}", None) if name == "kernel" else None
        variable = getattr(self.layer, name, None) if variable is None else variable
        return None if variable is None else self.walk.learned(variable, self.path, shape, kind)

    def call(self, operator: str, arguments: dict[str, Any], shape: Shape | None = None) -> Ref:
        """A call of aten, in the shape of the output unless told."""
        shape = self.output if shape is None else shape
        return self.walk.add(Call(f"{self.path}:{operator}", operator, "aten", arguments, shape, (), self.path, ""))

    def emit(self, operator: str, arguments: dict[str, Any]) -> bool:
        """The call that gives the layer's output."""
        self.made = [self.call(operator, arguments)]
        return True

    def pass_on(self, ref: Ref) -> bool:
        self.made = [ref]
        return True

    def opaque(self, macs: int | None) -> None:
        """A layer that is known by its shapes alone. macs: None where nobody knows them."""
        weights = list(getattr(self.layer, "trainable_weights", ()))
        held = [self.walk.learned(each, self.path, tuple(int(size) for size in each.shape)) for each in weights]
        given = {str(place): ref for place, ref in enumerate([*self.refs, *held])}
        kind = type(self.layer).__name__
        name = f"{self.path}:{kind}"
        shapes = () if len(self.outputs) == 1 else tuple(self.outputs)
        whole = self.walk.add(Call(name, kind, "keras", given, self.output, shapes, self.path, "", macs))
        self.made = (
            [whole]
            if not shapes
            else [
                self.walk.add(
                    Call(
                        f"{name}.{place}",
                        "getitem",
                        "python",
                        {"source": whole, "index": place},
                        shape,
                        (),
                        self.path,
                        "",
                    )
                )
                for place, shape in enumerate(self.outputs)
            ]
        )
