"""Searching on a device that answers from a formula: the front and the winner are those of the whole space."""

from __future__ import annotations

import hashlib
import random
import sys
from dataclasses import replace

import numpy as np
import pytest

import archcost
from archcost import dims
from archcost.accuracy import model
from archcost.accuracy.model import Estimate
from archcost.api import here
from archcost.api import timing as api_timing
from archcost.api.effort import Effort
from archcost.errors import ArchcostError
from archcost.graph import build
from archcost.latency import measurement, samples
from archcost.latency.bench import Bench
from archcost.latency.fit import GENERIC
from archcost.latency.measurement import Measurement
from archcost.latency.subject import digest
from archcost.search import enumeration, pareto
from archcost.search.answer import answer
from archcost.search.constraints import Constraints
from archcost.search.crew import InTurn
from archcost.search.enumeration import Scale
from archcost.search.question import Question
from archcost.search.space import Space
from archcost.search.timing import DONE, INTERRUPTED, LATE, SPENT, Timed, kernels
from archcost.search.timing import measured as searched
from archcost.spec import document as documents
from archcost.spec import ranges, zoo

RATES = GENERIC.rates(np.array([np.log(4e9), *(mean + 0.5 for mean, _ in GENERIC.priors.values())]), 4)
M = 1_000_000


def noise(name):
    """A few percent that belong to a network, the same each time."""
    return 1 + 0.02 * (int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32 - 0.5)


def seconds(network, batch=1):
    found = samples.one_network(network, batch, 4, "none").seconds(RATES)
    return float(found[0]) * noise(digest(network))


def question(
    alphas="0.25:1:0.15", sizes="128:224:96", objectives=("accuracy", "seconds"), name="mobilenetv1", **limits
):
    document = documents.read(zoo.find(name))
    space = Space.of(name, document, ranges.values(alphas, "α"), ranges.values(sizes, "size"), {})
    return Question([space], [model.of(document)], Constraints(**limits), objectives, Scale())


def begun(asked):
    """The answer before anything was measured."""
    untimed = here._untimed(asked)
    found = answer(untimed)
    found.question = asked
    return found


def truth(asked):
    """Every variant's accuracy and time, without any of the search's thinning."""
    space = asked.spaces[0]
    rows = [space.settings(number) for number in range(len(space))]
    times = [seconds(build(space.document, each)) for each in rows]
    accuracy = [float(asked.accuracies[0].settings(each).value) for each in rows]
    return np.array(accuracy), np.array(times)


def measured(found, measure, kind, recall=lambda table: {}, **more):
    """On one device, which is asked in turn."""

    def recalled(table):
        return {place: {"": seconds} for place, seconds in recall(table).items()}

    crew = InTurn(lambda job: measure(job.spec, job.network))
    return searched(found, [Timed("board", kind)], crew, recall=recalled, **more)


class Device:
    def __init__(self, broken=(), stop=None):
        self.asked, self.broken, self.stop = [], broken, stop

    def __call__(self, spec, network):
        self.asked.append(digest(network))
        if len(self.asked) == self.stop:
            raise KeyboardInterrupt
        return None if len(self.asked) in self.broken else seconds(network)


def figures(found):
    table = found.candidates
    return [(round(float(table.accuracy[p]), 6), float(table.measured[p])) for p in found.front]


@pytest.mark.parametrize("kept", [1000, 3])
def test_the_front_is_that_of_the_whole_space(monkeypatch, kept):
    monkeypatch.setattr(enumeration, "KEPT", kept)
    asked, device = question(), Device()
    found = measured(begun(asked), device, "cpu", budget=None)
    accuracy, times = truth(asked)
    on = pareto.front([-accuracy, times])
    expected = sorted(zip(accuracy[on].round(6), times[on], strict=True), reverse=True)
    assert [a for a, _ in figures(found)] == pytest.approx([a for a, _ in expected])
    assert [t for _, t in figures(found)] == pytest.approx([t for _, t in expected])
    assert found.exact and found.measuring.ended == DONE
    assert len(set(device.asked)) == len(device.asked) == found.measuring.done < len(times)


