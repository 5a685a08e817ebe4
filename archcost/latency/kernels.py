"""The kernels that run when a network runs: operators, with what a runtime fuses into them.

Sizes are numbers or arrays, as everywhere: the kernels of a batch of networks are the same list with wider numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from archcost import dims
from archcost.dims import Dim
from archcost.graph import Layer, Network
from archcost.latency.points import ConvShape
from archcost.latency.subject import SingleLayer
from archcost.ops.attention import Attention
from archcost.ops.convolution import Convolution, ConvTranspose2d
from archcost.ops.linear import Linear, MatMul
from archcost.ops.normalization import BatchNorm, GroupNorm, LayerNorm
from archcost.ops.pooling import Pool

Kind: TypeAlias = Literal["dense", "pointwise", "depthwise", "norm", "pool", "elementwise"]
"""A kernel's kind: a convolution over space, a matrix product, one filter a channel; and without multiply-adds of
their own, a norm, a pool with a window, and the rest."""
MULTIPLYING: tuple[Kind, ...] = ("dense", "pointwise", "depthwise")

FUSIONS = ("fused", "none")
"""fused: a BN or an activation that alone reads a tensor runs inside the kernel that makes it; none: on its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """What runs as one; in elements, of one sample unless `of` a batch.

    macs: multiply-adds; reads, writes: activations in and out; weights: read once.
    rows × columns × depth: the matrix product that it amounts to (rows over positions and samples; columns:
    output channels of a group; depth: what each output sums over). window: positions of the input that an output
    sees in each channel, 0 where nothing slides over a map; edge: the shorter of its sides; groups: of channels.
    tiles: for a 3×3 convolution with stride 1 its output in squares of 2×2 and of 4×4, which is what Winograd's
    algorithms work on; None for others.
    """

    layer: str
    kind: Kind
    macs: Dim
    reads: Dim
    writes: Dim
    weights: Dim
    rows: Dim = 1
    columns: Dim = 1
    depth: Dim = 1
    window: Dim = 0
    edge: Dim = 0
    groups: Dim = 1
    batch: Dim = 1
    tiles: tuple[Dim, Dim] | None = None

    def of(self, batch: Any) -> Kernel:
        """The same kernel for a batch; weights are read once for all samples."""
        tiles = None if self.tiles is None else (self.tiles[0] * batch, self.tiles[1] * batch)
        grown = {name: getattr(self, name) * batch for name in ("macs", "reads", "writes", "rows", "batch")}
        return replace(self, tiles=tiles, **grown)

    def mapped(self, change: Callable[[Any], Any]) -> Kernel:
        """The same kernel with every size changed."""
        tiles = None if self.tiles is None else (change(self.tiles[0]), change(self.tiles[1]))
        return replace(self, tiles=tiles, **{name: change(getattr(self, name)) for name in SIZES})


SIZES = ("macs", "reads", "writes", "weights", "rows", "columns", "depth", "window", "edge", "groups", "batch")


def kernels(network: Network, fusion: str = "fused") -> list[Kernel]:
    """The kernels of a network in the file's order, for one sample."""
    return [kernel_of(layer) for layer in running(network, fusion)]


def running(network: Network, fusion: str) -> Iterator[Layer]:
    """The layers that are kernels of their own."""
    if fusion not in FUSIONS:
        raise ValueError(f"fusion is one of {', '.join(FUSIONS)}")
    readers = network.readers
    made: set[str] = set()
    for layer in network.layers:
        fusible = layer.op.storage == "in_place" and layer.inputs[0] in made and readers[layer.inputs[0]] == 1
        if not layer.op.moves_data:
            if layer.inputs[0] in made:
                made.add(layer.name)
            continue
        made.add(layer.name)
        if fusion == "none" or not fusible:
            yield layer


def kernel_of(layer: Layer) -> Kernel:
    """A layer as a kernel of its own."""
    cost, y = layer.cost, layer.output_shape
    macs = cost.macs.value
    reads = sum(shape.elements for shape in layer.input_shapes)
    weights = cost.params.value + cost.buffers.value
    moved = (macs, reads, y.elements, weights)
    kind, product = _kind(layer), _product(layer)
    window, edge, groups = _window(layer)
    if product is None:
        return Kernel(layer.name, kind, *moved, window=window, edge=edge)
    columns, depth = product
    rows = macs // (columns * depth)
    return Kernel(layer.name, kind, *moved, rows, columns, depth, window, edge, groups, tiles=_tiles(layer))


def single_kernel(single: SingleLayer, batch: int) -> Kernel:
    """A layer that runs by itself, for its batch."""
    return kernel_of(single.layer).of(batch)


def layer_kernel(shape: ConvShape) -> Kernel:
    """A single convolution for its batch."""
    return single_kernel(SingleLayer.convolution(shape), shape.batch)


def _product(layer: Layer) -> tuple[Dim, Dim] | None:
    """Columns and depth of the matrix product behind a layer; None where there is none."""
    op, x, y = layer.op, layer.input_shapes[0], layer.output_shape
    if isinstance(op, Convolution):
        out, groups = op.channels(x)
        return dims.divided(out, groups), op.kernel[0] * op.kernel[1] * dims.divided(x.channels, groups)
    if isinstance(op, ConvTranspose2d):
        return op.kernel[0] * op.kernel[1] * dims.divided(op.out, op.groups), dims.divided(x.channels, op.groups)
    if isinstance(op, (Linear, MatMul)):
        return y.features, x.features
    if isinstance(op, Attention):
        return x.features, x.features
    return None


def _kind(layer: Layer) -> Kind:
    op, x = layer.op, layer.input_shapes[0]
    if isinstance(op, (Convolution, ConvTranspose2d)):
        groups = op.groups if isinstance(op, ConvTranspose2d) else op.channels(x)[1]
        if not dims.differs(groups != x.channels) and dims.differs(x.channels != 1):
            return "depthwise"
        if dims.differs(op.kernel[0] != 1) or dims.differs(op.kernel[1] != 1):
            return "dense"
    if isinstance(op, (BatchNorm, LayerNorm, GroupNorm)):
        return "norm"
    if isinstance(op, Pool):
        return "pool"
    return "elementwise" if _product(layer) is None else "pointwise"


def _window(layer: Layer) -> tuple[Dim, Dim, Dim]:
    """Positions in a window, its shorter side, and groups of channels."""
    op = layer.op
    if isinstance(op, ConvTranspose2d):
        return 1, 1, op.groups  # its product sums over channels alone
    if not isinstance(op, (Convolution, Pool)):
        return 0, 0, 1
    groups = op.channels(layer.input_shapes[0])[1] if isinstance(op, Convolution) else 1
    return op.kernel[0] * op.kernel[1], dims.smaller(*op.kernel), groups


def _tiles(layer: Layer) -> tuple[Dim, Dim] | None:
    op = layer.op
    if not isinstance(op, Convolution):
        return None
    sizes = (*op.kernel, *op.stride, *op.dilation, op.channels(layer.input_shapes[0])[1])
    if any(dims.differs(size != wanted) for size, wanted in zip(sizes, (3, 3, 1, 1, 1, 1, 1), strict=True)):
        return None
    _, height, width = layer.output_shape
    both = (dims.ceil_div(height, edge) * dims.ceil_div(width, edge) for edge in (2, 4))
    return next(both), next(both)
