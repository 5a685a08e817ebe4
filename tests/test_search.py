"""The command: its contract, its limits, its answers against brute force, bad input."""

from __future__ import annotations

import csv
import io
import itertools
import json
import sys

import numpy as np
import pytest

import archcost
from archcost.accuracy import costs, model
from archcost.accuracy.published import everything
from archcost.api.question import constraints_of, question_of
from archcost.dims import as_float
from archcost.errors import ArchcostError
from archcost.graph import build
from archcost.latency.subject import digest
from archcost.search.answer import answer
from archcost.spec import document, zoo
from archcost.spec import document as documents
from archcost.spec.settings import settle

ROW = {
    "spec", "alpha", "resolution", "parameters", "macs", "params", "weight_bytes", "peak_activation_bytes",
    "accuracy", "accuracy_low", "accuracy_high", "published", "extrapolated",
    "predicted_ms", "predicted_low_ms", "predicted_high_ms", "measured_ms",
}  # fmt: skip


def found(run, *words):
    done = run("search", *words, "--format", "json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def variants():
    """The default space, each variant analysed by itself."""
    known = model.of(document.read(zoo.find("mobilenetv1")))
    rows = []
    for percent in range(25, 101):
        for size in range(128, 225, 16):
            one = archcost.analyze("mobilenetv1", alpha=f"{percent / 100:.2f}", resolution=size)
            rows.append((float(known.settings(one.settings).value), one.macs, one.params, percent / 100, size))
    return rows


@pytest.mark.parametrize("budget", range(20, 601, 20))
def test_each_budget_has_the_winner_of_brute_force(variants, budget):
    fitting = [row for row in variants if row[1] <= budget * 1e6]
    best = min((-accuracy, macs, params, alpha, size) for accuracy, macs, params, alpha, size in fitting)
    told = answer(question_of(["mobilenetv1"], {"budget": f"{budget}M"}))
    settings = told.settings(told.winner)
    assert (as_float(settings.alpha), settings.resolution) == (best[3], (best[4], best[4]))


def test_the_json_is_the_contract(run):
    told = found(run, "--budget", "300M")
    assert told["specs"] == ["mobilenetv1"] and told["exact"] is True
    assert told["space_size"] == told["distinct"] == 532 and told["feasible"] == 455
    assert set(told["winner"]) == ROW | {"used"} and all(set(row) == ROW for row in told["front"])
    assert (told["winner"]["alpha"], told["winner"]["resolution"]) == (0.84, [192, 192])
    assert told["winner"]["macs"] == archcost.analyze("mobilenetv1", alpha=0.84, resolution=192).macs
    assert told["constraints"] == {"macs": 300_000_000} and told["binding"] == "macs"
    assert told["winner"]["measured_ms"] is None and told["winner"]["predicted_ms"] is None
    accuracies = [row["accuracy"] for row in told["front"]]
    assert accuracies == sorted(accuracies, reverse=True)
    assert [row["macs"] for row in told["front"]] == sorted((row["macs"] for row in told["front"]), reverse=True)


def test_the_front_is_what_nothing_beats(run, variants):
    told = found(run, "--budget", "200M")
    fitting = [(accuracy, macs) for accuracy, macs, *_ in variants if macs <= 200e6]
    front = {
        (round(a, 4), m) for a, m in fitting if not any(b >= a and n <= m and (b > a or n < m) for b, n in fitting)
    }
    assert {(row["accuracy"], row["macs"]) for row in told["front"]} == front


def test_a_table_a_csv_and_markdown_say_the_same(run):
    table = run("search", "--budget", "300M", "--top", 4).stdout
    assert "0.84" in table and "this limit binds" in table and "the exact optimum" in table
    assert "68.3 ± 0.3" in table and "Published networks within the same limits" in table
    assert "| ▸ mobilenetv1 | 0.84 |" in run("search", "--budget", "300M", "--format", "markdown").stdout
    rows = list(csv.DictReader(io.StringIO(run("search", "--budget", "300M", "--format", "csv").stdout)))
    assert rows[0]["alpha"] == "0.84" and rows[0]["resolution"] == "192" and len(rows) == 109


def test_the_networks_shown_are_spread_over_the_costs(run):
    lines = [line.split() for line in run("search", "--budget", "300M", "--top", "6").output.splitlines()]
    macs = [float(line[3 + (line[0] == "▸")]) for line in lines if "mobilenetv1" in line[:2] and len(line) > 8]
    steps = [one / next_ for one, next_ in itertools.pairwise(macs)]
    assert len(macs) == 6 and macs[0] == 296 and macs[-1] == 13.6
    assert max(steps) / min(steps) < 1.3


def test_every_declared_choice_is_searched_unless_the_spec_says_otherwise(run, tmp_path):
    spec = tmp_path / "own.yaml"
    text = (
        "name: own\ninput: [3, 32, 32]\n{}parameters:\n  w: {{default: 8, choices: [8, 16]}}\n  free: 3\n"
        "  kernel: {{default: 3, choices: [3, 5, 7]}}\nlayers:\n  - conv: {{out: $w, kernel: $kernel}}\n"
        "  - conv: {{out: $free, kernel: 1}}\n"
    )
    spec.write_text(text.format(""))
    asked = ("--maximize", "macs", "--alpha", "1", "--resolution", "32")
    told = found(run, spec, *asked)
    assert told["space_size"] == 6 and told["winner"]["parameters"] == {"w": 16, "free": 3, "kernel": 7}
    assert found(run, spec, *asked, "--set", "w=8", "--set", "free=1:4")["space_size"] == 12
    spec.write_text(text.format("space: {kernel: 3}\n"))
    assert found(run, spec, *asked)["space_size"] == 2
    assert found(run, f"{spec}@w=8", *asked)["space_size"] == 1


def test_several_specs_and_single_published_points(run):
    told = found(run, "mobilenetv1", "mobilenetv2", "mobilenetv3_large", "--budget", "300M")
    assert told["winner"]["spec"] == "mobilenetv3_large"
    assert told["winner"]["published"] == told["winner"]["accuracy"] == 75.2
    assert {row["spec"] for row in told["front"]} > {"mobilenetv3_large"}


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["--max-params", "2M"], "params"),
        (["--max-weights", "6MiB"], "weight_bytes"),
        (["--max-peak-memory", "1MiB"], "peak_activation_bytes"),
    ],
)
def test_every_limit_is_kept_and_binds(run, words, key):
    told = found(run, *words)
    assert told["binding"] == key and told["winner"][key] <= told["constraints"][key]
    assert 0.95 < told["winner"]["used"][key] <= 1


