"""DeepSpeed's profiler, its FLOPs and its MACs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("deepspeed",)
CONVENTIONS = ("deepspeed", "deepspeed_macs")


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    from deepspeed.profiling.flops_profiler import get_model_profile

    flops, macs, _ = get_model_profile(
        model, args=list(inputs), print_profile=False, detailed=False, as_string=False, warm_up=0
    )
    return {"deepspeed": flops, "deepspeed_macs": macs}
