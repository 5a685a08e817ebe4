"""What an operator computes: multiply-adds by shape for products, nothing for what is known to have none.

A multiply-add here is one of a convolution or a matrix product. An operator in neither table may hold some, and is
reported by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from archcost.importers.tracing.graph import Call, Ref, Shape

ShapeOf = Callable[[Ref], Shape]


def macs(call: Call, shape: ShapeOf) -> int | None:
    """Multiply-adds of a call, batch included; None where nobody knows."""
    if call.macs is not None:
        return call.macs
    if call.namespace == "python":
        return 0 if call.operator in _PYTHON else None
    if call.namespace == "aten":
        if call.operator in _PRODUCTS:
            return int(_PRODUCTS[call.operator](call, shape))
        if call.operator.removesuffix("_") in NONE or call.operator.removesuffix("_copy") in NONE:
            return 0
    return 0 if f"{call.namespace}.{call.operator}" in _NONE_ELSEWHERE else None


def _convolution(call: Call, shape: ShapeOf) -> int:
    weight, given = shape(call.arguments["weight"]), shape(call.arguments["input"])
    if call.arguments.get("transposed") or "transpose" in call.operator:
        return math.prod(given) * math.prod(weight[1:])
    return math.prod(call.shape) * math.prod(weight[1:])


def _linear(call: Call, shape: ShapeOf) -> int:
    return math.prod(shape(call.arguments["input"])) * shape(call.arguments["weight"])[0]


def _product(first: str, second: str) -> Callable[[Call, ShapeOf], int]:
    """[…, p, q] · […, q, r], the outer sizes stretched."""

    def count(call: Call, shape: ShapeOf) -> int:
        a, b = shape(call.arguments[first]), shape(call.arguments[second])
        if len(b) == 1:
            return math.prod(a)
        return math.prod(call.shape) * (a[-1] if a else 1)

    return count


def _attention(call: Call, shape: ShapeOf) -> int:
    query, key, value = (shape(call.arguments[name]) for name in ("query", "key", "value"))
    return math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _einsum(call: Call, shape: ShapeOf) -> int:
    """Two operands: a batched matrix product, unless nothing is summed over both. More: from the left, two by two."""
    inputs, _, output = call.arguments["equation"].replace(" ", "").partition("->")
    terms = inputs.split(",")
    shapes = [shape(ref) for ref in call.arguments["tensors"]]
    if "." in inputs:
        longest = max(len(s) - len(t.replace("...", "")) for t, s in zip(terms, shapes, strict=True) if "." in t)
        spare = "".join(chr(0x3B1 + i) for i in range(longest))

        def opened(term: str, rank: int) -> str:
            return term.replace("...", spare[longest - (rank - len(term.replace("...", ""))) :])

        terms = [opened(term, len(s)) for term, s in zip(terms, shapes, strict=True)]
        output = output.replace("...", spare)
    sizes: dict[str, int] = {}
    for term, each in zip(terms, shapes, strict=True):
        for label, size in zip(term, each, strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    if "->" not in call.arguments["equation"]:
        joined = "".join(terms)
        output = "".join(sorted(label for label in set(joined) if joined.count(label) == 1))
    total, left = 0, terms[0]
    for place, right in enumerate(terms[1:], 1):
        later = set(output).union(*terms[place + 1 :])
        both = set(left) & set(right)
        summed = {label for label in both if label not in later and sizes[label] > 1}
        kept = {label for label in set(left) | set(right) if label in later}
        if summed:
            total += math.prod(sizes[label] for label in kept | summed)
        left = "".join(sorted(kept))
    return total


def _bilinear(call: Call, shape: ShapeOf) -> int:
    weight = shape(call.arguments["weight"])
    return math.prod(call.shape[:-1]) * math.prod(weight)


def _recurrent(call: Call, shape: ShapeOf) -> int:
    """Every weight matrix of every layer and direction is used at each step: the elements of all, times the steps."""
    given = shape(call.arguments["input"])
    weights = sum(math.prod(shape(ref)) for ref in call.arguments["params"] if len(shape(ref)) == 2)
    return math.prod(given[:-1]) * weights


def _cell(call: Call, shape: ShapeOf) -> int:
    """One step: each row of the input through one matrix, each of the state through another."""
    rows = math.prod(shape(call.arguments["input"])[:-1])
    return rows * sum(math.prod(shape(call.arguments[name])) for name in ("w_ih", "w_hh"))


def _tensordot(call: Call, shape: ShapeOf) -> int:
    given = shape(call.arguments["self"])
    axes: list[int] = call.arguments["dims_self"]
    return math.prod(call.shape) * math.prod(given[axis] for axis in axes)


_PRODUCTS: dict[str, Callable[[Call, Any], int]] = {
    **dict.fromkeys(
        (
            *("conv1d", "conv2d", "conv3d", "convolution", "_convolution", "convolution_overrideable"),
            *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "_conv_depthwise2d", "conv_depthwise3d"),
        ),
        _convolution,
    ),
    "linear": _linear,
    **dict.fromkeys(("mm", "bmm"), _product("self", "mat2")),
    "matmul": _product("self", "other"),
    "inner": lambda call, shape: math.prod(call.shape) * shape(call.arguments["self"])[-1],
    "mv": _product("self", "vec"),
    "dot": _product("self", "tensor"),
    "vdot": _product("self", "other"),
    "addmm": _product("mat1", "mat2"),
    "baddbmm": _product("batch1", "batch2"),
    "addbmm": lambda call, shape: math.prod(shape(call.arguments["batch1"])) * call.shape[-1],
    "scaled_dot_product_attention": _attention,
    "_scaled_dot_product_flash_attention": _attention,
    "_scaled_dot_product_efficient_attention": _attention,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_fused_attention_overrideable": _attention,
    "_scaled_dot_product_attention_math": _attention,
    "einsum": _einsum,
    "bilinear": _bilinear,
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _cell),
    "tensordot": _tensordot,
}

VIEWS = frozenset(
    (
        *("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "expand", "expand_as"),
        *("transpose", "permute", "t", "movedim", "moveaxis", "swapaxes", "swapdims", "select", "slice", "narrow"),
        *("chunk", "split", "split_with_sizes", "unsafe_split", "unsafe_chunk", "tensor_split", "unbind", "view_as"),
        *("alias", "detach", "diagonal", "unfold", "as_strided", "adjoint", "numpy_T", "mT", "real", "imag"),
        *(
            "view_as_real",
            "view_as_complex",
            "_conj",
            "conj",
            "_neg_view",
            "mH",
            "H",
            "hsplit",
            "vsplit",
            "atleast_2d",
            "broadcast_to",
            "getitem",
            "reshape_as",
        ),
    )
)
"""Operators whose output is their input's memory."""

