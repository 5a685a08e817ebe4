"""torchprofile's macs, from a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.live.counters import SIZES, Figure

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("torchprofile",)
CONVENTIONS = ("torchprofile",)


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    from torchprofile import profile_macs

    found = profile_macs(model, inputs, reduction=None)
    sizes = sum(macs for node, macs in found.items() if _whole_number(node))
    return {"torchprofile": Figure(sum(found.values()), asides={SIZES.format("torchprofile"): sizes})}


def _whole_number(node: Any) -> bool:
    """Whether a node makes a single whole number: that is how sizes stand in a traced graph."""
    (made,) = node.outputs[:1]
    return made.shape == [] and made.dtype in ("long", "int")
