"""Linear layers, matrix products, attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.importers.tracing.entries import Draft, Outcome, sample
from archcost.importers.tracing.graph import Call, Ref
from archcost.importers.tracing.rules.base import rule

if TYPE_CHECKING:
    from archcost.importers.tracing.mapping import Mapping


@rule("linear")
def linear(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    x, weight = given["input"], given["weight"]
    if not mapping.is_varying(x) or not mapping.is_constant(weight):
        return None
    fields: dict[str, Any] = {"out": mapping.shape(weight)[0]}
    if not mapping.separate(given["bias"]):
        fields["bias"] = False
    if len(mapping.sample(x)) == 3:
        fields["per_row"] = True
    return Draft("linear", fields, [x.name])


@rule("matmul", "bmm", "mm")
def matmul(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    a, b = given["self"], given["other"] if "other" in given else given["mat2"]
    if not (mapping.is_varying(a) and mapping.is_varying(b)):
        return None
    flipped = _transposed(mapping, b)
    if flipped is not None:
        return Draft("matmul", {"transpose": True}, [a.name, flipped])
    return Draft("matmul", {}, [a.name, b.name])


def _transposed(mapping: Mapping, ref: Ref) -> str | None:
    """What the tensor is the transpose of, its last two axes exchanged."""
    maker = mapping.maker(ref)
    if maker is None or maker.operator != "transpose":
        return None
    rank = len(maker.shape)
    axes = {int(maker.arguments[name]) % rank for name in ("dim0", "dim1")}
    source = maker.arguments["self"]
    if axes != {rank - 1, rank - 2} or len(mapping.sample(source)) != len(sample(maker.shape)):
        return None
    return str(source.name)


@rule("scaled_dot_product_attention")
def attention(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    refs = [given[name] for name in ("query", "key", "value")]
    if not all(mapping.is_varying(ref) for ref in refs):
        return None
    mask = given.get("attn_mask")
    return Draft("scaled_dot_product_attention", {}, [ref.name for ref in (*refs, *([mask] if mask else []))])
