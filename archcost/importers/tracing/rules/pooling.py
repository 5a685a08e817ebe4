"""Pools and resizing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.importers.tracing.entries import Draft, Outcome
from archcost.importers.tracing.graph import Call
from archcost.importers.tracing.rules.base import pair, plain, rule

if TYPE_CHECKING:
    from archcost.importers.tracing.mapping import Mapping


@rule("max_pool2d", "avg_pool2d", "max_pool2d_with_indices")
def pool(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = owner.arguments
    x = given["self"]
    if not mapping.is_varying(x) or not mapping.batched(x) or (call is not owner and call.arguments["index"] != 0):
        return None
    if given.get("divisor_override"):
        return None
    kernel = pair(given["kernel_size"])
    stride = pair(given["stride"]) if given.get("stride") else kernel
    fields: dict[str, Any] = {"kernel": plain(kernel)}
    if stride != kernel:
        fields["stride"] = plain(stride)
    padding = given.get("padding", 0)
    edges = pair(padding)
    if padding == "same_upper":
        fields["padding"] = "same"
    elif edges != [0, 0]:
        fields["padding"] = edges if isinstance(edges[0], list) else plain(edges)
    if plain(pair(given.get("dilation", 1))) != 1:
        fields["dilation"] = plain(pair(given["dilation"]))
    if given.get("ceil_mode"):
        fields["ceil_mode"] = True
    if given.get("count_include_pad") is False:
        fields["count_include_pad"] = False
    return Draft("max_pool" if owner.operator.startswith("max") else "avg_pool", fields, [x.name])


@rule("adaptive_avg_pool2d", "_adaptive_avg_pool2d", "adaptive_max_pool2d")
def adaptive(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = owner.arguments
    x, size = given["self"], pair(given["output_size"])
    if not mapping.is_varying(x) or not mapping.batched(x) or (call is not owner and call.arguments["index"] != 0):
        return None
    kind = "max_pool" if "max" in owner.operator else "avg_pool"
    if size == [1, 1]:
        return Draft(f"global_{kind}", {"keep_dims": True}, [x.name])
    return Draft(f"adaptive_{kind}", {"size": plain(size)}, [x.name])


@rule("upsample_nearest2d", "upsample_bilinear2d")
def resized(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    x = given["input"] if "input" in given else given["self"]
    if not mapping.is_varying(x) or not mapping.batched(x) or given.get("align_corners"):
        return None
    (height, width), (h, w) = call.shape[2:], mapping.shape(x)[2:]
    fields: dict[str, Any] = {"mode": "bilinear"} if "bilinear" in call.operator else {}
    if given.get("output_size") is None and height % h == 0 and width % w == 0:
        return Draft("resize", {"factor": plain([height // h, width // w]), **fields}, [x.name])
    return Draft("resize", {"size": plain([height, width]), **fields}, [x.name])
