"""archcost schema"""

from __future__ import annotations

import click

from archcost.cli import options
from archcost.cli.output import deliver


@click.command(name="schema", short_help="The JSON Schema of the spec language.")
@options.output_option
def command(output: str | None) -> None:
    """The JSON Schema of the spec language, for editors that complete and check YAML.

    \b
    archcost schema -o archcost.schema.json
    # yaml-language-server: $schema=archcost.schema.json     (first line of a spec)
    """
    from archcost.reports import json
    from archcost.spec.schema import schema

    deliver(json.dumps(schema()), output)
