"""ptflops with its ATen back end, which sees the operators that functions come down to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.live.counters.ptflops import complexity

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("ptflops",)
CONVENTIONS = ("ptflops_aten",)


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    return {"ptflops_aten": complexity(model, inputs, "aten")}
