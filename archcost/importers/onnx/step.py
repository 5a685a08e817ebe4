"""One node at a time: what translations ask of it, and the calls that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import onnx
from onnx import helper

from archcost.errors import ArchcostError
from archcost.importers.onnx import naming
from archcost.importers.onnx.operators import TRANSLATIONS, known_free
from archcost.importers.onnx.reading import graphs, reads, spoken
from archcost.importers.tracing.graph import Call, Ref, Shape

if TYPE_CHECKING:
    from archcost.importers.onnx.shapes import Array
    from archcost.importers.onnx.walk import Walk


class Step:
    """A node, its inputs' shapes and values known."""

    def __init__(self, walk: Walk, node: onnx.NodeProto) -> None:
        self.walk = walk
        self.node = node
        self.operator: str = node.op_type
        self.domain: str = "" if node.domain == "ai.onnx" else node.domain
        self.version = walk.inference.opset.get(self.domain, 1)
        self.path = naming.path(node)
        self._attributes = {each.name: each for each in node.attribute}

    def translate(self) -> None:
        """Adds the calls that the node comes to; what nobody translates is known to have no arithmetic, or partial."""
        translation = TRANSLATIONS.get((self.domain, self.operator))
        if translation is None or translation(self) is False:
            self.opaque(0 if _free(self.node) else None)

    # what the node has

    def given(self, place: int) -> bool:
        return place < len(self.node.input) and bool(self.node.input[place])

    def name(self, place: int) -> str:
        return str(self.node.input[place])

    def ref(self, place: int) -> Ref:
        return Ref(self.name(place))

    def optional(self, place: int) -> Ref | None:
        return self.ref(place) if self.given(place) else None

    def weight(self, place: int) -> Ref | None:
        """An input that is learned; None where it is not there, or one number everywhere."""
        return self.ref(place) if self.given(place) and self.name(place) not in self.walk.uniform else None

    def shape(self, place: int) -> Shape:
        return self.walk.shapes[self.name(place)]

    @property
    def output(self) -> Shape:
        """The shape of the first output."""
        return self.walk.shapes[self.node.output[0]]

    def value(self, place: int) -> Array | None:
        """An input's elements, where they are known."""
        return self.walk.values.get(self.name(place)) if self.given(place) else None

    def number(self, place: int) -> float | None:
        """An input of one known element."""
        value = self.value(place)
        return (
            float(value.reshape(-1)[0])
            if value is not None and value.size == 1 and value.dtype.kind in "fiub"
            else None
        )

    def integers(self, place: int, attribute: str) -> list[int] | None:
        """Whole numbers that newer opsets have as an input and older ones as an attribute."""
        value = self.value(place)
        if value is not None:
            return [int(each) for each in value.reshape(-1)]
        found = self.attribute(attribute, None)
        return None if found is None else [int(each) for each in (found if isinstance(found, list) else [found])]

    def attribute(self, name: str, default: Any) -> Any:
        found = self._attributes.get(name)
        if found is None:
            return default
        value = helper.get_attribute_value(found)
        return (
            value.decode(errors="replace")
            if isinstance(value, bytes)
            else list(value)
            if isinstance(value, (list, tuple)) or hasattr(value, "extend")
            else value
        )

    def constant(self, place: int) -> bool:
        """Whether an input does not depend on the model's."""
        return self.given(place) and self.name(place) not in self.walk.varying

    def reject(self, message: str) -> NoReturn:
        """Raises ArchcostError: the node cannot be."""
        raise ArchcostError(f"{self.walk.where}: {spoken(self.node)}: {message}")

    # what it becomes

    def emit(self, operator: str, arguments: dict[str, Any], path: str | None = None) -> None:
        """The call of aten that the node is, for its first output."""
        name = self.node.output[0]
        self.walk.add(Call(name, operator, "aten", arguments, self.output, (), self.path if path is None else path, ""))

    def before(self, what: str, operator: str, arguments: dict[str, Any], shape: Shape) -> Ref:
        """A call that the node needs first."""
        name = f"{self.node.output[0]}/{what}"
        self.walk.add(Call(name, operator, "aten", arguments, shape, (), self.path, ""))
        return Ref(name)

    def several(
        self, operator: str, arguments: dict[str, Any], namespace: str = "aten", macs: int | None = None
    ) -> None:
        """A call of several outputs, each taken from it."""
        names = list(self.node.output)
        shapes = tuple(self.walk.shapes.get(name, ()) for name in names)
        owner = f"{next(name for name in names if name)}/all"
        self.walk.add(Call(owner, operator, namespace, arguments, shapes[0], shapes, self.path, "", macs))
        for index, name in enumerate(names):
            if name:
                taken = {"source": Ref(owner), "index": index}
                self.walk.add(Call(name, "getitem", "python", taken, shapes[index], (), self.path, ""))

    def opaque(self, macs: int | None) -> None:
        """A call that is known by its shapes alone. macs: None where nobody knows them."""
        names = [name for name in reads(self.node) if name in self.walk.varying or name in self.walk.stored]
        arguments: dict[str, Any] = {str(place): Ref(name) for place, name in enumerate(names)}
        namespace = self.domain or "onnx"
        if len(self.node.output) == 1:
            name = self.node.output[0]
            self.walk.add(Call(name, self.operator, namespace, arguments, self.output, (), self.path, "", macs))
        else:
            self.several(self.operator, arguments, namespace, macs)

    def learn(self, *places: int) -> None:
        """These inputs are weights, where they do not depend on the model's input."""
        for place in places:
            if self.constant(place):
                self.walk.mark(self.name(place), "parameter")


def _free(node: onnx.NodeProto) -> bool:
    """Whether a node has no multiply-adds; what holds graphs has none where these have none."""
    inside = graphs(node)
    if inside:
        return all(_free(each) for graph in inside for each in graph.node)
    return known_free(node.domain, node.op_type)
