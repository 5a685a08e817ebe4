"""A search that is killed and gone on with: the same front, and nothing that was stored is measured again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from archcost.latency.store import Store

DEVICE = """
import hashlib, os, time
from archcost.latency import samples
from archcost.latency.subject import digest
from archcost.search.measuring import guessed

def seconds(task):
    own = digest(task.subject)
    share = int(hashlib.sha256(own.encode()).hexdigest()[:8], 16) / 2**32
    time.sleep(float(os.environ.get("PAUSE", 0)))
    with open(os.environ["LOG"], "a") as log:
        log.write(own + "\\n")
    if share < 0.2:
        raise RuntimeError("too hot")
    return float(samples.one_network(task.subject, task.batch, 4, "none").seconds(guessed(4))[0]) * (1 + 0.3 * share)

seconds.fingerprint = {"board": 1}
"""
WORDS = ("search", "mobilenetv1", "--alpha", "0.25:1:0.05", "--resolution", "128,224", "--measurements", "12")
PAUSE = 0.08


@pytest.fixture
def search(tmp_path):
    """A search in a process of its own, by its folder and options; killed some candidates after its start and some way
    into the next, or None for its end."""
    (tmp_path / "board.py").write_text(DEVICE)

    def start(name, *words, after=None, code=0):
        log = tmp_path / f"{name}.log"
        asked_before, pause = len(asked(log)), str(0 if after is None else PAUSE)
        environment = {**os.environ, "LOG": str(log), "PAUSE": pause}
        files = ("--device", "board.py:seconds", "--store", f"{name}.db", "--out", name, *words)
        process = subprocess.Popen(
            [sys.executable, "-m", "archcost", *WORDS, *files],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if after is not None:
            until = time.monotonic() + 120
            while len(asked(log)) < asked_before + int(after) and process.poll() is None and time.monotonic() < until:
                time.sleep(0.002)
            time.sleep(after % 1 * PAUSE)
            process.send_signal(signal.SIGKILL)
        said = process.communicate(timeout=300)[1]
        assert after is not None or process.returncode == code, said
        return said

    return start


def stored(path, status=("ok", "failed")):
    if not path.exists():
        return []
    with Store(path, create=False) as store:
        return [row.digest for row in store.rows() if row.status in status]


def asked(path):
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("ahead", [1, 4])
def test_killed_at_any_moment_the_front_is_that_of_the_undisturbed_search(search, tmp_path, ahead):
    words = ("--ahead", str(ahead))
    search("whole", *words)
    draw = random.Random(ahead)
    resume, again = (), 0
    for _ in range(3):
        search("killed", *words, *resume, after=draw.uniform(0, 4))
        resume = ("--resume",)
        before, kept = asked(tmp_path / "killed.log"), stored(tmp_path / "killed.db")
        again += len(set(before) - set(kept))
        fine = len(stored(tmp_path / "killed.db", ["ok"]))
    search("killed", *words, *resume)
    after = asked(tmp_path / "killed.log")
    assert len(after) - len(set(after)) <= again  # what was in flight at a kill, and nothing else
    assert not set(kept) & set(after[len(before) :])
    assert (tmp_path / "killed/front.csv").read_bytes() == (tmp_path / "whole/front.csv").read_bytes()
    whole, killed = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("whole", "killed"))
    assert whole["failed"] > 0 and whole["measured"] + whole["failed"] == 12 and whole["ahead"] == ahead
    assert {**killed, "measured_before": 0} == whole
    assert killed["measured_before"] == fine > 0


def test_what_it_knew_at_its_beginning_stays_free_of_charge(search, tmp_path):
    """A store with measurements of before: the killed search's own are counted, those of before are not."""
    search("first", "--measurements", "5")
    for name in ("whole", "killed"):
        (tmp_path / f"{name}.db").write_bytes((tmp_path / "first.db").read_bytes())
    search("whole")
    search("killed", after=7.5)
    first, fine = (len(stored(tmp_path / f"{name}.db", ["ok"])) for name in ("first", "killed"))
    search("killed", "--resume")
    assert (tmp_path / "killed/front.csv").read_bytes() == (tmp_path / "whole/front.csv").read_bytes()
    whole, killed = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("whole", "killed"))
    assert whole["measured_before"] == first > 0 and killed["measured_before"] == fine > first
    assert whole["measured"] + whole["failed"] == first + 12
    assert {**killed, "measured_before": first} == whole


def test_another_question_is_named(search, tmp_path):
    search("out", "--measurements", "2")
    said = search("out", "--resume", "--budget", "200M", "--ahead", "3", "--alpha", "0.5", "--seed", "7", code=2)
    for part in (
        "limits (macs was nothing, is 200000000.0)",
        "ahead was 1, is 3",
        "space is another",
        "seed was 0, is 7",
    ):
        assert part in said
    assert "devices" not in said and "specs" not in said
    (tmp_path / "board.py").write_text(DEVICE.replace('"board": 1', '"board": 2'))
    assert "something else: devices (board.py:seconds is another). Ask the same" in search("out", "--resume", code=2)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "asked": 3}'])
def test_a_file_that_no_search_wrote(search, tmp_path, text):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/run.json").write_text(text)
    assert "is not what a search writes" in search("out", "--resume", code=2)


def test_more_can_be_spent_by_going_on(search, tmp_path):
    search("out", "--measurements", "4")
    before = asked(tmp_path / "out.log")
    search("out", "--resume", "--measurements", "8")
    told = json.loads((tmp_path / "out/result.json").read_text())
    assert told["measured"] + told["failed"] == 8 and len(asked(tmp_path / "out.log")) <= len(before) + 8
