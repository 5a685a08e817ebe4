"""archcost devices"""

from __future__ import annotations

from typing import Any

import click

from archcost.cli.output import deliver


@click.command(name="devices", short_help="Device profiles, with their held-out errors.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(form: str) -> None:
    """The device profiles: those that come with archcost, and your own.

    The error is the mean of |predicted / measured - 1| on rows that the fit had not seen.

    \b
    archcost devices
    archcost devices --format json
    """
    from archcost.latency import profile as profiles
    from archcost.reports import json, table

    rows: list[dict[str, Any]] = []
    for name, path in profiles.names().items():
        profile = profiles.read(path)
        for dtype, fit in profile.fits.items():
            rows.append(
                {
                    "name": name,
                    "dtype": dtype,
                    "calibrated": profile.calibrated,
                    "rows": fit.rows,
                    "held_out": [
                        {"family": h.family, "rows": h.rows, "error": h.error, "method": h.method} for h in fit.held_out
                    ],
                    "description": profile.description,
                    "source": profile.source,
                    "file": str(path),
                }
            )
    if form == "json":
        deliver(json.dumps(rows), None)
        return
    lines = [[r["name"], r["dtype"], str(r["rows"] or ""), _errors(r), r["description"]] for r in rows]
    header = ["device", "dtype", "rows", "held-out error", "description"]
    deliver(table.listing(header, lines, [False, False, True, False, False], table.terminal_width()), None)


def _errors(row: dict[str, Any]) -> str:
    if not row["calibrated"]:
        return "uncalibrated: a datasheet's roofline"
    said = []
    for held in row["held_out"]:
        unseen = " unseen" if held["method"].startswith("leave the family") else ""
        said.append(f"{held['family']}{unseen} {100 * held['error']:.1f} %")
    return ", ".join(said)
