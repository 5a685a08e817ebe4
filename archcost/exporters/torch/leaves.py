"""One operator as PyTorch code: how its module is constructed, and how it is said in an expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archcost.errors import ArchcostError
from archcost.exporters.torch.code import Call, Signature, Value
from archcost.exporters.torch.leaf import Leaf, Margins, one, order, untold
from archcost.exporters.torch.windows import adaptive_pool, avg_pool, conv, conv_transpose, global_pool, max_pool
from archcost.graph import Layer
from archcost.ops.base import Recipe


def leaf(layer: Layer) -> Leaf:
    """The code of a layer.

    Raises ArchcostError for an operator that cannot be written so.
    """
    recipe = layer.op.recipe(layer.source)
    write = WRITERS.get(recipe.name)
    if write is None:
        raise ArchcostError(f"{layer.name}: `{layer.kind}` cannot be written as PyTorch code")
    return write(layer, **{name: _plain(value) for name, value in recipe.arguments.items()})


def expressible(recipe: Recipe) -> bool:
    """Whether there is a way to write this recipe."""
    return recipe.name in WRITERS


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return int(value) if hasattr(value, "__index__") and not isinstance(value, bool) else value


def _linear(layer: Layer, **arguments: Any) -> Leaf:
    return Leaf((Call.of("nn.Linear", **arguments),))


def _batch_norm(layer: Layer, channels: int, rank: int, gamma: bool, beta: bool) -> Leaf:
    name = "nn.BatchNorm2d" if rank == 3 else "nn.BatchNorm1d"
    if gamma == beta:
        return Leaf((Call.of(name, num_features=channels, affine=gamma),))
    lacking = "NoShift" if gamma else "NoScale"
    return Leaf((Call.of(f"{name.removeprefix('nn.')}{lacking}", num_features=channels),))


def _layer_norm(layer: Layer, shape: tuple[int, ...], over: str, affine: bool, beta: bool) -> Leaf:
    given: dict[str, Value] = {"elementwise_affine": affine, "bias": beta or not affine}
    if over == "channels" and len(shape) > 1:
        return Leaf((Call.of("ChannelLayerNorm", normalized_shape=shape[0], **given),))
    size: Value = shape if over == "all" and len(shape) > 1 else shape[-1]
    return Leaf((Call.of("nn.LayerNorm", normalized_shape=size, **given),))


def _layer_scale(layer: Layer, sizes: tuple[int, ...]) -> Leaf:
    """The channels go by a name of their own, as what a block's class may be given."""
    names = ["channels", *(str(place) for place in range(1, len(sizes)))]
    return Leaf((Call.of("LayerScale", **dict(zip(names, sizes, strict=True))),))


def _function(layer: Layer, function: str, by: float) -> Leaf:
    number = repr(int(by) if by == int(by) else by)
    infix = {"plus": ("+", 1), "times": ("*", 2), "divided_by": ("/", 2)}
    if function in infix:
        sign, binds = infix[function]
        return Leaf((), f"{{0}} {sign} {number}", binds)
    prefix = {"power": "pow", "subtracted_from": "rsub"}
    if function in prefix:
        return Leaf((), f"torch.{prefix[function]}({{0}}, {number})")
    bound = {"at_least": "min", "at_most": "max"}
    if function in bound:
        return Leaf((), f"{{0}}.clamp({bound[function]}={number})")
    return Leaf((), f"torch.{function}({{0}})")


def _infix(sign: str, binds: int) -> Callable[..., Leaf]:
    return lambda layer: Leaf((), f" {sign} ".join(f"{{{i}}}" for i in range(len(layer.inputs))), binds)


def _extreme(name: str) -> Callable[..., Leaf]:
    def write(layer: Layer) -> Leaf:
        said = "{0}"
        for place in range(1, len(layer.inputs)):
            said = f"torch.{name}({said}, {{{place}}})"
        return Leaf((), said)

    return write


def _reduce(layer: Layer, function: str, axes: tuple[int, ...], keep_dims: bool) -> Leaf:
    order = [axis + 1 for axis in axes]
    over = str(order[0]) if len(order) == 1 else f"({', '.join(map(str, order))})"
    keep = ", keepdim=True" if keep_dims else ""
    if function == "norm":
        return Leaf((), f"torch.linalg.vector_norm({{0}}, dim={over}{keep})")
    return Leaf((), f"{{0}}.{ {'max': 'amax', 'min': 'amin'}.get(function, function) }({over}{keep})")


def _slice(layer: Layer, axis: int, start: int, length: int) -> Leaf:
    kept = f"{start or ''}:{start + length}"
    return Leaf((), f"{{0}}[{':, ' * (axis + 1)}{kept}]")


def _attend(layer: Layer, masked: bool) -> Leaf:
    mask = ", attn_mask={3}" if masked else ""
    return Leaf((), f"F.scaled_dot_product_attention({{0}}, {{1}}, {{2}}{mask})")


