"""torchinfo's summary, its mult-adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.live.counters import Figure

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("torchinfo",)
CONVENTIONS = ("torchinfo",)
OWN = "parameters that modules of your own hold under the names weight and bias, which torchinfo counts once"
DEEPEST = 100
"""Levels of modules that it looks into; it counts nothing of what lies deeper."""


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    import torchinfo

    found = torchinfo.summary(model, input_data=list(inputs), verbose=0, depth=DEEPEST)
    asides = {OWN: sum(layer.macs for layer in found.summary_list if layer.is_leaf_layer and _own(layer.module))}
    return {"torchinfo": Figure(found.total_mult_adds, asides=asides)}


def _own(module: nn.Module) -> bool:
    """Whether a module is nobody's but the user's: of a class that is derived from none of torch's layers."""
    return sum(kind.__module__.startswith("torch.nn.") for kind in type(module).__mro__) == 1
