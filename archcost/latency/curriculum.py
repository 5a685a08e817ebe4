"""What `calibrate` measures on a device at hand: kernels that span the sizes in use, and a few whole networks.

The kernels are drawn by a fixed seed, so that a run that was broken off goes on where it stopped.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from archcost.graph import build
from archcost.latency.points import ConvShape, refer
from archcost.latency.subject import Kernel, Label, Task

CLASSES = (  # kernel, stride, depthwise
    (3, 1, False),
    (3, 2, False),
    (1, 1, False),
    (1, 1, False),
    (3, 1, True),
    (3, 2, True),
    (5, 1, True),
)
SIZES = (7, 14, 28, 56, 112)
NETWORKS = (
    ("mobilenetv1", ((1, 224), (1, 128), (0.25, 224), (0.25, 128), (0.5, 192))),
    ("mobilenetv2", ((1, 224), (0.35, 96), (0.5, 160), (1, 128))),
    ("resnet18", ((1, 224), (0.5, 128), (0.25, 160))),
    ("mobilenetv3_small", ((1, 224), (0.75, 128))),
    ("squeezenet1_1", ((1, 224),)),
)
LARGEST = {"cpu": 1.5e9, "cuda": 3e11}
"""Multiply-adds of the largest kernel's batch: what keeps a measurement to a second or so."""
BATCHES = {"cpu": (1,), "cuda": (1, 8, 32, 128)}
KERNELS = {"cpu": 56, "cuda": 350}


def tasks(processor: str, dtype: str, layout: str, mode: str) -> Iterator[Task]:
    """The tasks for a `cpu` or a `cuda` device, networks first."""
    for spec, settings in NETWORKS:
        reference = refer(spec)
        for alpha, resolution in settings:
            chosen = reference.settings(str(alpha), str(resolution))
            network = build(reference.document, chosen)
            for batch in BATCHES[processor]:
                yield Task(network, Label.of(network, spec), batch, dtype, layout, mode)
    for shape in kernels(processor):
        yield Task(Kernel.convolution(shape), Label("single layer"), shape.batch, dtype, layout, mode)


def kernels(processor: str) -> Iterator[ConvShape]:
    """Convolutions of every class; sizes are drawn evenly in their logarithms, some of them no multiple of eight."""
    draw = random.Random(2017)
    found = 0
    while found < KERNELS[processor]:
        edge, stride, depthwise = CLASSES[found % len(CLASSES)]
        size, batch = draw.choice(SIZES), draw.choice(BATCHES[processor])
        channels, out = (_width(draw) for _ in range(2))
        groups = channels if depthwise else 1
        out = channels if depthwise else out
        macs = batch * edge**2 * (channels // groups) * out * (size / stride) ** 2
        if not 1e5 <= macs <= LARGEST[processor]:
            continue
        half = (edge // 2, edge // 2)
        yield ConvShape(batch, channels, out, (edge, edge), (size, size), (stride, stride), (half, half), groups)
        found += 1


def _width(draw: random.Random) -> int:
    width = round(8 * 2 ** draw.uniform(0, 7))
    return width if draw.random() < 0.2 else max(8, width // 8 * 8)
