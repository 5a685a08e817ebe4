"""Convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.importers.tracing.entries import Draft, Outcome
from archcost.importers.tracing.graph import Call
from archcost.importers.tracing.rules.base import pair, plain, rule
from archcost.ops import window
from archcost.shape import TensorShape

if TYPE_CHECKING:
    from archcost.importers.tracing.mapping import Mapping

Edges = tuple[tuple[int, int], tuple[int, int]]


@rule("conv2d", "convolution", "_convolution")
def conv(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    x, weight = given["input"], given["weight"]
    if not mapping.is_varying(x) or not mapping.is_constant(weight) or not mapping.batched(x):
        return None
    if len(mapping.shape(weight)) != 4 or len(call.shape) != 4:
        return None
    if given.get("transposed"):
        return transposed(mapping, call, owner)
    n, _, *kernel = mapping.shape(weight)
    stride, dilation = pair(given["stride"]), pair(given["dilation"])
    edges = _edges(given["padding"], kernel, dilation)
    source, shape = x.name, mapping.sample(x)
    padded = mapping.maker(x)
    if padded is not None and edges == ((0, 0), (0, 0)):
        before = _same(mapping, padded, call, kernel, stride, dilation)
        if before is not None:
            source, shape, edges = before, mapping.sample(before), "same"
    fields: dict[str, Any] = {"kernel": plain(kernel), "stride": plain(stride), "dilation": plain(dilation)}
    fields = {name: value for name, value in fields.items() if name == "kernel" or value != 1}
    if mapping.separate(given["bias"]):
        fields["bias"] = True
    groups = int(given["groups"])
    single = kernel == [1, 1] and edges == ((0, 0), (0, 0))
    if edges != "same" and not single and not _is_same(edges, kernel, stride, dilation):
        fields["padding"] = _written(edges)
    if groups > 1 and groups == shape[0]:
        if n != groups:
            fields["multiplier"] = n // groups
        return Draft("depthwise", fields, [source])
    if groups > 1:
        fields["groups"] = groups
    if single and edges != "same":
        fields = {name: value for name, value in fields.items() if name not in ("kernel", "dilation")}
        return Draft("pointwise", {"out": n, **fields}, [source])
    return Draft("conv", {"out": n, **fields}, [source])


@rule("conv_transpose2d")
def transposed(mapping: Mapping, call: Call, owner: Call) -> Outcome:
    given = call.arguments
    x, weight = given["input"], given["weight"]
    if not mapping.is_varying(x) or not mapping.is_constant(weight) or not mapping.batched(x):
        return None
    _, per_group, *kernel = mapping.shape(weight)
    groups = int(given["groups"])
    fields: dict[str, Any] = {"out": per_group * groups, "kernel": plain(kernel)}
    for name, usual in (("stride", 1), ("padding", 0), ("output_padding", 0), ("dilation", 1)):
        if (value := plain(pair(given[name]))) != usual:
            fields[name] = value
    if groups > 1:
        fields["groups"] = groups
    if mapping.separate(given["bias"]):
        fields["bias"] = True
    return Draft("conv_transpose", fields, [x.name])


def _edges(padding: Any, kernel: list[int], dilation: list[int]) -> str | Edges:
    """((top, bottom), (left, right)), as torch pads, or `same`, as TensorFlow does: [[top, bottom], [left, right]] and
    `same_upper` are ONNX's."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same_upper":
        return "same"
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        rows, columns = ((total // 2, total - total // 2) for total in totals)
        return rows, columns
    vertical, horizontal = pair(padding)
    if isinstance(vertical, list):
        return tuple(vertical), tuple(horizontal)
    return (vertical, vertical), (horizontal, horizontal)


def _is_same(edges: Any, kernel: list[int], stride: list[int], dilation: list[int]) -> bool:
    """Whether `same` pads so at every size: steps of 1, and just as much as the kernel takes."""
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return stride == [1, 1] and [tuple(edge) for edge in edges] == [(t // 2, t - t // 2) for t in totals]


def _written(edges: Any) -> Any:
    """As a spec writes it: 0 as `valid`, equal edges as one number."""
    axes = [edge[0] if edge[0] == edge[1] else list(edge) for edge in edges]
    if axes == [0, 0]:
        return "valid"
    return axes[0] if axes[0] == axes[1] and isinstance(axes[0], int) else axes


def _same(
    mapping: Mapping, padded: Call, call: Call, kernel: list[int], stride: list[int], dilation: list[int]
) -> str | None:
    """What a module of its own pads and convolves as TensorFlow's `same` does: by amounts that follow the size."""
    if padded.operator not in ("pad", "constant_pad_nd") or padded.path != call.path or len(padded.shape) != 4:
        return None
    source = padded.arguments["self"].name
    if not mapping.batched(source) or padded.arguments.get("value") not in (None, 0, 0.0):
        return None
    amounts = [*padded.arguments["pad"], 0, 0, 0, 0][:4]
    edges = ((amounts[2], amounts[3]), (amounts[0], amounts[1]))
    x = TensorShape(mapping.sample(source))
    pairs: Any = tuple(kernel), tuple(stride), tuple(dilation)
    return source if window.margins(x, "same", *pairs) == edges else None
