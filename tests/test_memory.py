"""Peak activation memory against a naive simulation, and receptive fields against measured gradients.

The simulation is an oracle of its own: it takes only names, kinds, inputs and output shapes from the network, counts
references to tensors, and adds up what is alive at each step.
"""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import archcost
from archcost.api import Model
from archcost.ops import OPERATORS
from archcost.spec import zoo
from archcost.spec.document import parse

FLOAT = 4

VIEWS = {"flatten", "reshape", "split", "select"}
IN_PLACE = {"batch_norm", "dropout", "stochastic_depth"} | {
    *("relu", "relu6", "leaky_relu", "elu", "hard_swish", "hard_sigmoid", "silu", "gelu", "sigmoid", "tanh")
}
"""All other operators allocate: softmax, add and concat as well as convolutions."""


def simulate(network, inplace=True):
    """(peak bytes, layer where it is first reached, bytes of all outputs that allocate), one tensor after the other."""
    readers = {"input": 0}
    for layer in network.layers:
        readers[layer.name] = 0
        for source in set(layer.inputs):
            readers[source] += 1
    to_come = dict(readers)
    memory = {"input": "input"}  # tensor -> the memory that it lies in
    size = {"input": math.prod(network.input_shape)}
    overwritten = set()  # tensors whose memory holds something else by now
    peak, where = 0, None

    def sharing(tensor):
        return {other for other in memory if memory[other] == memory[tensor]}

    for layer in network.layers:
        source = layer.inputs[0]
        unshared = all(readers[tensor] <= 1 for tensor in sharing(source) - overwritten)
        if layer.kind in VIEWS:
            memory[layer.name] = memory[source]
        elif layer.kind in IN_PLACE and inplace and unshared:
            overwritten |= sharing(source)
            memory[layer.name] = memory[source]
        else:
            memory[layer.name] = layer.name
            size[layer.name] = math.prod(layer.output_shape)
        # Alive: what this layer writes, what is still to be read (its inputs too), and outputs of the network.
        alive = {memory[name] for name in memory if name == layer.name or to_come[name] or not readers[name]}
        now = sum(size[name] for name in alive)
        if now > peak:
            peak, where = now, layer.name
        for name in set(layer.inputs):
            to_come[name] -= 1
    return peak * FLOAT, where, (sum(size.values()) - size["input"]) * FLOAT


def analyze(text, **settings):
    return Model(parse(text), {}).analyze(**settings)


def assert_simulated(model, **settings):
    for inplace in (True, False):
        found = model.analyze(inplace=inplace, **settings)
        peak, where, allocated = simulate(found.network, inplace)
        assert found.peak_activation_bytes == peak
        assert found.peak_at == where
        assert found.activation_bytes == allocated


def test_mobilenetv1_by_hand():
    """While the first pointwise layer runs, its 32×112×112 input and its 64×112×112 output are alive."""
    found = archcost.load("mobilenetv1").analyze()
    assert found.peak_activation_bytes == FLOAT * (32 + 64) * 112**2 == 4_816_896
    first = next(layer.name for layer in found.network.layers if layer.kind == "pointwise")
    assert found.peak_at == first


def test_mobilenetv1_that_copies():
    """With --no-inplace, batch norm on the pointwise output holds it twice."""
    found = archcost.load("mobilenetv1").analyze(inplace=False)
    assert found.peak_activation_bytes == FLOAT * (64 + 64) * 112**2
    assert found.network.layers[[row.name for row in found.layers].index(found.peak_at)].kind == "batch_norm"


@pytest.mark.parametrize("spec", zoo.names())
def test_the_zoo(spec):
    assert_simulated(archcost.load(spec))


@pytest.mark.parametrize("spec", ["mobilenetv2", "densenet121", "shufflenet_v2_x1_0", "efficientnet_b0"])
def test_the_zoo_at_other_settings(spec):
    assert_simulated(archcost.load(spec), alpha=0.5, resolution=161)


# Graphs by hand. Inputs have 4×8×8 = 256 elements; `peak` in elements.

