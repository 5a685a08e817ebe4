"""Random networks: against fvcore to the unit, as arrays against one by one, as chains against their layers."""

from dataclasses import dataclass

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import archcost
from archcost.analysis import TOTALS
from archcost.api import Model
from archcost.errors import SpecError
from archcost.spec import zoo
from archcost.spec.document import parse

# A random spec is a list of pieces, each a block of its own. Channels are multiples of 4, so that groups of 2 and 4
# and splits in halves always fit; everything keeps the map's size, but for the pieces that halve it.

ACTIVATIONS = st.sampled_from(["relu", "relu6", "hard_swish", "silu", "gelu", "sigmoid"])
WIDTHS = st.integers(1, 8).map(lambda n: 4 * n)
KERNELS = st.sampled_from([1, 3, 5, [1, 3], [5, 1]])


@st.composite
def convolution(draw, stride=None):
    conv = {
        "out": draw(WIDTHS),
        "kernel": draw(KERNELS),
        "stride": stride or draw(st.sampled_from([1, 1, 2])),
        "bias": draw(st.booleans()),
        "groups": draw(st.sampled_from([1, 1, 2, 4])),
        "dilation": draw(st.sampled_from([1, 1, 2])),
    }
    return [{"conv": conv}, "batch_norm", draw(ACTIVATIONS)]


@st.composite
def separable(draw, stride=None):
    depthwise = {"kernel": draw(KERNELS), "stride": stride or draw(st.sampled_from([1, 2]))}
    return [{"depthwise": depthwise}, "batch_norm", draw(ACTIVATIONS), {"pointwise": {"out": draw(WIDTHS)}}]


def shuffle():
    return st.just([{"channel_shuffle": {"groups": 2}}])


def halves():
    """ShuffleNet's unit: one half passes, the other is worked on."""
    return st.just(
        [
            {"split": {"parts": 2, "part": 0}, "name": "left"},
            {"split": {"parts": 2, "part": 1}, "from": "input"},
            {"pointwise": {"out": "channels(left)"}, "name": "right"},
            {"concat": {"from": ["left", "right"]}},
        ]
    )


@st.composite
def gate(draw):
    """Squeeze and excite, with a reduction."""
    return [
        {"global_avg_pool": {"keep_dims": True}},
        {"pointwise": {"out": f"max(1, channels(input) // {draw(st.integers(1, 8))})", "bias": True}},
        "relu",
        {"pointwise": {"out": "channels(input)", "bias": True}},
        {"sigmoid": None, "name": "gate"},
        {"multiply": {"from": ["input", "gate"]}},
    ]


@st.composite
def residual(draw, pieces):
    """A branch of pieces, brought back to the input's channels and added to it."""
    return [
        *draw(pieces),
        {"pointwise": {"out": "channels(input)"}, "name": "back"},
        {"add": {"from": ["input", "back"]}},
    ]


@st.composite
def inverted(draw):
    """An expansion; the shortcut is there only where the channels happen to be equal, so α decides on it."""
    return [
        {"pointwise": {"out": f"{draw(st.integers(2, 6))} * channels(input)"}},
        {"depthwise": {"kernel": 3}},
        {"pointwise": {"out": draw(WIDTHS)}, "name": "project"},
        {"add": {"from": ["input", "project"]}, "when": "channels(input) == channels(project)"},
    ]


@st.composite
def branches(draw, pieces):
    """Two to four branches from one input, end to end."""
    layers, names = [], []
    for number in range(draw(st.integers(2, 4))):
        first = {"pointwise": {"out": draw(WIDTHS)}, "from": "input"}
        names.append(f"branch{number}")
        layers += [first, *draw(pieces), {draw(ACTIVATIONS): None, "name": names[-1]}]
    return [*layers, {"concat": {"from": names}}]


