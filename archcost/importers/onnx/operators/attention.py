"""Attention as one operator: the standard's own, and those that optimizers put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archcost.importers.onnx.operators.base import MICROSOFT, translates

if TYPE_CHECKING:
    from archcost.importers.onnx.step import Step


@translates("Attention", arithmetic=True)
def attention(step: Step) -> bool | None:
    """softmax(q · kᵀ) · v, the heads in an axis of their own or side by side; earlier keys and values before them."""
    query, key, value = (step.shape(place) for place in (0, 1, 2))
    past = step.shape(4)[-2] if step.given(4) else 0
    if len(query) == 4:
        tokens, depth = query[2] * query[1] * query[0], query[3]
        seen, wide = key[2] + past, value[3]
    else:
        heads, others = step.attribute("q_num_heads", 1), step.attribute("kv_num_heads", 1)
        tokens, depth = query[0] * query[1] * heads, query[2] // heads
        seen, wide = key[1] + past, value[2] // others
    step.opaque(tokens * seen * (depth + wide))
    return True


@translates("MultiHeadAttention", domain=MICROSOFT, arithmetic=True)
def multi_head(step: Step) -> bool | None:
    """q, k and v side by side; a key with heads of its own is one from before, projected already."""
    if not step.given(1) or not step.given(2) or any(step.given(place) for place in (6, 7)):
        return False
    query, key, value = (step.shape(place) for place in (0, 1, 2))
    step.learn(3)
    seen = key[2] if len(key) == 4 else key[1]
    width = value[1] * value[3] if len(value) == 4 else value[2]
    step.opaque(query[0] * query[1] * seen * (query[2] + width))
    return True


@translates("Attention", "QAttention", domain=MICROSOFT, arithmetic=True)
def projected(step: Step) -> bool | None:
    """x · [W_q W_k W_v], then attention of x with itself."""
    past = 8 if step.operator == "QAttention" else 4
    if step.given(past) or step.attribute("do_rotary", 0):
        return False
    step.learn(1, 2)
    batch, tokens, width = step.shape(0)
    sizes = step.attribute("qkv_hidden_sizes", None) or [step.shape(1)[1] // 3] * 3
    linear = batch * tokens * width * step.shape(1)[1]
    step.opaque(linear + batch * tokens * tokens * (sizes[0] + sizes[2]))
    return True


@translates("GroupQueryAttention", domain=MICROSOFT, arithmetic=True)
def grouped(step: Step) -> bool | None:
    """Of its own tokens only: how many are past is not in the shapes."""
    if not (step.given(1) and step.given(2)) or (step.given(3) and step.shape(3)[2]):
        return False
    batch, tokens, width = step.shape(0)
    step.opaque(2 * batch * tokens * step.shape(1)[1] * width)
    return True
