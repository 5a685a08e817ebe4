"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from archcost.analysis import DTYPE_ALIASES, DTYPES
from archcost.errors import ArchcostError
from archcost.spec import ranges
from archcost.spec.parts import Document

store_option = click.option(
    "--store", metavar="FILE", help="The store of measurements.  [default: $ARCHCOST_STORE, else in your data folder]"
)
where_option = click.option(
    "--where", "conditions", multiple=True, metavar="COLUMN=VALUE", help="Only rows with just this value; repeatable."
)

mode_option = click.option(
    "--mode",
    type=click.Choice(("eager", "graph", "compile")),
    help="How it runs on the device.  [default: as what the profile was fitted on]",
)


convention_option = click.option(
    "--convention", metavar="NAME", help="Also what another counter counts: thop, ptflops, …; --conventions lists them."
)


class Dtype(click.Choice):  # type: ignore[type-arg]
    """One of archcost's dtypes, also by its short name: fp16 for float16."""

    def __init__(self) -> None:
        super().__init__(list(DTYPES))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(DTYPE_ALIASES.get(str(value).lower(), str(value).lower()), param, ctx)


def spec_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """SPEC, and what goes with a model to import."""
    return click.argument("spec")(importing_options(command))


def importing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--input`, `--kwargs` and `--strict` for a command that takes `spec`, several `specs`, or `a` and `b`: models to
    import get them as a part of their name, so that the command itself need not know."""

    @functools.wraps(command)
    def with_models(*args: Any, inputs: tuple[str, ...], arguments: tuple[str, ...], strict: bool, **given: Any) -> Any:
        if inputs or arguments:
            given |= _with_options(given, inputs, arguments)
        result = command(*args, **given)
        partial = [spec for spec in _specs(given) if _warned(spec)]
        if partial and strict:
            click.get_current_context().exit(1)
        return result

    for option in (
        click.option("--strict", is_flag=True, help="Exit code 1 where counts are partial, or fail to agree."),
        click.option(
            "--kwargs",
            "arguments",
            multiple=True,
            metavar="NAME=VALUE",
            help="An argument for building an imported model; repeatable.",
        ),
        click.option(
            "--input",
            "inputs",
            multiple=True,
            metavar="SIZES",
            help="What an imported model reads, without the batch: 3x224x224; repeatable.",
        ),
    ):
        with_models = option(with_models)
    return with_models


def _specs(given: dict[str, Any]) -> list[str]:
    """What a command's arguments name, in their order."""
    single = [given[name] for name in ("spec", "a", "b") if given.get(name)]
    return [*single, *(given.get("specs") or ())]


def _with_options(given: dict[str, Any], inputs: tuple[str, ...], arguments: tuple[str, ...]) -> dict[str, Any]:
    """The arguments that name specs, those of models to import with these inputs and arguments."""
    from archcost.importers.reference import is_model, with_options

    specs = _specs(given)
    if not any(map(is_model, specs)):
        said = f"{specs[0]} is no model to import; " if len(specs) == 1 else ""
        raise ArchcostError(f"{said}--input and --kwargs are for those, such as mypackage.models:build")
    found = {spec: with_options(spec, inputs, arguments) if is_model(spec) else spec for spec in specs}
    return {
        name: found[value] if isinstance(value, str) else tuple(found[spec] for spec in value)
        for name, value in given.items()
        if name in ("spec", "a", "b", "specs") and value
    }


def _warned(spec: str) -> bool:
    """Whether the counts of a model are partial, which is said on standard error."""
    from archcost.importers import opened
    from archcost.spec import document, loading, source

    path = Path(spec)
    if path.is_dir() or path.suffix == ".json":
        return False  # what a search found
    found: Document | None = None
    if not loading.is_spec(spec):
        found = opened(ranges.reference(spec)[0])
    elif "imported:" in (text := source.read_text(path)):  # a large file is not read twice for nothing
        found = document.parse(text, spec)
    if found is None or found.imported is None or not found.imported.partial:
        return False
    listed = ", ".join(found.imported.partial)
    click.echo(
        f"warning: {found.name}: partial: nobody knows the multiply-adds of {listed}; they count as none", err=True
    )
    return True


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """α, ρ or the resolution, and the spec's parameters."""
    for option in (
        click.option(
            "--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A parameter of the spec; repeatable."
        ),
        click.option("--resolution", metavar="SIZE", help="Input size: 160, or height × width as 160x192."),
        click.option("--rho", metavar="ρ", help="Resolution multiplier; sizes go to the nearest integer."),
        click.option("--alpha", metavar="α", help="Width multiplier."),
    ):
        command = option(command)
    return command


def memory_options(command: Callable[..., Any], dtype: str | None = "float32") -> Callable[..., Any]:
    """Batch, dtype, and whether layers work in place. dtype: without the option; None for what devices have."""
    told = "" if dtype else "  [default: float32, or what most of the devices have]"
    for option in (
        click.option(
            "--inplace/--no-inplace",
            default=True,
            help="BN, activations and dropout overwrite their input where nobody else reads it.",
            show_default=True,
        ),
        click.option(
            "--dtype",
            default=dtype,
            type=Dtype(),
            show_default=dtype is not None,
            help=f"Of weights and activations.{told}",
        ),
        click.option(
            "--batch", default=1, type=int, show_default=True, help="Samples at once; it scales bytes and activations."
        ),
    ):
        command = option(command)
    return command


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("-o", "--output", metavar="FILE", help="Write to a file instead of the terminal.")(command)


def chosen(alpha: str | None, rho: str | None, resolution: str | None, assignments: tuple[str, ...]) -> dict[str, Any]:
    """The settings that the options give, as `Model.analyze` takes them."""
    return {
        "alpha": alpha,
        "rho": rho,
        "resolution": None if resolution is None else ranges.resolution(resolution),
        "parameters": ranges.assignments(assignments),
    }


def page_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a page of HTML holds, where it starts, and where it goes."""
    for option in (
        click.option("-o", "--output", required=True, metavar="FILE", help="The page, an HTML file."),
        convention_option,
        functools.partial(memory_options, dtype=None),
        click.option("--resolution", metavar="RANGE", help="The sizes that the page holds: 128:224:16."),
        click.option("--alpha", metavar="RANGE", help="The widths that the page holds.  [default: 0.05:2:0.01]"),
        mode_option,
        click.option("--device", "devices", multiple=True, metavar="NAME", help="Predict times on it too; repeatable."),
    ):
        command = option(command)
    return command


def tls_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--tls-key", metavar="FILE", help="Its key."),
        click.option("--tls-cert", metavar="FILE", help="The certificate to show."),
        click.option(
            "--tls-ca-file", metavar="FILE", help="For tls://: certificates to trust (PEM, as Dask takes them)."
        ),
    ):
        command = option(command)
    return command


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which cluster does the work, and how much it may bear."""
    for option in (
        tls_options,
        click.option("--wait", type=click.FloatRange(0), help="Seconds to wait for workers.  [default: 60]"),
        click.option(
            "--measurement-limit",
            type=click.FloatRange(0, min_open=True),
            help="Seconds for one measurement on a cluster.  [default: 300]",
        ),
        click.option(
            "--tries",
            type=click.IntRange(1),
            help="Workers that may die of one job, or hang over it, before it is given up.  [default: 3]",
        ),
        click.option(
            "--cluster",
            metavar="ADDRESS",
            help="A scheduler of Dask's (tcp://10.0.0.1:8786, or its file): its workers measure and evaluate.",
        ),
    ):
        command = option(command)
    return command
