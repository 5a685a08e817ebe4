"""Norms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archcost.importers.onnx.operators.base import MICROSOFT, translates
from archcost.importers.tracing.graph import Call, Ref

if TYPE_CHECKING:
    from archcost.importers.onnx.step import Step


@translates("BatchNormalization")
def batch_norm(step: Step) -> bool | None:
    step.learn(1, 2)
    for place in (3, 4):
        if step.constant(place):
            step.walk.mark(step.name(place), "buffer")
    for name in step.node.output[1:]:
        if name:
            step.walk.loose(name)
    statistics = {"running_mean": step.ref(3), "running_var": step.ref(4)}
    step.emit("batch_norm", {"input": step.ref(0), "weight": step.weight(1), "bias": step.weight(2), **statistics})
    return True


@translates("LayerNormalization", "RMSNormalization")
@translates("SimplifiedLayerNormalization")
@translates("SimplifiedLayerNormalization", domain=MICROSOFT)
def layer_norm(step: Step) -> bool | None:
    if len([name for name in step.node.output if name]) > 1:
        return False
    _normalized(step, step.ref(0), 1, 2, step.attribute("axis", -1), step.operator != "LayerNormalization")
    return True


def _normalized(step: Step, x: Ref, scale: int, bias: int, axis: int, root: bool) -> None:
    step.learn(scale, *(() if root else (bias,)))
    shape = step.shape(0)
    arguments = {"input": x, "normalized_shape": list(shape[axis % len(shape) :]), "weight": step.weight(scale)}
    if root:
        step.emit("rms_norm", arguments)
    else:
        step.emit("layer_norm", {**arguments, "bias": step.weight(bias)})


@translates("SkipLayerNormalization", "SkipSimplifiedLayerNormalization", domain=MICROSOFT)
def skipped(step: Step) -> bool | None:
    """A residual added, and a bias if there is one; the sum may go on beside the norm."""
    root = step.operator != "SkipLayerNormalization"
    bias = 3 if root else 4
    total = step.before("sum", "add", {"self": step.ref(0), "other": step.ref(1)}, step.shape(0))
    if step.given(bias):
        step.learn(bias)
        total = step.before("biased", "add", {"self": total, "other": step.ref(bias)}, step.shape(0))
    _normalized(step, total, 2, 3, -1, root)
    for place, name in enumerate(step.node.output[1:], 1):
        if name and place == 3:
            step.walk.add(Call(name, "alias", "aten", {"self": total}, step.shape(0), (), step.path, ""))
        elif name:
            step.walk.loose(name)
    return True


@translates("InstanceNormalization")
def instance_norm(step: Step) -> bool | None:
    step.learn(1, 2)
    groups = step.shape(0)[1]
    step.emit(
        "group_norm", {"input": step.ref(0), "num_groups": groups, "weight": step.weight(1), "bias": step.weight(2)}
    )
    return True


@translates("GroupNormalization")
def group_norm(step: Step) -> bool | None:
    step.learn(1, 2)
    groups = step.attribute("num_groups", 1)
    step.emit(
        "group_norm", {"input": step.ref(0), "num_groups": groups, "weight": step.weight(1), "bias": step.weight(2)}
    )
    return True


@translates("LRN")
def local_response_norm(step: Step) -> bool | None:
    step.emit("local_response_norm", {"self": step.ref(0), "size": step.attribute("size", 5)})
    return True
