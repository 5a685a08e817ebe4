"""archcost calibrate"""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archcost.api.devices import live_measure
from archcost.cli import options
from archcost.cli.measuring import watched
from archcost.cli.output import deliver
from archcost.errors import ArchcostError
from archcost.latency.measurement import LAYOUTS, MODES

if TYPE_CHECKING:
    from archcost.latency.measurement import Measurement
    from archcost.latency.profile import Fit, Profile
    from archcost.latency.subject import Task


@click.command(name="calibrate", short_help="Make a device's profile from measured times.")
@click.option("--name", required=True, help="The profile's name, for `--device` later.")
@click.option("--from", "points", metavar="FILE", help="A CSV of networks: spec, alpha, resolution, batch, latency_ms.")
@click.option(
    "--from-layers",
    "layers",
    metavar="FILE",
    help="A CSV of convolutions: batch, in_channels, out_channels, kernel, input_size, stride, padding, milliseconds.",
)
@options.where_option
@click.option("--datasheet", metavar="FILE", help="A CSV of datasheets: no times, a roofline without calibration.")
@click.option("--device", metavar="NAME", help="Measure on this machine: cuda, cuda:1 or cpu; a few minutes.")
@click.option("--layout", type=click.Choice(LAYOUTS), default=LAYOUTS[0], show_default=True, help="With --device.")
@click.option("--mode", type=click.Choice(MODES), help="With --device.  [default: graph on a GPU, eager on a CPU]")
@click.option("--threads", type=int, help="Of the CPU, with --device.  [default: its physical cores]")
@options.store_option
@click.option("--dtype", help="Of the times; with --device a list.  [default: each row's own, else float32]")
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
    archcost calibrate --name rk3399 --from all.csv --where runtime=TFLite
    archcost calibrate --name here --device cpu
    archcost calibrate --name my-gpu --from-layers convolutions.csv
    archcost predict --device my-phone --points others.csv
    """
    from archcost.latency import datasheets, folders, profile
    from archcost.latency.profile import Profile
    from archcost.spec import ranges

    where = ranges.assignments(conditions)
    dtypes = [] if dtype is None else _dtypes(dtype)
    _fitting(name, (points, layers, datasheet, device), where, dtypes)
    warnings: list[str] = []
    if datasheet is not None:
        made = datasheets.roofline(datasheet, name, description)
    elif device is not None:
        made, warnings = _measured(name, description, device, dtypes or ["float32"], measuring)
    else:
        fits, source, warnings = _fits(points, layers, where, dtypes[0] if dtypes else None)
        words = _command(name, description, points, layers, where, dtypes)
        made = Profile(name, description, source, True, fits, words)
    path = Path(output) if output else folders.devices() / f"{name}.yaml"
    if not output:
        _folder(path.parent)
    deliver(profile.text(made), str(path))
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if output != "-":
        click.echo(_summary(made, path))


def _fitting(name: str, sources: tuple[str | None, ...], where: dict[str, str], dtypes: list[str]) -> None:
    """Raises ArchcostError for options that do not go together; sources: points, layers, datasheet, device."""
    from archcost.latency.profile import NAME

    points, layers, _, device = sources
    if not NAME.fullmatch(name):
        raise ArchcostError(f"--name: `{name}` is no name for a file; use letters, digits, dots and hyphens")
    if sum(given is not None for given in sources) != 1:
        raise ArchcostError(
            "give one of --from, --from-layers and --datasheet, a CSV file; or --device to measure here"
        )
    if device is None and len(dtypes) > 1:
        raise ArchcostError("--dtype: one for all rows of a file; several go with --device")
    if where and points is None and layers is None:
        raise ArchcostError("--where chooses rows of --from or --from-layers")


def _fits(
    points: str | None, layers: str | None, where: dict[str, str], dtype: str | None
) -> tuple[dict[str, Fit], str, list[str]]:
    """A fit for each dtype that the file names, what they were fitted on, and what is doubtful about them."""
    from archcost.latency import evidence
    from archcost.latency import points as tables
    from archcost.latency.calibration import fitted

    rows: Any
    gathered: Any
    if points is not None:
        rows, gathered = tables.read_points(points, measured=True, where=where), evidence.of_points
    else:
        rows, gathered = tables.read_layers(layers or "", measured=True, where=where), evidence.of_layers
    warnings = [*rows.table.notes, *evidence.doubts(rows.table, where, dtype)]
    fits = {}
    for each, some in evidence.by_dtype(rows.table, dtype).items():
        found = gathered(rows, each, some)
        warnings += evidence.implausible(found)
        fits[each] = fitted(found)
    return fits, evidence.source(rows.table, where), warnings


def _measured(
    name: str, description: str, device: str, dtypes: list[str], how: dict[str, Any]
) -> tuple[Profile, list[str]]:
    """A profile from what this machine is measured at, as far as the store has it not already."""
    from archcost.latency import curriculum, measurement
    from archcost.latency.profile import Profile

    for dtype in dtypes:
        measurement.require("dtype", "float32" if dtype == "tf32" else dtype, measurement.DTYPES)
    live = live_measure()
    machine = live.find(device, how["threads"])
    if "tf32" in dtypes and not machine.is_gpu:
        raise ArchcostError("--dtype: tf32 is how some GPUs multiply float32; a CPU has none")
    kind, mode = ("cuda", "graph") if machine.is_gpu else ("cpu", "eager")
    mode = how["mode"] or mode
    tasks = [(dtype, task) for dtype in dtypes for task in curriculum.tasks(kind, dtype, how["layout"], mode)]
    running = partial(live.measure, machine=machine, protocol=curriculum.PROTOCOLS[kind], retry=True)
    fits, count, warnings = _fitted(tasks, _answers([task for _, task in tasks], running, how["store"]), kind)
    said = description or f"{machine.name}, {mode}, {how['layout']}"
    source = f"{count} measurements on {machine.name}, PyTorch {machine.software['torch']}"
    words = ["archcost", "calibrate", "--name", name, "--device", device, "--dtype", ",".join(dtypes)]
    words += ["--layout", how["layout"], "--mode", mode]
    words += ["--threads", str(how["threads"])] if how["threads"] else []
    return Profile(name, said, source, True, fits, shlex.join(words)), warnings


def _answers(tasks: list[Task], running: Callable[..., Any], store: str | None) -> list[Measurement]:
    """What was measured, for each task; ends the process at Ctrl-C."""
    from archcost.latency import folders
    from archcost.latency.store import Store

    with Store(folders.store(store)) as opened:
        try:
            return [found for found, _ in watched(running(tasks, opened), len(tasks))]
        except KeyboardInterrupt:
            click.echo("stopped; what was measured is in the store: the same command goes on from there", err=True)
            sys.exit(130)


def _fitted(
    tasks: list[tuple[str, Task]], answers: list[Measurement], kind: str
) -> tuple[dict[str, Fit], int, list[str]]:
    """A fit for each dtype of which enough could be measured, the number of good measurements, and warnings."""
    from archcost.latency import evidence, measurement
    from archcost.latency.calibration import fitted

    good: dict[str, list[Any]] = {dtype: [] for dtype, _ in tasks}
    reasons: dict[str, Counter[str]] = {dtype: Counter() for dtype in good}
    for (dtype, task), answer in zip(tasks, answers, strict=True):
        if answer.status == measurement.OK and answer.median is not None:
            good[dtype].append(evidence.Timed(task.subject, task.batch, task.mode, answer.median))
        else:
            reasons[dtype][answer.reason or answer.status] += 1
    total = sum(map(len, good.values()))
    left = len(tasks) - total
    warnings = [f"{left} of {len(tasks)} measurements were unstable or failed, and are left out"] if left else []
    fits = {}
    for dtype, some in good.items():
        try:
            fits[dtype] = fitted(evidence.of_measurements(some, dtype, kind))
        except ArchcostError as error:
            most = reasons[dtype].most_common(1)
            why = f"{most[0][1]} failed alike: {most[0][0]}" if most else str(error)
            warnings.append(f"{dtype} has no fit, for only {len(some)} measurements of it are good; {why}")
    if not fits:
        raise ArchcostError("; ".join(warnings) + ". The same command measures again what was not good")
    return fits, total, warnings


def _dtypes(text: str) -> list[str]:
    """A comma-separated list. Raises ArchcostError for unknown ones."""
    from archcost.latency.conditions import dtype_named
    from archcost.spec import ranges

    try:
        return list(dict.fromkeys(dtype_named(each) for each in ranges.values(text, "dtype")))
    except ValueError as error:
        raise ArchcostError(f"--dtype: {error}") from None


def _command(
    name: str,
    description: str,
    points: str | None,
    layers: str | None,
    where: dict[str, str],
    dtypes: list[str],
) -> str:
    """The command line that makes this profile again."""
    words = ["archcost", "calibrate", "--name", name]
    words += ["--from", points] if points is not None else ["--from-layers", layers or ""]
    words += ["--description", description] if description else []
    words += ["--dtype", dtypes[0]] if dtypes else []
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
            f"    {held.family}: {100 * held.error:.1f} % mean error on {held.rows} held-out "
            f"row{'s' * (held.rows != 1)} ({held.method})"
            for held in fit.held_out
        ]
    return "\n".join(lines)
