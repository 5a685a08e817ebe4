"""Norms, functions of each element, arithmetic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from archcost.importers.keras.layers.base import activated, translates

if TYPE_CHECKING:
    from archcost.importers.keras.walk import Step


@translates("BatchNormalization")
def batch_norm(step: Step) -> bool | None:
    layer = step.layer
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    if step.walk.axis(axis, len(step.shape)) != 1:
        return False
    sizes = (step.shape[1],)
    given = {"weight": step.weight("gamma", sizes), "bias": step.weight("beta", sizes)}
    given |= {"running_mean": step.weight("moving_mean", sizes, "buffer")}
    given |= {"running_var": step.weight("moving_variance", sizes, "buffer")}
    return step.emit("batch_norm", {"input": step.x, **given})


@translates("LayerNormalization")
def layer_norm(step: Step) -> bool | None:
    layer, rank = step.layer, len(step.shape)
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    if len(axes) != 1 or axes[0] % rank != rank - 1 or getattr(layer, "rms_scaling", False):
        return False
    sizes = (step.walk.channels(step.x),)
    given = {"weight": step.weight("gamma", sizes), "bias": step.weight("beta", sizes)}
    channels = step.walk.last and rank > 3
    return step.emit("layer_norm", {"input": step.x, "normalized_shape": list(sizes), "channels": channels, **given})


@translates("GroupNormalization")
def group_norm(step: Step) -> bool | None:
    sizes = (step.walk.channels(step.x),)
    given = {"weight": step.weight("gamma", sizes), "bias": step.weight("beta", sizes)}
    groups = sizes[0] if step.layer.groups == -1 else step.layer.groups
    return step.emit("group_norm", {"input": step.x, "num_groups": groups, **given})


@translates("Activation")
def activation(step: Step) -> bool | None:
    return activated(step, step.x)


@translates("ReLU")
def relu(step: Step) -> bool | None:
    layer = step.layer
    most, slope = layer.max_value, layer.negative_slope
    if layer.threshold or (slope and most is not None):
        return False
    if most is not None:
        return step.emit("clamp", {"self": step.x, "min": 0, "max": int(most) if most == int(most) else most})
    return step.emit("leaky_relu" if slope else "relu", {"self": step.x})


@translates("LeakyReLU", "ELU", "Softplus")
def unit(step: Step) -> bool | None:
    names = {"LeakyReLU": "leaky_relu", "ELU": "elu", "Softplus": "softplus"}
    return step.emit(names[type(step.layer).__name__], {"self": step.x})


@translates("PReLU")
def prelu(step: Step) -> bool | None:
    variable = step.layer.alpha
    if variable is None or math.prod(variable.shape) not in (1, step.walk.channels(step.x)):
        return False
    return step.emit("prelu", {"self": step.x, "weight": step.weight("alpha", (math.prod(variable.shape),))})


@translates("Softmax")
def softmax(step: Step) -> bool | None:
    axis = step.layer.axis
    return (
        step.emit("softmax", {"self": step.x, "dim": step.walk.axis(axis, len(step.shape))})
        if isinstance(axis, int)
        else False
    )


_ARITHMETIC = {
    "Add": "add",
    "Multiply": "mul",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "Subtract": "sub",
    "Divide": "div",
    "TrueDivide": "div",
}


@translates(*_ARITHMETIC)
def arithmetic(step: Step) -> bool | None:
    """Of layers, or of a layer and a number."""
    operator = _ARITHMETIC[type(step.layer).__name__]
    if len(step.refs) == 1:
        numbers = [each for each in step.arguments.args if isinstance(each, (int, float))]
        turned = bool(step.arguments.args) and isinstance(step.arguments.args[0], (int, float))
        if len(numbers) != 1 or (turned and operator == "div"):
            return False
        return step.emit("rsub" if turned and operator == "sub" else operator, {"self": step.x, "other": numbers[0]})
    found = step.refs[0]
    for place, other in enumerate(step.refs[1:], 2):
        found = step.call(operator, {"self": found, "other": other}, step.output if place == len(step.refs) else None)
    return step.pass_on(found)


@translates("CustomScaleLayer")
def scaled_sum(step: Step) -> bool | None:
    """Of InceptionResNetV2: x + scale · y."""
    scaled = step.call("mul", {"self": step.refs[1], "other": float(step.layer.scale)})
    return step.emit("add", {"self": step.refs[0], "other": scaled})


@translates("Concatenate")
def concat(step: Step) -> bool | None:
    dim = step.walk.axis(step.layer.axis, len(step.output))
    return step.emit("cat", {"tensors": step.refs, "dim": dim})


@translates("LayerScale")
def layer_scale(step: Step) -> bool | None:
    """Of ConvNeXt: a learned number for each channel."""
    count = step.walk.channels(step.x)
    return step.emit("mul", {"self": step.x, "other": step.weight("gamma", (count, 1, 1))})


@translates("Rescaling")
def rescale(step: Step) -> bool | None:
    """x · scale + offset, each a number or one for each channel."""
    found = step.x
    for operator, value, nothing in (("mul", step.layer.scale, 1), ("add", step.layer.offset, 0)):
        if isinstance(value, (int, float)):
            found = step.call(operator, {"self": found, "other": float(value)}) if value != nothing else found
        else:
            found = step.call(operator, {"self": found, "other": step.walk.table(step.path, operator, step.shape[1])})
    return step.pass_on(found)


@translates("Normalization")
def normalize(step: Step) -> bool | None:
    """(x - mean) / √variance, statistics of the data that are not learned."""
    count = step.shape[1]
    centred = step.call("sub", {"self": step.x, "other": step.walk.table(step.path, "mean", count)})
    return step.emit("div", {"self": centred, "other": step.walk.table(step.path, "deviation", count)})
