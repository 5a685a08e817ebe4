"""archcost measure"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from archcost.api.devices import live_measure
from archcost.cli import options
from archcost.cli.measuring import watched
from archcost.cli.output import deliver, format_of
from archcost.errors import ArchcostError
from archcost.latency import folders, plan
from archcost.latency.measurement import FAILED
from archcost.latency.plan import Variant
from archcost.latency.points import POINT_COLUMNS, read_points
from archcost.latency.store import Store
from archcost.latency.table import Table, whole
from archcost.reports import json
from archcost.reports import measurements as report
from archcost.reports.measurements import Answer
from archcost.reports.table import terminal_width
from archcost.spec import ranges

if TYPE_CHECKING:
    from archcost.live.machine import Machine

FORMATS = ("table", "csv", "json")
ENDINGS = {".csv": "csv", ".json": "json"}


@click.command(name="measure", short_help="Time networks, or their layers, on the GPU or CPU at hand.")
@click.argument("spec", required=False)
@click.option("--points", metavar="FILE", help="Measure each row of a CSV: spec, alpha, resolution, batch, and more.")
@click.option("--alpha", metavar="RANGE", help="Width multipliers: 0.25:1:0.25 (the end included), or 0.25,0.5.")
@click.option("--resolution", metavar="RANGE", help="Input sizes: 128:224:32, 128,160, or 160x192,224x224.")
@click.option(
    "--set", "assignments", multiple=True, metavar="NAME=RANGE", help="A parameter's values: depth=0,5; repeatable."
)
@click.option("--batch", metavar="RANGE", help="Samples at once: 1,32.  [default: 1]")
@click.option("--dtype", metavar="LIST", help="float32, float16, bfloat16.  [default: float32]")
@click.option("--layout", metavar="LIST", help="contiguous, channels_last.  [default: contiguous]")
@click.option(
    "--mode",
    metavar="LIST",
    help="eager: end to end, by the host's clock; graph: the GPU's own time, in a CUDA graph; compile: "
    "torch.compile, as eager.  [default: graph,eager on a GPU, eager on a CPU]",
)
@click.option("--device", metavar="NAME", help="cuda, cuda:1 or cpu.  [default: the GPU, else the CPU]")
@click.option("--fold-bn", "folded", is_flag=True, help="Fold batch norms into the convolutions before them.")
@click.option("--tf32/--no-tf32", default=False, help="Let float32 products use TF32 on a GPU.", show_default=True)
@click.option("--threads", type=int, help="Of the CPU.  [default: its physical cores]")
@click.option("--layers", is_flag=True, help="Time each distinct layer of the networks, alone.")
@options.store_option
@click.option("--fresh", is_flag=True, help="Measure anew what the store has already.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: by FILE's ending, else table]")
@options.output_option
@options.importing_options
def command(
    spec: str | None, points: str | None, layers: bool, form: str | None, output: str | None, **given: Any
) -> None:
    """Time one forward of a network, or of many, on the device in front of you.

    Every combination of the values given is measured. Each measurement goes into a store at once; asking again
    answers from there. Out of memory is an answer. Ctrl-C keeps what was measured, and prints it.

    \b
    archcost measure mobilenetv1 --batch 1,32
    archcost measure mobilenetv1 --alpha 0.25:1:0.25 --resolution 128:224:32 -o v1.csv
    archcost measure --points points.csv --device cpu --format csv
    archcost measure mobilenetv2 --layers --device cpu -o layers.csv
    """
    form = format_of(form, output, ENDINGS, "table")
    if (spec is None) == (points is None):
        raise ArchcostError("name a spec, or a file of points with --points; one of them")
    if layers and given["folded"]:
        raise ArchcostError("--layers times each operator alone, --fold-bn joins two; give one of them")
    measured = _Measured(_wanted(spec, points, given), layers)
    measured.run(given)
    if measured.answers:
        deliver(measured.text(form, output), output)
    sys.exit(130 if measured.interrupted else 1 if measured.failed else 0)


def _wanted(spec: str | None, points: str | None, given: Mapping[str, Any]) -> tuple[Table | None, list[Variant]]:
    """The networks asked for, and the file that they stand in."""
    batches = None if given["batch"] is None else [_batch(text) for text in ranges.values(given["batch"], "batch")]
    texts = {name: given[name] for name in ("alpha", "resolution")}
    if points is None:
        parameters = {n: ranges.values(text, n) for n, text in ranges.assignments(given["assignments"]).items()}
        alphas, resolutions = ([""] if text is None else ranges.values(text, name) for name, text in texts.items())
        return None, plan.variants(str(spec), alphas, resolutions, parameters, batches or [1])
    if given["assignments"] or any(texts.values()):
        raise ArchcostError("the rows of --points say α, resolution and parameters; leave --alpha, --resolution, --set")
    found = read_points(points)
    return found.table, plan.rows(found, batches)


def _batch(text: str) -> int:
    try:
        return whole(text)
    except ValueError as error:
        raise ArchcostError(f"batch {error}") from None


class _Measured:
    """What was asked for, and the answers as they come."""

    def __init__(self, wanted: tuple[Table | None, list[Variant]], layers: bool) -> None:
        self.table, self.variants = wanted
        self.layers = layers
        self.asked: list[Any] = []
        self.answers: list[Answer] = []
        self.note = ""
        self.interrupted = False

    def run(self, given: Mapping[str, Any]) -> None:
        """Measures until all is done, or the user stops it."""
        how = {name: plan.choices(name, given[name]) for name in plan.KNOWN if given[name] is not None}
        live = live_measure()
        machine: Machine = live.find(given["device"], given["threads"])
        self.note = machine.note
        modes = ["graph", "eager"] if machine.is_gpu else ["eager"]
        default = {"dtype": ["float32"], "layout": ["contiguous"], "mode": modes}
        pairs = list(plan.tasks(self.variants, how, default, given["folded"], given["tf32"]))
        layers = plan.layers(pairs) if self.layers else []
        if self.layers and not layers:
            raise ArchcostError("no layer of these networks does anything that could be timed")
        self.asked = layers or pairs
        tasks = [layer.task for layer in layers] or [task for _, task in pairs]
        with Store(folders.store(given["store"])) as store:
            try:
                for answer in watched(live.measure(tasks, store, machine, fresh=given["fresh"]), len(tasks)):
                    self.answers.append(answer)
            except KeyboardInterrupt:
                self.interrupted = True
        if self.interrupted:
            click.echo(f"stopped; {len(self.answers)} of {len(tasks)} were measured, and are in the store", err=True)

    @property
    def failed(self) -> bool:
        return any(measurement.status == FAILED for measurement, _ in self.answers)

    def text(self, form: str, output: str | None) -> str:
        """The answers in the order of the question."""
        if self.note and form != "table":
            click.echo(self.note, err=True)
        if self.layers:
            pairs = zip(self.asked, self.answers, strict=False)
            rows = [report.layer_row(*answer, len(each.names), each.names) for each, answer in pairs]
        else:
            rows = [report.network_row(*answer) for answer in self.answers]
        if form == "json":
            return json.dumps({"note": self.note, "rows": rows})
        if form == "table":
            return report.table(rows, self.answers, None if output else terminal_width(), self.note)
        return self._points_csv(rows) if self.table is not None and not self.layers else report.as_csv(rows)

    def _points_csv(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """The file's own rows with the answers beside them; a row is repeated for each way in which it was run."""
        assert self.table is not None
        places = [each.row for (each, _), _ in zip(self.asked, self.answers, strict=False)]
        cells = [self.table.rows[place] for place in places]
        lines = [self.table.lines[place] for place in places]
        kept = Table(self.table.file, self.table.header, cells, lines)
        added = [name for name in rows[0] if name not in POINT_COLUMNS or name == "batch"]
        return kept.to_csv({name: [report.cell(row[name]) for row in rows] for name in added})
