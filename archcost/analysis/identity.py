"""Which models of a batch are the same network: alike in every operator, size and connection, whatever was set."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from archcost import dims
from archcost.analysis.rows import Part
from archcost.dims import is_array
from archcost.graph import INPUT, Network

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Prints = tuple[NDArray[np.uint64], NDArray[np.uint64]]

_FACTORS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)
_WORD = 2**64 - 1


def fingerprints(parts: list[Part]) -> tuple[Any, Any]:
    """Two of 64 bits for each row, in the batch's shape; the same within this process for the same network."""
    found = [_prints(part) for part in parts]
    first, second = (Part.joined((part, p[which]) for part, p in zip(parts, found, strict=True)) for which in (0, 1))
    return first, second


def numbered(parts: list[Part]) -> Any:
    """A number for each row, the same for the same network; in the batch's shape."""
    import numpy as np

    first, second = fingerprints(parts)
    flat, check = first.ravel(), second.ravel()
    _, representatives, numbers = np.unique(flat, return_index=True, return_inverse=True)
    if not (check == check[representatives][numbers.ravel()]).all():  # two networks met in 64 bits
        numbers = np.unique(np.stack([flat, check], axis=1), axis=0, return_inverse=True)[1]
    return numbers.reshape(first.shape)


def _prints(part: Part) -> Prints:
    """Two fingerprints of 64 bits for each of a part's networks."""
    import numpy as np

    assert part.rows is not None
    grid = part.rows.grid
    if part.network is None:  # none of these can exist; they are never told apart
        nothing = np.zeros(grid, np.uint64)
        return nothing, nothing
    slots = [*_slots(part.network)]
    places: dict[int, int] = {}
    # Which slots hold one array, and what stands in all others, is the same for all rows.
    fixed = [places.setdefault(id(slot), place) if is_array(slot) else str(slot) for place, slot in enumerate(slots)]
    arrays = [_whole(slots[place]) for place in places.values()]
    start = hash(tuple(fixed))
    found = []
    for factor in _FACTORS:
        mixed = np.full(grid, (start * factor) & _WORD, np.uint64)
        for array in arrays:
            mixed = (mixed ^ array) * np.uint64(factor)
            mixed ^= mixed >> np.uint64(29)
        found.append(mixed)
    return found[0], found[1]


def _slots(network: Network) -> Iterator[Any]:
    """Everything that tells one network from another, in a fixed order: numbers, arrays and names."""
    position = {INPUT: 0} | {layer.name: i for i, layer in enumerate(network.layers, 1)}
    yield from network.input_shape
    for layer in network.layers:
        yield layer.kind
        yield from (position[name] for name in layer.inputs)
        for shape in layer.input_shapes:
            yield from shape
        for field in dataclasses.fields(layer.op):
            yield from _flat(getattr(layer.op, field.name))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (tuple, list)):
        yield len(value)
        for each in value:
            yield from _flat(each)
    else:
        yield from dims.parts(value)


def _whole(array: Any) -> Any:
    """The bits of numbers, flags or names."""
    import zlib

    import numpy as np

    if array.dtype.kind == "U":
        names, places = np.unique(array, return_inverse=True)
        array = np.array([zlib.crc32(name.encode()) for name in names])[places].reshape(array.shape)
    return array.astype(np.float64 if array.dtype.kind == "f" else np.int64).view(np.uint64)
