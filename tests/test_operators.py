"""Every operator against the module that its recipe builds, against a batch of itself, and against its own words.

The operators are found in the registry; each needs a row in EXAMPLES, and each problem that it can report needs a
row in PROBLEMS. Both are tested for completeness.
"""

import dataclasses
import re

import numpy as np
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archcost.api import Model
from archcost.cost import Cost
from archcost.errors import SpecError
from archcost.ops import OPERATORS, Unary
from archcost.ops.elementwise import FUNCTIONS, WITH_NUMBER
from archcost.shape import TensorShape
from archcost.spec.document import parse

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from archcost.live.build import build_module  # noqa: E402

MAP = (12, 9, 10)
TOKENS = (6, 12)

# kind: (fields as a spec writes them, shape of each input)
EXAMPLES = {
    "conv": [
        ({"out": 8, "kernel": 3}, MAP),
        ({"out": 8, "kernel": [3, 5], "stride": [2, 1], "bias": True}, MAP),
        ({"out": 9, "kernel": 3, "groups": 3, "dilation": [2, 1], "padding": "valid"}, MAP),
        ({"out": 4, "kernel": 4, "stride": 3, "padding": [2, 1]}, MAP),
        ({"out": 4, "kernel": 3, "stride": 2, "padding": [[0, 1], [2, 0]]}, MAP),
        ({"out": 4, "kernel": 2, "padding": "same", "stride": 2}, MAP),
    ],
    "depthwise": [
        ({"kernel": 3}, MAP),
        ({"kernel": 5, "stride": 2, "multiplier": 2, "bias": True, "dilation": 2, "padding": 3}, MAP),
        ({"kernel": [1, 3], "padding": [[0, 0], [1, 0]]}, MAP),
    ],
    "pointwise": [({"out": 7}, MAP), ({"out": 6, "stride": 2, "groups": 2, "bias": True}, MAP)],
    "conv_transpose": [
        ({"out": 8, "kernel": 2, "stride": 2}, MAP),
        ({"out": 6, "kernel": [3, 4], "stride": [2, 3], "padding": 1, "output_padding": [1, 2], "bias": True}, MAP),
        ({"out": 6, "kernel": 3, "groups": 3, "dilation": 2}, MAP),
    ],
    "linear": [
        ({"out": 5}, (12,)),
        ({"out": 5, "bias": False}, TOKENS),
        ({"out": 5, "per_row": True}, MAP),
        ({"out": 5}, (2, 3, 4, 5)),
    ],
    "matmul": [
        ({}, (4, 5), (5, 6)),
        ({"transpose": True}, (3, 4, 5), (3, 6, 5)),
        ({}, (2, 3, 4, 5), (2, 3, 5, 7)),
    ],
    "attention": [({"heads": 3}, TOKENS), ({"heads": 4, "bias": False}, TOKENS), ({"heads": 2}, TOKENS, (5, 12))],
    "class_token": [({}, TOKENS), ({"count": 3}, TOKENS)],
    "position_embedding": [({}, TOKENS), ({}, MAP), ({"over": [1, 2]}, MAP)],
    "batch_norm": [({}, MAP), ({"gamma": False}, MAP), ({"gamma": False, "beta": False}, (12,)), ({}, TOKENS)],
    "layer_norm": [
        ({}, TOKENS),
        ({"over": "channels"}, MAP),
        ({"over": "all"}, MAP),
        ({"affine": False}, MAP),
        ({"over": "channels"}, (12,)),
        ({"beta": False}, TOKENS),
        ({"over": "channels", "beta": False}, MAP),
    ],
    "group_norm": [({"groups": 4}, MAP), ({"groups": 3, "affine": False}, TOKENS)],
    "local_response_norm": [({}, MAP), ({"size": 3}, TOKENS)],
    "layer_scale": [({}, MAP), ({}, TOKENS), ({}, (12,)), ({"over": [1]}, TOKENS), ({"over": [0, 2]}, MAP)],
    "rms_norm": [({}, TOKENS), ({"affine": False}, MAP)],
    "scaled_dot_product_attention": [
        ({}, (3, 6, 4), (3, 5, 4), (3, 5, 8)),
        ({}, (6, 4), (5, 4), (5, 4)),
        ({}, (3, 6, 4), (3, 5, 4), (3, 5, 4), (3, 6, 5)),
    ],
    "traced": [
        ({"operator": "roll", "reads": [[12, 9, 10]], "sizes": [12, 9, 10]}, MAP),
        ({"operator": "cat", "reads": [[12, 9, 10], [12]], "sizes": [7, 400], "params": 9}, MAP, (12,)),
        ({"operator": "view", "reads": [[6, 12]], "sizes": [3, 2, 12], "view": True}, TOKENS),
        ({"operator": "permute", "reads": [[12, 9, 10]], "sizes": [10, 1, 12, 9], "axes": [2, 0, 1]}, MAP),
        ({"operator": "unbind", "reads": [[6, 12]], "sizes": [1, 6], "select": [1, 7]}, TOKENS),
    ],
    "constant": [({"sizes": [7, 3]}, MAP), ({"sizes": [5], "params": 12}, TOKENS)],
    "elementwise": [
        *(({"function": name}, MAP) for name in FUNCTIONS),
        *(({"function": name, "by": 2.5}, TOKENS) for name in WITH_NUMBER),
    ],
    "prelu": [({}, MAP), ({"shared": False}, MAP), ({"shared": False}, TOKENS)],
    **{kind: [({}, MAP, MAP), ({}, MAP, (12, 1, 1), MAP)] for kind in ("subtract", "divide", "minimum", "maximum")},
    "reduce": [
        ({"axes": [1]}, MAP),
        ({"axes": [0, 2], "function": "sum", "keep_dims": True}, MAP),
        *(({"axes": [0], "function": name}, TOKENS) for name in ("max", "min", "norm")),
    ],
    "slice": [({"length": 5}, MAP), ({"length": 2, "start": 7, "axis": 1}, MAP), ({"length": 6}, TOKENS)],
    **{
        kind: [({}, MAP), ({}, (12,))]
        for kind in (
            *("relu", "relu6", "leaky_relu", "elu", "hard_swish", "hard_sigmoid"),
            *("silu", "gelu", "sigmoid", "tanh", "softmax"),
            *("mish", "softplus", "selu", "log_sigmoid", "hard_tanh"),
        )
    },
    "softmax": [({}, MAP), ({}, (12,)), ({"axis": 2}, MAP), ({"axis": 0}, TOKENS)],
    "max_pool": [
        ({"kernel": 3, "stride": 2}, MAP),
        ({"kernel": 2, "ceil_mode": True}, MAP),
        ({"kernel": 3, "stride": 2, "padding": "same"}, MAP),
        ({"kernel": [3, 2], "stride": 1, "padding": [[0, 1], [1, 0]], "dilation": 2}, MAP),
    ],
    "avg_pool": [
        ({"kernel": 3}, MAP),
        ({"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True}, MAP),
        ({"kernel": 3, "stride": 1, "padding": "same", "count_include_pad": False}, MAP),
        ({"kernel": 2, "stride": 2, "padding": [[0, 1], [1, 0]], "count_include_pad": False}, MAP),
    ],
    "adaptive_avg_pool": [({"size": 3}, MAP), ({"size": [1, 4]}, MAP), ({"size": 1}, MAP)],
    "adaptive_max_pool": [({"size": 3}, MAP)],
    "global_avg_pool": [({}, MAP), ({"keep_dims": True}, MAP)],
    "global_max_pool": [({}, MAP), ({"keep_dims": True}, MAP)],
    "add": [({}, MAP, MAP), ({}, MAP, (12, 1, 1), MAP), ({}, (1, 12), TOKENS)],
    "multiply": [({}, MAP, (12, 1, 1)), ({}, (12,), (12,))],
    "concat": [({}, MAP, (5, 9, 10), (1, 9, 10)), ({"axis": 1}, TOKENS, (6, 3)), ({}, MAP)],
    "split": [({"parts": 3}, MAP), ({"parts": 2, "part": 1, "axis": 2}, MAP)],
    "select": [({}, TOKENS), ({"index": 5}, TOKENS)],
    "flatten": [({}, MAP), ({"start": 1}, MAP)],
    "reshape": [({"sizes": [6, 2, 90]}, MAP), ({"sizes": [1080]}, MAP)],
    "transpose": [({"axes": [1, 0]}, TOKENS), ({"axes": [1, 2, 0]}, MAP)],
    "channel_shuffle": [({"groups": 3}, MAP)],
    "pad": [
        ({"margins": 1}, MAP),
        ({"margins": [[0, 1], [2, 3]], "mode": "reflect"}, MAP),
        ({"margins": [2, 1], "mode": "replicate"}, MAP),
    ],
    "resize": [({"factor": 2}, MAP), ({"size": [4, 20], "mode": "bilinear"}, MAP), ({"factor": [3, 1]}, MAP)],
    "dropout": [({}, MAP), ({"p": 0.5}, (12,))],
    "stochastic_depth": [({"p": 0.1}, MAP)],
}

TRACED = {"operator": "roll", "reads": [[6, 12]], "sizes": [6, 12]}

# (kind, fields, input shapes, what the message says)
PROBLEMS = [
    ("conv", {"out": 10, "kernel": 3, "groups": 5}, [MAP], "12 input channels do not divide into 5 groups"),
    ("conv", {"out": 8, "kernel": 3, "groups": 3}, [MAP], "8 output channels do not divide into 3 groups"),
    ("conv", {"out": 8, "kernel": 11, "padding": "valid"}, [MAP], "the 11×11 kernel is larger than its padded input"),
    ("conv", {"out": 8, "kernel": [1, 4], "dilation": 4, "padding": "valid"}, [MAP], "1×4 kernel is larger"),
    ("depthwise", {"kernel": [1, 12], "padding": [[0, 0], [1, 0]]}, [MAP], "the 1×12 kernel is larger"),
    ("pointwise", {"out": 10, "groups": 5}, [MAP], "12 input channels do not divide into 5 groups"),
    ("pointwise", {"out": 8, "groups": 3}, [MAP], "8 output channels do not divide into 3 groups"),
    ("conv_transpose", {"out": 10, "kernel": 3, "groups": 5}, [MAP], "12 input channels do not divide"),
    ("conv_transpose", {"out": 8, "kernel": 3, "groups": 3}, [MAP], "8 output channels do not divide"),
    ("conv_transpose", {"out": 8, "kernel": 3, "output_padding": [0, 1]}, [MAP], "output_padding 1 must be smaller"),
    ("linear", {"out": 8}, [MAP], "put global_avg_pool or flatten before it"),
    ("matmul", {}, [(4, 5), (2, 5, 6)], "tensors of different rank"),
    ("matmul", {}, [(4, 5), (6, 5)], "the inner sizes differ"),
    ("matmul", {"transpose": True}, [(4, 5), (5, 6)], "the inner sizes differ"),
    ("matmul", {}, [(2, 4, 5), (3, 5, 6)], "the outer sizes differ"),
    ("attention", {"heads": 5}, [TOKENS], "12 features do not divide into 5 heads"),
    ("attention", {"heads": 2}, [TOKENS, (5, 10)], "the features differ"),
    ("group_norm", {"groups": 5}, [MAP], "12 channels do not divide into 5 groups"),
    ("max_pool", {"kernel": 10}, [MAP], "the 10×10 kernel is larger"),
    ("max_pool", {"kernel": 2, "padding": 2}, [MAP], "padding 2 reaches past the window of 2"),
    ("avg_pool", {"kernel": 12, "padding": 1}, [MAP], "the 12×12 kernel is larger"),
    ("avg_pool", {"kernel": 3, "padding": [[0, 0], [0, 3]]}, [MAP], "padding 3 reaches past the window of 3"),
    ("add", {}, [MAP, TOKENS], "add of different rank"),
    ("add", {}, [MAP, (12, 9, 9)], "add needs equal sizes"),
    ("multiply", {}, [MAP, TOKENS], "multiply of different rank"),
    ("multiply", {}, [MAP, (6, 1, 1)], "multiply needs equal sizes"),
    ("concat", {"axis": 3}, [MAP, MAP], "has no axis 3"),
    ("concat", {}, [MAP, TOKENS], "concat of different rank"),
    ("concat", {}, [MAP, (12, 9, 9)], "concat along axis 0 needs the others equal"),
    ("split", {"parts": 2, "part": 2}, [MAP], "part 2 of 2: parts are numbered from 0"),
    ("split", {"parts": 2, "axis": 3}, [MAP], "has no axis 3"),
    ("split", {"parts": 5}, [MAP], "12 do not divide into 5 equal parts"),
    ("select", {"index": 6}, [TOKENS], "has no entry 6"),
    ("flatten", {"start": 3}, [MAP], "has no axis 3"),
    ("reshape", {"sizes": [7, 7]}, [MAP], "has 1080 elements, [7, 7] has 49"),
    ("transpose", {"axes": [0, 2]}, [MAP], "axes [0, 2] are no order of the 3 axes"),
    ("channel_shuffle", {"groups": 5}, [MAP], "12 channels do not divide into 5 groups"),
    ("pad", {"margins": [[0, 9], [0, 0]], "mode": "reflect"}, [MAP], "reflection by 9 needs a larger input"),
    ("resize", {}, [MAP], "either a factor or a size"),
    ("resize", {"factor": 2, "size": 5}, [MAP], "either a factor or a size"),
    *((kind, {}, [MAP, TOKENS], f"{kind} of different rank") for kind in ("subtract", "divide", "minimum", "maximum")),
    *((kind, {}, [MAP, (6, 1, 1)], "needs equal sizes") for kind in ("subtract", "divide", "minimum", "maximum")),
    ("softmax", {"axis": 3}, [MAP], "has no axis 3"),
    ("layer_scale", {"over": [3]}, [MAP], "has no axis 3"),
    ("position_embedding", {"over": [0, 3]}, [MAP], "has no axis 3"),
    ("reduce", {"axes": [3]}, [MAP], "has no axis 3"),
    ("reduce", {"axes": [0, 1]}, [TOKENS], "no axis of [6, 12] is left"),
    ("slice", {"length": 2, "axis": 3}, [MAP], "has no axis 3"),
    ("slice", {"length": 5, "start": 8}, [MAP], "entries 8 to 13 of 12"),
    ("scaled_dot_product_attention", {}, [(3, 6, 4), (5, 4), (5, 4)], "attention of different rank"),
    ("scaled_dot_product_attention", {}, [(6, 4), (5, 3), (5, 4)], "the sizes differ"),
    ("scaled_dot_product_attention", {}, [(3, 6, 4), (2, 5, 4), (2, 5, 4)], "the outer sizes differ"),
    ("traced", TRACED, [MAP], "`roll` cannot be rescaled: it is known as it was traced, at [6, 12]"),
    ("traced", TRACED, [TOKENS, TOKENS], "`roll` reads 1 tensors; here 2"),
    ("traced", {**TRACED, "axes": [0, 2]}, [TOKENS], "axes [0, 2] are no order of the axes of [6, 12]"),
    ("traced", {**TRACED, "select": [1, 12]}, [TOKENS], "select [1, 12] is no axis of [6, 12] and an entry of it"),
]

# Rules that a family shares and that one member can never break.
CANNOT_HAPPEN = {
    ("depthwise", "{} input channels do not divide into {} groups"),  # groups = input channels
    ("depthwise", "{} output channels do not divide into {} groups"),  # a multiple of them
    ("pointwise", "the {}×{} kernel is larger than its padded input {}"),  # 1×1
}


def reject(condition, message):
    if np.any(condition):
        raise ValueError(message)


def make(kind, fields):
    """An operator from its fields as a spec writes them."""
    declared = {f.name: f.metadata["type"] for f in dataclasses.fields(OPERATORS[kind])}
    return OPERATORS[kind](**{name: declared[name].read(raw, reject) for name, raw in fields.items()})


def source(op, shapes):
    shapes = tuple(TensorShape(shape) for shape in shapes)
    return shapes[0] if isinstance(op, Unary) else shapes


def terms(cost):
    return {f.name: getattr(cost, f.name).value for f in dataclasses.fields(Cost)}


def evaluate(op, shapes):
    """Output shape and cost terms."""
    x = source(op, shapes)
    y = op.shape(x)
    return tuple(y), terms(op.cost(x, y))


def built(op, shapes):
    """(module, output shape, macs) as torch has them, without memory."""
    with torch.device("meta"):
        module = build_module(op.recipe(source(op, shapes))).eval()
        inputs = [torch.empty(2, *shape) for shape in shapes]
        with FlopCounterMode(display=False) as counter:
            y = module(*inputs)
    assert y.shape[0] == 2
    return module, tuple(y.shape[1:]), counter.get_total_flops() // 2 // 2  # two samples, two flops a mac


CASES = [
    pytest.param(kind, fields, shapes, id=f"{kind}-{n}")
    for kind, examples in EXAMPLES.items()
    for n, (fields, *shapes) in enumerate(examples, 1)
]
conforms = pytest.mark.parametrize(("kind", "fields", "shapes"), CASES)


def test_every_operator_has_examples():
    assert set(EXAMPLES) == set(OPERATORS)


@conforms
def test_equals_the_built_module(kind, fields, shapes):
    op = make(kind, fields)
    assert not any(condition for condition, *_ in op.problems(source(op, shapes)))
    shape, cost = evaluate(op, shapes)
    module, witness_shape, witness_macs = built(op, shapes)
    assert shape == witness_shape
    assert cost["macs"] == witness_macs
    assert cost["params"] == sum(p.numel() for p in module.parameters())
    statistics = [b for name, b in module.named_buffers() if not name.endswith("num_batches_tracked")]
    assert cost["buffers"] == sum(b.numel() for b in statistics)
    assert all(type(size) is int for size in shape)


def test_products_by_hand():
    """Attention and matrix products, written out, since two counters could err alike."""
    t, s, d = 6, 5, 12
    _, cost = evaluate(make("attention", {"heads": 2}), [(t, d), (s, d)])
    queries_and_output, keys_and_values, scores, mixture = 2 * t * d * d, 2 * s * d * d, t * s * d, t * s * d
    assert cost["macs"] == queries_and_output + keys_and_values + scores + mixture
    assert cost["params"] == 4 * (d * d + d)
    _, cost = evaluate(make("matmul", {}), [(2, 3, 4, 5), (2, 3, 5, 7)])
    assert cost["macs"] == 2 * 3 * 4 * 5 * 7


FACTORS = np.array([1, 2, 3])


@conforms
def test_a_row_of_a_batch_equals_the_scalar(kind, fields, shapes):
    """Sizes as int64 arrays: all inputs, and every field that is a size. Channels that α scales grow by row too."""
    op = make(kind, fields)
    changes, each = {}, [{} for _ in FACTORS]
    for field in dataclasses.fields(op):
        declared, value = field.metadata["type"], getattr(op, field.name)
        if declared.structural or not isinstance(value, (int, tuple)) or isinstance(value, bool):
            continue
        factors = FACTORS if declared.width else np.ones_like(FACTORS)
        changes[field.name] = spread(value, factors)
        for row, factor in zip(each, factors.tolist(), strict=True):
            row[field.name] = value * factor if isinstance(value, int) else value
    batch = dataclasses.replace(op, **changes)
    arrays = [[size * FACTORS for size in shape] for shape in shapes]
    shape, cost = evaluate(batch, arrays)
    checks = list(batch.problems(source(batch, arrays)))
    for row, factor in enumerate(FACTORS.tolist()):
        alone = dataclasses.replace(op, **each[row])
        single = [[size * factor for size in shape_] for shape_ in shapes]
        assert picked((shape, cost), row) == evaluate(alone, single)
        wrong = [bool(condition) for condition, *_ in alone.problems(source(alone, single))]
        assert [bool(picked(condition, row)) for condition, *_ in checks] == wrong


def spread(value, factors):
    return tuple(spread(v, factors) for v in value) if isinstance(value, tuple) else value * factors


def picked(value, row):
    """One row of a nested structure of numbers and arrays."""
    if isinstance(value, tuple):
        return tuple(picked(v, row) for v in value)
    if isinstance(value, dict):
        return {key: picked(v, row) for key, v in value.items()}
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value)[row]:
        return np.ma.masked
    if isinstance(value, np.ndarray):
        assert value.dtype == np.int64 or value.dtype.kind != "i"
        return value[row] if value.dtype == object else value[row].item()
    return value


ON_MAPS = [case for case in CASES if issubclass(OPERATORS[case.values[0]], Unary) and len(case.values[2][0]) == 3]


@pytest.mark.parametrize(("kind", "fields", "shapes"), ON_MAPS)
def test_a_batch_of_networks_equals_each_alone(kind, fields, shapes):
    """Every total, receptive field included, with the resolution and every whole number of a field as arrays.

    Rows: the example; a larger map; all fields larger by one, which some operators cannot have (a masked row).
    """
    declared = {f.name: f.metadata["type"] for f in dataclasses.fields(OPERATORS[kind])}
    knobs = {n: v for n, v in fields.items() if type(v) is int and not declared[n].structural}
    text = yaml.safe_dump(
        {
            "name": "one",
            "input": list(shapes[0]),
            "parameters": {name: {"default": value} for name, value in knobs.items()} or None,
            "layers": [{kind: {**fields, **{name: f"${name}" for name in knobs}} or None}],
        }
    ).replace("parameters: null\n", "")
    model = Model(parse(text), {})
    sizes = [(9, 10), (18, 21), (9, 10)]
    rows = [knobs, knobs, {name: value + 1 for name, value in knobs.items()}]
    batch = model.analyze(
        resolution=tuple(np.array(axis) for axis in zip(*sizes, strict=True)),
        parameters={name: np.array([row[name] for row in rows]) for name in knobs},
    ).totals
    for index, (size, row) in enumerate(zip(sizes, rows, strict=True)):
        found = {name: picked(total, index) for name, total in batch.items()}
        try:
            alone = model.analyze(resolution=size, parameters=row).totals
        except SpecError:
            assert found["macs"] is np.ma.masked
            continue
        for axes in ("receptive_field", "stride"):  # a batch has both axes where one of its rows needs them
            alone[axes], found[axes] = pair(alone[axes]), pair(found[axes])
        assert found == alone


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


@conforms
def test_costs_grow_with_the_input(kind, fields, shapes):
    op = make(kind, fields)
    before = evaluate(op, shapes)[1]
    for factor in (2, 5):
        after = evaluate(op, [[size * factor for size in shape] for shape in shapes])[1]
        assert all(after[term] >= before[term] >= 0 for term in before)
        before = after


@pytest.mark.parametrize("kind", OPERATORS)
def test_the_docstring_is_the_equation(kind):
    operator = OPERATORS[kind]
    said = operator.__doc__
    assert said, f"{operator.__name__} has no docstring"
    assert not said.startswith(operator.__name__ + "("), "dataclass wrote it, nobody else did"
    assert re.search(r"->|x|·", said)
    costs = [evaluate(make(kind, fields), shapes)[1] for fields, *shapes in EXAMPLES[kind]]
    if any(cost["macs"] for cost in costs):
        assert "macs =" in said
    elif any(cost["params"] for cost in costs):
        assert "params =" in said


# Problems


@pytest.mark.parametrize(("kind", "fields", "shapes", "message"), PROBLEMS)
def test_problem(kind, fields, shapes, message):
    assert any(message in said for said in complaints(kind, fields, shapes)), complaints(kind, fields, shapes)


def complaints(kind, fields, shapes):
    op = make(kind, fields)
    checks = op.problems(source(op, shapes))
    return [template.format(*values) for condition, template, *values in checks if condition]


def test_every_problem_is_raised_by_a_test():
    """`problems` names every rule, broken or not; each rule must be broken somewhere above."""
    known = {
        (kind, check[1])
        for kind, examples in EXAMPLES.items()
        for fields, *shapes in examples
        for op in [make(kind, fields)]
        for check in op.problems(source(op, shapes))
    }
    raised = {
        (kind, template)
        for kind, fields, shapes, _ in PROBLEMS
        for op in [make(kind, fields)]
        for condition, template, *_ in op.problems(source(op, shapes))
        if condition
    }
    assert known - raised == CANNOT_HAPPEN
    assert raised <= known


@pytest.mark.parametrize(("kind", "fields", "shapes", "message"), PROBLEMS)
def test_a_problem_marks_its_row_of_a_batch(kind, fields, shapes, message):
    op = make(kind, fields)
    arrays = [[np.array([size, size]) for size in shape] for shape in shapes]
    conditions = [condition for condition, *_ in op.problems(source(op, arrays))]
    assert any(np.all(condition) for condition in conditions)


def spec(kind, fields, shape):
    layer = {kind: fields or None}
    return yaml.safe_dump({"name": "one", "input": list(shape), "layers": [layer]}, sort_keys=False)


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "message"), [case for case in PROBLEMS if issubclass(OPERATORS[case[0]], Unary)]
)
def test_a_problem_in_a_spec_is_said_at_its_line(kind, fields, shapes, message):
    text = spec(kind, fields, shapes[0])
    with pytest.raises(SpecError) as caught:
        Model(parse(text), {}).analyze()
    (problem,) = caught.value.problems
    assert message in problem.message
    assert text.splitlines()[problem.mark.line - 1][problem.mark.column - 1 :].startswith(kind)


