"""Exported networks compute what the built one does: PyTorch code to the bit, ONNX to float32's own precision."""

from __future__ import annotations

import ast
import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from test_operators import CASES, EXAMPLES
from test_random_networks import ALPHAS, specs

import archcost
from archcost.api import Model
from archcost.errors import ArchcostError
from archcost.exporters.paths import MODULE_NAMES, module_paths
from archcost.exporters.torch import source
from archcost.exporters.torch.leaves import WRITERS
from archcost.exporters.weights import tensors, weights
from archcost.ops import OPERATORS
from archcost.spec import zoo
from archcost.spec.document import parse

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from archcost.live.build import build_module, build_network  # noqa: E402

TOLERANCE = 1e-4
LARGE = 1_000_000_000
"""Multiply-adds from which on a network runs at a smaller size here; at its own it agrees as well, in minutes."""


def run_code(text):
    """The namespace of an exported file."""
    namespace = {"__name__": "exported"}
    exec(compile(text, "exported.py", "exec"), namespace)
    return namespace


def network_class(text):
    """The class of the whole network: the last."""
    name = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)][-1]
    return run_code(text)[name]


def filled(network, seed=0):
    """The built module with weights and statistics that differ everywhere."""
    module = build_network(network)
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        if name.endswith("running_var"):
            values = torch.rand(tensor.shape, generator=generator) + 0.5
        else:
            values = torch.randn(tensor.shape, generator=generator)
            scale = math.prod(tensor.shape[1:]) ** -0.5 if tensor.ndim > 1 else 0.3
            values = scale * values + (name.endswith("norm.weight") or ("norm" in name and name.endswith("weight")))
        tensor.copy_(values)
    return module


def settled(network):
    """The built module with batch norms that know its activations, so that numbers keep their size."""
    from archcost.live.runnable import settle

    torch.manual_seed(0)
    module = build_network(network)
    settle(module, (network.input_shape,), torch.device("cpu"))
    return module


def outputs(results):
    return [np.asarray(each) for each in (results if isinstance(results, (tuple, list)) else [results])]


def batch_of(network, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, *network.input_shape, generator=generator)


@torch.no_grad()
def assert_code_equals(analysis, module, text=None):
    """The exported code with the built module's weights gives the very same numbers."""
    exported = network_class(text or analysis.to_torch())().eval()
    assert exported.state_dict().keys() == module.state_dict().keys()
    exported.load_state_dict(module.state_dict())
    x = batch_of(analysis.network)
    for ours, theirs in zip(outputs(module(x)), outputs(exported(x)), strict=True):
        assert np.isfinite(ours).all() and ours.std() > 0
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6 * max(1, abs(ours).max()))


@torch.no_grad()
def assert_onnx_equals(analysis, module):
    """onnxruntime's outputs, on a batch of 2: within 1e-4, or as near as float32 is to float64 here."""
    session = session_of(analysis.to_onnx(module.state_dict()))
    x = batch_of(analysis.network)
    theirs = session.run(None, {"input": x.numpy()})
    ours = outputs(module(x))
    precise = None
    for place, (expected, found) in enumerate(zip(ours, theirs, strict=True)):
        assert found.shape == expected.shape and expected.std() > 0
        error = abs(found - expected).max()
        if error > TOLERANCE:
            precise = precise or outputs(module.double()(x.double()))
            error = min(error, abs(found - precise[place]).max() / 4)
            assert error <= max(TOLERANCE, abs(expected - precise[place]).max())


def session_of(data):
    chosen = onnxruntime.SessionOptions()
    chosen.log_severity_level = 3
    chosen.intra_op_num_threads = 1  # its waiting threads would take PyTorch's cores
    return onnxruntime.InferenceSession(data, chosen, providers=["CPUExecutionProvider"])


# Every operator


