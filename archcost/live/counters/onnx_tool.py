"""onnx-tool's profile of the ONNX file that torch writes of the model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

NEEDS = ("onnx-tool", "onnx")
CONVENTIONS = ("onnx_tool",)
OPSET = 17


def count(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    import onnx_tool
    import torch

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(model, inputs, str(path), dynamo=False, opset_version=OPSET)
        found = onnx_tool.Model(str(path))
        found.graph.shape_infer()
        found.graph.profile()
    return {"onnx_tool": sum(found.graph.macs) if isinstance(found.graph.macs, (list, tuple)) else found.graph.macs}
