"""One operator as ONNX nodes, from its recipe. Every writer gets the graph, the names of what the layer reads, its
shapes, and its tensors; it returns the name of its output, which the last node that it adds computes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from archcost.errors import ArchcostError
from archcost.exporters.onnx import layouts
from archcost.exporters.onnx.at import At, whole
from archcost.exporters.onnx.pools import adaptive_pool, avg_pool, max_pool
from archcost.exporters.torch.leaf import untold

if TYPE_CHECKING:
    from archcost.exporters.onnx.pools import Margins

EPSILON = 1e-5
"""Of norms, as PyTorch has it."""


def write(at: At) -> str:
    """Writes a layer's nodes; returns its output's name. Raises KeyError for a recipe without a writer."""
    recipe = at.layer.op.recipe(at.layer.source)
    return WRITERS[recipe.name](at, **recipe.arguments)


def _pads(margins: Margins) -> list[int]:
    (top, bottom), (left, right) = margins
    return [int(top), int(left), int(bottom), int(right)]


def _conv(at: At, margins: Margins, stride: Any, dilation: Any, groups: Any, kernel_size: Any, **_: Any) -> str:
    return at.node(
        "Conv",
        at.x,
        *at.tensors("weight", "bias"),
        pads=_pads(margins),
        strides=whole(*stride),
        dilations=whole(*dilation),
        group=int(groups),
        kernel_shape=whole(*kernel_size),
    )


def _conv_transpose(
    at: At,
    stride: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    groups: Any,
    kernel_size: Any,
    **_: Any,
) -> str:
    return at.node(
        "ConvTranspose",
        at.x,
        *at.tensors("weight", "bias"),
        pads=whole(*padding, *padding),
        strides=whole(*stride),
        dilations=whole(*dilation),
        output_padding=whole(*output_padding),
        group=int(groups),
        kernel_shape=whole(*kernel_size),
    )


def _linear(at: At, **_: Any) -> str:
    if len(at.shape) == 1:
        return at.node("Gemm", at.x, *at.tensors("weight", "bias"), transB=1)
    return _product(at, at.x, "")


def _product(at: At, x: str, part: str) -> str:
    """A linear layer on the last of several sizes; part: within attention, such as `query.`."""
    weight = at.graph.store(f"{part}weight", at.held[f"{part}weight"].T)
    y = at.node("MatMul", x, weight, part=f"{part}MatMul")
    bias = f"{part}bias"
    return at.node("Add", y, at.tensor(bias), part=f"{part}Add") if bias in at.held else y


def _matmul(at: At, transpose: bool) -> str:
    a, b = at.inputs
    if transpose:
        rank = len(at.shape) + 1
        b = at.node("Transpose", b, perm=[*range(rank - 2), rank - 1, rank - 2])
    return at.node("MatMul", a, b)


def _attention(at: At, features: Any, heads: Any, bias: bool) -> str:
    each, context = int(features) // int(heads), at.inputs[-1]
    parts = {}
    for part, x in (("query", at.x), ("key", context), ("value", context)):
        y = at.node("Reshape", _product(at, x, f"{part}."), at.graph.integers(0, 0, int(heads), each), part=part)
        order = [0, 2, 3, 1] if part == "key" else [0, 2, 1, 3]
        parts[part] = at.node("Transpose", y, perm=order, part=f"{part}/heads")
    scores = at.node("MatMul", parts["query"], parts["key"], part="scores")
    scaled = at.node("Mul", scores, at.graph.number(each**-0.5), part="scaled")
    mixed = at.node("MatMul", at.node("Softmax", scaled, axis=-1), parts["value"], part="mixed")
    y = at.node("Transpose", mixed, perm=[0, 2, 1, 3], part="mixed/heads")
    y = at.node("Reshape", y, at.graph.integers(0, 0, int(features)), part="joined")
    return _product(at, y, "out.")


def _class_token(at: At, count: Any, features: Any) -> str:
    batch = at.node("Shape", at.x, start=0, end=1)
    sizes = at.node("Concat", batch, at.graph.integers(int(count), int(features)), axis=0, part="sizes")
    tokens = at.node("Expand", at.tensor("tokens"), sizes)
    return at.node("Concat", tokens, at.x, axis=1)


def _batch_norm(at: At, channels: Any, **_: Any) -> str:
    scale = at.tensor("weight") if "weight" in at.held else at.graph.filled(1.0, int(channels))
    shift = at.tensor("bias") if "bias" in at.held else at.graph.filled(0.0, int(channels))
    statistics = at.tensors("running_mean", "running_var")
    return at.node("BatchNormalization", at.x, scale, shift, *statistics, epsilon=EPSILON)


def _layer_norm(at: At, shape: Any, over: str, affine: bool, beta: bool) -> str:
    rank, sizes = len(shape), tuple(map(int, shape))
    aside = over == "channels" and rank > 1
    normed = {"features": sizes[-1:], "channels": sizes[:1], "all": sizes}[over]
    x = at.node("Transpose", at.x, perm=[0, *range(2, rank + 1), 1], part="channels_last") if aside else at.x
    scale = at.tensor("weight") if "weight" in at.held else at.graph.filled(1.0, *normed)
    axis = 1 if over == "all" else -1
    y = at.node("LayerNormalization", x, scale, *at.tensors("bias"), axis=axis, epsilon=EPSILON)
    return at.node("Transpose", y, perm=[0, rank, *range(1, rank)], part="channels_first") if aside else y


def _group_norm(at: At, groups: Any, channels: Any, affine: bool) -> str:
    one = (int(channels), *[1] * (len(at.shape) - 1))
    x = at.node("Reshape", at.x, at.graph.integers(0, int(groups), -1), part="groups")
    scale, shift = at.graph.filled(1.0, int(groups)), at.graph.filled(0.0, int(groups))
    y = at.node("InstanceNormalization", x, scale, shift, epsilon=EPSILON)
    y = at.node("Reshape", y, at.graph.integers(0, *at.shape), part="sizes")
    if affine:
        y = at.node("Mul", y, at.graph.store("weight", at.held["weight"].reshape(one)))
        y = at.node("Add", y, at.graph.store("bias", at.held["bias"].reshape(one)))
    return y


def _local_response_norm(at: At, size: Any) -> str:
    """x / (1 + α · mean of x² over neighbouring channels)^β; ONNX's LRN has the odd neighbour on the other side."""
    size, alpha, beta = int(size), 1e-4, 0.75
    before, after = size // 2, (size - 1) // 2
    squares = at.node("Mul", at.x, at.x, part="squares")
    flat = at.node("Reshape", squares, at.graph.integers(0, 1, at.shape[0], -1), part="rows")
    mean = at.node(
        "AveragePool", flat, kernel_shape=[size, 1], pads=[before, 0, after, 0], count_include_pad=1, strides=[1, 1]
    )
    mean = at.node("Reshape", mean, at.graph.integers(0, *at.shape), part="sizes")
    energy = at.node("Add", at.node("Mul", mean, at.graph.number(alpha)), at.graph.number(1.0))
    return at.node("Div", at.x, at.node("Pow", energy, at.graph.number(beta)))