def test_the_cheapest_that_is_accurate_enough(run, variants):
    told = found(run, "--min-accuracy", "70%")
    assert told["winner"]["macs"] == min(macs for accuracy, macs, *_ in variants if accuracy >= 70)


def test_latency_that_is_predicted(run):
    told = found(run, "--budget", "300M", "--device", "rk3399-tflite", "--max-latency", "55ms")
    assert told["winner"]["predicted_ms"] <= 55 and told["winner"]["measured_ms"] is None
    assert told["objectives"] == ["accuracy", "seconds"] and told["constraints"]["latency_ms"] == 55
    table = run("search", "--budget", "300M", "--device", "rk3399-tflite", "--max-latency", "55ms").stdout
    assert "none was measured" in table and "predicted" in table


def test_the_folder_holds_a_concrete_winner(run, tmp_path):
    folder = tmp_path / "best"
    assert run("search", "--budget", "150M", "--out", folder).exit_code == 0
    told = json.loads((folder / "result.json").read_text())
    winner = archcost.load(folder / "winner.yaml").analyze()
    assert winner.macs == told["winner"]["macs"] and winner.params == told["winner"]["params"]
    own = archcost.analyze("mobilenetv1", alpha=told["winner"]["alpha"], resolution=told["winner"]["resolution"])
    assert digest(winner.network) == digest(own.network)
    front = csv.DictReader(io.StringIO((folder / "front.csv").read_text()))
    assert len(list(front)) == len(told["front"])


