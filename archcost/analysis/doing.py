"""What a traced operator does, by torch's name for it, as far as counters tell such operators apart."""

from __future__ import annotations

DOES = {
    "moves": frozenset(
        (
            *("view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "expand", "permute"),
            *("transpose", "t", "movedim", "select", "slice", "narrow", "split", "chunk", "unbind", "getitem", "roll"),
            *("index", "index_select", "gather", "cat", "stack", "repeat", "flip", "clone", "contiguous", "alias"),
            *("pad", "constant_pad_nd", "pixel_shuffle", "pixel_unshuffle", "split_with_sizes", "tile", "view_as"),
            *(f"{kind}_pad{n}d" for kind in ("reflection", "replication") for n in (1, 2, 3)),
        )
    ),
    "adds": frozenset(("add", "sub", "rsub")),
    "scales": frozenset(("mul", "div")),
    "maps": frozenset(
        (
            *("abs", "neg", "exp", "log", "log2", "sqrt", "rsqrt", "square", "reciprocal", "pow", "sin", "cos", "erf"),
            *("sign", "floor", "ceil", "round", "clamp", "clamp_min", "clamp_max", "clip", "where", "masked_fill"),
            *("eq", "ne", "lt", "le", "gt", "ge", "minimum", "maximum", "logical_and", "logical_or", "logical_not"),
            *("sigmoid", "tanh", "hardswish", "hardsigmoid", "softplus", "softsign", "log_sigmoid", "floor_divide"),
        )
    ),
    "reduces": frozenset(
        (
            *("sum", "amax", "amin", "max", "min", "argmax", "argmin", "prod", "norm", "linalg_vector_norm", "std"),
            *("var", "logsumexp", "cumsum", "topk", "sort", "any", "all"),
        )
    ),
    "averages": frozenset(("mean",)),
    "instance_norm": frozenset(("instance_norm",)),
    "convolves": frozenset(("conv1d", "conv2d", "conv3d")),
    "convolves_transposed": frozenset(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")),
    "linear": frozenset(("linear",)),
    "multiplies_matrices": frozenset(("matmul", "bmm", "mm")),
}


def does(operator: str) -> str:
    """The key of `DOES` that an operator falls under; `other` where it does under none."""
    return next((name for name, operators in DOES.items() if operator in operators), "other")
