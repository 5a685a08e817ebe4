"""Models from ONNX: operators against onnx's own evaluation, exports against torch's counts, files that are none."""

import json
import math
import os
import subprocess
import sys
import types
import warnings

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import archcost
from archcost.api import Model
from archcost.errors import ArchcostError
from archcost.importers import opened
from archcost.importers.onnx.skimming import KEPT, skimmed
from archcost.spec.document import parse
from tests.test_random_networks import specs

NEWEST = onnx.defs.onnx_opset_version()
FLOAT = TensorProto.FLOAT
MICROSOFT = "com.microsoft"


def value(name, sizes, dtype=FLOAT):
    return helper.make_tensor_value_info(name, dtype, sizes)


def tensor(name, *sizes, dtype=np.float32):
    return numpy_helper.from_array(np.random.default_rng(0).uniform(0.5, 1, sizes).astype(dtype), name)


def whole(name, *values):
    return numpy_helper.from_array(np.array(values, dtype=np.int64), name)


def made(nodes, inputs, weights=(), opset=17, outputs=("y",), **more):
    """A model; inputs: name -> sizes."""
    domains = sorted({node.domain for node in nodes})
    imports = [helper.make_opsetid(domain, 1 if domain else opset) for domain in {"", *domains}]
    graph = helper.make_graph(
        nodes,
        "g",
        [value(name, sizes) for name, sizes in inputs.items()],
        [value(name, None) for name in outputs],
        weights,
    )
    return helper.make_model(graph, opset_imports=imports, ir_version=10, **more)


@pytest.fixture
def save(tmp_path):
    def write(model, name="model.onnx"):
        path = tmp_path / name
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return path

    return write


def counted(path, **settings):
    analysis = archcost.analyze(path, **settings)
    return analysis.macs, analysis.params


def node(kind, reads, **attributes):
    return helper.make_node(kind, reads.split(), ["y"], **attributes)


def case(kind, reads, weights, macs, params, layers, first=7, last=NEWEST, sizes=(1, 6, 8, 8), **attributes):
    """An operator on x, and what it comes to; in which opsets it has this form."""
    name = kind + "".join(f"-{key}-{val}" for key, val in attributes.items() if isinstance(val, (int, str)))
    return pytest.param(kind, reads, weights, macs, params, layers, (first, last), sizes, attributes, id=name)


