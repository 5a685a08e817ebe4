"""Counting conventions: against the counters that are installed, against figures measured with the others, and laws."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import logging
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import archcost
from archcost.analysis import TOTALS, conventions, group
from archcost.analysis.terms import TERMS
from archcost.api import Model
from archcost.errors import ArchcostError, Mark
from archcost.graph import Layer
from archcost.ops import OPERATORS, Nary
from archcost.shape import TensorShape
from archcost.spec import zoo
from archcost.spec.document import parse

NAMES = list(conventions.table())
FIGURES = Path(__file__).parent / "figures"
MEASURED = list(csv.DictReader((FIGURES / "counters.csv").read_text(encoding="utf-8").splitlines()))
OPERATOR_ROWS = list(csv.DictReader((FIGURES / "counter_operators.csv").read_text(encoding="utf-8").splitlines()))
# Terms counted apart from this code, on torchvision 0.28.0 (MobileNetV1: a module written by hand), 224×224, batch 1.
# C: multiply-adds; E: inputs of batch norm; R, R6: outputs of ReLU, ReLU6; cb, lb: outputs with a bias of convolutions,
# of linear layers; mi, mo: inputs and outputs of max pooling with kernel k; ai, ao: of global average pooling; S: of
# softmax; add: sums.
STUDY = {
    "resnet18": {"C": 1814073344, "E": 2483712, "R": 2308096, "mi": 802816, "mo": 200704, "k": 3, "ai": 25088,
                 "ao": 512, "lb": 1000, "add": 752640},
    "resnet50_v1_5": {"C": 4089184256, "E": 11113984, "R": 9608704, "mi": 802816, "mo": 200704, "k": 3, "ai": 100352,
                      "ao": 2048, "lb": 1000, "add": 5519360},
    "mobilenetv1": {"C": 568740352, "E": 5042688, "R": 5042688, "ai": 50176, "ao": 1024, "lb": 1000, "S": 1000},
    "mobilenetv2": {"C": 300774272, "E": 6678112, "R6": 6105792, "ai": 62720, "ao": 1280, "lb": 1000, "add": 216384},
    "vgg16": {"C": 15470264320, "cb": 13547520, "lb": 9192, "R": 13555712, "mi": 6121472, "mo": 6121472 // 4, "k": 2,
              "S": 1000},
}  # fmt: skip
CLOSED_FORMS = {
    "fvcore": lambda t: t["C"] + 2 * t["E"] + t["ai"],
    "thop": lambda t: t["C"] + 4 * t["E"] + t["ai"] + t["ao"] + (3 * t["S"] - 1 if t["S"] else 0),
    "ptflops": lambda t: (
        t["C"] + t["cb"] + t["lb"] + 2 * t["E"] + 2 * (t["R"] + t["mi"] + t["ai"]) + t["R6"] + t["S"]
    ),
    "ptflops_aten": lambda t: t["C"] + t["cb"] + t["lb"],
    "calflops": lambda t: 2 * t["C"] + t["cb"] + 2 * t["E"] + t["R"] + t["mi"] + t["ai"] + t["S"],
    "calflops_macs": lambda t: t["C"],
    "deepspeed": lambda t: 2 * t["C"] + t["cb"] + 2 * t["E"] + t["R"] + t["mi"] + t["ai"] + t["S"],
    "deepspeed_macs": lambda t: t["C"],
    "flop_counter": lambda t: 2 * t["C"],
    "torchprofile": lambda t: t["C"] + t["E"] + t["ao"],
    "torchscan": lambda t: t["C"] + 2 * t["E"] + t["mo"] * (t["k"] - 1) + t["ai"] + t["ao"],
    "onnx_tool": lambda t: (
        t["C"] + t["E"] + t["cb"] + t["lb"] + t["R"] + 2 * t["R6"] + t["k"] ** 2 * t["mo"] + t["ai"] + 4 * t["ao"]
        + t["add"] + 36 * t["S"]
    ),
}  # fmt: skip
SMALL = ("mobilenetv1", "mobilenetv2", "mobilenetv3_small", "shufflenet_v2_x1_0", "squeezenet1_1", "resnet18")
EVERY = """
name: every
input: [4, 16, 16]
layers:
  - conv: {out: 8, kernel: 3, bias: true}
  - batch_norm
  - relu6
  - {conv_transpose: {out: 6, kernel: 2, stride: 2}}
  - batch_norm: {gamma: false}
  - {depthwise: {kernel: 3, stride: 2, bias: true}, name: map}
  - group_norm: {groups: 2}
  - silu
  - max_pool: {kernel: 3, stride: 2, padding: 1}
  - avg_pool: {kernel: 2}
  - multiply: {from: [avg_pool, avg_pool]}
  - resize: {factor: 2, mode: bilinear}
  - layer_scale
  - {global_avg_pool: {keep_dims: true}, name: gate}
  - add: {from: [layer_scale, gate]}
  - {layer_norm: {over: channels}}
  - global_avg_pool
  - linear: {out: 5}
  - softmax