def _refused(layer: Layer, **_: Any) -> Leaf:
    raise ArchcostError(untold(layer))


def _plainly(module: str, said: str) -> Callable[..., Leaf]:
    return lambda layer: Leaf((Call.of(module),), said)


def _softmax(layer: Layer, axis: int) -> Leaf:
    return Leaf((Call.of("nn.Softmax", dim=axis),), f"F.softmax({{0}}, dim={axis})")


def _flatten(layer: Layer, start: int) -> Leaf:
    return Leaf((Call.of("nn.Flatten", start_dim=start + 1),), f"{{0}}.flatten({start + 1})")


def _reshape(layer: Layer, sizes: tuple[int, ...]) -> Leaf:
    return Leaf((Call.listing("Reshape", *sizes),), f"{{0}}.reshape(-1, {', '.join(map(str, sizes))})")


def _transpose(layer: Layer, axes: tuple[int, ...]) -> Leaf:
    order = (0, *(axis + 1 for axis in axes))
    return Leaf((Call.listing("Permute", *order),), f"{{0}}.permute({', '.join(map(str, order))})")


def _rearrange(layer: Layer, axes: tuple[int, ...], sizes: tuple[int, ...]) -> Leaf:
    turned = _transpose(layer, axes)
    if tuple(layer.input_shapes[0][axis] for axis in axes) == tuple(sizes):
        return turned
    after = _reshape(layer, sizes)
    both = Call.listing("nn.Sequential", turned.forms[0], after.forms[0])
    return Leaf((both,), str(after.said).format(turned.said))


def _entry(layer: Layer, axis: int, index: int, sizes: tuple[int, ...]) -> Leaf:
    return Leaf((), f"{{0}}.select({axis + 1}, {index}).reshape(-1, {', '.join(map(str, sizes))})")


def _split(layer: Layer, parts: int, part: int, axis: int) -> Leaf:
    module = Call.of("Split", parts=parts, part=part, dim=axis + 1)
    return Leaf((module,), f"{{0}}.chunk({parts}, dim={axis + 1})[{part}]")


def _select(layer: Layer, index: int) -> Leaf:
    return Leaf((Call.of("Select", index=index),), f"{{0}}[:, {index}]")


def _pad(layer: Layer, margins: Margins, mode: str) -> Leaf:
    name = {"zeros": "nn.ZeroPad2d", "reflect": "nn.ReflectionPad2d", "replicate": "nn.ReplicationPad2d"}[mode]
    sides = order(margins)
    return Leaf((Call.of(name, padding=sides[0] if len(set(sides)) == 1 else sides),))


def _resize(layer: Layer, size: tuple[int, int], mode: str) -> Leaf:
    factor = getattr(layer.op, "factor", None)
    wanted = {"size": one(size)} if factor is None else {"scale_factor": one(_plain(factor))}
    return Leaf((Call.of("nn.Upsample", **wanted, mode=mode),))


def _matmul(layer: Layer, transpose: bool) -> Leaf:
    return Leaf((), "{0} @ {1}.transpose(-1, -2)" if transpose else "{0} @ {1}", 2)


def _group_norm(layer: Layer, groups: int, channels: int, affine: bool) -> Leaf:
    return Leaf((Call.of("nn.GroupNorm", num_groups=groups, num_channels=channels, affine=affine),))


