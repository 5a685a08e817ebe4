"""One run of a user's command: what it reports on its way, what it may take, and that nothing of it stays behind."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcost.accuracy import evaluation, pruning, reading
from archcost.accuracy.evaluation import Order, Result, run
from archcost.accuracy.evaluator import Evaluator
from archcost.accuracy.pruning import FEWEST, PRUNERS, Race
from archcost.errors import ArchcostError
from archcost.graph import build
from archcost.latency.evaluations import Evaluation
from archcost.latency.store import Store
from archcost.latency.subject import Label
from archcost.spec import document as documents
from archcost.spec import zoo
from archcost.spec.settings import settle

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs a POSIX shell and /proc")
SPEC = documents.read(zoo.find("mobilenetv1"))
LABEL = Label("mobilenetv1", 0.25, "32", {})


def shell(text):
    return f"sh -c {shlex.quote(text.replace('{', '{{').replace('}', '}}'))}"


def python(tmp_path, code):
    script = tmp_path / "train.py"
    script.write_text("import json, os, subprocess, sys, time\n" + textwrap.dedent(code))
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"


def ordered(command, **more):
    return run(Order(command, LABEL, "nowhere.yaml", **more))


def printed(text):
    return ordered(shell(f"printf %b {shlex.quote(text)}"), seconds=60)


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def assert_gone(pid):
    until = time.monotonic() + 20
    while not gone(pid):
        assert time.monotonic() < until
        time.sleep(0.02)


# Reports


def report(step, accuracy, **more):
    return json.dumps({"step": step, "accuracy": accuracy, **more}) + "\n"


ANSWER = '{"accuracy": 71.2}\n'


@pytest.mark.parametrize(
    ("text", "accuracy", "curve"),
    [
        (report(1, 40) + report(2, 50.5) + ANSWER, 71.2, {1: 40, 2: 50.5}),
        (ANSWER + report(1, 40), 71.2, {1: 40}),  # the answer came first
        (report(0, 40) + report(9, 50), 50, {0: 40, 9: 50}),  # no other line: the last report is the answer
        ('{"epochs": 9}\n' + report(1, 40), 40, {1: 40}),  # a line without an accuracy is none
        (report(1, 40) + '{"loss": 3}\n', None, {1: 40}),  # as the last line, it is a broken answer
        (report(1, 40, loss=float("nan")) + ANSWER, 71.2, {1: 40}),
        (report(1, 40) + report(1, 45) + report(0, 3) + report(2, 50) + ANSWER, 71.2, {1: 40, 2: 50}),
        (report(1.0, 40) + report(2.5, 4) + report("3", 4) + report(True, 4) + report(-1, 4) + ANSWER, 71.2, {}),
        (report(None, 40) + report([1], 4) + report(10**30, 4) + ANSWER, 71.2, {}),
        (report(1, float("nan")) + report(2, float("inf")) + report(3, "40") + report(4, 101) + ANSWER, 71.2, {}),
        ('{"step": 1, "accuracy": 1e999}\n{"step": 2}\n' + ANSWER, 71.2, {}),
        ('{"step": 1, "accuracy": 4\n' + ANSWER, 71.2, {}),  # cut off
        ("10 %\\r20 %\\r" + report(1, 40) + "\\r" + ANSWER.rstrip(), 71.2, {1: 40}),  # a bar, and no last line end
    ],
)
def test_reports_and_the_answer(text, accuracy, curve):
    found = printed(text)
    assert (found.accuracy, dict(found.curve)) == (accuracy, curve), found.reason
    assert found.status == ("failed" if accuracy is None else "ok")


def read(parts):
    """As a pipe brings it, in just these parts."""
    out, into = os.pipe()
    answers = reading.Answers(os.fdopen(out, "rb"), lambda step, accuracy: None)
    for part in parts:
        os.write(into, part)
        time.sleep(0.001)
    os.close(into)
    answers.wait(20)
    return answers


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 100), max_size=4))
def test_parts_of_lines_are_put_together(cuts):
    content = ("é" * 9 + "\n" + report(1, 40, note="ü\u2028") + report(3, 41) + ANSWER).encode()
    places = [0, *sorted(cuts), len(content)]
    answers = read([content[a:b] for a, b in itertools.pairwise(places)])
    assert answers.curve == {1: 40, 3: 41} and answers.answer == ANSWER.strip()


def test_only_so_many_reports_are_taken_in(monkeypatch):
    monkeypatch.setattr(reading, "MOST_STEPS", 3)
    assert dict(printed("".join(report(n, n) for n in range(9)) + ANSWER).curve) == {0: 0, 1: 1, 2: 2}


def test_lines_of_any_length_and_floods_hold_nothing_up(tmp_path):
    code = """
        sys.stdout.write(json.dumps({"step": 1, "accuracy": 4}) + "\\n")
        sys.stdout.write('{"accuracy": 3, "x": "' + "y" * 100_000_000 + '"}\\n')
        for _ in range(50):
            sys.stdout.write("epoch done\\n" * 200_000)
        print(json.dumps({"accuracy": 5}))
        sys.stdout.write("bye\\n" * 1_000_000)
    """
    found = ordered(python(tmp_path, code), seconds=120)
    assert (found.accuracy, dict(found.curve)) == (5, {1: 4}), found.reason
    assert len(found.output) == reading.KEPT_BYTES and found.output.endswith("bye\n")


def test_a_stdout_that_is_closed_early(tmp_path):
    code = """
        print(json.dumps({"accuracy": 5}), flush=True)
        os.close(1)
        time.sleep(0.3)
        sys.stderr.write("done")
        os._exit(0)
    """
    found = ordered(python(tmp_path, code), seconds=60)
    assert (found.accuracy, found.errors, found.ended) == (5, "done", "exit code 0") and found.seconds > 0.3


# Pruning

CURVES = tuple({1: 10.0 * n, 2: 10.0 * n + 5} for n in range(1, 6))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.integers(0, 4), st.floats(0, 100), min_size=1), max_size=8),
    st.dictionaries(st.integers(0, 4), st.floats(0, 100)),
    st.sampled_from(["median", "percentile"]),
)
def test_pruning_is_by_what_rivals_have_at_the_step(curves, own, pruner):
    race = Race(pruner, [dict(sorted(curve.items())) for curve in curves])
    best = 0.0
    for step, accuracy in sorted(own.items()):
        best = max(best, accuracy)
        there = [curve[step] for curve in curves if step in curve]
        worse = len(there) >= FEWEST and best < np.percentile(there, 100 - PRUNERS[pruner])
        assert (race.pruned(step, accuracy) is not None) == worse
        if worse:
            break


def test_what_falls_behind_is_stopped():
    order = {"pruner": "median", "curves": CURVES, "seconds": 60}
    found = ordered(shell(f"echo '{report(1, 40)}{report(2, 34.9)}'"), **order)
    assert found.status == "ok"  # 40 was its best, and enough
    found = ordered(shell(f"echo '{report(1, 30)}{report(2, 34.9)}'; sleep 600"), **order)
    assert (found.status, found.accuracy, dict(found.curve)) == ("pruned", None, {1: 30, 2: 34.9})
    assert found.reason == "at step 2: 34.9 %, the median of the 5 networks that cost no more is 35.0 %"


def test_a_quick_command_is_stopped_at_the_same_step():
    """What was printed decides, not how far the command came."""
    text = "".join(report(step, 20) for step in range(1, 9)) + ANSWER
    for ending in ("", "; exit 3"):
        found = ordered(shell(f"printf %s {shlex.quote(text)}{ending}"), pruner="median", curves=CURVES)
        assert (found.status, dict(found.curve)) == ("pruned", {1: 20})


@pytest.mark.parametrize(("pruner", "count"), [("none", 5), ("median", 3)])
def test_what_is_not_pruned(pruner, count):
    found = ordered(shell(f"echo '{report(1, 1)}{ANSWER}'"), pruner=pruner, curves=CURVES[:count])
    assert (found.status, found.accuracy, found.remark) == ("ok", 71.2, "")


def test_without_optuna_nothing_is_stopped_and_that_is_said_once(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    said = []
    with Store(tmp_path / "store.db") as store:
        evaluator = Evaluator(shell(f"echo '{report(1, 1)}{ANSWER}'"), store, pruner="median", warn=said.append)
        for alpha in ("0.25", "0.5"):
            network = build(SPEC, settle(SPEC, alpha, None, "32", {}))
            assert evaluator.accept(network, None, run(evaluator.order(network, None, CURVES))).accuracy == 71.2
    assert said == [evaluation.NO_OPTUNA]


def test_an_unknown_pruner(tmp_path):
    with Store(tmp_path / "store.db") as store, pytest.raises(ArchcostError, match="did you mean `median`"):
        Evaluator("true", store, pruner="mediam")


# Limits, and what is left behind


def test_too_much_memory(tmp_path):
    code = """
        import multiprocessing
        child = subprocess.Popen([sys.executable, "-c", "x = bytearray(150_000_000); import time; time.sleep(600)"],
                                 start_new_session=True)
        open(sys.argv[1], "w").write(str(child.pid))
        x = bytearray(100_000_000)
        time.sleep(600)
    """
    note = tmp_path / "pid"
    found = ordered(f"{python(tmp_path, code)} {note}", seconds=60, memory_bytes=200e6)
    assert found.status == "failed" and found.seconds < 50
    assert found.reason.startswith("its processes took ") and "the limit is 190.7 MiB" in found.reason
    assert_gone(note.read_text())  # it was not of the command's group


def test_within_its_memory():
    assert ordered(shell(f"sleep 0.5; echo '{ANSWER}'"), memory_bytes=1e9).accuracy == 71.2


def test_a_limit_on_memory_needs_psutil(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "psutil", None)
    with Store(tmp_path / "store.db") as store, pytest.raises(ArchcostError, match=r"pip install 'archcost\[search\]'"):
        Evaluator("true", store, memory_bytes=1e9)
    assert "needs psutil" in ordered("true", memory_bytes=1e9).reason
    assert ordered(shell(f"echo '{ANSWER}'")).accuracy == 71.2


def test_a_daemon_does_not_stay(tmp_path):
    """Twice forked, in a session of its own, its output elsewhere, deaf to SIGTERM."""
    note = tmp_path / "pid"
    code = """
        import signal
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                null = os.open("/dev/null", os.O_RDWR)
                for each in (0, 1, 2):
                    os.dup2(null, each)
                open(sys.argv[1], "w").write(str(os.getpid()))
                time.sleep(600)
            os._exit(0)
        os.wait()
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.01)
        print(json.dumps({"accuracy": 7}))
    """
    found = ordered(f"{python(tmp_path, code)} {note}", seconds=60)
    assert found.accuracy == 7, found.reason
    assert_gone(note.read_text())


def test_forks_without_end_are_ended(tmp_path):
    note = tmp_path / "pids"
    text = f"for i in 1 2 3 4 5 6 7 8; do (trap '' TERM; while :; do echo $$ >> {note}; sleep 0.05; done) & done; wait"
    found = ordered(shell(text), seconds=0.7)
    assert "not done after 0.7 s" in found.reason
    time.sleep(0.3)
    length = note.stat().st_size
    time.sleep(0.3)
    assert note.stat().st_size == length


def test_cancelling_ends_the_command(tmp_path):
    over, note = threading.Event(), tmp_path / "pid"
    threading.Timer(0.3, over.set).start()
    found = run(Order(shell(f"echo $$ > {note}; sleep 600"), LABEL, ""), over)
    assert (found.status, found.reason) == ("failed", "interrupted")
    assert_gone(note.read_text().strip())


# On a machine without the spec's file


def test_a_spec_travels_as_text(tmp_path):
    code = """
        print(json.dumps({"accuracy": 1, "text": open(sys.argv[1]).read(), "path": sys.argv[1]}))
    """
    found = run(Order(python(tmp_path, code) + " {spec}", LABEL, "a/b/my.yaml", "name: my ü\n"))
    told = json.loads(found.answer)
    assert told["text"] == "name: my ü\n" and Path(told["path"]).name == "my.yaml"
    assert not Path(told["path"]).parent.exists()


def test_results_travel_as_json():
    found = printed(report(1, 40) + ANSWER)
    again = Result.of(json.loads(json.dumps(found.data())))
    assert again == found and list(again.curve) == [1]
    for broken in ({}, {**found.data(), "status": "fine"}, {**found.data(), "accuracy": None}, {"x": 1}):
        with pytest.raises(ArchcostError, match="no result of an evaluation"):
            Result.of(broken)


def test_an_evaluation_on_a_worker(tmp_path):
    """From a search's job to a request, to what a worker makes of it, to the search's store."""
    from archcost import __version__
    from archcost.fleet import trainer
    from archcost.fleet.wire import EVALUATE, Request, spec_of

    network = build(SPEC, settle(SPEC, "0.35", None, "32x64", {"depth": "3"}))
    code = """
        print(json.dumps({"step": 1, "accuracy": float(sys.argv[1])}))
        print(json.dumps({"accuracy": 50, "told": sys.argv[2:], "text": open(sys.argv[2]).read()}))
    """
    command = python(tmp_path, code) + " %s {spec} {alpha} {resolution} {depth}"
    with Store(tmp_path / "store.db") as store:
        for accuracy, status in ((31, "ok"), (29, "pruned")):
            evaluator = Evaluator(command % accuracy, store, 60, memory_bytes=4e9, pruner="median")
            there = evaluator.order(network, "mine", CURVES)
            limits = {"limit_seconds": there.seconds, "memory_bytes": there.memory_bytes, "pruner": there.pruner}
            request = Request(
                __version__, EVALUATE, evaluator.key(network), **spec_of(network, "mine"), **limits,
                command=there.command, curves=there.curves,
            )  # fmt: skip
            answer = json.loads(json.dumps(run(trainer.order(Request.read(request.text_of()))).data()))
            found = evaluator.accept(network, "mine", Result.of(answer))
            assert (found.status, found.curve) == (status, {1: accuracy}), found.reason
            assert store.evaluation(request.key) == found == evaluator.known(network)
            assert (found.spec, found.alpha, found.resolution) == ("mine@depth=3", 0.35, "32x64")
            if status == "ok":
                told = json.loads(found.answer)
                assert told["told"][1:] == ["0.35", "32x64", "3"] and told["text"] == SPEC.text


# What is kept


def kept(number, status="ok", curve=None):
    accuracy = 50.0 if status == "ok" else None
    created = "2026-01-01"
    return Evaluation(str(number), "d", "c", "s", 1.0, "32", "{}", status, accuracy, "", "", 1.0, created, curve or {})


def test_curves_are_kept_with_their_evaluations(tmp_path):
    with Store(tmp_path / "store.db") as store:
        store.put_evaluation(kept(1))
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        assert [row[0] for row in store.connection.execute(tables)] == ["evaluations", "measurements"]
        for each in (kept(2, curve={1: 0.1 + 0.2, 2: 50.0}), kept(3, "pruned", {1: 3.0})):
            store.put_evaluation(each)
            assert store.evaluation(each.key) == each
        assert [each.curve for each in store.evaluations()] == [{}, {1: 0.1 + 0.2, 2: 50.0}, {1: 3.0}]
        store.put_evaluation(kept(2, "pruned", {1: 9.0}))  # takes nothing away
        assert store.evaluation("2").curve == {1: 0.1 + 0.2, 2: 50.0}
        store.put_evaluation(kept(3))
        assert store.evaluation("3") == kept(3)
        store.connection.execute("UPDATE curves SET curve = '[[1]]'")
        with pytest.raises(ArchcostError, match="is damaged: curve"):
            store.evaluation("2")


def test_output_is_kept_under_a_safe_name(tmp_path):
    (tmp_path / "my specs").mkdir()
    spec = tmp_path / "my specs" / "..é x.yaml"
    spec.write_text(zoo.find("mobilenetv1").read_text())
    document = documents.read(spec)
    network = build(document, settle(document, "0.25", None, "32x64", {"depth": "2"}))
    folder = tmp_path / "out" / "evaluations"
    with Store(tmp_path / "store.db") as store:
        evaluator = Evaluator(shell("echo out; echo err >&2; exit 4"), store, outputs=folder)
        found = evaluator.evaluate(network, f"{spec}")
        path = evaluator.output(found)
        assert [path] == list(folder.iterdir()) and path.name.isascii() and " " not in path.name
        assert path.name.endswith(f"x.yaml_depth=2-0.25-32x64-{found.key[:12]}.log")
        text = path.read_text()
        assert text.startswith("command: sh -c 'echo out; echo err >&2; exit 4'\nended: exit code 4\nseconds: 0.")
        assert text.endswith("--- standard output\nout\n\n--- standard error\nerr\n\n")
        assert Evaluator("true", store).output(found) is None


def test_output_that_cannot_be_kept_costs_no_answer(tmp_path):
    (tmp_path / "out").write_text("a file")
    network = build(SPEC, settle(SPEC, "0.25", None, "32", {}))
    with Store(tmp_path / "store.db") as store:
        evaluator = Evaluator(shell(f"echo '{ANSWER}'"), store, outputs=tmp_path / "out")
        with pytest.raises(ArchcostError, match="cannot be written"):
            evaluator.evaluate(network)
        assert evaluator.evaluate(network).accuracy == 71.2


def test_a_run_that_is_gone_on_with_keeps_its_failures(tmp_path):
    network, other = (build(SPEC, settle(SPEC, alpha, None, "32", {})) for alpha in ("0.25", "0.5"))
    log = tmp_path / "log"
    command = shell(f"echo >> {log}; exit 1")
    with Store(tmp_path / "store.db") as store:
        old = Evaluator(command, store).evaluate(network)
        before = {each.key: each.created for each in store.evaluations()}
        Evaluator(command, store, known_before=before).evaluate(other)
        assert log.read_text() == "\n" * 2
        again = Evaluator(command, store, known_before=before)
        assert again.evaluate(other).status == "failed" and log.read_text() == "\n" * 2  # of this run
        assert again.evaluate(network).created != old.created and log.read_text() == "\n" * 3  # of another
        Evaluator(command, store, known_before=before).evaluate(network)
        assert log.read_text() == "\n" * 3
        Evaluator(command, store).evaluate(network)
        assert log.read_text() == "\n" * 4


def test_pruners_are_those_of_the_command_line():
    from archcost.cli.search import command

    choices = next(option.type.choices for option in command.params if option.name == "pruner")
    assert list(choices) == list(pruning.PRUNERS)