"""


def network(text):
    return Model(parse(text, "spec.yaml"), {})


class TestTable:
    @pytest.mark.parametrize("name", NAMES)
    def test_every_operator_is_counted_or_known_to_be_unknown(self, name):
        """A new operator needs a decision in each convention: no zero by oversight."""
        convention = conventions.find(name)
        assert not set(convention.rules) - set(OPERATORS)
        assert not set(convention.unknown) - set(OPERATORS)
        assert not set(convention.remarks) - set(OPERATORS)
        for kind in OPERATORS:
            settled = [rule for rule in convention.rules.get(kind, ()) if not rule.where]
            assert bool(settled) != (kind in convention.unknown), f"{name}: {kind}"

    @pytest.mark.parametrize("name", NAMES)
    def test_conditions_name_fields_and_the_last_rule_has_none(self, name):
        for kind, rules in conventions.find(name).rules.items():
            fields = {field.name for field in dataclasses.fields(OPERATORS[kind])} | {"after", "square", "does"}
            assert all(set(rule.where) <= fields for rule in rules), kind
            assert all(rule.where for rule in rules[:-1]), f"{name}: rules of {kind} that are never reached"

    @pytest.mark.parametrize("name", NAMES)
    def test_each_says_what_it_is(self, name):
        convention = conventions.find(name)
        assert convention.unit in conventions.UNITS
        assert convention.of and convention.differs and not convention.differs.endswith(".")

    def test_terms_of_a_cost_are_known(self):
        assert "macs" in TERMS
        with pytest.raises(ValueError, match="did you mean `macs`"):
            conventions.terms_of("2 mac")


# (kind, fields that decide it) -> why a counter sees more than the operator in the modules that archcost builds.
PADDED = "margins that torch's pools cannot have are a padding of its own before the pool, whose inputs are then more"
TWICE = "without its padding in the mean, a pool of such margins is two pools"
SHAPES = "operations on shapes that torch's export leaves in the graph"
SHAPED = ("attention", "split", "channel_shuffle")
UNEQUAL = "where keys and values differ in width torch has no kernel of its own, and the products are seen"


def beyond(name, kind, fields):
    """Why a convention cannot have the counter's figure for an operator alone, if it cannot."""
    pads = name in ("ptflops", "calflops", "deepspeed")
    if kind == "avg_pool" and isinstance(fields.get("padding"), list):
        return TWICE
    if kind == "max_pool" and pads and fields.get("padding"):
        return PADDED
    if name == "onnx_tool" and kind in SHAPED:
        return SHAPES
    if name == "ptflops_aten" and kind == "scaled_dot_product_attention":
        return UNEQUAL
    return ""


class TestOperators:
    """figures/counter_operators.csv: one operator at a time, by the same counters; empty where one cannot run it."""

    @pytest.mark.parametrize("name", NAMES)
    def test_each_equals_the_counter(self, name):
        compared = 0
        for row in OPERATOR_ROWS:
            fields = json.loads(row["fields"])
            layer = one_layer(row["kind"], fields, json.loads(row["inputs"]))
            counted = conventions.find(name).value(layer, alone(layer))
            assert counted is None or (type(counted) is int and counted >= 0)
            if row[name] and counted is not None:
                if beyond(name, row["kind"], fields):
                    assert counted <= int(row[name])
                else:
                    assert counted == int(row[name]), row
                    compared += 1
        assert compared >= (20 if name == "keras" else 85)

    def test_every_operator_is_there(self):
        assert {row["kind"] for row in OPERATOR_ROWS} == set(OPERATORS)


def one_layer(kind, fields, shapes):
    declared = {field.name: field.metadata["type"] for field in dataclasses.fields(OPERATORS[kind])}
    op = OPERATORS[kind](**{name: declared[name].read(raw, lambda *_: None) for name, raw in fields.items()})
    inputs = tuple(map(TensorShape, shapes))
    output = op.shape(inputs if isinstance(op, Nary) else inputs[0])
    return Layer(kind, None, op, ("input",) * len(inputs), inputs, output, Mark(1, 1))


