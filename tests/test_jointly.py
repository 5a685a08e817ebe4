"""Several devices in one search: the front over all their times is the naive one, whoever is named first."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import archcost
from archcost.api.effort import Effort
from archcost.api.targets import targets
from archcost.errors import ArchcostError
from archcost.search.crew import Inquiry, InTurn, Job
from archcost.search.hypervolume import added, area, beaten
from archcost.search.jointly import Jointly
from archcost.search.measuring import Measuring
from tests.pages import Opened

COUNT = 12
PART = "archcostPage.parts.find(({ part }) => part.variants).part"
DEVICES = """
import hashlib
from archcost.latency import samples
from archcost.latency.subject import digest
from archcost.latency.fit import GENERIC
import numpy as np

def device(macs, depthwise):
    logs = [np.log(macs), *(mean for mean, _ in GENERIC.priors.values())]
    logs[1 + list(GENERIC.priors).index("depthwise")] += depthwise
    rates = GENERIC.rates(np.array(logs), 4)
    def seconds(task):
        with open(__file__ + ".log", "a") as log:
            log.write(f"{macs:g} {digest(task.subject)}\\n")
        share = int(hashlib.sha256(f"{macs}{digest(task.subject)}".encode()).hexdigest()[:8], 16) / 2**32
        return float(samples.one_network(task.subject, task.batch, 4, "none").seconds(rates)[0]) * (1 + 0.02 * share)
    seconds.fingerprint = {"macs": macs, "depthwise": depthwise}
    return seconds

fast, slow = device(4e9, 0.0), device(2e8, 3.0)
def broken(task):
    raise RuntimeError("no such luck")
"""
SPEC = """name: kinds
input: [3, 64, 64]
parameters: {kind: {default: thin, choices: [thin, dense]}}
blocks:
  dense: [{conv: {out: 24, kernel: 3}}]
  thin: [{depthwise: {kernel: 3}}, {pointwise: {out: 24}}]
