"""Training against PyTorch itself: what its saved-tensor hooks see, to the byte; its multiply-adds; its peak."""

from __future__ import annotations

import csv
import io
import json
import math
import weakref

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from test_export import TOLD, alone
from test_operators import CASES, EXAMPLES
from test_random_networks import ALPHAS, specs

import archcost
from archcost.analysis.training import OPTIMIZERS
from archcost.api import Model
from archcost.cli.analyze import OPTIMIZERS as OFFERED
from archcost.errors import ArchcostError
from archcost.ops import OPERATORS, Unary
from archcost.spec import zoo
from archcost.spec.document import parse

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from archcost.live.build import build_network  # noqa: E402

BATCH = 3


def built(analysis):
    """The module in train mode; where the analysis works in place, so do the modules that may."""
    module = build_network(analysis.network).train()
    if analysis.inplace:
        from archcost.analysis.training import _Tape

        owner = _Tape(analysis.network, True).owner
        for name, part, inputs, _ in module.steps:
            if hasattr(part, "inplace") and owner[name] == owner[inputs[0]]:
                part.inplace = True
    return module


def saved_bytes(analysis, context=None):
    """Distinct storages that autograd saves in a forward pass, the module's own tensors aside."""
    module = built(analysis)
    own = {tensor.untyped_storage().data_ptr() for tensor in (*module.parameters(), *module.buffers())}
    saved = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.nbytes() and storage.data_ptr() not in own:
            saved[storage.data_ptr()] = tensor  # held, so that no other gets its address
        return tensor

    x = torch.randn(analysis.batch, *analysis.network.input_shape)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        if context is None:
            module(x)
        else:
            with context:
                module(x)
    return sum(tensor.untyped_storage().nbytes() for tensor in saved.values())


class Counter(TorchDispatchMode):
    """Multiply-adds of everything that runs, forward and back, groups and missing gradients counted right."""

    def __init__(self):
        super().__init__()
        self.macs = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        name = function.__name__.split(".")[0]
        if name == "convolution":
            self.macs += self._convolution(args[0], args[1], result, args[6])
        elif name == "convolution_backward":
            each = self._convolution(args[1], args[2], args[0], args[7])
            self.macs += each * sum(args[10][:2])
        elif name in ("mm", "bmm"):
            self.macs += result.numel() * args[0].shape[-1]
        elif name in ("addmm", "baddbmm"):
            self.macs += result.numel() * args[1].shape[-1]
        elif "scaled_dot_product" in name:
            q, k = (args[1], args[2]) if "backward" in name else args[:2]
            self.macs += (4 if "backward" in name else 2) * q.numel() * k.shape[-2]
        return result

    @staticmethod
    def _convolution(x, weight, y, transposed):
        return (x if transposed else y).numel() * math.prod(weight.shape[1:])


def counted_macs(analysis, backward=True):
    counter = Counter()
    module = built(analysis)
    x = torch.randn(analysis.batch, *analysis.network.input_shape)
    with counter:
        y = module(x)
        if backward and total(y).requires_grad:
            total(y).backward()
    assert counter.macs % analysis.batch == 0
    return counter.macs // analysis.batch


def total(y):
    return sum(each.sum() for each in y) if isinstance(y, tuple) else y.sum()