def alone(layer):
    """A network of one layer, as far as conventions look at it."""
    return SimpleNamespace(layers=[layer], named={layer.name: layer}, readers={"input": 1})


class TestFigures:
    """figures/counters.csv: totals that the counters print for the modules that archcost builds, for torchvision's of
    the same networks, and for Keras Applications (without preprocessing and softmax, where the spec has none).

    of: the counter and its version, in eval mode, batch 1; why: what the counter saw that the convention does not say.
    """

    @pytest.mark.parametrize("name", NAMES)
    def test_equal_to_the_counter(self, name):
        rows = [row for row in MEASURED if row["convention"] == name]
        assert rows
        counted = {row["spec"]: archcost.load(row["spec"]).analyze().counted(name) for row in rows}
        for row in rows:
            if row["why"]:
                assert counted[row["spec"]] != int(row["counted"]), f"{row}: agrees, so the reason is out of date"
            else:
                assert counted[row["spec"]] == int(row["counted"]), row

    @pytest.mark.parametrize("name", NAMES)
    def test_versions_are_those_of_the_table(self, name):
        versions = {row["of"] for row in MEASURED if row["convention"] == name}
        assert len(versions) == 1 and conventions.find(name).of.removeprefix("tf.profiler of ").startswith(*versions)

    @pytest.mark.parametrize("name", NAMES)
    def test_almost_all_that_archcost_builds_is_exact(self, name):
        rows = [row for row in MEASURED if row["convention"] == name and not row["model"].startswith("torchvision")]
        assert len([row for row in rows if row["why"]]) <= min(2, 0.1 * len(rows)) and len(rows) >= 13

    def test_reasons_are_few(self):
        """Torchvision's networks differ from the specs in the same few ways, whoever counts."""
        assert len({row["why"] for row in MEASURED}) <= 16


class TestLive:
    """The two counters that are installed with the tests, on small networks and on every sort of operator."""

    @pytest.mark.parametrize("name", SMALL)
    def test_fvcore(self, name):
        analysis = archcost.analyze(name, alpha=0.5, resolution=96)
        assert analysis.counted("fvcore") == fvcore(analysis)

    @pytest.mark.parametrize("name", ["fvcore", "flop_counter"])
    def test_many_operators(self, name):
        analysis = network(EVERY).analyze()
        assert analysis.uncounted(name) == ()
        assert analysis.counted(name) == {"fvcore": fvcore, "flop_counter": flop_counter}[name](analysis)

    @pytest.mark.parametrize("name", zoo.names())
    def test_flop_counter(self, name):
        analysis = archcost.analyze(name)
        assert analysis.counted("flop_counter") == analysis.flops == flop_counter(analysis)


def fvcore(analysis):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fvcore.nn import FlopCountAnalysis

        from archcost.live.build import build_network

        logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)
        size = (1, *analysis.network.input_shape)
        with torch.inference_mode():
            counter = FlopCountAnalysis(build_network(analysis.network), (torch.zeros(size),))
            return int(counter.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total())


def flop_counter(analysis):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    from archcost.live.build import build_network

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        build_network(analysis.network, "meta")(torch.empty((1, *analysis.network.input_shape), device="meta"))
    return counter.get_total_flops()


