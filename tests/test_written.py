"""How models write their layers, and what counters see of it: held against what they print when run as they say."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path

import pytest

import archcost
from archcost.analysis import conventions, hooks
from archcost.analysis.causes import causes_of
from archcost.analysis.crosscheck import Count, rows
from archcost.analysis.hooks import Writing
from archcost.importers.reference import parse

torch = pytest.importorskip("torch")
from torch.nn import functional as F  # noqa: E402

from archcost.importers.tracing import spelling  # noqa: E402
from archcost.importers.tracing.writings import writings  # noqa: E402

FIGURES = list(
    csv.DictReader((Path(__file__).parent / "figures" / "written.csv").read_text(encoding="utf-8").splitlines())
)
MODELS = list(dict.fromkeys((row["model"], row["input"]) for row in FIGURES))


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@cache
def written(model, size):
    reference = f"written_nets:{model}?input={size}"
    return archcost.analyze(reference), writings(parse(reference))


def row(figure):
    analysis, how = written(figure["model"], figure["input"])
    asides = {"beside": int(figure["asides"])} if figure["asides"] else {}
    count = Count(figure["convention"], "", int(figure["counted"]), asides=asides)
    return next(rows(analysis.network, [count], how))


class TestFigures:
    """figures/written.csv: what each counter prints for the models of written_nets.py, called as its README has it in a
    process of its own, outside archcost; asides: what of it its own listing shows to be no layer's."""

    @pytest.mark.parametrize(("model", "size"), MODELS)
    def test_each_is_explained_to_the_unit(self, model, size):
        for figure in (each for each in FIGURES if each["model"] == model):
            found = row(figure)
            assert found.unexplained == 0 and found.verdict in ("equal", "explained"), figure

    @pytest.mark.parametrize("name", [name for name in conventions.table() if name != "keras"])
    def test_versions_are_those_of_the_conventions(self, name):
        of = {each["of"] for each in FIGURES if each["convention"] == name}
        assert len(of) == 1 and conventions.find(name).of.startswith(*of)

    def test_in_modules_that_all_know_nothing_is_to_be_explained(self):
        analysis, how = written("Plain", "3x16x16")
        assert len(how) == len(analysis.network.layers)
        for convention in conventions.table().values():
            assert causes_of(convention, analysis.network, how) == ()

    def test_causes_say_what_is_so(self):
        """By hand: the head's mean is the one pool that is none of nn.AdaptiveAvgPool2d; both ReLUs in between are
        functions; the product is an operator, and is not named."""
        found = row(next(each for each in FIGURES if (each["model"], each["convention"]) == ("Gated", "ptflops")))
        assert [(cause.remark, cause.count) for cause in found.causes] == [
            ("written as x.mean, of which ptflops counts nothing", -2 * 20 * 8 * 8),
            ("written as F.relu, of which ptflops counts 1,286, not 2,572", -(6 + 20 * 8 * 8)),
        ]


class TestWritings:
    def shown(self, model, size="10x24"):
        return [each.shown.removeprefix("written as ") for each in written(model, size)[1].values()]

    def test_modules_functions_methods_and_operators(self):
        shown = self.shown("Functions", "3x16x16")
        assert shown[:2] == ["F.conv2d", "F.relu6"] and {"torch.mul", "x.sigmoid", "torch.relu", "+"} <= set(shown)
        assert [name for name in self.shown("ByHand") if name in ("@", "x.softmax", "×")] == [
            "@",
            "×",
            "x.softmax",
            "@",
        ]
        assert {"torch.matmul", "x.matmul", "F.softmax", "x.mul", "torch.add"} <= set(self.shown("Named"))

    def test_subclasses_attention_and_what_is_kept_in_a_variable(self):
        assert "Norm, a subclass of nn.LayerNorm" in self.shown("Derived", "3x64x64")
        assert "inside nn.MultiheadAttention" in self.shown("weights")
        assert "F.relu, looked up before a counter could replace it" in self.shown("encoder")

    def test_every_layer_has_one(self):
        for model, size in MODELS:
            analysis, how = written(model, size)
            assert list(how) == [layer.name for layer in analysis.network.layers]

    def test_torch_is_as_it_was(self):
        def now():
            return [getattr(owner, name) for owner, names in spelling.NAMES.values() for name in names]

        before, own = now(), set(vars(torch.Tensor))
        with spelling.listening():
            assert F.relu is not before[0] and now() != before
        with pytest.raises(ZeroDivisionError), spelling.listening():
            raise ZeroDivisionError
        assert all(a == b for a, b in zip(now(), before, strict=True)) and set(vars(torch.Tensor)) == own


