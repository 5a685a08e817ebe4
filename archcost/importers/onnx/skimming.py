"""An ONNX file without its weights: the data of large tensors is passed over unread, so size costs nothing.

Protocol buffers are fields, each a tag and a value; a message within a message is a value with its length in front.
What is not larger than KEPT is copied whole; what is larger is opened, down to the tensors, whose data is dropped.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from archcost.errors import ArchcostError

KEPT = 1 << 16
"""Bytes of a message that are copied unseen; shapes and the constants that they depend on are far smaller."""

_TENSOR = "tensor"
_OPENED: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: _TENSOR, 6: "graph", 10: _TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {},
}
"""Fields, by number, that hold further messages in which tensors may lie (onnx.proto)."""
_DATA = frozenset((4, 5, 6, 7, 9, 10, 11))
"""The fields of a tensor that hold its elements."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class _Broken(Exception):
    """No message of protocol buffers, or only the beginning of one."""


def skimmed(path: Path) -> bytes:
    """The model's message without the data of large tensors.

    Raises ArchcostError for a file that cannot be read, or that is none of ONNX.
    """
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            length = file.tell()
            if not length:
                raise ArchcostError(f"{path} is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
                return _message(view, 0, length, "model")
    except _Broken:
        raise ArchcostError(f"{path} is no ONNX model, or only a part of one") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ArchcostError(f"{path} cannot be read: {reason}") from None


def _message(view: mmap.mmap, start: int, end: int, kind: str) -> bytes:
    opened, parts = _OPENED[kind], []
    for begin, value, after, number, wire in _fields(view, start, end):
        if wire != _BYTES or after - value <= KEPT:
            parts.append(view[begin:after])
        elif number in opened:
            inner = _message(view, value, after, opened[number])
            parts += [_varint(number << 3 | _BYTES), _varint(len(inner)), inner]
        elif kind != _TENSOR or number not in _DATA:
            parts.append(view[begin:after])
    return b"".join(parts)


def _fields(view: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """(where the tag is, where the value is, where the next field is, number, wire type) of each field."""
    place = start
    while place < end:
        tag, value = _read(view, place, end)
        number, wire = tag >> 3, tag & 7
        if wire == _BYTES:
            length, value = _read(view, value, end)
            after = value + length
        elif wire == _VARINT:
            after = _read(view, value, end)[1]
        elif wire in (_FIXED32, _FIXED64):
            after = value + (4 if wire == _FIXED32 else 8)
        else:
            raise _Broken
        if after > end or not number:
            raise _Broken
        yield place, value, after, number, wire
        place = after


def _read(view: mmap.mmap, place: int, end: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    found = 0
    for shift in range(0, 70, 7):
        if place >= end:
            break
        byte = view[place]
        place += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found, place
    raise _Broken


def _varint(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
