"""A user's own command: what it is told, what counts as its answer, and everything that may go wrong with it."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archcost.accuracy import evaluation as evaluation_
from archcost.accuracy import reading
from archcost.accuracy.evaluator import Evaluator
from archcost.errors import ArchcostError
from archcost.graph import build
from archcost.latency.store import APPLICATION, Evaluation, Store
from archcost.spec import document as documents
from archcost.spec import zoo
from archcost.spec.settings import settle

SPEC = documents.read(zoo.find("mobilenetv1"))
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the commands are of a POSIX shell")


def network(alpha="0.25", resolution="32", **parameters):
    return build(SPEC, settle(SPEC, alpha, None, resolution, parameters))


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "store.db") as opened:
        yield opened


@pytest.fixture
def counted(tmp_path):
    """A shell command that also notes each of its runs, and the number of them."""
    log = tmp_path / "runs"

    def command(text):
        return f"sh -c {shlex.quote(f'echo >> {log}; {text}')}"

    return command, lambda: log.read_text().count("\n") if log.exists() else 0


def shell(text):
    return f"sh -c {shlex.quote(text.replace('{', '{{').replace('}', '}}'))}"


def python(tmp_path, code):
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(code))
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"


ANSWER = """echo '{{"accuracy": 71.2}}'"""


# What it is told


def test_a_command_is_told_the_variant(tmp_path, store):
    command = python(tmp_path, "import json, sys; print(json.dumps({'accuracy': 50, 'told': sys.argv[1:]}))")
    evaluator = Evaluator(command + " {spec} --width={alpha} {resolution} '{parameters}' {depth} {{x}} 'a  b'", store)
    found = evaluator.evaluate(network("0.35", "32x64", depth="3"))
    assert (found.status, found.accuracy) == ("ok", 50.0), found.reason
    path, width, size, parameters, *rest = json.loads(found.answer)["told"]
    assert documents.read(Path(path)).name == "mobilenetv1" and Path(path).is_absolute()
    assert (width, size, rest) == ("--width=0.35", "32x64", ["3", "{x}", "a  b"])
    assert json.loads(parameters) == json.loads(found.parameters) == {"depth": 3, "conv": "separable"}
    assert (found.spec, found.alpha, found.resolution) == ("mobilenetv1@depth=3", 0.35, "32x64")


def test_what_is_filled_in_is_never_split_nor_run(tmp_path, store):
    folder = tmp_path / "a b; touch $HOME `id`"
    folder.mkdir()
    (folder / "it's.yaml").write_text(zoo.find("mobilenetv1").read_text())
    spec = documents.read(folder / "it's.yaml")
    command = python(tmp_path, "import sys; assert len(sys.argv) == 2; open(sys.argv[1]); print('{\"accuracy\": 1}')")
    found = Evaluator(command + " {spec}", store).evaluate(build(spec, settle(spec, "0.25", None, 32)))
    assert found.accuracy == 1, found.reason


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("python 'train.py", "is no command: No closing quotation"),
        ("python {spec", "is no command"),
        ("python }", "is no command"),
        ("python {}", "double the braces"),
        ("python {0}", "double the braces"),
        ("python {spec.file}", "double the braces"),
        ("python {alpha:.2f}", "double the braces"),
        ("python {alpha!r}", "double the braces"),
        ("""python -c print({"accuracy":1})""", "double the braces"),
    ],
)
def test_what_is_no_command(store, command, said):
    with pytest.raises(ArchcostError, match=said):
        Evaluator(command, store)


def test_names_are_checked_before_anything_runs(store, counted):
    command, runs = counted
    evaluator = Evaluator(command(ANSWER) + " {dept}", store)
    for ask in (lambda: evaluator.check(SPEC), lambda: evaluator.evaluate(network())):
        with pytest.raises(ArchcostError, match="unknown name in braces `dept`; did you mean `depth`"):
            ask()
    assert runs() == 0
    with pytest.raises(ArchcostError, match=r"no program no-such-program; give its path"):
        Evaluator("no-such-program {spec}", store).check(SPEC)
    unsaved = documents.parse(zoo.find("mobilenetv1").read_text(), "<text>")
    Evaluator("sh {alpha}", store).check(unsaved)
    with pytest.raises(ArchcostError, match=r"<text> is no file that \{spec\} could name"):
        Evaluator("sh {spec}", store).check(unsaved)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_time_limit_is_a_time(store, seconds):
    with pytest.raises(ArchcostError, match="must be a positive number of seconds"):
        Evaluator("true", store, seconds)


# What counts as an answer


@pytest.mark.parametrize(
    "printed",
    [
        '{"accuracy": 71.2}',
        'epoch 1\n{"accuracy": 10}\nepoch 2\n  {"accuracy": 71.2, "loss": 0.4}  \nbye {not json}\n[1]\n3',
        '{"accuracy": 5}\r\n{"loss": NaN, "accuracy": 71.2}\r\n',
        '\\0377\\0376\n{"accuracy": 71.2}',
    ],
)
def test_the_last_line_of_json_counts(store, printed):
    found = Evaluator(shell(f"printf %b {shlex.quote(printed)}"), store).evaluate(network())
    assert (found.status, found.accuracy, found.reason) == ("ok", 71.2, "")
    assert json.loads(found.answer)["accuracy"] == 71.2


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("", "printed no line of JSON"),
        ("accuracy: 71.2", "printed no line of JSON"),
        ("71.2", "printed no line of JSON"),
        ('[{"accuracy": 71.2}]', "printed no line of JSON"),
        ('{"accuracy": 71.2', "printed no line of JSON"),
        ('{"accuracy":\n71.2}', "printed no line of JSON"),
        ('{"a":' * 5000, "printed no line of JSON"),
        ('{"accuracy": 71.2}\n{"loss": 1}', "has no accuracy"),
        ("{}", "has no accuracy"),
        ('{"accuracy": NaN}', "must be a percentage"),
        ('{"accuracy": Infinity}', "must be a percentage"),
        ('{"accuracy": -0.1}', "must be a percentage"),
        ('{"accuracy": 100.1}', "must be a percentage"),
        ('{"accuracy": 1e999}', "must be a percentage"),
        ('{"accuracy": ' + "9" * 4000 + "}", "must be a percentage"),
        ('{"accuracy": ' + "9" * 5000 + "}", "printed no line of JSON"),
        ('{"accuracy": true}', "must be a percentage"),
        ('{"accuracy": null}', "must be a percentage"),
        ('{"accuracy": "71.2"}', "must be a percentage"),
        ('{"accuracy": [71.2]}', "must be a percentage"),
    ],
)
def test_nonsense_is_a_recorded_failure(store, printed, said):
    evaluator = Evaluator(shell(f"printf %s {shlex.quote(printed)}; echo >&2 the cause"), store)
    found = evaluator.evaluate(network())
    assert (found.status, found.accuracy) == ("failed", None) and said in found.reason
    assert len(found.reason) < 2000
    assert store.evaluation(found.key) == found


@given(st.text(max_size=60))
def test_any_line_is_an_accuracy_or_a_failure(line):
    content = reading._json(line)
    assert content is None or isinstance(content, dict)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_accuracy_is_a_percentage_or_a_failure(value):
    line = json.dumps({"accuracy": value})
    try:
        found = reading.accuracy_of(line)
    except reading.Unanswered:
        assert isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100
    else:
        assert found == value


# What goes wrong


def test_an_exit_code_is_a_failure_with_the_last_words(store):
    answers = "echo '{\"accuracy\": 71.2}'"
    text = f"{answers}; for i in 1 2 3 4 5 6 7; do echo line $i; done >&2; printf '\\033[31mred' >&2; exit 3"
    found = Evaluator(shell(text), store).evaluate(network())
    assert found.status == "failed"
    assert found.reason == "exit code 3; it said: line 4\nline 5\nline 6\nline 7\n [31mred"


def test_a_crash_names_its_signal(store):
    assert Evaluator(shell("kill -SEGV $$"), store).evaluate(network()).reason == "ended by SIGSEGV"


def test_what_cannot_be_started(tmp_path, store):
    script = tmp_path / "train"
    script.write_text("no program\n")
    script.chmod(0o700)
    found = Evaluator(f"{script} {{alpha}}", store).evaluate(network())
    assert found.status == "failed" and "cannot be started: Exec format error" in found.reason


def gone(pid):
    """Whether a process has ended; a zombie, whose parent has not asked after it, has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until(condition):
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_hang_is_ended_with_all_its_children(tmp_path, store):
    note = tmp_path / "pids"
    text = f"trap '' TERM; sleep 600 & echo $! >> {note}; echo $$ >> {note}; echo at work >&2; wait; sleep 600"
    found = Evaluator(shell(text), store, seconds=0.5).evaluate(network())
    assert found.status == "failed" and found.reason == "not done after 0.5 s; it said: at work"
    pids = note.read_text().split()
    assert len(pids) == 2
    for pid in pids:
        wait_until(lambda pid=pid: gone(pid))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_children_left_behind_hold_nothing_up(tmp_path, store):
    """One keeps the pipe open after the command itself has ended."""
    note = tmp_path / "pid"
    text = f"sleep 600 & echo $! > {note}; echo '{{\"accuracy\": 3}}'"
    started = time.monotonic()
    assert Evaluator(shell(text), store).evaluate(network()).accuracy == 3
    assert time.monotonic() - started < 60
    wait_until(lambda: gone(note.read_text().strip()))