class TestHooks:
    def test_whatever_a_counter_replaces_is_listened_to(self):
        known = {f"{place}.{name}" for place, (_, names) in spelling.NAMES.items() for name in names}
        for seeing in hooks.table().values():
            assert set(seeing.functions) <= known

    def test_conventions_and_modules_exist(self):
        assert set(hooks.table()) == set(conventions.table()) - {"keras"}
        for seeing in hooks.table().values():
            names = {name.partition("/")[0].partition("(")[0] for name in seeing.modules} | set(seeing.whole)
            assert all(hasattr(torch.nn, name[3:]) for name in names if name.startswith("nn."))

    def network(self, analyze):
        return analyze("name: net\ninput: [4, 8, 8]\nlayers:\n  - global_avg_pool\n  - linear: {out: 3}\n").network

    def test_what_is_left_is_said_to_be_left(self, analyze):
        network = self.network(analyze)
        pool, linear = (layer.name for layer in network.layers)
        how = {
            pool: Writing("mean", (), ("net.Net",), "written as x.mean"),
            linear: Writing("linear", ("F.linear",), ("nn.Linear",), "written as nn.Linear"),
        }
        counted = conventions.find("thop").total(network)
        found = next(rows(network, [Count("thop", "", counted - 260 + 1)], how))
        assert found.unexplained == 1 and found.verdict == "differs" and not found.remarks
        assert [cause.count for cause in found.causes] == [-(4 * 8 * 8 + 4)]
        assert next(rows(network, [Count("thop", "", counted - 260)], how)).verdict == "explained"

    def test_without_a_writing_nothing_is_known_and_little_is_guessed(self, analyze):
        network = self.network(analyze)
        found = next(rows(network, [Count("thop", "", conventions.find("thop").total(network) - 260)]))
        assert found.verdict == "differs" and not found.causes and "called as a function" in found.remarks[0]

    def test_functions_that_nobody_has_looked_at(self, analyze):
        network = self.network(analyze)
        linear = network.layers[1]
        how = Writing("linear", ("F.interpolate",), ("net.Net",), "written as F.interpolate")
        seeing = hooks.hooks("calflops")
        assert seeing.seen(conventions.find("calflops"), linear, network, how) is None
        assert causes_of(conventions.find("calflops"), network, {linear.name: how}) == ()

    def test_sizes_compared_from_the_wrong_end(self, analyze):
        """[1, 16, 8] times [8]: ptflops 0.7.5 and calflops 0.3.2 take it for 8 × 16 × 8, deepspeed does not."""
        text = "name: net\ninput: [16, 8]\nlayers:\n  - relu\n  - multiply: {from: [relu, input]}\n"
        network = analyze(text).network
        layer = network.layers[1]
        operands = ((1, 16, 8), (8,))
        how = Writing("mul", ("Tensor.mul",), ("net.Net",), "written as x.mul", operands=operands)
        for name, count in (("ptflops", 1024), ("calflops", 1024), ("deepspeed", 128)):
            assert hooks.hooks(name).seen(conventions.find(name), layer, network, how) == count

    def test_a_hook_around_hides_those_inside(self, analyze):
        network = self.network(analyze)
        linear = network.layers[1]
        around = ("timm.models.vision_transformer.VisionTransformer", "timm.layers.attention.Attention")
        how = Writing("linear", ("F.linear",), ("nn.Linear",), "written as nn.Linear", around=around)
        (cause,) = causes_of(conventions.find("ptflops"), network, {linear.name: how})
        assert cause.count == -15 and "inside Attention, whose hook stands for all inside" in cause.remark


class TestTraced:
    """Operators that are known as they were traced alone."""

    def test_those_without_a_rule_are_named(self, run):
        layers = "  - traced: {operator: lstm, reads: [[4, 4]], sizes: [4, 4], macs: 9}\n"
        layers += "  - traced: {operator: instance_norm, reads: [[4, 4]], sizes: [4, 4]}\n"
        text = f"name: net\ninput: [4, 4]\nlayers:\n{layers}"
        Path("net.yaml").write_text(text)
        shown = run("analyze", "net.yaml", "--convention", "thop", "--format", "json").stdout
        assert json.loads(shown)["totals"]["uncounted"] == ["lstm"]
        assert "– (no rule for lstm)" in run("analyze", "net.yaml", "--convention", "thop").stdout

    @pytest.fixture(autouse=True)
    def here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    @pytest.mark.parametrize("name", ["calflops_macs", "deepspeed_macs", "ptflops_aten", "flop_counter"])
    def test_what_counts_macs_alone_counts_nothing_where_there_are_none(self, analyze, name):
        """Whatever the operator is."""
        text = "name: net\ninput: [4, 4]\nlayers:\n  - traced: {operator: unheard_of, reads: [[4, 4]], sizes: [4, 4]}\n"
        assert analyze(text).counted(name) == 0 and analyze(text).uncounted("fvcore") == ("unheard_of",)

    def test_biases_of_convolutions(self):
        """Traced as they are used again, or along one axis: 6 × 16 × 16 and 4 × 256 sums."""
        analysis = written("Odd", "3x16x16")[0]
        traced = {layer.op.operator: layer.op.biases for layer in analysis.network.layers if layer.kind == "traced"}
        assert {name: n for name, n in traced.items() if n} == {"conv2d": 6 * 16 * 16, "conv1d": 4 * 256}
