"""Crosscheck: the counters installed with the tests, stand-ins that misbehave, and the laws of explanations."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
import tomllib
import types
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import archcost
from archcost.analysis import conventions
from archcost.analysis.crosscheck import Count, Crosscheck, rows, terms
from archcost.analysis.hooks import Writing
from archcost.api import Model
from archcost.errors import ArchcostError
from archcost.live import counters as registry
from archcost.live import crosscheck as live
from archcost.live.counters import Counter
from archcost.live.counting import described
from archcost.reports import crosscheck as report
from archcost.spec.document import parse

pytest.importorskip("torch")

ROOT = Path(__file__).parents[1]
TINY = """
name: tiny
input: [3, 8, 8]
layers:
  - conv: {out: 4, kernel: 3}
  - batch_norm
  - relu
  - global_avg_pool
"""
TINY_MACS = 27 * 4 * 64
STAND_INS = """
import os, signal, sys, time
import torch
from torch.nn import functional as F
from archcost.live.counters import Figure

def wrong(model, inputs): return {"thop": 5}
def text(model, inputs): return {"thop": "4.1 GMac"}
def negative(model, inputs): return {"thop": -5}
def fraction(model, inputs): return {"thop": 1.5}
def nothing(model, inputs): return {}
def not_a_number(model, inputs): return {"thop": float("nan")}
def yes(model, inputs): return {"thop": True}
def raises(model, inputs): raise ValueError("no such layer\\nand more")
def leaves(model, inputs): sys.exit(3)
def crashes(model, inputs): os.kill(os.getpid(), signal.SIGSEGV)
def stops(model, inputs): os._exit(7)
def prints(model, inputs):
    os.write(1, b"x" * 1_000_000)
    print("4 GMac", flush=True)
    print("warning", file=sys.stderr, flush=True)
    return {"thop": Figure(torch.tensor(7), "only a part", {"of sizes": 2})}
def patches(model, inputs):
    import json
    json.dumps = None
    os.replace = None
    F.conv2d = torch.conv2d = None
    torch.nn.Module.__call__ = None
    for p in model.parameters():
        p.data.zero_()
    return {"thop": 6.0}
def notes(model, inputs):
    assert torch.is_grad_enabled() and not any(m.training for m in model.modules())
    return {"thop": sum(x.numel() for x in inputs)}
"""


def stand_in(folder, name):
    (folder / f"stand_in_{name}.py").write_text(f"{STAND_INS}\ncount = {name}\n")
    return Counter(name, f"stand_in_{name}", ("torch",), ("thop",))


@pytest.fixture
def standing_in(tmp_path, monkeypatch):
    """Runs stand-ins on the tiny spec."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def run(*names, limit=120.0):
        analysis = Model(parse(TINY, "spec.yaml"), {}).analyze()
        make = partial(described, "spec.yaml", TINY, analysis.settings)
        found = live.counted(make, [stand_in(tmp_path, name) for name in names], limit, at_once=2)
        return dict(zip(names, found, strict=True))

    return run


class TestRegistry:
    def test_every_convention_has_its_counter(self):
        has = {name for counter in registry.counters().values() for name in counter.conventions}
        assert has == set(conventions.table()) - {"keras"}

    def test_the_extra_installs_all_of_them(self):
        extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["counters"]
        listed = {re.split("[>=<]", line)[0] for line in extra}
        needs = {name for counter in registry.counters().values() for name in counter.needs}
        assert needs - {"torch"} <= listed and not any(line.startswith("torch>") for line in extra)

    def test_listing_them_imports_none(self):
        code = (
            "import sys; from archcost.live.counters import counters; print(len(counters()));"
            "print([m for m in ('torch', 'fvcore', 'thop') if m in sys.modules])"
        )
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert shown.split("\n")[:2] == [str(len(registry.counters())), "[]"]

    def test_a_conventions_name_stands_for_its_counter(self):
        assert [counter.name for counter in registry.chosen(["calflops-MACs", "calflops"])] == ["calflops"]

    def test_what_it_needs_must_be_there_too(self):
        assert Counter("x", "x", ("torch", "no-such-distribution"), ()).version is None
        assert Counter("x", "x", ("torch",), ()).version


