"""archcost predict"""

from __future__ import annotations

from typing import Any

import click

from archcost.cli import options
from archcost.cli.output import deliver, format_of
from archcost.errors import ArchcostError

ENDINGS = {".csv": "csv"}


@click.command(name="predict", short_help="Times of many networks or layers, from a device's profile.")
@click.option("--device", required=True, metavar="NAME", help="A profile: a name of `archcost devices`, or a file.")
@click.option("--points", metavar="FILE", help="A CSV of networks: spec, alpha, resolution, batch, and more.")
@click.option(
    "--layers", metavar="FILE", help="A CSV of convolutions: batch, in_channels, out_channels, kernel, input_size, …"
)
@click.option(
    "--dtype", type=options.Dtype(), help="Of all rows.  [default: each row's own, else float32 or the profile's first]"
)
@options.mode_option
@options.where_option
@click.option("--format", "form", type=click.Choice(["csv"]), help="[default: csv]")
@options.output_option
def command(
    device: str,
    points: str | None,
    layers: str | None,
    dtype: str | None,
    mode: str | None,
    conditions: tuple[str, ...],
    form: str | None,
    output: str | None,
) -> None:
    """Rows in, rows out, in the same order, with predicted_ms, the ends of its 80 % interval low_ms and high_ms, and
    extrapolated: whether the row lies outside what the profile was fitted on. Columns `dtype` and `mode` are heeded.

    \b
    archcost predict --device pixel3-cpu --points points.csv > predicted.csv
    archcost predict --device nvidia-t4 --layers layers.csv -o predicted.csv
    """
    from archcost.latency import points as tables
    from archcost.latency.prediction import Predicted, Predictor, by_row
    from archcost.latency.profile import find
    from archcost.spec import ranges

    if (points is None) == (layers is None):
        raise ArchcostError("give either --points or --layers, a CSV file")
    format_of(form, output, ENDINGS, "csv")
    profile = find(device)
    where = ranges.assignments(conditions)
    given: Any = tables.read_layers(layers, where=where) if layers else tables.read_points(points or "", where=where)

    def predict(predictor: Predictor) -> Predicted:
        return predictor.single(given.shapes) if layers else predictor.points(given)

    found = by_row(profile, given.table, dtype, mode, predict)
    table, rows = (given.whole, given.kept) if layers else (given.table, range(len(given.table)))
    columns = {
        "predicted_ms": [_cell(s) for s in found.seconds],
        "low_ms": [_cell(s) for s in found.low],
        "high_ms": [_cell(s) for s in found.high],
        "extrapolated": ["yes" if beyond else "no" for beyond in found.outside],
    }
    if len(table) > len(rows):
        click.echo(
            f"{len(table) - len(rows)} of {len(table)} rows have no prediction: they are no convolutions", err=True
        )
    cells = {name: dict(zip(rows, values, strict=True)) for name, values in columns.items()}
    added = {name: [known.get(row, "") for row in range(len(table))] for name, known in cells.items()}
    deliver(table.to_csv(added), output)


def _cell(seconds: float) -> str:
    """Milliseconds to six digits; empty where unknown."""
    return "" if seconds != seconds else f"{seconds * 1e3:.6g}"
