"""Networks as people write them, in each of the ways that PyTorch has; figures/written.csv has what counters print."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Gated(nn.Module):
    """Squeeze and excite in modules, its product an operator; the head pools by x.mean."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(12)
        self.act = nn.ReLU()
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.down, self.up = nn.Conv2d(12, 6, 1), nn.Conv2d(6, 12, 1)
        self.gate = nn.Sigmoid()
        self.wide = nn.Conv2d(12, 20, 3, 2, 1)
        self.head = nn.Linear(20, 7)

    def forward(self, x):
        x = self.act(self.norm(self.stem(x)))
        x = x * self.gate(self.up(F.relu(self.down(self.squeeze(x)))))
        return self.head(F.relu(self.wide(x)).mean((2, 3)))


class Functions(nn.Module):
    """No modules at all."""

    def __init__(self):
        super().__init__()
        self.kernel, self.bias = nn.Parameter(torch.zeros(8, 3, 3, 3)), nn.Parameter(torch.zeros(8))
        self.table = nn.Parameter(torch.zeros(5, 8))

    def forward(self, x):
        x = F.relu6(F.conv2d(x, self.kernel, self.bias, padding=1))
        x = torch.mul(x, x.sigmoid()) + torch.relu(x)
        x = F.adaptive_avg_pool2d(F.max_pool2d(x, 2), 1)
        return F.softmax(F.linear(x.flatten(1), self.table), -1)


class ByHand(nn.Module):
    """Attention by @ and x.softmax."""

    def __init__(self, width=24, heads=3):
        super().__init__()
        self.heads = heads
        self.qkv, self.out, self.norm = nn.Linear(width, 3 * width), nn.Linear(width, width), nn.LayerNorm(width)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        weights = ((q @ k.transpose(-2, -1)) * (c // self.heads) ** -0.5).softmax(-1)
        return self.norm(x + self.out((weights @ v).transpose(1, 2).reshape(b, n, c)))


class Named(ByHand):
    """The same by torch.matmul and F.softmax."""

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        weights = F.softmax(torch.matmul(q, k.transpose(-2, -1)).mul(0.5), -1)
        return self.norm(torch.add(x, self.out(weights.matmul(v).transpose(1, 2).reshape(b, n, c))))


class Multihead(nn.Module):
    def __init__(self, width=24, need=False):
        super().__init__()
        self.need = need
        self.attend = nn.MultiheadAttention(width, 3, batch_first=True)
        self.head = nn.Linear(width, 5)

    def forward(self, x):
        return self.head(x + self.attend(x, x, x, need_weights=self.need)[0])


def weights():
    return Multihead(need=True)


def encoder():
    return nn.TransformerEncoderLayer(24, 2, 40, batch_first=True)


class Shuffled(nn.Module):
    """Channels dealt out by view and transpose, with sizes from the shape."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU())
        self.deep = nn.Conv2d(6, 6, 3, 1, 1, groups=6, bias=False)
        self.head = nn.Linear(12, 4)

    def forward(self, x):
        a, b = self.stem(x).chunk(2, 1)
        x = torch.cat((a, self.deep(b)), 1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.head(x.mean([2, 3]))


class Norm(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Derived(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.pool = nn.Conv2d(3, 8, 4, 4), Norm(8), nn.MaxPool2d((2, 2))
        self.act, self.mean = nn.GELU(), nn.AvgPool2d(2)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = self.mean(self.pool(self.act(self.norm(self.stem(x)))))
        return self.head(x.flatten(2).mean(-1))


class Odd(nn.Module):
    """What has no kind of its own: instance norm, reflected margins, one axis, a convolution used twice."""

    def __init__(self):
        super().__init__()
        self.margin, self.stem = nn.ReflectionPad2d(1), nn.Conv2d(3, 6, 3)
        self.norm, self.again = nn.InstanceNorm2d(6), nn.Conv2d(6, 6, 3, padding=1)
        self.line = nn.Conv1d(6, 4, 3, padding=1)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = self.norm(self.stem(self.margin(x)))
        x = F.relu(self.again(F.relu(self.again(x))))
        return self.head(self.line(x.flatten(2)).amax(-1))


class Plain(nn.Module):
    """All in modules of torch, each of which counters know."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.act = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.most, self.groups, self.soft = nn.MaxPool2d(2), nn.GroupNorm(2, 8), nn.SiLU()
        self.mean, self.last = nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1)
        self.head, self.share = nn.Linear(8, 4), nn.Softmax(-1)

    def forward(self, x):
        x = self.most(self.act(self.norm(self.stem(x))))
        x = self.last(self.mean(self.soft(self.groups(x))))
        return self.share(self.head(x.flatten(1)))
