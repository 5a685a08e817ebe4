"""Searches on a fleet give the answer that they give here, whatever dies on the way."""

import csv
import json
import resource
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import fleets
import pytest

import archcost

SPACE = ("--alpha", "0.25:1:0.05", "--resolution", "128,160", "--measurements", "14", "--ahead", "6")


@pytest.fixture
def here(tmp_path):
    with fleets.Fleet(tmp_path, FLEET_SLEEP="0.05") as fleet:
        yield fleet


def front(folder):
    return (folder / "front.csv").read_text()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The front of the search in this process, without a fleet."""
    folder = tmp_path_factory.mktemp("undisturbed")
    here = fleets.Fleet(folder)
    done = here.run("search", *SPACE, "--device", "devices.py:board", "--store", "store.db", "--out", "out")
    assert done.returncode == 0, done.err
    return front(folder / "out")


def test_a_fleet_of_any_size_gives_the_answer_of_one_process(here, tmp_path, undisturbed):
    here.start_worker("one")
    alone = here.search(*SPACE, "--device", "board", "--out", "one")
    assert alone.returncode == 0, alone.err
    for name in ("two", "three"):
        here.start_worker(name)
    (tmp_path / "store.db").unlink()
    three = here.search(*SPACE, "--device", "board", "--out", "three")
    assert front(tmp_path / "one") == front(tmp_path / "three") == undisturbed
    result = json.loads((tmp_path / "three" / "result.json").read_text())
    assert result["measured"] == 14 and result["ahead"] == 6 and result["device"]["device"] == "board"
    workers = result["fleet"]["workers"]
    assert [worker["name"].split("-")[0] for worker in workers] == ["one", "three", "two"]
    assert sum(worker["done"] for worker in workers) == 14 and all(worker["state"] == "here" for worker in workers)
    assert "Dask's dashboard: http" in three.err and all(worker["name"] in three.err for worker in workers)
    again = here.search(*SPACE, "--device", "board", "--out", "again", "--format", "json")
    assert json.loads(again.out)["measured_before"] > 0


def test_workers_die_and_the_front_is_the_same(here, tmp_path, undisturbed):
    for name in ("one", "two"):
        here.start_worker(name, FLEET_SLEEP="0.5")
    search = here.search(*SPACE, "--device", "board", "--out", "out", wait=False)
    fleets.waited(lambda: len(here.measured()) >= 4)
    here.kill("one")  # in the middle of a measurement
    here.start_worker("three", FLEET_SLEEP="0.1")
    fleets.waited(lambda: len(here.measured()) >= 8)
    here.kill("two")
    _, said = search.communicate(timeout=120)
    assert search.returncode == 0, said
    assert front(tmp_path / "out") == undisturbed
    assert len(set(here.measured())) == 14 and len(here.measured()) <= 14 + 2  # what was begun when one died
    assert said.count(" gone\n") == 2  # in the summary


@pytest.mark.parametrize("victim", ["scheduler", "search"])
def test_what_was_killed_is_gone_on_with(here, tmp_path, undisturbed, victim):
    here.start_worker("one", FLEET_SLEEP="0.3")
    search = here.search(*SPACE, "--device", "board", "--out", "out", wait=False)
    fleets.waited(lambda: len(here.measured()) >= 6)
    here.kill(victim)
    _, said = search.communicate(timeout=60)
    assert search.returncode == (1 if victim == "scheduler" else -9), said
    if victim == "scheduler":
        assert "is gone" in said and "--resume" in said and "Traceback" not in said
        here.start_scheduler()
        here.start_worker("two")
    resumed = here.search(*SPACE, "--device", "board", "--out", "out", "--resume")
    assert resumed.returncode == 0, resumed.err
    assert front(tmp_path / "out") == undisturbed
    counts = Counter(here.measured())
    assert len(counts) == 14 and sum(counts.values()) <= 14 + 2  # what was under way then, again


def test_what_poisons_workers_is_reported_and_not_on_the_front(here, tmp_path):
    for name in ("one", "two", "three", "four"):
        here.start_worker(name, FLEET_POISON="0.5")
    asked = ("--alpha", "0.25,0.5,0.75,1", "--resolution", "128", "--device", "board", "--out", "out")
    done = here.search(*asked, "--tries", "3")
    assert done.returncode == 0, done.err
    assert "no time of mobilenetv1 at α 0.5, 128 on board: given up after 3 tries" in done.err
    rows = list(csv.DictReader(front(tmp_path / "out").splitlines()))
    assert {float(row["alpha"]) for row in rows} == {0.25, 0.75, 1}
    assert json.loads((tmp_path / "out" / "result.json").read_text())["failed"] == 1


def test_two_devices_have_a_column_each(here, tmp_path):
    here.start_worker("one", "--device", "devices.py:board")
    here.start_worker("two", "--device", "devices.py:other", "--name", "slow")
    limits = ("--max-latency", "board=5ms", "--max-latency", "slow=20ms")
    done = here.search("--alpha", "0.25:1:0.25", "--resolution", "128", *limits, "--out", "out")
    assert done.returncode == 0, done.err
    rows = list(csv.DictReader(front(tmp_path / "out").splitlines()))
    assert rows
    for row in rows:
        assert 0 < float(row["measured_ms_board"]) <= 5 and 0 < float(row["measured_ms_slow"]) <= 20
        assert float(row["measured_ms_slow"]) == pytest.approx(3 * float(row["measured_ms_board"]) - 0.256, rel=1e-4)
    offers = {
        worker["name"].split("-")[0]: worker["offers"]
        for worker in json.loads((tmp_path / "out" / "result.json").read_text())["fleet"]["workers"]
    }
    assert offers == {"one": "devices.py:board", "slow": "devices.py:other"}


TRAIN = """
import json, sys, time
text = open(sys.argv[1]).read()
assert "layers:" in text
alpha, size = float(sys.argv[2]), int(sys.argv[3])
print("training", alpha, size)
for step in range(3):
    print(json.dumps({"step": step, "accuracy": step + 40 * alpha + size / 16}))