def test_size_shrunk_to_nothing():
    text = spec("conv_transpose", {"out": 4, "kernel": 1, "padding": 5}, MAP)
    with pytest.raises(SpecError, match=r"conv_transpose: the output of \[12, 9, 10\] would be "):
        Model(parse(text), {}).analyze()


@pytest.mark.parametrize("kind", [kind for kind, op in OPERATORS.items() if op.ranks != (1, 8)])
def test_input_of_the_wrong_rank(kind):
    lowest, highest = OPERATORS[kind].ranks
    fields = EXAMPLES[kind][0][0]
    for rank in {1, 2, 4} - set(range(lowest, highest + 1)):
        shape = MAP[:rank] if rank < 4 else (*MAP, 3)
        text = spec(kind, {**fields}, shape)
        if not issubclass(OPERATORS[kind], Unary) and OPERATORS[kind].arity[0] > 1:
            text = text.replace(f"{kind}: null", f"{kind}: {{from: [input, input]}}")
        with pytest.raises(SpecError, match=f"{kind} reads"):
            Model(parse(text), {}).analyze()


@pytest.mark.parametrize("kind", [kind for kind, op in OPERATORS.items() if op.arity[0] > 1])
def test_too_few_inputs(kind):
    with pytest.raises(SpecError, match=r"name them with `from: \[a, b\]`"):
        Model(parse(spec(kind, EXAMPLES[kind][0][0], MAP)), {}).analyze()


