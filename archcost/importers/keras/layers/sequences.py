"""Attention, recurrent layers, and layers around another one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from archcost.importers.keras.layers.base import TRANSLATIONS, translates

if TYPE_CHECKING:
    from archcost.importers.keras.walk import Step

_GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}


@translates("MultiHeadAttention")
def attention(step: Step) -> bool | None:
    """Heads · d of queries and keys, heads · v of values: x · W for each, q · kᵀ, weights · v, and back to the output.

    One axis is attended over: the tokens.
    """
    layer, given = step.layer, step.arguments
    named = [*given.args, *(given.kwargs.get(name) for name in ("query", "value", "key")[len(given.args) :])][:3]
    shapes = [step.walk.shapes[step.walk.tensors[id(tensor)].name] for tensor in named if tensor is not None]
    if len(shapes) < 2 or any(len(shape) != 3 for shape in shapes) or getattr(layer, "_use_gate", False):
        return False
    query, value, key = shapes[0], shapes[1], shapes[-1]
    heads, deep = layer.num_heads, layer.key_dim
    wide = layer.value_dim or deep
    projected = query[1] * query[2] * deep + key[1] * key[2] * deep + value[1] * value[2] * wide
    attended = query[1] * value[1] * (deep + wide)
    step.opaque(heads * (projected + attended + query[1] * wide * step.output[-1]))
    return True


def _recurrent(layer: Any, tokens: int) -> int | None:
    """Each matrix is used once at each step."""
    gates = _GATES.get(type(layer).__name__)
    if gates is None:
        return None
    weights = [each for each in layer.trainable_weights if len(each.shape) == 2 and "bias" not in each.name]
    return tokens * sum(int(math.prod(each.shape)) for each in weights)


@translates(*_GATES)
def recurrent(step: Step) -> bool | None:
    step.opaque(_recurrent(step.layer, step.shape[1]))
    return True


@translates("Bidirectional")
def both_ways(step: Step) -> bool | None:
    layers = (step.layer.forward_layer, step.layer.backward_layer)
    found = [_recurrent(layer, step.shape[1]) for layer in layers]
    step.opaque(sum(each for each in found if each is not None) if None not in found else None)
    return True


@translates("SpectralNormalization")
def normalized(step: Step) -> bool | None:
    """In inference its layer alone: the weights are divided in training."""
    inner = step.layer.layer
    translation = TRANSLATIONS.get(type(inner).__name__)
    if translation is None:
        return False
    step.layer = inner
    return translation(step)


@translates("TimeDistributed")
def distributed(step: Step) -> bool | None:
    """A Dense reads the last axis alone, with or without."""
    if type(step.layer.layer).__name__ != "Dense" or len(step.shape) != 3:
        return False
    step.layer = step.layer.layer
    return TRANSLATIONS["Dense"](step)


@translates("EinsumDense")
def product(step: Step) -> bool | None:
    """Two operands, `...` none: all labels' sizes together, where something is summed over."""
    layer = step.layer
    given, _, output = layer.equation.replace(" ", "").partition("->")
    first, second = given.split(",")
    if "." in given or len(first) != len(step.shape) or (step.walk.last and len(step.shape) > 3):
        return False
    sizes = {**dict(zip(second, layer.kernel.shape, strict=True)), **dict(zip(first, step.shape, strict=True))}
    step.opaque(math.prod(sizes.values()) if set(first + second) - set(output) else 0)
    return True


@translates("Dot")
def dot(step: Step) -> bool | None:
    """Batched, summed over one axis of each."""
    shapes = [step.walk.shapes[ref.name] for ref in step.refs]
    axes = step.layer.axes
    place = axes if isinstance(axes, int) else axes[0]
    if step.walk.last and max(map(len, shapes)) > 3:
        return False
    step.opaque(math.prod(step.output) * shapes[0][place])
    return True