def alone(kind, fields, shapes):
    """A spec around one operator: what it reads comes from linear layers, so that every input differs."""
    layers = []
    names = [f"in{number}" for number in range(len(shapes))]
    for name, shape in zip(names, shapes, strict=True):
        layers.append({"linear": {"out": math.prod(shape), "bias": False, "scale": "fixed"}, "from": "input"})
        layers.append({"reshape": {"sizes": list(shape)}, "name": name})
    if fields.get("function") in ("log", "sqrt", "rsqrt", "power"):  # of what is positive
        layers.append({"sigmoid": None, "from": names, "name": "positive"})
        names = ["positive"]
    layers.append({kind: fields or None, "from": names, "name": "op"})
    return yaml.safe_dump({"name": "one", "input": [7], "layers": layers}, sort_keys=False)


def test_every_operator_is_tried():
    """Operators come from the registry, and those without an example fail here."""
    assert set(EXAMPLES) == set(OPERATORS)
    assert {case.values[0] for case in CASES} == set(OPERATORS)


UNTOLD = {"traced", "constant"}
"""What imported networks may hold that a spec cannot tell: what it computes."""
TOLD = [case for case in CASES if case.values[0] not in UNTOLD]


@pytest.mark.parametrize("kind", sorted(UNTOLD))
def test_what_a_spec_cannot_tell_is_refused(kind):
    fields, *shapes = EXAMPLES[kind][0]
    analysis = Model(parse(alone(kind, fields, shapes)), {}).analyze()
    for export in (analysis.to_torch, analysis.to_onnx):
        with pytest.raises(ArchcostError, match=r"op: `\w+` is known as it was traced, by its shapes and costs alone"):
            export()


@pytest.mark.parametrize(("kind", "fields", "shapes"), TOLD)
def test_operator(kind, fields, shapes):
    analysis = Model(parse(alone(kind, fields, shapes)), {}).analyze()
    module = filled(analysis.network)
    assert_code_equals(analysis, module)
    assert_onnx_equals(analysis, module)


@pytest.mark.parametrize(("kind", "fields", "shapes"), TOLD)
def test_tensors_are_those_of_the_module(kind, fields, shapes):
    layer = Model(parse(alone(kind, fields, shapes)), {}).analyze().network.layers[-1]
    recipe = layer.op.recipe(layer.source)
    state = build_module(recipe).state_dict()
    held = {name: tuple(tensor.shape) for name, tensor in state.items() if "num_batches" not in name}
    assert {tensor.name: tensor.shape for tensor in tensors(recipe)} == held


small = st.integers(1, 4)
pairs = st.one_of(small, st.lists(small, min_size=2, max_size=2))
edges = st.one_of(
    st.integers(0, 3), st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=2), min_size=2, max_size=2)
)
paddings = st.one_of(st.sampled_from(["same", "valid"]), edges)
windows = st.fixed_dictionaries({"kernel": pairs, "stride": pairs, "padding": paddings})


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["conv", "depthwise", "max_pool", "avg_pool"]),
    windows,
    pairs,
    st.booleans(),
    st.booleans(),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
def test_windows(kind, fields, dilation, ceil_mode, counted, size):
    """Convolutions and pools with any window, margins on either side, and rounding up."""
    if kind != "avg_pool":
        fields |= {"dilation": dilation}
    if kind.endswith("pool"):
        fields |= {"ceil_mode": ceil_mode}
    if kind == "avg_pool":
        fields |= {"count_include_pad": counted}
    if kind == "conv":
        fields |= {"out": 3}
    text = yaml.safe_dump({"name": "w", "input": [2, *size], "layers": [{"pointwise": {"out": 2}}, {kind: fields}]})
    try:
        analysis = Model(parse(text), {}).analyze()
    except ArchcostError:
        return
    module = filled(analysis.network)
    x = batch_of(analysis.network)
    if not np.isfinite(module(x).detach().numpy()).all() or module(x).std() == 0 or module(x).numel() < 2:
        return  # a window with holes may see no input at all
    assert_code_equals(analysis, module)
    assert_onnx_equals(analysis, module)


# Whole networks