class TestTerms:
    @pytest.mark.parametrize("name", conventions.table())
    @pytest.mark.parametrize("spec", ["mobilenetv1", "mobilenetv3_small", "resnet50", "vit_b_16", "convnext_tiny"])
    def test_they_sum_to_what_is_counted(self, name, spec):
        analysis = archcost.analyze(spec)
        convention = conventions.find(name)
        found = terms(convention, analysis.network)
        assert found[0].count == (analysis.macs if convention.unit == "mac" else analysis.flops)
        assert all(term.count for term in found) and len({term.name for term in found}) == len(found)
        known = [convention.value(layer, analysis.network) for layer in analysis.network.layers]
        assert sum(term.count for term in found) == sum(count for count in known if count is not None)
        if analysis.counted(name) is not None:
            assert sum(term.count for term in found) == analysis.counted(name)

    def test_thop_on_mobilenet(self):
        found = terms(conventions.find("thop"), archcost.analyze("mobilenetv1").network)
        assert [(term.name, term.count) for term in found] == [
            ("macs", 568_740_352), ("batch norm", 20_170_752), ("pooling", 51_200), ("softmax", 2_999),
        ]  # fmt: skip

    def test_what_has_no_rule_is_taken_out_by_name(self):
        network = archcost.analyze("vit_b_16").network
        found = {term.name: term.count for term in terms(conventions.find("thop"), network)}
        assert found["attention without a rule"] == -sum(
            layer.cost.macs.value for layer in network.layers if layer.kind == "attention"
        )

    def test_transposed_convolutions_overcounted(self, analyze):
        network = analyze(
            "name: up\ninput: [4, 6, 6]\nlayers:\n  - conv_transpose: {out: 2, kernel: 2, stride: 2, bias: false}\n"
        ).network
        macs = 4 * 4 * 2 * 36
        found = terms(conventions.find("thop"), network)
        assert [(term.name, term.count) for term in found] == [("macs", macs), ("transposed convolutions", 3 * macs)]


class TestVerdicts:
    def of(self, count, spec="mobilenetv2"):
        network = archcost.analyze(spec).network
        pools = [layer.name for layer in network.layers if layer.kind == "global_avg_pool"]
        how = dict.fromkeys(
            pools, Writing("adaptive_avg_pool2d", ("F.adaptive_avg_pool2d",), ("net.Net",), "a function")
        )
        return next(rows(network, [count], how if spec == "mobilenetv2" else None))

    @pytest.mark.parametrize(
        ("figure", "verdict", "ok"),
        [
            (327_550_720, "equal", True),
            (327_486_720, "explained", True),
            (1, "differs", False),
            (None, "failed", False),
        ],
    )
    def test_each(self, figure, verdict, ok):
        row = self.of(Count("thop", "0.1.1.post2209072238", figure, "" if figure else "it broke"))
        assert row.verdict == verdict
        assert Crosscheck(archcost.analyze("mobilenetv2"), "", (row,)).ok == ok

    def test_without_a_rule_nothing_is_held_against_it(self):
        row = self.of(Count("thop", "0.1.1.post2209072238", 11_286_254_592), "vit_b_16")
        assert row.verdict == "no rule" and row.difference is None
        said = report.why(row)
        assert "less than this part" in " ".join(said) and "nothing of nn.MultiheadAttention" in " ".join(said)

    def test_other_versions_are_named_where_figures_differ(self):
        old, new = (self.of(Count("thop", version, 1)) for version in ("0.0.31", "0.1.1.post2209072238"))
        assert "this is version 0.0.31" in report.why(old)[-1] and "this is version" not in str(report.why(new))
        assert not self.of(Count("flop_counter", "2.13.0+cpu", 1)).other_version


