"""How long a kernel runs: overhead, and the roofline of its arithmetic and its traffic.

    seconds = overhead + (arithmetic^p + traffic^p)^(1/p)

This is the roofline max(arithmetic, traffic) with a rounded ridge: p says how far the two overlap, from p = 1, where
they follow each other, to the sharp roofline. A network takes the sum over its kernels. Every function is
vectorised: sizes may be arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archcost.dims import floats
from archcost.latency.kernels import MULTIPLYING, Kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Seconds = NDArray[np.float64]

BLOCK_ROWS = 128
BLOCK_COLUMNS = (128, 64, 32)
"""Output tiles that one multiprocessor works on at a time in the usual matrix products of NVIDIA's libraries."""
WINOGRAD_ROWS = (32, 128)
"""Tiles of the image that one multiprocessor works on at a time, in Winograd's F(2×2, 3×3) and F(4×4, 3×3)."""
CACHED_WEIGHTS = 250_000
"""Weights that stay in a core's cache between the rows of a matrix product: 1 MiB of floats. Larger ones do not."""
UNCACHED = 2.0
"""How many times longer a core's matrix product takes whose weights do not stay in its cache."""
CHANNEL_BLOCK = 16
"""Channels that oneDNN's convolutions work on at a time, in a layout of its own: one AVX-512 register of floats."""
UNPACKED_ELEMENTS, UNPACKED_EDGE = 20_480, 3
"""Up to so many inputs, or with a kernel whose shorter side is so short, PyTorch takes a single sample's ungrouped
float32 convolution as one matrix product, without oneDNN (`use_mkldnn` in aten/src/ATen/native/Convolution.cpp). On a
single thread it takes 1×1 kernels so too; that is left out."""


@dataclass(frozen=True, slots=True)
class Host:
    """A CPU that PyTorch drives operator by operator, where small kernels are mostly the work around them.

    light_seconds, norm_seconds: overheads of elementwise kernels, and of norms and pools; packed_seconds: what a
    kernel costs more that repacks tensors into blocks of channels; switch_seconds: what a kernel with multiply-adds
    costs more between others than over and over by itself; window_elements_per_second: elements that pools look at.
    """

    light_seconds: float
    norm_seconds: float
    packed_seconds: float
    switch_seconds: float
    window_elements_per_second: float


@dataclass(frozen=True, slots=True)
class Parallel:
    """A processor of many units that work on tiles, in waves: a GPU.

    units: multiprocessors; partial: what a wave costs that is not full, as a share of a full one, on average;
    prologue: what each tile costs before it begins, as additional depth; narrow: the rate of a tile of half the width
    over that of the full one; winograd_2x2, winograd_4x4: rates over macs_per_second; winograd_bytes_per_second and
    winograd_seconds: of the transforms around F(4×4, 3×3), which are kernels of their own.
    """

    units: float
    partial: float
    prologue: float
    narrow: float
    winograd_2x2: float
    winograd_4x4: float
    winograd_bytes_per_second: float
    winograd_seconds: float


@dataclass(frozen=True, slots=True)
class Rates:
    """What a device does in a second, for one dtype, as a fit or a datasheet has it.

    network_seconds, kernel_seconds: overheads; *_macs_per_second: of matrix products, of other convolutions, of
    depthwise ones; *_bytes_per_second: of activations into and out of kernels with macs, of weights, and of
    activations through kernels without macs; overlap: p of the rounded roofline, 1 or more; uncached: how many times
    longer a product takes whose weights do not stay in a core's cache.
    """

    network_seconds: float
    kernel_seconds: float
    macs_per_second: float
    dense_macs_per_second: float
    depthwise_macs_per_second: float
    activation_bytes_per_second: float
    weight_bytes_per_second: float
    elementwise_bytes_per_second: float
    overlap: float
    parallel: Parallel | None = None
    host: Host | None = None
    uncached: float = 1.0