class TestLaws:
    @pytest.mark.parametrize("name", ["calflops_macs", "deepspeed_macs"])
    @pytest.mark.parametrize("spec", [name for name in zoo.names() if name != "vit_b_16"])
    def test_macs_alone_are_the_macs(self, name, spec):
        analysis = archcost.analyze(spec)
        assert analysis.counted(name) == analysis.macs

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("spec", ["mobilenetv2", "resnet50_v1_5", "densenet121"])
    def test_layers_sum_to_the_total_and_macs_stay(self, name, spec):
        analysis = archcost.load(spec).analyze(convention=name)
        plain = archcost.analyze(spec)
        assert sum(layer.counted for layer in analysis.layers) == analysis.totals["counted"]
        assert {key: analysis.totals[key] for key in TOTALS} == plain.totals
        data = analysis.to_dict(by="kind")
        assert sum(row["counted"] for row in data["groups"]) == sum(row["counted"] for row in data["layers"])

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("spec", ["mobilenetv1", "inceptionv3", "vit_b_16", "efficientnet_b0"])
    def test_a_batch_is_its_models(self, name, spec):
        alphas, sizes = np.array([[0.5], [0.75], [1.0]]), np.array([[160, 224]])
        batch = archcost.load(spec).analyze(alpha=alphas, resolution=sizes)
        counted = batch.counted(name)
        for i, alpha in enumerate(alphas.ravel()):
            for j, size in enumerate(sizes.ravel()):
                alone = archcost.load(spec).analyze(alpha=alpha, resolution=int(size)).counted(name)
                assert (None if np.ma.is_masked(counted[i, j]) else counted[i, j]) == alone

    def test_structures_without_a_rule_are_masked_and_the_others_are_not(self):
        spec = network(
            "name: net\ninput: [8, 8]\nparameters:\n  tokens: {default: true, choices: [true, false]}\nlayers:\n"
            "  - linear: {out: 8}\n  - {attention: {heads: 2}, when: $tokens}\n  - relu\n"
        )
        counted = spec.analyze(parameters={"tokens": np.array([True, False])}).counted("thop")
        assert np.ma.getmaskarray(counted).tolist() == [True, False] and counted[1] == 512

    def test_a_batch_too_large_for_64_bits_says_so(self):
        """The macs fit into 64 bits, 36 times as many do not."""
        spec = network("name: net\ninput: [1000, 100000, 100000]\nlayers:\n  - softmax\n")
        single = spec.analyze(alpha=1).counted("onnx_tool")
        assert single == 36 * 10**13
        big = network("name: net\ninput: [1000, 1000000, 1000000]\nlayers:\n" + "  - softmax\n" * 500)
        sizes = np.array([1_000_000, 1000])
        with pytest.raises(ArchcostError, match="analyse these settings one model at a time"):
            big.analyze(resolution=sizes).counted("onnx_tool")

    @pytest.mark.parametrize("spec", STUDY)
    @pytest.mark.parametrize("name", CLOSED_FORMS)
    def test_closed_forms(self, name, spec):
        terms = dict.fromkeys(("C", "E", "R", "R6", "cb", "lb", "mi", "mo", "k", "ai", "ao", "S", "add"), 0)
        assert archcost.analyze(spec).counted(name) == CLOSED_FORMS[name]({**terms, **STUDY[spec]})


class TestNull:
    def test_unknown_operators_are_named(self):
        data = archcost.load("vit_b_16").analyze(convention="thop").to_dict()
        assert data["totals"]["counted"] is None and data["totals"]["uncounted"] == ["attention"]
        assert data["totals"]["macs"] == 17_563_828_224
        layers = {layer["name"]: layer["counted"] for layer in data["layers"]}
        assert layers["conv"] == 115_605_504 and layers["encoder1.attend.attention"] is None

    def test_nothing_is_uncounted_where_there_is_a_figure(self):
        assert archcost.analyze("resnet18").uncounted("thop") == ()

    def test_table_and_csv_show_no_number(self, run):
        shown = run("analyze", "vit_b_16", "--convention", "thop").stdout
        assert "– (no rule for attention)" in shown and "nothing of nn.MultiheadAttention" in shown
        rows = list(
            csv.DictReader(io.StringIO(run("analyze", "vit_b_16", "--convention", "thop", "--format", "csv").stdout))
        )
        assert {row["counted"] for row in rows if row["kind"] == "attention"} == {""}
        assert all(row["counted"] for row in rows if row["kind"] != "attention")

    def test_groups_with_an_unknown_operator_have_no_sum(self):
        data = archcost.load("vit_b_16").analyze(convention="ptflops").to_dict(by="block")
        sums = {row["name"]: row["counted"] for row in data["groups"]}
        assert sums["encoder1"] is None and sums["conv"] is not None

    def test_sweep_leaves_it_empty(self):
        rows = list(archcost.sweep("vit_b_16", alpha=[0.5, 1], convention="torchinfo").rows())
        assert [row["counted"] for row in rows] == [None, None]

    def test_an_archive_has_no_zero_for_it(self, run, tmp_path):
        path = tmp_path / "sweep.npz"
        run("sweep", "vit_b_16", "--alpha", "0.5,1", "--convention", "thop", "-o", path)
        with np.load(path) as archive:
            assert archive["counted"].tolist() == [-1, -1] and "feasible" not in archive
            assert archive["convention"].tolist() == ["thop"] * 2


