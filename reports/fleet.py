"""How a fleet scales, measured with real processes on this machine, and simulated; writes fleet.md.

python reports/fleet.py --soak 5000
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import fleets

import archcost
from archcost.fleet.crew import Ledger, bench_of, measuring
from archcost.fleet.fleet import Fleet
from archcost.graph import build
from archcost.latency.store import Store
from archcost.latency.subject import Label, Task
from archcost.search.crew import Inquiry, Job
from archcost.spec.settings import settle

SLEEP = 0.2
WORKERS = (1, 2, 4, 8)
HERE = Path(__file__).parent


def networks(count: int) -> list[Job]:
    """Candidates of as many widths and resolutions."""
    document = archcost.load("mobilenetv1").document
    sizes = [(1 + step, 32 * (1 + step % 7)) for step in range(count)]
    return [
        Job("mobilenetv1", build(document, settle(document, alpha=0.2 + alpha / 1000, resolution=size)), "board")
        for alpha, size in sizes
    ]


def asked(here: fleets.Fleet, jobs: list[Job], workers: int, ahead: int, store: Path) -> tuple[float, dict, Counter]:
    """Seconds for jobs put in order, so many ahead; CPU seconds of each process; answers by status."""
    with Store(store) as kept, Fleet(here.address) as fleet:
        fleet.until(lambda members: "" if members.count(slot(members)) >= workers else "too few")
        bench = bench_of(fleet.members, "board")
        crew = measuring(
            fleet, Ledger(), kept, lambda job: (bench, Task(job.network, Label.of(job.network, job.spec))), kept.get
        )
        inquiry, left, statuses = Inquiry(crew, ahead), deque(jobs), Counter()
        before, start = cpu(here), time.monotonic()
        while left or inquiry.open:
            while left and not inquiry.full:
                inquiry.put(None, {"board": left.popleft()})
            _, found = inquiry.next()
            statuses["failed" if found["board"] is None else "ok"] += 1
        seconds, after = time.monotonic() - start, cpu(here)
        return seconds, {name: after[name] - before.get(name, 0.0) for name in after}, statuses


def slot(members) -> str:
    return next((device.resource for member in members.all.values() for device in member.offer.devices), "")


def cpu(here: fleets.Fleet) -> dict[str, float]:
    """CPU seconds so far, of coordinator, scheduler, and workers with the processes that measure."""
    found = {"coordinator": time.process_time()}
    for name, process in here.processes.items():
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        times = sum(sum(each.cpu_times()[:2]) for each in family)
        kind = "scheduler" if name == "scheduler" else "workers"
        found[kind] = found.get(kind, 0.0) + times
    return found


def searched(here: fleets.Fleet, workers: int, measurements: int) -> float:
    """The share of the ideal throughput that a whole search has, its fits and proposals included."""
    asked_for = ("--alpha", "0.2:1.2:0.001", "--resolution", "96:224:32", "--measurements", measurements)
    done = here.search(*asked_for, "--ahead", 4 * workers, "--device", "board", "--format", "json")
    result = json.loads(done.out)
    return result["measured"] * SLEEP / workers / result["fleet"]["seconds"]


def throughput(per_worker: int) -> tuple[list[tuple[int, float, float, float]], dict[str, float]]:
    """By number of workers, results a second, and the shares of the ideal of jobs alone and of a search; CPU seconds
    for a result, by process."""
    rows, spent = [], {}
    for workers in WORKERS:
        with tempfile.TemporaryDirectory() as folder, fleets.Fleet(Path(folder), FLEET_SLEEP=str(SLEEP)) as here:
            for number in range(workers):
                here.start_worker(f"w{number}")
            jobs = networks(per_worker * workers)
            asked(here, networks(2 * workers), workers, 2 * workers, Path(folder, "warm.db"))
            seconds, used, _ = asked(here, jobs, workers, 4 * workers, Path(folder, "jobs.db"))
            ideal = len(jobs) * SLEEP / workers
            rows.append((workers, len(jobs) / seconds, ideal / seconds, searched(here, workers, len(jobs))))
            spent = {name: value / len(jobs) for name, value in used.items()}
            print(rows[-1], spent, file=sys.stderr)
    return rows, spent


def soak(count: int) -> dict[str, float]:
    """Measurements, with a worker killed every ten seconds and another started."""
    with tempfile.TemporaryDirectory() as folder, fleets.Fleet(Path(folder), FLEET_SLEEP=str(SLEEP)) as here:
        for number in range(8):
            here.start_worker(f"w{number}")
        killer = subprocess.Popen([sys.executable, __file__, "--kill", here.address], cwd=folder, env=here.environment)
        try:
            seconds, _, statuses = asked(here, networks(count), 8, 32, Path(folder, "store.db"))
        finally:
            killer.send_signal(signal.SIGTERM)
            killed = killer.wait()
        with Store(Path(folder, "store.db")) as store:
            stored, keys = len(store), len({row.key for row in store.rows()})
        measured = Counter(here.measured())
        return {
            "seconds": seconds,
            "killed": killed,
            "answers": statuses["ok"],
            "failed": statuses["failed"],
            "stored": stored,
            "keys": keys,
            "begun": sum(measured.values()),
            "networks": len(measured),
        }


def kill(address: str) -> int:
    """Kills a worker of this folder's every ten seconds, and starts another; how many."""
    stop, started, killed = [], [], 0
    signal.signal(signal.SIGTERM, lambda *given: stop.append(True))
    while not stop:
        for _ in range(100):
            time.sleep(0.1)
            if stop:
                break
        else:
            workers = [each for each in psutil.process_iter(["cmdline"]) if works_for(each, address)]
            random.choice(workers).kill()
            killed += 1
            words = fleets.command("worker", address, "--name", f"n{killed}", "--device", "devices.py:board")
            started.append(subprocess.Popen(words, stderr=subprocess.DEVNULL))
    for process in started:
        process.kill()
    return killed


