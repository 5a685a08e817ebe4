"""Builds a spec's PyTorch module and holds archcost's numbers against fvcore's, layer by layer, to the unit.

fvcore's total() also holds batch norm and pooling, by rules of its own; so each operator that it counts is
compared with the same operator here. What fvcore cannot see (scaled dot-product attention) is compared
with torch's FlopCounterMode on the meta device, where that one does count it.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from archcost.analysis import Analysis, Validation
from archcost.graph import Layer
from archcost.live.build import NetworkModule, build_network
from archcost.ops.attention import Attention, ScaledDotProduct

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its losses are scripted by what torch calls deprecated
    from fvcore.nn import FlopCountAnalysis

ATTENTIONS = (Attention, ScaledDotProduct)
"""Operators that hold what fvcore cannot see."""
UNSEEN_PRODUCTS = ("attention", "mm", "einsum", "conv", "linear", "matmul", "bilinear", "lstm", "gru")
"""An operator that fvcore passes over is harmless unless its name holds one of these."""


def validate(analysis: Analysis, found: Validation) -> None:
    """Compares one model with its PyTorch module: each layer's operators, shapes, parameters; then the totals."""
    size = (1, *analysis.network.input_shape)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _compare_meta(found, analysis, size)
        _compare_fvcore(found, analysis, size)


def _compare_meta(found: Validation, analysis: Analysis, size: tuple[int, ...]) -> None:
    """Output shapes, parameters, and FlopCounterMode's macs, on a module that takes no memory."""
    module = build_network(analysis.network, "meta")
    shapes: dict[str, tuple[int, ...]] = {}
    for name, part, _, _ in module.steps:
        part.register_forward_hook(lambda _m, _i, y, name=name: shapes.update({name: tuple(y.shape[1:])}))
    with FlopCounterMode(display=False) as counter:
        module(torch.empty(size, device="meta"))
    found.compare("total", "macs", analysis.macs, counter.get_total_flops() // 2, "FlopCounterMode")
    found.compare("total", "params", analysis.params, sum(p.numel() for p in module.parameters()), "sum(p.numel())")
    counts = {
        name.removeprefix(f"{type(module).__name__}."): sum(ops.values()) // 2
        for name, ops in counter.get_flop_counts().items()
    }
    for layer, (name, part, _, _) in zip(analysis.network.layers, module.steps, strict=True):
        cost = layer.cost
        found.compare(name, "output shape", tuple(layer.output_shape), shapes[name], "torch")
        found.compare(name, "params", cost.params.value, sum(p.numel() for p in part.parameters()), "sum(p.numel())")
        found.compare(name, "buffers", cost.buffers.value, _buffers(part), "torch")
        if isinstance(layer.op, ATTENTIONS):
            found.compare(name, "macs", cost.macs.value, counts.get(module.paths[name], 0), "FlopCounterMode")


def _buffers(module: torch.nn.Module) -> int:
    """Elements of running means and variances; the counter of batches is none of them."""
    return sum(b.numel() for name, b in module.named_buffers() if not name.endswith("num_batches_tracked"))


def _compare_fvcore(found: Validation, analysis: Analysis, size: tuple[int, ...]) -> None:
    module = _with_memory(build_network(analysis.network, "meta"))
    logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)
    flops = FlopCountAnalysis(module, (torch.zeros(size),))
    flops.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    counted = flops.by_module_and_operator()
    found.operators = {name: int(count) for name, count in flops.by_operator().items()}
    totals: dict[str, int] = {}
    for layer in analysis.network.layers:
        expected = dict(fvcore_counts(layer))
        theirs = {name: int(count) for name, count in counted.get(module.paths[layer.name], {}).items() if count}
        for name in sorted({*expected, *theirs}):
            found.compare(layer.name, name, expected.get(name, 0), theirs.get(name, 0), "fvcore")
            totals[name] = totals.get(name, 0) + expected.get(name, 0)
        passed_over = [
            op for op in flops.unsupported_ops(module.paths[layer.name]) if any(part in op for part in UNSEEN_PRODUCTS)
        ]
        if passed_over:
            found.unseen.append(layer.name)
            if not isinstance(layer.op, ATTENTIONS):
                found.compare(layer.name, passed_over[0], "nothing", "not counted", "fvcore")
    for name in sorted({*totals, *found.operators}):
        found.compare("total", name, totals.get(name, 0), found.operators.get(name, 0), "fvcore")


def _with_memory(module: NetworkModule) -> NetworkModule:
    """The module with weights of zero: quick to make, and no slow denormals."""
    module = module.to_empty(device="cpu")
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.zero_()
    return module


def fvcore_counts(layer: Layer) -> Iterator[tuple[str, int]]:
    """What fvcore must count in this layer, by its own rules: one for a multiply-add, some more for norms and pools."""
    cost, kind, op = layer.cost, layer.kind, layer.op
    macs: Any = cost.macs.value
    normed: Any = cost.norm_elements.value
    outputs: Any = layer.output_shape.elements
    if kind in ("conv", "depthwise", "pointwise", "conv_transpose"):
        yield "conv", macs
    elif kind in ("linear", "matmul"):
        yield kind, macs
    elif isinstance(op, Attention):
        yield "linear", macs - op.scores(layer.input_shapes).value
    elif kind == "batch_norm":
        yield kind, normed * (2 if getattr(op, "gamma", True) else 1)
    elif kind in ("layer_norm", "group_norm"):
        yield kind, normed * (5 if getattr(op, "affine", True) else 4)
    elif kind in ("adaptive_avg_pool", "global_avg_pool"):
        pooled: Any = cost.pool_elements.value
        yield "adaptive_avg_pool2d", pooled
    elif kind == "resize":
        bilinear = getattr(op, "mode", "") == "bilinear"
        yield ("upsample_bilinear2d", 4 * outputs) if bilinear else ("upsample_nearest2d", outputs)