@pytest.mark.parametrize("kept", [1000, 2])
@pytest.mark.parametrize("share", [0.15, 0.5, 0.9])
def test_the_winner_under_a_limit_is_that_of_the_whole_space(monkeypatch, kept, share):
    monkeypatch.setattr(enumeration, "KEPT", kept)
    accuracy, times = truth(question())
    limit = float(np.quantile(times, share))
    found = measured(begun(question(seconds=limit)), Device(), "cuda", budget=None)
    assert found.candidates.accuracy[found.winner] == pytest.approx(accuracy[times <= limit].max())
    assert found.candidates.measured[found.winner] <= limit
    assert found.binding == "seconds"


class Tiny:
    """Accuracies by which standard convolutions lose a little to separable ones, which have fewer multiply-adds."""

    recipe, points, statement = "made up", (), "made up"

    def settings(self, settings):
        alpha = np.asarray(dims.as_float(settings.alpha), float)
        value = 60 + 10 * alpha - 0.1 * (np.asarray(settings.parameters["kind"]) == "dense")
        none = np.full(value.shape, np.nan)
        return Estimate(value, none, none, none, np.zeros(value.shape, bool))


KINDS = """name: kinds
input: [8, 32, 32]
parameters: {kind: {default: thin, choices: [thin, dense]}}
blocks:
  dense: [{conv: {out: 16, kernel: 3}}]
  thin: [{depthwise: {kernel: 3}}, {pointwise: {out: 16}}]
layers: [{$kind: {}, repeat: 6}]
"""


def test_a_space_is_weighed_beyond_what_mult_adds_say(monkeypatch):
    """On a device that is slow at depthwise convolutions, the front by time is not among the front by mult-adds."""
    monkeypatch.setattr(enumeration, "KEPT", 1)
    slow = replace(RATES, depthwise_macs_per_second=RATES.depthwise_macs_per_second / 300)
    document = documents.parse(KINDS, "kinds.yaml")
    alphas = ["0.5", "0.75", "1", "1.25", "1.5", "1.75", "2"]
    space = Space.of("kinds", document, alphas, ["32"], {"kind": ["thin", "dense"]})
    asked = Question([space], [Tiny()], Constraints(), ("accuracy", "seconds"), Scale())

    def measure(spec, network):
        return float(samples.one_network(network, 1, 4, "none").seconds(slow)[0])

    before = begun(asked)
    assert {before.settings(place).parameters["kind"] for place in range(len(before.candidates))} == {"thin"}
    found = measured(before, measure, "cpu", budget=None)
    rows = [space.settings(number) for number in range(len(space))]
    times = np.array([measure("", build(document, each)) for each in rows])
    accuracy = np.array([float(Tiny().settings(each).value) for each in rows])
    on = pareto.front([-accuracy, times])
    assert sum(rows[place].parameters["kind"] == "dense" for place in np.flatnonzero(on)) >= 6
    assert [t for _, t in figures(found)] == pytest.approx(sorted(times[on], reverse=True))
    assert found.exact and found.measuring.ended == DONE


def test_what_an_earlier_run_knows_is_not_measured_again():
    whole = measured(begun(question()), Device(), "cpu", budget=None)
    table = whole.candidates
    known = {(int(s), int(n)): float(t) for s, n, t in zip(table.space, table.number, table.measured, strict=True)}

    def recall(rows):
        keys = zip(rows.space.tolist(), rows.number.tolist(), strict=True)
        found = {place: known[key] for place, key in enumerate(keys) if key in known}
        return {place: t for place, t in found.items() if t == t}

    device = Device()
    again = measured(begun(question()), device, "cpu", recall=recall, budget=None)
    assert not device.asked and figures(again) == figures(whole)
    assert again.measuring.known == again.measuring.done == whole.measuring.done


