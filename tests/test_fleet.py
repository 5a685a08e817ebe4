"""Jobs to workers: who does them, what becomes of them when workers die, and what workers refuse."""

import json
import os
import re
import signal
import subprocess
import time
from types import SimpleNamespace

import fleets
import pytest

import archcost
from archcost.errors import ArchcostError
from archcost.fleet.connection import Stopped, Tls, address_of, listening
from archcost.fleet.crew import Ledger, bench_of, measuring
from archcost.fleet.fleet import Fleet, Patience
from archcost.fleet.members import Members
from archcost.fleet.slots import names
from archcost.fleet.wire import MEASURE, METRIC, Device, Offer, Request, spec_of
from archcost.graph import build
from archcost.latency.bench import Bench
from archcost.latency.measurement import FAILED, OK
from archcost.latency.store import Store
from archcost.latency.subject import Label, Task, digest
from archcost.search.crew import Job
from archcost.spec.settings import settle

ALPHAS = [0.25 + 0.01 * step for step in range(40)]


def network(alpha=1.0, spec="mobilenetv1"):
    document = archcost.load(spec).document
    return build(document, settle(document, alpha=round(alpha, 2)))


@pytest.fixture
def here(tmp_path):
    with fleets.Fleet(tmp_path) as fleet:
        yield fleet


def crew_of(fleet, store, name="board", **options):
    bench = bench_of(fleet.members, name)

    def task(job):
        return bench, Task(job.network, Label.of(job.network, job.spec))

    return measuring(fleet, Ledger(), store, task, lambda key: store.get(key), **options)


def measure(crew, alphas, meanwhile=lambda done: None):
    """Seconds by place, all asked for at once."""
    for place, alpha in enumerate(alphas):
        crew.give(place, Job("mobilenetv1", network(alpha), "board"))
    found = {}
    for _ in alphas:
        place, seconds = crew.take()
        assert place not in found
        found[place] = seconds
        meanwhile(len(found))
    return found


def truth(alphas):
    def seconds(alpha):
        one = network(alpha)
        return 1e-4 + 1e-11 * sum(layer.cost.macs.value for layer in one.layers) + 1e-6 * len(list(one.layers))

    return {place: pytest.approx(seconds(alpha)) for place, alpha in enumerate(alphas)}


def test_two_workers_share_the_work(here, tmp_path):
    for name in ("one", "two"):
        here.start_worker(name, FLEET_SLEEP="0.05")
    with Store(tmp_path / "store.db") as store, Fleet(here.address) as fleet:
        fleet.until(lambda members: "" if len(members.all) == 2 else "two are wanted")
        crew = crew_of(fleet, store)
        assert measure(crew, ALPHAS) == truth(ALPHAS)
        assert len(store) == len(ALPHAS)
        done = [worker.done for worker in crew.ledger.state(fleet).workers]
        assert sum(done) == len(ALPHAS) and min(done) > 10
        again = measure(crew, ALPHAS)  # from the store
    assert again == truth(ALPHAS) and len(here.measured()) == len(ALPHAS)
    assert len(set(here.measured())) == len(ALPHAS)


def test_workers_that_are_killed_lose_nothing(here, tmp_path):
    for name in ("one", "two", "three"):
        here.start_worker(name, FLEET_SLEEP="0.1")

    def meanwhile(done):
        if done in (5, 15):
            here.kill({5: "one", 15: "two"}[done])
        if done == 20:
            here.start_worker("four")

    with Store(tmp_path / "store.db") as store, Fleet(here.address) as fleet:
        fleet.until(lambda members: "" if len(members.all) == 3 else "three are wanted")
        crew = crew_of(fleet, store)
        assert measure(crew, ALPHAS, meanwhile) == truth(ALPHAS)
        rows = list(store.rows())
        state = {worker.name.split("-")[0]: worker for worker in crew.ledger.state(fleet).workers}
    assert [row.status for row in rows] == [OK] * len(ALPHAS)
    # At most what ran when a worker died was begun twice.
    assert len(ALPHAS) <= len(here.measured()) <= len(ALPHAS) + 2
    assert (
        state["one"].state == state["two"].state == "gone" and state["one"].lost <= 2
    )  # what it was at, and what waited