WRITERS: dict[str, Callable[..., Leaf]] = {
    "conv": conv,
    "conv_transpose": conv_transpose,
    "linear": _linear,
    "matmul": _matmul,
    "attention": lambda layer, **given: Leaf((Call.of("Attention", **given),)),
    "class_token": lambda layer, count, features: Leaf((Call.of("ClassToken", features=features, count=count),)),
    "position_embedding": lambda layer, shape: Leaf((Call.listing("PositionEmbedding", *shape),)),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "local_response_norm": lambda layer, size: Leaf((Call.of("nn.LocalResponseNorm", size=size),)),
    "layer_scale": _layer_scale,
    "relu": _plainly("nn.ReLU", "F.relu({0})"),
    "relu6": _plainly("nn.ReLU6", "F.relu6({0})"),
    "leaky_relu": _plainly("nn.LeakyReLU", "F.leaky_relu({0})"),
    "elu": _plainly("nn.ELU", "F.elu({0})"),
    "hard_swish": _plainly("nn.Hardswish", "F.hardswish({0})"),
    "hard_sigmoid": _plainly("nn.Hardsigmoid", "F.hardsigmoid({0})"),
    "silu": _plainly("nn.SiLU", "F.silu({0})"),
    "gelu": _plainly("nn.GELU", "F.gelu({0})"),
    "sigmoid": _plainly("nn.Sigmoid", "torch.sigmoid({0})"),
    "tanh": _plainly("nn.Tanh", "torch.tanh({0})"),
    "mish": _plainly("nn.Mish", "F.mish({0})"),
    "softplus": _plainly("nn.Softplus", "F.softplus({0})"),
    "selu": _plainly("nn.SELU", "F.selu({0})"),
    "log_sigmoid": _plainly("nn.LogSigmoid", "F.logsigmoid({0})"),
    "hard_tanh": _plainly("nn.Hardtanh", "F.hardtanh({0})"),
    "prelu": lambda layer, slopes: Leaf((Call.of("nn.PReLU", num_parameters=slopes),)),
    "rms_norm": lambda layer, features, affine: Leaf(
        (Call.of("nn.RMSNorm", normalized_shape=features, elementwise_affine=affine),)
    ),
    "elementwise": _function,
    "reduce": _reduce,
    "slice": _slice,
    "scaled_dot_product_attention": _attend,
    "traced": _refused,
    "constant": _refused,
    "softmax": _softmax,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "adaptive_avg_pool": adaptive_pool("Avg"),
    "adaptive_max_pool": adaptive_pool("Max"),
    "global_avg_pool": global_pool("avg"),
    "global_max_pool": global_pool("max"),
    "add": _infix("+", 1),
    "subtract": _infix("-", 1),
    "multiply": _infix("*", 2),
    "divide": _infix("/", 2),
    "minimum": _extreme("minimum"),
    "maximum": _extreme("maximum"),
    "concat": lambda layer, axis: Leaf((), f"torch.cat([{{all}}], dim={axis + 1})"),
    "split": _split,
    "select": _select,
    "flatten": _flatten,
    "reshape": _reshape,
    "transpose": _transpose,
    "rearrange": _rearrange,
    "entry": _entry,
    "channel_shuffle": lambda layer, groups: Leaf((Call.of("ChannelShuffle", groups=groups),)),
    "pad": _pad,
    "resize": _resize,
    "dropout": lambda layer, p: Leaf((Call.of("nn.Dropout", p=p),)),
    "stochastic_depth": lambda layer, p: Leaf((Call.of("StochasticDepth", p=p),)),
}

SIGNATURES: dict[str, Signature] = {
    **{
        name: Signature(
            ("in_channels", "out_channels", "kernel_size"),
            {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1, "bias": True},
        )
        for name in ("nn.Conv2d", "nn.ConvTranspose2d", "Conv2dSame", "PaddedConv2d")
    },
    "nn.Linear": Signature(("in_features", "out_features"), {"bias": True}),
    "nn.BatchNorm2d": Signature(("num_features",), {"affine": True}),
    "nn.BatchNorm1d": Signature(("num_features",), {"affine": True}),
    **{f"BatchNorm{rank}dNo{part}": Signature(("num_features",)) for rank in (1, 2) for part in ("Scale", "Shift")},
    "nn.LayerNorm": Signature(("normalized_shape",), {"elementwise_affine": True, "bias": True}),
    "ChannelLayerNorm": Signature(("normalized_shape",), {"elementwise_affine": True, "bias": True}),
    "nn.RMSNorm": Signature(("normalized_shape",), {"elementwise_affine": True}),
    "nn.PReLU": Signature(("num_parameters",), {"num_parameters": 1}),
    "nn.GroupNorm": Signature(("num_groups", "num_channels"), {"affine": True}),
    "nn.LocalResponseNorm": Signature(("size",)),
    "LayerScale": Signature(("channels",)),
    "ClassToken": Signature(("features",), {"count": 1}),
    "Attention": Signature(("features", "heads"), {"bias": True}),
    **{
        name: Signature(
            ("kernel_size", "stride"),
            {"padding": 0, "dilation": 1, "ceil_mode": False, "count_include_pad": True},
        )
        for name in ("nn.MaxPool2d", "nn.AvgPool2d", "MaxPool2dSame", "AvgPool2dSame", "ValidAvgPool2d")
    },
    "nn.AdaptiveAvgPool2d": Signature(("output_size",)),
    "nn.AdaptiveMaxPool2d": Signature(("output_size",)),
    "nn.Flatten": Signature(("start_dim",), {"start_dim": 1}),
    "Select": Signature(("index",)),
    "Split": Signature(("parts", "part", "dim")),
    "nn.ZeroPad2d": Signature(("padding",)),
    "nn.ReflectionPad2d": Signature(("padding",)),
    "nn.ReplicationPad2d": Signature(("padding",)),
    "nn.ConstantPad2d": Signature(("padding", "value")),
    "nn.Upsample": Signature((), {"mode": "nearest"}),
    "ChannelShuffle": Signature(("groups",)),
    "nn.Dropout": Signature(("p",)),
    "StochasticDepth": Signature(("p",)),
}
"""How each module is constructed, where not all arguments go by name."""
