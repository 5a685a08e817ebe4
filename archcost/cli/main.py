"""The command line: each command is a file of this folder, loaded only when it is named."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Any

import click

from archcost import __version__, cli
from archcost import importers as _importers  # noqa: F401  what it reads, every command takes
from archcost.errors import ArchcostError, SpecError, printable

_NOT_COMMANDS = {"main", "measuring", "options", "output"}


class _Commands(click.Group):
    """Commands by the names of their files."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(info.name for info in pkgutil.iter_modules(cli.__path__) if info.name not in _NOT_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"archcost.cli.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from archcost.spec.names import unknown

        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(unknown("command", args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """The only place that turns a failure into an exit code, with its message."""
        try:
            return super().invoke(ctx)
        except ArchcostError as error:
            text = str(error) if isinstance(error, SpecError) else f"error: {printable(str(error))}"
            click.echo(text, err=True)
            sys.exit(error.exit_code)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="archcost")
def main() -> None:
    """What a convolutional network costs, before a model exists.

    \b
    archcost analyze mobilenetv1
    archcost analyze specs/mobilenetv1.yaml --alpha 0.5 --resolution 160
    archcost explain mobilenetv1 separable1.pointwise
    archcost sweep mobilenetv1 --alpha 0.25:1:0.05 --resolution 128:224:32
    """
