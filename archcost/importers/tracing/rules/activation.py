"""Functions of each element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.importers.tracing.entries import Draft, Outcome
from archcost.importers.tracing.graph import Call, Ref
from archcost.importers.tracing.rules.base import axis_of, rule
from archcost.ops.elementwise import FUNCTIONS

if TYPE_CHECKING:
    from archcost.importers.tracing.mapping import Mapping

_PLAIN = {
    "relu": "relu",
    "relu6": "relu6",
    "leaky_relu": "leaky_relu",
    "elu": "elu",
    "selu": "selu",
    "celu": "elu",
    "gelu": "gelu",
    "silu": "silu",
    "mish": "mish",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "hardswish": "hard_swish",
    "hardsigmoid": "hard_sigmoid",
    "softplus": "softplus",
    "log_sigmoid": "log_sigmoid",
}


def _first(call: Call) -> Any:
    return call.arguments.get("self", call.arguments.get("input"))


@rule(*_PLAIN)
def activation(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    x = _first(call)
    return Draft(_PLAIN[call.operator], {}, [x.name]) if mapping.is_varying(x) else None


@rule("hardtanh", "clamp", "clip", "clamp_min", "clamp_max")
def clamped(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    x = _first(call)
    low = given.get("min_val", given.get("min"))
    high = given.get("max_val", given.get("max"))
    if not mapping.is_varying(x) or isinstance(low, Ref) or isinstance(high, Ref):
        return None
    if (low, high) in ((0, 6), (-1, 1)):
        return Draft("relu6" if high == 6 else "hard_tanh", {}, [x.name])
    if low is not None and high is not None:
        return None
    function, by = ("at_least", low) if high is None else ("at_most", high)
    return Draft("elementwise", {"function": function, "by": by}, [x.name])


@rule("softmax", "_softmax", "_safe_softmax")
def softmax(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    x = _first(call)
    if not mapping.is_varying(x):
        return None
    full = mapping.shape(x)
    axis = axis_of(int(call.arguments["dim"]), len(full)) + (0 if mapping.batched(x) else 1)
    shape = mapping.sample(x)
    usual = 0 if len(shape) == 3 else len(shape) - 1
    return Draft("softmax", {} if axis == usual else {"axis": axis}, [x.name]) if axis >= 0 else None


@rule("prelu")
def prelu(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    x, slopes = call.arguments["self"], call.arguments["weight"]
    if not mapping.is_varying(x) or not mapping.batched(x):
        return None
    return Draft("prelu", {} if mapping.shape(slopes) == (1,) else {"shared": False}, [x.name])


@rule(*FUNCTIONS)
def function(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    x = _first(call)
    return Draft("elementwise", {"function": call.operator}, [x.name]) if mapping.is_varying(x) else None