def test_what_kills_every_worker_is_given_up_and_what_waited_is_not(here, tmp_path):
    poison = f"{ALPHAS[3]:g}"
    for name in ("one", "two", "three", "four"):
        here.start_worker(name, FLEET_POISON=poison)
    said = []
    with Store(tmp_path / "store.db") as store, Fleet(here.address) as fleet:
        fleet.until(lambda members: "" if len(members.all) == 4 else "four are wanted")
        crew = crew_of(fleet, store, warn=said.append)
        found = measure(crew, ALPHAS)
        failed = [row for row in store.rows() if row.status == FAILED]
    assert found == {**truth(ALPHAS), 3: None}
    assert [row.alpha for row in failed] == [ALPHAS[3]] and "given up after 3 tries" in failed[0].reason
    assert here.measured().count(digest(network(ALPHAS[3]))) == 3
    assert len(said) == 1 and f"α {poison}" in said[0]


def test_what_hangs_is_killed_tried_elsewhere_and_given_up(here, tmp_path):
    for name in ("one", "two"):
        here.start_worker(name, FLEET_HANG=f"{ALPHAS[2]:g}")
    with Store(tmp_path / "store.db") as store, Fleet(here.address, patience=Patience(tries=2)) as fleet:
        fleet.until(lambda members: "" if len(members.all) == 2 else "two are wanted")
        crew = crew_of(fleet, store, limit_seconds=1.5)
        found = measure(crew, ALPHAS[:8])
        (failed,) = (row for row in store.rows() if row.status == FAILED)
    assert found == {**truth(ALPHAS[:8]), 2: None}
    assert failed.reason.count("not done after 1.5 s") == 2
    assert "one-" in failed.reason and "two-" in failed.reason  # another worker the second time


def test_a_worker_that_stops_answering_is_gone_round(here, tmp_path, monkeypatch):
    monkeypatch.setattr("archcost.fleet.dispatch.GRACE_SECONDS", 0.5)
    monkeypatch.setattr("archcost.fleet.dispatch.SILENT_SECONDS", 3)
    for name in ("one", "two"):
        here.start_worker(name)
    with Store(tmp_path / "store.db") as store, Fleet(here.address) as fleet:
        fleet.until(lambda members: "" if len(members.all) == 2 else "two are wanted")
        crew = crew_of(fleet, store, limit_seconds=1.0)
        here.kill("one", signal.SIGSTOP)
        try:
            assert measure(crew, ALPHAS[:10]) == truth(ALPHAS[:10])
        finally:
            here.kill("one", signal.SIGCONT)


def test_the_scheduler_dies_and_workers_find_the_next(here, tmp_path):
    here.start_worker("one", FLEET_SLEEP="0.2")
    with Store(tmp_path / "store.db") as store:
        with (
            pytest.raises(Stopped, match=r"the scheduler at .* is gone"),
            Fleet(here.address) as fleet,
        ):
            fleet.until(lambda members: "" if members.all else "one is wanted")
            measure(crew_of(fleet, store), ALPHAS, lambda done: here.kill("scheduler") if done == 5 else None)
        stored = len(store)
        assert stored >= 5
        here.start_scheduler(port=int(here.address.rsplit(":", 1)[1]))
        with Fleet(here.address) as fleet:
            fleet.until(lambda members: "" if members.all else "one is wanted")
            assert measure(crew_of(fleet, store), ALPHAS[:10]) == truth(ALPHAS[:10])
    assert len(here.measured()) <= max(10, stored) + 2


def test_results_are_stamped_by_the_coordinator_and_checked(here, tmp_path):
    bench = Bench("x:y", "y", "own", {"kind": "own"}, {}, {"name": "own"})
    one = network()
    task = Task(one, Label.of(one))
    answers = []
    fleet = SimpleNamespace(send=lambda *given: answers.append(given[0]), take=lambda: (answers.pop(), sent()))
    with Store(tmp_path / "store.db") as store:
        crew = measuring(fleet, Ledger(), store, lambda job: (bench, task), lambda key: None)

        def cells(**changed):
            labelled = bench.labels(task)
            found = archcost.latency.measurement.Measurement(
                **labelled,
                **archcost.latency.measurement.statistics([0.5]),
                status=OK,
                reason=None,
                peak_bytes=None,
                before={},
                after={},
                created="1970-01-01T00:00:00+00:00",
            ).cells()
            return {"measurement": {**found, **changed}, "worker": "w"}

        for answer, wanted in [
            (cells(), 0.5),
            (cells(median="0.25"), None),  # not that of its samples
            (cells(batch="2"), None),  # another's
            ({"measurement": {}, "worker": "w"}, None),
            ({"measurement": 3, "worker": "w"}, None),
        ]:
            sent = lambda answer=answer: answer  # noqa: E731
            crew.give(1, Job("mobilenetv1", one, "y"))
            assert crew.take() == (1, wanted)
            (row,) = store.rows()
            assert row.created > "2024" and (row.status == OK) == (wanted is not None)


