"""torch's own FlopCounterMode, on the meta device, where it sees attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("torch",)
CONVENTIONS = ("flop_counter",)


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model.to("meta")(*(x.to("meta") for x in inputs))
    return {"flop_counter": counter.get_total_flops()}