W = tensor("w", 4, 6, 3, 3)
CASES = [
    case("Conv", "x w", [W], 4 * 54 * 36, 216, ["conv"]),
    case("Conv", "x w b", [W, tensor("b", 4)], 4 * 54 * 64, 220, ["conv"], pads=[1, 1, 1, 1]),
    case("Conv", "x w", [W], 4 * 54 * 16, 216, ["conv"], auto_pad="SAME_UPPER", strides=[2, 2]),
    case("Conv", "x w", [W], 4 * 54 * 16, 216, ["traced"], auto_pad="SAME_LOWER", strides=[2, 2]),
    case("Conv", "x w", [W], 4 * 54 * 36, 216, ["conv"], auto_pad="VALID"),
    case("Conv", "x w", [W], 4 * 54 * 16, 216, ["conv"], pads=[0, 0, 1, 1], strides=[2, 2]),
    case("Conv", "x w", [W], 4 * 54 * 64, 216, ["conv"], pads=[2, 2, 2, 2], dilations=[2, 2]),
    case("Conv", "x w", [tensor("w", 6, 1, 3, 3)], 54 * 36, 54, ["depthwise"], group=6),
    case("Conv", "x w", [tensor("w", 4, 3, 3, 3)], 4 * 27 * 36, 108, ["conv"], group=2),
    case("Conv", "x w", [tensor("w", 4, 6, 1, 1)], 24 * 64, 24, ["pointwise"]),
    case("Conv", "x w", [tensor("w", 4, 6, 3)], 72 * 6, 72, ["traced"], sizes=(1, 6, 8)),
    case("Conv", "x w", [tensor("w", 4, 6, 3, 3, 3)], 648 * 27, 648, ["traced"], sizes=(1, 6, 5, 5, 5)),
    case("ConvTranspose", "x w", [tensor("w", 6, 4, 2, 2)], 96 * 64, 96, ["conv_transpose"], strides=[2, 2]),
    case(
        "ConvTranspose",
        "x w b",
        [tensor("w", 6, 4, 3, 3), tensor("b", 4)],
        216 * 64,
        220,
        ["conv_transpose"],
        strides=[2, 2],
        pads=[1, 1, 1, 1],
        output_padding=[1, 1],
    ),
    case("MaxPool", "x", [], 0, 0, ["max_pool"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    case("MaxPool", "x", [], 0, 0, ["max_pool"], first=10, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    case("MaxPool", "x", [], 0, 0, ["max_pool"], kernel_shape=[2, 2], auto_pad="SAME_UPPER", strides=[2, 2]),
    case("AveragePool", "x", [], 0, 0, ["avg_pool"], kernel_shape=[2, 2], strides=[2, 2]),
    case("AveragePool", "x", [], 0, 0, ["avg_pool"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
    case("GlobalAveragePool", "x", [], 0, 0, ["global_avg_pool"]),
    case("GlobalMaxPool", "x", [], 0, 0, ["global_max_pool"]),
    case("BatchNormalization", "x s b m v", [tensor(n, 6) for n in "sbmv"], 0, 12, ["batch_norm"]),
    case("InstanceNormalization", "x s b", [tensor(n, 6) for n in "sb"], 0, 12, ["group_norm"]),
    case("LayerNormalization", "x s b", [tensor(n, 8) for n in "sb"], 0, 16, ["layer_norm"], sizes=(1, 5, 8), first=17),
    case("LayerNormalization", "x s", [tensor("s", 8)], 0, 8, ["layer_norm"], sizes=(1, 5, 8), first=17),
    case("GroupNormalization", "x s b", [tensor(n, 6) for n in "sb"], 0, 12, ["group_norm"], first=21, num_groups=3),
    case("RMSNormalization", "x s", [tensor("s", 8)], 0, 8, ["rms_norm"], sizes=(1, 5, 8), first=23),
    case("LRN", "x", [], 0, 0, ["local_response_norm"], size=5),
    case("MatMul", "x w", [tensor("w", 8, 5)], 6 * 8 * 40, 40, ["linear"]),
    case("MatMul", "x w", [tensor("w", 5, 8)], 6 * 8 * 40, 40, ["linear"], sizes=(1, 6, 8, 5)),
    case("MatMul", "x x", [], 6 * 512, 0, ["matmul"]),
    case("Gemm", "x w b", [tensor("w", 5, 8), tensor("b", 5)], 40, 45, ["linear"], sizes=(1, 8), transB=1),
    case("Gemm", "x w b", [tensor("w", 8, 5), tensor("b", 5)], 40, 45, ["linear"], sizes=(1, 8), alpha=0.5),
    case("Gemm", "x w", [tensor("w", 8, 5)], 40, 40, ["linear"], sizes=(1, 8), first=11),
    case("Einsum", "x w", [tensor("w", 8, 5)], 6 * 8 * 40, 40, ["traced"], first=12, equation="bchw,wv->bchv"),
    *(
        case(kind, "x", [], 0, 0, [layer], first=first)
        for kind, layer, first in [
            *(
                ("Relu", "relu", 7),
                ("Sigmoid", "sigmoid", 7),
                ("Tanh", "tanh", 7),
                ("Elu", "elu", 7),
                ("Selu", "selu", 7),
            ),
            *(("LeakyRelu", "leaky_relu", 7), ("Softplus", "softplus", 7), ("HardSwish", "hard_swish", 14)),
            *(("Mish", "mish", 18), ("Gelu", "gelu", 20), ("Celu", "elu", 12), ("Swish", "silu", 24)),
            *((name, "elementwise", 7) for name in ("Abs", "Neg", "Exp", "Log", "Sqrt", "Reciprocal", "Floor", "Ceil")),
            *(
                ("Erf", "elementwise", 9),
                ("Sign", "elementwise", 9),
                ("Sin", "elementwise", 7),
                ("Cos", "elementwise", 7),
            ),
            *(("Softsign", "traced", 7), ("Cosh", "traced", 9)),
        ]
    ),
    case("HardSigmoid", "x", [], 0, 0, ["hard_sigmoid"], alpha=1 / 6),
    case("HardSigmoid", "x", [], 0, 0, ["elementwise"] * 4),
    case("Clip", "x", [], 0, 0, ["relu6"], last=10, min=0.0, max=6.0),
    case("Clip", "x lo", [numpy_helper.from_array(np.float32(0), "lo")], 0, 0, ["relu"], first=11),
    case(
        "Clip",
        "x lo hi",
        [numpy_helper.from_array(np.float32(v), n) for n, v in (("lo", 0), ("hi", 6))],
        0,
        0,
        ["relu6"],
        first=11,
    ),
    case("PRelu", "x w", [tensor("w", 6, 1, 1)], 0, 6, ["prelu"]),
    case("PRelu", "x w", [tensor("w", 1)], 0, 1, ["prelu"]),
    case("Softmax", "x", [], 0, 0, ["softmax"], first=13, axis=1),
    case("Softmax", "x", [], 0, 0, ["softmax"], axis=3),
    case("Softmax", "x", [], 0, 0, ["traced"], last=12),
    case("Add", "x x", [], 0, 0, ["add"]),
    case("Add", "x w", [tensor("w", 6, 1, 1)], 0, 6, ["position_embedding"]),
    case("Mul", "x w", [tensor("w", 6, 1, 1)], 0, 6, ["layer_scale"]),
    case("Sub", "w x", [tensor("w")], 0, 0, ["elementwise"]),
    case("Div", "w x", [tensor("w")], 0, 0, ["elementwise"] * 2),
    case("Pow", "x w", [tensor("w")], 0, 0, ["elementwise"]),
    case("Max", "x x x", [], 0, 0, ["maximum"] * 2, first=8),
    case("Sum", "x x", [], 0, 0, ["add"], first=8),
    case("Mean", "x x", [], 0, 0, ["traced"], first=8),
    case("ReduceMean", "x", [], 0, 0, ["global_avg_pool"], last=17, axes=[2, 3]),
    case("ReduceMean", "x a", [whole("a", 2, 3)], 0, 0, ["global_avg_pool"], first=18, keepdims=0),
    case("ReduceSum", "x a", [whole("a", -1)], 0, 0, ["reduce"], first=13),
    case("ReduceL1", "x", [], 0, 0, ["traced"], last=17, axes=[1]),
    case("Reshape", "x a", [whole("a", 0, -1)], 0, 0, ["flatten"]),
    case("Reshape", "x a", [whole("a", 1, 2, 3, 64)], 0, 0, ["traced"]),
    case("Flatten", "x", [], 0, 0, ["flatten"]),
    case("Transpose", "x", [], 0, 0, ["transpose"], perm=[0, 2, 3, 1]),
    case("Squeeze", "x", [], 0, 0, ["flatten"], last=12, axes=[2], sizes=(1, 6, 1, 8)),
    case("Unsqueeze", "x a", [whole("a", 1)], 0, 0, ["reshape"], first=13, sizes=(1, 6, 8)),
    case("Concat", "x x", [], 0, 0, ["concat"], axis=1),
    case("Slice", "x", [], 0, 0, ["slice"] * 2, last=9, starts=[0, 1], ends=[3, 8], axes=[1, 2]),
    case("Slice", "x s e a", [whole("s", 2), whole("e", 2**62), whole("a", 1)], 0, 0, ["slice"], first=10),
    case(
        "Slice",
        "x s e a t",
        [whole("s", -1), whole("e", -(2**62)), whole("a", 3), whole("t", -1)],
        0,
        0,
        ["traced"],
        first=10,
    ),
    case("Gather", "x i", [numpy_helper.from_array(np.int64(0), "i")], 0, 0, ["select"], axis=1),
    case("Gather", "x i", [whole("i", 2, 3)], 0, 0, ["slice"], axis=1),
    case("Gather", "x i", [whole("i", 3, 0)], 0, 0, ["traced"], axis=1),
    case("Pad", "x", [], 0, 0, ["pad"], last=10, pads=[0, 0, 1, 1, 0, 0, 2, 2]),
    case("Pad", "x p", [whole("p", 0, 0, 1, 1, 0, 0, 2, 2)], 0, 0, ["pad"], first=11, mode="reflect"),
    case("Upsample", "x", [], 0, 0, ["resize"], last=8, scales=[1.0, 1.0, 2.0, 2.0]),
    case(
        "Upsample",
        "x s",
        [numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "s")],
        0,
        0,
        ["resize"],
        first=9,
        last=9,
        mode="linear",
    ),
    case(
        "Resize",
        "x r s",
        [numpy_helper.from_array(np.array(v, np.float32), n) for n, v in (("r", []), ("s", [1, 1, 2, 2]))],
        0,
        0,
        ["resize"],
        first=11,
    ),
    case("DepthToSpace", "x", [], 0, 0, ["traced"], blocksize=2, sizes=(1, 8, 4, 4)),
    case("Expand", "x a", [whole("a", 1, 6, 8, 8)], 0, 0, ["traced"], first=8, sizes=(1, 6, 1, 1)),
    case("Tile", "x a", [whole("a", 1, 1, 2, 2)], 0, 0, ["traced"]),
    case("CumSum", "x a", [numpy_helper.from_array(np.int64(1), "a")], 0, 0, ["traced"], first=11),
    case(
        "LSTM",
        "x w r",
        [tensor("w", 1, 16, 3), tensor("r", 1, 16, 4)],
        5 * (48 + 64),
        112,
        ["traced"],
        hidden_size=4,
        sizes=(5, 1, 3),
    ),
    case(
        "GRU",
        "x w r b",
        [tensor("w", 1, 12, 3), tensor("r", 1, 12, 4), tensor("b", 1, 24)],
        5 * (36 + 48),
        108,
        ["traced"],
        hidden_size=4,
        sizes=(5, 1, 3),
    ),
]


def forms(kind, first, last):
    """The opsets in which an operator is another one than before, and the first and the last asked for."""
    history = [each.since_version for each in onnx.defs.get_all_schemas_with_history() if each.name == kind]
    return sorted({first, min(last, NEWEST), *(version for version in history if first <= version <= last)})


@pytest.mark.parametrize(
    ("kind", "reads", "weights", "macs", "params", "layers", "opsets", "sizes", "attributes"), CASES
)
def test_operators(save, kind, reads, weights, macs, params, layers, opsets, sizes, attributes):
    for opset in forms(kind, *opsets):
        model = made([node(kind, reads, **attributes)], {"x": sizes}, weights, opset)
        path = save(model, f"{opset}.onnx")
        analysis = archcost.analyze(path)
        assert [layer.kind for layer in analysis.network.layers] == layers
        assert (analysis.macs, analysis.params) == (macs, params)
        assert not opened(str(path)).imported.partial
    if kind == "Upsample":  # onnx evaluates Resize, its successor
        assert tuple(analysis.network.layers[-1].output_shape) == (6, 16, 16)
        return
    found = ReferenceEvaluator(model).run(None, {"x": np.random.default_rng(1).random(sizes, dtype=np.float32) + 0.5})[
        0
    ]
    shape = found.shape[1:] if found.shape[0] == 1 and found.ndim > 1 else found.shape
    assert tuple(analysis.network.layers[-1].output_shape) == shape


FUSED = [
    (
        "FusedConv",
        "x w b",
        [W, tensor("b", 4)],
        4 * 54 * 36,
        220,
        ["conv", "relu"],
        (1, 6, 8, 8),
        {"activation": "Relu"},
    ),
    ("FusedMatMul", "x x", [], 6 * 8 * 64, 0, ["matmul"], (1, 6, 8, 8), {"transB": 1}),
    ("Gelu", "x", [], 0, 0, ["gelu"], (1, 5, 8), {}),
    ("BiasGelu", "x b", [tensor("b", 8)], 0, 8, ["position_embedding", "gelu"], (1, 5, 8), {}),
    (
        "SkipLayerNormalization",
        "x x s b",
        [tensor("s", 8), tensor("b", 8)],
        0,
        16,
        ["add", "layer_norm"],
        (1, 5, 8),
        {},
    ),
    (
        "Attention",
        "x w b",
        [tensor("w", 8, 24), tensor("b", 24)],
        5 * 8 * 24 + 2 * 25 * 8,
        216,
        ["traced"],
        (1, 5, 8),
        {"num_heads": 2},
    ),
    ("MultiHeadAttention", "x x x", [], 2 * 25 * 8, 0, ["traced"], (1, 5, 8), {"num_heads": 2}),
    (
        "MatMulNBits",
        "x w s",
        [tensor("w", 4, 1, 8, dtype=np.uint8), tensor("s", 4)],
        5 * 32,
        32,
        ["linear"],
        (1, 5, 8),
        {"K": 8, "N": 4},
    ),
]


@pytest.mark.parametrize(("kind", "reads", "weights", "macs", "params", "layers", "sizes", "attributes"), FUSED)
def test_what_onnxruntime_puts_together(save, kind, reads, weights, macs, params, layers, sizes, attributes):
    path = save(made([node(kind, reads, domain=MICROSOFT, **attributes)], {"x": sizes}, weights))
    analysis = archcost.analyze(path)
    assert [layer.kind for layer in analysis.network.layers] == layers
    assert (analysis.macs, analysis.params) == (macs, params)


def test_attention_of_the_standard(save):
    path = save(made([node("Attention", "x x x", q_num_heads=2, kv_num_heads=2)], {"x": (1, 5, 8)}, opset=23))
    assert counted(path) == (2 * 25 * 8, 0)


def test_quantised(save):
    """Integers in and out, with scales and zero points that are no parameters; and the same said with casts."""
    scale, zero = numpy_helper.from_array(np.float32(0.1), "s"), numpy_helper.from_array(np.uint8(0), "z")
    weight, bias = tensor("w", 4, 6, 3, 3, dtype=np.uint8), tensor("b", 4, dtype=np.int32)
    linear = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("QLinearConv", ["q", "s", "z", "w", "s", "z", "s", "z", "b"], ["r"], pads=[1, 1, 1, 1]),
        helper.make_node("DequantizeLinear", ["r", "s", "z"], ["y"]),
    ]
    casts = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["r"]),
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["v"]),
        helper.make_node("Conv", ["r", "v"], ["y"], pads=[1, 1, 1, 1]),
    ]
    for nodes, params in ((linear, 220), (casts, 216)):
        path = save(made(nodes, {"x": (1, 6, 8, 8)}, [scale, zero, weight, bias], opset=13), f"{params}.onnx")
        assert counted(path) == (4 * 54 * 64, params)
        assert [layer.kind for layer in archcost.analyze(path).network.layers] == ["conv"]


