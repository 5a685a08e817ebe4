"""What a model reads: its own sizes, those that `--input` gives, a batch of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from archcost.errors import ArchcostError
from archcost.importers.reference import Input

Dims = tuple[int | str | None, ...]
"""Sizes as a file has them: a number, a name for an open one, or nothing."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """An input as the file has it; None for one whose shape the file leaves out."""

    name: str
    dims: Dims | None
    dtype: int

    def __str__(self) -> str:
        if self.dims is None:
            return f"`{self.name}` [of unknown shape]"
        return f"`{self.name}` [" + ", ".join(str("?" if size is None else size) for size in self.dims) + "]"


def dims(type_: onnx.TypeProto) -> Dims | None:
    """The sizes of a tensor; None for what has none."""
    if not type_.HasField("tensor_type") or not type_.tensor_type.HasField("shape"):
        return None
    return tuple(
        int(size.dim_value) if size.HasField("dim_value") and size.dim_value > 0 else size.dim_param or None
        for size in type_.tensor_type.shape.dim
    )


def entrances(graph: onnx.GraphProto) -> list[Entrance]:
    """The inputs that a caller gives: weights may be listed among a graph's inputs, too."""
    weights = {each.name for each in graph.initializer}
    given = [each for each in graph.input if each.name not in weights]
    return [Entrance(each.name, dims(each.type), each.type.tensor_type.elem_type) for each in given]


def with_channels_first(graph: onnx.GraphProto) -> None:
    """Where all that is done to an image is to put its channels in front, the model reads it with them there."""
    for entrance in entrances(graph):
        readers = [node for node in graph.node if entrance.name in node.input]
        if (
            len(readers) != 1
            or readers[0].op_type != "Transpose"
            or any(each.name == entrance.name for each in graph.output)
        ):
            continue
        order = [list(each.ints) for each in readers[0].attribute if each.name == "perm"]
        if order != [[0, 3, 1, 2]] or entrance.dims is None or len(entrance.dims) != 4:
            continue
        given = next(each for each in graph.input if each.name == entrance.name)
        kept = [onnx.TensorShapeProto.Dimension() for _ in range(4)]
        for place, axis in enumerate(order[0]):
            kept[place].CopyFrom(given.type.tensor_type.shape.dim[axis])
        del given.type.tensor_type.shape.dim[:]
        given.type.tensor_type.shape.dim.extend(kept)
        given.name = readers[0].output[0]
        graph.node.remove(readers[0])


def settled(
    where: str, found: Sequence[Entrance], given: Sequence[Input]
) -> tuple[list[tuple[int, ...]], dict[str, int]]:
    """(the sizes of each input, the values of named sizes), with a batch of one.

    given: by the user, without the batch, in the order of the inputs. Raises ArchcostError where sizes stay open.
    """
    if not found:
        raise ArchcostError(f"{where} reads no input")
    if given and len(given) != len(found):
        raise ArchcostError(f"{where} reads {_listed(found)}: give --input {_times(len(found))}, not {len(given)}")
    named: dict[str, int] = {}
    known: list[tuple[int | None, ...]] = []
    for place, entrance in enumerate(found):
        sizes = _given(where, entrance, given[place]) if given else _own(entrance)
        for size, name in zip(sizes, entrance.dims or (), strict=False):
            if isinstance(name, str) and size is not None:
                named.setdefault(name, size)
        known.append(sizes)
    shapes = [_filled(sizes, entrance, named) for sizes, entrance in zip(known, found, strict=True)]
    if None in shapes:
        raise ArchcostError(
            f"{where} leaves sizes open: {_listed(found)}; say them, without the batch: "
            + " ".join(f"--input {_pattern(entrance)}" for entrance in found)
        )
    return [shape for shape in shapes if shape is not None], named


def _own(entrance: Entrance) -> tuple[int | None, ...]:
    """The file's sizes: an open first one is the batch, and so is the first of four. None at all where it has none."""
    if entrance.dims is None:
        return (None,)
    sizes = [size if isinstance(size, int) else None for size in entrance.dims]
    if sizes and (sizes[0] is None or len(sizes) == 4):
        sizes[0] = 1
    return tuple(sizes)


def _given(where: str, entrance: Entrance, given: Input) -> tuple[int, ...]:
    """The user's sizes, with the batch where the file has one."""
    if entrance.dims is not None and len(given.sizes) == len(entrance.dims):
        return given.sizes
    if entrance.dims is not None and len(given.sizes) + 1 != len(entrance.dims):
        raise ArchcostError(f"{where}: --input {given} does not fit {entrance}, its first size being the batch")
    return (1, *given.sizes)


def _filled(sizes: tuple[int | None, ...], entrance: Entrance, named: dict[str, int]) -> tuple[int, ...] | None:
    """The sizes with the named ones' values; None where one stays open."""
    names = entrance.dims or (None,) * len(sizes)
    filled = [
        named.get(name) if size is None and isinstance(name, str) else size
        for size, name in zip(sizes, names, strict=True)
    ]
    return None if None in filled else tuple(size for size in filled if size is not None)


def _listed(found: Sequence[Entrance]) -> str:
    return " and ".join(map(str, found))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times, once for each"


def _pattern(entrance: Entrance) -> str:
    if entrance.dims is None:
        return "3x224x224"
    said = [str(size) if isinstance(size, int) else str(size or "?").upper() for size in entrance.dims[1:]]
    return "x".join(said) or "1"