def test_a_child_that_left_the_group_holds_nothing_up(tmp_path, store, monkeypatch):
    monkeypatch.setattr(evaluation_, "PATIENCE_SECONDS", 0.2)
    code = """
        import subprocess, sys
        subprocess.Popen(["sleep", "3"], start_new_session=True)
        print('{"accuracy": 4}')
    """
    assert Evaluator(python(tmp_path, code), store).evaluate(network()).accuracy == 4


def test_endless_output_is_read_and_let_go(store):
    found = Evaluator(shell("yes >&2 & yes"), store, seconds=0.5).evaluate(network())
    assert found.status == "failed" and "not done after 0.5 s" in found.reason and len(found.reason) < 100


def test_a_command_gets_no_input(store):
    found = Evaluator(shell("cat; echo '{\"accuracy\": 6}'"), store, seconds=20).evaluate(network())
    assert found.accuracy == 6


def test_an_interrupt_ends_the_command(tmp_path, store, monkeypatch):
    note = tmp_path / "pid"

    def interrupted(process, timeout=None):
        if timeout is None:
            return whole(process)
        wait_until(lambda: note.exists() and note.read_text().endswith("\n"))
        raise KeyboardInterrupt

    whole = subprocess.Popen.wait
    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Evaluator(shell(f"echo $$ > {note}; sleep 600"), store).evaluate(network())
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
    assert list(store.evaluations()) == []


