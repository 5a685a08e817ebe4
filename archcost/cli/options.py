"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from archcost.analysis import DTYPE_ALIASES, DTYPES
from archcost.spec import ranges

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
    return click.argument("spec")(command)


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


def memory_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Batch, dtype, and whether layers work in place."""
    for option in (
        click.option(
            "--inplace/--no-inplace",
            default=True,
            help="BN, activations and dropout overwrite their input where nobody else reads it.",
            show_default=True,
        ),
        click.option(
            "--dtype",
            default="float32",
            type=Dtype(),
            show_default=True,
            help="Of weights and activations.",
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
