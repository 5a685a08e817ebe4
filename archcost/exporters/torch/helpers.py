"""Modules that torch.nn does not have; a file gets those that it uses."""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "Conv2dSame": '''class Conv2dSame(nn.Conv2d):
    """A convolution padded so that output = ceil(input / stride), the odd row or column at the end."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, same_padding(x, self.kernel_size, self.stride, self.dilation)))
''',
    "MaxPool2dSame": '''class MaxPool2dSame(nn.MaxPool2d):
    """A pool padded so that output = ceil(input / stride), the odd row or column at the end."""

    def forward(self, x: Tensor) -> Tensor:
        margins = same_padding(x, self.kernel_size, self.stride, self.dilation)
        return super().forward(F.pad(x, margins, value=float("-inf")))
''',
    "AvgPool2dSame": '''class AvgPool2dSame(nn.AvgPool2d):
    """A pool padded so that output = ceil(input / stride), the odd row or column at the end."""

    def forward(self, x: Tensor) -> Tensor:
        margins = same_padding(x, self.kernel_size, self.stride)
        total = super().forward(F.pad(x, margins))
        if self.count_include_pad:
            return total
        return total / super().forward(F.pad(torch.ones_like(x), margins))
''',
    "same_padding": '''def same_padding(x: Tensor, kernel: Pair, stride: Pair, dilation: Pair = 1) -> list[int]:
    """Left, right, top, bottom."""
    margins: list[int] = []
    for axis in (1, 0):
        k, s, d = (pair[axis] if isinstance(pair, tuple) else pair for pair in (kernel, stride, dilation))
        size = x.shape[axis + 2]
        total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
        margins += [total // 2, total - total // 2]
    return margins
''',
    "PaddedConv2d": '''class PaddedConv2d(nn.Conv2d):
    """A convolution whose margins of zeros (left, right, top, bottom) differ by side."""

    def __init__(self, *sizes: Pair, margins: tuple[int, ...], **more) -> None:
        super().__init__(*sizes, **more)
        self.margins = margins

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.margins))
''',
    "ValidAvgPool2d": '''class ValidAvgPool2d(nn.AvgPool2d):
    """The mean over those elements of a window that are inside the input; margins are left, right, top, bottom."""

    def __init__(self, kernel_size: Pair, stride: Pair, margins: tuple[int, ...], ceil_mode: bool = False) -> None:
        super().__init__(kernel_size, stride, ceil_mode=ceil_mode)
        self.margins = margins

    def forward(self, x: Tensor) -> Tensor:
        inside = super().forward(F.pad(torch.ones_like(x), self.margins))
        return super().forward(F.pad(x, self.margins)) / inside
''',
    "Crop": '''class Crop(nn.Module):
    """The first rows and columns of a map."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        return x[..., : self.height, : self.width]
''',
    **{
        f"BatchNorm{rank}dNo{part}": f'''class BatchNorm{rank}dNo{part}(nn.BatchNorm{rank}d):
    """Batch norm without a learned {part.lower()}."""

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features)
        self.register_parameter("{parameter}", None)
'''
        for rank in (1, 2)
        for part, parameter in (("Scale", "weight"), ("Shift", "bias"))
    },
    "ChannelLayerNorm": '''class ChannelLayerNorm(nn.LayerNorm):
    """Layer norm over the channels of each position of [batch, channels, …]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
''',
    "LayerScale": '''class LayerScale(nn.Module):
    """Each channel, or each entry of other axes, times a learned number."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(sizes))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma
''',
    "PositionEmbedding": '''class PositionEmbedding(nn.Module):
    """A learned addend for each element of a sample."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.table = nn.Parameter(0.02 * torch.randn(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table
''',
    "ClassToken": '''class ClassToken(nn.Module):
    """Learned tokens in front of the others."""

    def __init__(self, features: int, count: int = 1) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.zeros(count, features))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.tokens.expand(x.shape[0], -1, -1), x], dim=1)
''',
    "Attention": '''class Attention(nn.Module):
    """Multi-head attention of x to itself, or to a second sequence."""

    def __init__(self, features: int, heads: int, bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(features, features, bias=bias)
        self.key = nn.Linear(features, features, bias=bias)
        self.value = nn.Linear(features, features, bias=bias)
        self.out = nn.Linear(features, features, bias=bias)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        context = x if context is None else context
        query, key, value = self.split(self.query(x)), self.split(self.key(context)), self.split(self.value(context))
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def split(self, x: Tensor) -> Tensor:
        """[batch, tokens, features] -> [batch, heads, tokens, features / heads]"""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
''',
    "StochasticDepth": '''class StochasticDepth(nn.Module):
    """While training, drops whole samples of a branch and scales the others up."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        kept = torch.rand(x.shape[0], *[1] * (x.ndim - 1), device=x.device) >= self.p
        return x * kept / max(1e-12, 1 - self.p)
''',
    "ChannelShuffle": '''class ChannelShuffle(nn.Module):
    """Deals the channels of the groups out like cards."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)
''',
    "Reshape": '''class Reshape(nn.Module):
    """A sample's elements under other sizes."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.sizes = sizes

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, *self.sizes)
''',
    "Permute": '''class Permute(nn.Module):
    """The axes in another order; the batch is axis 0."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.axes)
''',
    "Select": '''class Select(nn.Module):
    """One entry of a sample's first axis."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.index]
''',
    "Split": '''class Split(nn.Module):
    """One of several equal parts."""

    def __init__(self, parts: int, part: int, dim: int) -> None:
        super().__init__()
        self.parts, self.part, self.dim = parts, part, dim

    def forward(self, x: Tensor) -> Tensor:
        return x.chunk(self.parts, dim=self.dim)[self.part]
''',
}

NEEDS = {"Conv2dSame": "same_padding", "MaxPool2dSame": "same_padding", "AvgPool2dSame": "same_padding"}
"""Which helper needs which other."""


def needed(callees: set[str]) -> list[str]:
    """The text of the helpers that are called, those that others need first."""
    wanted = (callees & HELPERS.keys()) | {NEEDS[name] for name in callees if name in NEEDS}
    return [HELPERS[name] for name in sorted(wanted, key=lambda name: (name not in NEEDS.values(), name))]