@pytest.mark.parametrize("spec", zoo.names())
def test_zoo(spec):
    analysis = archcost.analyze(spec)
    if analysis.macs > LARGE:
        analysis = archcost.analyze(spec, alpha=0.5, resolution=96)
    module = settled(analysis.network)
    assert_code_equals(analysis, module)
    assert_onnx_equals(analysis, module)


@pytest.mark.parametrize(
    ("spec", "chosen"),
    [
        ("mobilenetv1", {"alpha": 0.25, "resolution": 97}),
        ("mobilenetv1", {"resolution": (64, 96), "parameters": {"depth": 0, "conv": "conv_bn_relu"}}),
        ("mobilenetv2", {"alpha": 1.4, "resolution": 64}),
        ("efficientnet_b0", {"alpha": 1.1, "resolution": 65, "parameters": {"depth": 1.2}}),
        ("shufflenet_v2_x1_0", {"alpha": 0.5, "resolution": 75}),
        ("densenet121", {"alpha": 0.25, "resolution": 33}),
        ("googlenet", {"alpha": 0.25, "resolution": 81}),
        ("vit_b_16", {"alpha": 0.25, "resolution": 64}),
        ("convnext_tiny", {"alpha": 0.25, "resolution": 64}),
        ("mobilenetv3_small", {"alpha": 0.75, "resolution": 50}),
    ],
)
def test_other_settings(spec, chosen):
    analysis = archcost.analyze(spec, **chosen)
    module = filled(analysis.network)
    assert_code_equals(analysis, module)
    assert_onnx_equals(analysis, module)


@settings(deadline=None, max_examples=25)
@given(specs(), ALPHAS, st.tuples(st.integers(8, 24), st.integers(8, 24)))
def test_random_networks(text, alpha, size):
    analysis = Model(parse(text), {}).analyze(alpha=alpha, resolution=size)
    module = filled(analysis.network)
    assert_code_equals(analysis, module)
    assert_onnx_equals(analysis, module)
    # The same from layers' names alone, as a network without blocks in its spec has them.
    bare = dataclasses.replace(analysis.network, origins={})
    assert_code_equals(analysis, module, source(bare, analysis.macs, analysis.params))


@pytest.mark.parametrize("spec", ["resnet18", "mobilenetv2", "shufflenet_v2_x1_0", "inceptionv3", "vit_b_16"])
def test_names_alone_make_classes(spec):
    analysis = archcost.analyze(spec, alpha=0.25, resolution=96)
    text = source(dataclasses.replace(analysis.network, origins={}), analysis.macs, analysis.params)
    assert_code_equals(analysis, filled(analysis.network), text)


# The code


@pytest.fixture(scope="module")
def codes():
    """The zoo as code, and small variants, in which other numbers coincide."""
    found = {spec: archcost.analyze(spec).to_torch() for spec in zoo.names()}
    found |= {f"{spec} small": archcost.analyze(spec, alpha=0.35, resolution=96).to_torch() for spec in zoo.names()}
    return found


def test_code_is_formatted_as_ruff_does(codes, tmp_path):
    for name, text in codes.items():
        (tmp_path / f"{name.replace(' ', '_')}.py").write_text(text)
    ruff = [sys.executable, "-m", "ruff"]
    where = ["--isolated", "--line-length", "120", str(tmp_path)]
    done = subprocess.run([*ruff, "format", "--diff", *where], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    rules = ["--select", "E,F,W,I,B,UP,C4,SIM,RET,PIE,PERF,RUF", "--ignore", "RUF001,RUF002,RUF003"]
    done = subprocess.run([*ruff, "check", *rules, *where], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_code_needs_torch_alone(codes):
    for text in codes.values():
        imported = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))]
        modules = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imported}
        assert modules <= {"torch", "torch.nn"}


@pytest.mark.parametrize("spec", ["mobilenetv1", "mobilenetv2"])
def test_code_reads_like_this(codes, spec, snapshot):
    assert codes[spec] == snapshot