def works_for(process: psutil.Process, address: str) -> bool:
    words = process.info["cmdline"] or []
    return "worker" in words and address in words


def simulated(devices: int, jobs: int, mean: float, cost: dict[str, float], ahead: int, seed: int = 0) -> dict:
    """A search whose measurements take about `mean` seconds (log-normal, sigma 0.5), put in order, `ahead` at once.

    cost: seconds that the coordinator and the scheduler are busy with each, both one after the other. A question is
    told only after all before it, as in a search.
    """
    draw = random.Random(seed)
    free = {"coordinator": 0.0, "scheduler": 0.0}

    def served(server: str, at: float) -> float:
        free[server] = max(free[server], at) + cost[server] / 2  # on the way out, and on the way back
        return free[server]

    idle, running = devices, []
    put = told = 0
    now, answered, waiting = 0.0, set(), deque()
    while told < jobs:
        while put < jobs and put - told < ahead:
            waiting.append((put, served("scheduler", served("coordinator", now))))
            put += 1
        while waiting and idle:
            number, at = waiting.popleft()
            idle -= 1
            heapq.heappush(running, (max(now, at) + mean * draw.lognormvariate(-0.125, 0.5), number))
        now, number = heapq.heappop(running)
        idle += 1
        answered.add(number)
        back = served("coordinator", served("scheduler", now))
        while told in answered:
            answered.discard(told)
            told += 1
        now = max(now, back if put - told >= ahead else now)
    now = max(now, *free.values())
    return {"seconds": now, "rate": jobs / now, "busy": jobs * mean / devices / now}


