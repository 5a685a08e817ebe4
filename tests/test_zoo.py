"""The zoo at other widths and resolutions: against torchvision, timm and Keras where they are installed, and in print.

The libraries' networks are built without memory (on torch's meta device) and counted by torch's FlopCounterMode, or
by the sizes of their kernels: none of it goes through archcost.
"""

import csv
import math
import os
import sys
import types
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import archcost

FIGURES = Path(__file__).parent / "figures"
PUBLISHED = list(csv.DictReader((FIGURES / "mobilenets_published.csv").read_text(encoding="utf-8").splitlines()))


# Published figures


def shown(row):
    return f"{row['spec']}-{row['alpha']}-{row['resolution']}-{row['quantity']}-{row['printed']}"


def exact(row):
    found = archcost.load(row["spec"]).analyze(alpha=row["alpha"], resolution=int(row["resolution"]))
    if row["quantity"] == "mult_adds_M":
        return Decimal(found.macs) / 10**6
    batch_norm = sum(layer.params for layer in found.layers if layer.kind == "batch_norm")
    return Decimal(found.params - batch_norm * ("without" in row["quantity"])) / 10**6


@pytest.mark.parametrize("row", PUBLISHED, ids=shown)
def test_published_figures(row):
    """Within one unit of the last printed digit; a row's `note` says why the few others are not.

    MobileNetV2's paper and checkpoints count parameters without batch norm.
    """
    unit = Decimal(1).scaleb(Decimal(row["printed"]).as_tuple().exponent)
    assert (abs(exact(row) - Decimal(row["printed"])) < unit) == (not row["note"])


@pytest.mark.parametrize(
    ("spec", "macs", "params"),
    [("mobilenetv3_large", "154.57", "3.994"), ("mobilenetv3_small", "43.40", "2.042")],
)
def test_v3_at_three_quarters(spec, macs, params):
    """Published for a PyTorch reimplementation; its 154.57 M holds 154.5606 M, rounded up."""
    found = archcost.load(spec).analyze(alpha="0.75")
    assert abs(Decimal(found.macs) / 10**6 - Decimal(macs)) < Decimal("0.01")
    assert round(Decimal(found.params) / 10**6, 3) == Decimal(params)


def test_every_figure_names_its_source():
    assert all(row["source"] for row in PUBLISHED)


# torchvision and timm

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def models():
    # torchvision registers kernels for the meta device when it is imported, which fails where its build does not
    # match torch's. No network here needs these kernels.
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))
    return pytest.importorskip("torchvision").models


