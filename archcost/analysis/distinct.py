"""The distinct networks behind many settings.

Widths are step functions of α: variants that round to the same channels are the same network. Each distinct
list of widths is paired with each distinct size, where that grid is no larger than the batch.
"""

from __future__ import annotations

from typing import Any

from archcost import dims
from archcost.dims import Ratio, is_array
from archcost.graph import Network
from archcost.spec.parts import Document
from archcost.spec.settings import Settings

_FEW = 4096
"""A grid of so many is quick, however few of its networks are asked for."""


def flat(settings: Settings, shape: tuple[int, ...], chosen: Any) -> Settings:
    """The chosen rows of a batch as one-dimensional arrays."""
    import numpy as np

    return settings.mapped(lambda v: np.broadcast_to(v, shape).ravel()[chosen] if is_array(v) else v)


def distinct(document: Document, settings: Settings, known: Network | None) -> tuple[Settings, tuple[int, ...], Any]:
    """Settings of the distinct networks, their grid, and for each row its place there (None: the same order)."""
    import numpy as np

    shape = np.broadcast_shapes(*(value.shape for value in settings.arrays))
    direct = flat(settings, shape, slice(None)) if len(shape) != 1 else settings
    count = int(np.prod(shape))
    varied = any(is_array(part) for value in settings.parameters.values() for part in dims.parts(value))
    if known is None or varied:
        return direct, (count,), None
    alphas, alpha_of = _alpha_classes(document, settings.alpha, known)
    sizes, size_of = _size_classes(settings.resolution)
    rows, columns = len(alphas), len(sizes[0]) if sizes else 1
    if rows * columns > max(count, _FEW):
        return direct, (count,), None
    index = np.broadcast_to(alpha_of * columns + size_of, shape).ravel()
    alpha = Ratio(alphas[:, None], dims.parts(settings.alpha)[1]) if is_array(alphas) else settings.alpha
    resolution = settings.resolution
    if sizes and is_array(sizes[0]):
        height = sizes[0][None, :]
        resolution = (height, height if sizes[1] is sizes[0] else sizes[1][None, :])
    same = count == rows * columns and bool((index == np.arange(count)).all())
    return Settings(alpha, resolution, settings.parameters), (rows, columns), None if same else index


def _alpha_classes(document: Document, alpha: Any, known: Network) -> tuple[Any, Any]:
    """One α for each distinct list of widths, and for each row its class."""
    numerator, denominator = dims.parts(alpha)
    if not is_array(numerator):
        return [numerator], 0
    key: Any = numerator
    if not known.alpha_read and not is_array(denominator):
        # Every width grows with α, so two rows with the same sum of widths have the same widths.
        key = sum(
            document.scaling.scaled(Ratio.reduced(*size), Ratio(numerator, denominator), scale)
            for size, scale in known.widths
        )
        if not is_array(key):  # nothing scales
            key = numerator * 0
    classes, representatives = classes_of(key.ravel())
    return numerator.ravel()[representatives], classes.reshape(numerator.shape)


def _size_classes(resolution: Any) -> tuple[Any, Any]:
    """The distinct heights and widths, and for each row its class."""
    if resolution is None:
        return None, 0
    height, width = resolution
    if not is_array(height) and not is_array(width):
        return ([height], [width]), 0
    if height is width:
        classes, representatives = classes_of(height.ravel())
        found = height.ravel()[representatives]
        return (found, found), classes.reshape(height.shape)
    import numpy as np

    height, width = np.broadcast_arrays(height, width)
    classes, representatives = classes_of(height.ravel() * (1 << 20) + width.ravel())
    return (height.ravel()[representatives], width.ravel()[representatives]), classes.reshape(height.shape)


def paired(keys: list[Any]) -> Any:
    import numpy as np

    return np.unique(np.stack(keys, axis=1), axis=0, return_inverse=True)[1].ravel()


def classes_of(keys: Any) -> tuple[Any, Any]:
    """(class of each key, position of one member of each class); classes are numbered by rising key."""
    import numpy as np

    if keys.dtype.kind == "b":
        keys = keys.astype(np.int64)
    low, high = (0, 0) if keys.dtype.kind == "U" else (int(keys.min()), int(keys.max()))
    if keys.dtype.kind == "U" or high - low > 4 * keys.size + 1_000_000:
        _, representatives, classes = np.unique(keys, return_index=True, return_inverse=True)
        return classes.ravel(), representatives
    keys = keys - low
    seen = np.zeros(high - low + 1, dtype=bool)
    seen[keys] = True
    classes = (np.cumsum(seen) - 1)[keys]
    representatives = np.empty(int(seen.sum()), dtype=np.intp)
    representatives[classes] = np.arange(keys.size)
    return classes, representatives