def test_alphas_that_round_to_one_network_are_one(run):
    told = found(run, "mobilenetv2", "--alpha", "0.30:0.36:0.01", "--resolution", "224")
    assert told["space_size"] == 7 > told["distinct"]
    assert 0.35 in [row["alpha"] for row in told["front"]]  # the published one stands for its class


def test_a_spec_has_a_space_of_its_own(run, tmp_path):
    spec = tmp_path / "own.yaml"
    spec.write_text(
        "name: own\ninput: [3, 32, 32]\nparameters: {w: {default: 8, choices: [8, 16]}}\n"
        "space: {alpha: [0.5, 1], resolution: '32:48:16', w: [8, 16]}\nlayers:\n  - conv: {out: $w, kernel: 3}\n"
    )
    told = found(run, spec, "--budget", "1M", "--maximize", "macs")
    assert told["space_size"] == 8
    assert told["winner"]["macs"] == max(
        macs
        for a in (0.5, 1) for r in (32, 48) for w in (8, 16)
        if (macs := archcost.analyze(spec, alpha=a, resolution=r, parameters={"w": w}).macs) <= 1e6
    )  # fmt: skip
    assert found(run, spec, "--budget", "1M", "--maximize", "macs", "--set", "w=8")["space_size"] == 4


def test_an_own_table_of_accuracies(run, tmp_path):
    table = tmp_path / "own.csv"
    table.write_text("spec,alpha,resolution,accuracy\nresnet18,1,224,70\nresnet18,0.5,224,60\n")
    told = found(run, "resnet18", "--alpha", "0.5,1", "--resolution", "224", "--accuracy", table, "--budget", "1G")
    assert told["winner"]["accuracy"] == 60
    assert told["published"] == []  # on whatever data that was
    assert told["unknown"] == 0


ROUNDED = """name: rounded
input: [3, 64, 64]
scaling: {round: nearest, multiple: 8, minimum: 8}
parameters:
  depth: {default: 1, choices: [1, 2, 3]}
  unused: {default: plain, choices: [plain, other]}
  share: {default: 1, choices: [0.5, 1, 1.001]}
layers:
  - conv: {out: 16, kernel: 3, stride: 2}
  - {conv: {out: 24 * $share, kernel: 3}, repeat: $depth}
"""


@pytest.mark.parametrize("step", ["0.01", "0.0001"])
def test_networks_that_parameters_make_alike_are_one(run, tmp_path, step):
    """In small grids and in such as are costed one combination at a time."""
    spec = tmp_path / "rounded.yaml"
    spec.write_text(ROUNDED)
    document = documents.read(spec)
    told = found(run, spec, "--maximize", "macs", "--resolution", "64", "--alpha", f"0.25:1:{step}")
    digests = {
        digest(build(document, settle(document, alpha=f"{a / 100}", parameters={"depth": depth, "share": share})))
        for a in range(25, 101) for depth in (1, 2, 3) for share in (0.5, 1, 1.001)
    }  # fmt: skip
    assert told["distinct"] == told["feasible"] == len(digests)
    assert len({(row["macs"], row["params"]) for row in told["front"]}) == len(told["front"])


def test_the_command_is_asked_once_for_each_network(run, tmp_path):
    spec, log = tmp_path / "rounded.yaml", tmp_path / "log"
    spec.write_text(ROUNDED)
    script = tmp_path / "train.py"
    script.write_text(f"open({str(log)!r}, 'a').write('x')\nprint('{{\"accuracy\": 50}}')\n")
    words = [spec, "--resolution", "64", "--set", "share=1", "--store", tmp_path / "s.db"]
    words += ["--evaluate", f"{sys.executable} {script}", "--evaluations", "12"]
    told = found(run, *words)
    assert told["exact"] and told["evaluated"] == told["distinct"] == len(log.read_text()) == 12
    assert told["winner"]["alpha"] == 0.25 and told["equals_count"] == 11