@st.composite
def pool(draw, stride=None):
    kind = draw(st.sampled_from(["max_pool", "avg_pool"]))
    return [{kind: {"kernel": 3, "stride": stride or draw(st.sampled_from([1, 2])), "padding": "same"}}]


@dataclass
class Blocks:
    """Every list of layers becomes a block, so that `input` means what enters it."""

    found: dict

    def add(self, layers):
        body = [self.add(layer) if isinstance(layer, list) else layer for layer in layers]
        name = f"piece{len(self.found)}"
        self.found[name] = {"layers": body}
        return name


def steady():
    """Pieces that keep the map's size."""
    return st.one_of(
        convolution(stride=1), separable(stride=1), gate(), inverted(), halves(), shuffle(), pool(stride=1)
    )


def inner():
    return st.lists(steady(), min_size=0, max_size=2)


@st.composite
def specs(draw):
    """The text of a valid spec with nested branches."""
    pieces = st.one_of(convolution(), separable(), pool(), steady(), residual(inner()), branches(inner()))
    blocks = Blocks({})
    stem = {"conv": {"out": draw(WIDTHS), "kernel": 3, "stride": draw(st.integers(1, 2))}}
    names = [blocks.add(piece) for piece in draw(st.lists(pieces, min_size=1, max_size=5))]
    tail = draw(st.sampled_from([["global_avg_pool"], [{"adaptive_avg_pool": {"size": 2}}, "flatten", "dropout"]]))
    spec = {
        "name": "random",
        "input": [3, 32, 32],
        "scaling": {"round": draw(st.sampled_from(["floor", "nearest", "ceil"])), "multiple": 4, "minimum": 4},
        "blocks": blocks.found,
        "layers": [stem, *names, *tail, {"linear": {"out": 10, "scale": "fixed"}}, "softmax"],
    }
    return yaml.safe_dump(spec, sort_keys=False)


ALPHAS = st.integers(5, 200).map(lambda percent: percent / 100)
SIZES = st.integers(8, 48)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestAgainstTorch:
    @settings(deadline=None, max_examples=40)
    @given(specs(), ALPHAS, st.tuples(SIZES, SIZES))
    def test_validation_finds_no_difference(self, text, alpha, size):
        pytest.importorskip("fvcore")
        found = Model(parse(text), {}).validate(alpha=alpha, resolution=size)
        assert found.differences == []
        assert found.compared > 0

    @settings(deadline=None, max_examples=40)
    @given(specs(), ALPHAS, st.tuples(SIZES, SIZES))
    def test_fvcore_and_torch_directly(self, text, alpha, size):
        """The comparison itself, without `validate` in between."""
        torch = pytest.importorskip("torch")
        fvcore = pytest.importorskip("fvcore.nn")
        from archcost.live.build import build_network

        found = Model(parse(text), {}).analyze(alpha=alpha, resolution=size)
        module = build_network(found.network)
        counted = fvcore.FlopCountAnalysis(module, torch.zeros(1, 3, *size))
        counted.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        operators = counted.by_operator()
        assert found.macs == sum(operators[name] for name in ("conv", "linear", "matmul"))
        assert found.params == sum(p.numel() for p in module.parameters())
        statistics = (b.numel() for name, b in module.named_buffers() if name.endswith(("_mean", "_var")))
        assert found.buffers == sum(statistics)


def test_validation_names_the_layer_that_differs(monkeypatch):
    """One bias too many in the built module: one layer's parameters and the total differ, by its channels."""
    build = pytest.importorskip("archcost.live.build")
    plain = build._BUILDERS["conv"]

    def biased(**arguments):
        return plain(**{**arguments, "bias": arguments["bias"] or arguments["out_channels"] == 7})

    monkeypatch.setitem(build._BUILDERS, "conv", biased)
    text = (
        "name: x\ninput: [3, 8, 8]\nlayers: [conv: {out: 5, kernel: 3}, pointwise: {out: 7}, conv: {out: 2, kernel: 1}]"
    )
    found = Model(parse(text), {}).validate()
    assert not found.ok
    assert {d.layer for d in found.differences} == {"total", "pointwise"}
    assert {d.witness - d.archcost for d in found.differences if d.what == "params"} == {7}


