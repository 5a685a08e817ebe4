"""What a translation is, and where it is kept; layers without arithmetic by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from archcost.importers.tracing.graph import Ref

if TYPE_CHECKING:
    from archcost.importers.keras.walk import Step

Translation: TypeAlias = Callable[["Step"], bool | None]
"""Adds the calls that a layer comes to; False where it cannot, and has added none."""

TRANSLATIONS: dict[str, Translation] = {}
FREE = frozenset(
    (
        *("Cropping1D", "Cropping2D", "Cropping3D", "ZeroPadding1D", "ZeroPadding3D", "UpSampling1D", "UpSampling3D"),
        *("RepeatVector", "Embedding", "UnitNormalization", "Masking", "AveragePooling1D"),
        *("AveragePooling3D", "MaxPooling1D", "MaxPooling3D", "Discretization", "Hashing", "CategoryEncoding", "Split"),
        *("IntegerLookup", "StringLookup", "Resizing", "CenterCrop", "GetItem", "Cast", "Where", "Stack", "Permute"),
        *("Softmax", "Normalization", "LayerNormalization", "GroupNormalization", "Activation", "Average"),
    )
)
"""Layers without multiply-adds of a product or a convolution, whatever else they compute."""


def translates(*kinds: str) -> Callable[[Translation], Translation]:
    def keep(function: Translation) -> Translation:
        TRANSLATIONS.update(dict.fromkeys(kinds, function))
        return function

    return keep


_FUNCTIONS = {
    "relu": "relu",
    "relu6": "relu6",
    "elu": "elu",
    "selu": "selu",
    "gelu": "gelu",
    "silu": "silu",
    "swish": "silu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "hard_silu": "hardswish",
    "hard_swish": "hardswish",
    "mish": "mish",
    "hard_sigmoid": "hardsigmoid",
    "softplus": "softplus",
    "leaky_relu": "leaky_relu",
    "exponential": "exp",
    "log_sigmoid": "log_sigmoid",
    "celu": "celu",
}


def activated(step: Step, x: Ref) -> bool:
    """The layer's output: x, or its activation, where it has one."""
    function = getattr(step.layer, "activation", None)
    name = getattr(function, "__name__", "linear") if function is not None else "linear"
    if name == "linear":
        return step.pass_on(x)
    if name == "softmax":
        return step.emit("softmax", {"self": x, "dim": step.walk.axis(-1, len(step.output))})
    if name not in _FUNCTIONS:
        return step.emit(f"activation {name}", {"self": x})
    return step.emit(_FUNCTIONS[name], {"self": x})