# Names, functions put together again, constants


def named(kind, reads, writes, name="", **attributes):
    return helper.make_node(kind, reads.split(), writes.split(), name=name, **attributes)


def test_names(save):
    nodes = [
        named("Conv", "x w", "a", "/layer1/layer1.0/conv1/Conv", pads=[1, 1, 1, 1]),
        named("Relu", "a", "b", "/layer1/layer1.0/act/Relu"),
        named("Conv", "b features.3.weight", "c", "node_conv2d_5"),
        named("Relu", "c", "d", "activate me"),
        named("Tanh", "d", "y"),
    ]
    path = save(made(nodes, {"x": (1, 6, 8, 8)}, [tensor("w", 6, 6, 3, 3), tensor("features.3.weight", 4, 6, 1, 1)]))
    names = [layer.name for layer in archcost.analyze(path).network.layers]
    assert names == ["layer1.0.conv1", "layer1.0.act", "features.3", "activate_me", "Tanh_y"]


def test_a_bias_of_its_own_node(save):
    nodes = [named("MatMul", "x w", "a", "/fc/MatMul"), named("Add", "a b", "y", "/fc/Add")]
    path = save(made(nodes, {"x": (1, 7, 8)}, [tensor("w", 8, 5), tensor("b", 5)]))
    (layer,) = archcost.analyze(path).network.layers
    assert (layer.name, layer.kind, counted(path)) == ("fc", "linear", (7 * 40, 45))