# One batch against every model alone


def assert_rows_equal(model, alphas, sizes):
    """The α × resolution grid, as one analysis and one by one, in every total."""
    batch = model.analyze(alpha=np.array(alphas)[:, None], resolution=np.array(sizes)[None, :])
    shape = (len(alphas), len(sizes))
    grid = {name: spread(total, shape) for name, total in batch.totals.items()}
    for at in np.ndindex(shape):
        chosen = {"alpha": alphas[at[0]], "resolution": sizes[at[1]]}
        row = {name: entry(total, at) for name, total in grid.items()}
        try:
            alone = model.analyze(**chosen)
        except SpecError:
            assert row["macs"] is np.ma.masked
            continue
        assert row == alone.totals, chosen


def spread(total, shape):
    """A total over the whole grid, its mask too; both axes where a receptive field has two."""
    if isinstance(total, tuple):
        return tuple(spread(axis, shape) for axis in total)
    if np.ma.isMaskedArray(total):
        mask = np.broadcast_to(np.ma.getmaskarray(total), shape)
        return np.ma.masked_array(np.broadcast_to(total.data, shape), mask)
    return np.broadcast_to(total, shape)


def entry(total, at):
    if isinstance(total, tuple):
        rows, columns = (entry(axis, at) for axis in total)
        return rows if rows == columns else (rows, columns)
    value = total[at]
    return value.item() if hasattr(value, "item") and value is not np.ma.masked else value


@settings(deadline=None, max_examples=40)
@given(
    specs(),
    st.lists(ALPHAS, min_size=2, max_size=4, unique=True),
    st.lists(SIZES, min_size=2, max_size=3, unique=True),
)
def test_a_grid_equals_its_rows(text, alphas, sizes):
    assert_rows_equal(Model(parse(text), {}), alphas, sizes)


@pytest.mark.parametrize("spec", zoo.names())
def test_a_grid_of_the_zoo_equals_its_rows(spec):
    assert_rows_equal(archcost.load(spec), [0.25, 0.35, 0.9, 1.0, 1.3], [64, 161, 224])


@settings(deadline=None, max_examples=20)
@given(specs(), st.lists(st.tuples(ALPHAS, SIZES, SIZES), min_size=2, max_size=6))
def test_scattered_models_equal_each_alone(text, models):
    """Not a grid: α, height and width of each model apart."""
    model = Model(parse(text), {})
    alphas, heights, widths = (np.array(column) for column in zip(*models, strict=True))
    batch = model.analyze(alpha=alphas, resolution=(heights, widths))
    for index, (alpha, height, width) in enumerate(models):
        alone = model.analyze(alpha=alpha, resolution=(height, width))
        for name in ("macs", "params", "buffers", "activation_bytes", "peak_activation_bytes", "peak_at"):
            assert getattr(batch, name)[index] == getattr(alone, name)


@settings(deadline=None, max_examples=20)
@given(specs(), ALPHAS, SIZES, st.integers(1, 9), st.sampled_from(["float32", "bfloat16", "int8"]), st.booleans())
def test_batch_and_dtype_are_factors(text, alpha, size, batch, dtype, inplace):
    """macs and params are those of one sample; bytes grow with the batch and the element's size."""
    model = Model(parse(text), {})
    one = model.analyze(alpha=alpha, resolution=size, dtype="int8", inplace=inplace)
    many = model.analyze(alpha=alpha, resolution=size, dtype=dtype, batch=batch, inplace=inplace)
    width = {"float32": 4, "bfloat16": 2, "int8": 1}[dtype]
    assert (many.macs, many.params, many.buffers) == (one.macs, one.params, one.buffers)
    assert many.weight_bytes == width * (one.params + one.buffers) == width * one.weight_bytes
    assert many.activation_bytes == batch * width * one.activation_bytes
    assert many.peak_activation_bytes == batch * width * one.peak_activation_bytes
    assert sum(row.activation_bytes for row in many.layers) == many.activation_bytes