def _rms_norm(at: At, features: Any, affine: bool) -> str:
    """x / √(mean of x² + ε) · w, with the ε that PyTorch takes where none is given"""
    squares = at.node("Mul", at.x, at.x, part="squares")
    mean = at.node("ReduceMean", squares, at.graph.integers(-1), keepdims=1)
    deviation = at.node("Sqrt", at.node("Add", mean, at.graph.number(float(np.finfo(np.float32).eps))))
    y = at.node("Div", at.x, deviation)
    return at.node("Mul", y, at.tensor("weight")) if affine else y


def _prelu(at: At, slopes: Any) -> str:
    """Slopes stand along the channels, with as many axes behind them as the input has."""
    weight = at.held["weight"].reshape(int(slopes), *[1] * (len(at.shape) - 1))
    return at.node("PRelu", at.x, at.graph.store("weight", weight))


_FUNCTIONS = {
    **{name: name.capitalize() for name in ("abs", "ceil", "cos", "erf", "exp", "floor", "log", "neg", "reciprocal")},
    **{name: name.capitalize() for name in ("round", "sign", "sin", "sqrt")},
}
_WITH_NUMBER = {"plus": "Add", "times": "Mul", "divided_by": "Div", "power": "Pow", "at_least": "Max", "at_most": "Min"}


def _function(at: At, function: str, by: float) -> str:
    if function == "square":
        return at.node("Mul", at.x, at.x)
    if function == "rsqrt":
        return at.node("Reciprocal", at.node("Sqrt", at.x))
    if function == "subtracted_from":
        return at.node("Sub", at.graph.number(float(by)), at.x)
    if function in _WITH_NUMBER:
        return at.node(_WITH_NUMBER[function], at.x, at.graph.number(float(by)))
    return at.node(_FUNCTIONS[function], at.x)


def _reduce(at: At, function: str, axes: Any, keep_dims: bool) -> str:
    kind = {"mean": "ReduceMean", "sum": "ReduceSum", "max": "ReduceMax", "min": "ReduceMin", "norm": "ReduceL2"}
    return at.node(kind[function], at.x, at.graph.integers(*(int(axis) + 1 for axis in axes)), keepdims=int(keep_dims))


def _attend(at: At, masked: bool) -> str:
    q, k, v = at.inputs[:3]
    rank = len(at.shape) + 1
    turned = at.node("Transpose", k, perm=[*range(rank - 2), rank - 1, rank - 2], part="keys")
    scores = at.node("MatMul", q, turned, part="scores")
    scores = at.node("Mul", scores, at.graph.number(at.shape[-1] ** -0.5), part="scaled")
    if masked:
        scores = at.node("Add", scores, at.inputs[3], part="masked")
    return at.node("MatMul", at.node("Softmax", scores, axis=-1), v)