class TestHostile:
    def test_answers_that_are_no_counts(self, standing_in):
        names = ("text", "negative", "fraction", "nothing", "not_a_number", "yes")
        found = standing_in(*names)
        assert all(count.figure is None for count in found.values())
        said = {name: count.failure for name, count in found.items()}
        assert said["text"] == "no number: '4.1 GMac'" and said["negative"] == "no number: -5"
        assert said["fraction"] == "no number: 1.5" and said["not_a_number"] == "no number: nan"
        assert said["nothing"] == "no figure came back" and said["yes"] == "no number: True"

    def test_crashes_and_the_others_go_on(self, standing_in):
        found = standing_in("raises", "leaves", "crashes", "stops", "wrong")
        assert found["wrong"].figure == 5
        said = {name: count.failure for name, count in found.items()}
        assert said["raises"] == "ValueError: no such layer" and said["leaves"] == "SystemExit: 3"
        assert said["crashes"] == "its process was ended by SIGSEGV without a figure"
        assert said["stops"] == "its process ended (exit code 7) without a figure"

    def test_an_interpreter_that_does_not_get_far(self, standing_in, monkeypatch):
        monkeypatch.setattr(live, "_RUN", "import no_such_module")
        failure = standing_in("wrong")["wrong"].failure
        assert failure.startswith("its process ended (exit code 1)") and failure.endswith("'no_such_module'")

    def test_noise_and_patches_stay_where_they_are(self, standing_in, capfd):
        from torch.nn import functional as F

        before = F.conv2d
        found = standing_in("prints", "patches", "notes")
        assert (found["prints"].figure, found["prints"].note) == (7, "only a part")
        assert found["prints"].asides == {"of sizes": 2} and found["notes"].asides == {}
        assert found["patches"].figure == 6 and found["notes"].figure == 3 * 8 * 8
        assert F.conv2d is before and capfd.readouterr() == ("", "")

    def test_what_hangs_is_ended_with_all_it_started(self, standing_in, tmp_path, monkeypatch):
        """In the place of the counting process: one that starts another, and waits for ever."""
        pid = tmp_path / "pid"
        code = (
            "import os, pathlib, subprocess, sys, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
            f"pathlib.Path({str(pid)!r}).write_text(str(child.pid))\n"
            "time.sleep(1000)\n"
        )
        monkeypatch.setattr(live, "_RUN", code)
        found = standing_in("wrong", limit=5.0)
        assert found["wrong"].failure == "no figure after 5 s" and found["wrong"].figure is None
        assert ended(int(pid.read_text()))

    def test_interrupted_it_leaves_nothing(self, standing_in, tmp_path, monkeypatch):
        started = []
        usual = live._Process.started

        def interrupted(*given):
            started.append(usual(*given))
            if len(started) == 2:
                raise KeyboardInterrupt
            return started[-1]

        monkeypatch.setattr(live, "_RUN", "import time; time.sleep(1000)")
        monkeypatch.setattr(live._Process, "started", interrupted)
        with pytest.raises(KeyboardInterrupt):
            standing_in("wrong", "text")
        assert started[0].child.poll() is not None
        started[1].end()

    def test_folders_are_gone(self, standing_in, tmp_path, monkeypatch):
        import tempfile

        room = tmp_path / "temporary"
        room.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(room))
        standing_in("wrong")
        assert list(room.iterdir()) == []


def ended(pid):
    """Whether a process is gone, or about to be: its parent may not have been told yet."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z":
            return True
        time.sleep(0.05)
    return False


NET = """
import torch
from torch import nn
from torch.nn import functional as F

class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, 5)
    def forward(self, x):
        return self.head(F.adaptive_avg_pool2d(F.relu(self.norm(self.conv(x))), 1).flatten(1))

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 4), nn.Linear(6, 4)
    def forward(self, x, y):
        return self.a(x) + self.b(y)