def number(name, one):
    return numpy_helper.from_array(np.array(one, dtype=np.float32), name)


SPELT = {
    "silu": ("Sigmoid x a; Mul x a y", {}),
    "hard_swish": ("Add x three a; Clip a b zero six; Mul x b c; Div c six y", {"three": 3, "six": 6, "zero": 0}),
    "hard_sigmoid": ("Add x three a; Clip a b zero six; Div b six y", {"three": 3, "six": 6, "zero": 0}),
    "gelu": ("Div x root a; Erf a b; Add b one c; Mul x c d; Mul d half y", {"root": 2**0.5, "one": 1, "half": 0.5}),
}


@pytest.mark.parametrize("kind", SPELT)
def test_functions_that_are_spelt_out(save, kind):
    steps, numbers = SPELT[kind]
    nodes = []
    for step in steps.split("; "):
        operator, *words = step.split()
        if operator == "Clip":
            nodes.append(named("Clip", f"{words[0]} zero six", words[1]))
        else:
            nodes.append(named(operator, " ".join(words[:-1]), words[-1]))
    path = save(made(nodes, {"x": (1, 6, 8)}, [number(*each) for each in numbers.items()]))
    assert [layer.kind for layer in archcost.analyze(path).network.layers] == [kind]


def test_a_layer_norm_that_is_spelt_out(save):
    nodes = [
        *(named("ReduceMean", "x", "m", axes=[-1]), named("Sub", "x m", "c"), named("Pow", "c two", "p")),
        *(named("ReduceMean", "p", "v", axes=[-1]), named("Add", "v eps", "e"), named("Sqrt", "e", "r")),
        *(named("Div", "c r", "n"), named("Mul", "n s", "k"), named("Add", "k b", "y")),
    ]
    weights = [number("two", 2), number("eps", 1e-5), tensor("s", 8), tensor("b", 8)]
    path = save(made(nodes, {"x": (1, 5, 8)}, weights))
    assert [layer.kind for layer in archcost.analyze(path).network.layers] == ["layer_norm"]
    assert counted(path) == (0, 16)


