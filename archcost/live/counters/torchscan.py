"""torchscan, its MACs; it says itself where they are only a part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.live.counters import Figure

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("torchscan",)
CONVENTIONS = ("torchscan",)


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    from torchscan import crawl_module

    macs = crawl_module(model, args=inputs)["totals"]["macs"]
    if macs["status"] == "complete":
        return {"torchscan": macs["value"]}
    return {"torchscan": Figure(macs["known_value"], f"torchscan calls its total {macs['status']}")}
