"""A Dask worker with devices and places to train in, which does archcost's jobs and nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from archcost.errors import ArchcostError
from archcost.fleet import guard, jobs
from archcost.fleet.connection import Stopped, Tls, address_of, listening, need_dask, reach
from archcost.fleet.slots import Slots
from archcost.fleet.wire import EVALUATE, MEASURE, METRIC, TRAINING, VERSION, WAIT_SECONDS, Offer, Request


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a worker shall be. wait: seconds that it looks for a scheduler, at first and when it has lost one."""

    cluster: str
    devices: Sequence[str] = ()
    name: str | None = None
    train_slots: int = 0
    commands: Sequence[str] = ()
    listen: str | None = None
    tls: Tls = Tls()
    wait: float = WAIT_SECONDS


def serve(wanted: Wanted, say: Callable[[str], None]) -> None:
    """Works until it is told to stop. say: is told what a user wants to know.

    Raises ArchcostError where it cannot begin, Stopped where there is no scheduler any more.
    """
    need_dask()
    if not wanted.devices and not wanted.train_slots:
        raise ArchcostError("this worker would have nothing to offer; name a --device, or --train-slots")
    if wanted.train_slots and not wanted.commands:
        raise ArchcostError("name the command that may run in the training slots: --allow 'python train.py {spec}'")
    address = address_of(wanted.cluster)
    where, security = listening(address, wanted.listen), wanted.tls.security(address)
    slots = Slots(tuple(wanted.commands))
    try:
        for device in wanted.devices:
            say(_introduced(slots.add(device, wanted.name)))
        for _ in range(wanted.train_slots):
            slots.add_training()
        guard.install()
        jobs.answering.append(lambda request: answer(slots, request))
        asyncio.run(_serve(address, where, security, slots, wanted, say))
    finally:
        jobs.answering.clear()
        slots.close()


def answer(slots: Slots, request: Request) -> dict[str, Any]:
    """What becomes of a job on this worker."""
    if request.version != VERSION:
        return {"refused": f"has archcost {VERSION}, the search {request.version}"}
    if request.what == MEASURE:
        return slots.measure(request)
    if request.what == EVALUATE:
        if request.command not in slots.commands:
            return {"refused": f"was not started with --allow {request.command!r}"}
        return slots.evaluate(request)
    return {"refused": f"knows no job `{request.what}`"}


def _introduced(device: Any) -> str:
    return f"{device.bench.device}: {device.bench.name}, for searches on {' or '.join(device.names)}"


async def _serve(
    address: str, where: dict[str, Any], security: Any, slots: Slots, wanted: Wanted, say: Callable[[str], None]
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    while not stop.is_set():
        looking = asyncio.ensure_future(reach(address, security, wanted.wait))
        if not await _first(looking, stop):
            return
        looking.result()
        worker = _worker(address, where, security, slots, wanted.name)
        try:
            async with worker:
                say(f"works for {address}, as {worker.name}; listens on {worker.address}")
                if not await _first(asyncio.ensure_future(worker.finished()), stop):
                    await asyncio.to_thread(slots.close)  # else it would wait for what runs
        except (OSError, ValueError, RuntimeError, TimeoutError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            say(f"could not join {address}: {said}")
            await asyncio.sleep(1)
        if not stop.is_set():
            say(f"has lost the scheduler; looks for another at {address} for {wanted.wait:g} s")


async def _first(waiting: asyncio.Future[Any], stop: asyncio.Event) -> bool:
    """Whether something ended before the worker was told to stop."""
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if waiting.done():
        return True
    waiting.cancel()
    return False


def _worker(address: str, where: dict[str, Any], security: Any, slots: Slots, name: str | None) -> Any:
    """The Dask worker: a thread for each slot, so that none waits for another's."""
    from distributed import Worker

    async def none(**plugin: Any) -> dict[str, str]:
        return {"status": "OK"}  # programs of the cluster's, which a worker of archcost's does not run

    host, pid = socket.gethostname(), os.getpid()
    offer = Offer(VERSION, name or host, host, pid, tuple(slots.devices), slots.train_slots, slots.commands)
    resources: dict[str, float] = {}
    for device in slots.devices:
        resources[device.resource] = resources.get(device.resource, 0) + 1
    if slots.train_slots:
        resources[TRAINING] = slots.train_slots
    worker = Worker(
        address,
        name=f"{name or host}-{pid}",
        nthreads=len(slots.devices) + slots.train_slots,
        resources=resources,
        memory_limit=0,
        security=security,
        dashboard=False,
        dashboard_address="127.0.0.1:0",
        startup_information={METRIC: lambda _: offer.data()},
        death_timeout=30,
        **where,
    )
    worker.plugin_add = none
    return worker


__all__ = ["Stopped", "Wanted", "serve"]