BY_HAND = {
    "the input lives till its last use": (
        """
        - conv: {out: 4, kernel: 1, name: a}
        - conv: {out: 4, kernel: 1, name: b}
        - add: {from: [b, input]}
        """,
        # at b: input, a, b; at add: input, b, and the sum
        (768, "b", 768),
        (768, "b", 768),
    ),
    "a shortcut keeps its tensor alive": (
        """
        - conv: {out: 8, kernel: 1, name: a}
        - conv: {out: 16, kernel: 1, name: b}
        - conv: {out: 8, kernel: 1, name: c}
        - add: {from: [a, c]}
        """,
        # at c: a (512), b (1024), c (512)
        (2048, "c", 512 + 1024 + 512 + 512),
        (2048, "c", 512 + 1024 + 512 + 512),
    ),
    "in place, since nobody else reads": (
        """
        - conv: {out: 8, kernel: 1}
        - batch_norm
        - relu
        - dropout
        """,
        (768, "conv", 512),
        (1024, "batch_norm", 4 * 512),
    ),
    "not in place, since the shortcut reads too": (
        """
        - conv: {out: 8, kernel: 1, name: a}
        - relu
        - add: {from: [a, relu]}
        """,
        # at relu: a and its copy; at add: these two and the sum
        (1536, "add", 1536),
        (1536, "add", 1536),
    ),
    "an earlier reader counts as another reader": (
        """
        - conv: {out: 8, kernel: 1, name: a}
        - conv: {out: 1, kernel: 1, name: b}
        - relu: {from: a}
        - concat: {from: [b, relu]}
        """,
        # at relu: a (512), b (64), relu (512); at concat: b, relu, and 576 joined
        (1152, "concat", 512 + 64 + 512 + 576),
        (1152, "concat", 512 + 64 + 512 + 576),
    ),
    "flatten and reshape are views": (
        """
        - conv: {out: 8, kernel: 1}
        - reshape: {sizes: [16, 4, 8]}
        - flatten
        - linear: {out: 10}
        """,
        (768, "conv", 522),
        (768, "conv", 522),
    ),
    "in place through a view": (
        """
        - conv: {out: 8, kernel: 1}
        - flatten
        - relu
        - softmax
        """,
        # softmax allocates, beside the memory that the view and relu share
        (1024, "softmax", 1024),
        (1024, "relu", 3 * 512),
    ),
    "not in place where a view is not the only reader": (
        """
        - conv: {out: 8, kernel: 1, name: a}
        - flatten
        - relu
        - linear: {out: 10}
        - global_avg_pool: {from: a, name: mean}
        """,
        # `mean` reads a, so relu makes a copy; at linear: a, the copy, and 10
        (1034, "linear", 512 + 512 + 10 + 8),
        (1034, "linear", 512 + 512 + 10 + 8),
    ),
    "outputs that nobody reads live to the end": (
        """
        - conv: {out: 8, kernel: 1, name: a}
        - conv: {out: 2, kernel: 1, name: head}
        - conv: {out: 16, kernel: 1, name: b, from: a}
        - conv: {out: 8, kernel: 1, name: c}
        """,
        # at b: a (512), head (128), b (1024); at c: head, b, c
        (1664, "b", 512 + 128 + 1024 + 512),
        (1664, "b", 512 + 128 + 1024 + 512),
    ),
    "softmax allocates": ("- softmax\n", (512, "softmax", 256), (512, "softmax", 256)),
    "branches joined end to end": (
        """
        - pointwise: {out: 2, name: one}
        - pointwise: {out: 3, name: three, from: input}
        - max_pool: {kernel: 3, stride: 1, padding: 1, from: input, name: pool}
        - concat: {from: [one, three, pool]}
        """,
        # at concat the input is gone: 128 + 192 + 256 and 576 joined
        (1152, "concat", 128 + 192 + 256 + 576),
        (1152, "concat", 128 + 192 + 256 + 576),
    ),
}


def by_hand(layers):
    lines = [line.strip() for line in layers.strip().splitlines()]
    return "name: by_hand\ninput: [4, 8, 8]\nlayers:\n" + "".join(f"  {line}\n" for line in lines)


@pytest.mark.parametrize("title", BY_HAND)
def test_by_hand(title):
    layers, *expected = BY_HAND[title]
    for inplace, (peak, where, allocated) in zip((True, False), expected, strict=True):
        found = analyze(by_hand(layers), inplace=inplace)
        assert found.peak_activation_bytes == FLOAT * peak
        assert found.peak_at == where
        assert found.activation_bytes == FLOAT * allocated
        assert simulate(found.network, inplace) == (FLOAT * peak, where, FLOAT * allocated), "the oracle itself"


def test_a_network_that_allocates_nothing_still_holds_its_input():
    found = analyze(by_hand("- relu\n- flatten\n"))
    assert found.activation_bytes == 0
    assert found.peak_activation_bytes == FLOAT * 256