layers: [{conv: {out: 24, kernel: 3, stride: 2}}, {$kind: {}, repeat: 4}]
"""

small = st.integers(1, 6).map(float)


@given(st.lists(st.tuples(small, small), max_size=7), st.lists(st.tuples(small, small), min_size=1, max_size=4))
def test_what_a_point_adds_is_the_difference_of_areas(front, more):
    seconds, value = (np.array([row[i] for row in front], float) for i in (0, 1))
    reference = (5.0, 1.5)
    found = added(seconds, value, reference, *np.array(more).T)
    for (s, v), gain in zip(more, found, strict=True):
        whole = area(np.append(seconds, s), np.append(value, v), reference)
        assert gain == pytest.approx(whole - area(seconds, value, reference), abs=1e-9)
    wanted = [any(a <= s and b >= v for a, b in front) for s, v in more]
    assert beaten(seconds, value, *np.array(more).T).tolist() == wanted


class Told(Measuring):
    """Knows every time beforehand."""

    def _refit(self):
        self.predicted, self.seconds, self.width = self.samples, self.samples.copy(), 0.0


def loops(value, *times):
    made = {name: Told(np.array(value, float), np.array(each, float)) for name, each in zip("ab", times, strict=False)}
    return Jointly(made)


several = st.lists(st.integers(1, 5), min_size=COUNT, max_size=COUNT)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=several, first=several, second=several, failing=st.sets(st.integers(0, COUNT - 1), max_size=3))
def test_who_knows_all_measures_the_front_of_all_devices(value, first, second, failing):
    order = {}
    for name, times in (("there", (first, second)), ("back", (second, first))):
        loop = loops(value, *times)
        order[name] = []
        while (place := loop.propose()) is not None:
            assert place not in order[name]
            order[name].append(place)
            loop.ask(place)
            told = [None if place in failing and device else float(each[place]) for device, each in enumerate(times)]
            loop.tell(place, dict(zip("ab", told, strict=True)))
        assert loop.failed == failing & set(order[name]) and not set(loop.measured) & failing
        measured = {(value[p], first[p], second[p]) for p in loop.measured}
        there = [(value[p], first[p], second[p]) for p in range(COUNT) if p not in failing]

        def better(one, other):
            return one[0] >= other[0] and one[1] <= other[1] and one[2] <= other[2] and one != other

        assert {row for row in there if not any(better(other, row) for other in there)} <= measured
    assert len(loops(value, first, second).rivals()) == COUNT


# The whole search


@pytest.fixture
def rack(tmp_path, monkeypatch):
    """A folder with two devices of one's own and a spec, as the working directory."""
    (tmp_path / "rack.py").write_text(DEVICES)
    (tmp_path / "kinds.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return tmp_path


WORDS = ("search", "kinds.yaml", "--alpha", "0.5:2:0.25", "--resolution", "32,64", "--maximize", "macs")


def searched(run, *words, ok=True):
    done = run(*WORDS, "--store", "s.db", "--measurements", 28, *words, "--format", "json")
    assert (done.exit_code == 0) == ok, done.stderr
    return json.loads(done.stdout) if ok else done.stderr


def truth(rack):
    from archcost.latency import own
    from archcost.latency.subject import Label, Task

    rows = []
    devices = [own.find(f"rack.py:{name}").seconds for name in ("fast", "slow")]
    for alpha in range(50, 201, 25):
        for size in (32, 64):
            for kind in ("thin", "dense"):
                found = archcost.analyze("kinds.yaml", alpha=alpha / 100, resolution=size, parameters={"kind": kind})
                task = Task(found.network, Label.of(found.network))
                rows.append((found.macs, *(round(each(task) * 1e3, 6) for each in devices)))
    return rows


def test_the_front_of_two_devices_is_the_naive_one(rack, run):
    told = searched(run, "--device", "rack.py:fast", "--device", "rack.py:slow", "--measurements", 99)
    rows = truth(rack)
    front = {
        row for row in rows if not any(o[0] >= row[0] and o[1] <= row[1] and o[2] <= row[2] and o != row for o in rows)
    }

    def three(row):
        return row["macs"], row["measured_ms_rack.py:fast"], row["measured_ms_rack.py:slow"]

    assert {three(row) for row in told["front"]} == front and len(front) > 6
    assert told["exact"] and told["measured"] < len(rows)
    assert told["device"] is None and [each["device"] for each in told["devices"]] == ["rack.py:fast", "rack.py:slow"]
    assert told["winner"]["measured_ms"] is None and told["winner"]["predicted_ms"] is None
    back = searched(run, "--device", "rack.py:slow", "--device", "rack.py:fast", "--measurements", 99)
    assert {three(row) for row in back["front"]} == front and back["measured_before"] > 0
    log = (rack / "rack.py.log").read_text().splitlines()
    assert len(set(log)) == 2 * len(rows)  # both devices, every network: `truth` asked for all


def test_each_limit_is_kept_and_a_named_limit_adds_its_device(rack, run):
    words = ("--max-latency", "rack.py:fast=9ms", "--max-latency", "rack.py:slow=60ms")
    told = searched(run, *words)
    assert told["constraints"] == {"latency_ms_rack.py:fast": 9, "latency_ms_rack.py:slow": 60}
    fits = [row for row in truth(rack) if row[1] <= 9 and row[2] <= 60]
    assert told["winner"]["macs"] == max(row[0] for row in fits)
    assert told["binding"] in told["constraints"]
    table = run(*WORDS, "--store", "s.db", *words, "--out", "out").stdout
    assert "latency on rack.py:slow: " in table and "on fast in mode eager and on slow in mode eager" in table
    rows = list(csv.DictReader(io.StringIO((rack / "out/front.csv").read_text())))
    assert float(rows[0]["measured_ms_rack.py:slow"]) <= 60 and "measured_ms" not in rows[0]


def test_what_breaks_every_limit_is_said_by_device(rack, run):
    said = searched(run, "--max-latency", "rack.py:fast=1us", "--max-latency", "rack.py:slow=900s", ok=False)
    assert "latency on rack.py:fast is asked for" in said and "rack.py:slow" not in said


def test_a_candidate_that_fails_on_one_device_is_no_answer(rack, run):
    said = searched(run, "--device", "rack.py:fast", "--device", "rack.py:broken", "--measurements", 3, ok=False)
    assert "nothing could be measured on every device: 3 tries failed" in said
    assert "on rack.py:broken: RuntimeError: no such luck" in said


def test_measured_and_predicted_devices_together(rack, run):
    words = ("--device", "rack.py:fast", "--device", "pixel3-cpu", "--max-latency", "pixel3-cpu=100ms")
    told = searched(run, *words)
    assert [each["measured"] for each in told["devices"]] == [True, False]
    assert all(row["measured_ms_rack.py:fast"] and row["predicted_ms_pixel3-cpu"] <= 100 for row in told["front"])
    assert all(row["measured_ms_pixel3-cpu"] is None for row in told["front"])
    times = {(row["macs"], row["measured_ms_rack.py:fast"], row["predicted_ms_pixel3-cpu"]) for row in told["front"]}
    assert not any(a[0] >= b[0] and a[1] <= b[1] and a[2] <= b[2] and a != b for a in times for b in times)
    two = run("search", "--device", "pixel3-cpu", "--device", "rk3399-tflite", "--budget", "300M", "--format", "json")
    assert len(json.loads(two.stdout)["devices"]) == 2


def test_pictures_and_pages_have_an_axis_for_each_device(run, rack):
    words = ("search", "--device", "rack.py:fast", "--device", "rack.py:slow", "--alpha", "0.5,0.75,1")
    assert run(*words, "--resolution", "128,160", "--store", "s.db", "--out", "both").exit_code == 0
    picture = (rack / "both/pareto.svg").read_text()
    assert picture.count("<!-- ") > 0 and (rack / "both/pareto.png").stat().st_size > 0
    assert run("plot", "both", "--x", "latency", "-o", "again.svg").exit_code == 0
    done = run("plot", "both", "--x", "macs", "--y", "latency", "-o", "no.svg")
    assert done.exit_code == 2 and "of which of 2 devices" in done.stderr


def test_a_page_has_a_time_for_each_device(browser, run, rack):
    words = ("search", "--device", "rack.py:fast", "--max-latency", "rack.py:slow=60s", "--alpha", "0.5,0.75,1")
    assert run(*words, "--resolution", "128", "--store", "s.db", "--out", "both").exit_code == 0
    (rack / "page.html").write_text(archcost.report("both"), encoding="utf-8")
    with Opened(browser, rack / "page.html") as opened:
        found = opened.run(
            f"""() => {{ const {{ axes, limits }} = {PART}.variants;
                return {{ titles: Object.values(axes).map((axis) => axis.title), limits }}; }}"""
        )
        assert {"Measured time, rack.py:fast", "Measured time, rack.py:slow"} <= set(found["titles"])
        assert found["limits"] == [["measured:rack.py:slow", 60]]
        assert opened.messages == []


# Names


@pytest.mark.parametrize(
    ("device", "limit", "said"),
    [
        (["cpu", "cpu"], None, "`cpu` is named twice"),
        (["pixel3-cpu", "pixel3-cpu"], None, "named twice"),
        (["cpu", "pixel3-cpu"], "2ms", "whose limit is that"),
        ("cpu", ["2ms", "3ms"], "given twice"),
        ("cpu", ["cpu=2ms", "cpu=3ms"], "given twice for cpu"),
        ("cpu", "=2ms", "names no device"),
        ("cpu", "cpu=2", "write 2ms"),
        (None, "2ms", "needs --device"),
        (None, "no-such=2ms", "unknown device"),
        ("cpu", {"cpu": -1.0}, "--max-latency"),
    ],
)
def test_devices_that_are_not_clear(device, limit, said):
    with pytest.raises(ArchcostError, match=said.replace("(", r"\(")):
        targets(device, limit, dtype="float32", mode="")


def test_devices_and_their_limits():
    (one,) = targets("cpu", 0.002, dtype="float32", mode="")
    assert (one.name, one.label, one.limit, one.measured) == ("cpu", "", 0.002, True)
    found = targets("cpu", {"pixel3-cpu": "30ms", "cuda:1": 1e-3}, dtype="float32", mode="")
    assert [(each.label, each.limit, each.measured) for each in found] == [
        ("cpu", None, True),
        ("pixel3-cpu", 0.03, False),
        ("cuda:1", 1e-3, True),
    ]


def test_one_device_under_two_names(rack):
    text = (rack / "rack.py").read_text() + "\nsame = slow.fingerprint = {'name': 'board'}\nagain = slow\n"
    (rack / "rack.py").write_text(text)
    with pytest.raises(ArchcostError, match=r"rack.py:slow and rack.py:again are one device"):
        archcost.find("kinds.yaml", maximize="macs", device=["rack.py:slow", "rack.py:again"], effort=Effort())


# Asking ahead


class Late:
    """A crew that answers the newest question first."""

    def __init__(self, work):
        self.work, self.waiting = work, []

    def give(self, ticket, job):
        self.waiting.append((ticket, job))

    def take(self):
        ticket, job = self.waiting.pop()
        return ticket, self.work(job)


@pytest.mark.parametrize("crew", [InTurn, Late])
def test_answers_are_told_in_the_order_of_the_questions(crew):
    inquiry = Inquiry(crew(lambda job: float(len(job.spec))), 3)
    told = []
    for number in range(1, 8):
        if inquiry.full:
            told.append(inquiry.next())
        inquiry.put(number, {"x": Job("a" * number, None), "y": Job("b" * number, None)})
    while inquiry.open:
        told.append(inquiry.next())
    assert told == [(number, {"x": float(number), "y": float(number)}) for number in range(1, 8)]