FIELDS = [(kind, f.name) for kind, op in OPERATORS.items() for f in dataclasses.fields(op)]


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_a_field_of_the_wrong_type(kind, field):
    for wrong in ("$nonsense", [[[1]]], [1, 2, 3, "x"], {"a": 1}, "maybe", -3, 0.5):
        if (wrong == 0.5 and field == "p") or (field == "by" and isinstance(wrong, (int, float))):
            continue
        if field == "operator" and wrong == "maybe":
            continue
        text = spec(kind, {**EXAMPLES[kind][0][0], field: wrong}, EXAMPLES[kind][0][1])
        if OPERATORS[kind].arity[0] > 1:
            text = text.replace(f"{kind}:\n", f"{kind}:\n    from: [input, input]\n")
        with pytest.raises(SpecError) as caught:
            Model(parse(text), {}).analyze()
        assert any(field in problem.message or "nonsense" in problem.message for problem in caught.value.problems)


# Random shapes against torch

several = settings(deadline=None, max_examples=150)

small = st.integers(1, 4)
pairs = st.one_of(small, st.lists(small, min_size=2, max_size=2))
margins = st.integers(0, 3)
edges = st.one_of(
    margins, st.lists(st.one_of(margins, st.lists(margins, min_size=2, max_size=2)), min_size=2, max_size=2)
)
paddings = st.one_of(st.sampled_from(["same", "valid"]), edges)
maps = st.tuples(st.integers(1, 3), st.integers(1, 14), st.integers(1, 14))


