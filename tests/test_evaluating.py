"""Accuracies asked for several at once: the same answer for any number of slots, and through any kill."""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import archcost
from archcost.accuracy import model
from archcost.analysis.analysis import Analysis
from archcost.api.effort import Effort
from archcost.errors import ArchcostError
from archcost.latency.evaluations import Evaluation
from archcost.latency.store import Store
from archcost.latency.subject import digest
from archcost.search import evaluating
from archcost.search.constraints import Constraints
from archcost.search.crew import InTurn, Job, Threads
from archcost.search.enumeration import Scale
from archcost.search.evaluating import evaluated, spread
from archcost.search.question import Question
from archcost.search.space import Space
from archcost.search.study import SAMPLERS
from archcost.spec import document as documents

pytest.importorskip("optuna")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
DIGITS = """name: own
input: [1, 16, 16]
parameters: {depth: {default: 1, choices: [0, 1, 2, 3]}}
layers:
  - conv: {out: 16, kernel: 3}
  - {conv: {out: 16, kernel: 3}, repeat: $depth}
  - global_avg_pool
  - linear: {out: 10, scale: fixed}
"""
DOCUMENT = documents.parse(DIGITS, "own.yaml")
SPACES = [
    Space.of("own", DOCUMENT, [n / 10 for n in range(2, 11)], [8, 12, 16, 20], {"depth": [0, 1, 2, 3]}),
    Space.of("other", DOCUMENT, [n / 10 for n in range(11, 16)], [8, 12, 16, 20], {"depth": [0, 1]}),
]


def question(spaces=SPACES, **limits):
    known = [model.of(each.document) for each in spaces]
    return Question(spaces, known, Constraints(**limits), ("accuracy", "macs"), Scale(), own=True)


def answer_of(network):
    """Of any network: percent, None for some, and its curve."""
    noise = random.Random(digest(network))
    top = noise.uniform(30, 95)
    return (None if noise.random() < 0.15 else top), {step: top * (1 - 0.5**step) for step in (1, 2, 3)}


class World:
    """What answers, and what it was asked. Networks that fall behind at the second step are pruned."""

    def __init__(self, slots=0, late=False):
        self.slots, self.late, self.asked, self.found = slots, late, [], {}

    def work(self, job, over=None):
        if self.late:
            time.sleep(random.uniform(0, 0.004))  # in whatever order
        accuracy, curve = answer_of(job.network)
        rivals = [each[2] for each in job.curves]
        status = "ok" if accuracy is not None else "failed"
        if len(rivals) >= 4 and curve[2] < np.median(rivals):
            status, accuracy = "pruned", None
        return status, accuracy, curve

    def accept(self, job, found):
        status, accuracy, curve = found
        own = digest(job.network)
        self.asked.append(own)
        self.found[own] = Evaluation(own, own, "", "", 1, "", "", status, accuracy, "", "", 0, "", curve)
        return accuracy

    def search(self, asked, **more):
        def told(spec, network):
            return self.found.get(digest(network))

        if not self.slots:
            return evaluated(asked, InTurn(lambda job: self.accept(job, self.work(job))), told, **more)
        with Threads(self.slots, lambda job: None, self.work, self.accept) as crew:
            return evaluated(asked, crew, told, **more)


def same(one, other):
    assert one.found.candidates is not None
    for name in ("space", "number", "accuracy"):
        columns = (getattr(each.found.candidates, name) for each in (one, other))
        assert np.array_equal(*columns, equal_nan=True)
    assert one.evaluating == other.evaluating
    return True


@pytest.mark.parametrize("more", [{"sampler": "nsga2"}, {"sampler": "tpe"}, {"limits": {"macs": 20_000}}])
def test_any_number_of_slots_gives_the_same_answer(more):
    asked = question(**more.pop("limits", {}))
    alone = World()
    first = alone.search(asked, budget=40, **more)
    assert first.evaluating.pruned and first.evaluating.failed and first.evaluating.asked == len(alone.asked) <= 40
    assert first.exact == ("sampler" not in more)
    for slots in (1, 5):
        several = World(slots, late=True)
        assert same(several.search(asked, budget=40, **more), first)
        assert sorted(several.asked) == sorted(alone.asked) and len({*several.asked}) == len(several.asked)


def test_one_after_the_other_is_another_question():
    """What is known when something is asked depends on how many questions may be open; and on nothing else."""
    found = [World().search(question(), budget=60, sampler="tpe", ahead=ahead) for ahead in (1, 16)]
    assert found[0].evaluating.asked == found[1].evaluating.asked == 60
    with pytest.raises(AssertionError):
        same(*found)


