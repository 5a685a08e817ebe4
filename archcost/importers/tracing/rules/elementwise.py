"""Arithmetic of two tensors, of a tensor and a number, of a tensor and what the model has learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.importers.tracing.entries import Draft, Outcome, has_batch, sample
from archcost.importers.tracing.graph import Call, Ref, Shape
from archcost.importers.tracing.rules.base import axes_of, rule

if TYPE_CHECKING:
    from archcost.importers.tracing.mapping import Mapping

_KINDS = {
    **dict.fromkeys(("add",), "add"),
    **dict.fromkeys(("mul", "multiply"), "multiply"),
    **dict.fromkeys(("sub", "subtract"), "subtract"),
    **dict.fromkeys(("div", "divide", "true_divide"), "divide"),
    **dict.fromkeys(("maximum", "fmax"), "maximum"),
    **dict.fromkeys(("minimum", "fmin"), "minimum"),
}
_WITH_NUMBER = {"add": "plus", "multiply": "times", "divide": "divided_by", "maximum": "at_least", "minimum": "at_most"}
_LEARNED = {"add": "position_embedding", "multiply": "layer_scale"}


@rule(*_KINDS)
def arithmetic(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    kind, a, b = _KINDS[call.operator], given["self"], given["other"]
    if given.get("alpha", 1) != 1 or given.get("rounding_mode"):
        return None
    if not isinstance(b, Ref):
        function, by = (_WITH_NUMBER[kind], b) if kind != "subtract" else ("plus", -float(b))
        return Draft("elementwise", {"function": function, "by": float(by)}, [a.name])
    if kind in _LEARNED:
        x, other = (a, b) if mapping.is_varying(a) else (b, a)
        if mapping.is_constant(other) and (draft := _learned(mapping, kind, x, other)) is not None:
            return draft
    return _stretched(mapping, kind, [a, b])


@rule("rsub")
def subtracted(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    x, other = call.arguments["self"], call.arguments["other"]
    if isinstance(other, Ref) or call.arguments.get("alpha", 1) != 1:
        return None
    return Draft("elementwise", {"function": "subtracted_from", "by": float(other)}, [x.name])


@rule("pow")
def power(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    x, by = call.arguments.get("self"), call.arguments["exponent"]
    if not mapping.is_varying(x) or isinstance(by, Ref) or x is None:
        return None
    return Draft("elementwise", {"function": "power", "by": float(by)}, [x.name])


def _learned(mapping: Mapping, kind: str, x: Ref, other: Ref) -> Draft | None:
    """A position embedding or a scale: parameters that stretch to the tensor, each with an axis's full size or 1."""
    shape, known = mapping.sample(x), mapping.shape(other)
    if mapping.learned(other) == 0:
        return None
    if has_batch(known) and len(known) > len(shape):
        known = known[1:]
    known = (1,) * (len(shape) - len(known)) + known
    if len(known) != len(shape):
        return None
    over = [axis for axis, (size, full) in enumerate(zip(known, shape, strict=True)) if size == full]
    if any(size not in (1, full) for size, full in zip(known, shape, strict=True)) or not over:
        return None
    fields: dict[str, Any] = {"over": over}
    if (kind == "add" and len(over) == len(shape)) or (kind == "multiply" and over == [0]):
        fields = {}
    return Draft(_LEARNED[kind], fields, [x.name])


def _stretched(mapping: Mapping, kind: str, refs: list[Ref]) -> Draft | None:
    """The tensors as they are; a constant with fewer axes gets ones in front."""
    rank = max(len(mapping.sample(ref)) for ref in refs if mapping.is_varying(ref))
    sizes: dict[str, Shape] = {}
    for ref in refs:
        if mapping.is_constant(ref):
            known = mapping.shape(ref)
            known = known if len(known) <= rank else sample(known)
            sizes[ref.name] = (1,) * (rank - len(known)) + known
    return Draft(kind, {}, [ref.name for ref in refs], sizes=sizes)


_REDUCED = {
    "mean": "mean",
    "sum": "sum",
    "amax": "max",
    "amin": "min",
    "linalg_vector_norm": "norm",
    "norm": "norm",
}


@rule(*_REDUCED)
def reduced(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    x = given["self"]
    if not mapping.is_varying(x) or not mapping.batched(x):
        return None
    rank = len(mapping.shape(x))
    axes, keep = axes_of(given.get("dim"), rank), bool(given.get("keepdim", False))
    if given.get("dim") is None or -1 in axes:
        return None
    function = _REDUCED[call.operator]
    if rank == 4 and axes == [1, 2] and function in ("mean", "max"):
        kind = "global_avg_pool" if function == "mean" else "global_max_pool"
        return Draft(kind, {"keep_dims": True} if keep else {}, [x.name])
    fields: dict[str, Any] = {"axes": axes}
    if function != "mean":
        fields["function"] = function
    if keep:
        fields["keep_dims"] = True
    return Draft("reduce", fields, [x.name])
