"""What `calibrate` measures on a device at hand: layers that span the sizes in use, and a few whole networks.

The layers are drawn by a fixed seed, so that a run that was broken off goes on where it stopped.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from archcost.graph import Network, build
from archcost.latency.measurement import Protocol
from archcost.latency.points import ConvShape, refer
from archcost.latency.subject import Label, SingleLayer, Subject, Task
from archcost.ops.activation import HardSwish, ReLU, Sigmoid
from archcost.ops.base import Nary, Unary
from archcost.ops.joining import Add, Concat
from archcost.ops.linear import Linear
from archcost.ops.normalization import BatchNorm
from archcost.ops.pooling import GlobalAvgPool, MaxPool2d
from archcost.shape import TensorShape

CLASSES = (  # kernel, stride, depthwise
    (3, 1, False),
    (3, 2, False),
    (1, 1, False),
    (1, 1, False),
    (3, 1, True),
    (3, 2, True),
    (5, 1, True),
)
OTHERS: tuple[tuple[Unary | Nary, int], ...] = (  # and how many inputs they have
    (BatchNorm(), 1),
    (ReLU(), 1),
    (Add(), 2),
    (MaxPool2d((3, 3), (2, 2)), 1),
    (GlobalAvgPool(), 1),
    (HardSwish(), 1),
    (Concat(), 2),
    (Sigmoid(), 1),
)
SIZES = (7, 14, 28, 56, 112)
NETWORKS = (
    ("mobilenetv1", ((1, 224), (1, 128), (0.25, 224), (0.25, 128), (0.5, 192))),
    ("mobilenetv2", ((1, 224), (0.35, 96), (0.5, 160), (1, 128))),
    ("resnet18", ((1, 224), (0.5, 128), (0.25, 160))),
    ("mobilenetv3_small", ((1, 224), (0.75, 128))),
    ("shufflenet_v2_x1_0", ((1, 224), (1, 128))),
    ("mnasnet1_0", ((0.5, 192),)),
    ("googlenet", ((1, 160),)),
    ("squeezenet1_1", ((1, 224), (1, 128))),
)
PROTOCOLS = {"cpu": Protocol.on("cpu"), "cuda": Protocol.on("cuda", warm_up_seconds=0.2, seconds=0.2)}
"""On a GPU, which is steadier, each takes less time: there are more of them."""
LARGEST = {"cpu": 1.5e9, "cuda": 3e11}
"""Multiply-adds of the largest layer's batch: what keeps a measurement to a second or so."""
BATCHES = {"cpu": (1,), "cuda": (1, 8, 32, 128)}
CONVOLUTIONS = {"cpu": 70, "cuda": 240}
REST = {"cpu": 40, "cuda": 48}
"""Layers that are no convolutions."""


def tasks(processor: str, dtype: str, layout: str, mode: str) -> Iterator[Task]:
    """The tasks for a `cpu` or a `cuda` device, networks first; in mode graph, networks in eager mode too, for the
    launches.

    dtype: tf32 stands for float32 with such products.
    """
    how = ("float32" if dtype == "tf32" else dtype, layout)
    for spec, network in networks():
        label = Label.of(network, spec)
        for batch in BATCHES[processor]:
            yield Task(network, label, batch, *how, mode, tf32=dtype == "tf32")
        if mode == "graph":
            yield Task(network, label, 1, *how, "eager", tf32=dtype == "tf32")
    for subject, batch in layers(processor):
        yield Task(subject, Label("single layer"), batch, *how, mode, tf32=dtype == "tf32")


def networks() -> Iterator[tuple[str, Network]]:
    """Each with the name of its spec."""
    for spec, settings in NETWORKS:
        reference = refer(spec)
        for alpha, resolution in settings:
            yield spec, build(reference.document, reference.settings(str(alpha), str(resolution)))


def layers(processor: str) -> Iterator[tuple[Subject, int]]:
    """Single layers with their batches; sizes are drawn evenly in their logarithms, some of them no multiple of 8."""
    draw = random.Random(2017)
    found: set[ConvShape] = set()
    while len(found) < CONVOLUTIONS[processor]:
        shape = _convolution(draw, BATCHES[processor], *CLASSES[len(found) % len(CLASSES)])
        if shape not in found and 1e5 <= _macs(shape) <= LARGEST[processor]:
            yield SingleLayer.convolution(shape), shape.batch
            found.add(shape)
    for count in range(REST[processor]):
        op, inputs = OTHERS[count % len(OTHERS)]
        size = draw.choice(SIZES)
        yield SingleLayer(op, (TensorShape((_width(draw), size, size)),) * inputs), draw.choice(BATCHES[processor])
        if count % len(OTHERS) == 0:
            features, classes = _width(draw), _width(draw)
            yield SingleLayer(Linear(classes), (TensorShape((features,)),)), draw.choice(BATCHES[processor])


def _convolution(draw: random.Random, batches: tuple[int, ...], edge: int, stride: int, depthwise: bool) -> ConvShape:
    size, batch = draw.choice(SIZES), draw.choice(batches)
    channels, out = (_width(draw) for _ in range(2))
    half = (edge // 2, edge // 2)
    groups, out = (channels, channels) if depthwise else (1, out)
    return ConvShape(batch, channels, out, (edge, edge), (size, size), (stride, stride), (half, half), groups)


def _macs(shape: ConvShape) -> float:
    positions = shape.input_size[0] * shape.input_size[1] / (shape.stride[0] * shape.stride[1])
    each = shape.kernel[0] * shape.kernel[1] * shape.in_channels // shape.groups
    return shape.batch * positions * each * shape.out_channels


def _width(draw: random.Random) -> int:
    width = round(8 * 2 ** draw.uniform(0, 7))
    return width if draw.random() < 0.2 else max(8, width // 8 * 8)