def test_rivals_cost_no_more_and_were_told_before():
    world, seen = World(), []

    def work(job):
        seen.append((job.network, job.curves, {**world.found}))
        return world.accept(job, world.work(job))

    def told(spec, network):
        return world.found.get(digest(network))

    evaluated(question(), InTurn(work), told, budget=60, ahead=8)
    macs = {digest(network): Analysis(DOCUMENT, network.settings).macs for network, _, _ in seen}
    curves = {tuple(each.curve.items()): key for key, each in world.found.items()}
    assert max(len(rivals) for _, rivals, _ in seen) > 4
    for network, rivals, before in seen:
        own = digest(network)
        for curve in rivals:
            theirs = curves[tuple(curve.items())]
            assert macs[theirs] <= macs[own] and theirs in before and before[theirs].status == "ok"


def test_all_sizes_come_early():
    for count in range(20):
        order = spread(range(count))
        assert sorted(order) == [*range(count)] and order[:1] == [0][:count]
    assert max(np.diff(sorted(spread(range(64))[:8]))) == 8


# Threads


def test_threads_run_so_many_at_once_and_hand_over_errors():
    running, most, lock = [], [], threading.Lock()

    def work(job, over):
        with lock:
            running.append(job)
            most.append(len(running))
        over.wait(0.02)
        with lock:
            running.remove(job)
        if job.spec == "bad":
            raise ArchcostError("broken")
        return 1.0

    jobs = [Job(str(n), None) for n in range(9)]
    with Threads(3, lambda job: (9.0,) if job.spec == "4" else None, work, lambda job, found: found) as crew:
        for ticket, job in enumerate(jobs):
            crew.give(ticket, job)
        assert crew.take() == (4, 9.0)
        assert sorted(crew.take() for _ in range(8)) == [(n, 1.0) for n in range(9) if n != 4]
        crew.give(10, Job("bad", None))
        with pytest.raises(ArchcostError, match="broken"):
            crew.take()
    assert max(most) == 3


def test_leaving_ends_what_runs():
    ended = []

    def work(job, over):
        assert over.wait(20)
        ended.append(job)

    with pytest.raises(KeyboardInterrupt), Threads(2, lambda job: None, work, lambda job, found: None) as crew:
        for ticket in range(5):
            crew.give(ticket, Job("x", None))
        raise KeyboardInterrupt
    assert len(ended) <= 2 and threading.active_count() < 5


# Through kills


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_journal_cut_anywhere_is_gone_on_from_exactly(tmp_path, sampler):
    whole = tmp_path / "whole.journal"
    first = World().search(question(), budget=30, sampler=sampler, journal=whole)
    content = whole.read_bytes()
    assert content.count(b'"op_code":4') > 25
    cuts = random.Random(sampler).sample(range(200, len(content)), 8)
    for cut in [*cuts, content.rfind(b'{"op_code":4,') + 5, content.rfind(b'{"op_code":5,')]:
        journal = tmp_path / f"{cut}.journal"
        journal.write_bytes(content[:cut])
        Path(f"{journal}.lock").symlink_to(journal)  # as a kill leaves it
        again = World()
        assert same(again.search(question(), budget=30, sampler=sampler, journal=journal), first), cut
        assert len({*again.asked}) == len(again.asked)
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        told = [line["trial_id"] for line in lines if line["op_code"] == 6]
        assert len(told) == len({*told}) == sum(line["op_code"] == 4 for line in lines)  # each once


def test_two_runs_do_not_share_a_journal(tmp_path):
    journal = tmp_path / "study.journal"
    with pytest.raises(ArchcostError, match="another run is at work on it"):
        World().search(
            question(),
            budget=10,
            journal=journal,
            watched=lambda count: World().search(question(), budget=10, journal=journal),
        )
    World().search(question(), budget=10, journal=journal)


TRAIN = """
import json, os, random, sys, time
log = os.open(os.environ["RUNS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(log, (" ".join(sys.argv[1:]) + chr(10)).encode())
noise = random.Random(" ".join(sys.argv[1:]))
top = 50 + 20 * float(sys.argv[1]) + int(sys.argv[2]) / 4 + noise.uniform(-20, 0)
for step in range(1, 4):
    time.sleep(noise.uniform(0, 0.04))
    print(json.dumps({"step": step, "accuracy": top * (1 - 0.5 ** step)}), flush=True)
print(json.dumps({"accuracy": top}))
"""


