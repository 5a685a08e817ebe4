"""By which of torch's names a model calls what it calls: F.relu, torch.relu and x.relu() trace to one operator.

Counters that patch functions see one of these and not another, so they are listened to in the same way: each name is
replaced for the time of a trace, and notes itself on the nodes of the graph that its call makes.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.fx import traceback
from torch.nn import functional

CALLED = "archcost_called"
"""The key of a node's own notes."""
_POOLS = tuple(f"{kind}_pool{n}d" for kind in ("max", "avg", "adaptive_max", "adaptive_avg") for n in (1, 2, 3))
_CONVOLUTIONS = tuple(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3))
_PRODUCTS = ("matmul", "mm", "bmm", "addmm", "mul", "add")
NAMES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "F": (
        functional,
        (
            *("linear", "bilinear", "embedding", "interpolate", "upsample", "scaled_dot_product_attention"),
            *("relu", "prelu", "elu", "leaky_relu", "relu6", "silu", "gelu", "hardtanh", "softmax", "log_softmax"),
            *("batch_norm", "layer_norm", "instance_norm", "group_norm"),
            *(*_POOLS, *_CONVOLUTIONS),
        ),
    ),
    "torch": (torch, (*_PRODUCTS, "baddbmm", "einsum", "relu", "softmax", "sigmoid", "tanh", *_CONVOLUTIONS)),
    "Tensor": (torch.Tensor, (*_PRODUCTS, "__matmul__", "relu", "softmax", "sigmoid", "tanh")),
}
"""Names that some counter tells from others for the same."""


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """While it lasts, nodes of a graph under trace note the names that they were called by."""
    stack: list[str] = []
    with contextlib.ExitStack() as undo, traceback.preserve_node_meta():
        for place, (owner, names) in NAMES.items():
            for name in names:
                own = name in vars(owner)
                usual = getattr(owner, name)
                setattr(owner, name, _noting(usual, f"{place}.{name}", stack))
                undo.callback(*((setattr, owner, name, usual) if own else (delattr, owner, name)))
        yield


def _noting(usual: Callable[..., Any], label: str, stack: list[str]) -> Callable[..., Any]:
    @functools.wraps(usual)
    def noting(*args: Any, **kwargs: Any) -> Any:
        # a mode of torch calls by this name what was called as an operator, or by this name already
        if sys._getframe(1).f_code.co_name == "__torch_function__":
            return usual(*args, **kwargs)
        stack.append(label)
        try:
            with traceback.annotate({CALLED: tuple(stack)}):
                return usual(*args, **kwargs)
        finally:
            stack.pop()

    return noting
