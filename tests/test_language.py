"""What the spec language promises: defaults, α and its rounding, conditions, repeats, branches, blocks, expressions."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from archcost import ArchcostError, SpecError, load
from archcost.api import Analysis
from archcost.dims import Ratio, exact
from archcost.ops import OPERATORS
from archcost.spec import ranges, zoo
from archcost.spec.scaling import DIVISIBLE, Scaling
from archcost.spec.schema import schema

Analyze = Callable[..., Analysis]

SIZES = "name: x\ninput: [8, 16, 16]\n"


def layers(*items: str, before: str = "") -> str:
    return SIZES + before + "layers:\n" + "".join(f"  - {item}\n" for item in items)


def names(analysis: Analysis) -> list[str]:
    return [layer.name for layer in analysis.layers]


def outputs(analysis: Analysis) -> dict[str, tuple[int, ...]]:
    return {layer.name: tuple(layer.output_shape) for layer in analysis.layers}


# α

SCALED = [
    ("decimal-exact: 28, never 27", {}, "0.35", 80, "alpha", 28),
    ("decimal-exact: 58, never 57", {}, "0.58", 100, "alpha", 58),
    ("floor", {"round": "floor"}, "0.99", 10, "alpha", 9),
    ("ceil", {"round": "ceil"}, "0.91", 10, "alpha", 10),
    ("nearest", {"round": "nearest"}, "0.94", 10, "alpha", 9),
    ("nearest, halves up", {"round": "nearest"}, "0.95", 10, "alpha", 10),
    ("minimum", {"minimum": 8}, "0.25", 16, "alpha", 8),
    ("never nothing", {}, "0.001", 16, "alpha", 1),
    ("to a multiple", {"round": "nearest", "multiple": 8, "minimum": 8}, "0.35", 32, "alpha", 8),
    ("at least 0.9", {"round": "nearest", "multiple": 8, "at_least": 0.9}, "0.35", 32, "alpha", 16),
    ("at least all", {"round": "nearest", "multiple": 8, "at_least": 1.0}, "0.5", 40, "alpha", 24),
    ("fixed", {}, "0.35", 80, "fixed", 80),
    ("fixed, above 1", {}, "2", 80, "fixed", 80),
    ("grow, below 1", {}, "0.35", 80, "grow", 80),
    ("grow, above 1", {}, "1.4", 80, "grow", 112),
]


@pytest.mark.parametrize(
    ("scaling", "alpha", "size", "scale", "expected"), [t[1:] for t in SCALED], ids=[t[0] for t in SCALED]
)
def test_alpha(analyze: Analyze, scaling: dict[str, Any], alpha: str, size: int, scale: str, expected: int) -> None:
    text = layers(f"conv: {{out: {size}, kernel: 1, scale: {scale}}}", before=f"scaling: {json.dumps(scaling)}\n")
    for given_alpha in (alpha, float(alpha), Decimal(alpha)):
        assert analyze(text, alpha=given_alpha).layers[0].output_shape.channels == expected


def make_divisible(value: float, divisor: int = 8) -> int:
    """The rule that the MobileNetV2 code made known."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


@given(st.integers(1, 4096), st.integers(1, 300))
def test_divisible_rounding(size: int, hundredths: int) -> None:
    exactly = Decimal(size) * hundredths / 100
    nearly_nine_tenths = make_divisible(float(exactly)) != make_divisible(float(exactly) + 1e-9)
    if not nearly_nine_tenths:
        assert DIVISIBLE.scaled(size, exact(str(Decimal(hundredths) / 100))) == make_divisible(float(exactly))


