"""An ONNX model, checked before anything is made of it: known versions, one maker for each tensor, no cycles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import onnx
from onnx import inliner

from archcost.errors import ArchcostError
from archcost.importers.onnx.skimming import skimmed
from archcost.importers.packages import said

OLDEST = 7
"""The opset in which broadcasting became NumPy's."""
_MOST_LISTED = 10


def read(path: Path) -> onnx.ModelProto:
    """The model in a file, without its large tensors' data, functions of its own written out in place.

    Raises ArchcostError for a file that is none, that is newer than the installed onnx, or whose graph is none.
    """
    model = onnx.ModelProto()
    try:
        model.ParseFromString(skimmed(path))
    except ArchcostError:
        raise
    except Exception:  # whatever a version of protobuf raises
        raise ArchcostError(f"{path} is no ONNX model, or only a part of one") from None
    words = [word for node in model.graph.node for word in (node.op_type, node.domain)]
    if not all(isinstance(word, str) and word.isprintable() for word in words):
        raise ArchcostError(f"{path} is no ONNX model: an operator's name is no text")
    if not model.ir_version or not model.graph.node or not (model.opset_import or model.ir_version < 3):
        raise ArchcostError(f"{path} is no ONNX model, or only a part of one: it has no operators, or no version")
    _versions(path, model)
    _dataless(model)
    if model.functions:
        try:
            model = inliner.inline_local_functions(model)
        except Exception as error:  # of the C++ library
            raise ArchcostError(f"{path}: its functions cannot be written out: {said(error)}") from None
    return model


def opset(model: onnx.ModelProto) -> dict[str, int]:
    """The version of each domain; the main one is ``."""
    found = {"" if each.domain == "ai.onnx" else each.domain: int(each.version) for each in model.opset_import}
    return {"": 1, **found}


def _versions(path: Path, model: onnx.ModelProto) -> None:
    known, found = onnx.defs.onnx_opset_version(), opset(model)[""]
    if model.ir_version > onnx.IR_VERSION:
        raise ArchcostError(
            f"{path} has IR version {model.ir_version}; onnx {onnx.__version__} knows those up to {onnx.IR_VERSION}: "
            "pip install -U onnx"
        )
    if found > known:
        raise ArchcostError(
            f"{path} has opset {found}; onnx {onnx.__version__} knows those up to {known}: pip install -U onnx"
        )
    if found < OLDEST:
        raise ArchcostError(
            f"{path} has opset {found}, which is older than {OLDEST}; onnx.version_converter.convert_version makes a "
            "newer one of it"
        )


def _dataless(model: onnx.ModelProto) -> None:
    """Marks tensors whose data was passed over as kept elsewhere, so that nobody looks for it."""
    for tensor in tensors(model.graph):
        if elements(tensor) and not has_data(tensor):
            tensor.data_location = onnx.TensorProto.EXTERNAL


def tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """All tensors of a graph, those in its nodes and in graphs inside it included."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
        for inner in graphs(node):
            yield from tensors(inner)


def graphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs inside a node: branches, and bodies of loops."""
    single = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return [*single, *(graph for attribute in node.attribute for graph in attribute.graphs)]


def elements(tensor: onnx.TensorProto) -> int:
    total = 1
    for size in tensor.dims:
        total *= size
    return total


def has_data(tensor: onnx.TensorProto) -> bool:
    """Whether the elements are in the message."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return False
    kept: Sequence[Any] = (tensor.raw_data, tensor.float_data, tensor.int32_data, tensor.int64_data)
    return any(len(each) for each in (*kept, tensor.double_data, tensor.uint64_data, tensor.string_data))


def sorted_nodes(where: str, nodes: Sequence[onnx.NodeProto], known: Iterable[str]) -> list[onnx.NodeProto]:
    """The nodes in an order in which each reads what is there; the file's own, if it is one.

    known: tensors that no node makes. Raises ArchcostError, all problems in one go.
    """
    there, makers, wrong = set(known), dict[str, int](), list[str]()
    for place, node in enumerate(nodes):
        for name in filter(None, node.output):
            if name in makers or name in there:
                wrong.append(f"{spoken(node)} writes `{name}`, which is there already")
            makers[name] = place
    for node in nodes:
        for name in reads(node):
            if name not in makers and name not in there:
                wrong.append(f"{spoken(node)} reads `{name}`, which nothing makes")
    if wrong:
        listed = [*wrong[:_MOST_LISTED], *([f"… ({len(wrong)} in all)"] if len(wrong) > _MOST_LISTED else [])]
        raise ArchcostError("\n".join(f"{where}: {each}" for each in listed))
    order: TopologicalSorter[int] = TopologicalSorter()
    for place, node in enumerate(nodes):
        order.add(place, *(makers[name] for name in reads(node) if name in makers))
    try:
        found = list(order.static_order())
    except CycleError as error:
        names = ", ".join(spoken(nodes[place]) for place in error.args[1][:_MOST_LISTED])
        raise ArchcostError(f"{where}: its nodes go in a circle: {names}") from None
    done: set[str] = set(there)
    for node in nodes:
        if not all(name in done for name in reads(node)):
            return [nodes[place] for place in found]
        done.update(node.output)
    return list(nodes)


def reads(node: onnx.NodeProto) -> list[str]:
    """Tensors that a node reads, also in graphs inside it."""
    found = [name for name in node.input if name]
    for graph in graphs(node):
        own = {each.name for each in (*graph.input, *graph.initializer)}
        own |= {name for inner in graph.node for name in inner.output}
        found += [name for inner in graph.node for name in reads(inner) if name not in own]
        found += [each.name for each in graph.output if each.name not in own]
    return list(dict.fromkeys(found))


def spoken(node: onnx.NodeProto) -> str:
    """A node as messages name it."""
    name = node.name or next((name for name in node.output if name), "")
    return f"`{name}` ({node.op_type})" if name else node.op_type
