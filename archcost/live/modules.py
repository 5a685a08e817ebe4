"""Modules that torch.nn does not have under the meaning that the specs give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Margins = tuple[tuple[int, int], tuple[int, int]]


def pad_order(margins: Margins) -> tuple[int, int, int, int]:
    """((top, bottom), (left, right)) in the order that F.pad takes: left, right, top, bottom."""
    (top, bottom), (left, right) = margins
    return left, right, top, bottom


class PaddedConv2d(nn.Conv2d):
    """A convolution whose margins of zeros differ by side."""

    def __init__(self, margins: Margins, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.order = pad_order(margins)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.order))


class Padding(nn.Module):
    """Fills the margins with a value, or by reflection or replication."""

    def __init__(self, margins: Margins, mode: str = "zeros", value: float = 0.0) -> None:
        super().__init__()
        self.order, self.mode, self.value = pad_order(margins), mode, value

    def forward(self, x: Tensor) -> Tensor:
        if self.mode == "zeros":
            return F.pad(x, self.order, value=self.value)
        return F.pad(x, self.order, mode=self.mode)


class Crop(nn.Module):
    """The first rows and columns of a map. torch counts windows that begin in trailing padding; specs do not."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.height, self.width = size

    def forward(self, x: Tensor) -> Tensor:
        return x[..., : self.height, : self.width]


class ValidAvgPool2d(nn.Module):
    """The mean over those elements of each window that are inside the input, for margins that differ by side."""

    def __init__(self, kernel_size: Any, stride: Any, margins: Margins, ceil_mode: bool) -> None:
        super().__init__()
        self.order = pad_order(margins)
        self.pool = nn.AvgPool2d(kernel_size, stride, ceil_mode=ceil_mode)

    def forward(self, x: Tensor) -> Tensor:
        inside = F.pad(torch.ones_like(x), self.order)
        total, count = self.pool(F.pad(x, self.order)), self.pool(inside)
        return torch.div(total, count)


class ChannelLayerNorm(nn.LayerNorm):
    """Layer norm over the first size of a sample: the channels at each position."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class LayerScale(nn.Module):
    """Each channel, or each entry of other axes, times a learned number."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(sizes))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class PositionEmbedding(nn.Module):
    """A learned addend for each element of a sample."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table


class ClassToken(nn.Module):
    """Learned tokens in front of the others."""

    def __init__(self, count: int, features: int) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.zeros(count, features))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.tokens.expand(x.shape[0], -1, -1), x], dim=1)


class Attention(nn.Module):
    """Multi-head attention by scaled_dot_product_attention, to the input itself or to a second one."""

    def __init__(self, features: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(features, features, bias=bias) for _ in range(4))

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        other = x if context is None else context
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(x), self.key(other), self.value(other))
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        y: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return y


class StochasticDepth(nn.Module):
    """While training, drops whole samples of a branch and scales the others up; nothing at inference."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        kept = torch.rand(x.shape[0], *[1] * (x.ndim - 1), device=x.device) >= self.p
        return x * kept / max(1e-12, 1 - self.p)


class ChannelShuffle(nn.Module):
    """Deals the channels of the groups out like cards."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        dealt: Tensor = torch.unflatten(x, 1, (self.groups, -1)).transpose(1, 2)
        return dealt.flatten(1, 2)


class Resize(nn.Module):
    """Interpolates a map to a height and width."""

    def __init__(self, size: tuple[int, int], mode: str) -> None:
        super().__init__()
        self.size, self.mode = size, mode

    def forward(self, x: Tensor) -> Tensor:
        if self.mode == "nearest":
            return F.interpolate(x, self.size, mode="nearest")
        return F.interpolate(x, self.size, mode="bilinear", align_corners=False)


class Add(nn.Module):
    """x₁ + x₂ + …"""

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = first + other
        return first


class Multiply(nn.Module):
    """x₁ · x₂ · …"""

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = first * other
        return first


class Concat(nn.Module):
    """Joins tensors along an axis of the sample."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, *xs: Tensor) -> Tensor:
        return torch.cat(xs, dim=self.axis + 1)


class Split(nn.Module):
    """One of several equal parts along an axis of the sample."""

    def __init__(self, parts: int, part: int, axis: int) -> None:
        super().__init__()
        self.parts, self.part, self.axis = parts, part, axis + 1

    def forward(self, x: Tensor) -> Tensor:
        return x.chunk(self.parts, dim=self.axis)[self.part]


class Select(nn.Module):
    """One entry of the sample's first axis."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.index]


class Reshape(nn.Module):
    """The same elements under other sizes."""

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = sizes

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], *self.sizes)


class Transpose(nn.Module):
    """The sample's axes in another order, in memory too."""

    def __init__(self, axes: Sequence[int]) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, *(axis + 1 for axis in self.axes)).contiguous()


class Entry(nn.Module):
    """One entry of an axis of the sample, under other sizes."""

    def __init__(self, axis: int, index: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.axis, self.index, self.sizes = axis, index, sizes

    def forward(self, x: Tensor) -> Tensor:
        return x.select(self.axis + 1, self.index).reshape(x.shape[0], *self.sizes)


class MatMul(nn.Module):
    """The product of two tensors' matrices."""

    def __init__(self, transpose: bool) -> None:
        super().__init__()
        self.transpose = transpose

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.matmul(a, b.transpose(-1, -2) if self.transpose else b)