def test_sizes_that_are_computed(save):
    """Shape, Gather, Unsqueeze, Concat, Reshape: folded, so that the view is a view, at every size."""
    nodes = [
        named("Shape", "x", "s"),
        named("Gather", "s zero", "n"),
        named("Unsqueeze", "n axis", "m"),
        named("Concat", "m rest", "t", axis=0),
        named("Reshape", "x t", "f"),
        named("MatMul", "f w", "y"),
    ]
    weights = [numpy_helper.from_array(np.int64(0), "zero"), whole("axis", 0), whole("rest", -1), tensor("w", 96, 10)]
    path = save(made(nodes, {"x": ("N", 6, 4, 4)}, weights, opset=13))
    assert [layer.kind for layer in archcost.analyze(path).network.layers] == ["flatten", "linear"]
    assert counted(path) == (960, 960)


def test_what_is_made_of_weights_holds_them(save):
    """A kernel that is transposed before it is used, and a table that is looked up at fixed places."""
    nodes = [
        named("Transpose", "w", "v", perm=[3, 2, 0, 1]),
        named("Conv", "x v", "a"),
        named("Gather", "table places", "p", axis=0),
        named("Add", "a p", "y"),
    ]
    weights = [tensor("w", 1, 1, 6, 4), tensor("table", 20, 8), whole("places", *range(8))]
    assert counted(save(made(nodes, {"x": (1, 6, 8, 8)}, weights))) == (24 * 64, 24 + 160)


def test_vectors_that_are_kept_once(save):
    """A file's tensor counts once, however many read it: a matrix, a bias, a norm's scale that is a deviation too."""
    nodes = [named("Gemm", "x w b", "a"), named("Gemm", "a w b", "y")]
    assert counted(save(made(nodes, {"x": (1, 8)}, [tensor("w", 8, 8), tensor("b", 8)]))) == (128, 64 + 8)
    nodes = [named("Add", "x b", "a"), named("Relu", "a", "c"), named("Add", "c b", "y")]
    assert counted(save(made(nodes, {"x": (1, 8)}, [tensor("b", 8)]))) == (0, 8)
    nodes = [named("BatchNormalization", "x one zero zero one", "a"), named("Conv", "a w", "b")]
    nodes += [named("BatchNormalization", "b one zero mean one", "c"), named("Conv", "c w zero", "y")]
    weights = [tensor("w", 6, 6, 1, 1), *(tensor(name, 6) for name in ("one", "zero", "mean"))]
    path = save(made(nodes, {"x": (1, 6, 8, 8)}, weights))
    assert counted(path) == (2 * 36 * 64, 36 + 12)
    assert [layer.kind for layer in archcost.analyze(path).network.layers if layer.cost.params.value] == [
        "batch_norm",
        "pointwise",
    ]
    assert [layer.kind for layer in archcost.analyze(path).network.layers][2] == "batch_norm"


def test_weights_that_nobody_reads(save):
    path = save(made([named("Conv", "x w", "y")], {"x": (1, 6, 8, 8)}, [W, tensor("spare", 5, 5)]))
    assert opened(str(path)).imported.unused_params == 25
    assert counted(path)[1] == 216


def test_rescaled(save):
    """Widths and resolutions as for an import from PyTorch; the classes stay."""
    nodes = [
        named("Conv", "x w", "a", auto_pad="SAME_UPPER", strides=[2, 2]),
        named("Relu", "a", "b"),
        named("GlobalAveragePool", "b", "c"),
        named("Flatten", "c", "d"),
        named("Gemm", "d v e", "y", transB=1),
    ]
    weights = [tensor("w", 16, 3, 3, 3), tensor("v", 10, 16), tensor("e", 10)]
    path = save(made(nodes, {"x": ("N", 3, "H", "W")}, weights))
    with pytest.raises(ArchcostError, match="leaves sizes open: `x` \\[N, 3, H, W\\]"):
        archcost.load(path)
    reference = f"{path}?input=3x32x32"
    assert counted(reference, resolution=33, alpha="0.5") == (17 * 17 * 8 * 27 + 80, 216 + 90)
    fresh = f"{path}?input=3x33x33"
    assert counted(reference, resolution=33) == counted(fresh)


def test_a_file_of_one_size_says_so(save, run):
    nodes = [named("Reshape", "x s", "a"), named("Gemm", "a w", "y")]
    path = save(made(nodes, {"x": (1, 3, 4, 4)}, [whole("s", 1, 48), tensor("w", 48, 10)]))
    assert counted(path) == (480, 480)
    result = run("analyze", path, "--resolution", 8)
    assert result.exit_code == 2
    assert "makes [1, 48] of [1, 3, 8, 8]" in " ".join(result.stderr.split())


def test_images_with_their_channels_behind(save):
    nodes = [named("Transpose", "x", "t", perm=[0, 3, 1, 2]), named("Conv", "t w", "y")]
    path = save(made(nodes, {"x": ("N", 16, 20, 6)}, [W]))
    assert [node.value for node in opened(str(path)).input] == [6, 16, 20]
    assert counted(path) == (4 * 54 * 14 * 18, 216)


