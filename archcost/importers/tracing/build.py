"""Models without memory: built on the meta device, or copied there with nothing of the original changed."""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn


def on_meta(build: Callable[[], Any]) -> Any:
    """What `build` makes, in a way that its weights take no memory.

    Some models compute with tensors while they are built, which meta tensors cannot do. Those are built on the CPU,
    and each parameter goes to meta as it is registered.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.device("meta"):
                return build()
        except Exception as first:
            try:
                with _registered_on_meta():
                    return build()
            except Exception as second:
                raise second from first


@contextlib.contextmanager
def _registered_on_meta() -> Iterator[None]:
    """While it lasts, parameters that modules register go to meta, and initialisers leave tensors alone."""
    usual = nn.Module.register_parameter

    def register_parameter(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
        usual(self, name, param)
        found = self._parameters.get(name)
        if found is not None and found.device.type != "meta":
            self._parameters[name] = nn.Parameter(found.data.to("meta"), requires_grad=found.requires_grad)

    nn.Module.register_parameter = register_parameter  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.register_parameter = usual  # type: ignore[method-assign]


def meta_copy(model: nn.Module) -> nn.Module:
    """A copy in eval mode whose parameters and buffers are on meta; the model itself stays as it is.

    Tied parameters stay tied. Raises what copying raises.
    """
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), requires_grad=False)
    for buffer in model.buffers():
        memo[id(buffer)] = buffer.detach().to("meta")
    return copy.deepcopy(model, memo).eval()
