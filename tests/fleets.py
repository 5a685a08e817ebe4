"""Fleets on this machine, of real processes: a scheduler, workers, and a device whose time is known."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

DEVICE = '''"""A device whose time is a known function of the network; each measurement is noted in a file."""
import os
import time

from archcost.latency.subject import digest


def board(task):
    with open(os.environ["FLEET_LOG"], "a") as file:
        file.write(f"{digest(task.subject)} {os.getpid()} {time.time()}\\n")
    time.sleep(float(os.environ.get("FLEET_SLEEP", "0")))
    label = task.label
    if os.environ.get("FLEET_POISON") == f"{label.alpha:g}":
        os.kill(os.getppid(), 9)
        time.sleep(60)
    if os.environ.get("FLEET_HANG") == f"{label.alpha:g}":
        time.sleep(1000)
    cost = sum(layer.cost.macs.value for layer in task.subject.layers)
    return 1e-4 + 1e-11 * cost + 1e-6 * len(list(task.subject.layers))


def other(task):
    return 3 * board(task) - 2e-6 * task.subject.settings.resolution[0]
'''


def command(*words):
    return [sys.executable, "-m", "archcost", *map(str, words)]


class Fleet:
    """A scheduler and its workers in a folder; all of them die with it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.log = folder / "measured.log"
        self.log.touch()
        (folder / "devices.py").write_text(DEVICE)
        self.environment = {**os.environ, "FLEET_LOG": str(self.log), **environment}
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.address = ""

    def __enter__(self) -> "Fleet":
        self.start_scheduler()
        return self

    def __exit__(self, *raised: object) -> None:
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.communicate()

    def start_scheduler(self, *options: str, port: int = 0) -> None:
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        words = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--dashboard-address", "127.0.0.1:0"]
        self._start("scheduler", [sys.executable, "-m", "dask", *words, "--scheduler-file", str(file), *options])
        self.address = json.loads(waited(lambda: file.exists() and file.read_text()))["address"]

    def start_worker(self, name: str, *options: object, **environment: str) -> subprocess.Popen[str]:
        """Returns once it works for the scheduler."""
        words = options or ("--device", "devices.py:board")
        process = self._start(name, command("worker", self.address, "--name", name, *words), **environment)
        said = []
        for line in process.stderr:
            said.append(line)
            if "works for" in line:
                return process
        raise AssertionError(f"{name} did not start: {''.join(said)}")

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        self.processes[name].send_signal(number)
        if number == signal.SIGKILL:
            self.processes[name].wait()

    def search(self, *words: object, wait: bool = True, **environment: str) -> subprocess.Popen[str]:
        """A search of this fleet; its results are in the folder's `out`, its store beside it."""
        given = command("search", *words, "--store", "store.db", "--cluster", self.address)
        return self._start("search", given, wait=wait, **environment)

    def run(self, *words: object, **environment: str) -> subprocess.Popen[str]:
        return self._start("run", command(*words), wait=True, **environment)

    def measured(self) -> list[str]:
        """The digests of all networks that a device was asked for, as often as it was."""
        return [line.split()[0] for line in self.log.read_text().splitlines()]

    def _start(self, name: str, words: list[str], wait: bool = False, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            words,
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE if name in ("search", "run") else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if name == "scheduler" else subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        if wait:
            process.out, process.err = process.communicate(timeout=240)
        else:
            self.processes[name] = process
        return process


def waited(ready, seconds=60):
    """What `ready` returns, once that is something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError, ValueError):
            if found := ready():
                return found
        time.sleep(0.05)
    raise AssertionError("waited in vain")