def test_a_batch_that_is_fixed_is_read_as_one(save):
    assert counted(save(made([named("Conv", "x w", "y")], {"x": (8, 6, 8, 8)}, [W]))) == (4 * 54 * 36, 216)


def test_several_inputs(save, run):
    path = save(made([named("MatMul", "x z", "y")], {"x": ("N", 4, 8), "z": ("N", 8, "k")}))
    result = run("analyze", path)
    assert result.exit_code == 2 and "--input 4x8 --input 8xK" in " ".join(result.stderr.split())
    result = run("analyze", path, "--input", "4x8", "--input", "8x5", "--format", "json")
    assert json.loads(result.stdout)["totals"]["macs"] == 160
    assert "give --input 2 times" in run("analyze", path, "--input", "4x8").stderr


# Control flow, functions, domains


def branch(*nodes):
    return helper.make_graph(list(nodes), "branch", [], [value(nodes[-1].output[0], None)])


def test_a_branch_that_is_settled(save):
    """The condition hangs on the input's rank alone: only the branch that runs is there."""
    taken, other = branch(named("Conv", "x w", "p")), branch(named("Relu", "x", "q"))
    nodes = [
        named("Shape", "x", "s"),
        named("Size", "s", "n"),
        named("Equal", "n four", "c"),
        helper.make_node("If", ["c"], ["y"], then_branch=taken, else_branch=other),
    ]
    path = save(made(nodes, {"x": (1, 6, 8, 8)}, [W, numpy_helper.from_array(np.int64(4), "four")]))
    assert [layer.kind for layer in archcost.analyze(path).network.layers] == ["conv"]


@pytest.mark.parametrize(("inner", "partial"), [("Conv", ["onnx.If"]), ("Relu", [])])
def test_a_branch_that_hangs_on_the_data(save, run, inner, partial):
    """What it may hold is said: nothing, or somebody must look."""
    reads = "x w" if inner == "Conv" else "x"
    one = branch(named(inner, reads, "p", **({"pads": [0, 0, 0, 0]} if inner == "Conv" else {})))
    two = branch(named("Relu", "x", "q"))
    nodes = [
        named("ReduceMax", "x", "m", keepdims=0),
        named("Greater", "m zero", "c"),
        helper.make_node("If", ["c"], ["y"], then_branch=one, else_branch=two),
    ]
    weights = [tensor("w", 6, 6, 1, 1), number("zero", 0)]
    path = save(made(nodes, {"x": (1, 6, 8, 8)}, weights))
    assert list(opened(str(path)).imported.partial) == partial
    assert run("analyze", path, "--strict").exit_code == (1 if partial else 0)


@pytest.mark.parametrize(("inner", "partial"), [("Conv", ["onnx.Loop"]), ("Relu", [])])
def test_a_loop(save, inner, partial):
    """One layer, as large as its body says; what a round computes is not multiplied, but said."""
    reads = "s w" if inner == "Conv" else "s"
    inputs = [value("i", [], TensorProto.INT64), value("c", [], TensorProto.BOOL), value("s", [1, 6, 8, 8])]
    outputs = [value("d", [], TensorProto.BOOL), value("t", [1, 6, 8, 8])]
    body = helper.make_graph([named("Identity", "c", "d"), named(inner, reads, "t")], "body", inputs, outputs)
    weights = [whole("n", 3), tensor("w", 6, 6, 1, 1), numpy_helper.from_array(np.array(True), "go")]
    path = save(made([helper.make_node("Loop", ["n", "go", "x"], ["y"], body=body)], {"x": (1, 6, 8, 8)}, weights))
    (layer,) = archcost.analyze(path).network.layers
    assert (layer.op.operator, tuple(layer.output_shape)) == ("Loop", (6, 8, 8))
    assert list(opened(str(path)).imported.partial) == partial


def test_a_scan(save):
    """A sequence that the graph inside goes through."""
    nodes = [named("Add", "s e", "t"), named("Relu", "t", "o")]
    inner = helper.make_graph(nodes, "b", [value("s", [4]), value("e", [4])], [value("t", [4]), value("o", [4])])
    model = made([named("Scan", "i x", "f y", num_scan_inputs=1, body=inner)], {"x": (5, 4)}, [tensor("i", 4)])
    analysis = archcost.analyze(save(model))
    assert tuple(analysis.network.layers[-1].output_shape) == (5, 4)
    assert analysis.macs == 0


def test_functions_of_the_file(save):
    body = [named("Conv", "a b", "t", pads=[1, 1, 1, 1]), named("Relu", "t", "c")]
    function = helper.make_function("mine", "Block", ["a", "b"], ["c"], body, [helper.make_opsetid("", 17)])
    model = made([named("Block", "x w", "y", domain="mine")], {"x": (1, 6, 8, 8)}, [W], functions=[function])
    path = save(model)
    assert [layer.kind for layer in archcost.analyze(path).network.layers] == ["conv", "relu"]
    assert counted(path) == (4 * 54 * 64, 216)


def test_an_operator_of_a_domain_that_nobody_knows(save, run):
    model = made([named("Wild", "x", "a", domain="my.ops"), named("Relu", "a", "y")], {"x": ("N", 3)})
    path = save(model)
    result = run("analyze", path)
    assert result.exit_code == 2 and "put the shape of `a` into the file's value_info" in " ".join(
        result.stderr.split()
    )
    model.graph.value_info.append(value("a", ["N", 7]))
    path = save(model)
    result = run("analyze", path, "--format", "json", "--strict")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["partial"] == ["my.ops.Wild"]
    assert "nobody knows the multiply-adds of my.ops.Wild" in result.stderr