def agrees_with_torch(kind, fields, shape):
    """Output shape and macs of a random operator; where it has a problem, nothing is claimed."""
    op = make(kind, fields)
    assume(not any(condition for condition, *_ in op.problems(TensorShape(shape))))
    found, cost = evaluate(op, [shape])
    assume(all(size >= 1 for size in found))
    module, expected, macs = built(op, [shape])
    assert found == expected
    assert cost["macs"] == macs
    assert cost["params"] == sum(p.numel() for p in module.parameters())
    return op


@several
@given(
    st.fixed_dictionaries(
        {"kernel": pairs, "stride": pairs, "padding": paddings, "dilation": pairs, "bias": st.booleans()}
    ),
    st.tuples(small, small, small),
    maps,
)
def test_convolutions(fields, channels, shape):
    groups, inputs, outputs = channels
    shape = (groups * inputs, *shape[1:])
    agrees_with_torch("conv", {**fields, "out": groups * outputs, "groups": groups}, shape)


@several
@given(st.fixed_dictionaries({"kernel": pairs, "stride": pairs, "padding": paddings, "dilation": pairs}), small, maps)
def test_depthwise_convolutions(fields, multiplier, shape):
    agrees_with_torch("depthwise", {**fields, "multiplier": multiplier}, shape)