def _refused(at: At, **_: Any) -> str:
    raise ArchcostError(untold(at.layer))


def _gelu(at: At) -> str:
    """x · (1 + erf(x / √2)) / 2"""
    erf = at.node("Erf", at.node("Mul", at.x, at.graph.number(0.5**0.5), part="scaled"))
    more = at.node("Add", erf, at.graph.number(1.0))
    return at.node("Mul", at.node("Mul", at.x, more), at.graph.number(0.5))


def _plainly(kind: str, **attributes: Any) -> Callable[[At], str]:
    return lambda at: at.node(kind, at.x, **attributes)


def _joined(kind: str) -> Callable[[At], str]:
    """x₁ and x₂, their result and x₃, and so on; one alone stays as it is."""

    def join(at: At) -> str:
        first, *others = at.inputs
        for other in others:
            first = at.node(kind, first, other)
        return first

    return join


def _global_pool(kind: str) -> Callable[..., str]:
    def pool(at: At, keep_dims: bool) -> str:
        y = at.node(kind, at.x)
        return y if keep_dims else at.node("Flatten", y, axis=1)

    return pool


WRITERS: dict[str, Callable[..., str]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "linear": _linear,
    "matmul": _matmul,
    "attention": _attention,
    "class_token": _class_token,
    "position_embedding": lambda at, shape: at.node("Add", at.x, at.tensor("table")),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "local_response_norm": _local_response_norm,
    "layer_scale": lambda at, sizes: at.node("Mul", at.x, at.tensor("gamma")),
    "relu": _plainly("Relu"),
    "relu6": lambda at: at.node("Clip", at.x, at.graph.number(0.0), at.graph.number(6.0)),
    "leaky_relu": _plainly("LeakyRelu", alpha=0.01),
    "elu": _plainly("Elu", alpha=1.0),
    "hard_swish": _plainly("HardSwish"),
    "hard_sigmoid": _plainly("HardSigmoid", alpha=1 / 6, beta=0.5),
    "silu": lambda at: at.node("Mul", at.x, at.node("Sigmoid", at.x)),
    "gelu": _gelu,
    "sigmoid": _plainly("Sigmoid"),
    "tanh": _plainly("Tanh"),
    "softmax": lambda at, axis: at.node("Softmax", at.x, axis=axis),
    "mish": lambda at: at.node("Mul", at.x, at.node("Tanh", at.node("Softplus", at.x))),
    "softplus": _plainly("Softplus"),
    "selu": _plainly("Selu"),
    "log_sigmoid": lambda at: at.node("Neg", at.node("Softplus", at.node("Neg", at.x, part="negative"))),
    "hard_tanh": lambda at: at.node("Clip", at.x, at.graph.number(-1.0), at.graph.number(1.0)),
    "prelu": _prelu,
    "rms_norm": _rms_norm,
    "elementwise": _function,
    "reduce": _reduce,
    "slice": layouts.slice,
    "scaled_dot_product_attention": _attend,
    "traced": _refused,
    "constant": _refused,
    "max_pool": lambda at, **given: max_pool(at.graph, at.x, at.shape, **given),
    "avg_pool": lambda at, **given: avg_pool(at.graph, at.x, at.shape, **given),
    "adaptive_avg_pool": lambda at, output_size: adaptive_pool(
        at.graph, at.x, at.shape, output_size, "AveragePool", "ReduceMean"
    ),
    "adaptive_max_pool": lambda at, output_size: adaptive_pool(
        at.graph, at.x, at.shape, output_size, "MaxPool", "ReduceMax"
    ),
    "global_avg_pool": _global_pool("GlobalAveragePool"),
    "global_max_pool": _global_pool("GlobalMaxPool"),
    "add": _joined("Add"),
    "multiply": _joined("Mul"),
    "subtract": _joined("Sub"),
    "divide": _joined("Div"),
    "minimum": _joined("Min"),
    "maximum": _joined("Max"),
    "concat": lambda at, axis: at.node("Concat", *at.inputs, axis=int(axis) + 1),
    "split": layouts.split,
    "select": layouts.select,
    "flatten": layouts.reshape,
    "reshape": layouts.reshape,
    "transpose": layouts.transpose,
    "rearrange": layouts.rearrange,
    "entry": layouts.entry,
    "channel_shuffle": layouts.channel_shuffle,
    "pad": layouts.pad,
    "resize": layouts.resize,
    "dropout": lambda at, p: at.node("Dropout", at.x, at.graph.number(float(p))),
    "stochastic_depth": lambda at, p: at.node("Identity", at.x),
}
