"""Matrix products, linear layers, recurrent ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from archcost.importers.onnx.operators.base import MICROSOFT, translates
from archcost.importers.tracing.graph import Ref, Shape

if TYPE_CHECKING:
    from archcost.importers.onnx.step import Step


@translates("MatMul", arithmetic=True)
def matmul(step: Step) -> bool | None:
    return product(step, 0, 1)


@translates("MatMulInteger", arithmetic=True)
@translates("MatMulIntegerToFloat", domain=MICROSOFT, arithmetic=True)
@translates("DynamicQuantizeMatMul", domain=MICROSOFT, arithmetic=True)
def matmul_integer(step: Step) -> bool | None:
    return product(step, 0, 1)


@translates("QLinearMatMul", arithmetic=True)
def matmul_quantized(step: Step) -> bool | None:
    return product(step, 0, 3)


@translates("FusedMatMul", "TransposeMatMul", domain=MICROSOFT, arithmetic=True)
def matmul_fused(step: Step) -> bool | None:
    """The product of matrices that may be transposed first."""
    if step.attribute("transBatchA", 0) or step.attribute("transBatchB", 0):
        return False
    refs, shapes = [], []
    for place, name in enumerate(("transA", "transB")):
        ref, shape = step.ref(place), step.shape(place)
        if step.attribute(name, 0):
            shape = (*shape[:-2], shape[-1], shape[-2])
            ref = step.before(name, "transpose", {"self": ref, "dim0": -2, "dim1": -1}, shape)
        refs.append(ref)
        shapes.append(shape)
    step.learn(1)
    if step.constant(1) and len(shapes[1]) == 2:
        _linear(step, refs[0], refs[1], shapes[1], None)
    else:
        step.emit("matmul", {"self": refs[0], "other": refs[1]})
    return True


def product(step: Step, first: int, second: int) -> bool:
    """A linear layer where the second matrix is learned; else a product of two tensors."""
    step.learn(first, second)
    if step.constant(second) and len(step.shape(second)) == 2 and not step.constant(first):
        _linear(step, step.ref(first), step.ref(second), step.shape(second), None)
    else:
        step.emit("matmul", {"self": step.ref(first), "other": step.ref(second)})
    return True


def _linear(step: Step, x: Ref, matrix: Ref, shape: Shape, bias: Ref | None) -> None:
    """matrix: [in, out], where aten has [out, in]."""
    weight = step.before("weight", "t", {"self": matrix}, shape[::-1])
    step.emit("linear", {"input": x, "weight": weight, "bias": bias})


@translates("Gemm", arithmetic=True)
@translates("FusedGemm", "QGemm", domain=MICROSOFT, arithmetic=True)
def gemm(step: Step) -> bool | None:
    if step.operator == "FusedGemm":
        return False
    second, third = (3, 6) if step.operator == "QGemm" else (1, 2)
    step.learn(0, second, third)
    x, shape = step.ref(0), step.shape(0)
    if step.attribute("transA", 0):
        x = step.before("transA", "t", {"self": x}, shape[::-1])
    n = step.output[-1]
    fits = not step.given(third) or (
        step.constant(third) and math.prod(step.shape(third)) == step.shape(third)[-1] == n
    )
    if step.constant(second) and not step.constant(0) and fits:
        bias = step.optional(third)
        if step.attribute("transB", 0):
            step.emit("linear", {"input": x, "weight": step.ref(second), "bias": bias})
        else:
            _linear(step, x, step.ref(second), step.shape(second), bias)
        return True
    y = step.ref(second)
    if step.attribute("transB", 0):
        y = step.before("transB", "transpose", {"self": y, "dim0": 0, "dim1": 1}, step.shape(second)[::-1])
    if step.given(third):
        made = step.before("product", "mm", {"self": x, "mat2": y}, step.output)
        step.emit("add", {"self": made, "other": step.ref(third)})
    else:
        step.emit("mm", {"self": x, "mat2": y})
    return True


@translates("Einsum", arithmetic=True)
def einsum(step: Step) -> bool | None:
    refs = [step.ref(place) for place in range(len(step.node.input))]
    step.learn(*range(len(refs)))
    step.emit("einsum", {"equation": step.attribute("equation", ""), "tensors": refs})
    return True


@translates("LSTM", "GRU", "RNN", arithmetic=True)
def recurrent(step: Step) -> bool | None:
    """Every matrix is used once at each step of the sequence."""
    step.learn(1, 2, 3, 7)
    length, batch = step.shape(0)[:2]
    if step.attribute("layout", 0):
        length, batch = batch, length
    step.opaque(length * batch * (math.prod(step.shape(1)) + math.prod(step.shape(2))))
    return True


@translates("MatMulNBits", "MatMulBnb4", domain=MICROSOFT, arithmetic=True)
def matmul_packed(step: Step) -> bool | None:
    """A linear layer whose weights share bytes: [k, n] of them, by its attributes."""
    k, n = step.attribute("K", 0), step.attribute("N", 0)
    weight = step.walk.stand_in(f"{step.name(1)}/unpacked", (n, k))
    arguments: dict[str, Any] = {"input": step.ref(0), "weight": weight, "bias": None}
    step.emit("linear", arguments)
    return True