# Files that are no models


GOOD = made([named("Conv", "x w", "y")], {"x": ("N", 6, 8, 8)}, [W])
RELU = named("Relu", "x", "y", "here")
BROKEN = {
    "empty": (b"", "is empty"),
    "text": (b"name: x\nlayers:\n  - relu\n", "is no ONNX model"),
    "half": (GOOD.SerializeToString()[: GOOD.ByteSize() // 2], "only a part of one"),
    "cycle": (
        made([named("Add", "x b", "a"), named("Relu", "a", "b")], {"x": (1, 3)}, outputs=["b"]),
        "go in a circle",
    ),
    "twice": (made([RELU, named("Tanh", "x", "y")], {"x": (1, 3)}), "`y` (Tanh) writes `y`, which is there already"),
    "loose": (made([named("Add", "x gone", "y")], {"x": (1, 3)}), "`y` (Add) reads `gone`, which nothing makes"),
    "opset": (made([RELU], {"x": (1, 3)}, opset=NEWEST + 1), f"has opset {NEWEST + 1}; onnx"),
    "old": (made([RELU], {"x": (1, 3)}, opset=6), "which is older than 7"),
    "shapeless": (made([RELU], {"x": None}), "say them, without the batch: --input 3x224x224"),
    "misfit": (
        made([named("Conv", "x w", "y", "c1")], {"x": (1, 5, 8, 8)}, [W]),
        "`c1` (Conv): its weight [4, 6, 3, 3]",
    ),
    "inner": (made([named("MatMul", "x w", "y", "m1")], {"x": (1, 5)}, [tensor("w", 6, 2)]), "`m1` (MatMul): "),
    "unknown": (made([named("Convolve", "x", "y")], {"x": (1, 3)}), "nobody knows the shape that `y` (Convolve) gives"),
    "data": (made([named("NonZero", "x", "y")], {"x": (1, 3)}), "depends on the data"),
    "constant": (made([named("Constant", "", "y", value_floats=[1.0])], {"x": (1, 3)}), "do not depend on its input"),
    "batch": (made([named("Reshape", "x s", "y")], {"x": (8, 3, 2, 2)}, [whole("s", 8, 12)]), "own batch is 8"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_none(save, run, tmp_path, name):
    content, said = BROKEN[name]
    path = save(content, f"{name}.onnx")
    before = sorted(tmp_path.iterdir())
    result = run("import", path, "-o", tmp_path / "out.yaml")
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert sorted(tmp_path.iterdir()) == before


def test_paths_that_are_none(run, tmp_path):
    (tmp_path / "folder.onnx").mkdir()
    assert "there is no file" in run("analyze", tmp_path / "nowhere.onnx").stderr
    assert "is no file" in run("analyze", tmp_path / "folder.onnx").stderr


def test_without_onnx(save, run, monkeypatch):
    path = save(GOOD)
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = run("analyze", path)
    assert result.exit_code == 2
    assert "onnx is not installed: pip install 'archcost[onnx]'" in result.stderr


@settings(max_examples=200, deadline=None)
@given(st.integers(0, GOOD.ByteSize() - 1), st.integers(0, 255))
def test_a_byte_that_is_wrong(tmp_path_factory, place, byte):
    """Whatever it makes of the file, the answer is a spec or a message."""
    content = bytearray(GOOD.SerializeToString())
    content[place] = byte
    path = tmp_path_factory.getbasetemp() / "byte.onnx"
    path.write_bytes(content)
    try:
        archcost.analyze(f"{path}")
    except ArchcostError as error:
        assert str(error)


# Weights are never read


def external(name, sizes):
    found = TensorProto(name=name, data_type=FLOAT, dims=sizes, data_location=TensorProto.EXTERNAL)
    found.external_data.add(key="location", value="gone.bin")
    return found


def test_data_that_is_elsewhere(save):
    """The file beside it is not there; nobody asks for it."""
    assert counted(save(made([named("Conv", "x w", "y")], {"x": (1, 6, 8, 8)}, [external("w", [4, 6, 3, 3])]))) == (
        4 * 54 * 36,
        216,
    )


def sparse(path, k, n):
    """A model whose weight [k, n] is a hole in the file: as large as it says, and on no disk."""

    def size(number):
        found = bytearray()
        while number >= 128:
            found.append(number & 127 | 128)
            number >>= 7
        return bytes([*found, number])

    weight = TensorProto(name="w", data_type=FLOAT, dims=[k, n]).SerializeToString()
    weight += b"\x4a" + size(4 * k * n)
    graph = helper.make_graph([named("MatMul", "x w", "y")], "g", [value("x", ["N", k])], [value("y", None)])
    inside = graph.SerializeToString() + b"\x2a" + size(len(weight) + 4 * k * n) + weight
    model = helper.make_model(
        helper.make_graph([], "g", [], []), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    model.ClearField("graph")
    head = model.SerializeToString() + b"\x3a" + size(len(inside) + 4 * k * n) + inside
    path.write_bytes(head)
    os.truncate(path, len(head) + 4 * k * n)


def test_large_files_take_no_memory(tmp_path):
    """Three gigabytes, more than a protocol buffer may hold."""
    path = tmp_path / "large.onnx"
    sparse(path, 30_000, 27_000)
    assert path.stat().st_size > 3 * 2**30
    code = """
import resource, sys
import onnx
from archcost.importers import opened
from archcost import analyze
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = analyze(sys.argv[1])
print(found.macs, found.params, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    macs, params, grown, torch = done.stdout.split()
    assert (int(macs), int(params), torch) == (810_000_000, 810_000_000, "False")
    assert int(grown) < 100 * 1024  # KiB


def test_skimmed(tmp_path):
    small, large = tensor("small", 8), tensor("large", KEPT)
    inner = helper.make_graph([helper.make_node("Constant", [], ["c"], value=large)], "inner", [], [value("c", [KEPT])])
    nodes = [RELU, helper.make_node("If", ["small"], ["z"], then_branch=inner, else_branch=inner)]
    model = made(nodes, {"x": (1, 3)}, [small, large])
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    found = onnx.ModelProto.FromString(skimmed(path))
    large.ClearField("raw_data")
    inner.node[0].attribute[0].t.ClearField("raw_data")
    nodes[1] = helper.make_node("If", ["small"], ["z"], then_branch=inner, else_branch=inner)
    assert found == made(nodes, {"x": (1, 3)}, [small, large])


# Models exported from torch

EXPORTED = ["resnet18", "squeezenet1_1", "mobilenet_v3_small"]


@pytest.fixture(scope="session")
def torchvision():
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torchvision")


def export(module, sizes, path, **options):
    """By torch's older exporter, the module's norms kept unless told."""
    import torch

    options = options or {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, torch.zeros(1, *sizes), path, dynamo=False, opset_version=17, **options)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=specs())
def test_a_spec_built_exported_and_imported_costs_the_same(text, torchvision, tmp_path_factory):
    """A random spec, its module, the file of that, and the spec of the file."""
    from torch.onnx.errors import OnnxExporterError

    from archcost.live.build import build_network

    first = Model(parse(text), {}).analyze()
    path = tmp_path_factory.getbasetemp() / "random.onnx"
    try:
        export(build_network(first.network).eval(), tuple(first.network.input_shape), path)
    except OnnxExporterError:  # it has no form for some pools
        reject()
    second = archcost.analyze(path)
    assert (second.macs, second.params, second.buffers) == (first.macs, first.params, first.buffers)


@pytest.mark.parametrize("name", EXPORTED)
def test_exports_from_torch(torchvision, tmp_path, name):
    """As the import from PyTorch counts them, norms kept; with norms folded into the convolutions, the same macs."""
    import torch

    model = torchvision.models.get_model(name, weights=None).eval()
    for parameter in model.parameters():  # exporters keep equal ones once
        torch.nn.init.normal_(parameter)
    expected = archcost.analyze(f"torchvision:{name}")
    norms = sum(layer.cost.params.value for layer in expected.network.layers if layer.kind == "batch_norm")
    for options in ({}, {"do_constant_folding": True}) if name == "resnet18" else ({},):
        path = tmp_path / "model.onnx"
        export(model, (3, 224, 224), path, **options)
        analysis = archcost.analyze(path)
        assert analysis.macs == expected.macs
        assert analysis.params == expected.params - (norms // 2 if options else 0)
    assert not any(layer.kind == "traced" for layer in analysis.network.layers)


def test_an_untrained_export_has_what_the_exporter_merged(torchvision, tmp_path):
    """All its scales are the same ones, all its shifts the same zeros: kept once, with a note of the others' names."""
    model, path = torchvision.models.resnet18(weights=None).eval(), tmp_path / "fresh.onnx"
    export(model, (3, 64, 64), path)
    parameters, statistics = (sum(t.numel() for t in each if t.dim()) for each in (model.parameters(), model.buffers()))
    held = sum(math.prod(each.dims) for each in onnx.load(path).graph.initializer)
    analysis = archcost.analyze(path)
    assert (analysis.params, analysis.buffers) == (parameters, statistics)
    assert held < parameters + statistics
    assert archcost.analyze(path, alpha="0.5").macs < analysis.macs / 3


class Shared:
    """Modules in torch that are called twice."""

    def __new__(cls):
        from torch import nn

        class Twice(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv, self.norm, self.head = nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6), nn.Linear(6, 6)
                self.attention = nn.MultiheadAttention(6, 2, batch_first=True)

            def forward(self, x):
                x = self.norm(self.conv(self.norm(self.conv(x)))).flatten(2).transpose(1, 2)
                return self.head(self.attention(self.head(x), x, x)[0])

        return Twice()


@pytest.mark.parametrize("trained", [True, False])
def test_shared_modules_count_once(tmp_path, trained):
    import torch

    model, path = Shared().eval(), tmp_path / "shared.onnx"
    for parameter in model.parameters() if trained else ():
        torch.nn.init.normal_(parameter)
    export(model, (6, 5, 5), path)
    assert archcost.analyze(path).params == sum(p.numel() for p in model.parameters())


def test_a_learned_vector_in_two_places_is_one(save):
    """`Identity` of values that differ: no exporter's doing."""
    learned = numpy_helper.from_array(np.arange(8, dtype=np.float32), "b")
    nodes = [named("Identity", "b", "c"), named("Add", "x b", "a"), named("Relu", "a", "r"), named("Add", "r c", "y")]
    assert counted(save(made(nodes, {"x": (1, 8)}, [learned]))) == (0, 8)
    merged = numpy_helper.from_array(np.ones(8, dtype=np.float32), "b")
    assert counted(save(made(nodes, {"x": (1, 8)}, [merged]))) == (0, 16)