class Live(TorchDispatchMode):
    """Bytes of all storages alive, and the most so far."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self.known = {}

    def add(self, tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in self.known:
            self.known[storage._cdata] = storage.nbytes()
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._free, storage._cdata)

    def _free(self, address):
        self.now -= self.known.pop(address)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, torch.Tensor):
                self.add(each)
        return result


def stepping(name, parameters):
    if name == "adam":
        return torch.optim.Adam(parameters)
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9 if name == "momentum" else 0)


def measured_peak(analysis, name):
    """Of the second step, when the optimizer has its state."""
    module, live = built(analysis), Live()
    optimizer = stepping(name, module.parameters())
    x = torch.randn(analysis.batch, *analysis.network.input_shape)
    for tensor in (*module.parameters(), *module.buffers(), x):
        live.add(tensor)
    with live:
        for _ in range(2):
            live.peak = 0
            optimizer.zero_grad()
            loss = total(module(x))
            loss.backward()
            optimizer.step()
            del loss
    return live.peak


# Every operator


@pytest.mark.parametrize(("kind", "fields", "shapes"), CASES)
def test_operator_keeps_what_autograd_saves(kind, fields, shapes):
    assert set(EXAMPLES) == set(OPERATORS)
    analysis = Model(parse(alone(kind, fields, shapes)), {}).analyze(batch=BATCH, inplace=False)
    assert analysis.training().kept_bytes == saved_bytes(analysis)


@pytest.mark.parametrize(("kind", "fields", "shapes"), TOLD)
def test_operator_multiplies_back_what_torch_does(kind, fields, shapes):
    analysis = Model(parse(alone(kind, fields, shapes)), {}).analyze(batch=BATCH)
    found = analysis.training()
    assert found.forward_macs == analysis.macs == counted_macs(analysis, backward=False)
    assert found.macs == counted_macs(analysis)


FIRST = [case for case in CASES if issubclass(OPERATORS[case.values[0]], Unary)]


@pytest.mark.parametrize(("kind", "fields", "shapes"), FIRST)
def test_operator_on_an_input_that_needs_no_gradient(kind, fields, shapes):
    """First in the network, with a layer after it that has weights."""
    layers = [{kind: fields or None}, "position_embedding"]
    text = yaml.safe_dump({"name": "one", "input": list(shapes[0]), "layers": layers})
    analysis = Model(parse(text), {}).analyze(batch=BATCH, inplace=False)
    assert analysis.training().kept_bytes == saved_bytes(analysis)
    assert analysis.training().macs == counted_macs(analysis)


@pytest.mark.parametrize("kind", ["multiply", "matmul", "add", "concat", "attention"])
@pytest.mark.parametrize("order", [["input", "learned"], ["learned", "input"], ["learned", "learned"]])
def test_only_one_of_two_inputs_needs_a_gradient(kind, order):
    fields = {"heads": 2} if kind == "attention" else {}
    layers = [{"linear": {"out": 6}, "name": "learned"}, {kind: {**fields, "from": order}}]
    text = yaml.safe_dump({"name": "two", "input": [6, 6], "layers": layers})
    analysis = Model(parse(text), {}).analyze(batch=BATCH)
    assert analysis.training().kept_bytes == saved_bytes(analysis)
    assert analysis.training().macs == counted_macs(analysis)


def test_products_of_several():
    layers = [
        {"linear": {"out": 6}, "name": "a"},
        {"relu": None, "name": "b"},
        {"multiply": {"from": ["input", "a", "b"]}},
    ]
    for order in (["input", "a", "b"], ["a", "b", "input", "a"], ["input", "input", "a"]):
        layers[-1]["multiply"]["from"] = order
        analysis = Model(parse(yaml.safe_dump({"name": "p", "input": [4, 6], "layers": layers})), {}).analyze(
            batch=BATCH
        )
        assert analysis.training().kept_bytes == saved_bytes(analysis)


# Whole networks


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("spec", zoo.names())
def test_zoo_keeps_what_autograd_saves(spec, inplace):
    analysis = archcost.analyze(spec, alpha=0.5, resolution=96, batch=2, inplace=inplace)
    assert analysis.training().kept_bytes == saved_bytes(analysis)


@settings(deadline=None, max_examples=30)
@given(specs(), ALPHAS, st.tuples(st.integers(8, 24), st.integers(8, 24)), st.booleans())
def test_random_networks(text, alpha, size, inplace):
    analysis = Model(parse(text), {}).analyze(alpha=alpha, resolution=size, batch=2, inplace=inplace)
    found = analysis.training()
    assert found.kept_bytes == saved_bytes(analysis)
    assert found.macs == counted_macs(analysis)


@pytest.mark.parametrize("spec", zoo.names())
def test_zoo_multiplies_back_what_torch_does(spec):
    analysis = archcost.analyze(spec, alpha=0.25, resolution=96, batch=2)
    assert analysis.training().macs == counted_macs(analysis)


@pytest.mark.parametrize(
    "spec", ["resnet18", "resnet50", "vgg16", "densenet121", "googlenet", "inceptionv3", "squeezenet1_1"]
)
def test_ungrouped_networks_against_flop_counter_mode(spec):
    analysis = archcost.analyze(spec, resolution=128)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        module = build_network(analysis.network, "meta").train()
        module(torch.empty(2, *analysis.network.input_shape)).sum().backward()
    assert analysis.training().macs == counter.get_total_flops() // 4


def test_backward_is_twice_forward_but_for_the_first_layer():
    """Depthwise convolutions too, for which FlopCounterMode counts every group's gradient as if there were one."""
    analysis = archcost.analyze("mobilenetv1")
    found = analysis.training()
    first = found.layers[0]
    assert found.backward_macs == 2 * analysis.macs - first.forward_macs
    assert (first.input_gradient_macs, first.weight_gradient_macs) == (0, first.forward_macs)
    assert 2.9 < found.macs / analysis.macs < 3


