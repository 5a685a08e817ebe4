"""Models from PyTorch: their counts against torch's own, other sizes against fresh traces and rebuilt models."""

import json
import subprocess
import sys
import types
import warnings
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

import archcost
from archcost.errors import ArchcostError
from archcost.importers import opened
from archcost.importers.reference import Source, parse
from tests.test_random_networks import specs

torch = pytest.importorskip("torch")

# Its compiled operators may not be there; an empty module stands in for what they would be registered with.
sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torchvision = pytest.importorskip("torchvision")
    timm = pytest.importorskip("timm")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from archcost.importers.torch import imported_spec  # noqa: E402
from archcost.live.build import build_network  # noqa: E402

MODELS = [
    "torchvision:alexnet",
    "torchvision:googlenet",
    "torchvision:inception_v3",
    "torchvision:mobilenet_v3_small",
    "torchvision:regnet_y_400mf",
    "torchvision:resnet18",
    "torchvision:shufflenet_v2_x0_5",
    "torchvision:squeezenet1_1",
    "torchvision:swin_t",
    "torchvision:vit_b_32",
    "timm:cait_xxs24_224",
    "timm:convnext_atto",
    "timm:deit_tiny_patch16_224",
    "timm:ghostnet_050",
    "timm:nf_regnet_b0",
    "timm:sequencer2d_s",
    "timm:tf_efficientnet_lite0",
]