def test_workers_run_nothing_but_jobs(here, tmp_path):
    from distributed import Client

    here.start_worker("one")
    evil = tmp_path / "evil"
    with Client(here.address, set_as_default=False) as client:
        address = next(iter(client.scheduler_info(n_workers=-1)["workers"]))
        for function, argument in ((os.mkdir, str(evil)), (eval, f"__import__('os').mkdir({str(evil)!r})")):
            with pytest.raises(PermissionError, match="archcost's jobs alone"):
                client.submit(function, argument, workers=[address], pure=False).result(timeout=20)
        with pytest.raises(Exception, match=r"archcost's jobs alone|disallowed"):
            client.run(os.mkdir, str(evil))
        info = client.scheduler_info(n_workers=-1)["workers"][address]
    assert not evil.exists()
    assert info["host"] == "127.0.0.1" and info[METRIC]["version"] == archcost.__version__
    with Fleet(here.address) as fleet:  # and it goes on
        fleet.until(lambda members: "" if members.all else "one is wanted")
        with Store(tmp_path / "store.db") as store:
            assert measure(crew_of(fleet, store), ALPHAS[:3]) == truth(ALPHAS[:3])


def listeners(pid):
    """Addresses that a process and its children listen on."""
    import psutil

    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return {c.laddr.ip for each in family for c in each.net_connections("inet") if c.status == "LISTEN"}


def test_nothing_listens_beyond_the_loopback(here):
    worker = here.start_worker("one")
    assert listeners(worker.pid) == {"127.0.0.1"}


def test_a_worker_takes_no_other_command(here):
    here.start_worker("one", "--train-slots", "1", "--allow", "echo {alpha}")
    with Fleet(here.address, patience=Patience(wait=1)) as fleet:
        said = []
        fleet.warn = said.append
        fleet.until(lambda members: "" if members.all else "one is wanted")
        request = Request(
            archcost.__version__, "evaluate", "k", limit_seconds=5, command="rm -rf {spec}", **spec_of(network(), "x")
        )
        fleet.send(request, "archcost-train", 0)
        with pytest.raises(Stopped, match="no worker has been there"):
            fleet.take()
    assert "was not started with --allow 'rm -rf {spec}'" in said[0]


def offer(version=archcost.__version__, name="w", fingerprint="a", names=("cpu",), pid=1):
    bench = Bench("cpu", "Some CPU", "cpu", {"kind": "cpu", "threads": fingerprint}, {"torch": "2"})
    return {METRIC: Offer(version, name, "host", pid, (Device(tuple(names), bench),)).data()}


def test_another_version_is_refused_and_both_are_named():
    members = Members()
    said = members.update({"tcp://a": offer(version="0.0.1")})
    assert said == [f"w-1 has archcost 0.0.1, this is {archcost.__version__}; it gets no work"]
    assert not members.all and members.update({"tcp://a": offer(version="0.0.1")}) == []


def test_one_name_for_different_devices_is_refused():
    members = Members()
    members.update({"tcp://a": offer(pid=1, names=("cpu", "left")), "tcp://b": offer(pid=2, fingerprint="b")})
    with pytest.raises(ArchcostError, match=r"`cpu` is 2 different devices: .*threads a, w-1.*threads b, w-2.*--name"):
        bench_of(members, "cpu")
    assert bench_of(members, "left").fingerprint["threads"] == "a"
    assert bench_of(members, "nvidia-h200") is None


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("NVIDIA H200", "nvidia-h200"),
        ("Tesla T4", "nvidia-t4"),
        ("NVIDIA A100-SXM4-80GB", "nvidia-a100"),
        ("NVIDIA GeForce RTX 3090", "nvidia-rtx3090"),
        ("NVIDIA L4", "nvidia-l4"),
        ("Tesla V100-SXM2-16GB", "nvidia-v100"),
    ],
)
def test_gpus_are_called_as_their_profiles_are(model, name):
    assert name in names(Bench("cuda:0", model, "cuda", {}, {}))