@pytest.mark.parametrize(
    ("spec", "batch", "optimizer"),
    [
        ("mobilenetv1", 8, "sgd"),
        ("resnet50", 4, "momentum"),
        ("densenet121", 4, "sgd"),
        ("vit_b_16", 1, "adam"),
        ("mobilenetv2", 2, "adam"),
    ],
)
def test_peak_of_a_step(spec, batch, optimizer):
    """Within half a percent of all storages that PyTorch has alive at once."""
    analysis = archcost.analyze(spec, alpha=0.25, resolution=64, batch=batch, inplace=False)
    measured = measured_peak(analysis, optimizer)
    assert analysis.training(optimizer).peak_bytes == pytest.approx(measured, rel=0.005)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_of_the_optimizer(name):
    analysis = archcost.analyze("mobilenetv1", alpha=0.25, resolution=64)
    module = built(analysis)
    optimizer = stepping(name, module.parameters())
    module(torch.randn(2, 3, 64, 64)).sum().backward()
    optimizer.step()
    held = [t for state in optimizer.state.values() for t in state.values() if isinstance(t, torch.Tensor) and t.ndim]
    found = analysis.training(name)
    assert found.optimizer_bytes == sum(t.nbytes for t in held)
    assert found.gradient_bytes == sum(p.grad.nbytes for p in module.parameters())
    assert found.weight_bytes == sum(p.nbytes for p in module.parameters())


@pytest.mark.parametrize(
    "spec", ["vgg16", "squeezenet1_1", "resnet18", "mobilenetv1", "densenet121", "efficientnet_b0"]
)
def test_mixed_precision(spec):
    """torch.autocast saves as much, where it leaves nothing in 32 bits but statistics."""
    analysis = archcost.analyze(spec, alpha=0.25, resolution=64, batch=2, inplace=False)
    found = analysis.training(amp=True)
    saved = saved_bytes(analysis, torch.autocast("cpu", torch.bfloat16))
    assert found.kept_bytes + found.cast_bytes == pytest.approx(saved, rel=0.002)
    plain = analysis.training()
    assert (found.weight_bytes, found.gradient_bytes) == (plain.weight_bytes, plain.gradient_bytes)
    assert found.kept_bytes < 0.6 * plain.kept_bytes


# Laws


@pytest.mark.parametrize("spec", ["mobilenetv2", "vit_b_16", "googlenet"])
def test_layers_sum_to_the_totals(spec):
    found = archcost.analyze(spec, batch=4).training("adam")
    assert found.forward_macs == sum(layer.forward_macs for layer in found.layers)
    assert found.backward_macs == sum(layer.backward_macs for layer in found.layers)
    assert found.kept_bytes == found.input_kept_bytes + sum(layer.kept_bytes for layer in found.layers)
    assert found.step_flops == 8 * found.macs + found.update_flops
    assert found.peak_bytes >= found.weight_bytes + found.gradient_bytes + found.optimizer_bytes


def test_the_batch_is_a_factor_of_what_is_kept():
    """But for the statistics of batch norms, of which a batch has one."""
    one, two, three = (archcost.analyze("resnet18", batch=n).training().kept_bytes for n in (1, 2, 3))
    assert three - two == two - one > 0
    analysis = archcost.analyze("resnet18")
    assert 2 * one - two == 4 * analysis.buffers


def test_working_in_place_keeps_no_more():
    for spec in ("mobilenetv1", "resnet50", "densenet121", "googlenet", "vit_b_16"):
        plain, inplace = (archcost.analyze(spec, inplace=each).training() for each in (False, True))
        assert inplace.kept_bytes <= plain.kept_bytes and inplace.peak_bytes <= plain.peak_bytes


def test_working_in_place_keeps_one_tensor_of_two(analyze):
    """A leaky ReLU keeps its input, beside the output that the next layer keeps; in place both are one."""
    text = "{name: x, input: [3, 8, 8], layers: [conv: {out: 4, kernel: 3}, leaky_relu, conv: {out: 4, kernel: 3}]}"
    plain, inplace = (analyze(text, inplace=each) for each in (False, True))
    assert plain.training().kept_bytes - inplace.training().kept_bytes == 4 * 8 * 8 * 4
    assert plain.training().kept_bytes == saved_bytes(plain)
    assert inplace.training().kept_bytes == saved_bytes(inplace)


def test_half_precision_throughout():
    single, half = (archcost.analyze("resnet18", dtype=dtype).training("adam") for dtype in ("float32", "bfloat16"))
    assert 2 * half.weight_bytes == single.weight_bytes and 2 * half.optimizer_bytes == single.optimizer_bytes