def counted(make, size):
    """(macs, parameters, running statistics) of a module that takes no memory."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        module = make().eval()
        with FlopCounterMode(display=False) as counter:
            module(torch.empty(1, 3, *size))
    statistics = (b.numel() for name, b in module.named_buffers() if name.endswith(("running_mean", "running_var")))
    return counter.get_total_flops() // 2, sum(p.numel() for p in module.parameters()), sum(statistics)


def assert_same(spec, make, size=(224, 224), **settings):
    found = archcost.load(spec).analyze(resolution=size, **settings)
    assert (found.macs, found.params, found.buffers) == counted(make, size)


@pytest.mark.parametrize("alpha", [0.35, 0.5, 0.6, 0.75, 0.85, 1.0, 1.1, 1.3, 1.4])
def test_mobilenet_v2(models, alpha):
    assert_same("mobilenetv2", lambda: models.mobilenet_v2(width_mult=alpha), (160, 192), alpha=alpha)


def test_mobilenet_v2_as_a_batch(models):
    """Every α from 0.35 to 1.4: one analysis here, one network after the other there."""
    alphas = np.arange(35, 141, 5) / 100
    found = archcost.load("mobilenetv2").analyze(alpha=alphas, resolution=32)
    with torch.device("meta"):
        params = [sum(p.numel() for p in models.mobilenet_v2(width_mult=a).parameters()) for a in alphas.tolist()]
    assert found.params.tolist() == params


@pytest.mark.parametrize(("name", "alpha"), [("0_5", 0.5), ("0_75", 0.75), ("1_0", 1.0), ("1_3", 1.3)])
def test_mnasnet(models, name, alpha):
    assert_same("mnasnet1_0", getattr(models, f"mnasnet{name}"), (193, 160), alpha=alpha)


@pytest.mark.parametrize("alpha", [0.1, 0.25, 0.35, 0.9, 1.4])
def test_mnasnet_at_other_widths(models, alpha):
    assert_same("mnasnet1_0", lambda: models.MNASNet(alpha), alpha=alpha)


@pytest.mark.parametrize(("name", "alpha"), [("x0_5", 0.5), ("x1_0", 1.0), ("x1_5", 1.5), ("x2_0", 2.0)])
def test_shufflenet_v2(models, name, alpha):
    assert_same("shufflenet_v2_x1_0", getattr(models, f"shufflenet_v2_{name}"), (160, 97), alpha=alpha)


COMPOUND = [
    (1.0, "1.0", 224),
    (1.0, "1.1", 240),
    (1.1, "1.2", 260),
    (1.2, "1.4", 300),
    (1.4, "1.8", 380),
    (1.6, "2.2", 456),
    (1.8, "2.6", 528),
    (2.0, "3.1", 600),
]


@pytest.mark.parametrize("number", range(8))
def test_efficientnet(models, number):
    """B0 to B7 are settings of one spec: width, depth, resolution."""
    alpha, depth, size = COMPOUND[number]
    make = getattr(models, f"efficientnet_b{number}")
    assert_same("efficientnet_b0", make, (size, size), alpha=alpha, parameters={"depth": depth})


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("mobilenetv3_large", "mobilenet_v3_large"),
        ("mobilenetv3_small", "mobilenet_v3_small"),
        ("resnet18", "resnet18"),
        ("resnet34", "resnet34"),
        ("resnet50_v1_5", "resnet50"),
        ("resnet152_v1_5", "resnet152"),
        ("squeezenet1_1", "squeezenet1_1"),
        ("densenet121", "densenet121"),
        ("convnext_tiny", "convnext_tiny"),
        ("vgg16", "vgg16"),
        ("vgg19", "vgg19"),
    ],
)
def test_other_resolutions(models, spec, name):
    """Odd and unequal sizes, where rounding of every stride and pool shows."""
    make = getattr(models, name)
    # torchvision's VGG pools to 7×7 before its linear layers, so other sizes are another network.
    sizes = [(224, 224)] if spec.startswith("vgg") else [(193, 161), (150, 227)]
    for size in sizes:
        assert_same(spec, make, size)


def test_vit(models):
    assert_same("vit_b_16", models.vit_b_16)


@pytest.mark.parametrize(
    ("spec", "name", "alpha"),
    [
        ("mobilenetv1", "mobilenetv1_100", 1.0),
        ("mobilenetv1", "mobilenetv1_125", 1.25),
        ("mobilenetv2", "mobilenetv2_140", 1.4),
        ("mobilenetv3_large", "mobilenetv3_large_075", 0.75),
        ("mobilenetv3_small", "mobilenetv3_small_075", 0.75),
        ("mnasnet1_0", "mnasnet_050", 0.5),
    ],
)
def test_timm(models, spec, name, alpha):
    """A second implementation; MobileNetV3 scales its expansions here as TF-slim does, unlike in torchvision."""
    timm = pytest.importorskip("timm")
    assert_same(spec, lambda: timm.create_model(name), alpha=alpha)


# Keras


@pytest.fixture(scope="module")
def applications():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras").applications


def keras_costs(model):
    """(macs, trainable parameters, running statistics): elements of each kernel times positions of its output."""
    macs = 0
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in ("Conv2D", "DepthwiseConv2D"):
            macs += math.prod(layer.weights[0].shape) * math.prod(layer.output.shape[1:3])
        elif kind == "SeparableConv2D":
            macs += sum(math.prod(w.shape) for w in layer.weights[:2]) * math.prod(layer.output.shape[1:3])
        elif kind == "Dense":
            macs += math.prod(layer.weights[0].shape)
    sizes = [sum(math.prod(w.shape) for w in ws) for ws in (model.trainable_weights, model.non_trainable_weights)]
    return macs, *sizes


@pytest.mark.parametrize(
    ("spec", "name", "settings"),
    [
        ("mobilenetv1", "MobileNet", {"alpha": 0.25, "resolution": 192}),
        ("mobilenetv1", "MobileNet", {"alpha": 0.6, "resolution": 160}),
        ("mobilenetv1", "MobileNet", {"alpha": 1.3, "resolution": 96}),
        ("mobilenetv2", "MobileNetV2", {"alpha": 0.35, "resolution": 96}),
        ("mobilenetv2", "MobileNetV2", {"alpha": 1.4, "resolution": 128}),
        ("resnet50", "ResNet50", {"resolution": 161}),
        ("resnet101", "ResNet101", {"resolution": 96}),
        ("inceptionv3", "InceptionV3", {"resolution": 200}),
        ("xception", "Xception", {"resolution": 150}),
        ("vgg16", "VGG16", {"resolution": 64}),
        ("vgg19", "VGG19", {"resolution": 95}),
    ],
)
def test_keras(applications, spec, name, settings):
    found = archcost.load(spec).analyze(**settings)
    size, width = settings["resolution"], {"alpha": settings["alpha"]} if "alpha" in settings else {}
    with torch.device("meta"):
        model = getattr(applications, name)(input_shape=(size, size, 3), weights=None, **width)
    assert (found.macs, found.params, found.buffers) == keras_costs(model)