def test_what_can_never_be_measured_is_not_tried_again():
    device = Device()
    found = measured(begun(question()), device, "cpu", recall=lambda rows: {0: None}, budget=None)
    space = question().spaces[0]
    first = begun(question()).candidates.number[0]
    assert digest(build(space.document, space.settings(int(first)))) not in device.asked
    assert found.measuring.failed == 1 and found.measuring.known == 0


def test_it_ends_and_says_why():
    few = measured(begun(question()), Device(), "cpu", budget=3)
    assert few.measuring.done == 3 and few.measuring.ended.startswith(SPENT) and not few.exact
    late = measured(begun(question()), Device(), "cpu", budget=None, seconds=1e9)
    assert late.measuring.ended == DONE
    stopped = measured(begun(question()), Device(stop=4), "cpu", budget=None)
    assert stopped.measuring.ended.startswith(INTERRUPTED) and stopped.measuring.done == 3
    assert "could still beat the front" in stopped.measuring.ended
    with pytest.raises(ArchcostError, match=LATE):
        measured(begun(question()), Device(), "cpu", seconds=1e-12)
    with pytest.raises(ArchcostError, match="nothing could be measured: 2 tries failed"):
        measured(begun(question()), Device(broken=(1, 2)), "cpu", budget=2)


def test_the_cheapest_by_time_that_is_accurate_enough():
    asked = question(objectives=("seconds", "accuracy"), accuracy=66.0)
    found = measured(begun(asked), Device(), "cpu", budget=None)
    accuracy, times = truth(asked)
    assert found.candidates.measured[found.winner] == pytest.approx(times[accuracy >= 66].min())


class Shuffled(InTurn):
    """A crew of many, which answers in an order of its own; and knows how many questions were open at once."""

    def __init__(self, work, seed):
        super().__init__(work)
        self.random, self.open, self.most = random.Random(seed), [], 0

    def give(self, ticket, job):
        self.open.append((ticket, job))
        self.most = max(self.most, len(self.open))

    def take(self):
        ticket, job = self.open.pop(self.random.randrange(len(self.open)))
        return ticket, self.work(job)


@pytest.mark.parametrize("limit", [None, 0.05])
@pytest.mark.parametrize("ahead", [2, 16])
def test_asking_ahead_the_answer_does_not_depend_on_who_answers_when(ahead, limit):
    found, logs = [], []
    for seed in range(3):
        device = Device()
        crew = Shuffled(lambda job, device=device: device(job.spec, job.network), seed)
        found.append(searched(begun(question(seconds=limit)), [Timed("board", "cpu")], crew, budget=None, ahead=ahead))
        logs.append(set(device.asked))
        assert len(device.asked) == len(logs[-1]) and crew.most <= ahead
        assert found[-1].ahead == ahead and found[-1].measuring.ended == DONE and crew.most > 1
    assert logs[0] == logs[1] == logs[2] and figures(found[0]) == figures(found[1]) == figures(found[2])
    one = measured(begun(question(seconds=limit)), Device(), "cpu", budget=None)
    assert figures(found[0]) == figures(one)


def test_a_budget_counts_what_is_open_and_ctrl_c_keeps_what_was_told():
    device = Device()
    few = searched(
        begun(question()), [Timed("board", "cpu")], InTurn(lambda j: device(j.spec, j.network)), budget=6, ahead=4
    )
    assert few.measuring.done == len(device.asked) == 6 and few.measuring.ended.startswith(SPENT)
    stopped = Device(stop=5)
    crew = InTurn(lambda job: stopped(job.spec, job.network))
    told = searched(begun(question()), [Timed("board", "cpu")], crew, budget=None, ahead=4)
    assert told.measuring.done == 4 and told.measuring.ended.startswith(INTERRUPTED)


def test_kernels_are_those_of_each_candidate():
    found = begun(question())
    several = kernels(found.question, found.candidates).seconds(RATES)
    space = found.question.spaces[0]
    for place in range(0, len(found.candidates), 7):
        network = build(space.document, found.settings(place))
        assert several[place] == pytest.approx(seconds(network) / noise(digest(network)))


# With the user's own command


class Board(Bench):
    lock = ""


