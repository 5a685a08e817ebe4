"""Functions of each element, arithmetic, reductions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from archcost.importers.onnx.operators.base import MICROSOFT, translates
from archcost.importers.tracing.graph import Ref

if TYPE_CHECKING:
    from archcost.importers.onnx.step import Step

_PLAIN = {
    "Relu": "relu",
    "LeakyRelu": "leaky_relu",
    "Elu": "elu",
    "Selu": "selu",
    "Celu": "celu",
    "Gelu": "gelu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "HardSwish": "hardswish",
    "Mish": "mish",
    "Softplus": "softplus",
    "Abs": "abs",
    "Neg": "neg",
    "Exp": "exp",
    "Log": "log",
    "Sqrt": "sqrt",
    "Reciprocal": "reciprocal",
    "Floor": "floor",
    "Ceil": "ceil",
    "Round": "round",
    "Sin": "sin",
    "Cos": "cos",
    "Erf": "erf",
    "Sign": "sign",
}


@translates(*_PLAIN)
def function(step: Step) -> bool | None:
    step.emit(_PLAIN[step.operator], {"self": step.ref(0)})
    return True


@translates("Swish")
def swish(step: Step) -> bool | None:
    if step.attribute("alpha", 1.0) != 1:
        return False
    step.emit("silu", {"self": step.ref(0)})
    return True


@translates("Gelu", "FastGelu", "BiasGelu", domain=MICROSOFT)
def gelu(step: Step) -> bool | None:
    x = step.ref(0)
    if step.given(1):
        step.learn(1)
        x = step.before("bias", "add", {"self": x, "other": step.ref(1)}, step.output)
    step.emit("gelu", {"self": x})
    return True


@translates("QuickGelu", domain=MICROSOFT)
def quick_gelu(step: Step) -> bool | None:
    """x · sigmoid(alpha · x)"""
    scaled = step.before("scaled", "mul", {"self": step.ref(0), "other": step.attribute("alpha", 1.702)}, step.output)
    gate = step.before("gate", "sigmoid", {"self": scaled}, step.output)
    step.emit("mul", {"self": step.ref(0), "other": gate})
    return True


@translates("HardSigmoid")
def hard_sigmoid(step: Step) -> bool | None:
    """The usual one, or its arithmetic."""
    alpha, beta = step.attribute("alpha", 0.2), step.attribute("beta", 0.5)
    if math.isclose(alpha, 1 / 6, rel_tol=1e-4) and beta == 0.5:
        step.emit("hardsigmoid", {"self": step.ref(0)})
        return True
    x = step.before("times", "mul", {"self": step.ref(0), "other": round(alpha, 6)}, step.output)
    x = step.before("plus", "add", {"self": x, "other": round(beta, 6)}, step.output)
    x = step.before("at_least", "clamp", {"self": x, "min": 0, "max": None}, step.output)
    step.emit("clamp", {"self": x, "min": None, "max": 1})
    return True


@translates("Clip")
def clip(step: Step) -> bool | None:
    bounds: list[float | None] = []
    for place, name, unbounded in ((1, "min", -3.4e38), (2, "max", 3.4e38)):
        if step.given(place) and step.number(place) is None:
            return False
        found = step.number(place) if step.given(place) else step.attribute(name, None)
        bounds.append(None if found is None or abs(found) >= abs(unbounded) or math.isinf(found) else _neat(found))
    low, high = bounds
    if low is None and high is None:
        step.emit("alias", {"self": step.ref(0)})
    elif (low, high) == (0, None):
        step.emit("relu", {"self": step.ref(0)})
    else:
        step.emit("clamp", {"self": step.ref(0), "min": low, "max": high})
    return True


@translates("PRelu")
def prelu(step: Step) -> bool | None:
    """Slopes that stretch to the channels come as [c, 1, 1]."""
    if not step.constant(1):
        return False
    step.learn(1)
    slopes, count = step.ref(1), math.prod(step.shape(1))
    if len(step.shape(1)) != 1:
        slopes = step.before("slopes", "view", {"self": slopes}, (count,))
    step.emit("prelu", {"self": step.ref(0), "weight": slopes})
    return True


@translates("Softmax", "LogSoftmax")
def softmax(step: Step) -> bool | None:
    """Older opsets take all axes from `axis` on as one."""
    rank = len(step.shape(0))
    axis = step.attribute("axis", 1 if step.version < 13 else -1) % rank
    if step.version < 13 and math.prod(step.shape(0)[axis:]) != step.shape(0)[axis]:
        return False
    step.emit("softmax" if step.operator == "Softmax" else "log_softmax", {"self": step.ref(0), "dim": axis})
    return True


_ARITHMETIC = {"Add": "add", "Mul": "mul", "Sub": "sub", "Div": "div", "Pow": "pow"}


@translates(*_ARITHMETIC)
def arithmetic(step: Step) -> bool | None:
    """Of two tensors, or of one and a number."""
    if step.operator == "Add" and _biased(step):
        return True
    operator, refs = _ARITHMETIC[step.operator], [step.ref(0), step.ref(1)]
    numbers = [step.number(place) if step.constant(place) else None for place in (0, 1)]
    numbers = [
        None if step.name(place) in step.walk.stored and _wide(step, place) else numbers[place] for place in (0, 1)
    ]
    if numbers[1] is not None and step.shape(0) == step.output:
        by: Any = _neat(numbers[1])
        step.emit(operator, {"self": refs[0], ("exponent" if operator == "pow" else "other"): by})
    elif numbers[0] is not None and step.shape(1) == step.output and operator != "pow":
        _number_first(step, operator, _neat(numbers[0]), refs[1])
    elif operator == "pow":
        return False
    else:
        step.emit(operator, {"self": refs[0], "other": refs[1]})
    return True


def _wide(step: Step, place: int) -> bool:
    return math.prod(step.shape(place)) > 1


def _number_first(step: Step, operator: str, number: float, x: Ref) -> None:
    if operator == "div":
        if number != 1:
            x = step.before("reciprocal", "reciprocal", {"self": x}, step.output)
            step.emit("mul", {"self": x, "other": number})
        else:
            step.emit("reciprocal", {"self": x})
    else:
        step.emit("rsub" if operator == "sub" else operator, {"self": x, "other": number})


def _biased(step: Step) -> bool:
    """A learned addend right after a product or a convolution that has none is its bias."""
    for place, other in ((0, 1), (1, 0)):
        call = step.walk.calls.get(step.name(place))
        if (
            call is None
            or call.namespace != "aten"
            or not step.constant(other)
            or step.name(other) not in step.walk.stored
        ):
            continue
        if step.walk.readers.get(call.name) != 1 or call.arguments.get("bias", 0) is not None:
            continue
        shape = step.shape(other)
        channels = len(call.shape) - (1 if call.operator == "linear" else len(call.shape) - 1)
        behind = len(call.shape) - 1 - channels
        aligned = len(shape) > behind and shape[len(shape) - 1 - behind] == call.shape[channels] == math.prod(shape)
        if aligned and step.output == call.shape:
            step.learn(other)
            step.emit(call.operator, {**call.arguments, "bias": step.ref(other)}, call.path)
            return True
    return False


@translates("Max", "Min", "Sum")
def several(step: Step) -> bool | None:
    operator = {"Max": "maximum", "Min": "minimum", "Sum": "add"}[step.operator]
    count = len(step.node.input)
    if count == 1:
        step.emit("alias", {"self": step.ref(0)})
        return True
    if count > 2 and any(step.shape(place) != step.output for place in range(count)):
        return False
    found = step.ref(0)
    for place in range(1, count - 1):
        found = step.before(f"{operator}{place}", operator, {"self": found, "other": step.ref(place)}, step.output)
    number = step.number(count - 1)
    other: Any = step.ref(count - 1) if number is None or step.name(count - 1) in step.walk.stored else number
    step.emit(operator, {"self": found, "other": other})
    return True


_REDUCED = {"ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "amax", "ReduceMin": "amin"}


@translates(*_REDUCED, "ReduceL2")
def reduced(step: Step) -> bool | None:
    axes = step.integers(1, "axes")
    if not axes:
        if step.attribute("noop_with_empty_axes", 0):
            step.emit("alias", {"self": step.ref(0)})
            return True
        axes = list(range(len(step.shape(0))))
    dims = [axis % len(step.shape(0)) for axis in axes]
    arguments = {"self": step.ref(0), "dim": dims, "keepdim": bool(step.attribute("keepdims", 1))}
    step.emit(_REDUCED.get(step.operator, "linalg_vector_norm"), arguments)
    return True


def _neat(number: float) -> float:
    """A float32 as somebody wrote it: 0.1, not 0.10000000149."""
    return float(f"{number:.7g}")
