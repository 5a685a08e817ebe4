"""Convolutions and pools as PyTorch code, whose margins PyTorch does not always have a word for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archcost.exporters.torch.code import Call, Code, Value
from archcost.exporters.torch.leaf import Leaf, Margins, one, order
from archcost.graph import Layer


def _even(margins: Margins) -> Value | None:
    """The padding of a module that pads both sides alike; None where they differ."""
    (top, bottom), (left, right) = margins
    return one((top, left)) if top == bottom and left == right else None


def _fixed(layer: Layer) -> tuple[bool, bool]:
    """Whether `same` is said, and whether it comes to these margins at any input size: odd windows that step by one."""
    op: Any = layer.op
    same = getattr(op, "padding", None) == "same"
    step = getattr(op, "step", op.stride)
    reach = [d * (k - 1) for k, d in zip(op.kernel, op.dilation, strict=True)]
    always = all((s == 1 and r % 2 == 0) or r == 0 for s, r in zip(step, reach, strict=True))
    return same, not same or always


def conv(layer: Layer, margins: Margins, **arguments: Any) -> Leaf:
    given = {name: one(value) for name, value in arguments.items()}
    same, fixed = _fixed(layer)
    padding = _even(margins)
    forms = []
    if padding is not None and fixed:
        forms.append(Call.of("nn.Conv2d", **_after(given, "stride", padding=padding)))
    if same:
        forms.append(Call.of("Conv2dSame", **given))
    else:
        forms.append(Call.of("PaddedConv2d", **_after(given, "kernel_size", margins=order(margins))))
    return Leaf(tuple(forms))


def _after(given: dict[str, Any], name: str, **more: Any) -> dict[str, Any]:
    """Arguments with some more put behind one of them."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        found[key] = value
        if key == name:
            found |= more
    return found


def conv_transpose(layer: Layer, **arguments: Any) -> Leaf:
    return Leaf((Call.of("nn.ConvTranspose2d", **{name: one(value) for name, value in arguments.items()}),))


def max_pool(layer: Layer, margins: Margins, output_size: Any, **arguments: Any) -> Leaf:
    given = {name: one(arguments[name]) for name in ("kernel_size", "stride", "dilation", "ceil_mode")}
    same, fixed = _fixed(layer)
    padding = _within(margins, arguments["kernel_size"])
    forms = []
    if padding is not None and fixed:
        forms.append(_stepped(Call.of("nn.MaxPool2d", **_after(given, "stride", padding=padding))))
    if same:
        forms.append(_stepped(Call.of("MaxPool2dSame", **{**given, "ceil_mode": False})))
    if not forms:
        pad = Call.of("nn.ConstantPad2d", padding=order(margins), value=Code('float("-inf")'))
        forms.append(_cropped(pad, _stepped(Call.of("nn.MaxPool2d", **given)), output_size))
    return Leaf(tuple(forms))


def avg_pool(layer: Layer, margins: Margins, output_size: Any, count_include_pad: bool, **arguments: Any) -> Leaf:
    given = {name: one(arguments[name]) for name in ("kernel_size", "stride", "ceil_mode")}
    same, fixed = _fixed(layer)
    padding = _within(margins, arguments["kernel_size"])
    counted = {"count_include_pad": count_include_pad if padding or same else True}
    forms = []
    if padding is not None and fixed:
        call = Call.of("nn.AvgPool2d", **_after(given, "stride", padding=padding), **counted)
        forms.append(_stepped(call))
    if same:
        forms.append(_stepped(Call.of("AvgPool2dSame", **{**given, "ceil_mode": False}, **counted)))
    if not forms and count_include_pad:
        pad = Call.of("nn.ZeroPad2d", padding=order(margins))
        forms.append(_cropped(pad, _stepped(Call.of("nn.AvgPool2d", **given)), output_size))
    if not forms:
        pool = Call.of("ValidAvgPool2d", **_after(given, "stride", margins=order(margins)))
        forms.append(_cropped(pool, None, output_size))
    return Leaf(tuple(forms))


def _within(margins: Margins, kernel: tuple[int, int]) -> Value | None:
    """The padding as torch's pools take it: even, at most half the window."""
    (top, _), (left, _) = margins
    return _even(margins) if 2 * top <= kernel[0] and 2 * left <= kernel[1] else None


def _stepped(call: Call) -> Call:
    """A pool without its stride where that is the window's size, as torch has it by itself."""
    given = dict(call.arguments)
    if given["stride"] == given["kernel_size"]:
        del given["stride"]
    return Call.of(call.callee, **given)


def _cropped(first: Call, second: Call | None, size: tuple[int, int]) -> Call:
    parts = [first, *([second] if second else []), Call.listing("Crop", *size)]
    return Call.listing("nn.Sequential", *parts)


def global_pool(kind: str) -> Callable[..., Leaf]:
    def write(layer: Layer, keep_dims: bool) -> Leaf:
        pool = Call.of(f"nn.Adaptive{kind.capitalize()}Pool2d", output_size=1)
        said = f"F.adaptive_{kind}_pool2d({{0}}, 1)"
        if keep_dims:
            return Leaf((pool,), said)
        return Leaf((Call.listing("nn.Sequential", pool, Call.of("nn.Flatten")),), f"{said}.flatten(1)")

    return write


def adaptive_pool(kind: str) -> Callable[..., Leaf]:
    return lambda layer, output_size: Leaf((Call.of(f"nn.Adaptive{kind}Pool2d", output_size=one(output_size)),))