# Reports


def test_the_json_is_the_contract(run):
    done = run("analyze", "mobilenetv1", "--training", "--optimizer", "adam", "--batch", "8", "--format", "json")
    told = json.loads(done.stdout)["training"]
    assert set(told) == {
        "optimizer", "amp", "forward_macs", "backward_macs", "macs", "update_flops", "step_flops", "weight_bytes",
        "buffer_bytes", "gradient_bytes", "optimizer_bytes", "cast_bytes", "kept_bytes", "input_kept_bytes",
        "memory_bytes", "peak_bytes", "layers",
    }  # fmt: skip
    found = archcost.analyze("mobilenetv1", batch=8).training("adam")
    assert told["optimizer"] == "adam" and told["amp"] is False
    assert told["peak_bytes"] == found.peak_bytes and told["kept_bytes"] == found.kept_bytes
    assert set(told["layers"][0]) == {
        "name", "forward_macs", "input_gradient_macs", "weight_gradient_macs", "kept_bytes",
    }  # fmt: skip
    assert archcost.analyze("mobilenetv1", batch=8).to_dict(training=found)["training"] == told


@pytest.mark.parametrize("by", [None, "block", "kind"])
def test_tables_hold_what_sums_to_the_total(run, by):
    words = ("analyze", "mobilenetv2", "--training", *(("--by", by) if by else ()))
    lines = run(*words).stdout.split("\n")
    body = lines[3 : lines.index("", 3)]
    rule = next(i for i, line in enumerate(body) if line.startswith("─"))
    rows = [[int(cell.replace(",", "")) for cell in line.split()[-2:]] for line in body[:rule]]
    total = [int(cell.replace(",", "")) for cell in body[rule + 1].split()[-2:]]
    found = archcost.analyze("mobilenetv2").training()
    assert [sum(column) for column in zip(*rows, strict=True)] == total == [found.backward_macs, found.kept_bytes]
    assert "training: peak of a step, bytes" in "\n".join(lines)


def test_csv_has_columns_for_it(run):
    rows = list(csv.DictReader(io.StringIO(run("analyze", "resnet18", "--training", "--format", "csv").stdout)))
    found = archcost.analyze("resnet18").training()
    assert sum(int(row["backward_macs"]) for row in rows) == found.backward_macs
    assert sum(int(row["kept_bytes"]) for row in rows) == found.kept_bytes - found.input_kept_bytes
    plain = run("analyze", "resnet18", "--format", "csv").stdout
    assert "backward_macs" not in plain and "kept_bytes" not in plain


def test_markdown_says_it(run):
    said = run("analyze", "resnet18", "--training", "--amp", "--format", "markdown").stdout
    assert "| backward macs | kept, bytes |" in said and "Mixed precision:" in said


def test_the_command_offers_every_optimizer():
    assert set(OFFERED) == set(OPTIMIZERS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--optimizer", "adam"), "--optimizer and --amp need --training"),
        (("--amp",), "--optimizer and --amp need --training"),
        (("--training", "--optimizer", "lion"), "'lion' is not one of"),
        (("--training", "--dtype", "int8"), "int8 cannot be trained"),
    ],
)
def test_bad_input(run, words, said):
    done = run("analyze", "mobilenetv1", *words)
    assert done.exit_code == 2 and said in done.stderr


def test_bad_input_from_python():
    import numpy as np

    with pytest.raises(ArchcostError, match="did you mean `adam`"):
        archcost.analyze("mobilenetv1").training("adma")
    with pytest.raises(ArchcostError, match="this is a batch"):
        archcost.analyze("mobilenetv1", alpha=np.array([0.5, 1])).training()


@pytest.mark.parametrize(("operator", "known"), [("roll", True), ("view", True), ("instance_norm", False)])
def test_of_a_traced_layer_only_what_moves_elements_is_known(tmp_path, operator, known):
    path = tmp_path / "traced.yaml"
    path.write_text(
        "name: traced\ninput: [3, 8, 8]\nlayers:\n"
        "  - conv: {out: 4, kernel: 3}\n"
        f"  - traced: {{name: here, operator: {operator}, reads: [[4, 8, 8]], sizes: [4, 8, 8]}}\n"
    )
    analysis = archcost.analyze(str(path))
    if known:
        assert analysis.training().kept_bytes == 4 * 3 * 8 * 8
    else:
        with pytest.raises(ArchcostError, match=rf"only the forward pass is known of here \({operator}\)"):
            analysis.training()
