"""fvcore's FlopCountAnalysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("fvcore",)
CONVENTIONS = ("fvcore",)


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    from fvcore.nn import FlopCountAnalysis

    return {"fvcore": FlopCountAnalysis(model, inputs).total()}
