"""archcost validate"""

from __future__ import annotations

import sys
from typing import Any

import click

from archcost.cli import options
from archcost.cli.output import deliver
from archcost.errors import ArchcostError


@click.command(name="validate", short_help="Compare every count with fvcore's.")
@click.argument("specs", nargs=-1, metavar="[SPEC]...")
@click.option("--all", "everything", is_flag=True, help="Every spec of the zoo.")
@options.importing_options
@options.settings_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@options.output_option
def command(
    specs: tuple[str, ...],
    everything: bool,
    form: str,
    output: str | None,
    **given: Any,
) -> None:
    """Build the PyTorch module of a spec and compare every count with fvcore's, to the unit.

    Compared layer by layer: each operator that fvcore counts, output shapes, parameters, buffers; then the
    totals, and torch's FlopCounterMode as a second witness. Exit code 1 when anything differs.

    \b
    archcost validate specs/mobilenetv1.yaml
    archcost validate mobilenetv2 --alpha 0.35 --resolution 96
    archcost validate --all
    """
    from archcost.api import load
    from archcost.reports import json, table
    from archcost.reports.validation import text
    from archcost.spec import zoo

    names = [*specs, *(zoo.names() if everything else [])]
    if not names:
        raise ArchcostError("name a spec, or --all for the whole zoo")
    settings = options.chosen(**given)
    models = [load(name) for name in names]
    with click.progressbar(
        models, file=sys.stderr, label="validating", item_show_func=lambda m: m.name if m else ""
    ) as bar:
        found = [model.validate(**settings) for model in bar]
    if form == "json":
        deliver(json.dumps([validation.to_dict() for validation in found]), output)
    else:
        said = "\n".join(map(text, found))
        deliver(table.fitted(said, None if output else table.terminal_width()), output)
    if not all(validation.ok for validation in found):
        sys.exit(1)
