"""archcost measurements"""

from __future__ import annotations

from typing import Any

import click

from archcost.cli import options
from archcost.cli.output import deliver
from archcost.errors import ArchcostError
from archcost.spec import ranges


@click.group(name="measurements", short_help="List, export and import what was measured.")
def command() -> None:
    """What was measured on this machine: list it, take it to another, bring it back.

    \b
    archcost measurements list --where dtype=float16
    archcost measurements export -o h200.csv
    archcost measurements import h200.csv
    """


@command.command(name="list", short_help="A line for each measurement.")
@options.where_option
@options.store_option
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@options.output_option
def list_(conditions: tuple[str, ...], store: str | None, form: str, output: str | None) -> None:
    """A line for each measurement, the oldest first; times in milliseconds (in JSON in seconds).

    \b
    archcost measurements list --where spec=mobilenetv1 --where batch=32
    archcost measurements list --format json -o all.json
    """
    from archcost.reports import json, measurements
    from archcost.reports.table import terminal_width

    found = _found(store, conditions)
    if form == "json":
        deliver(json.dumps([{name: getattr(m, name) for name in m.__slots__} for m in found]), output)
    else:
        deliver(measurements.listing(found, None if output else terminal_width()), output)


@command.command(name="export", short_help="Everything as CSV.")
@options.where_option
@options.store_option
@options.output_option
def export(conditions: tuple[str, ...], store: str | None, output: str | None) -> None:
    """All measurements with all their columns, raw samples included, as CSV; `import` reads it back exactly.

    \b
    archcost measurements export -o h200.csv
    archcost measurements export --where "device=NVIDIA H200" > h200.csv
    """
    from archcost.reports import measurements

    deliver(measurements.export(_found(store, conditions)), output)


@command.command(name="import", short_help="Add the rows of exported files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@options.store_option
def import_(files: tuple[str, ...], store: str | None) -> None:
    """Add what other machines exported. Of two rows with one key, that which was measured last stays.

    Nothing is imported where any row of any file is malformed.

    \b
    archcost measurements import h200.csv rtx4090.csv
    """
    from archcost.latency import exchange, folders
    from archcost.latency.store import Store

    rows = exchange.read(files)
    with Store(folders.store(store)) as opened:
        merged = opened.merge(rows)
    deliver(
        f"{merged.added} added, {merged.replaced} replaced by newer ones, {merged.identical} there already, "
        f"{merged.older} older than what is there",
        None,
    )


def _found(store: str | None, conditions: tuple[str, ...]) -> list[Any]:
    from archcost.latency import folders
    from archcost.latency.store import Store

    where = ranges.assignments(conditions)
    with Store(folders.store(store), create=False) as opened:
        found = list(opened.rows(where))
    if not found and where:
        raise ArchcostError("no measurement is like that; `archcost measurements list` shows all")
    return found
