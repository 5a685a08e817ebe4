"""Shapes that onnx itself does not infer: functions of the standard, and what onnxruntime puts together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import helper

from archcost.importers.onnx.inputs import dims
from archcost.importers.tracing.graph import Shape

_LIKE_INPUT = frozenset(
    (
        *("GroupNormalization", "MeanVarianceNormalization", "Gelu", "FastGelu", "BiasGelu", "QuickGelu", "GroupNorm"),
        *("SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "SimplifiedLayerNormalization", "BiasSoftmax"),
        *("QuantizeLinear", "DequantizeLinear", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "Shrink"),
        *("RotaryEmbedding", "BiasDropout", "BiasAdd", "Trilu", "GroupQueryAttention", "HardSwish", "Swish"),
    )
)
"""Operators whose first output is as large as their first input."""
_PRODUCTS = {"FusedMatMul": (0, 1), "TransposeMatMul": (0, 1), "MatMulIntegerToFloat": (0, 1)}
_PRODUCTS |= {"DynamicQuantizeMatMul": (0, 1), "FusedGemm": (0, 1), "QGemm": (0, 3)}
_ACROSS = {"QLinearAdd": (0, 3), "QLinearMul": (0, 3)}


def output_shapes(node: onnx.NodeProto, known: Mapping[str, Shape], values: Mapping[str, Any]) -> list[Shape | None]:
    """The shape of each output, as far as it is known here."""
    if node.op_type == "Loop":
        return _looped(node, values)
    given = [known.get(name) for name in node.input]
    first = given[0] if given else None
    if first is None:
        return []
    operator = node.op_type
    if operator in _LIKE_INPUT:
        sums = [None, None, first] if operator.startswith("Skip") else []
        return [first, *sums]
    attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    if node.domain in ("", "ai.onnx"):
        return []
    if operator in _PRODUCTS:
        return [_product(given, *_PRODUCTS[operator], attributes)]
    if operator in _ACROSS:
        a, b = (given[place] for place in _ACROSS[operator])
        return [_stretched(a, b)]
    if operator in ("MatMulNBits", "MatMulBnb4"):
        return [(*first[:-1], int(attributes["N"]))]
    if operator in ("Attention", "QAttention", "MultiHeadAttention"):
        return [_attended(node, given, attributes)]
    if operator == "QLinearGlobalAveragePool" and not attributes.get("channels_last"):
        return [(*first[:2], *(1 for _ in first[2:]))]
    return [_inferred_as(node, given)]


def _product(given: list[Shape | None], first: int, second: int, attributes: Mapping[str, Any]) -> Shape | None:
    a, b = given[first], given[second]
    if a is None or b is None:
        return None
    a = (*a[:-2], a[-1], a[-2]) if attributes.get("transA") else a
    b = (*b[:-2], b[-1], b[-2]) if attributes.get("transB") else b
    outer = _stretched(a[:-2], b[:-2])
    return None if outer is None or a[-1] != b[-2] else (*outer, a[-2], b[-1])


def _stretched(a: Shape | None, b: Shape | None) -> Shape | None:
    if a is None or b is None:
        return None
    rank = max(len(a), len(b))
    pairs = zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b, strict=True)
    return tuple(max(pair) for pair in pairs)


def _attended(node: onnx.NodeProto, given: list[Shape | None], attributes: Mapping[str, Any]) -> Shape | None:
    first, weight = given[0], given[1] if len(given) > 1 else None
    if first is None or len(first) != 3:
        return None
    if node.op_type == "MultiHeadAttention":
        value = given[2] if len(given) > 2 else None
        return first if value is None else (*first[:2], value[1] * value[3] if len(value) == 4 else value[2])
    sizes = attributes.get("qkv_hidden_sizes")
    return (*first[:2], int(sizes[2])) if sizes else (*first[:2], weight[1] // 3) if weight is not None else None


def _looped(node: onnx.NodeProto, values: Mapping[str, Any]) -> list[Shape | None]:
    """What goes round a loop, as its body declares it, then what each round gives, as many times as it runs."""
    body = next(each.g for each in node.attribute if each.name == "body")
    times = values.get(node.input[0])
    found: list[Shape | None] = []
    for place, each in enumerate(body.output[1:]):
        sizes = dims(each.type)
        shape = tuple(size for size in sizes or () if isinstance(size, int))
        known = sizes is not None and len(shape) == len(sizes)
        rounds = () if place < len(node.input) - 2 else (int(times.reshape(-1)[0]),) if times is not None else None
        found.append((*rounds, *shape) if known and rounds is not None else None)
    return found


_AS_STANDARD = {"FusedConv": ("Conv", 11, 3)}
"""Operators with a standard one's shape: its name, its opset, and how many inputs it has."""


def _inferred_as(node: onnx.NodeProto, given: list[Shape | None]) -> Shape | None:
    if node.op_type not in _AS_STANDARD:
        return None
    operator, version, inputs = _AS_STANDARD[node.op_type]
    twin = helper.make_node(operator, list(node.input[:inputs]), list(node.output[:1]))
    twin.attribute.extend(each for each in node.attribute if not each.name.startswith("activation"))
    types = {
        name: helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, shape)
        for name, shape in zip(twin.input, given, strict=False)
        if shape is not None
    }
    found = onnx.shape_inference.infer_node_outputs(onnx.defs.get_schema(operator, version), twin, types)
    return tuple(int(size.dim_value) for size in found[twin.output[0]].tensor_type.shape.dim)
