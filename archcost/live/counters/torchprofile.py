"""torchprofile's macs, from a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("torchprofile",)
CONVENTIONS = ("torchprofile",)


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    from torchprofile import profile_macs

    return {"torchprofile": profile_macs(model, inputs)}
