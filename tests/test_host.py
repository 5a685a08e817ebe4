"""A CPU that PyTorch drives: rates found again, what PyTorch repacks, and the laws of its times."""

from __future__ import annotations

import math
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archcost.errors import ArchcostError
from archcost.graph import build
from archcost.latency import curriculum, evidence
from archcost.latency import profile as profiles
from archcost.latency.evidence import Timed
from archcost.latency.fit import HOST, fit
from archcost.latency.formula import CHANNEL_BLOCK, Host, Rates, _packed, kernel_time
from archcost.latency.kernels import MULTIPLYING, kernels, layer_kernel, single_kernel
from archcost.latency.points import ConvShape, refer
from archcost.latency.prediction import Predictor
from archcost.latency.profile import Fit, Profile
from archcost.latency.samples import networks, one_network, single_kernels
from archcost.latency.subject import SingleLayer
from archcost.ops.linear import Linear
from archcost.ops.pooling import MaxPool2d
from archcost.shape import TensorShape
from archcost.spec.settings import settle

RATES = HOST.rates([math.log(6e10), *(mean for mean, _ in HOST.priors.values())], 4)
TASKS = list(curriculum.tasks("cpu", "float32", "contiguous", "eager"))
UNSEEN = [("mobilenetv1", 0.4, 176), ("mobilenetv2", 1.4, 112), ("efficientnet_b0", 1, 128), ("resnet50", 0.5, 160)]


def times(rates, tasks=TASKS):
    """Seconds of each task by these rates."""
    element_bytes = 4 if tasks[0].dtype == "float32" else 2
    return [float(sample(task.subject, task.batch, element_bytes).seconds(rates)[0]) for task in tasks]


def sample(subject, batch, element_bytes=4):
    if isinstance(subject, SingleLayer):
        return single_kernels([single_kernel(subject, batch)], element_bytes)
    return one_network(subject, batch, element_bytes, "none")


def model(spec, alpha=1, size=224):
    document = refer(spec).document
    return build(document, settle(document, alpha, resolution=size))


