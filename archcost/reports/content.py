"""What a report of one model holds, whatever its form: rows, their sum, totals, shares by kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from archcost.analysis import Analysis, group
from archcost.dims import as_float
from archcost.reports import units
from archcost.reports.columns import (
    COUNTED,
    GROUP_COLUMNS,
    GROUP_TIME_COLUMNS,
    LAYER_COLUMNS,
    LAYER_TIME_COLUMNS,
    MACS,
    Column,
    Row,
    group_row,
    layer_row,
)

if TYPE_CHECKING:
    from archcost.analysis.training import Training
    from archcost.reports.latency import Latency
    from archcost.spec.parts import Imported

CONVENTION = "macs: multiply-adds of convolutions, linear layers and matrix products; flops = 2 × macs"


@dataclass(frozen=True, slots=True)
class Content:
    """title: spec and settings; rows under columns; total: their sum; facts: labelled totals; kinds: sums by kind.

    overhead: rows of what the total holds and no layer has, with a device a time; notes: what to know.
    """

    title: str
    columns: tuple[Column, ...]
    rows: list[Row]
    total: Row
    facts: list[tuple[str, str]]
    kinds: list[Row]
    kind_columns: tuple[Column, ...]
    overhead: list[Row]
    notes: list[str]

    @property
    def lines(self) -> list[Row]:
        """The rows, and their sum last."""
        return [*self.rows, *self.overhead, self.total]

    @property
    def kind_lines(self) -> list[Row]:
        return [*self.kinds, *self.overhead, self.total]


def content(
    analysis: Analysis, by: str | None = None, latency: Latency | None = None, training: Training | None = None
) -> Content:
    """The parts of a report; `by` puts blocks or kinds in the place of layers, the others add their columns."""
    layers, macs, batch = analysis.layers, analysis.macs, analysis.batch
    rows = [layer_row(layer, macs, batch, latency) for layer in layers]
    if by is not None:
        rows = [group_row(name, members, macs, batch, latency) for name, members in group(layers, by).items()]
    by_kind = group(layers, "kind").items()
    costly = [(name, members) for name, members in by_kind if any(layer.macs or layer.params for layer in members)]
    others = [layer for name, members in by_kind if name not in dict(costly) for layer in members]
    kinds = [group_row(name, members, macs, batch, latency) for name, members in costly]
    kinds.sort(key=lambda row: (-row.macs, -row.params))
    if others:
        kinds.append(group_row("others", others, macs, batch, latency))
    total = group_row("total", layers, macs, batch)
    columns = GROUP_COLUMNS if by else LAYER_COLUMNS
    found = Content(title(analysis), columns, rows, total, facts(analysis), kinds, GROUP_COLUMNS, [], [])
    if analysis.convention is not None:
        found = _counted(found, analysis)
    found = _timed(found, latency, by) if latency else found
    return _trained(found, training, analysis, by) if training else found


def _trained(report: Content, training: Training, analysis: Analysis, by: str | None) -> Content:
    """The report with what training adds; the network's input, which it keeps too, is a row of its own."""
    from archcost.reports import training as trains

    names = {row.name: {row.name} for row in report.rows}
    kinds = {name: {layer.name for layer in members} for name, members in group(analysis.layers, "kind").items()}
    if by is not None:
        names = {name: {each.name for each in members} for name, members in group(analysis.layers, by).items()}
    shown = set().union(*(kinds[row.name] for row in report.kinds if row.name in kinds))
    kinds["others"] = {layer.name for layer in analysis.layers} - shown
    own = replace(group_row("network input", [], 0, 1), kept_bytes=training.input_kept_bytes)
    return replace(
        report,
        columns=report.columns + trains.COLUMNS,
        kind_columns=report.kind_columns + trains.COLUMNS,
        rows=[trains.trained(row, names[row.name], training) for row in report.rows],
        kinds=[trains.trained(row, kinds[row.name], training) for row in report.kinds],
        overhead=[*report.overhead, own],
        total=replace(report.total, backward_macs=training.backward_macs, kept_bytes=training.kept_bytes),
        facts=report.facts + trains.facts(training),
        notes=report.notes + trains.notes(training),
    )