@several
@given(
    st.fixed_dictionaries(
        {
            "kernel": pairs,
            "stride": pairs,
            "dilation": pairs,
            "padding": st.lists(margins, min_size=2, max_size=2),
            "output_padding": st.lists(margins, min_size=2, max_size=2),
            "bias": st.booleans(),
        }
    ),
    st.tuples(small, small, small),
    maps,
)
def test_transposed_convolutions(fields, channels, shape):
    groups, inputs, outputs = channels
    shape = (groups * inputs, *shape[1:])
    agrees_with_torch("conv_transpose", {**fields, "out": groups * outputs, "groups": groups}, shape)


@several
@given(
    st.fixed_dictionaries(
        {"kernel": pairs, "padding": paddings, "dilation": pairs, "ceil_mode": st.booleans()},
        optional={"stride": pairs},
    ),
    maps,
)
def test_max_pools(fields, shape):
    agrees_with_torch("max_pool", fields, shape)


@several
@given(
    st.fixed_dictionaries(
        {"kernel": pairs, "padding": paddings, "ceil_mode": st.booleans(), "count_include_pad": st.booleans()},
        optional={"stride": pairs},
    ),
    maps,
)
def test_average_pools(fields, shape):
    op = agrees_with_torch("avg_pool", fields, shape)
    if not fields["count_include_pad"]:
        # The mean over the elements inside the input: of ones, one.
        y = build_module(op.recipe(TensorShape(shape)))(torch.ones(1, *shape))
        assert torch.equal(y, torch.ones_like(y))