def test_workers_that_are_not_archcosts_are_left_alone():
    assert Members().update({"tcp://a": {"name": "somebody's"}, "tcp://b": {METRIC: None}}) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tcp://127.0.0.1:9"], "nothing to offer"),
        (["tcp://127.0.0.1:9", "--device", "cuda:0"], "no GPU can be used|there is no cuda:0|cannot"),
        (["tcp://127.0.0.1:9", "--device", "devices.py:none"], "has no callable none"),
        (["tcp://127.0.0.1:9", "--device", "devices.py:board", "--wait", "0"], "no scheduler answers at"),
        (["nowhere.json", "--device", "cpu"], "neither the address of a scheduler"),
        (["tcp://10.255.255.1:9", "--device", "cpu"], "--listen"),
        (["tcp://127.0.0.1:9", "--train-slots", "2"], "--allow"),
        (["tcp://127.0.0.1:9", "--device", "cpu", "--tls-cert", "x"], "TLS needs all of"),
        ([], "name the scheduler's address"),
    ],
)
def test_a_worker_that_cannot_begin_says_why(tmp_path, words, said):
    (tmp_path / "devices.py").write_text(fleets.DEVICE)
    done = subprocess.run(fleets.command("worker", *words), cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert done.returncode in (1, 2) and re.search(said, done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_addresses():
    assert address_of("tcp://127.0.0.1:8786/") == "tcp://127.0.0.1:8786"
    assert listening("tcp://127.0.0.1:8786", None) == {"host": "127.0.0.1"}
    assert listening("tcp://10.0.0.1:8786", "auto") == {}
    assert listening("tcp://10.0.0.1:8786", "lo") == {"interface": "lo"}
    for wrong in ("http://x:1", "tcp://x", "tcp://:8786", "tcp://x:y"):
        with pytest.raises(ArchcostError, match="no address of a scheduler"):
            address_of(wrong)


def test_certificates(tmp_path):
    import trustme

    authority = trustme.CA()
    mine = authority.issue_cert("localhost", "127.0.0.1")
    files = {name: str(tmp_path / f"{name}.pem") for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(files["ca"])
    mine.cert_chain_pems[0].write_to_path(files["cert"])
    mine.private_key_pem.write_to_path(files["key"])
    given = ["--tls-ca-file", files["ca"], "--tls-cert", files["cert"], "--tls-key", files["key"]]
    here = fleets.Fleet(tmp_path)
    try:
        here.start_scheduler(*given, "--protocol", "tls")
        assert here.address.startswith("tls://")
        here.start_worker("one", "--device", "devices.py:board", *given)
        tls = Tls(files["ca"], files["cert"], files["key"])
        with Fleet(here.address, tls) as fleet, Store(tmp_path / "store.db") as store:
            fleet.until(lambda members: "" if members.all else "one is wanted")
            assert measure(crew_of(fleet, store), ALPHAS[:3]) == truth(ALPHAS[:3])
        with pytest.raises(ArchcostError):
            Fleet(here.address)  # without a certificate nobody gets in
    finally:
        here.__exit__()


def test_what_travels_is_the_network():
    for spec, alpha in (("mobilenetv2", 0.35), ("mobilenetv3_large", 0.75), ("resnet50", 1.0)):
        one = network(alpha, spec)
        sent = Request("1", MEASURE, "k", limit_seconds=1, **spec_of(one, spec))
        read = Request.read(sent.text_of())
        assert read == sent and digest(read.network) == digest(one)
        assert Label.of(read.network, spec) == Label.of(one, spec)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"what": "measure"}', "[" * 100_000, json.dumps({"a": 1})])
def test_what_is_no_job_is_an_error(text):
    with pytest.raises(ArchcostError, match="no job of archcost's"):
        Request.read(text)


def test_a_job_outside_a_worker_is_refused():
    from archcost.fleet.jobs import perform

    assert "refused" in json.loads(perform("{}"))


def test_time_is_not_waited_for_ever(here):
    start = time.monotonic()
    with Fleet(here.address, patience=Patience(wait=1)) as fleet, pytest.raises(Stopped, match="no worker"):
        fleet.until(lambda members: "no worker offers board")
    assert time.monotonic() - start < 30


def answers(*given):
    """A client of Dask's whose futures are these coroutines' results, one after the other."""
    left = list(given)
    return SimpleNamespace(
        id="Client-test", submit=lambda *words, **named: SimpleNamespace(result=left.pop(0), release=lambda: None)
    )


def test_a_late_answer_counts_once_and_its_slot_is_free_again(monkeypatch):
    import asyncio

    from archcost.fleet import dispatch

    monkeypatch.setattr(dispatch, "GRACE_SECONDS", 0.05)
    measured = json.dumps({"measurement": {"status": "ok"}})

    async def story():
        members, settled, failures = Members(), [], []
        members.update({f"tcp://{pid}": offer(pid=pid) for pid in (1, 2)})
        late, never = asyncio.Event(), asyncio.Event()

        async def first():
            await late.wait()
            return measured

        async def second():
            await never.wait()
            return measured

        async def third():
            return measured

        dispatcher = dispatch.Dispatcher(
            answers(first, second, third),
            members,
            3,
            lambda errand, answer: settled.append(errand.order),
            print,
            failures.append,
        )
        slot = next(iter(members.all.values())).offer.devices[0].resource
        request = Request(archcost.__version__, MEASURE, "k", "s", "f", "t", {}, 0.01)

        async def begun():
            for key in list(dispatcher._rides):
                dispatcher.hear(key)
            await asyncio.sleep(0.2)

        errands = [dispatch.Errand(order, request, slot) for order in (0, 1)]
        errands[0].task = dispatcher.begun(dispatcher.attempts(errands[0]))
        await asyncio.sleep(0.01)
        await begun()  # and does not answer: another worker is asked, which does not answer either
        await asyncio.sleep(0.05)
        assert settled == [] and len(dispatcher._rides) == 2
        late.set()
        await asyncio.sleep(0.05)
        assert settled == [0]
        errands[1].task = dispatcher.begun(dispatcher.attempts(errands[1]))
        await asyncio.sleep(0.05)  # in the first one's slot
        assert settled == [0, 1]
        never.set()
        await asyncio.sleep(0.05)
        assert settled == [0, 1] and not failures and not dispatcher._rides
        # Both workers are free again, neither twice.
        seats = [members.seat(slot, set()) for _ in range(4)]
        primary = [seat for seat in seats if seat is not None and not seat.spare]
        assert sorted(seat.member.offer.pid for seat in primary) == [1, 2]

    asyncio.run(story())
    assert measured


def test_one_slot_and_a_search_that_comes_while_another_has_it(here, tmp_path):
    """What waits behind another search's job is not lost, and no slot goes with it."""
    (tmp_path / "train.py").write_text(
        "import sys, time\ntime.sleep(float(sys.argv[1]))\nprint('{\"accuracy\": 50}')\n"
    )
    long, short = (f"{fleets.sys.executable} train.py {seconds} {{alpha}}" for seconds in ("6", "0.1"))
    here.start_worker("one", "--train-slots", "1", "--allow", long, "--allow", short)
    space = ("--resolution", "128", "--alpha")
    first = here.search(*space, "0.5", "--evaluate", long, "--time-limit", "60", wait=False)
    fleets.waited(lambda: subprocess.run(["pgrep", "-f", "train.py 6 0"], capture_output=True).returncode == 0)
    second = here.run(
        *("search", *space, "0.3,0.6", "--evaluate", short, "--time-limit", "1", "--cluster", here.address),
        *("--store", "other.db", "--format", "json"),
    )
    assert second.returncode == 0, second.err
    found = json.loads(second.out)
    assert found["evaluated"] == 2 and found["failed"] == 0 and found["fleet"]["workers"][0]["lost"] == 0
    first.communicate(timeout=60)
    assert first.returncode == 0


def test_a_worker_that_is_told_to_stop_leaves_nothing_running(here, tmp_path):
    (tmp_path / "train.py").write_text("import time\ntime.sleep(60)\n")
    train = f"{fleets.sys.executable} train.py {{alpha}} 4242"
    worker = here.start_worker("one", "--train-slots", "1", "--allow", train)
    here.search("--resolution", "128", "--alpha", "0.5", "--evaluate", train, wait=False)
    ours = ["pgrep", "-f", "train.py 0.5 4242"]
    fleets.waited(lambda: subprocess.run(ours, capture_output=True).returncode == 0)
    here.kill("one", signal.SIGINT)
    assert worker.wait(timeout=20) == 0
    assert fleets.waited(lambda: subprocess.run(ours, capture_output=True).returncode == 1, 10)


@pytest.mark.parametrize(
    "offered",
    [{"version": "9.9.9", "new": 1}, {"version": archcost.__version__, "train_slots": "many"}, {"version": 3}],
)
def test_offers_that_nobody_understands_are_named(offered):
    members = Members()
    said = members.update({"tcp://a": {METRIC: {"name": "w", "pid": 3, **offered}}})
    assert len(said) == 1 and "w-3" in said[0] and not members.all
    if offered["version"] != archcost.__version__:
        assert str(offered["version"]) in said[0] and archcost.__version__ in said[0]
