"""Norms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from archcost.importers.tracing.entries import Alias, Draft, Outcome
from archcost.importers.tracing.graph import Call
from archcost.importers.tracing.rules.base import rule

if TYPE_CHECKING:
    from archcost.importers.tracing.mapping import Mapping


@rule("batch_norm", "_native_batch_norm_legit_no_training", "native_batch_norm")
def batch_norm(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = owner.arguments
    x = given["input"]
    if call is not owner and call.arguments["index"] != 0:
        return None
    if given.get("training") or given.get("running_mean") is None or not mapping.is_varying(x):
        return None
    if not mapping.batched(x):
        return None
    learned = (("gamma", given["weight"]), ("beta", given["bias"]))
    fields = {name: False for name, tensor in learned if not mapping.separate(tensor)}
    return Draft("batch_norm", fields, [x.name])


@rule("layer_norm")
def layer_norm(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    x, over = given["input"], given["normalized_shape"]
    if not mapping.is_varying(x):
        return None
    shape = mapping.sample(x)
    fields: dict[str, Any] = {}
    if len(over) > 1:
        if tuple(over) != shape:
            return None
        fields["over"] = "all"
    if given.get("channels"):
        fields["over"] = "channels"
    if not mapping.separate(given["weight"]):
        fields["affine"] = False
    elif not mapping.separate(given["bias"]):
        fields["beta"] = False
    return Draft("layer_norm", fields, [x.name])


@rule("group_norm")
def group_norm(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    x = given["input"]
    if not mapping.is_varying(x) or not mapping.batched(x):
        return None
    fields: dict[str, Any] = {"groups": int(given["num_groups"])}
    if not mapping.separate(given["weight"]):
        fields["affine"] = False
    return Draft("group_norm", fields, [x.name])


@rule("rms_norm")
def rms_norm(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    x = given["input"]
    if not mapping.is_varying(x) or len(given["normalized_shape"]) != 1:
        return None
    return Draft("rms_norm", {} if mapping.separate(given["weight"]) else {"affine": False}, [x.name])


@rule("dropout", "feature_dropout", "alpha_dropout", "native_dropout")
def dropout(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    x = given["input"] if "input" in given else given["self"]
    if given.get("train") or not mapping.is_varying(x):
        return None
    p = float(given["p"])
    if not 0 < p <= 1 or not math.isfinite(p):
        return Alias(x.name)
    return Draft("dropout", {"p": round(p, 12)}, [x.name])


@rule("local_response_norm")
def local_response_norm(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    x = call.arguments["self"]
    return (
        Draft("local_response_norm", {"size": int(call.arguments["size"])}, [x.name]) if mapping.is_varying(x) else None
    )