def test_the_published_are_the_cheapest_where_that_is_asked_for(run):
    told = found(run, "--min-accuracy", "71")
    costs_ = [row["macs"] for row in told["published"]]
    assert costs_ == sorted(costs_) and told["published"][0]["spec"].startswith("mobilenetv3")
    assert "its published 70.90 % is below that" in run("search", "--min-accuracy", "71").output


def test_an_own_command(run, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "import sys, json\nif sys.argv[2] == '160': sys.exit(3)\n"
        "print(json.dumps({'accuracy': 50 * float(sys.argv[1]) + int(sys.argv[2]) / 20}))\n"
    )
    words = ["vgg16", "--alpha", "0.25,0.5", "--resolution", "128:192:32", "--budget", "5G"]
    words += ["--evaluate", f"python {script} {{alpha}} {{resolution}}", "--store", tmp_path / "s.db"]
    done = run("search", *words, "--format", "json")
    told = json.loads(done.stdout)
    assert told["exact"] and (told["evaluated"], told["failed"]) == (6, 2)
    assert told["winner"]["accuracy"] == pytest.approx(25 + 9.6)
    assert "exit code 3" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--budget", "300 apples"], "is no amount; write 300M, 1.5G or 0.3e9"),
        (["--budget", "-3M"], "must be greater than 0"),
        (["--budget", "1M"], "the cheapest, mobilenetv1 at α 0.25 at 128, has 13.6 M"),
        (["--budget", "300M", "--max-latency", "2ms"], "--max-latency needs --device"),
        (["--budget", "300M", "--max-latency", "2", "--device", "rk3399-tflite"], "write 2ms"),
        (["--budget", "300M", "--min-accuracy", "99"], "the most accurate"),
        (["--budget", "20M", "--min-accuracy", "60"], "looked at. Nearest: mobilenetv1 at α 0.64 at 128, with 77.9 M"),
        (["--max-params", "1"], "at most 1 parameters are asked for"),
        (["--evaluations", "5"], "name one (--evaluate)"),
        (["--time-limit", "5"], "name one (--evaluate)"),
        (["--measurements", "5"], "--device cpu or cuda"),
        (["--minutes", "5", "--device", "rk3399-tflite"], "--device cpu or cuda"),
        (["--mode", "graph"], "name one (--device)"),
        (["--resume"], "--out DIR"),
        (["--alpha", "1:0.5:0.1"], "empty range"),
        (["--device", "none-such"], "unknown device"),
        (["--maximize", "beauty"], "unknown objective"),
        (["--set", "depth=77"], "depth takes"),
        (["vgg16", "--budget", "5G"], "no accuracy is known"),
        (["no_such_net"], "no_such_net"),
        (["--space", "missing.yaml"], "no such file"),
        (["--budget", "300M", "--evaluate", "no-such-program {alpha}"], "there is no program"),
    ],
)
def test_bad_input(run, words, said):
    done = run("search", *words)
    assert done.exit_code == 2 and said in done.stderr and not done.stdout


def test_constraints_from_python():
    assert constraints_of({"budget": 3e8, "max_latency": 0.002}).seconds == 0.002
    with pytest.raises(ArchcostError, match="unknown limit"):
        constraints_of({"max_beauty": 3})


def test_the_costs_of_published_networks_are_those_of_the_analysis():
    assert {tuple(row[:4]): tuple(map(int, row[4:])) for row in costs.counted()} == {
        key: (cost.macs, cost.params, cost.buffers, cost.peak_elements) for key, cost in costs.known().items()
    }
    assert all(costs.name(point) in costs.known() for point in everything())
    assert np.all([cost.macs > 0 for cost in costs.known().values()])