def conv(channels, out, edge, size, batch=1, stride=1, groups=1):
    """Edges and sizes are one number or (height, width)."""
    edges, sizes = (each if isinstance(each, tuple) else (each, each) for each in (edge, size))
    margins = tuple((each // 2, each // 2) for each in edges)
    return ConvShape(batch, channels, out, edges, sizes, (stride, stride), margins, groups)


def seconds(shape, rates=RATES, alone=True):
    return float(kernel_time(layer_kernel(shape), 4, rates, alone).seconds)


# Rates found again


def some_cpu(seed):
    """Rates within a standard deviation of the prior, and its times of the curriculum."""
    rng = np.random.default_rng(seed)
    priors = zip(HOST.priors.values(), rng.uniform(-1, 1, len(HOST.priors)), strict=True)
    truth = HOST.rates([math.log(rng.uniform(1e10, 2e11)), *(mean + d * spread for (mean, spread), d in priors)], 4)
    return truth, np.array(times(truth)), rng


def samples(seconds):
    timed = [Timed(task.subject, task.batch, task.mode, each) for task, each in zip(TASKS, seconds, strict=True)]
    return evidence.of_measurements(timed, "float32", "cpu").samples["none"]


@pytest.mark.parametrize("seed", range(4))
def test_the_curriculum_shows_every_rate(seed):
    """With times that count for more than the prior, each comes out right: none hides behind another."""
    truth, measured, _ = some_cpu(seed)
    found = fit(HOST, samples(measured), measured, weights=np.full(len(measured), 1e4))
    names = [f.name for f in fields(Rates) if isinstance(getattr(truth, f.name), float)]
    for name in names:
        assert getattr(found, name) == pytest.approx(getattr(truth, name), rel=0.03), name
    assert asdict(found.host) == pytest.approx(asdict(truth.host), rel=0.03)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("noise", [0.0, 0.05], ids=["exact", "noisy"])
def test_networks_that_were_not_measured_come_out_right(seed, noise):
    truth, measured, rng = some_cpu(seed)
    measured = measured * np.exp(noise * rng.normal(size=len(measured)))
    measured[3] *= 1 if noise == 0 else 20  # once, something else ran
    found = fit(HOST, samples(measured), measured)
    for chosen in UNSEEN:
        unseen = sample(model(*chosen), 1)
        assert unseen.seconds(found) == pytest.approx(unseen.seconds(truth), rel=0.03 + noise)


# What PyTorch repacks

SHAPES = [
    conv(channels, out, edge, size, batch, stride)
    for channels, out, batch in ((16, 32, 1), (21, 8, 1), (512, 512, 1), (3, 64, 1), (20, 20, 2), (8, 16, 32))
    for edge in (1, 3, 5, 7)
    for size in (7, 32, 33)
    for stride in (1, 2)
]
EDGES = [conv(20, 8, 3, 32), conv(3, 8, 3, (1, 6827)), conv(1, 8, 1, (1, 20480)), conv(1, 8, 1, (1, 20481))]
DEPTHWISE = [conv(channels, channels, edge, 14, 1, 1, channels) for channels in (2, 8, 100) for edge in (1, 3, 5)]
GROUPED = [conv(16, 32, 3, 14, groups=4), conv(16, 16, 1, 14, groups=2)]
OBLONG = [conv(16, 32, (5, 3), 14), conv(16, 32, (1, 11), 14)]


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def repacked(shape, dtype=torch.float32):
    """What PyTorch itself says: whether it hands this convolution to oneDNN."""
    x = torch.empty(shape.batch, shape.in_channels, *shape.input_size, dtype=dtype)
    weight = torch.empty(shape.out_channels, shape.in_channels // shape.groups, *shape.kernel, dtype=dtype)
    margins = tuple(before for before, _ in shape.padding)
    ends = (shape.stride, margins, (1, 1), False, (0, 0), shape.groups, None)
    return torch._C._select_conv_backend(x, weight, None, *ends) == torch._C._ConvBackend.Mkldnn


onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch without oneDNN")


@onednn
@pytest.mark.parametrize("shapes", [SHAPES, EDGES, DEPTHWISE], ids=["usual", "edges", "depthwise"])
def test_what_is_packed_is_what_pytorch_hands_to_onednn(shapes, two_threads):
    wrong = [shape for shape in shapes if bool(_packed(layer_kernel(shape), 4)) != repacked(shape)]
    assert not wrong and len({repacked(shape) for shape in SHAPES + shapes}) == 2


@onednn
@pytest.mark.parametrize("shape", GROUPED + OBLONG, ids=str)
def test_grouped_and_oblong_ones_too(shape, two_threads):
    assert bool(_packed(layer_kernel(shape), 4)) == repacked(shape)


@onednn
@pytest.mark.skipif(not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="oneDNN has no bfloat16 on this CPU")
def test_in_half_precision_everything_is_packed(two_threads):
    shape = conv(8, 8, 3, 7)
    assert repacked(shape, torch.bfloat16) and _packed(layer_kernel(shape), 2)


def test_products_and_pools_are_never_packed():
    for op, inputs in ((Linear(1000), TensorShape((30_000,))), (MaxPool2d((5, 5), (2, 2)), TensorShape((99, 99, 99)))):
        kernel = single_kernel(SingleLayer(op, (inputs,)), 32)
        assert kernel.kind == "pool" or not _packed(kernel, 4)
        dear = replace(RATES, host=replace(RATES.host, packed_seconds=1e6))
        assert kernel_time(kernel, 4, dear).seconds == kernel_time(kernel, 4, RATES).seconds


def test_a_packed_kernel_works_on_whole_blocks_and_an_unpacked_one_does_not():
    rates = replace(RATES, overlap=1.0)
    for channels, out in ((17, 33), (16, 32), (1, 1), (255, 7)):
        whole = [math.ceil(each / CHANNEL_BLOCK) * CHANNEL_BLOCK for each in (channels, out)]
        time = kernel_time(layer_kernel(conv(channels, out, 3, 10, batch=4)), 4, rates)
        assert time.arithmetic + time.waste == pytest.approx(
            4 * 100 * 9 * whole[0] * whole[1] / rates.dense_macs_per_second
        )
        alone = kernel_time(layer_kernel(conv(channels, out, 3, 5)), 4, rates)
        assert alone.waste == 0 and alone.arithmetic > 0


def test_the_overheads_of_each_kind():
    """What is left of a kernel's time when rates are without limit."""
    fast = replace(Rates(*[1e30] * 8, 1.0), kernel_seconds=1.0, network_seconds=64.0)
    rates = replace(fast, host=Host(2.0, 4.0, 8.0, 16.0, 1e30))
    network = model("mobilenetv2", 0.35, 96)
    kinds = {"norm": 4.0, "pool": 4.0, "elementwise": 2.0}
    expected = 64.0
    for kernel in kernels(network, "none"):
        own = kinds.get(kernel.kind) or 17.0 + 8.0 * bool(_packed(kernel, 4))
        expected += own
        assert kernel_time(kernel, 4, rates).seconds == pytest.approx(own)
        assert kernel_time(kernel, 4, rates, alone=True).seconds == pytest.approx(
            own - 16 * (kernel.kind in MULTIPLYING)
        )
    profile = Profile("here", "", "", True, {"float32": Fit(rates, "none")})
    assert float(Predictor(profile).network(network).seconds) == pytest.approx(expected)
    shapes = [conv(8, 8, 3, 7), conv(8, 8, 3, 7, batch=2), conv(8, 8, 3, 7, groups=8)]
    assert Predictor(profile).single(shapes).seconds.tolist() == pytest.approx([1.0, 9.0, 9.0])


# Laws

positive = st.floats(1e-7, 1e-2)
rate = st.floats(1e8, 1e13)
hosts = st.builds(Host, positive, positive, positive, positive, rate)
any_rates = st.builds(Rates, positive, positive, *[rate] * 6, st.floats(1, 8), st.none(), hosts)
sizes = st.integers(1, 200)


@settings(max_examples=80, deadline=None)
@given(sizes, sizes, st.sampled_from([1, 3, 5]), st.integers(5, 40), st.integers(1, 40), any_rates, st.data())
def test_time_is_positive_and_grows_with_each_size_on_one_side_of_the_rule(
    channels, out, edge, size, batch, rates, data
):
    alone, more = data.draw(st.booleans()), data.draw(st.integers(1, 64))
    small = {"channels": channels, "out": out, "edge": edge, "size": size, "batch": batch}
    least = seconds(conv(**small), rates, alone)
    assert 0 < least < math.inf
    assert least <= seconds(conv(**small), rates, not alone) or not alone
    packed = bool(_packed(layer_kernel(conv(**small)), 4))
    for name in ("channels", "out", "size", "batch"):
        grown = conv(**small | {name: small[name] + more})
        if bool(_packed(layer_kernel(grown), 4)) == packed:
            assert seconds(grown, rates, alone) >= least * (1 - 1e-12), name


@settings(max_examples=8, deadline=None)
@given(any_rates, st.lists(st.tuples(st.integers(5, 200), st.integers(33, 300)), min_size=1, max_size=6), sizes)
def test_arrays_of_variants_are_single_models(rates, chosen, batch):
    """Small ones and large ones lie on both sides of the rule."""
    document = refer("mobilenetv2").document
    alphas, resolutions = [alpha / 100 for alpha, _ in chosen], [size for _, size in chosen]
    several = settle(document, np.array(alphas), resolution=np.array(resolutions))
    batches = np.array([1, batch] * len(chosen))[: len(chosen)]
    found = networks(document, several, batches, 4, "none").seconds(rates)
    profile = Profile("here", "", "", True, {"float32": Fit(rates, "none")})
    for (alpha, size), n, each in zip(zip(alphas, resolutions, strict=True), batches, found, strict=True):
        alone = float(Predictor(profile).network(model("mobilenetv2", alpha, size), int(n)).seconds)
        assert float(each) == pytest.approx(alone, rel=1e-12)


def test_a_profile_of_a_host_comes_back_and_its_rates_are_checked(tmp_path):
    profile = Profile("here", "", "", True, {"float32": Fit(RATES, "none", mode="eager", single=0.1)})
    path = tmp_path / "here.yaml"
    text = profiles.text(profile)
    path.write_text(text)
    assert profiles.text(profiles.read(path)) == text
    for name in asdict(RATES.host):
        lines = text.splitlines(keepends=True)
        (at,) = (i for i, line in enumerate(lines) if line.strip().startswith(f"{name}:"))
        path.write_text("".join([*lines[:at], lines[at].partition(":")[0] + ": -1.0\n", *lines[at + 1 :]]))
        with pytest.raises(ArchcostError, match=f"`profile.fits.float32.rates.host.{name}`"):
            profiles.read(path)
