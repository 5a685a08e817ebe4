"""Shapes of a node's outputs: inferred by onnx for the sizes at hand, else as the file declares them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper, shape_inference

from archcost.errors import ArchcostError
from archcost.importers.onnx import fused
from archcost.importers.onnx.inputs import dims
from archcost.importers.onnx.reading import spoken
from archcost.importers.packages import said
from archcost.importers.tracing.graph import Shape

Array: TypeAlias = NDArray[Any]
_MOST_VALUES = 1 << 16


class Inference:
    """Shape inference, node by node, with the values that are known.

    named: the file's names for open sizes, with their values; own: what the file declares holds at these sizes.
    """

    def __init__(
        self,
        where: str,
        model: onnx.ModelProto,
        opset: Mapping[str, int],
        inputs: Mapping[str, Shape],
        named: Mapping[str, int],
        own: bool,
    ) -> None:
        self.where = where
        self.model = model
        self.inputs = inputs
        self.opset = opset
        self.imports = [helper.make_opsetid(domain, version) for domain, version in opset.items()]
        self.declared: dict[str, Shape] = {}
        for each in (*model.graph.value_info, *model.graph.output):
            sizes = [named.get(size) if isinstance(size, str) else size for size in dims(each.type) or (None,)]
            if own and all(sizes):
                self.declared[each.name] = tuple(size for size in sizes if size is not None)

    def outputs(
        self,
        node: onnx.NodeProto,
        known: Mapping[str, Shape],
        types: Mapping[str, int],
        values: Mapping[str, Array],
    ) -> dict[str, tuple[Shape, int]]:
        """(shape, element type) of each output that has one. Raises ArchcostError where sizes do not fit."""
        found = self._inferred(node, known, types, values)
        own = fused.output_shapes(node, known, values)
        result: dict[str, tuple[Shape, int]] = {}
        for place, name in enumerate(node.output):
            if not name:
                continue
            kind, sizes = found.get(name, (0, None))
            if sizes is None and place < len(own):
                sizes = own[place]
            if sizes is None:
                kind, sizes = self.whole.get(name, (kind, None))
            if sizes is None:
                sizes = self.declared.get(name)
            if sizes is not None:
                first = next((types[each] for each in node.input if each in types), onnx.TensorProto.FLOAT)
                result[name] = (sizes, kind or first)
        return result

    def _inferred(
        self,
        node: onnx.NodeProto,
        known: Mapping[str, Shape],
        types: Mapping[str, int],
        values: Mapping[str, Array],
    ) -> dict[str, tuple[int, Shape | None]]:
        domain = "" if node.domain == "ai.onnx" else node.domain
        if not onnx.defs.has(node.op_type, domain):
            return {}
        given = {name: helper.make_tensor_type_proto(types[name], known[name]) for name in node.input if name in known}
        data = {name: numpy_helper.from_array(value, name) for name, value in values.items()}
        try:
            schema = onnx.defs.get_schema(node.op_type, self.opset.get(domain, 1), domain)
            found = shape_inference.infer_node_outputs(schema, node, given, data, opset_imports=self.imports)
        except onnx.defs.SchemaError:
            return {}
        except Exception as error:  # of the C++ library
            raise ArchcostError(f"{self.where}: {spoken(node)}: {_cause(error)}") from None
        result: dict[str, tuple[int, Shape | None]] = {}
        for name, type_ in found.items():
            sizes = _sizes(type_)
            result[name] = (type_.tensor_type.elem_type, sizes)
        return result

    @cached_property
    def whole(self) -> dict[str, tuple[int, Shape | None]]:
        """What onnx infers of the whole model at the sizes at hand: of nodes with graphs inside, too."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        del model.graph.value_info[:]
        for each in model.graph.output:
            each.type.tensor_type.ClearField("shape")
        for each in model.graph.input:
            if each.name in self.inputs:
                each.CopyFrom(
                    helper.make_tensor_value_info(each.name, each.type.tensor_type.elem_type, self.inputs[each.name])
                )
        try:
            found = shape_inference.infer_shapes(model, data_prop=True).graph
        except Exception:  # of the C++ library: then nothing is known
            return {}
        return {
            each.name: (each.type.tensor_type.elem_type, _sizes(each.type))
            for each in (*found.value_info, *found.output)
        }

    def evaluated(self, node: onnx.NodeProto, values: Mapping[str, Array]) -> list[Array] | None:
        """A node's outputs by onnx's own reference; None where it has none for the operator."""
        from onnx.reference import ReferenceEvaluator

        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                session = ReferenceEvaluator(node, opsets=dict(self.opset))
                found = session.run(None, {name: values[name] for name in node.input if name})
        except Exception:  # whatever an operator raises: it is then taken as it stands
            return None
        arrays = [np.asarray(value) for value in found]
        small = all(array.size <= _MOST_VALUES and array.dtype != object for array in arrays)
        return arrays if small else None

    def unknown(self, node: onnx.NodeProto, name: str) -> str:
        """Why an output has no shape, and what to do."""
        domain = "" if node.domain == "ai.onnx" else node.domain
        if not onnx.defs.has(node.op_type, domain):
            whose = f" of the domain {domain}" if domain else ""
            return (
                f"{self.where}: nobody knows the shape that {spoken(node)}{whose} gives: put the shape of `{name}` "
                "into the file's value_info"
            )
        return (
            f"{self.where}: what {spoken(node)} gives is no tensor, or one whose size depends on the data; such a "
            "model cannot be imported"
        )


def _sizes(type_: onnx.TypeProto) -> Shape | None:
    """All sizes of a tensor, where they are known."""
    if not type_.HasField("tensor_type") or not type_.tensor_type.HasField("shape"):
        return None
    found = type_.tensor_type.shape.dim
    return tuple(int(size.dim_value) for size in found) if all(size.HasField("dim_value") for size in found) else None


def _cause(error: Exception) -> str:
    text = said(error).partition(": ")[2] or said(error)
    return text.partition(") ")[2] or text if text.startswith("[") else text


def constant(node: onnx.NodeProto) -> onnx.TensorProto | Array:
    """What a Constant holds."""
    for each in node.attribute:
        if each.name == "value":
            found: onnx.TensorProto = each.t
            return found
        if each.name == "sparse_value":
            return helper.make_tensor("", each.sparse_tensor.values.data_type, each.sparse_tensor.dims, b"", raw=True)
        kinds = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
        if each.name in kinds:
            return np.array(helper.get_attribute_value(each), dtype=kinds[each.name])
        if each.name.startswith("value_string"):
            return np.array(helper.get_attribute_value(each), dtype=np.bytes_)
    raise ArchcostError(f"{spoken(node)} holds no value")


def dtype_of(value: Array) -> int:
    return helper.np_dtype_to_tensor_dtype(value.dtype)


def measured(node: onnx.NodeProto, shape: Shape) -> Array:
    """What Shape or Size gives."""
    if node.op_type == "Size":
        return np.array(math.prod(shape), dtype=np.int64)
    given = {each.name: each.i for each in node.attribute}
    return np.array(shape[slice(given.get("start"), given.get("end"))], dtype=np.int64)