@dataclass(frozen=True, slots=True)
class Time:
    """Where a kernel's seconds go: arithmetic at full rate, what tiles and waves waste, traffic, overhead."""

    seconds: Any
    arithmetic: Any
    waste: Any
    traffic: Any
    overhead: Any


def kernel_time(kernel: Kernel, element_bytes: int, rates: Rates, alone: Any = False) -> Time:
    """One kernel's time for its batch; seconds are floats, or arrays as the kernel's sizes are.

    alone: whether it runs over and over by itself, rather than between the others of a network.
    """
    import numpy as np

    moved = floats(kernel.reads + kernel.writes) * element_bytes
    if kernel.kind not in MULTIPLYING:
        return _moving(kernel, moved, rates)
    weights = floats(kernel.weights)
    overhead: Any = rates.kernel_seconds
    bandwidth: Any = rates.activation_bytes_per_second
    packed: Any = False
    if rates.host is not None:
        packed = _packed(kernel, element_bytes)
        overhead = overhead + packed * rates.host.packed_seconds + np.where(alone, 0.0, rates.host.switch_seconds)
        bandwidth = np.where(packed, bandwidth, rates.elementwise_bytes_per_second)
    traffic = moved / bandwidth + weights * (element_bytes / rates.weight_bytes_per_second)
    arithmetic, waste = _arithmetic(kernel, weights, packed, rates)
    found = Time(overhead + _roofline(arithmetic + waste, traffic, rates.overlap), arithmetic, waste, traffic, overhead)
    if kernel.tiles is None or rates.parallel is None:
        return found
    return _fastest([found, *_winograd(kernel, moved, weights, element_bytes, rates, rates.parallel)])


def _moving(kernel: Kernel, moved: Any, rates: Rates) -> Time:
    """A kernel without multiply-adds."""
    import numpy as np

    traffic = moved / rates.elementwise_bytes_per_second
    nothing = np.zeros_like(traffic)
    overhead, looked = rates.kernel_seconds, nothing
    if rates.host is not None:
        overhead = rates.host.light_seconds if kernel.kind == "elementwise" else rates.host.norm_seconds
        if kernel.kind == "pool":
            looked = floats(kernel.window * kernel.writes) / rates.host.window_elements_per_second
    return Time(overhead + looked + traffic, looked, nothing, traffic, overhead)


def _packed(kernel: Kernel, element_bytes: int) -> Any:
    """Whether PyTorch's CPU kernels repack the tensors of a convolution."""
    sizes = (kernel.window, kernel.edge, kernel.groups, kernel.batch, kernel.reads)
    window, edge, groups, batch, inputs = (floats(size) for size in sizes)
    unpacked = (edge <= UNPACKED_EDGE) & (groups == 1) & (batch == 1) & (inputs <= UNPACKED_ELEMENTS)
    return (window > 0) & (~unpacked | (element_bytes != 4))


def _arithmetic(kernel: Kernel, weights: Any, packed: Any, rates: Rates) -> tuple[Any, Any]:
    """Seconds at full rate, and what is wasted."""
    import numpy as np

    macs = floats(kernel.macs)
    if kernel.kind == "depthwise":
        return macs / rates.depthwise_macs_per_second, np.zeros_like(macs)
    ideal = macs / (rates.macs_per_second if kernel.kind == "pointwise" else rates.dense_macs_per_second)
    if rates.parallel is not None:
        return ideal, ideal * (_padding(kernel.rows, kernel.columns, kernel.depth, rates.parallel) - 1)
    if rates.host is not None:
        inputs = floats(kernel.depth) / np.maximum(kernel.window, 1)
        return ideal, ideal * packed * (_whole(inputs) * _whole(kernel.columns) - 1)
    return ideal, ideal * ((rates.uncached - 1) / (1 + (CACHED_WEIGHTS / weights) ** 2))


def _whole(channels: Any) -> Any:
    """Channels in whole blocks over channels."""
    import numpy as np

    return np.ceil(floats(channels) / CHANNEL_BLOCK) * CHANNEL_BLOCK / channels


