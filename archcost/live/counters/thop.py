"""thop's profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("thop",)
CONVENTIONS = ("thop",)


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    from thop import profile

    return {"thop": profile(model, inputs, verbose=False)[0]}
