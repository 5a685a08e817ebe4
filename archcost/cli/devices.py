"""archcost devices"""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from archcost.cli.output import deliver
from archcost.errors import ArchcostError
from archcost.latency.calibration import UNSEEN

WIDE = 110
"""Columns of a terminal that has room for descriptions."""


@click.command(name="devices", short_help="Device profiles, with their held-out errors.")
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(name: str | None, form: str) -> None:
    """The device profiles: those that come with archcost, and your own.

    The error is the mean of |predicted / measured - 1| on rows that the fit had not seen.

    \b
    archcost devices
    archcost devices rk3399-tflite        # by family
    archcost devices --format json
    """
    from archcost.latency import profile as profiles
    from archcost.reports import json, table
    from archcost.spec.names import unknown

    rows = _rows(name)
    if name is not None:
        rows = [row for row in rows if row["name"] == name]
        if not rows:
            raise ArchcostError(unknown("device", name, profiles.names()))
    if form == "json":
        deliver(json.dumps(rows), None)
        return
    width = table.terminal_width()
    if name is not None:
        deliver(_details(rows, width), None)
        return
    deliver(_listed(rows, width), None)


def _rows(wanted: str | None) -> list[dict[str, Any]]:
    """A row for each dtype of each profile; a broken one is left out, and said, unless it is the one wanted."""
    from archcost.latency import profile as profiles

    rows: list[dict[str, Any]] = []
    for name, path in profiles.names().items():
        try:
            profile = profiles.read(path)
        except ArchcostError as error:
            if name == wanted:
                raise
            click.echo(f"left out: {error}", err=True)
            continue
        about = {"calibrated": profile.calibrated, "description": profile.description, "source": profile.source}
        for dtype, fit in profile.fits.items():
            held_out = [dataclasses.asdict(held) for held in fit.held_out]
            rows.append(
                {"name": name, "dtype": dtype, "rows": fit.rows, "held_out": held_out, **about, "file": str(path)}
            )
    return rows


def _listed(rows: list[dict[str, Any]], width: int | None) -> str:
    """Calibrated profiles with their errors, and those of datasheets; descriptions only where they fit."""
    from archcost.reports import table

    parts = []
    fitted = [[r["name"], r["dtype"], str(r["rows"]), *_errors(r), r["description"]] for r in rows if r["calibrated"]]
    if fitted:
        columns = 6 if width is None or width >= WIDE else 5
        header = ["device", "dtype", "rows", "error", "unseen family", "description"][:columns]
        numeric = [False, False, True, True, True, False][:columns]
        parts.append(table.layout(header, [row[:columns] for row in fitted], numeric))
    sheets: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if not row["calibrated"]:
            sheets.setdefault((row["name"], row["description"]), []).append(row["dtype"])
    if sheets:
        lines = [[name, said, ", ".join(dtypes)] for (name, said), dtypes in sheets.items()]
        parts.append(table.listing(["uncalibrated", "description", "dtypes"], lines, [False] * 3, width))
    return "\n\n".join(parts)


def _errors(row: dict[str, Any]) -> tuple[str, str]:
    """The mean over rows of the errors on held-out rows, and on families held out as a whole."""
    found = []
    for unseen in (False, True):
        held = [h for h in row["held_out"] if (h["method"] == UNSEEN) == unseen]
        count = sum(h["rows"] for h in held)
        found.append(f"{100 * sum(h['rows'] * h['error'] for h in held) / count:.1f} %" if count else "")
    return found[0], found[1]


def _details(rows: list[dict[str, Any]], width: int | None) -> str:
    from archcost.reports import table

    said = [f"{rows[0]['name']}: {rows[0]['description']}", f"  source: {rows[0]['source']}"]
    said.append(f"  file: {rows[0]['file']}")
    lines = [
        [row["dtype"], held["family"], str(held["rows"]), f"{100 * held['error']:.1f} %", held["method"]]
        for row in rows
        for held in row["held_out"]
    ]
    if not lines:
        said.append("  uncalibrated: a datasheet's roofline, which no network reaches")
        return table.fitted("\n".join(said), width)
    header = ["dtype", "family", "rows", "error", "method"]
    listed = table.listing(header, lines, [False, False, True, True, False], width)
    return table.fitted("\n".join(said), width) + "\n\n" + listed