@pytest.mark.parametrize(
    ("spec", "most", "classes"),
    [
        ("mobilenetv1", 85, ["Conv2dSame", "ConvBnRelu", "Separable", "MobileNetV1"]),
        ("mobilenetv2", 105, ["Conv2dSame", "ConvBn", "Bottleneck", "Stage", "MobileNetV2"]),
        ("resnet50", 95, ["ConvBn", "Bottleneck", "Projection", "Identity", "Stage", "ResNet50"]),
        ("densenet121", 95, ["Conv2dSame", "BnRelu", "Dense", "Transition", "DenseNet121"]),
        ("googlenet", 110, ["Conv2dSame", "ConvRelu", "Halve", "Inception", "GoogleNet"]),
    ],
)
def test_a_block_is_one_class(codes, spec, most, classes):
    """Openings that differ in numbers, in a layer left out, or in how often one repeats, share a class."""
    found = [node.name for node in ast.parse(codes[spec]).body if isinstance(node, ast.ClassDef)]
    assert found == classes
    assert len(codes[spec].splitlines()) <= most


def test_the_file_runs_by_itself(tmp_path):
    path = tmp_path / "network.py"
    path.write_text(archcost.analyze("squeezenet1_1", alpha=0.25, resolution=64).to_torch())
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 1000)"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("spec", ["mobilenetv2", "shufflenet_v2_x1_0", "vit_b_16"])
def test_code_can_be_traced(spec):
    """torch.export, for any batch."""
    analysis = archcost.analyze(spec, alpha=0.25, resolution=96)
    module = network_class(analysis.to_torch())().eval()
    x = batch_of(analysis.network)
    traced = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    y = torch.cat([x, x, x])
    torch.testing.assert_close(traced.module()(y), module(y))


def test_code_trains():
    """Dropped branches, batch statistics: the modules in train mode take a step."""
    analysis = archcost.analyze("efficientnet_b0", alpha=0.25, resolution=64)
    module = network_class(analysis.to_torch())().train()
    module(batch_of(analysis.network)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


HOSTILE = r"""
name: 'attention'
source: "quotes \"\"\" and \\ a backslash"
input: [3, 16, 16]
blocks:
  sequential:
    arguments: {c: required, self: 3}
    inputs: [lambda, torch]
    layers:
      - conv: {out: $c, kernel: $self, from: lambda, name: half}
      - conv: {out: $c, kernel: 1, from: torch, name: "3a"}
      - relu: {name: "it's {x}"}
      - add: {from: [half, "it's {x}"], name: forward}
layers:
  - conv: {out: 4, kernel: 3, name: append}
  - relu: {name: _buffers}
  - sequential: {from: [append, _buffers], c: 6, name: "1.5x".replace}
  - sequential: {from: [append, _buffers], c: 8, self: 1, name: import}
  - concat: {from: [train, import], name: "x/y"}
  - global_avg_pool
""".replace('"1.5x".replace', "train")


def test_hostile_names():
    """Names that Python, nn.Module, nn.Sequential or the file itself have already."""
    analysis = Model(parse(HOSTILE), {}).analyze()
    module = filled(analysis.network)
    assert_code_equals(analysis, module)
    assert_onnx_equals(analysis, module)


def test_several_outputs():
    text = """
name: heads
input: [3, 16, 16]
blocks:
  body:
    - conv: {out: 4, kernel: 3}
    - relu: {name: side}
    - conv: {out: 4, kernel: 1, from: conv1}
layers:
  - body: {repeat: 2}
  - sigmoid
"""
    analysis = Model(parse(text), {}).analyze()
    module = filled(analysis.network)
    assert len(module(batch_of(analysis.network))) == 3
    assert_code_equals(analysis, module)
    assert_onnx_equals(analysis, module)


def test_names_of_modules_are_known():
    """Every public name of nn.Module, or a layer of that name would hide it."""
    public = {name for name in dir(torch.nn.Module()) if not name.startswith("_")}
    assert public <= MODULE_NAMES | {"training"}


# ONNX


def test_the_onnx_file():
    analysis = archcost.analyze("mobilenetv2", alpha=0.35, resolution=96)
    model = onnx.load_from_string(analysis.to_onnx(seed=3))
    assert model.opset_import[0].version >= 17
    assert [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == ["batch", 3, 96, 96]
    names = [node.name for node in model.graph.node]
    assert {layer.name for layer in analysis.network.layers} <= set(names) and len(names) == len(set(names))
    stored = {tensor.name: math.prod(tensor.dims) for tensor in model.graph.initializer}
    held = sum(size for name, size in stored.items() if not name.startswith(("number/", "integers/")))
    assert held == analysis.params + analysis.buffers


@pytest.mark.parametrize("spec", ["mobilenetv1", "shufflenet_v2_x1_0", "vit_b_16", "googlenet", "resnet18"])
def test_onnx_holds_the_multiply_adds(spec):
    """Counted on the file's own shapes: outputs times what each sums over."""
    analysis = archcost.analyze(spec, alpha=0.5, resolution=128)
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(analysis.to_onnx()), data_prop=True)
    shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    for info in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        shapes[info.name] = [dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]
    macs = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            macs += math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])
        elif node.op_type in ("MatMul", "Gemm"):
            macs += math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    assert macs == analysis.macs