# What is kept


def test_one_network_is_asked_once(store, counted):
    command, runs = counted
    first = Evaluator(command(ANSWER), store).evaluate(network("0.25"))
    again = Evaluator(command(ANSWER), store)
    assert again.evaluate(network("0.25")) == again.evaluate(network("0.2505")) == first  # the same channels
    assert runs() == 1
    again.evaluate(network("0.5"))
    Evaluator(command(ANSWER) + " {alpha}", store).evaluate(network("0.25"))  # another command
    assert runs() == 3
    fresh = Evaluator(command(ANSWER), store, fresh=True)
    assert fresh.evaluate(network("0.25")).accuracy == fresh.evaluate(network("0.25")).accuracy == 71.2
    assert runs() == 4 and len(list(store.evaluations())) == 3


def test_a_failure_is_asked_again_by_the_next_run_only(store, counted, tmp_path):
    command, runs = counted
    mended = tmp_path / "mended"
    text = command(f"test -e {mended} && {ANSWER}")
    evaluator = Evaluator(text, store)
    assert [evaluator.evaluate(network()).status for _ in range(3)] == ["failed"] * 3
    assert runs() == 1
    assert Evaluator(text, store).evaluate(network()).status == "failed"
    mended.touch()
    assert Evaluator(text, store).evaluate(network()).accuracy == 71.2
    assert runs() == 3
    mended.unlink()
    assert Evaluator(text, store).evaluate(network()).accuracy == 71.2
    assert Evaluator(text, store, fresh=True).evaluate(network()).status == "failed"
    assert [each.accuracy for each in store.evaluations()] == [71.2]  # a failure takes nothing away


def evaluation(number, **changes):
    values = Evaluation(
        f"{number:064}",
        "d",
        "c ä\n",
        "s",
        0.1 + 0.2,
        "32",
        "{}",
        "ok",
        71.2 + number / 1e9,
        "",
        "{}",
        1.5,
        "2026-01-01",
    )
    return dataclasses.replace(values, **changes)


