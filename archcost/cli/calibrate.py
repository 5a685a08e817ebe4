"""archcost calibrate"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archcost.analysis import DTYPES
from archcost.cli import options
from archcost.cli.output import deliver
from archcost.errors import ArchcostError

if TYPE_CHECKING:
    from archcost.latency.profile import Fit, Profile


@click.command(name="calibrate", short_help="Make a device's profile from measured times.")
@click.option("--name", required=True, help="The profile's name, for `--device` later.")
@click.option("--from", "points", metavar="FILE", help="A CSV of networks: spec,alpha,resolution,batch,latency_ms.")
@click.option(
    "--from-layers",
    "layers",
    metavar="FILE",
    help="A CSV of convolutions: batch,in_channels,out_channels,kernel,input_size,stride,padding,milliseconds.",
)
@options.where_option
@click.option("--dtype", type=click.Choice(list(DTYPES)), default="float32", show_default=True, help="Of the times.")
@click.option("--description", default="", help="What the device is, in a few words.")
@click.option("-o", "--output", metavar="FILE", help="The profile.  [default: in your data folder]")
def command(
    name: str,
    points: str | None,
    layers: str | None,
    conditions: tuple[str, ...],
    dtype: str,
    description: str,
    output: str | None,
) -> None:
    """A device's profile (YAML) from anybody's measurements: of at least five networks, or of single convolutions.

    Rows for the same point are averaged. What the profile predicts of rows that it had not seen is measured by
    cross-validation, stands in it, and makes its intervals.

    \b
    archcost calibrate --name my-phone --from points.csv
    archcost calibrate --name rk3399 --from all.csv --where runtime="TFLite v1.15.0-rc2" -o rk3399.yaml
    archcost calibrate --name my-gpu --from-layers convolutions.csv
    archcost predict --device my-phone --points others.csv
    """
    from archcost.latency import calibration, folders, profile
    from archcost.latency import points as tables
    from archcost.latency.profile import NAME, Profile
    from archcost.spec import ranges

    if not NAME.fullmatch(name):
        raise ArchcostError(f"--name: `{name}` is no name for a file; use letters, digits, dots and hyphens")
    if (points is None) == (layers is None):
        raise ArchcostError("give either --from or --from-layers, a CSV file of measured times")
    where = ranges.assignments(conditions)
    if points is not None:
        networks = tables.read_points(points, measured=True, where=where)
        warnings = calibration.doubts(networks.table, where)
        fit = calibration.from_points(networks, dtype)
    else:
        convolutions = tables.read_layers(layers or "", measured=True, where=where)
        warnings = calibration.doubts(convolutions.table, where)
        fit = calibration.from_layers(convolutions, dtype)
    warnings += calibration.implausible(fit)
    file = Path(points or layers or "").name
    made = Profile(name, description, _source(file, where), True, {dtype: fit})
    path = Path(output) if output else folders.devices() / f"{name}.yaml"
    if not output:
        _folder(path.parent)
    deliver(profile.text(made), str(path))
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if output != "-":
        click.echo(_summary(made, fit, path))


def _source(file: str, where: dict[str, str]) -> str:
    return file + "".join(f", {column} = {value}" for column, value in where.items())


def _folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchcostError(f"{path}: cannot be made: {error.strerror}; name a file with -o") from None


def _summary(made: Profile, fit: Fit, path: Any) -> str:
    lines = [f"{made.name}: fitted on {fit.rows} rows, written to {path}"]
    lines += [
        f"  {held.family}: {100 * held.error:.1f} % mean error on {held.rows} held-out rows ({held.method})"
        for held in fit.held_out
    ]
    return "\n".join(lines)