# Sums


@settings(deadline=None, max_examples=60)
@given(specs(), ALPHAS, st.tuples(SIZES, SIZES))
def test_totals_are_the_sums_of_the_rows(text, alpha, size):
    found = Model(parse(text), {}).analyze(alpha=alpha, resolution=size)
    for total in ("macs", "params", "buffers", "activation_bytes"):
        assert getattr(found, total) == sum(getattr(row, total) for row in found.layers)
    assert set(found.totals) == set(TOTALS)


def chains():
    links = st.one_of(
        convolution(), separable(), shuffle(), pool(), ACTIVATIONS.map(lambda kind: [kind]), st.just(["batch_norm"])
    )
    return st.lists(links, min_size=1, max_size=6).map(lambda lists: [layer for link in lists for layer in link])


@settings(deadline=None, max_examples=60)
@given(chains(), st.tuples(SIZES, SIZES))
def test_a_chain_costs_the_sum_of_its_layers(layers, size):
    """Each layer alone, on the shape that the chain hands it."""

    def analyze(listed, shape):
        text = yaml.safe_dump({"name": "chain", "input": list(shape), "layers": listed}, sort_keys=False)
        return Model(parse(text), {}).analyze()

    whole = analyze(layers, (4, *size))
    shape, total = (4, *size), [0, 0, 0]
    for layer in layers:
        alone = analyze([layer], shape)
        total = [a + b for a, b in zip(total, (alone.macs, alone.params, alone.buffers), strict=True)]
        (row,) = alone.layers
        shape = row.output_shape
    assert total == [whole.macs, whole.params, whole.buffers]
    assert tuple(shape) == tuple(whole.layers[-1].output_shape)


# Growth

FLOORED = [name for name in zoo.names() if archcost.load(name).document.scaling.round == "floor"]


def test_the_floored_specs_are_found():
    assert {"mobilenetv1", "vgg16", "resnet50", "xception"} <= set(FLOORED)


@pytest.mark.parametrize("spec", FLOORED)
def test_costs_grow_with_alpha_and_resolution(spec):
    """Truncation never makes a wider network narrower: macs, params and peak memory rise with α and resolution."""
    alphas = np.arange(10, 205, 5) / 100
    sizes = np.array([75, 96, 127, 128, 160, 161, 192, 224, 225, 299, 331])
    found = archcost.load(spec).analyze(alpha=alphas[:, None], resolution=sizes[None, :])
    shape = (alphas.size, sizes.size)
    for total in ("macs", "params", "buffers", "activation_bytes", "peak_activation_bytes"):
        grid = np.ma.masked_array(np.broadcast_to(getattr(found, total), shape))
        grid.mask = ~np.broadcast_to(found.feasible, shape)
        feasible = [row.compressed() for row in (*grid, *grid.T)]
        assert any(row.size > 1 for row in feasible)
        for row in feasible:
            assert (np.diff(row) >= 0).all(), total


@settings(deadline=None, max_examples=30)
@given(specs(), ALPHAS, ALPHAS, SIZES, SIZES)
def test_random_networks_grow_too(text, alpha, wider, size, larger):
    """With shortcuts left out where channels differ memory may fall, so this is about macs and parameters."""
    model = Model(parse(text.replace("round: nearest", "round: floor").replace("round: ceil", "round: floor")), {})
    low = model.analyze(alpha=min(alpha, wider), resolution=min(size, larger))
    high = model.analyze(alpha=max(alpha, wider), resolution=max(size, larger))
    assert high.macs >= low.macs
    assert high.params >= low.params