@st.composite
def graphs(draw):
    """A spec whose layers read any earlier tensors of the same height and width."""
    channels, layers = {"input": 4}, []
    for number in range(draw(st.integers(1, 12))):
        name = f"t{number}"
        source = draw(st.sampled_from(sorted(channels)))
        width = channels[source]
        same = sorted(other for other, n in channels.items() if n == width)
        kind = draw(
            st.sampled_from(
                ["relu", "batch_norm", "dropout", "sigmoid", "softmax", "reshape", "conv", "add", "concat", "split"]
            )
        )
        fields, reads = None, source
        if kind == "conv":
            width = draw(st.integers(1, 9))
            fields = {"out": width, "kernel": 1}
        elif kind == "reshape":
            fields = {"sizes": [width, 8, 8]}
        elif kind == "add":
            reads = draw(st.lists(st.sampled_from(same), min_size=2, max_size=3))
        elif kind == "concat":
            reads = draw(st.lists(st.sampled_from(sorted(channels)), min_size=1, max_size=3))
            width = sum(channels[other] for other in reads)
        elif kind == "split":
            if width % 2:
                continue
            fields, width = {"parts": 2, "part": draw(st.integers(0, 1))}, width // 2
        channels[name] = width
        layers.append({kind: fields, "name": name, "from": reads})
    layers.append({"conv": {"out": 1, "kernel": 1}, "name": "last"})
    return yaml.safe_dump({"name": "graph", "input": [4, 8, 8], "layers": layers}, sort_keys=False)


@settings(deadline=None, max_examples=300)
@given(graphs())
def test_random_graphs(text):
    assert_simulated(Model(parse(text), {}))


# Receptive fields

