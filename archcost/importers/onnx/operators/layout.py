"""Views, orders of axes, joins and parts; casts, which change no element."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from archcost.importers.onnx.operators.base import MICROSOFT, translates

if TYPE_CHECKING:
    from archcost.importers.onnx.step import Step

_SAME = ("Identity", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")


@translates(*_SAME)
@translates("QuantizeLinear", "DequantizeLinear", domain=MICROSOFT)
def same(step: Step) -> bool | None:
    """The same tensor at another precision, at most."""
    if len(step.node.output) > 1:
        return _quantized(step)
    step.emit("alias" if step.operator == "Identity" else "to", {"self": step.ref(0)})
    return True


def _quantized(step: Step) -> bool:
    """DynamicQuantizeLinear: its scale and zero point are numbers that go with the tensor."""
    step.emit("to", {"self": step.ref(0)})
    for name in step.node.output[1:]:
        if name:
            step.walk.loose(name)
    return True


@translates("Dropout")
def dropout(step: Step) -> bool | None:
    ratio = step.number(1) if step.given(1) else step.attribute("ratio", 0.5)
    for name in step.node.output[1:]:
        if name:
            step.walk.loose(name)
    step.emit("dropout", {"input": step.ref(0), "p": 0.5 if ratio is None else round(ratio, 6), "train": False})
    return True


_VIEWS = {"Reshape": "reshape", "Flatten": "flatten", "Squeeze": "squeeze", "Unsqueeze": "unsqueeze"}


@translates(*_VIEWS)
def view(step: Step) -> bool | None:
    before, after = step.shape(0), step.output
    if math.prod(before) != math.prod(after):
        step.reject(f"it makes {list(after)} of {list(before)}")
    step.emit(_VIEWS[step.operator], {"self": step.ref(0)})
    return True


@translates("Expand")
def expand(step: Step) -> bool | None:
    step.emit("expand", {"self": step.ref(0)})
    return True


@translates("Transpose")
def transpose(step: Step) -> bool | None:
    rank = len(step.shape(0))
    order = step.attribute("perm", list(reversed(range(rank))))
    moved = [place for place, axis in enumerate(order) if place != axis]
    if len(moved) == 2:
        step.emit("transpose", {"self": step.ref(0), "dim0": moved[0], "dim1": moved[1]})
    else:
        step.emit("permute", {"self": step.ref(0), "dims": order})
    return True


@translates("Concat")
def concat(step: Step) -> bool | None:
    refs = [step.ref(place) for place in range(len(step.node.input))]
    step.emit("cat", {"tensors": refs, "dim": step.attribute("axis", 1)})
    return True


@translates("Split")
def split(step: Step) -> bool | None:
    arguments: dict[str, Any] = {"self": step.ref(0), "dim": step.attribute("axis", 0)}
    if len(step.node.output) == 1:
        step.emit("alias", {"self": step.ref(0)})
    else:
        step.several("split", arguments)
    return True


@translates("Slice")
def sliced(step: Step) -> bool | None:
    starts, ends = step.integers(1, "starts"), step.integers(2, "ends")
    if starts is None or ends is None:
        return False
    axes = step.integers(3, "axes") or list(range(len(starts)))
    steps = (step.integers(4, "steps") if step.version >= 10 else None) or [1] * len(starts)
    if any(each < 1 for each in steps):
        return False
    found, shape = step.ref(0), list(step.shape(0))
    wanted = list(zip(axes, starts, ends, steps, strict=True))
    for place, (axis, start, end, by) in enumerate(wanted):
        dim = axis % len(shape)
        begin, stop, _ = slice(start, end).indices(shape[dim])
        shape[dim] = len(range(begin, stop, by))
        arguments = {"self": found, "dim": dim, "start": begin, "end": stop, "step": by}
        if place == len(wanted) - 1:
            step.emit("slice", arguments)
        else:
            found = step.before(f"slice{place}", "slice", arguments, tuple(shape))
    return True


@translates("Gather")
def gather(step: Step) -> bool | None:
    """One entry of an axis, a table looked up, or a choice of entries."""
    axis, index = step.attribute("axis", 0), step.value(1)
    if index is not None and index.ndim == 0 and not step.constant(0):
        size = step.shape(0)[axis]
        step.emit("select", {"self": step.ref(0), "dim": axis, "index": int(index) % size})
        return True
    if step.constant(0) and not step.constant(1):
        step.learn(0)
        step.emit("embedding", {"weight": step.ref(0), "indices": step.ref(1)})
        return True
    if index is not None and index.ndim == 1 and not step.constant(0):
        places = [int(each) % step.shape(0)[axis] for each in index]
        if places and places == list(range(places[0], places[0] + len(places))):
            arguments = {"self": step.ref(0), "dim": axis, "start": places[0], "end": places[-1] + 1}
            step.emit("slice", {**arguments, "step": 1})
            return True
    step.emit("index_select", {"self": step.ref(0), "dim": axis, "index": step.ref(1)})
    return True


@translates("Pad")
def pad(step: Step) -> bool | None:
    """[x1_begin, x2_begin, …, x1_end, …] where torch has the last axis first."""
    amounts = step.integers(1, "pads")
    if amounts is None or step.given(3):
        return False
    rank = len(amounts) // 2
    if min(amounts) < 0 or rank != len(step.shape(0)):
        return False
    flat = [amounts[axis + offset] for axis in reversed(range(rank)) for offset in (0, rank)]
    while len(flat) > 2 and flat[-2:] == [0, 0]:
        flat = flat[:-2]
    mode = {"edge": "replicate"}.get(step.attribute("mode", "constant"), step.attribute("mode", "constant"))
    value = step.number(2) if step.given(2) else step.attribute("value", 0.0)
    step.emit("pad", {"self": step.ref(0), "pad": flat, "mode": mode, "value": value})
    return True


@translates("DepthToSpace")
def depth_to_space(step: Step) -> bool | None:
    step.emit("pixel_shuffle", {"self": step.ref(0), "upscale_factor": step.attribute("blocksize", 1)})
    return True


@translates("Where")
def where(step: Step) -> bool | None:
    step.emit("where", {"condition": step.ref(0), "self": step.ref(1), "other": step.ref(2)})
    return True