@several
@given(
    st.fixed_dictionaries(
        {"kernel": pairs, "padding": paddings, "ceil_mode": st.booleans()}, optional={"stride": pairs}
    ),
    maps,
)
def test_max_pools_see_an_input_everywhere(fields, shape):
    """No window without holes lies in the padding alone: maxima of ones are one, never the padding's -inf."""
    op = agrees_with_torch("max_pool", fields, shape)
    y = build_module(op.recipe(TensorShape(shape)))(torch.ones(1, *shape))
    assert torch.equal(y, torch.ones_like(y))


@several
@given(st.tuples(small, small, small), pairs, pairs, paddings, maps)
def test_groups_save_their_number(channels, kernel, stride, padding, shape):
    """g groups: exactly g times fewer macs and weights, the same output."""
    groups, inputs, outputs = channels
    shape = (groups * inputs, *shape[1:])
    fields = {"out": groups * outputs, "kernel": kernel, "stride": stride, "padding": padding}
    assume(not complaints("conv", fields, [shape]))
    whole_shape, whole = evaluate(make("conv", fields), [shape])
    grouped_shape, grouped = evaluate(make("conv", {**fields, "groups": groups}), [shape])
    assert whole_shape == grouped_shape
    assert whole["macs"] == groups * grouped["macs"]
    assert whole["params"] == groups * grouped["params"]