def killed_search(folder, sampler, slots, kills, chance):
    """`archcost search` with so many kills at random moments, gone on with until it is done: how many there were."""
    folder.mkdir()
    (folder / "own.yaml").write_text(DIGITS)
    (folder / "train.py").write_text(TRAIN)
    command = shlex.join([sys.executable, "-S", "train.py"]) + " {alpha} {resolution} {depth}"
    words = ["search", "own.yaml", "--alpha", "0.25:1:0.01", "--resolution", "8:32:1", "--evaluate", command]
    words += ["--evaluations", "30", "--train-slots", str(slots), "--sampler", sampler]
    words = [sys.executable, "-m", "archcost", *words, "--store", "s.db", "--out", "out"]
    env = {**os.environ, "RUNS": str(folder / "runs"), "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = 0
    for turn in range(kills + 1):
        started = time.monotonic()
        process = subprocess.Popen(
            words + ["--resume"] * (turn > 0), cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        runs = folder / "runs"
        before = runs.read_text().count("\n") if runs.exists() else 0
        after = before + chance.randrange(1, 8)
        while turn < kills and process.poll() is None and time.monotonic() - started < 60:
            if runs.exists() and runs.read_text().count("\n") >= after:
                time.sleep(chance.uniform(0, 0.05))
                process.send_signal(signal.SIGKILL)
                done += 1
                break
            time.sleep(0.005)
        said = process.communicate(timeout=120)[1].decode()
        assert process.returncode in (0, -signal.SIGKILL), said
        if process.returncode == 0:
            return done
    raise AssertionError("it did not end")


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_killed_and_gone_on_with_it_is_the_same_front(tmp_path, sampler):
    chance = random.Random(sampler)
    assert killed_search(tmp_path / "whole", sampler, 4, 0, chance) == 0
    kills = killed_search(tmp_path / "killed", sampler, 2, 3, chance)
    assert kills >= 2
    for name in ("front.csv", "winner.yaml"):
        one, other = (Path(tmp_path, folder, "out", name).read_bytes() for folder in ("whole", "killed"))
        assert one == other
    runs = [Path(tmp_path, folder, "runs").read_text().splitlines() for folder in ("whole", "killed")]
    assert sorted(runs[0]) == sorted({*runs[1]}) and len(runs[0]) == 30
    told = [json.loads(Path(tmp_path, folder, "out", "result.json").read_text()) for folder in ("whole", "killed")]
    assert told[0]["pruned"] == told[1]["pruned"]
    # What was under way at a kill is run again, or had just ended: a training takes no longer here than a question.
    assert len(runs[1]) <= 30 + kills * (2 + 2)


def test_pruned_runs_are_counted_and_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    Path("own.yaml").write_text(DIGITS)
    Path("train.py").write_text(TRAIN)
    said = []
    effort = Effort(store="s.db", folder=Path("logs"), train_slots=3, warn=said.append, evaluations=100)
    command = shlex.join([sys.executable, "-S", "train.py"]) + " {alpha} {resolution} {depth}"
    asked = {"alpha": [0.25, 0.5, 0.75, 1], "resolution": [8, 12, 16, 20, 24]}
    found = archcost.find("own.yaml", evaluate=command, effort=effort, **asked).to_dict()
    assert found["exact"] and found["evaluated"] == found["distinct"] == 80 and found["pruned"] > 3
    assert len([*Path("logs/evaluations").iterdir()]) == 80 and not said
    with Store(Path("s.db")) as store:
        rows = list(store.evaluations())
    assert sum(each.status == "pruned" for each in rows) == found["pruned"]
    for each in rows:
        assert (each.accuracy is None) == (each.status == "pruned") == ("networks that cost no more is" in each.reason)
        assert each.curve
    shutil.rmtree("logs")
    Path("runs").unlink()
    again = archcost.find("own.yaml", evaluate=command, effort=effort, **asked).to_dict()
    assert again["front"] == found["front"] and again["pruned"] == found["pruned"]
    assert len(Path("runs").read_text().splitlines()) == found["pruned"]  # asked again, as failures are


def test_a_failure_names_its_output(tmp_path):
    (tmp_path / "own.yaml").write_text(DIGITS)
    said = []
    effort = Effort(store=tmp_path / "s.db", folder=tmp_path / "logs", warn=said.append)
    command = """sh -c 'test {depth} = 3 || echo "{{\\"accuracy\\": 5}}"'"""
    archcost.find(tmp_path / "own.yaml", alpha=1, resolution=16, evaluate=command, effort=effort)
    (warning,) = said
    assert "exit code 0" in Path(warning.split("(")[-1].rstrip(")")).read_text()
    assert "@depth=3 at α 1, 16: printed no line of JSON" in warning


def test_ahead_is_the_same_here_and_on_a_cluster():
    assert evaluating.AHEAD == 16


def test_interrupted_before_anything_is_known(tmp_path):
    (tmp_path / "own.yaml").write_text(DIGITS)
    command = shlex.join([sys.executable, "-m", "archcost", "search", "own.yaml", "--resolution", "8", "--alpha", "1"])
    words = [*shlex.split(command), "--evaluate", f"sh -c 'echo $$ >> {tmp_path}/pids; sleep 600'", "--store", "s.db"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    process = subprocess.Popen([*words, "--train-slots", "2"], cwd=tmp_path, env=env, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    pids = tmp_path / "pids"
    while not pids.exists() or pids.read_text().count("\n") < 2:
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 2 and "interrupted before anything was known" in said
    for pid in pids.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