def _padding(rows: Any, columns: Any, depth: Any, parallel: Parallel) -> Any:
    """The work of the best tile's waves over the work asked for."""
    import numpy as np

    best: Any = np.inf
    rows, columns, depth = (floats(size) for size in (rows, columns, depth))
    high = np.ceil(rows / BLOCK_ROWS) / rows
    for halvings, width in enumerate(BLOCK_COLUMNS):
        waves = np.ceil(rows / BLOCK_ROWS) * np.ceil(columns / width) / parallel.units
        padded = high * BLOCK_ROWS * np.ceil(columns / width) * width / columns
        best = np.minimum(best, padded * _tail(waves, parallel) / parallel.narrow**halvings)
    return best * (1 + parallel.prologue / depth)


def _tail(waves: Any, parallel: Parallel) -> Any:
    """Waves that must be waited for over waves of work: none is shorter than one, the last is full only in part."""
    import numpy as np

    return np.maximum(1 / waves, 1) + parallel.partial * np.minimum(1 / waves, 1)


def _winograd(
    kernel: Kernel, moved: Any, weights: Any, element_bytes: int, rates: Rates, parallel: Parallel
) -> list[Time]:
    """A 3×3 convolution by F(2×2, 3×3) in one kernel, and by F(4×4, 3×3) with transforms in kernels of their own."""
    import numpy as np

    assert kernel.tiles is not None
    small, large = (floats(size) for size in kernel.tiles)
    columns, channels = floats(kernel.columns), floats(kernel.depth) / 9
    rate = rates.dense_macs_per_second
    direct = moved / rates.activation_bytes_per_second + weights * (element_bytes / rates.weight_bytes_per_second)
    found = []
    for width in BLOCK_COLUMNS[1:]:
        blocks = np.ceil(small / WINOGRAD_ROWS[0]) * np.ceil(columns / width)
        work = blocks * WINOGRAD_ROWS[0] * width * 16 * (channels + parallel.prologue / 9)
        narrow = parallel.narrow ** (width == 32)
        seconds = work * _tail(blocks / parallel.units, parallel) / (rate * parallel.winograd_2x2 * narrow)
        found.append(
            _time(seconds, small * columns * channels * 16 / rate, direct, rates.kernel_seconds, rates.overlap)
        )
    blocks = np.ceil(large / WINOGRAD_ROWS[1]) * np.ceil(columns / 64) * 36
    work = blocks * WINOGRAD_ROWS[1] * 64 * (channels + parallel.prologue / 3)
    seconds = work * _tail(blocks / parallel.units, parallel) / (rate * parallel.winograd_4x4)
    transformed = moved + element_bytes * (72 * large * (channels + columns) + weights * (1 + 72 / 9))
    transforms = transformed / parallel.winograd_bytes_per_second
    ideal = large * columns * channels * 36 / rate
    overhead = rates.kernel_seconds + parallel.winograd_seconds
    return [*found, _time(seconds, ideal, transforms, overhead, 1)]  # kernels that follow each other


def _time(work: Any, ideal: Any, traffic: Any, overhead: float, overlap: float) -> Time:
    import numpy as np

    seconds = overhead + _roofline(work, traffic, overlap)
    return Time(seconds, np.minimum(ideal, work), np.maximum(work - ideal, 0), traffic, overhead)


def _roofline(arithmetic: Any, traffic: Any, overlap: Any) -> Any:
    import numpy as np

    if isinstance(overlap, (int, float)) and overlap == 1:
        return arithmetic + traffic
    high, low = np.maximum(arithmetic, traffic), np.minimum(arithmetic, traffic)
    return high * (1 + (low / high) ** overlap) ** (1 / overlap)


def _fastest(ways: list[Time]) -> Time:
    import numpy as np

    best = ways[0]
    for way in ways[1:]:
        faster = way.seconds < best.seconds
        best = Time(
            *(
                np.where(faster, getattr(way, name), getattr(best, name))
                for name in ("seconds", "arithmetic", "waste", "traffic", "overhead")
            )
        )
    return best