class Live:
    """Stands in for the room that runs models: every network takes what the formula says."""

    def __init__(self):
        self.measured = []

    def find(self, device):
        return Board(device, "board", "cpu", {"name": "board"}, {"python": "3"})

    def bench(self, machine):
        return machine

    def timed(self, task, machine):
        self.measured.append(digest(task.subject))
        return Measurement(
            **machine.labels(task),
            **measurement.statistics([seconds(task.subject)]),
            status=measurement.OK,
            reason=None,
            peak_bytes=None,
            before={},
            after={},
            created="2026-01-01T00:00:00+00:00",
        )


DIGITS = """name: own
input: [1, 16, 16]
parameters: {depth: {default: 1, choices: [0, 1, 2, 3]}}
layers:
  - conv: {out: 16, kernel: 3}
  - {conv: {out: 16, kernel: 3}, repeat: $depth}
  - global_avg_pool
  - linear: {out: 10, scale: fixed}
"""


def test_evaluated_and_measured_at_once(monkeypatch, tmp_path):
    live = Live()
    monkeypatch.setattr(api_timing, "live_measure", lambda: live)
    spec, script, log = tmp_path / "own.yaml", tmp_path / "train.py", tmp_path / "log"
    spec.write_text(DIGITS)
    script.write_text(
        "import sys\nalpha, depth = map(float, sys.argv[1:])\n"
        f"open({str(log)!r}, 'a').write(f'{{alpha}} {{depth}}\\n')\n"
        "print('{\"accuracy\": %f}' % (50 + 10 * alpha + 5 * depth))\n"
    )
    document = documents.parse(DIGITS, "own.yaml")
    space = Space.of("own", document, [0.5, 1], [16, 32], {"depth": [0, 1, 2, 3]})
    rows = [space.settings(number) for number in range(len(space))]
    times = np.array([seconds(build(document, each)) for each in rows])
    limit = float(np.quantile(times, 0.5))
    best = max(
        50 + 10 * float(each.alpha * 10) / 10 + 5 * each.parameters["depth"]
        for each, t in zip(rows, times, strict=True)
        if t <= limit
    )
    effort = Effort(store=tmp_path / "store.db")
    command = f"{sys.executable} {script} {{alpha}} {{depth}}"
    found = archcost.find(
        spec, alpha=[0.5, 1], resolution=[16, 32], evaluate=command, device="cpu", max_latency=limit, effort=effort
    )
    assert found.winner["accuracy"] == best and found.winner["measured_ms"] <= 1e3 * limit
    told = found.to_dict()
    assert told["evaluated"] == len(log.read_text().splitlines()) < len(rows)  # what is too slow was not trained
    assert 0 < told["measured"] < len(rows) and told["device"]["measured"]
    assert all(row["measured_ms"] is not None for row in found.front)
    assert len(told["ended"].split("; ")) == 2


def test_a_device_and_a_command_without_a_limit(monkeypatch, tmp_path):
    monkeypatch.setattr(api_timing, "live_measure", Live)
    spec = tmp_path / "own.yaml"
    spec.write_text(DIGITS)
    command = f"""{sys.executable} -c "print('{{{{\\"accuracy\\": %f}}}}' % (9 + {{depth}}))" """
    effort = Effort(store=tmp_path / "store.db")
    found = archcost.find(spec, alpha=1, resolution=16, evaluate=command, device="cpu", effort=effort)
    assert found.winner["accuracy"] == 12 and len(found.front) == 4
    assert [row["parameters"]["depth"] for row in found.front] == [3, 2, 1, 0]


@pytest.mark.parametrize("limit", [1e-9])
def test_a_limit_that_nothing_keeps_to(monkeypatch, tmp_path, limit):
    monkeypatch.setattr(api_timing, "live_measure", Live)
    effort = Effort(store=tmp_path / "store.db")
    with pytest.raises(ArchcostError, match=r"nothing fits: at most 1\.?0* ns latency is asked for, and the cheapest"):
        archcost.find(resolution=128, alpha=[0.25, 0.5], device="cpu", max_latency=limit, effort=effort)
