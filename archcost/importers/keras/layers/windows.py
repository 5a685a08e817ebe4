"""Convolutions, linear layers, pools: what slides over a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.importers.keras.layers.base import activated, translates

if TYPE_CHECKING:
    from archcost.importers.keras.walk import Step


def _window(layer: Any, kernel: list[int]) -> dict[str, Any]:
    """A causal layer reads before its beginning, which costs what `same` does."""
    padding = "same_upper" if layer.padding in ("same", "causal") and max(kernel) > 1 else [0] * len(kernel)
    dilation = list(getattr(layer, "dilation_rate", (1,) * len(kernel)))
    return {"stride": list(layer.strides), "padding": padding, "dilation": dilation}


@translates("Conv1D", "Conv2D", "Conv3D")
def conv(step: Step) -> bool | None:
    layer = step.layer
    kernel, channels = list(layer.kernel_size), step.walk.channels(step.x)
    weight = step.weight("kernel", (layer.filters, channels // layer.groups, *kernel))
    given: dict[str, Any] = {"input": step.x, "weight": weight, "bias": step.weight("bias", (layer.filters,))}
    given |= _window(layer, kernel)
    return activated(step, step.call(f"conv{len(kernel)}d", {**given, "groups": layer.groups}))


def _depthwise(step: Step, weight: str) -> tuple[str, dict[str, Any]]:
    layer, channels = step.layer, step.walk.channels(step.x)
    kernel, many = list(layer.kernel_size), channels * layer.depth_multiplier
    held = step.weight(weight, (many, 1, *kernel))
    given = {"input": step.x, "weight": held, "bias": None, **_window(layer, kernel), "groups": channels}
    return f"conv{len(kernel)}d", given


@translates("DepthwiseConv1D", "DepthwiseConv2D")
def depthwise(step: Step) -> bool | None:
    operator, given = _depthwise(step, "kernel")
    given["bias"] = step.weight("bias", (given["groups"] * step.layer.depth_multiplier,))
    return activated(step, step.call(operator, given))


@translates("SeparableConv1D", "SeparableConv2D")
def separable(step: Step) -> bool | None:
    layer = step.layer
    operator, given = _depthwise(step, "depthwise_kernel")
    many = given["groups"] * layer.depth_multiplier
    spread = step.call(operator, given, (1, many, *step.output[2:]))
    ones = [1] * len(layer.kernel_size)
    second: dict[str, Any] = {"input": spread, "weight": step.weight("pointwise_kernel", (layer.filters, many, *ones))}
    second |= {"bias": step.weight("bias", (layer.filters,)), "stride": ones, "dilation": ones, "groups": 1}
    return activated(step, step.call(operator, {**second, "padding": [0] * len(ones)}))


@translates("Conv2DTranspose")
def conv_transpose(step: Step) -> bool | None:
    """torch cuts both edges alike and adds rows at one; what that cannot say has no layer."""
    layer, kernel = step.layer, list(step.layer.kernel_size)
    stride, dilation = list(layer.strides), list(layer.dilation_rate)
    edges, extra = [], []
    for n, m, k, s, d in zip(step.shape[2:], step.output[2:], kernel, stride, dilation, strict=True):
        whole = (n - 1) * s + d * (k - 1) + 1
        cut = max(-(-(whole - m) // 2), 0)
        edges.append(cut)
        extra.append(m - whole + 2 * cut)
    weight = step.weight("kernel", (step.shape[1], layer.filters, *kernel))
    given: dict[str, Any] = {"input": step.x, "weight": weight, "bias": step.weight("bias", (layer.filters,))}
    given["stride"] = stride
    given |= {"padding": edges, "output_padding": extra, "dilation": dilation, "groups": 1}
    return activated(step, step.call("conv_transpose2d", given))


@translates("Dense")
def dense(step: Step) -> bool | None:
    """On a map, whose channels Keras has behind, it is a pointwise convolution."""
    units, features = step.layer.units, step.walk.channels(step.x)
    bias = step.weight("bias", (units,))
    if len(step.shape) == 4 and step.walk.last:
        kernel = step.weight("kernel", (units, features, 1, 1))
        given: dict[str, Any] = {"input": step.x, "weight": kernel, "bias": bias}
        given |= {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}
        return activated(step, step.call("conv2d", given))
    weight = step.weight("kernel", (units, features))
    return activated(step, step.call("linear", {"input": step.x, "weight": weight, "bias": bias}))


@translates("MaxPooling2D", "AveragePooling2D")
def pool(step: Step) -> bool | None:
    layer, kernel = step.layer, list(step.layer.pool_size)
    given: dict[str, Any] = {"self": step.x, "kernel_size": kernel, **_window(layer, kernel)}
    if type(layer).__name__ == "MaxPooling2D":
        return step.emit("max_pool2d", given)
    return step.emit(
        "avg_pool2d", {**given, **({"count_include_pad": False} if given["padding"] == "same_upper" else {})}
    )


@translates("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D")
def pool_all(step: Step) -> bool | None:
    layer = step.layer
    mean, rank = "Average" in type(layer).__name__, len(step.shape)
    dims = [1] if rank == 3 and step.walk.last else list(range(2, rank))
    return step.emit("mean" if mean else "amax", {"self": step.x, "dim": dims, "keepdim": bool(layer.keepdims)})


@translates("ZeroPadding2D")
def pad(step: Step) -> bool | None:
    (top, bottom), (left, right) = step.layer.padding
    return step.emit("pad", {"self": step.x, "pad": [left, right, top, bottom], "mode": "constant", "value": 0})


@translates("UpSampling2D")
def resize(step: Step) -> bool | None:
    modes = {"nearest": "nearest", "bilinear": "bilinear"}
    if step.layer.interpolation not in modes:
        return False
    return step.emit(f"upsample_{modes[step.layer.interpolation]}2d", {"input": step.x})
