"""Views, orders of axes, joins and parts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from archcost.importers.tracing.entries import Alias, Draft, Outcome, has_batch, sample
from archcost.importers.tracing.graph import Call, Ref, Shape
from archcost.importers.tracing.rules.base import axis_of, plain, rule

if TYPE_CHECKING:
    from archcost.importers.tracing.mapping import Mapping


@rule(
    *("contiguous", "clone", "detach", "alias", "to", "_to_copy", "type_as", "float", "lift_fresh", "lift_fresh_copy"),
    *("expand", "expand_as", "squeeze", "unsqueeze", "view", "reshape", "_unsafe_view", "view_as", "flatten"),
    *("unflatten", "lift", "resolve_conj", "resolve_neg"),
)
def view(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    x = call.arguments["self"] if "self" in call.arguments else call.arguments["input"]
    if not mapping.is_varying(x):
        return None
    before, after = mapping.sample(x), sample(call.shape)
    if before == after:
        return Alias(x.name)
    if math.prod(before) != math.prod(after) or not mapping.batched(x) or not has_batch(call.shape):
        return None
    if (groups := _shuffle(mapping, x, after)) is not None:
        return Draft("channel_shuffle", {"groups": groups[0]}, [groups[1]])
    rank = len(after)
    if rank <= len(before) and before[: rank - 1] == after[:-1]:
        return Draft("flatten", {"start": rank - 1} if rank > 1 else {}, [x.name])
    return _ones(x, before, after)


def _ones(x: Ref, before: Shape, after: Shape) -> Draft | None:
    """Sizes of 1 come or go: written with the sizes that stay by name, so that they may change."""
    kept = [axis for axis, size in enumerate(before) if size != 1]
    if [size for size in after if size != 1] != [before[axis] for axis in kept]:
        return None
    names = {0: "channels()", 1: "height()", 2: "width()", len(before) - 1: "features()"}
    if any(axis not in names for axis in kept):
        return None
    left = iter(kept)
    written = [1 if size == 1 else names[next(left)] for size in after]
    return Draft("reshape", {"sizes": list(after)}, [x.name], {"sizes": written})


def _shuffle(mapping: Mapping, x: Ref, after: Shape) -> tuple[int, str] | None:
    """(groups, source) where channels are dealt out: viewed as [groups, …], turned, and joined again."""
    turned = mapping.maker(x)
    if turned is None or turned.operator not in ("transpose", "permute") or len(turned.shape) != len(after) + 2:
        return None
    opened = mapping.maker(turned.arguments["self"])
    if opened is None or opened.operator not in ("view", "reshape", "unflatten"):
        return None
    source = opened.arguments["self"]
    groups, each = opened.shape[1:3]
    swapped = (opened.shape[0], each, groups, *opened.shape[3:])
    if mapping.sample(source) != after or turned.shape != swapped or not mapping.batched(source):
        return None
    rank = len(turned.shape)
    if turned.operator == "transpose":
        exchanged = {int(turned.arguments[name]) % rank for name in ("dim0", "dim1")} == {1, 2}
    else:
        order = [int(dim) % rank for dim in turned.arguments["dims"]]
        exchanged = order == [0, 2, 1, *range(3, rank)]
    return (groups, source.name) if exchanged else None


@rule("transpose", "permute", "t", "movedim", "swapaxes")
def transposed(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    x, order = call.arguments["self"], call.order
    if not mapping.is_varying(x) or order is None:
        return None
    if order[0] != 0:
        return Alias(x.name) if mapping.sample(x) == sample(call.shape) and _ones_only(call.shape, order) else None
    if not mapping.batched(x):
        return Draft("transpose", {"axes": order}, [x.name])
    return Draft("transpose", {"axes": [dim - 1 for dim in order[1:]]}, [x.name])


def _ones_only(shape: Shape, order: list[int]) -> bool:
    """Whether only sizes of 1 change their place."""
    kept = [dim for place, dim in enumerate(order) if shape[place] != 1]
    return kept == sorted(kept)


@rule("cat", "concat")
def joined(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    refs = [ref for ref in call.arguments["tensors"] if 0 not in mapping.shape(ref)]
    if len(refs) == 1:
        return Alias(refs[0].name)
    axis = axis_of(int(call.arguments.get("dim", 0)), len(call.shape)) + (0 if has_batch(call.shape) else 1)
    if axis < 0 or not all(has_batch(mapping.shape(ref)) == has_batch(call.shape) for ref in refs):
        return None
    first, last = refs[0], refs[-1]
    if len(refs) == 2 and axis == 0 and len(call.shape) == 3 and mapping.is_constant(first):
        count = mapping.sample(first)[0]
        if mapping.learned(first) == math.prod(mapping.sample(first)):
            return Draft("class_token", {"count": count} if count != 1 else {}, [last.name])
    return Draft("concat", {"axis": axis} if axis else {}, [ref.name for ref in refs])


@rule("chunk", "split", "split_with_sizes", "unsafe_split", "unsafe_chunk", "tensor_split", "unbind")
def part(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    if call is owner:
        return None
    x, index = owner.arguments["self"], call.arguments["index"]
    full = mapping.shape(x)
    axis = axis_of(int(owner.arguments.get("dim", 0)), len(full)) + (0 if mapping.batched(x) else 1)
    if axis < 0 or not mapping.is_varying(x):
        return None
    if owner.operator == "unbind":
        return Draft("select", {"index": index} if index else {}, [x.name]) if axis == 0 else None
    if has_batch(call.shape) != mapping.batched(x):
        return None
    dim = axis + (1 if mapping.batched(x) else 0)
    sizes = [shape[dim] for shape in owner.shapes]
    fields: dict[str, Any] = {"axis": axis} if axis else {}
    if len(sizes) > 1 and len(set(sizes)) == 1:
        return Draft("split", {"parts": len(sizes), **({"part": index} if index else {}), **fields}, [x.name])
    start = sum(sizes[:index])
    return Draft("slice", {"length": sizes[index], **({"start": start} if start else {}), **fields}, [x.name])


@rule("select")
def selected(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    x = given["self"]
    full = mapping.shape(x)
    axis = axis_of(int(given["dim"]), len(full)) + (0 if mapping.batched(x) else 1)
    if not mapping.is_varying(x) or axis != 0 or has_batch(call.shape) != mapping.batched(x):
        return None
    index = int(given["index"]) % mapping.sample(x)[0]
    return Draft("select", {"index": index} if index else {}, [x.name])


@rule("slice", "narrow")
def sliced(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    x = given["self"]
    full = mapping.shape(x)
    if not mapping.is_varying(x) or mapping.batched(x) != has_batch(call.shape):
        return None
    if mapping.sample(x) == sample(call.shape):
        return Alias(x.name)
    dim = int(given["dim"]) % len(full)
    axis = dim - 1 if mapping.batched(x) else dim
    if axis < 0 or given.get("step", 1) != 1:
        return None
    start = int(given.get("start") or 0)
    start = start + full[dim] if start < 0 else start
    fields: dict[str, Any] = {"length": call.shape[dim], **({"start": start} if start else {})}
    return Draft("slice", {**fields, **({"axis": axis} if axis else {})}, [x.name])


@rule("channel_shuffle", "native_channel_shuffle")
def shuffled(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    x = call.arguments["self"] if "self" in call.arguments else call.arguments["input"]
    return Draft("channel_shuffle", {"groups": int(call.arguments["groups"])}, [x.name])


_MODES = {"constant": "zeros", "reflect": "reflect", "replicate": "replicate"}
_PADS = {"reflection_pad2d": "reflect", "replication_pad2d": "replicate"}


@rule("pad", "constant_pad_nd", *_PADS)
def padded(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    x = given["self"]
    amounts = [int(amount) for amount in (given["pad"] if "pad" in given else given["padding"])]
    mode = _PADS.get(call.operator) or _MODES.get(given.get("mode", "constant"), "")
    if not mapping.is_varying(x) or not mapping.batched(x) or not mode or len(mapping.shape(x)) != 4:
        return None
    if not any(amounts):
        return Alias(x.name)
    if len(amounts) > 4 or min(amounts) < 0:
        return None
    left, right, top, bottom = [*amounts, 0, 0][:4]
    edges = [plain([top, bottom]), plain([left, right])]
    if all(isinstance(edge, int) for edge in edges):
        margins: Any = plain(edges)
    else:
        margins = [[top, bottom], [left, right]]
    return Draft("pad", {"margins": margins, **({"mode": mode} if mode != "zeros" else {})}, [x.name])