def test_random_weights_are_seeded():
    analysis = archcost.analyze("squeezenet1_1", alpha=0.25, resolution=64)
    assert analysis.to_onnx() == analysis.to_onnx(seed=0) != analysis.to_onnx(seed=1)
    y = session_of(analysis.to_onnx()).run(None, {"input": batch_of(analysis.network).numpy()})[0]
    assert np.isfinite(y).all() and y.std() > 0


@pytest.mark.parametrize("spec", ["resnet152_v1_5", "mobilenetv2", "vgg19", "densenet121", "vit_b_16"])
def test_random_weights_let_no_number_grow(spec):
    analysis = archcost.analyze(spec, alpha=0.25, resolution=64)
    y = session_of(analysis.to_onnx()).run(None, {"input": batch_of(analysis.network).numpy()})[0]
    assert np.isfinite(y).all() and y.std() > 0 and abs(y).max() < 1e5


def test_weights_from_a_file(tmp_path):
    analysis = archcost.analyze("mobilenetv1", alpha=0.25, resolution=64)
    module = filled(analysis.network)
    path = tmp_path / "weights.npz"
    np.savez(path, **{name: tensor.numpy() for name, tensor in module.state_dict().items()})
    assert analysis.to_onnx(path) == analysis.to_onnx(module.state_dict())


def test_weights_that_do_not_fit():
    analysis = archcost.analyze("mobilenetv1", alpha=0.25, resolution=64)
    paths = module_paths(analysis.network)
    held = weights(analysis.network, None, 0)
    given = {f"{paths[layer]}.{name}": array for layer, arrays in held.items() for name, array in arrays.items()}
    del given["linear.bias"]
    given["separable3.pointwise.weight"] = np.zeros((1, 1))
    with pytest.raises(ArchcostError, match=r"separable3.pointwise.weight is \[1, 1\], not .*; linear.bias is missing"):
        analysis.to_onnx(given)


def test_too_large_for_one_file():
    text = "{name: large, input: [40000], layers: [linear: {out: 20000}]}"
    with pytest.raises(ArchcostError, match=r"its weights take 3\.0 GiB as float32; an ONNX file holds 2 GiB"):
        Model(parse(text), {}).analyze().to_onnx()


# The command


@pytest.mark.parametrize(("ending", "begins"), [("py", b'"""mobilenetv1: '), ("onnx", b"\x08"), ("yaml", b"name: mob")])
def test_the_ending_chooses(run, tmp_path, ending, begins):
    path = tmp_path / f"network.{ending}"
    done = run("export", "mobilenetv1", "--alpha", "0.25", "--resolution", "96", "-o", path)
    assert done.exit_code == 0 and done.output == ""
    assert path.read_bytes().startswith(begins)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_code_is_printed(run):
    done = run("export", "mobilenetv1@alpha=0.5,depth=0")
    assert done.exit_code == 0
    assert done.stdout == archcost.analyze("mobilenetv1", alpha=0.5, parameters={"depth": 0}).to_torch()