NONE = VIEWS | frozenset(
    (
        # copies and gathers
        *("clone", "contiguous", "to", "_to_copy", "type_as", "float", "copy", "cat", "concat", "stack", "hstack"),
        *("vstack", "repeat", "repeat_interleave", "tile", "roll", "flip", "fliplr", "flipud", "rot90", "index"),
        *("index_select", "gather", "take_along_dim", "scatter", "scatter_add", "scatter_reduce", "index_put"),
        *("index_add", "index_copy", "index_fill", "slice_scatter", "select_scatter", "as_strided_scatter"),
        *("masked_fill", "masked_scatter", "masked_select", "embedding", "embedding_bag", "one_hot", "unfold"),
        *("pad", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d"),
        *("replication_pad3d", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle"),
        *("im2col", "col2im", "tril", "triu", "diag", "diag_embed", "meshgrid", "block_diag", "lift_fresh"),
        *(
            "lift_fresh_copy",
            "resolve_conj",
            "conj_physical",
            "_conj_physical",
            "resolve_neg",
            "unsafe_index",
            "_unsafe_index",
            "as_tensor",
            "lift",
        ),
        # made from nothing
        *("arange", "zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "full_like", "eye"),
        *("new_zeros", "new_ones", "new_full", "new_empty", "linspace", "scalar_tensor", "rand", "randn", "rand_like"),
        *("randn_like", "bernoulli", "zero", "fill", "empty_permuted", "logspace", "randint", "tensor", "randperm"),
        # functions of each element
        *("relu", "relu6", "hardtanh", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh"),
        *("hardswish", "hardsigmoid", "softplus", "softsign", "hardshrink", "softshrink", "threshold", "log_sigmoid"),
        *("prelu", "rrelu", "clamp", "clamp_min", "clamp_max", "clip", "abs", "neg", "exp", "expm1", "log", "log2"),
        *("log1p", "log10", "sqrt", "rsqrt", "square", "reciprocal", "sin", "cos", "tan", "sinh", "cosh", "asin"),
        *("acos", "atan", "atan2", "erf", "erfc", "erfinv", "sign", "sgn", "floor", "ceil", "round", "trunc", "frac"),
        *("logit", "dropout", "feature_dropout", "alpha_dropout", "native_dropout", "nan_to_num", "angle", "sinc"),
        # of two or more, element by element
        *("add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "rsub", "pow", "float_power"),
        *("floor_divide", "remainder", "fmod", "maximum", "minimum", "fmax", "fmin", "addcmul", "addcdiv", "lerp"),
        *("where", "eq", "ne", "lt", "le", "gt", "ge", "greater", "less", "logical_and", "logical_or", "logical_not"),
        *("logical_xor", "bitwise_and", "bitwise_or", "bitwise_not", "bitwise_xor", "__and__", "__or__", "hypot"),
        *("isnan", "isinf", "isfinite", "polar", "complex", "outer", "glu", "ger", "exponential", "bucketize"),
        # over several elements
        *("sum", "mean", "amax", "amin", "max", "min", "prod", "std", "var", "var_mean", "std_mean", "norm", "all"),
        *("any", "cumsum", "cumprod", "argmax", "argmin", "topk", "sort", "argsort", "logsumexp", "aminmax", "median"),
        *("linalg_norm", "linalg_vector_norm", "linalg_matrix_norm", "cosine_similarity", "normalize", "nonzero"),
        *("count_nonzero", "softmax", "_softmax", "log_softmax", "_log_softmax", "_safe_softmax", "searchsorted"),
        *("batch_norm", "_native_batch_norm_legit_no_training", "_native_batch_norm_legit", "native_batch_norm"),
        *("layer_norm", "native_layer_norm", "group_norm", "native_group_norm", "instance_norm", "rms_norm"),
        *("local_response_norm", "_fused_rms_norm", "cudnn_batch_norm", "renorm", "_weight_norm", "norm_except_dim"),
        *("max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices", "avg_pool1d", "avg_pool2d"),
        *("avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d", "adaptive_avg_pool3d"),
        *("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d", "max_pool2d_with_indices", "lp_pool2d"),
        *("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "upsample_bilinear2d", "upsample_linear1d"),
        *("upsample_bicubic2d", "upsample_trilinear3d", "_upsample_nearest_exact2d", "_upsample_bilinear2d_aa"),
        *("_upsample_bicubic2d_aa", "grid_sampler", "grid_sampler_2d", "affine_grid_generator", "interpolate"),
    )
)
"""Operators of aten without multiply-adds in the sense above, whatever else they compute."""

_NONE_ELSEWHERE = frozenset(("higher_order.wrap_with_set_grad_enabled", "prims.convert_element_type", "prims.iota"))
_PYTHON = frozenset(("getitem",))
"""Functions of Python in a graph that compute nothing: any other may hold whatever is done inside it."""