def document(rows, spent, soaked) -> str:
    lines = [
        "# Fleets: how far they scale",
        "",
        "Made by `python reports/fleet.py --soak 5000`, of real processes on "
        f"{os.cpu_count()} cores: a scheduler of Dask's, workers of `archcost worker`, and a device whose time is a "
        f"known function of the network and which sleeps for {SLEEP * 1e3:g} ms.",
        "",
        "## Throughput",
        "",
        "| workers | results a second | share of the ideal | of a whole search |",
        "| ---: | ---: | ---: | ---: |",
        *(f"| {workers} | {rate:.1f} | {share:.0%} | {whole:.0%} |" for workers, rate, share, whole in rows),
        "",
        "The last column is `archcost search --cluster`, with its fits, its proposals and its start; the others are "
        "the same jobs from a list. Medians of three runs.",
        "",
        "CPU time for one result: "
        + ", ".join(f"{name} {value * 1e3:.1f} ms" for name, value in spent.items())
        + " (of all workers together, with the processes that measure).",
        "",
    ]
    if soaked:
        lines += [
            "## Soak",
            "",
            f"{soaked['answers']:,} measurements by 8 workers in {soaked['seconds'] / 60:.0f} minutes, a worker killed "
            f"by SIGKILL every ten seconds ({soaked['killed']} of them) and another started: {soaked['stored']:,} rows "
            f"in the store with {soaked['keys']:,} keys, {soaked['failed']} failed, none lost, none twice. Devices "
            f"began {soaked['begun']:,} measurements, {soaked['begun'] - soaked['networks']:,} of them a second time, "
            "because the worker died that had begun them.",
            "",
        ]
    return "\n".join([*lines, *scaling(spent)]) + "\n"


def scaling(spent: dict[str, float]) -> list[str]:
    """The section on a thousand devices, by simulation."""
    cost = {name: spent[name] for name in ("coordinator", "scheduler")}
    limit = {name: 1 / value for name, value in cost.items()}
    slowest = min(limit, key=lambda name: limit[name])
    lines = [
        "## A thousand devices, a hundred thousand candidates: simulated",
        "",
        f"The coordinator is one thread, and so is the scheduler; with the CPU times above they can do "
        f"{limit['coordinator']:,.0f} and {limit['scheduler']:,.0f} results a second. The simulation gives each of "
        "them its time for every result, half on the way out and half on the way back, and each measurement a "
        "log-normal time (sigma 0.5) around the mean; questions are told in order. `--ahead` is the 16 that a cluster "
        "has by default, twice the number of devices, or eight times. What a search itself thinks about a result comes "
        "on top: a millisecond or two (`python -m pytest -s tests/benchmarks/test_measuring.py`).",
        "",
        "| devices | a measurement takes | ahead | results a second | devices busy | for 100,000 |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for devices in (1, 10, 100, 1000):
        for mean in (0.2, 2.0, 20.0):
            for ahead in (16, max(16, 2 * devices), 8 * devices) if devices > 8 else (16,):
                found = simulated(devices, 20_000, mean, cost, ahead)
                lines.append(
                    f"| {devices:,} | {mean:g} s | {ahead:,} | {found['rate']:,.3g} | {found['busy']:.0%} | "
                    f"{took(100_000 / found['rate'])} |"
                )
    best = simulated(1000, 100_000, 2.0, cost, 8000)
    lines += [
        "",
        f"So the **{slowest}** is what a fleet meets first, at about {limit[slowest]:,.0f} results a second: "
        f"{limit[slowest] * 2:,.0f} devices at two seconds for each measurement, {limit[slowest] * 20:,.0f} at twenty. "
        f"100,000 candidates on 1,000 devices at two seconds take {took(best['seconds'])} ({best['busy']:.0%} busy). "
        "Long before that, `--ahead` is what keeps a large fleet idle: it decides which candidates are asked for, so "
        "it never follows the number of workers by itself; give about eight times as many as there are devices.",
    ]
    return lines


def took(seconds: float) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours:.0f} h {rest / 60:.0f} min" if hours else f"{rest / 60:.0f} min" if rest >= 90 else f"{rest:.0f} s"


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--soak", type=int, default=0)
    given.add_argument("--per-worker", type=int, default=100)
    given.add_argument("--repeats", type=int, default=3)
    given.add_argument("--kill", help=argparse.SUPPRESS)
    asked_for = given.parse_args()
    if asked_for.kill:
        return kill(asked_for.kill)
    runs = [throughput(asked_for.per_worker) for _ in range(asked_for.repeats)]
    middle = [
        tuple(statistics.median(run[0][place][part] for run in runs) for part in range(4))
        for place in range(len(WORKERS))
    ]
    rows = [(int(workers), *rest) for workers, *rest in middle]
    spent = {name: statistics.median(run[1][name] for run in runs) for name in runs[0][1]}
    soaked = soak(asked_for.soak) if asked_for.soak else None
    (HERE / "fleet.md").write_text(document(rows, spent, soaked), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