def test_what_goes_in_comes_out(store):
    several = [evaluation(2), evaluation(1, status="failed", accuracy=None, reason="x" * 1000)]
    for each in several:
        store.put_evaluation(each)
    assert list(store.evaluations()) == several[::-1]
    assert store.evaluation("no such key") is None and len(store) == 0


def old_store(path):
    """As stores were before there were evaluations."""
    with Store(path) as store:
        assert [row[0] for row in store.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")] == [
            "measurements"
        ]


def test_a_store_of_before_takes_evaluations(tmp_path):
    path = tmp_path / "old.db"
    old_store(path)
    with Store(path) as store:
        assert list(store.evaluations()) == [] and store.evaluation("k") is None
        store.put_evaluation(evaluation(1))
    with Store(path) as store:
        assert store.evaluation(evaluation(1).key) == evaluation(1)
        assert store.connection.execute("PRAGMA user_version").fetchone()[0] == 1  # programs of before still open it


def test_another_table_of_that_name_is_left_alone(tmp_path):
    path = tmp_path / "odd.db"
    old_store(path)
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE evaluations (x)")
    other.close()
    with Store(path) as store:
        for ask in (lambda: store.put_evaluation(evaluation(1)), lambda: store.evaluation("k")):
            with pytest.raises(ArchcostError, match="its columns are others"):
                ask()


@pytest.mark.parametrize(("column", "value"), [("accuracy", "'much'"), ("accuracy", "NULL"), ("status", "'fine'")])
def test_a_damaged_row_is_no_answer(tmp_path, column, value):
    path = tmp_path / "store.db"
    with Store(path) as store:
        store.put_evaluation(evaluation(1))
        store.connection.execute(f"UPDATE evaluations SET {column} = {value}")
        with pytest.raises(ArchcostError, match="is damaged"):
            store.evaluation(evaluation(1).key)


def test_a_full_disk_is_said(store):
    store.connection.execute("PRAGMA max_page_count = 4")
    with pytest.raises(ArchcostError, match="make room on the disk"):
        for number in range(100):
            store.put_evaluation(evaluation(number, answer="x" * 10_000))


WRITER = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_evaluator import evaluation
from archcost.latency.store import Store
with Store(Path({path!r})) as store:
    for n in range({first}, {first} + 10_000):
        store.put_evaluation(evaluation(n))
        print(n, flush=True)
"""


def test_two_writers_killed_lose_nothing_that_they_reported(tmp_path):
    path = tmp_path / "store.db"
    old_store(path)
    writers = []
    for first in (1, 100_001):
        code = WRITER.format(tests=str(Path(__file__).parent), path=str(path), first=first)
        writers.append(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True))
    reported = [int(each.stdout.readline()) for each in writers]
    time.sleep(0.2)
    for each in writers:
        each.kill()
    for each in writers:
        reported += [int(line) for line in each.communicate()[0].split("\n")[:-1]]
    with Store(path) as store:
        kept = {int(each.key) for each in store.evaluations()}
        assert set(reported) <= kept and len(kept) <= len(reported) + 2
        assert store.connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.none() | st.floats(0, 100)), max_size=10))
def test_the_store_is_a_dictionary_in_which_failures_lose(tmp_path_factory, answers):
    expected: dict[str, Evaluation] = {}
    with Store(tmp_path_factory.mktemp("store") / "store.db") as store:
        for number, accuracy in answers:
            new = evaluation(number, accuracy=accuracy, status="failed" if accuracy is None else "ok")
            store.put_evaluation(new)
            if accuracy is not None or expected.get(new.key, new).status != "ok":
                expected[new.key] = new
        assert {each.key: each for each in store.evaluations()} == expected


def test_several_evaluators_share_a_store(tmp_path, counted):
    command, runs = counted
    text, path, found = command(ANSWER), tmp_path / "store.db", []
    old_store(path)

    def ask(alpha):
        with Store(path) as store:
            found.append(Evaluator(text, store).evaluate(network(alpha)))

    threads = [threading.Thread(target=ask, args=(alpha,)) for alpha in ("0.25", "0.5", "0.75", "1")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store(path) as store:
        assert {each.key for each in store.evaluations()} == {each.key for each in found} and runs() == len(found) == 4