@pytest.mark.parametrize("spec", ["mobilenetv2", "googlenet", "vit_b_16", "efficientnet_b0", "shufflenet_v2_x1_0"])
def test_a_concrete_spec_has_the_same_costs(run, tmp_path, spec):
    path = tmp_path / "concrete.yaml"
    assert run("export", spec, "--alpha", "0.5", "--resolution", "160", "--to", "yaml", "-o", path).exit_code == 0
    there, here = archcost.analyze(path), archcost.analyze(spec, alpha=0.5, resolution=160)
    assert there.totals.keys() == here.totals.keys()
    for name in ("macs", "params", "buffers", "activation_bytes", "peak_activation_bytes", "layers"):
        assert there.totals[name] == here.totals[name]


def test_a_winner_is_exported(run, tmp_path):
    words = ("search", "mobilenetv2", "--budget", "30M", "--resolution", "96", "--out", tmp_path / "best")
    assert run(*words).exit_code == 0
    winner = tmp_path / "best" / "winner.yaml"
    assert run("export", winner, "-o", tmp_path / "winner.py").exit_code == 0
    assert run("export", winner, "-o", tmp_path / "winner.onnx").exit_code == 0
    analysis = archcost.analyze(winner)
    module = filled(analysis.network)
    assert_code_equals(analysis, module, (tmp_path / "winner.py").read_text())
    assert_onnx_equals(analysis, module)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mobilnetv1",), "did you mean `mobilenetv1`"),
        (("mobilenetv1", "--to", "onnx"), "name a file with -o FILE.onnx"),
        (("mobilenetv1", "-o", "network.pt"), "no format ends in .pt; end in .py, .onnx, .yaml"),
        (("mobilenetv1", "--alpha", "0"), "alpha"),
        (("mobilenetv1", "--set", "depht=3"), "did you mean `depth`"),
        (("mobilenetv1", "--set", "depth=9"), "depth"),
        (("mobilenetv1", "--to", "torch", "--seed", "1"), "--seed is for --to onnx"),
        (("mobilenetv1", "--to", "yaml", "--weights", "a.npz"), "--weights is for --to onnx"),
        (("mobilenetv1", "--weights", "absent.npz", "-o", "x.onnx"), "absent.npz: cannot be read"),
        (("mobilenetv1", "-o", "absent/network.py"), "cannot be written: No such file or directory"),
    ],
)
def test_bad_input(run, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    done = run("export", *words)
    assert done.exit_code == 2 and said in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x05pickle", b"PK\x03\x04 cut short", b"not an archive at all", b"\x93NUMPY\x01\x00"]
)
def test_weights_that_are_no_archive(run, tmp_path, content):
    path = tmp_path / "weights.npz"
    path.write_bytes(content)
    done = run("export", "mobilenetv1", "--weights", path, "-o", tmp_path / "x.onnx")
    assert done.exit_code == 2 and "weights.npz" in done.stderr
    assert not (tmp_path / "x.onnx").exists()


def test_onnx_is_not_installed(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    done = run("export", "mobilenetv1", "-o", tmp_path / "x.onnx")
    assert done.exit_code == 2 and "pip install 'archcost[onnx]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_operator_without_a_writer_is_named(run, tmp_path, monkeypatch):
    from archcost.exporters.onnx import nodes

    monkeypatch.delitem(WRITERS, "softmax")
    monkeypatch.delitem(nodes.WRITERS, "softmax")
    for ending in ("py", "onnx"):
        done = run("export", "mobilenetv1", "-o", tmp_path / f"x.{ending}")
        assert done.exit_code == 2 and "softmax: `softmax` cannot be written as" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_batch_is_not_exported():
    analysis = archcost.analyze("mobilenetv1", alpha=np.array([0.5, 1.0]))
    for export in (analysis.to_torch, analysis.to_onnx, analysis.to_yaml):
        with pytest.raises(ArchcostError, match="one model is exported at a time"):
            export()


def test_code_is_written_without_torch():
    code = "import sys, archcost; archcost.analyze('mobilenetv2').to_torch(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