FIGURES = Path(__file__).parent / "figures" / "receptive_fields.csv"
KNOWN = list(csv.DictReader(FIGURES.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("row", KNOWN, ids=lambda row: row["spec"])
def test_known_receptive_fields(row):
    found = archcost.load(row["spec"]).analyze()
    assert (found.receptive_field, found.stride) == (int(row["receptive_field"]), int(row["stride"]))
    assert row["source"]


def test_receptive_field_does_not_depend_on_alpha_or_resolution():
    found = archcost.load("mobilenetv1").analyze(alpha=np.array([0.25, 0.5, 1.3]), resolution=np.array([128, 161, 224]))
    assert (np.broadcast_to(found.receptive_field, 3) == 315).all()
    assert (np.broadcast_to(found.stride, 3) == 32).all()


def measured(network):
    """Pixels that one position in the middle of the last map depends on, and the distance to its neighbours' pixels.

    The network's own module, made linear with positive weights, so that a gradient is zero only where nothing
    depends: max pools become sums over the same windows, and a gate that sees the whole image is cut off.
    """
    torch = pytest.importorskip("torch")
    from archcost.live.build import build_network

    module = build_network(network).double()
    for parameter in module.parameters():
        parameter.data.fill_(1 / parameter[0].numel() if parameter.ndim > 1 else 1)
    layers = {layer.name: layer for layer in network.layers}
    height = [name for name, layer in layers.items() if layer.output_shape.rank == 3 and layer.output_shape.height > 1]

    x = torch.ones(1, *network.input_shape, dtype=torch.double, requires_grad=True)
    tensors = {"input": x}
    for name, part, inputs, _ in module.steps:
        sources = [tensors[source] for source in inputs]
        kind = layers[name].kind
        if kind == "max_pool":
            tensors[name] = summed_windows(layers[name])(sources[0])
        elif kind == "multiply":
            tensors[name] = sources[0] * sources[1].detach()
        elif kind in ACTIVATIONS_AND_NORMS:
            tensors[name] = sources[0]
        else:
            tensors[name] = part(*sources)
        if name == height[-1]:
            break
    y = tensors[name][0].sum(dim=0)
    rows, columns = (size // 2 for size in y.shape)

    def seen(row, column):
        (gradient,) = torch.autograd.grad(y[row, column], x, retain_graph=True)
        where = torch.nonzero(gradient[0].abs().sum(dim=0))
        return where.min(dim=0).values.tolist(), where.max(dim=0).values.tolist()

    (top, left), (bottom, right) = seen(rows, columns)
    assert top > 0 and left > 0 and bottom < x.shape[2] - 1 and right < x.shape[3] - 1, "the input is too small"
    (next_top, next_left), _ = seen(rows + 1, columns + 1)
    return (bottom - top + 1, right - left + 1), (next_top - top, next_left - left)


ACTIVATIONS_AND_NORMS = IN_PLACE | {"layer_norm", "local_response_norm", "layer_scale"}


def summed_windows(layer):
    """A max pool's windows, as a sum."""
    from archcost.live.build import build_module

    op, c = layer.op, layer.input_shapes[0].channels
    if op.dilation == (1, 1):
        pool = OPERATORS["avg_pool"](op.kernel, op.stride, op.padding, op.ceil_mode)
        return build_module(pool.recipe(layer.source)).double()
    assert not op.ceil_mode
    window = OPERATORS["depthwise"](op.kernel, op.step, op.padding, op.dilation)
    module = build_module(window.recipe(layer.source)).double()
    for parameter in module.parameters():
        assert parameter.shape[0] == c
        parameter.data.fill_(1)
    return module


def both(value):
    return value if isinstance(value, tuple) else (value, value)


def assert_measured(found):
    extent, step = measured(found.network)
    assert (both(found.receptive_field), both(found.stride)) == (extent, step)


def linear(layers, size=64):
    return yaml.safe_dump({"name": "map", "input": [2, size, size], "layers": layers}, sort_keys=False)


@pytest.mark.parametrize(
    ("layers", "field", "stride"),
    [
        ([{"conv": {"out": 2, "kernel": 3}}], 3, 1),
        ([{"conv": {"out": 2, "kernel": 3}}] * 3, 7, 1),
        ([{"conv": {"out": 2, "kernel": 3, "dilation": 4}}], 9, 1),
        ([{"conv": {"out": 2, "kernel": [1, 5], "stride": [1, 2]}}], (1, 5), (1, 2)),
        ([{"conv": {"out": 2, "kernel": 7, "stride": 2}}, {"max_pool": {"kernel": 3, "stride": 2}}], 11, 4),
        ([{"max_pool": {"kernel": 2}}, {"depthwise": {"kernel": 3}}, {"pointwise": {"out": 3}}], 6, 2),
        ([{"max_pool": {"kernel": 3, "stride": 2, "dilation": 2}}, "relu", {"avg_pool": {"kernel": 2}}], 7, 4),
        ([{"pad": {"margins": 2}}, {"conv": {"out": 2, "kernel": 5, "padding": "valid"}}], 5, 1),
        ([{"resize": {"factor": 1}}, {"conv": {"out": 2, "kernel": 3}}], 3, 1),
        ([{"adaptive_avg_pool": {"size": 16}}, {"conv": {"out": 2, "kernel": 3}}], 12, 4),
        (
            [
                {"conv": {"out": 4, "kernel": [3, 7], "stride": [2, 1]}},
                {"transpose": {"axes": [2, 0, 1]}},
                {"transpose": {"axes": [2, 0, 1]}},
                {"linear": {"out": 3, "per_row": True}},
                {"transpose": {"axes": [2, 0, 1]}},
                {"conv": {"out": 2, "kernel": 3}},
            ],
            (7, 9),
            (2, 1),
        ),
    ],
)
def test_receptive_fields_by_hand(layers, field, stride):
    found = analyze(linear(layers))
    assert (found.receptive_field, found.stride) == (field, stride)
    assert_measured(found)


def test_a_residual_branch_widens_the_field():
    text = linear(
        [
            {"conv": {"out": 2, "kernel": 3}, "name": "a"},
            {"conv": {"out": 2, "kernel": 5}},
            {"conv": {"out": 2, "kernel": 3}, "name": "b"},
            {"add": {"from": ["a", "b"]}},
        ]
    )
    found = analyze(text)
    assert found.receptive_field == 9
    assert_measured(found)


def test_a_gate_that_sees_everything_leaves_the_field():
    """Squeeze and excite: the gate's global pooling is no field of the map."""
    gate = [{"conv": {"out": 2, "kernel": 5}, "name": "a"}, {"global_avg_pool": {"keep_dims": True}}, "sigmoid"]
    found = analyze(linear([*gate, {"multiply": {"from": ["a", "sigmoid"]}}]))
    assert found.receptive_field == 5
    assert_measured(found)


def test_windows_of_adaptive_pooling():
    """From 63 to 40 positions: windows from floor(i · 63/40) to ceil((i + 1) · 63/40) cover up to three pixels."""
    starts, ends = [i * 63 // 40 for i in range(40)], [-(-(i + 1) * 63 // 40) for i in range(40)]
    widest = max(end - start for start, end in zip(starts, ends, strict=True))
    assert widest == 3
    assert analyze(linear([{"adaptive_avg_pool": {"size": 40}}], size=63)).receptive_field == widest


@pytest.mark.parametrize(
    ("layers", "field", "stride"),
    [
        # Two neighbours of three come from one pixel, the third from the next.
        ([{"resize": {"factor": 2}}, {"conv": {"out": 2, "kernel": 3}}], 2, 0.5),
        ([{"resize": {"factor": 2}}, {"conv": {"out": 2, "kernel": 3, "stride": 2}}], 2, 1),
        ([{"resize": {"factor": 2, "mode": "bilinear"}}], 2, 0.5),
        # Every other output of the transposed convolution sees two pixels.
        ([{"conv_transpose": {"out": 2, "kernel": 3, "stride": 2}}], 2, 0.5),
        ([{"conv_transpose": {"out": 2, "kernel": 3, "stride": 2}}, {"conv": {"out": 2, "kernel": 3}}], 3, 0.5),
        ([{"conv_transpose": {"out": 2, "kernel": 2, "stride": 2}}, {"max_pool": {"kernel": 2}}], 1, 1),
    ],
)
def test_receptive_fields_of_enlarged_maps(layers, field, stride):
    """The widest of the positions counts, and half a pixel between neighbours is no pixel more."""
    found = analyze(linear(layers))
    assert found.stride == stride
    assert math.floor(found.receptive_field) == field


def test_branches_that_do_not_lie_over_each_other():
    """Two 2×2 windows reach two pixels to the right, a 3×3 window one to each side: together four, not three."""
    two = {"conv": {"out": 2, "kernel": 2, "padding": [[0, 1], [0, 1]]}}
    text = linear(
        [
            {"conv": {"out": 2, "kernel": 3}, "name": "three"},
            {**two, "from": "input"},
            {**two, "name": "twice"},
            {"add": {"from": ["three", "twice"]}},
        ]
    )
    assert_measured(analyze(text))


@st.composite
def maps(draw):
    """Convolutions, pools and branches over odd windows, which lie centred over each other."""
    odd, halving = st.sampled_from([1, 3, 5]), st.sampled_from([1, 1, 2])

    def step(stride):
        kernel = draw(st.tuples(odd, odd).map(list))
        kind = draw(st.sampled_from(["conv", "depthwise", "avg_pool", "max_pool"]))
        dilation = draw(st.sampled_from([1, 2])) if kind != "avg_pool" else 1
        fields = {"kernel": kernel, "stride": stride, "padding": [dilation * (k // 2) for k in kernel]}
        if kind == "conv":
            fields["out"] = 2
        if kind != "avg_pool":
            fields["dilation"] = dilation
        return {kind: fields}

    layers, last = [], "input"
    for number in range(draw(st.integers(1, 3))):
        stride = draw(halving)
        ends = []
        for branch in range(draw(st.integers(1, 3))):
            steps = [step(stride), *(step(1) for _ in range(draw(st.integers(0, 1))))]
            steps[0]["from"] = last
            steps[-1]["name"] = f"branch{number}_{branch}"
            ends.append(steps[-1]["name"])
            layers += steps
        last = f"joined{number}"
        joint = draw(st.sampled_from(["add", "concat"])) if len(ends) > 1 else "concat"
        layers += [{joint: {"from": ends}, "name": f"whole{number}"}, {"pointwise": {"out": 2}, "name": last}]
    return linear(layers, size=401)


@settings(deadline=None, max_examples=25)
@given(maps())
def test_random_maps(text):
    assert_measured(analyze(text))


ZOO_SIZES = {
    "mobilenetv1": 705,
    "mobilenetv2": 1057,
    "vgg16": 481,
    "resnet18": 929,
    "resnet50_v1_5": 929,
    "resnet50": 1057,
    "squeezenet1_1": 481,
    "mobilenetv3_small": 1345,
    "shufflenet_v2_x1_0": 1121,
}


@pytest.mark.parametrize("spec", ZOO_SIZES)
def test_the_zoo_measured(spec):
    """Narrow networks on large images: the field does not depend on α, and must fit into the image."""
    assert_measured(archcost.load(spec).analyze(alpha=0.05, resolution=ZOO_SIZES[spec]))
