"""calflops, its FLOPs and its MACs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("calflops", "transformers")
CONVENTIONS = ("calflops", "calflops_macs")


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    from calflops import calculate_flops

    flops, macs, _ = calculate_flops(
        model, args=list(inputs), print_results=False, print_detailed=False, output_as_string=False
    )
    return {"calflops": flops, "calflops_macs": macs}
