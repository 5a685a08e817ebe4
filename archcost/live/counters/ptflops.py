"""ptflops with its PyTorch back end: hooks on modules, and patched functions."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("ptflops",)
CONVENTIONS = ("ptflops",)


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    return {"ptflops": complexity(model, inputs, "pytorch")}


def complexity(model: nn.Module, inputs: tuple[Tensor, ...], backend: str) -> Any:
    """Its macs: the figure, or a text. Several inputs go by the names that the model gives them."""
    from ptflops import get_model_complexity_info

    given: Any = inputs[0]
    if len(inputs) > 1:
        given = dict(zip(inspect.signature(model.forward).parameters, inputs, strict=False))
    return get_model_complexity_info(
        model,
        tuple(inputs[0].shape[1:]),
        input_constructor=lambda _: given,
        backend=backend,
        as_strings=False,
        print_per_layer_stat=False,
    )[0]