time.sleep(0.2)
print(json.dumps({"accuracy": 10 + 40 * alpha + size / 16}))
"""


def test_trainings_spread_over_slots_and_a_spec_is_sent_along(here, tmp_path):
    (tmp_path / "own.yaml").write_text(
        "name: own\ninput: [3, 32, 32]\nlayers:\n  - conv: {out: 8, kernel: 3}\n  - global_avg_pool\n"
        "  - linear: {out: 10, scale: fixed}\n"
    )
    (tmp_path / "train.py").write_text(TRAIN)
    elsewhere = tmp_path / "elsewhere"  # where workers run: no spec there
    elsewhere.mkdir()
    train = f"{sys.executable} {tmp_path / 'train.py'} {{spec}} {{alpha}} {{resolution}}"
    asked = ("own.yaml", "--alpha", "0.5:2:0.5", "--resolution", "16,32,48", "--evaluate", train)
    refused = here.search(*asked, "--wait", "1")
    assert refused.returncode == 1 and "no worker allows this command" in refused.err and "--allow" in refused.err
    here.start_worker("other", "--train-slots", "1", "--allow", "echo")
    refused = here.search(*asked, "--wait", "1")
    assert refused.returncode == 1 and "others are allowed by other-" in refused.err
    for name in ("one", "two"):
        here.start_worker(name, "--train-slots", "2", "--allow", train)
    done = here.search(*asked, "--out", "out")
    assert done.returncode == 0, done.err
    alone = here.run("search", *asked, "--store", "here.db", "--out", "here")
    assert alone.returncode == 0, alone.err
    assert front(tmp_path / "out") == front(tmp_path / "here")
    logs = list((tmp_path / "out" / "evaluations").iterdir())
    assert len(logs) == 12 and all("training" in log.read_text() for log in logs)
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    done_by = {worker["name"].split("-")[0]: worker["done"] for worker in result["fleet"]["workers"]}
    assert done_by["one"] >= 3 and done_by["two"] >= 3 and done_by["other"] == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_training_whose_worker_dies_is_done_by_another(here, tmp_path, number):
    (tmp_path / "slow.py").write_text(TRAIN.replace("sleep(0.2)", "sleep(3)"))
    train = f"{sys.executable} {tmp_path / 'slow.py'} {{spec}} {{alpha}} {{resolution}}"
    for name in ("one", "two"):
        here.start_worker(name, "--train-slots", "2", "--allow", train)
    asked = ("--alpha", "0.25:1:0.25", "--resolution", "128,224", "--evaluate", train, "--out", "out")
    search = here.search(*asked, wait=False)
    fleets.waited(lambda: list(Path(tmp_path, "out", "evaluations").glob("*.log")))
    here.kill("one", number)
    _, said = search.communicate(timeout=120)
    assert search.returncode == 0, said
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["evaluated"] == 8 and result["failed"] == 0
    # The dead worker's trainings died with it.
    ps = ["pgrep", "-f", f"{tmp_path / 'slow.py'} /"]
    assert fleets.waited(lambda: subprocess.run(ps, capture_output=True).returncode == 1, 10)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--device", "nvidia-h200"], "no worker offers nvidia-h200 (workers offer devices.py:board (one-"),
        (["--device", "board", "--device", "devices.py:board"], "are one device"),
        (["--device", "board", "--tls-ca-file", "none.pem"], "TLS needs all of"),
    ],
)
def test_what_the_fleet_has_not(here, words, said):
    here.start_worker("one")
    done = here.search(*words, "--wait", "1")
    assert done.returncode in (1, 2) and said in done.err and "Traceback" not in done.err, done.err


def test_no_scheduler():
    given = fleets.command("search", "--device", "cpu", "--cluster", "tcp://127.0.0.1:9")
    done = subprocess.run(given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "no scheduler answers at tcp://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_of_another_version_gets_no_work(here):
    code = "import archcost; archcost.__version__ = '0.0.1'; from archcost.cli.main import main; main()"
    worker = subprocess.Popen(
        [sys.executable, "-c", code, "worker", here.address, "--device", "devices.py:board"],
        cwd=here.folder,
        env=here.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    here.processes["old"] = worker
    next(line for line in worker.stderr if "works for" in line)
    done = here.search("--device", "board", "--wait", "2")
    assert done.returncode == 1
    assert "has archcost 0.0.1" in done.err and archcost.__version__ in done.err


def test_a_full_disk_stops_the_search_and_what_was_stored_stands(here, tmp_path, undisturbed):
    here.start_worker("one")
    first = fleets.command("search", *SPACE, "--device", "board", "--cluster", here.address, "--store", "store.db")

    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))  # no file may be larger

    done = subprocess.run(
        [*first, "--out", "out"], cwd=tmp_path, env=here.environment, capture_output=True, text=True, preexec_fn=full
    )
    assert done.returncode == 2 and "make room on the disk" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    again = here.search(*SPACE, "--device", "board", "--out", "out", "--resume")
    assert again.returncode == 0, again.err
    assert front(tmp_path / "out") == undisturbed


def test_without_a_cluster_nothing_imports_dask():
    code = (
        "import sys, archcost, archcost.cli.search, archcost.cli.worker\n"
        "archcost.find(alpha=[0.5, 1], resolution=[128])\n"
        "assert not {'dask', 'distributed'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