@given(st.integers(1, 4096), st.integers(1, 200), st.sampled_from([1, 2, 8]))
def test_floor_is_exact(size: int, hundredths: int, multiple: int) -> None:
    scaled = Scaling("floor", multiple).scaled(size, Ratio.reduced(hundredths, 100))
    assert scaled == max(size * hundredths // 100 // multiple * multiple, 1)


# Layers, names, repeats, conditions

NAMED = [
    ("one of a kind", ["relu", "tanh"], ["relu", "tanh"]),
    ("several of a kind", ["relu", "tanh", "relu"], ["relu1", "tanh", "relu2"]),
    ("named", ["relu: {name: stem}"], ["stem"]),
    ("named beside", ["{relu: {}, name: stem}"], ["stem"]),
    ("named beside a bare operator", ["{relu, name: stem}"], ["stem"]),
    ("repeated", ["relu: {repeat: 2}"], ["relu1", "relu2"]),
    ("repeated by name", ["{relu, name: a, repeat: 2}"], ["a1", "a2"]),
    ("repeated once", ["relu: {repeat: 1}"], ["relu1"]),
    ("repeated by an expression", ["{relu: {}, repeat: 4 / 2 + (0)}"], ["relu1", "relu2"]),
    ("left out by repeat", ["relu", "tanh: {repeat: 0}"], ["relu"]),
    ("left out by when", ["relu", "tanh: {when: false}"], ["relu"]),
    ("kept by when", ["relu", "tanh: {when: (1 < 2)}"], ["relu", "tanh"]),
    ("when, of sizes", ["relu: {when: height() == 16}", "tanh: {when: channels() != 8}"], ["relu"]),
]


@pytest.mark.parametrize(("items", "expected"), [t[1:] for t in NAMED], ids=[t[0] for t in NAMED])
def test_names(analyze: Analyze, items: list[str], expected: list[str]) -> None:
    assert names(analyze(layers(*items))) == expected


def test_what_is_left_out_passes_its_input_on(analyze: Analyze) -> None:
    text = layers("{conv: {out: 5, kernel: 1}, name: a}", "{conv: {out: 6, kernel: 1}, name: b, when: false}",
                  "relu: {from: b}")  # fmt: skip
    assert outputs(analyze(text)) == {"a": (5, 16, 16), "relu": (5, 16, 16)}


def test_from(analyze: Analyze) -> None:
    text = layers("{conv: {out: 5, kernel: 1}, name: a}", "{conv: {out: 6, kernel: 1, from: input}, name: b}",
                  "concat: {from: [a, b, input]}")  # fmt: skip
    assert outputs(analyze(text))["concat"] == (19, 16, 16)


def test_a_layer_reads_the_one_before(analyze: Analyze) -> None:
    first, second = analyze(layers("max_pool: {kernel: 2}", "relu")).layers
    assert second.input_shapes == (first.output_shape,)


# Blocks

BLOCKS = """
blocks:
  unit:
    arguments: {out: required, act: relu, twice: $out * 2}
    layers:
      - conv: {out: $out, kernel: 1}
      - $act
      - conv: {out: $twice, kernel: 1}
  both:
    inputs: [left, right]
    layers:
      - add: {from: [left, right]}
  outer:
    - unit: {out: 4}
    - unit: {out: 6}
"""


def test_block_arguments(analyze: Analyze) -> None:
    found = outputs(analyze(layers("unit: {out: 4}", before=BLOCKS)))
    assert found == {"unit.conv1": (4, 16, 16), "unit.relu": (4, 16, 16), "unit.conv2": (8, 16, 16)}


def test_block_with_an_operator_as_argument(analyze: Analyze) -> None:
    assert names(analyze(layers("unit: {out: 4, act: tanh}", before=BLOCKS)))[1] == "unit.tanh"


def test_block_with_several_inputs(analyze: Analyze) -> None:
    analysis = analyze(layers("{relu, name: a}", "{tanh, name: b}", "both: {from: [a, b]}", before=BLOCKS))
    assert analysis.network.layers[-1].inputs == ("a", "b")


def test_block_repeated(analyze: Analyze) -> None:
    found = outputs(analyze(layers("{unit: {out: 4}, repeat: 2}", before=BLOCKS)))
    assert found["unit2.conv1"] == (4, 16, 16)
    assert len(found) == 6


def test_block_in_a_block(analyze: Analyze) -> None:
    assert names(analyze(layers("outer", before=BLOCKS)))[3] == "outer.unit2.conv1"


def test_scale_reaches_into_a_block(analyze: Analyze) -> None:
    text = layers("unit: {out: 4, scale: fixed}", before=BLOCKS)
    assert outputs(analyze(text, alpha=0.5))["unit.conv1"] == (4, 16, 16)


# Parameters

KNOBS = (
    "parameters:\n"
    "  depth: {default: 1, choices: [0, 1, 2]}\n"
    "  width: {default: 1.5, choices: [1.0, 1.5, 2.5]}\n"
    "  body: {default: relu, choices: [relu, block]}\n"
    "  extra: {default: false}\n"
    "blocks: {block: [tanh, relu]}\n"
)
TURNED = layers(
    "conv: {out: 8 * $width, kernel: 1}", "{$body: {}, repeat: $depth}", "elu: {when: $extra}", before=KNOBS
)


@pytest.mark.parametrize(
    ("parameters", "channels", "expected"),
    [
        ({}, 12, ["conv", "relu1"]),
        ({"depth": 2}, 12, ["conv", "relu1", "relu2"]),
        ({"depth": "0"}, 12, ["conv"]),
        ({"width": "2.5"}, 20, ["conv", "relu1"]),
        ({"width": 2.5}, 20, ["conv", "relu1"]),
        ({"width": 1}, 8, ["conv", "relu1"]),
        ({"body": "block"}, 12, ["conv", "block1.tanh", "block1.relu"]),
        ({"extra": "true"}, 12, ["conv", "relu1", "elu"]),
        ({"extra": True}, 12, ["conv", "relu1", "elu"]),
    ],
)
def test_parameters(analyze: Analyze, parameters: dict[str, Any], channels: int, expected: list[str]) -> None:
    analysis = analyze(TURNED, parameters=parameters)
    assert analysis.layers[0].output_shape.channels == channels
    assert names(analysis) == expected


# Expressions

VALUES = [
    ("1 + (2) * 3", 7),
    ("(1 + 2) * 3", 9),
    ("(7 // 2)", 3),
    ("(-7 // 2) + 10", 6),
    ("(7 % 4)", 3),
    ("(-7 % 4)", 1),
    ("(7 / 2) * 2", 7),
    ("(6 / -2) + 10", 7),
    ("(0.1 + 0.2) * 10", 3),
    ("(1 / 3) * 3", 1),
    ("(1 / 3 + 1 / 6) * 2", 1),
    ("floor(2.7)", 2),
    ("floor(-1 / 2) + 9", 8),
    ("ceil(2.1)", 3),
    ("round(2.5)", 3),
    ("round_to(33)", 32),
    ("round_to(33, 16)", 32),
    ("round_to(11)", 16),
    ("min(3, 2, 5)", 2),
    ("max(3, 2, 5)", 5),
    ("max(1 / 2, 1 / 3) * 6", 3),
    ("min(6 / -2, 0) + 10", 7),
    ("max(6 / -2, 1)", 1),
    ("interpolate(3, 1, 2, 5, 6)", 4),
    ("(3 if 1 < 2 else 4)", 3),
    ("(3 if 2 < 1 else 4)", 4),
    ("(3 if 1 < 2 < 3 else 4)", 3),
    ("(3 if 6 / -2 < 0 else 4)", 3),
    ("(3 if -6 / -2 > 0 else 4)", 3),
    ("(3 if 1 / 2 == 0.5 else 4)", 3),
    ("(3 if 'a' == 'a' and not 1 > 2 else 4)", 3),
    ("(3 if 1 > 2 or true else 4)", 3),
    ("channels()", 8),
    ("height(input) + width(input)", 32),
    ("$p * 2", 9),
    ("$alpha + (1)", 2),
]


@pytest.mark.parametrize(("text", "expected"), VALUES, ids=[text for text, _ in VALUES])
def test_expression(analyze: Analyze, text: str, expected: int) -> None:
    item = f'conv: {{out: "{text}", kernel: 1, scale: fixed}}'
    assert analyze(layers(item, before="parameters: {p: 4.5}\n")).layers[0].output_shape.channels == expected


# Problems

MANY = """name: x
input: [8, 16, 16]
layers:
  - conv: {out: 8, kernle: 3, kernel: 3}
  - conv: {out: -1, kernel: 3}
  - relv
  - {conv: {out: 9, kernel: 3, groups: 3, from: input}}
  - relu: {from: nowhere}
  - é
"""


def test_all_problems_in_one_go(analyze: Analyze) -> None:
    with pytest.raises(SpecError) as caught:
        analyze(MANY)
    places = [(p.mark.line, p.mark.column, p.mark.length) for p in caught.value.problems if p.mark]
    assert places == [(4, 20, 6), (5, 17, 2), (6, 5, 4), (7, 6, 4), (8, 18, 7), (9, 5, 1)]


def test_a_problem_is_told_once(analyze: Analyze) -> None:
    """What reads a broken layer stays silent, and a repeated layer complains once."""
    with pytest.raises(SpecError) as caught:
        analyze(layers("{conv: {out: 0, kernel: 1}, repeat: 3}", "relu", "linear: {out: 3}"))
    assert len(caught.value.problems) == 1


def test_caret_below_wide_characters(analyze: Analyze) -> None:
    with pytest.raises(SpecError) as caught:
        analyze(SIZES + "layers: [{relu, name: 'é🙂'}, relv]\n")
    assert str(caught.value).splitlines()[0].startswith("spec.yaml:3:30: ")


def test_caret_in_a_long_line(analyze: Analyze) -> None:
    with pytest.raises(SpecError) as caught:
        analyze(SIZES + f"layers: [{'relu, ' * 200}relv, relu]\n")
    _, source, caret = str(caught.value).splitlines()
    assert len(source) <= 130
    assert source[caret.index("^") : caret.rindex("^") + 1] == "relv"


def test_problem_in_a_block_points_at_the_value_given(analyze: Analyze) -> None:
    with pytest.raises(SpecError) as caught:
        analyze(layers("unit: {out: 0, twice: 8}", before=BLOCKS))
    assert {p.mark.line for p in caught.value.problems if p.mark} == {SIZES.count("\n") + BLOCKS.count("\n") + 2}


# YAML that is allowed

ALLOWED = [
    ("anchor and alias", SIZES + "layers:\n  - conv: &c {out: 8, kernel: 3}\n  - conv: *c\n", 2),
    ("alias of a list", SIZES + "blocks: {b: &b [relu, tanh], c: *b}\nlayers: [b, c]\n", 4),
    ("comments", "# a\n" + layers("relu  # b"), 1),
    ("byte order mark", "\ufeff" + layers("relu"), 1),
    ("CRLF", layers("relu", "tanh").replace("\n", "\r\n"), 2),
    ("document markers", "---\n" + layers("relu") + "...\n", 1),
    ("flow style throughout", "{name: x, input: [8, 4, 4], layers: [relu, {conv: {out: 3, kernel: 1}}]}", 2),
    ("underscores in numbers", SIZES + "layers: [{conv: {out: 1_000, kernel: 1}}]\n", 1),
    ("null fields", layers("relu:", "tanh: ~"), 2),
    ("a vector as input", "name: x\ninput: [8]\nlayers: [{linear: {out: 3}}]\n", 1),
]


@pytest.mark.parametrize(("text", "count"), [t[1:] for t in ALLOWED], ids=[t[0] for t in ALLOWED])
def test_allowed_yaml(run: Any, spec_file: Any, text: str, count: int) -> None:
    result = run("analyze", spec_file(text), "--format", "json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["totals"]["layers"] == count


# JSON Schema

VALIDATOR = Draft202012Validator(schema())

FAILING = [
    ("no name", "input: [8]\nlayers: [relu]"),
    ("no layers", "name: x\ninput: [8]"),
    ("layers empty", "name: x\ninput: [8]\nlayers: []"),
    ("unknown header", "name: x\ninput: [8]\nlayers: [relu]\nlayer: 1"),
    ("input 0", "name: x\ninput: [0]\nlayers: [relu]"),
    ("input a text", "name: x\ninput: wide\nlayers: [relu]"),
    ("scaling round", "name: x\ninput: [8]\nscaling: {round: down}\nlayers: [relu]"),
    ("conv without out", "name: x\ninput: [8]\nlayers: [{conv: {kernel: 1}}]"),
    ("out negative", "name: x\ninput: [8]\nlayers: [{conv: {out: -1, kernel: 1}}]"),
    ("unknown field", "name: x\ninput: [8]\nlayers: [{conv: {out: 1, kernel: 1, kernle: 1}}]"),
    ("padding unknown", "name: x\ninput: [8]\nlayers: [{conv: {out: 1, kernel: 1, padding: full}}]"),
    ("a number as layer", "name: x\ninput: [8]\nlayers: [3]"),
    ("parameter without default", "name: x\ninput: [8]\nlayers: [relu]\nparameters: {a: {help: x}}"),
]


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("name", zoo.names())
def test_schema_takes_the_zoo(name: str) -> None:
    VALIDATOR.validate(yaml.safe_load(zoo.find(name).read_text()))


@pytest.mark.parametrize("text", [t[1] for t in FAILING], ids=[t[0] for t in FAILING])
def test_schema_refuses_what_the_reader_refuses(analyze: Analyze, text: str) -> None:
    assert not VALIDATOR.is_valid(yaml.safe_load(text))
    with pytest.raises(ArchcostError):
        analyze(text)


@pytest.mark.parametrize("value", ["0", "0.9", "1", "1.0"])
def test_schema_and_reader_agree_on_shares(analyze: Analyze, value: str) -> None:
    text = SIZES + f"scaling: {{at_least: {value}}}\nlayers: [relu]\n"
    VALIDATOR.validate(yaml.safe_load(text))
    assert analyze(text).document.scaling


def test_schema_names_every_operator() -> None:
    text = json.dumps(schema())
    assert all(f'"{kind}": {{' in text for kind in OPERATORS)


# Settings in words

RANGES = [
    ("1", ["1"]),
    ("0.25,0.5", ["0.25", "0.5"]),
    ("0.25:0.4:0.05", ["0.25", "0.30", "0.35", "0.40"]),
    ("128:224:32", ["128", "160", "192", "224"]),
    ("1:3", ["1", "2", "3"]),
    ("1:2:0.4", ["1.0", "1.4", "1.8"]),
    ("1:1", ["1"]),
    ("1:2,7", ["1", "2", "7"]),
]


@pytest.mark.parametrize(("text", "expected"), RANGES)
def test_ranges(text: str, expected: list[str]) -> None:
    assert ranges.values(text, "alpha") == expected


def test_reference_with_settings() -> None:
    short = load("mobilenetv1@alpha=0.5,resolution=160,depth=0").analyze()
    long = load("mobilenetv1").analyze(alpha=0.5, resolution=160, parameters={"depth": 0})
    assert short.totals == long.totals


def test_a_setting_given_twice_is_the_later_one() -> None:
    assert load("mobilenetv1@alpha=0.5").analyze(alpha=1).macs == load("mobilenetv1").analyze().macs


def test_resolution_of_two_sizes(run: Any) -> None:
    result = run("analyze", "mobilenetv1", "--resolution", "160x192", "--format", "json")
    assert json.loads(result.stdout)["settings"]["resolution"] == [160, 192]


def test_rho_goes_to_the_nearest_size(analyze: Analyze) -> None:
    assert analyze(layers("relu"), rho="0.72").layers[0].output_shape == (8, 12, 12)