class TestCommand:
    def test_json_adds_to_the_totals(self, run):
        data = json.loads(run("analyze", "resnet18", "--convention", "thop", "--format", "json").stdout)
        plain = json.loads(run("analyze", "resnet18", "--format", "json").stdout)
        assert data["totals"] == {
            **plain["totals"], "counted": 1_824_033_792, "convention": "thop", "unit": "mac", "uncounted": [],
        }  # fmt: skip
        assert [{k: v for k, v in layer.items() if k != "counted"} for layer in data["layers"]] == plain["layers"]

    @pytest.mark.parametrize("form", ["table", "markdown", "csv"])
    def test_every_form_names_the_convention_and_its_unit(self, run, form):
        shown = run("analyze", "resnet18", "--convention", "calflops", "--format", form).stdout
        assert "calflops" in shown and "flop" in shown
        if form == "csv":
            rows = list(csv.DictReader(io.StringIO(shown)))
            assert sum(int(row["counted"]) for row in rows) == 3_636_250_112
        else:
            assert "3,636,250,112" in shown and "pooling (1 an input)" in " ".join(shown.split())

    def test_printed_layers_sum_to_the_printed_total(self):
        from archcost.reports.content import content

        report = content(archcost.load("mobilenetv2").analyze(convention="onnx_tool"))
        assert sum(row.counted for row in report.rows) == report.total.counted
        assert sum(row.counted for row in report.kinds) == report.total.counted

    def test_names_are_forgiving_about_case_and_hyphens(self):
        analysis = archcost.analyze("mobilenetv1")
        assert analysis.counted("ONNX-Tool") == analysis.counted("onnx_tool")

    def test_without_one_nothing_changes(self, run):
        assert "counted" not in run("analyze", "mobilenetv1", "--format", "json").stdout
        assert "counted" not in run("analyze", "mobilenetv1", "--format", "csv").stdout

    def test_sweep(self, run):
        rows = json.loads(
            run("sweep", "mobilenetv1", "--alpha", "0.5,1", "--convention", "thop", "--format", "json").stdout
        )["rows"]
        assert [row["counted"] for row in rows] == [
            archcost.analyze("mobilenetv1", alpha=alpha).counted("thop") for alpha in (0.5, 1)
        ]
        assert {row["convention"] for row in rows} == {"thop"} and {row["unit"] for row in rows} == {"mac"}

    def test_side_by_side(self, run):
        data = json.loads(run("analyze", "resnet18", "--conventions", "--format", "json").stdout)
        assert [row["convention"] for row in data["conventions"]] == NAMES
        analysis = archcost.analyze("resnet18")
        assert all(row["counted"] == analysis.counted(row["convention"]) for row in data["conventions"])
        assert data["macs"] == 1_814_073_344
        rows = list(csv.DictReader(io.StringIO(run("analyze", "resnet18", "--conventions", "--format", "csv").stdout)))
        assert [row["convention"] for row in rows] == NAMES
        for form in ("table", "markdown"):
            shown = run("analyze", "resnet18", "--conventions", "--format", form).stdout
            assert all(name in shown for name in NAMES) and "1,824,033,792" in shown

    @pytest.mark.parametrize("width", [80, 100])
    def test_side_by_side_fits_the_terminal(self, width):
        from archcost.reports import conventions as report

        text = report.text(archcost.analyze("vit_b_16"), width)
        assert max(map(len, text.split("\n"))) <= width

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--convention", "thopp"], "unknown convention `thopp`; did you mean `thop`? Known: calflops"),
            (["--convention", ""], "unknown convention ``"),
            (["--convention", "x" * 10_000], "unknown convention"),
            (["--convention", "../thop"], "unknown convention"),
            (["--conventions", "--convention", "thop"], "leave --convention, --by, --device and --training away"),
            (["--conventions", "--by", "kind"], "leave --convention, --by, --device and --training away"),
        ],
    )
    def test_bad_input_exits_2(self, run, words, said):
        result = run("analyze", "mobilenetv1", *words)
        assert result.exit_code == 2 and said in result.stderr and result.stdout == ""

    def test_python(self):
        analysis = archcost.analyze("mobilenetv1")
        assert analysis.counted("thop") == 588_965_303
        with pytest.raises(ArchcostError, match="did you mean `fvcore`"):
            analysis.counted("fvcor")
        with pytest.raises(ArchcostError, match="did you mean `fvcore`"):
            archcost.analyze("mobilenetv1", convention="fvcor")

    def test_kinds_group(self):
        analysis = archcost.load("mobilenetv1").analyze(convention="fvcore")
        kinds = {
            kind: sum(layer.counted for layer in layers) for kind, layers in group(analysis.layers, "kind").items()
        }
        assert kinds["relu"] == kinds["softmax"] == 0 and kinds["batch_norm"] == 2 * 5_042_688
