"""Convolutions and pools: windows that slide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.importers.onnx.operators.base import MICROSOFT, translates
from archcost.importers.tracing.graph import Ref

if TYPE_CHECKING:
    from archcost.importers.onnx.step import Step


def padding(step: Step, kernel: list[int], stride: list[int], dilation: list[int]) -> Any:
    """`same_upper` where the output is ceil(input / stride), else a number for each axis, or [before, after]."""
    rule = step.attribute("auto_pad", "NOTSET")
    if rule == "SAME_UPPER" and max(kernel) > 1:
        return "same_upper"
    if rule == "SAME_LOWER" and max(kernel) > 1:
        found = []
        for n, k, s, d in zip(step.shape(0)[2:], kernel, stride, dilation, strict=True):
            total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
            found.append([total - total // 2, total // 2])
        return found
    flat = step.attribute("pads", None) if rule == "NOTSET" else None
    flat = flat or [0] * (2 * len(kernel))
    edges = [list(each) for each in zip(flat[: len(kernel)], flat[len(kernel) :], strict=True)]
    return [before for before, _ in edges] if all(before == after for before, after in edges) else edges


def window(step: Step, kernel: list[int]) -> dict[str, Any]:
    """Stride, padding and dilation by the names of aten."""
    ones = [1] * len(kernel)
    stride, dilation = step.attribute("strides", ones), step.attribute("dilations", ones)
    return {"stride": stride, "padding": padding(step, kernel, stride, dilation), "dilation": dilation}


def convolved(step: Step, weight: int, bias: int, operator: str = "conv") -> bool:
    """One with the weight and the bias among these inputs."""
    kernel = list(step.shape(weight)[2:])
    if not kernel:
        return False
    groups, channels = step.attribute("group", 1), step.shape(0)[1]
    if channels != step.shape(weight)[1] * groups:
        step.reject(f"its weight {list(step.shape(weight))} in {groups} groups does not fit {channels} channels")
    step.learn(weight, bias)
    arguments = {"input": step.ref(0), "weight": step.ref(weight), "bias": step.optional(bias), **window(step, kernel)}
    step.emit(f"{operator}{len(kernel)}d", {**arguments, "groups": groups})
    return True


@translates("Conv", arithmetic=True)
def conv(step: Step) -> bool | None:
    return convolved(step, 1, 2)


@translates("ConvInteger", arithmetic=True)
def conv_integer(step: Step) -> bool | None:
    return convolved(step, 1, len(step.node.input))


@translates("QLinearConv", arithmetic=True)
def conv_quantized(step: Step) -> bool | None:
    return convolved(step, 3, 8)


@translates("ConvTranspose", arithmetic=True)
def conv_transpose(step: Step) -> bool | None:
    kernel = list(step.shape(1)[2:])
    if not kernel:
        return False
    step.learn(1, 2)
    ones = [1] * len(kernel)
    stride, dilation = step.attribute("strides", ones), step.attribute("dilations", ones)
    edges, extra = _cut(step, kernel, stride, dilation)
    arguments: dict[str, Any] = {"input": step.ref(0), "weight": step.ref(1), "bias": step.optional(2)}
    arguments |= {"stride": stride, "padding": edges, "output_padding": extra, "dilation": dilation}
    step.emit(f"conv_transpose{len(kernel)}d", {**arguments, "groups": step.attribute("group", 1)})
    return True


def _cut(step: Step, kernel: list[int], stride: list[int], dilation: list[int]) -> tuple[list[int], list[int]]:
    """(rows and columns cut from each edge, those added at one): as torch says it. Uneven edges cut the smaller one
    twice and leave the rest to `output_padding`."""
    edges, extra = [], []
    for n, m, k, s, d in zip(step.shape(0)[2:], step.output[2:], kernel, stride, dilation, strict=True):
        whole = (n - 1) * s + d * (k - 1) + 1
        cut = max(-(-(whole - m) // 2), 0)
        edges.append(cut)
        extra.append(m - whole + 2 * cut)
    return edges, extra


@translates("DeformConv", arithmetic=True)
def conv_deformable(step: Step) -> bool | None:
    """The sampled positions' interpolation counts as none, as in torch."""
    step.learn(1, 3)
    weight = step.shape(1)
    total = 1
    for size in (*step.output, *weight[1:]):
        total *= size
    step.opaque(total)
    return True


@translates("MaxPool", "AveragePool")
def pool(step: Step) -> bool | None:
    kernel = step.attribute("kernel_shape", [])
    arguments: dict[str, Any] = {"self": step.ref(0), "kernel_size": kernel, **window(step, kernel)}
    arguments["ceil_mode"] = bool(step.attribute("ceil_mode", 0))
    largest = step.operator == "MaxPool"
    padded = arguments["padding"] == "same_upper" or any(arguments["padding"])
    if not largest and padded:
        arguments["count_include_pad"] = bool(step.attribute("count_include_pad", 0))
    operator = f"{'max' if largest else 'avg'}_pool{len(kernel)}d"
    if len(step.node.output) > 1:
        step.several(f"{operator}_with_indices" if len(kernel) == 2 else operator, arguments)
    else:
        step.emit(operator, arguments)
    return True


@translates("GlobalAveragePool", "GlobalMaxPool")
def pool_all(step: Step) -> bool | None:
    rank, mean = len(step.shape(0)), step.operator == "GlobalAveragePool"
    if rank == 4:
        step.emit(f"adaptive_{'avg' if mean else 'max'}_pool2d", {"self": step.ref(0), "output_size": [1, 1]})
    else:
        dims = list(range(2, rank))
        step.emit("mean" if mean else "amax", {"self": step.ref(0), "dim": dims, "keepdim": True})
    return True


_MODES = {"nearest": "nearest", "linear": "bilinear", "bilinear": "bilinear", "cubic": "bicubic"}


@translates("Resize", "Upsample")
def resize(step: Step) -> bool | None:
    before, after = step.shape(0), step.output
    mode = _MODES.get(step.attribute("mode", "nearest"))
    if len(before) != 4 or before[:2] != after[:2] or mode is None:
        return False
    if before == after:
        step.emit("alias", {"self": step.ref(0)})
        return True
    align = step.attribute("coordinate_transformation_mode", "") == "align_corners"
    step.emit(f"upsample_{mode}2d", {"input": step.ref(0), "align_corners": align})
    return True


@translates("FusedConv", domain=MICROSOFT, arithmetic=True)
def conv_fused(step: Step) -> bool | None:
    """Convolution, addition of a fourth input, activation."""
    if step.attribute("activation", "") not in _ACTIVATIONS:
        return False
    kernel = list(step.shape(1)[2:])
    step.learn(1, 2)
    given = {"input": step.ref(0), "weight": step.ref(1), "bias": step.optional(2), **window(step, kernel)}
    given["groups"] = step.attribute("group", 1)
    found: Ref = step.before("conv", f"conv{len(kernel)}d", given, step.output)
    if step.given(3):
        found = step.before("add", "add", {"self": found, "other": step.ref(3)}, step.output)
    low, high = [*(step.attribute("activation_params", None) or []), 0.0, 0.0][:2]
    arguments: dict[str, Any] = {"self": found}
    if step.attribute("activation", "") == "Clip":
        arguments |= {"min": low, "max": high}
    step.emit(_ACTIVATIONS[step.attribute("activation", "")], arguments)
    return True


_ACTIVATIONS = {
    "Relu": "relu",
    "Clip": "clamp",
    "LeakyRelu": "leaky_relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "HardSigmoid": "hardsigmoid",
}
