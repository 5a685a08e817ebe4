"""Views, and what is nothing in inference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archcost.importers.keras.layers.base import translates

if TYPE_CHECKING:
    from archcost.importers.keras.walk import Step


@translates("Flatten", "Reshape")
def view(step: Step) -> bool | None:
    return step.emit("reshape", {"self": step.x})


@translates("Permute")
def permute(step: Step) -> bool | None:
    if len(step.shape) > 3:
        return False
    return step.emit("permute", {"self": step.x, "dims": [0, *step.layer.dims]})


@translates("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "AlphaDropout", "StochasticDepth")
def dropout(step: Step) -> bool | None:
    rate = getattr(step.layer, "rate", None)
    if type(step.layer).__name__ == "StochasticDepth" or rate is None:
        return step.pass_on(step.x)
    return step.emit("dropout", {"input": step.x, "p": rate, "train": False})


@translates("ActivityRegularization", "GaussianNoise", "Identity", "RandomFlip", "RandomRotation", "RandomZoom")
def same(step: Step) -> bool | None:
    """What is nothing in inference."""
    return step.pass_on(step.x)
