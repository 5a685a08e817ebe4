"""onnx-tool's profile of the ONNX file that torch writes of the model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcost.live.counters import SIZES, Figure

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("onnx-tool", "onnx")
CONVENTIONS = ("onnx_tool",)
OPSET = 17


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    import onnx
    import onnx_tool
    import torch

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(model, inputs, str(path), dynamo=False, opset_version=OPSET)
        found = onnx_tool.Model(str(path))
        found.graph.shape_infer()
        found.graph.profile()
        made = set(_data(onnx.load(str(path)).graph))
    nodes = found.graph.nodemap.items()
    total = found.graph.macs
    asides = {SIZES.format("onnx_tool"): sum(_macs(node) for _, node in nodes if not made.intersection(node.output))}
    return {"onnx_tool": Figure(sum(total) if isinstance(total, (list, tuple)) else total, asides=asides)}


def _data(graph: Any) -> Iterator[str]:
    """The tensors of a graph that depend on the input's values; the others are made of its size, or of nothing."""
    held = {each.name for each in graph.initializer}
    found = {each.name for each in graph.input} - held
    for node in graph.node:
        if node.op_type not in ("Shape", "Size") and found.intersection(node.input):
            found.update(node.output)
    yield from found


def _macs(node: Any) -> int:
    return int(sum(node.macs) if isinstance(node.macs, (list, tuple)) else node.macs)
