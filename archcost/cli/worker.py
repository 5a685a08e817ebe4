"""archcost worker"""

from __future__ import annotations

from dataclasses import replace

import click

from archcost.cli import options
from archcost.errors import ArchcostError


@click.command(name="worker", short_help="Measure and evaluate for searches, as a Dask worker.")
@click.argument("scheduler", required=False, metavar="[ADDRESS]")
@click.option("--scheduler-file", metavar="FILE", help="Where `dask scheduler --scheduler-file` wrote its address.")
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="DEVICE",
    help="Measure on cuda:0, cpu or your own (module:callable); repeatable, a slot each.",
)
@click.option("--name", metavar="NAME", help="What searches may call these devices too, and reports this worker.")
@click.option("--train-slots", type=click.IntRange(0), metavar="N", help="Commands that run at once.")
@click.option("--allow", "commands", multiple=True, metavar="COMMAND", help="A search's --evaluate that may run here.")
@click.option(
    "--listen",
    metavar="WHERE",
    help="An address or an interface of this machine, or auto.  [default: the loopback alone]",
)
@options.tls_options
@click.option(
    "--wait",
    type=click.FloatRange(0),
    help="Seconds to look for a scheduler, at first and again when it is lost.  [default: 60]",
)
def command(
    scheduler: str | None,
    scheduler_file: str | None,
    devices: tuple[str, ...],
    name: str | None,
    train_slots: int | None,
    commands: tuple[str, ...],
    listen: str | None,
    tls_ca_file: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    wait: float | None,
) -> None:
    """Measures candidates of `archcost search --cluster` on this machine's devices, and runs its evaluations.

    It runs networks that specs describe, and the commands that it was told to allow; nothing else that comes over the
    network. Ctrl-C ends it; what it was doing is done by others.

    \b
    dask scheduler --host 127.0.0.1
    archcost worker tcp://127.0.0.1:8786 --device cuda:0
    archcost worker tcp://10.0.0.1:8786 --listen eth0 --device cuda:0 --device cuda:1 --name rack3
    archcost worker tcp://127.0.0.1:8786 --train-slots 2 --allow "python train.py {spec} {alpha}"
    """
    from archcost.fleet.connection import Tls
    from archcost.fleet.worker import Wanted, serve

    if (scheduler is None) == (scheduler_file is None):
        raise ArchcostError("name the scheduler's address (tcp://10.0.0.1:8786), or its --scheduler-file")
    slots = train_slots if train_slots is not None else 1 if commands else 0
    tls = Tls(tls_ca_file, tls_cert, tls_key)
    wanted = Wanted(scheduler or scheduler_file or "", devices, name, slots, commands, listen, tls)
    serve(
        wanted if wait is None else replace(wanted, wait=wait),
        lambda said: click.echo(f"archcost worker: {said}", err=True),
    )