def _counted(report: Content, analysis: Analysis) -> Content:
    """The report with what another counter counts, how it differs, and what else its figure depends on here."""
    from archcost.analysis import conventions

    convention = conventions.find(str(analysis.convention))
    total = analysis.counted(convention.name)
    if total is None:
        said = f"– (no rule for {', '.join(analysis.uncounted(convention.name))})"
    else:
        said = f"{units.count(total)} ({units.short(total)})" if total >= 1000 else units.count(total)
    remarks = [*convention.reasons(analysis.network), *convention.notes(analysis.network)]
    return replace(
        report,
        columns=_beside_macs(report.columns),
        kind_columns=_beside_macs(report.kind_columns),
        facts=[*report.facts, (f"counted by {convention.name} ({convention.unit}s)", said)],
        notes=[f"{convention.name}: {convention.of}. It {convention.differs}.", *(f"{text}." for text in remarks)],
    )


def _beside_macs(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    place = columns.index(MACS) + 1
    return (*columns[:place], COUNTED, *columns[place:])


def _timed(report: Content, latency: Latency, by: str | None) -> Content:
    """The report with the columns, totals and remarks of predicted time."""
    from archcost.reports import latency as times

    own = group_row("network overhead", [], 0, 1)
    seconds = latency.network_seconds
    return replace(
        report,
        columns=report.columns + (GROUP_TIME_COLUMNS if by else LAYER_TIME_COLUMNS),
        kind_columns=report.kind_columns + GROUP_TIME_COLUMNS,
        overhead=[replace(own, predicted_seconds=seconds, time_share=seconds / latency.seconds)],
        total=replace(report.total, predicted_seconds=latency.seconds, time_share=1.0),
        facts=report.facts + times.facts(latency),
        notes=report.notes + times.notes(latency),
    )


def title(analysis: Analysis) -> str:
    settings = analysis.settings
    parts = [f"α = {_number(settings.alpha)}"]
    shape = analysis.network.input_shape
    parts.append(f"input {units.sizes(shape)}")
    parts += [f"{name} = {_number(value)}" for name, value in settings.parameters.items()]
    parts.append(f"batch {analysis.batch}, {analysis.dtype}")
    return f"{analysis.document.name}: " + ", ".join(parts)


def _number(value: Any) -> str:
    return str(value) if isinstance(value, (str, bool)) else f"{as_float(value):.12g}"


def facts(analysis: Analysis) -> list[tuple[str, str]]:
    """Every total with its label, in the order of the JSON."""

    def counted(number: Any) -> str:
        return f"{units.count(number)} ({units.short(number)})" if number >= 1000 else units.count(number)

    def sized(number: Any) -> str:
        return f"{units.count(number)} ({units.bytes_(number)})"

    found = [
        ("macs", counted(analysis.macs)),
        ("flops (2 × macs)", counted(analysis.flops)),
        ("params (trainable)", counted(analysis.params)),
        ("buffers (running mean, variance)", counted(analysis.buffers)),
        (f"weights in {analysis.dtype}, bytes", sized(analysis.weight_bytes)),
        ("activations, bytes", sized(analysis.activation_bytes)),
        ("peak activations, bytes", sized(analysis.peak_activation_bytes)),
        ("the peak stands at", analysis.peak_at),
    ]
    if analysis.receptive_field is not None:
        field, stride = (_axes(figure) for figure in (analysis.receptive_field, analysis.stride))
        found.append(("receptive field, stride", f"{field}, {stride} pixels"))
    found.append(("layers, longest path", f"{analysis.layer_count}, {analysis.longest_path}"))
    imported = analysis.document.imported
    if imported is not None:
        found.append(("unused params (no output needs them)", counted(imported.unused_params)))
        found.append(("rescales", _rescales(imported)))
        if imported.partial:
            found.append(("partial: macs unknown of", ", ".join(imported.partial)))
    return found


def _rescales(imported: Imported) -> str:
    """Which multipliers an imported spec takes, and why not the others."""
    resolution, width = imported.fixed, imported.fixed_width
    if not resolution and not width:
        return "yes"
    if resolution and width:
        return f"no: {resolution}" if resolution == width else f"no: resolution: {resolution}; width: {width}"
    return f"in width only: {resolution}" if resolution else f"in resolution only: {width}"


def _axes(figure: Any) -> str:
    return "×".join(map(str, figure)) if isinstance(figure, tuple) else str(figure)
