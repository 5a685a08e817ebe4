"""PyTorch models that compute with values, map over tensors, or keep tensors in their own way, as torch counts them."""

import dataclasses

import pytest

import archcost
from archcost.errors import ArchcostError
from archcost.graph import build
from archcost.spec.settings import settle

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.nn.utils import parametrizations, parametrize, prune  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402


class Mapped(nn.Module):
    """A product for each of the matrices, one for each position, a convolution for each image."""

    def __init__(self):
        super().__init__()
        self.stack = nn.Parameter(torch.randn(3, 6, 4))
        self.line = nn.Linear(6, 5)
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        each = torch.vmap(lambda w: F.linear(x, w.t()))(self.stack)
        rows = torch.vmap(self.line, in_dims=1)(x)
        maps = torch.vmap(lambda y: self.conv(y[None, None])[0])(x.expand(2, -1, -1))
        return each, rows, maps


class Listed(nn.Module):
    """Depths as a list of numbers, as in stochastic depth."""

    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))

    def forward(self, x):
        for part, rate in zip(self.parts, torch.linspace(0, 1, 3).tolist(), strict=True):
            x = x + part(x) * rate
        return x


class Rounded(nn.Module):
    """A size worked out by tensors."""

    def __init__(self):
        super().__init__()
        self.line, self.head = nn.Linear(6, 6), nn.Linear(2, 3)

    def forward(self, x):
        return self.head(self.line(x)[..., : int(torch.tensor(x.shape[-1] / 3).ceil())])


class Repeated(nn.Module):
    """As often as a buffer says."""

    def __init__(self):
        super().__init__()
        self.line = nn.Linear(6, 6)
        self.register_buffer("times", torch.tensor(4))

    def forward(self, x):
        for _ in range(int(self.times)):
            x = self.line(x)
        return x


class OnCpu(nn.Module):
    """Tensors of the CPU by name, a buffer that counts, plain tensors as attributes, and in a list."""

    def __init__(self):
        super().__init__()
        self.line = nn.Linear(6, 6)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.places = torch.arange(6.0)
        self.tables = [torch.randn(6, 2)]

    def forward(self, x):
        self.steps += 1
        return self.line(x + self.places + torch.arange(6, device="cpu")) @ self.tables[0]


class TiedByValue(nn.Module):
    """One parameter in two places, in a model that reads values while it is built."""

    def __init__(self):
        super().__init__()
        self.rates = torch.linspace(0, 1, 3).tolist()
        shared = nn.Parameter(torch.randn(6, 6))
        self.a, self.b = nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False)
        self.a.weight = shared
        self.b.weight = shared

    def forward(self, x):
        return self.b(self.a(x))


class Skewed(nn.Module):
    """A parametrisation that solves a system while the model is built."""

    def __init__(self):
        super().__init__()
        self.line = parametrizations.orthogonal(nn.Linear(6, 6), orthogonal_map="cayley")
        self.weighed = parametrizations.weight_norm(nn.Linear(6, 4))

    def forward(self, x):
        return self.weighed(self.line(x))


class Doubled(nn.Module):
    def forward(self, weight):
        return weight * 2


class Reparametrised(nn.Module):
    def __init__(self):
        super().__init__()
        with pytest.warns(FutureWarning):
            self.old = nn.utils.weight_norm(nn.Conv2d(1, 4, 3))
        self.pruned = nn.Conv2d(4, 2, 1)
        prune.l1_unstructured(self.pruned, "weight", 0.5)
        self.new = nn.Conv2d(2, 3, 1)
        parametrize.register_parametrization(self.new, "weight", Doubled())

    def forward(self, x):
        return self.new(self.pruned(self.old(x[:, None])))


class Cells(nn.Module):
    def __init__(self):
        super().__init__()
        self.long, self.gated, self.plain = nn.LSTMCell(6, 5), nn.GRUCell(5, 4), nn.RNNCell(4, 3)

    def forward(self, x):
        hidden, cell = self.long(x[:, 0])
        return self.plain(self.gated(hidden)), cell