def made(name):
    """The model itself, built without archcost."""
    source = parse(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if source.scheme == "timm":
            return timm.create_model(source.name).eval()
        return torchvision.models.get_model(source.name, weights=None, **source.values).eval()


def counted(model, *sizes):
    """(macs, parameters) by torch, on the meta device."""
    model = model.to("meta").requires_grad_(False)  # with gradients the counter's own bookkeeping fails on some
    with torch.no_grad(), torch.device("meta"), FlopCounterMode(display=False) as counter:
        model(*(torch.empty(1, *size) for size in sizes))
    return counter.get_total_flops() // 2, sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", MODELS)
def test_exact(name):
    model = archcost.load(name)
    analysis = model.analyze()
    macs, params = counted(made(name), analysis.network.input_shape)
    assert analysis.macs == macs
    assert analysis.params + model.document.imported.unused_params == params


def test_parameters_that_no_output_needs():
    """The auxiliary heads of GoogLeNet, which run in training alone."""
    whole = made("torchvision:googlenet")
    heads = sum(p.numel() for head in (whole.aux1, whole.aux2) for p in head.parameters())
    assert archcost.load("torchvision:googlenet").document.imported.unused_params == heads > 0


def test_resolutions_of_their_own():
    assert [node.value for node in opened("torchvision:inception_v3").input] == [3, 299, 299]
    assert [node.value for node in opened("timm:tf_efficientnet_b1").input] == [3, 240, 240]


RESCALED = ["torchvision:resnet18", "torchvision:googlenet", "torchvision:mobilenet_v3_small", "timm:tf_mixnet_s"]


@pytest.mark.parametrize("name", RESCALED)
def test_another_resolution_is_a_fresh_trace(name):
    """The last pads as TensorFlow does: by amounts that follow the size."""
    model, whole = archcost.load(name), made(name)
    assert not any(item.kind == "traced" for item in model.document.items)
    for size in (64, 97, 130, 193, 256):
        assert model.analyze(resolution=size).macs == counted(whole, (3, size, size))[0]


WIDTHS = [
    ("mobilenet_v2", "0.35", "mobilenet_v2?width_mult=0.35"),
    ("mobilenet_v2", "1.4", "mobilenet_v2?width_mult=1.4"),
    ("mnasnet1_0", "0.5", "mnasnet0_5"),
    ("mnasnet1_0", "0.75", "mnasnet0_75"),
    ("mnasnet1_0", "1.3", "mnasnet1_3"),
    ("shufflenet_v2_x1_0", "0.5", "shufflenet_v2_x0_5"),
    ("shufflenet_v2_x1_0", "1.5", "shufflenet_v2_x1_5"),
    ("shufflenet_v2_x1_0", "2", "shufflenet_v2_x2_0"),
    ("shufflenet_v2_x2_0", "0.25", "shufflenet_v2_x0_5"),
]


@pytest.mark.parametrize(("name", "alpha", "rebuilt"), WIDTHS)
def test_a_width_is_the_rebuilt_model(name, alpha, rebuilt):
    analysis = archcost.load(f"torchvision:{name}").analyze(alpha=alpha)
    assert (analysis.macs, analysis.params) == counted(made(f"torchvision:{rebuilt}"), (3, 224, 224))


@pytest.mark.parametrize("name", ["regnet_y_400mf", "resnext50_32x4d", "densenet121", "convnext_tiny", "vgg11"])
def test_other_widths_exist(name):
    model = archcost.load(f"torchvision:{name}")
    costs = [model.analyze(alpha=alpha).macs for alpha in ("0.3", "0.5", "1", "1.3")]
    assert costs == sorted(costs)
    outputs = [model.analyze(alpha=alpha).network.layers[-1].output_shape for alpha in ("0.3", "1.3")]
    assert outputs == [(1000,), (1000,)], "the classes stay"


def test_what_cannot_be_rescaled_says_so(run, tmp_path):
    path = tmp_path / "swin.yaml"
    assert run("import", "torchvision:swin_t", "-o", path).exit_code == 0
    assert archcost.analyze(path).macs == archcost.analyze("torchvision:swin_t").macs
    said = "from features.1.0.attn.view on (view)"
    refused = f"its resolution cannot change: {said}"
    for words, message in (
        (("--resolution", 192), refused),
        (("--rho", 0.5), refused),
        (("--alpha", 0.5), "`features.1.0.attn.view`: `view` cannot be rescaled"),
    ):
        result = run("analyze", path, *words)
        assert result.exit_code == 2
        assert message in " ".join(result.stderr.split())
    imported = archcost.load(path).document.imported
    assert (imported.fixed, imported.fixed_width) == (said, said)
    assert f"no: {said}" in run("analyze", path).stdout
    assert json.loads(run("analyze", path, "--format", "json").stdout)["fixed"] == {"resolution": said, "width": said}
    half = archcost.load("torchvision:swin_t").analyze(rho="0.5")
    assert half.macs == counted(made("torchvision:swin_t"), (3, 112, 112))[0]
    anew = archcost.load("torchvision:swin_t").analyze(resolution=256)
    assert anew.macs == counted(made("torchvision:swin_t"), (3, 256, 256))[0]


def test_told_another_size():
    """A transformer whose positions are learned must be built for the size."""
    analysis = archcost.load("torchvision:vit_b_32").analyze(resolution=384)
    assert analysis.macs == counted(made("torchvision:vit_b_32?image_size=384"), (3, 384, 384))[0]


# Models of the user's own

MODULE = """
import torch
from torch import nn
from torch.nn import functional as F

print("noise that is no result")


class Plain(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, 10)
        self.unused = nn.Linear(5, 5)
        self.tied = nn.Linear(10, 10)
        self.again = nn.Linear(10, 10)
        self.again.weight = self.tied.weight
        self.token = nn.Parameter(torch.zeros(1, 10))
        self.register_buffer("count", torch.zeros(1))
        self.calls = 0

    def forward(self, x):
        x = self.norm(self.conv(x))
        x.relu_()
        x += 1
        nothing = self.conv.weight.sum() * 2
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        y = self.head(x)
        return {"logits": self.again(self.tied(y)) + self.token, "features": [x, (y * 2,)]}


class Two(Plain):
    def forward(self, x, y):
        return super().forward(x)["logits"] @ y.transpose(0, 1)


class Decides(Plain):
    def forward(self, x):
        return self.conv(x) if x.mean() > 0 else x


class Raises(Plain):
    def forward(self, x):
        raise KeyError("what forward says")


class Solves(Plain):
    def forward(self, x):
        return torch.linalg.inv(self.conv(x).flatten(2) @ self.conv(x).flatten(2).transpose(1, 2))


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(100, 16)
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.table(x))


class Written(Plain):
    def forward(self, x):
        y = self.conv(x)
        y[:, :4] = F.relu(y[:, 4:])
        first, second = y.chunk(2, 1)
        return torch.cat([first * second, torch.zeros_like(first)], 1)


class Outer:
    inner = Plain


def fails(**given):
    raise ValueError("the constructor's own words")


model = Plain()
number = 3
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module of the user's in the current directory."""
    (tmp_path / "mine.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield "mine"
    sys.modules.pop("mine", None)


def test_a_model_of_ones_own(run, mine):
    result = run("analyze", "mine:Plain", "--input", "3x16x16", "--kwargs", "width=16", "--format", "json")
    assert result.exit_code == 0, result.stderr
    data = json.loads(result.stdout)
    totals = data["totals"]
    assert totals["macs"] == 16 * 16 * 16 * 27 + 16 * 10 + 2 * 100
    assert totals["unused_params"] == 30
    assert totals["params"] == 16 * 27 + 16 + 32 + 170 + 100 + 20 + 10
    assert data["partial"] == []
    names = [layer["name"] for layer in data["layers"]]
    assert names[:4] == ["conv", "norm", "relu", "plus"]
    assert {"head", "tied"} <= set(names)
    assert "mine" in sys.modules and str(sys.path[0]) != "."


def test_a_nested_attribute_and_an_instance(mine):
    assert archcost.analyze("mine:Outer.inner?input=3x16x16").macs == archcost.analyze("mine:model?input=3x16x16").macs


def test_the_model_stays_as_it_is(mine):
    opened("mine:model?input=3x8x8")
    model = sys.modules["mine"].model
    seen = []
    model.train()
    model.head.eval()
    model.conv.register_forward_hook(lambda *given: seen.append(given))
    before = {name: (id(tensor), tensor.clone()) for name, tensor in model.state_dict(keep_vars=True).items()}
    modes = {name: part.training for name, part in model.named_modules()}
    hooks = dict(model.conv._forward_hooks)
    flags = [p.requires_grad for p in model.parameters()]
    opened("mine:model?input=3x24x24")
    after = model.state_dict(keep_vars=True)
    assert list(after) == list(before)
    for name, tensor in after.items():
        assert id(tensor) == before[name][0] and torch.equal(tensor, before[name][1])
        assert tensor.device.type == "cpu"
    assert {name: part.training for name, part in model.named_modules()} == modes
    assert dict(model.conv._forward_hooks) == hooks
    assert [p.requires_grad for p in model.parameters()] == flags
    assert (torch.nn.Module.register_parameter.__module__, torch.get_default_device().type) == (
        "torch.nn.modules.module",
        "cpu",
    )


def test_two_inputs(run, mine):
    result = run("analyze", "mine:Two", "--input", "3x16x16")
    assert result.exit_code == 2
    assert "give --input once for each" in result.stderr
    result = run("analyze", "mine:Two", "--input", "3x16x16", "--input", "10", "--format", "json")
    assert json.loads(result.stdout)["totals"]["macs"] == 16 * 16 * 8 * 27 + 80 + 200 + 10


def test_indices(run, mine):
    result = run("analyze", "mine:Words", "--input", "12")
    assert result.exit_code == 2 and "--input 12:int64" in result.stderr
    result = run("analyze", "mine:Words", "--input", "12:int64", "--format", "json")
    totals = json.loads(result.stdout)["totals"]
    assert (totals["macs"], totals["params"]) == (12 * 64, 1600 + 68)


def test_writes_into_parts(mine):
    """A slice is assigned to, and the whole is read: the graph's functional form shows it."""
    found = archcost.analyze("mine:Written?input=3x8x8")
    assert found.macs == 8 * 8 * 8 * 27
    assert found.network.layers[-1].output_shape == (8, 8, 8)


def test_partial(run, mine):
    words = ("analyze", "mine:Solves", "--input", "3x16x16", "--format", "json")
    result = run(*words)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["partial"] == ["linalg_inv"]
    assert "partial: nobody knows the multiply-adds of linalg_inv" in result.stderr
    assert run(*words, "--strict").exit_code == 1
    assert run("analyze", "mine:Plain", "--input", "3x16x16", "--strict").exit_code == 0


MISTAKES = [
    ("mine:Decides", ["3x8x8"], "depends on the values of the data (in forward, mine.py:"),
    ("mine:Raises", ["3x8x8"], "KeyError: 'what forward says'"),
    ("mine:Plain", ["5x8x8"], "expected input"),
    ("mine:fails", ["3x8x8"], "ValueError: the constructor's own words"),
    ("mine:Plain", [], "say what the model reads"),
    ("mine:Plain", ["3xx8"], "write the sizes without the batch"),
    ("mine:Plain", ["3x8x8:int7"], "the dtype is one of"),
    ("mine:Plane", ["3x8x8"], "did you mean `Plain`?"),
    ("mine:number", ["3x8x8"], "no model but int"),
    ("mine:Outer", ["3x8x8"], "gives a Outer, no nn.Module"),
    ("nowhere.at_all:Plain", ["3x8x8"], "there is no module `nowhere`"),
    ("torchvision:resnet5", [], "did you mean `resnet50`?"),
    ("timm:efficientnet_b00", [], "did you mean `efficientnet_b0`?"),
    ("mobilenetv1", ["3x8x8"], "mobilenetv1 is no model to import"),
]


@pytest.mark.parametrize(("name", "inputs", "said"), MISTAKES)
def test_mistakes(run, mine, tmp_path, name, inputs, said):
    path = tmp_path / "out.yaml"
    words = [word for size in inputs for word in ("--input", size)]
    before = (list(sys.path), torch.get_default_device(), sorted(tmp_path.iterdir()))
    result = run("analyze", name, *words, "-o", path)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    left = [file for file in sorted(tmp_path.iterdir()) if file.name != "__pycache__"]
    assert (list(sys.path), torch.get_default_device(), left) == before


@pytest.mark.parametrize("package", ["timm", "torchvision", "torch"])
def test_a_package_that_is_missing(run, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    scheme = "timm" if package == "torch" else package
    result = run("analyze", f"{scheme}:some_model")
    assert result.exit_code == 2
    assert f"{package} is not installed: pip install" in result.stderr


def test_large_models_take_little_memory(tmp_path):
    """Two billion parameters, 8 GB as float32: the process must not grow by a twentieth of that."""
    (tmp_path / "huge.py").write_text(
        "from torch import nn\ndef model():\n    return nn.Sequential(*(nn.Linear(10000, 10000) for _ in range(20)))\n"
    )
    code = """
import resource, sys
import archcost.importers.torch
from archcost.importers import opened
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from archcost import analyze
found = analyze("huge:model?input=10000")
print(found.params, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    params, grown = map(int, done.stdout.split())
    assert params == 20 * (10**8 + 10**4)
    assert grown < 400 * 1024  # KiB


def test_an_imported_spec_needs_no_torch(tmp_path, run):
    path = tmp_path / "resnet.yaml"
    run("import", "torchvision:resnet18", "-o", path)
    code = f"""
import sys
from archcost.cli.main import main
try:
    main(["analyze", {str(path)!r}, "--by", "block"])
finally:
    assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "layer3 " in done.stdout


def test_the_spec_is_readable(run):
    text = run("import", "torchvision:mobilenet_v2").stdout
    assert "  - conv: {name: features.0.0, out: 32, kernel: 3, stride: 2, padding: 1}\n" in text
    assert "  - pointwise: {name: features.2.conv.0.0, out: 6 * channels()}\n" in text
    assert "  - linear: {name: classifier.1, out: 1000, scale: fixed}\n" in text
    assert yaml.safe_load(text)["imported"] == {"origin": "torchvision:mobilenet_v2"}


def test_settings_and_options_in_a_name():
    by_name = archcost.analyze("torchvision:mobilenet_v2?num_classes=10@alpha=0.5,resolution=96")
    assert by_name.network.layers[-1].output_shape == (10,)
    assert by_name.network.input_shape == (3, 96, 96)
    assert parse("specs/mobilenetv1.yaml") is None
    with pytest.raises(ArchcostError, match="given twice"):
        parse("timm:x?a=1&a=2")


# Products, against torch's own counts of tiny modules


class Products(torch.nn.Module):
    def __init__(self, forward, **parts):
        super().__init__()
        self.function = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


EINSUMS = ["bij,bjk->bik", "bij,bij->bi", "bij,bkj->bik", "...ij,...jk->...ik", "bij,bij->bij", "bij,bkl->bijkl"]
PRODUCTS = [
    *(Products(lambda m, x, e=e: torch.einsum(e, x, x + 1)) for e in EINSUMS),
    Products(lambda m, x: torch.einsum("bij,bjk,bkl->bil", x, x, x)),
    Products(lambda m, x: torch.baddbmm(x, x, x)),
    Products(lambda m, x: torch.addmm(x[0], x[0], x[0])),
    Products(lambda m, x: torch.tensordot(x, x, dims=([1], [2]))),
    Products(lambda m, x: m.rnn(x)[0], rnn=torch.nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True)),
    Products(lambda m, x: m.rnn(x)[0], rnn=torch.nn.GRU(6, 5, batch_first=True)),
    Products(lambda m, x: m.conv(x), conv=torch.nn.Conv1d(6, 4, 3, padding=1)),
    Products(lambda m, x: m.conv(x[:, None]), conv=torch.nn.ConvTranspose2d(1, 4, 3, stride=2)),
    Products(lambda m, x: m.conv(x.reshape(1, 1, 6, 2, 3)), conv=torch.nn.Conv3d(1, 4, (3, 1, 2))),
    Products(lambda m, x: m.attention(x, x, x)[0], attention=torch.nn.MultiheadAttention(6, 2, batch_first=True)),
    Products(lambda m, x: torch.matmul(x, torch.ones(3, 1, 6, 2))),
]


@pytest.mark.parametrize("module", PRODUCTS, ids=map(str, range(len(PRODUCTS))))
def test_products(module):
    from archcost.api import Model
    from archcost.importers.reference import Input
    from archcost.spec.document import parse as read

    found = imported_spec(Source("tests", "tiny"), lambda: module, [Input((6, 6))], "tiny")
    analysis = Model(read(found), {}).analyze()
    macs, params = counted(module, (6, 6))
    assert (analysis.macs, analysis.params) == (macs, params)
    assert not analysis.document.imported.partial


# The round trip

quick = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@given(text=specs())
@quick
def test_a_spec_built_and_imported_costs_the_same(text):
    """A random spec, its module, and the spec of that: equal multiply-adds, parameters and buffers."""
    from archcost.api import Model
    from archcost.importers.reference import Input
    from archcost.spec.document import parse as read

    first = Model(read(text), {}).analyze()
    size = tuple(first.network.input_shape)
    source = Source("tests", "random")
    found = imported_spec(source, lambda: build_network(first.network), [Input(size)], "random")
    second = Model(read(found), {}).analyze()
    assert (second.macs, second.params, second.buffers) == (first.macs, first.params, first.buffers)
    document = read(found)
    if not document.imported.fixed and all(item.kind != "traced" for item in document.items):
        larger = Model(read(text), {}).analyze(resolution=40)
        assert Model(document, {}).analyze(resolution=40).macs == larger.macs


def test_the_survey_still_runs(tmp_path):
    """reports/coverage.md comes from it."""
    script, rows = Path(__file__).parent / "survey.py", tmp_path / "rows.jsonl"
    subprocess.run([sys.executable, script, "torchvision", "squeezenet1_1", "--out", rows], check=True, timeout=300)
    row = json.loads(rows.read_text())
    assert row["exact"] and row["rescales"] and row["resolution_exact"] and row["widens"]
