"""torchinfo's summary, its mult-adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("torchinfo",)
CONVENTIONS = ("torchinfo",)
DEEPEST = 100
"""Levels of modules that it looks into; it counts nothing of what lies deeper."""


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    import torchinfo

    return {"torchinfo": torchinfo.summary(model, input_data=list(inputs), verbose=0, depth=DEEPEST).total_mult_adds}
