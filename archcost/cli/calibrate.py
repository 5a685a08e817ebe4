"""archcost calibrate"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archcost.analysis import DTYPES
from archcost.cli import options
from archcost.cli.measuring import live_measure, watched
from archcost.cli.output import deliver
from archcost.errors import ArchcostError
from archcost.latency.kernels import layer_kernel
from archcost.latency.measurement import LAYOUTS, MODES
from archcost.spec.names import unknown

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
@click.option("--datasheet", metavar="FILE", help="A CSV of datasheets: no times, a roofline without calibration.")
@click.option("--device", metavar="NAME", help="Measure on this machine: cuda, cuda:1 or cpu; a few minutes.")
@click.option("--layout", type=click.Choice(LAYOUTS), default=LAYOUTS[0], show_default=True, help="With --device.")
@click.option("--mode", type=click.Choice(MODES), help="With --device.  [default: graph on a GPU, eager on a CPU]")
@click.option("--threads", type=int, help="Of the CPU, with --device.  [default: its physical cores]")
@options.store_option
@click.option("--dtype", type=click.Choice(list(DTYPES)), help="Of the times.  [default: column dtype, else float32]")
@click.option("--description", default="", help="What the device is, in a few words.")
@click.option("-o", "--output", metavar="FILE", help="The profile.  [default: in your data folder]")
def command(
    name: str,
    points: str | None,
    layers: str | None,
    conditions: tuple[str, ...],
    datasheet: str | None,
    device: str | None,
    dtype: str | None,
    description: str,
    output: str | None,
    **measuring: Any,
) -> None:
    """A device's profile (YAML) from anybody's measurements: of at least five networks, or of single convolutions.

    Rows for the same point are averaged. What the profile predicts of rows that it had not seen is measured by
    cross-validation, stands in it, and makes its intervals.

    \b
    archcost calibrate --name my-phone --from points.csv
    archcost calibrate --name rk3399 --from all.csv --where runtime="TFLite v1.15.0-rc2" -o rk3399.yaml
    archcost calibrate --name here --device cpu
    archcost calibrate --name my-gpu --from-layers convolutions.csv
    archcost predict --device my-phone --points others.csv
    """
    from archcost.latency import datasheets, folders, profile
    from archcost.latency.profile import NAME, Profile
    from archcost.spec import ranges

    if not NAME.fullmatch(name):
        raise ArchcostError(f"--name: `{name}` is no name for a file; use letters, digits, dots and hyphens")
    if sum(given is not None for given in (points, layers, datasheet, device)) != 1:
        raise ArchcostError(
            "give one of --from, --from-layers and --datasheet, a CSV file; or --device to measure here"
        )
    where = ranges.assignments(conditions)
    warnings: list[str] = []
    if datasheet is not None:
        made = datasheets.roofline(datasheet, name, description)
    elif device is not None:
        made, warnings = _measured(name, description, device, dtype or "float32", measuring)
    else:
        fits, source, warnings = _fits(points, layers, where, dtype)
        made = Profile(name, description, source, True, fits, _command(name, points, layers, where))
    path = Path(output) if output else folders.devices() / f"{name}.yaml"
    if not output:
        _folder(path.parent)
    deliver(profile.text(made), str(path))
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if output != "-":
        click.echo(_summary(made, path))


def _fits(
    points: str | None, layers: str | None, where: dict[str, str], dtype: str | None
) -> tuple[dict[str, Fit], str, list[str]]:
    """A fit for each dtype that the file names, what they were fitted on, and what is doubtful about them."""
    from archcost.latency import calibration
    from archcost.latency import points as tables

    def read(where: dict[str, str]) -> Any:
        if points is not None:
            return tables.read_points(points, measured=True, where=where)
        return tables.read_layers(layers or "", measured=True, where=where)

    rows = read(where)
    warnings = calibration.doubts(rows.table, where)
    named = "dtype" in rows.table and dtype is None
    dtypes = list(dict.fromkeys(rows.table.column("dtype"))) if named else [dtype or "float32"]
    fits = {}
    for each in dtypes:
        if each not in DTYPES:
            raise ArchcostError(f"{rows.table.file}: " + unknown("dtype", each, DTYPES))
        some = read({**where, "dtype": each}) if named and len(dtypes) > 1 else rows
        measured = (calibration.of_points if points is not None else calibration.of_layers)(some, each)
        warnings += calibration.implausible(measured)
        fits[each] = calibration.fitted(measured)
    return fits, calibration.source(rows.table, where), warnings


def _measured(name: str, description: str, device: str, dtype: str, how: dict[str, Any]) -> tuple[Profile, list[str]]:
    """A profile from what this machine is measured at, as far as the store has it not already."""
    from archcost.latency import calibration, curriculum, folders
    from archcost.latency.measurement import OK
    from archcost.latency.profile import Profile
    from archcost.latency.store import Store
    from archcost.latency.subject import Kernel

    live = live_measure()
    machine = live.find(device, how["threads"])
    mode = how["mode"] or ("graph" if machine.is_gpu else "eager")
    tasks = list(curriculum.tasks("cuda" if machine.is_gpu else "cpu", dtype, how["layout"], mode))
    with Store(folders.store(how["store"])) as store:
        try:
            answers = [measurement for measurement, _ in watched(live.measure(tasks, store, machine), len(tasks))]
        except KeyboardInterrupt:
            raise ArchcostError(
                "stopped; what was measured is in the store: the same command goes on from there"
            ) from None
    good = [(task, m.median) for task, m in zip(tasks, answers, strict=True) if m.status == OK and m.median is not None]
    warnings = []
    if len(good) < len(tasks):
        left = len(tasks) - len(good)
        warnings.append(f"{left} of {len(tasks)} measurements were unstable or failed, and are left out")
    found: list[Any] = []
    for task, seconds in good:
        shape = task.subject.conv_shape(task.batch) if isinstance(task.subject, Kernel) else None
        found.append((task.subject if shape is None else layer_kernel(shape), task.batch, seconds))
    fit = calibration.from_measurements(found, dtype)
    said = description or f"{machine.name}, {mode}, {how['layout']}"
    source = f"{len(good)} measurements on {machine.name}"
    command = (
        f"archcost calibrate --name {name} --device {device} --dtype {dtype} --layout {how['layout']} --mode {mode}"
    )
    return Profile(name, said, source, True, {dtype: fit}, command), warnings


def _command(name: str, points: str | None, layers: str | None, where: dict[str, str]) -> str:
    """The command line that makes this profile again."""
    words = ["archcost", "calibrate", "--name", name]
    words += ["--from", points] if points is not None else ["--from-layers", layers or ""]
    for column, value in where.items():
        words += ["--where", f"{column}={value}"]
    return shlex.join(words)


def _folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchcostError(f"{path}: cannot be made: {error.strerror}; name a file with -o") from None


def _summary(made: Profile, path: Any) -> str:
    if not made.calibrated:
        return f"{made.name}: a datasheet's roofline, uncalibrated, written to {path}"
    lines = [f"{made.name}: written to {path}"]
    for dtype, fit in made.fits.items():
        lines.append(f"  {dtype}: fitted on {fit.rows} rows")
        lines += [
            f"    {held.family}: {100 * held.error:.1f} % mean error on {held.rows} held-out rows ({held.method})"
            for held in fit.held_out
        ]
    return "\n".join(lines)