def build(width=8):
    return Net(width)
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    """A folder with a module of models, which is the current one."""
    (tmp_path / "nets_of_mine.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("nets_of_mine", None)


class TestCommand:
    LIVE = ("--only", "fvcore,flop_counter", "--jobs", "2", "--format", "json")

    def test_a_spec(self, run):
        result = run("crosscheck", "mobilenetv2@alpha=0.35", "--resolution", "64", *self.LIVE, "--strict")
        data = json.loads(result.stdout)
        assert result.exit_code == 0 and data["ok"] and data["model"] is None
        analysis = archcost.analyze("mobilenetv2@alpha=0.35", resolution=64)
        assert data["macs"] == analysis.macs
        assert {row["counter"]: row["figure"] for row in data["counters"]} == {
            name: analysis.counted(name) for name in ("fvcore", "flop_counter")
        }
        assert all(row["verdict"] == "equal" and row["difference"] == 0 for row in data["counters"])
        assert all(sum(term["count"] for term in row["terms"]) == row["archcost"] for row in data["counters"])

    def test_the_users_own_model(self, run, net):
        """Its own code runs, not what archcost builds of the spec."""
        result = run("crosscheck", "nets_of_mine:build", "--input", "3x16x16", "--kwargs", "width=6", *self.LIVE)
        data = json.loads(result.stdout)
        assert data["model"] == "nets_of_mine:build?input=3x16x16&width=6"
        assert {row["counter"]: row["figure"] for row in data["counters"]} == {
            "fvcore": 27 * 6 * 256 + 2 * 6 * 256 + 6 * 256 + 30, "flop_counter": 2 * (27 * 6 * 256 + 30),
        }  # fmt: skip
        assert data["ok"] and {path.name for path in Path().iterdir()} <= {"nets_of_mine.py", "__pycache__"}

    def test_at_another_size_it_is_still_the_model_and_at_another_width_not(self, run, net):
        name = "nets_of_mine:Net?input=3x16x16"
        larger = json.loads(run("crosscheck", name, "--resolution", "24", *self.LIVE).stdout)
        wider = json.loads(run("crosscheck", name, "--alpha", "2", *self.LIVE).stdout)
        assert larger["model"] == "nets_of_mine:Net?input=3x24x24" and wider["model"] is None
        assert larger["ok"] and wider["ok"] and wider["macs"] == 27 * 16 * 256 + 16 * 5

    def test_two_inputs(self, run, net):
        data = json.loads(run("crosscheck", "nets_of_mine:Two", "--input", "8", "--input", "6", *self.LIVE).stdout)
        assert data["ok"] and data["macs"] == 8 * 4 + 6 * 4 and len(data["counters"]) == 2

    def test_a_model_of_torchvision(self, run, tmp_path, monkeypatch):
        """Its squeeze-and-excite pools are modules, its last one too."""
        stand_in = "torchvision._meta_registrations"  # as in the other tests, and here for the counters' processes
        (tmp_path / "sitecustomize.py").write_text(
            f"import sys, types\nsys.modules[{stand_in!r}] = types.ModuleType('')\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        sys.modules.setdefault(stand_in, types.ModuleType(stand_in))
        pytest.importorskip("torchvision")
        result = run("crosscheck", "torchvision:mobilenet_v3_small", "--resolution", "64", *self.LIVE, "--strict")
        data = json.loads(result.stdout)
        assert result.exit_code == 0 and [row["verdict"] for row in data["counters"]] == ["equal"] * 2
        assert data["model"] == "torchvision:mobilenet_v3_small?input=3x64x64"

    def test_attention_runs_as_the_counter_would_run_it(self, run, tmp_path, monkeypatch):
        """Where gradients are off, torch runs nn.MultiheadAttention as one function that no counter sees into: fvcore
        called as its README has it prints 24,240 (figures/written.csv)."""
        monkeypatch.syspath_prepend(str(ROOT / "tests"))
        monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
        data = json.loads(run("crosscheck", "written_nets:Multihead", "--input", "10x24", *self.LIVE).stdout)
        assert {row["counter"]: (row["figure"], row["verdict"]) for row in data["counters"]} == {
            "fvcore": (24_240, "equal"), "flop_counter": (58_080, "equal"),
        }  # fmt: skip

    def test_what_is_known_of_a_difference_adds_up(self, run, tmp_path, monkeypatch):
        """20 × 8 × 8 inputs of a pool that is an x.mean."""
        monkeypatch.syspath_prepend(str(ROOT / "tests"))
        monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
        words = ("crosscheck", "written_nets:Gated", "--input", "3x32x32", "--only", "fvcore")
        (row,) = json.loads(run(*words, "--format", "json").stdout)["counters"]
        assert (row["verdict"], row["difference"], row["unexplained"]) == ("explained", -1280, 0)
        assert row["causes"] == [
            {
                "remark": "written as x.mean, of which fvcore counts nothing",
                "parts": [{"name": "pooling", "count": -1280}],
            }
        ]
        assert "    -1,280 pooling: written as x.mean, of which fvcore counts nothing" in run(*words).stdout

    @pytest.fixture
    def wrong(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        found = {"thop": stand_in(tmp_path, "wrong"), "gone": Counter("gone", "gone", ("no-such-thing",), ())}
        monkeypatch.setattr(registry, "counters", lambda: found)
        path = tmp_path / "tiny.yaml"
        path.write_text(TINY)
        return path

    def test_strict(self, run, wrong):
        assert run("crosscheck", wrong).exit_code == 0
        result = run("crosscheck", wrong, "--strict")
        assert result.exit_code == 1 and "differs" in result.stdout

    def test_every_form(self, run, wrong):
        counted = TINY_MACS + 4 * 256 + 256 + 4
        shown = run("crosscheck", wrong).stdout
        assert f"thop: {counted:,} mac = macs {TINY_MACS:,} + batch norm 1,024 + pooling 260" in shown
        assert f"it gives 5, {counted - 5:,} less" in shown and "\N{NO-BREAK SPACE}" not in shown
        assert "Not installed: gone. All: pip install 'archcost[counters]'" in shown
        (row,) = csv.DictReader(io.StringIO(run("crosscheck", wrong, "--format", "csv").stdout))
        assert (row["figure"], row["archcost"], row["difference"]) == ("5", str(counted), str(5 - counted))
        assert row["terms"] == f"macs {TINY_MACS}; batch norm 1024; pooling 260"
        assert f"| {counted:,} |" in run("crosscheck", wrong, "--format", "markdown").stdout
        data = json.loads(run("crosscheck", wrong, "--format", "json").stdout)
        assert data["not_installed"] == ["gone"] and not data["ok"]

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["mobilenetv1", "--only", "thopp"], "unknown counter `thopp`; did you mean `thop`?"),
            (["mobilenetv1", "--only", ""], "unknown counter ``"),
            (["mobilenetv1", "--time-limit", "0"], "give seconds, above 0"),
            (["mobilenetv1", "--time-limit", "nan"], "give seconds, above 0"),
            (["mobilenetv1", "--time-limit", "-1"], "give seconds, above 0"),
            (["mobilenetv1", "--jobs", "0"], "--jobs"),
            (["no_such_spec"], "no_such_spec"),
            (["nobody.has:this", "--input", "3x4x4"], "there is no module"),
            (["mobilenetv1", "--alpha", "-1"], "alpha"),
        ],
    )
    def test_bad_input_exits_2(self, run, words, said):
        result = run("crosscheck", *words)
        assert result.exit_code == 2 and said in result.stderr and result.stdout == ""

    def test_none_of_those_asked_for_is_installed(self, run, wrong):
        result = run("crosscheck", wrong, "--only", "gone")
        assert result.exit_code == 2 and "pip install 'archcost[counters]'" in result.stderr

    def test_a_spec_of_which_no_module_can_be_made(self, run, spec_file):
        path = spec_file(
            "name: net\ninput: [4, 4]\nlayers:\n  - traced: {operator: bmm, reads: [[4, 4]], sizes: [4, 4], macs: 10}\n"
        )
        result = run("crosscheck", path, "--only", "fvcore")
        assert result.exit_code == 2 and "run the model that it was imported from" in result.stderr

    @pytest.mark.parametrize("width", [60, 80, 120])
    def test_it_fits_the_terminal(self, width):
        analysis = archcost.analyze("vit_b_16")
        counts = [Count(name, "1.2.3.post2209072238", 10**10) for name in conventions.table() if name != "keras"]
        found = Crosscheck(analysis, "torchvision:vit_b_16", tuple(rows(analysis.network, counts)), ("thop",), "pip …")
        assert max(map(len, report.text(found, width).split("\n"))) <= width

    def test_python(self):
        with pytest.raises(ArchcostError, match="did you mean `fvcore`"):
            archcost.analyze("mobilenetv1").crosscheck(["fvcor"])
        with pytest.raises(ArchcostError, match="one model"):
            archcost.analyze("mobilenetv1", alpha=np.array([0.5, 1])).crosscheck(["fvcore"])
