"""Modules for arithmetic between the named layers, and stand-ins for what is known by its shapes alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archcost.errors import ArchcostError


class Function(nn.Module):
    """A function of each element."""

    def __init__(self, function: str, by: float) -> None:
        super().__init__()
        self.function, self.by = function, by

    def forward(self, x: Tensor) -> Tensor:
        if self.function in _WITH_NUMBER:
            return _WITH_NUMBER[self.function](x, self.by)
        y: Tensor = getattr(torch, self.function)(x)
        return y


_WITH_NUMBER: dict[str, Callable[[Tensor, float], Tensor]] = {
    "plus": lambda x, by: x + by,
    "times": lambda x, by: x * by,
    "divided_by": lambda x, by: x / by,
    "power": lambda x, by: x**by,
    "at_least": lambda x, by: x.clamp(min=by),
    "at_most": lambda x, by: x.clamp(max=by),
    "subtracted_from": lambda x, by: by - x,
}


class Fold(nn.Module):
    """Several tensors, from the first to the last."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *xs: Tensor) -> Tensor:
        return reduce(self.function, xs)


class Reduce(nn.Module):
    """A mean, sum, extreme or norm over axes of the sample."""

    def __init__(self, function: str, axes: Sequence[int], keep_dims: bool) -> None:
        super().__init__()
        self.function, self.axes, self.keep = function, [axis + 1 for axis in axes], keep_dims

    def forward(self, x: Tensor) -> Tensor:
        if self.function == "norm":
            norm: Tensor = torch.linalg.vector_norm(x, dim=self.axes, keepdim=self.keep)
            return norm
        y: Tensor = _REDUCTIONS[self.function](x, dim=self.axes, keepdim=self.keep)
        return y


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "mean": torch.mean,
    "sum": torch.sum,
    "max": torch.amax,
    "min": torch.amin,
}


class Slice(nn.Module):
    """Some entries of one axis of the sample."""

    def __init__(self, axis: int, start: int, length: int) -> None:
        super().__init__()
        self.axis, self.start, self.length = axis + 1, start, length

    def forward(self, x: Tensor) -> Tensor:
        return x.narrow(self.axis, self.start, self.length)


class ScaledDotProduct(nn.Module):
    """Attention without projections."""

    def __init__(self, masked: bool) -> None:
        super().__init__()
        self.masked = masked

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        if q.ndim == 3:
            return F.scaled_dot_product_attention(q.unsqueeze(1), k.unsqueeze(1), v.unsqueeze(1)).squeeze(1)
        return F.scaled_dot_product_attention(q, k, v, mask)


class Constant(nn.Module):
    """A tensor of zeros, the same for every sample."""

    def __init__(self, sizes: tuple[int, ...], params: int, macs: int) -> None:
        super().__init__()
        self.sizes = sizes
        self.macs = macs
        _refuse(macs, "constant")
        if params:
            self.learned = nn.Parameter(torch.zeros(params))

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(1, *self.sizes).expand(x.shape[0], *self.sizes)


class Traced(nn.Module):
    """Stands in for an operator without multiply-adds: as many elements go in and come out."""

    def __init__(self, operator: str, sizes: tuple[int, ...], macs: int, params: int) -> None:
        super().__init__()
        self.sizes = sizes
        _refuse(macs, operator)
        if params:
            self.learned = nn.Parameter(torch.zeros(params))

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        needed = math.prod(self.sizes)
        flat = x.flatten(1)
        times = -(-needed // flat.shape[1])
        flat = flat if times == 1 else flat.repeat(1, times)
        return flat[:, :needed].reshape(x.shape[0], *self.sizes)


def _refuse(macs: int, operator: str) -> None:
    if macs:
        raise ArchcostError(
            f"`{operator}` is known by its traced cost alone, so the network cannot be built from the spec; "
            "run the model that it was imported from"
        )
