"""Workers in networks of their own, which the test makes, cuts off and joins again."""

import contextlib
import json
import shutil
import subprocess

import fleets
import pytest
from test_fleet import ALPHAS, crew_of, measure, truth

from archcost.fleet.fleet import Fleet
from archcost.latency.store import Store

BRIDGE, PREFIX = "archcost0", "10.209.77"
QUICK = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s", "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "3s"}
"""Dask finds out sooner that somebody is cut off; by itself it waits for half a minute."""


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


@contextlib.contextmanager
def networks(*names):
    """Each name gets a network of its own, with an address, and a cable to this machine's."""
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("addr", "add", f"{PREFIX}.1/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for place, name in enumerate(names, 2):
            ip("netns", "add", name)
            ip("link", "add", f"cable{place}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", f"cable{place}", "master", BRIDGE, "up")
            ip("-n", name, "addr", "add", f"{PREFIX}.{place}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True)


@pytest.fixture
def two():
    if shutil.which("ip") is None:
        pytest.skip("there is no program ip, which makes networks")
    try:
        with networks("archcost-a", "archcost-b"):
            yield
    except subprocess.CalledProcessError as error:
        if "Operation not permitted" in error.stderr.decode() or "not supported" in error.stderr.decode():
            pytest.skip("this user may make no networks")
        raise


class Elsewhere(fleets.Fleet):
    """Workers in other networks than the scheduler."""

    def start_there(self, name: str, network: str, place: int, **environment: str) -> None:
        words = ["worker", self.address, "--name", name, "--device", "devices.py:board"]
        inside = ["ip", "netns", "exec", network, *fleets.command(*words, "--listen", f"{PREFIX}.{place}")]
        process = self._start(name, inside, **environment)
        said = []
        for line in process.stderr:
            said.append(line)
            if "works for" in line:
                assert f"{PREFIX}.{place}" in line
                return
        raise AssertionError(f"{name} did not start: {''.join(said)}")


def test_a_worker_that_is_cut_off_and_joined_again(two, tmp_path):
    def cutting(cuts):
        def meanwhile(done):
            if done in cuts:
                ip("link", "set", "cable2", cuts[done])

        return meanwhile

    here = Elsewhere(tmp_path, **QUICK)
    try:
        words = ["scheduler", "--host", f"{PREFIX}.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"]
        file = tmp_path / "scheduler.json"
        here._start("scheduler", [fleets.sys.executable, "-m", "dask", *words, "--scheduler-file", str(file)])
        here.address = json.loads(fleets.waited(lambda: file.exists() and file.read_text()))["address"]
        here.start_there("a", "archcost-a", 2, FLEET_SLEEP="0.2")
        here.start_there("b", "archcost-b", 3, FLEET_SLEEP="0.2")
        with Store(tmp_path / "store.db") as store, Fleet(here.address) as fleet:
            fleet.until(lambda members: "" if len(members.all) == 2 else "two are wanted")
            crew = crew_of(fleet, store)
            assert measure(crew, ALPHAS, cutting({8: "down"})) == truth(ALPHAS)
            assert [member.name[0] for member in fleet.members.all.values()] == ["b"]
            ip("link", "set", "cable2", "up")
            fleets.waited(lambda: len(fleet.members.all) == 2)  # it has come back by itself
            more = [each + 0.5 for each in ALPHAS]
            # So short a cut that nobody gives anybody up.
            assert measure(crew, more, cutting({10: "down", 14: "up"})) == truth(more)
            states = sorted((worker.name[0], worker.state) for worker in crew.ledger.state(fleet).workers)
            done = sum(worker.done for worker in crew.ledger.state(fleet).workers)
            assert len(store) == done == len(ALPHAS) + len(more)
        assert states == [("a", "gone"), ("a", "here"), ("b", "here")]
        # What it was at when it was cut off was begun again elsewhere, and its own answer never counted.
        assert done <= len(here.measured()) <= done + 4
    finally:
        here.__exit__()
