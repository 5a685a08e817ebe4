"""archcost specs"""

from __future__ import annotations

from typing import Any

import click

from archcost.cli.output import deliver


@click.command(name="specs", short_help="The networks of the zoo.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(form: str) -> None:
    """The networks of the zoo, with their costs at the settings of their papers.

    \b
    archcost specs
    archcost specs --format json
    """
    from archcost.api import load
    from archcost.reports import json, table, units
    from archcost.spec import zoo

    rows: list[dict[str, Any]] = []
    for name in zoo.names():
        model = load(name)
        analysis = model.analyze()
        parameters = {key: parameter.help for key, parameter in model.document.parameters.items()}
        rows.append(
            {
                "name": name,
                "input": list(analysis.network.input_shape),
                "macs": analysis.macs,
                "params": analysis.params,
                "parameters": parameters,
                "source": model.document.source,
            }
        )
    if form == "json":
        deliver(json.dumps(rows), None)
        return
    lines = [
        [
            r["name"],
            units.sizes(r["input"]),
            units.short(r["macs"]),
            units.short(r["params"]),
            ", ".join(r["parameters"]),
            r["source"],
        ]
        for r in rows
    ]
    header = ["spec", "input", "macs", "params", "--set", "source"]
    numeric = [False, False, True, True, False, False]
    deliver(table.listing(header, lines, numeric, table.terminal_width()), None)