class Conjugated(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(6, 4)

    def forward(self, x):
        z = torch.view_as_complex(self.line(x).reshape(*x.shape[:-1], 2, 2).contiguous())
        return z.conj().real @ z.mH.imag


@dataclasses.dataclass
class Output:
    maps: torch.Tensor
    rest: list


class Named(nn.Module):
    """Takes an input by name, gives a dataclass, has layers under keys of any text."""

    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleDict({"a\nb": nn.Linear(6, 6), "@k=1,": nn.Linear(6, 6), "$x": nn.Linear(6, 6)})

    def forward(self, x, *, mask):
        for part in self.parts.values():
            x = part(x)
        return Output(x * mask, [x])


class PooledThenShaped(nn.Module):
    """What has a shape of its own comes after the pool: other resolutions cost what fresh traces do."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 8, 3, stride=2), nn.LSTMCell(8, 4)

    def forward(self, x):
        return self.head(self.conv(x).mean((2, 3)))[0]


class Passing(nn.Module):
    def forward(self, x):
        return x


MODELS = (Mapped, Listed, Rounded, Repeated, OnCpu, TiedByValue, Skewed, Reparametrised, Conjugated)
ready = OnCpu()
ROWS = 7


def counted(model, *sizes):
    """(macs, parameters) by torch, the model run as it is."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(*(torch.ones(1, *each) for each in sizes))
    return counter.get_total_flops() // 2, sum(p.numel() for p in model.parameters())


def imported(name, inputs=f"{ROWS}x6"):
    model = archcost.load(f"{__name__}:{name}?input={inputs}")
    analysis = model.analyze()
    return model, (analysis.macs, analysis.params + model.document.imported.unused_params)


@pytest.mark.parametrize("kind", MODELS)
def test_exact(kind):
    model, found = imported(kind.__name__)
    assert found == counted(kind(), (ROWS, 6))
    # what solves the system of a parametrisation is not a product whose size says its cost
    assert model.document.imported.partial == (("linalg_solve",) if kind is Skewed else ())


def test_a_ready_instance_keeps_its_tensors():
    before = [ready.places.clone(), ready.tables[0].clone(), ready.steps.clone()]
    assert imported("ready")[1] == counted(OnCpu(), (ROWS, 6))
    assert all(map(torch.equal, before, [ready.places, ready.tables[0], ready.steps]))
    assert type(ready.places) is torch.Tensor and "steps" in ready._buffers


def test_cells():
    """Four, three and one products of each input and state."""
    assert imported("Cells")[1] == (
        4 * 5 * (6 + 5) + 3 * 4 * (5 + 4) + 3 * (4 + 3),
        sum(p.numel() for p in Cells().parameters()),
    )


def test_inputs_by_name(run, tmp_path):
    name, path = f"{__name__}:Named", tmp_path / "named.yaml"
    result = run("import", name, "--input", f"{ROWS}x6", "--input", f"mask={ROWS}x6", "-o", path)
    assert result.exit_code == 0, result.stderr
    found = archcost.analyze(path)
    assert (found.macs, found.params) == (3 * ROWS * 36, 3 * 42)
    assert [layer.name for layer in found.network.layers if layer.kind == "linear"] == [
        *("parts.a_b", "parts.@k=1,", "parts.$x"),
    ]
    assert "by name as in --input mask=10" in run("analyze", name, "--input", f"{ROWS}x6").stderr
    more = run("analyze", name, "--input", f"{ROWS}x6", "--input", "mask=6", "--input", "mark=6").stderr
    assert "the model takes no input of that name" in " ".join(more.split())


def test_one_multiplier_may_be_sound_alone():
    model = archcost.load(f"{__name__}:PooledThenShaped?input=3x32x32")
    imported = model.document.imported
    assert (imported.fixed, imported.fixed_width) == ("", "from head on (lstm_cell)")
    macs = 20 * 24 * 8 * 27 + 16 * (8 + 4)
    assert archcost.analyze(f"{__name__}:PooledThenShaped?input=3x41x49").macs == macs
    layers = build(model.document, settle(model.document, resolution=(41, 49))).layers
    assert sum(layer.cost.macs.value for layer in layers) == macs


MISTAKES = [
    (("Passing", "--input", "8"), "the model computes nothing: its outputs are its inputs"),
    (
        ("ready", "--input", "7x6", "--kwargs", "a=3"),
        "--kwargs are for what builds one",
    ),
    (("Named", "--input", "7x6", "--input", "=3"), "write the sizes without the batch"),
]


@pytest.mark.parametrize(("words", "said"), MISTAKES)
def test_mistakes(run, words, said):
    result = run("analyze", f"{__name__}:{words[0]}", *words[1:])
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_a_package_that_is_not_installed(run):
    assert "pip install no_such_package" in run("analyze", "no_such_package.models:Net", "--input", "8").stderr


def test_functions_of_python_are_free_by_name_alone():
    from archcost.importers.tracing import arithmetic
    from archcost.importers.tracing.graph import Call

    calls = [Call("x", name, "python", {}, (1, 2), (), "", "") for name in ("getitem", "_add_batch_dim")]
    assert [arithmetic.macs(call, lambda ref: ()) for call in calls] == [0, None]


def test_what_a_translation_did_not_foresee_is_told(monkeypatch):
    from archcost.importers.tracing import mapping

    def broken(*given):
        raise LookupError("unforeseen")

    monkeypatch.setitem(mapping.RULES, "linear", broken)
    with pytest.raises(ArchcostError, match="cannot translate it: LookupError: unforeseen"):
        imported("Listed", "9x6")