@several
@given(st.tuples(small, small, small), pairs, pairs, maps)
def test_groups_of_transposed_convolutions_save_their_number(channels, kernel, stride, shape):
    groups, inputs, outputs = channels
    shape = (groups * inputs, *shape[1:])
    fields = {"out": groups * outputs, "kernel": kernel, "stride": stride}
    whole = evaluate(make("conv_transpose", fields), [shape])[1]
    grouped = evaluate(make("conv_transpose", {**fields, "groups": groups}), [shape])[1]
    assert (whole["macs"], whole["params"]) == (groups * grouped["macs"], groups * grouped["params"])


@several
@given(st.integers(1, 9), st.integers(1, 30), st.integers(1, 5), st.integers(1, 5))
def test_same_padding_gives_the_input_over_the_stride_rounded_up(kernel, size, stride, dilation):
    fields = {"out": 1, "kernel": kernel, "stride": stride, "dilation": dilation, "padding": "same"}
    shape, _ = evaluate(make("conv", fields), [(1, size, size)])
    assert shape == (1, -(-size // stride), -(-size // stride))


@several
@given(small, st.integers(1, 8), st.integers(1, 8), st.integers(1, 8))
def test_depthwise_and_pointwise_are_convolutions(kernel, c, n, size):
    """A depthwise convolution is one with groups = c, a pointwise one with a 1×1 kernel."""
    shape = [(c, size, size)]
    as_conv = make("conv", {"out": c, "kernel": kernel, "groups": c})
    assert evaluate(make("depthwise", {"kernel": kernel}), shape) == evaluate(as_conv, shape)
    as_conv = make("conv", {"out": n, "kernel": 1})
    assert evaluate(make("pointwise", {"out": n}), shape) == evaluate(as_conv, shape)
