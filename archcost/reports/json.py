"""JSON, documented in README: stable names, plain integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archcost.analysis import SCHEMA_VERSION, Analysis, Sweep, Validation, group
from archcost.dims import Ratio, as_float, is_array
from archcost.reports.columns import group_row

if TYPE_CHECKING:
    from archcost.analysis.training import Training
    from archcost.reports.latency import Latency


def dumps(data: Any) -> str:
    import json

    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)


def analysis(
    analysis: Analysis, by: str | None = None, latency: Latency | None = None, training: Training | None = None
) -> dict[str, Any]:
    """One model: settings, totals, layers, and groups if asked for. A batch: settings and totals as lists."""
    totals = {name: plain(value) for name, value in analysis.totals.items()}
    data: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "spec": analysis.document.name,
        "settings": settings(analysis),
        "totals": totals,
    }
    imported = analysis.document.imported
    if imported is not None:
        totals["unused_params"] = imported.unused_params
        data["imported"] = imported.origin
        data["partial"] = list(imported.partial)
        data["fixed"] = {"resolution": imported.fixed or None, "width": imported.fixed_width or None}
    if latency:
        data["latency"] = _latency(latency)
    if training:
        from archcost.reports.training import data as of_training

        data["training"] = of_training(training)
    if is_array(analysis.macs):
        return {**data, "feasible": plain(analysis.feasible)}
    data["layers"] = [
        {
            "name": layer.name,
            "kind": layer.kind,
            "block": layer.block,
            "input_shapes": [list(shape) for shape in layer.input_shapes],
            "output_shape": list(layer.output_shape),
            "macs": layer.macs,
            "params": layer.params,
            "buffers": layer.buffers,
            "activation_bytes": layer.activation_bytes,
            "bytes_moved": layer.bytes_moved,
            "formula": layer.formula,
            "kernel": plain(layer.kernel),
            "stride": plain(layer.stride),
            "groups": layer.groups,
            **({} if analysis.convention is None else {"counted": layer.counted}),
            **(_time(latency.of([layer.name]), bound=latency.bound(layer.name)) if latency else {}),
        }
        for layer in analysis.layers
    ]
    if by is not None:
        data["groups"] = groups(analysis, by, latency)
    return data


def _latency(latency: Latency) -> dict[str, Any]:
    from archcost.reports.latency import milliseconds

    return {
        "device": latency.device,
        "dtype": latency.dtype,
        "mode": latency.mode or None,
        "calibrated": latency.calibrated,
        "predicted_ms": plain(milliseconds(latency.seconds)),
        "low_ms": plain(milliseconds(latency.low)),
        "high_ms": plain(milliseconds(latency.high)),
        "extrapolated": plain(latency.extrapolated),
        "network_overhead_ms": milliseconds(latency.network_seconds),
    }


def _time(seconds: float | None, **more: Any) -> dict[str, Any]:
    from archcost.reports.latency import milliseconds

    return {"predicted_ms": milliseconds(seconds), **more}


def settings(analysis: Analysis) -> dict[str, Any]:
    chosen = analysis.settings
    return {
        "alpha": plain(chosen.alpha),
        "resolution": plain(chosen.resolution),
        "batch": analysis.batch,
        "dtype": analysis.dtype,
        "parameters": {name: plain(value) for name, value in chosen.parameters.items()},
    }


def groups(analysis: Analysis, by: str, latency: Latency | None = None) -> list[dict[str, Any]]:
    names = ["name", "layers", "macs", "params", "buffers", "activation_bytes", "bytes_moved", "share"]
    if analysis.convention is not None:
        names.append("counted")
    rows = [
        group_row(name, members, analysis.macs, analysis.batch, latency)
        for name, members in group(analysis.layers, by).items()
    ]
    return [
        {**{name: getattr(row, name) for name in names}, **(_time(row.predicted_seconds) if latency else {})}
        for row in rows
    ]


def sweep(sweep: Sweep) -> dict[str, Any]:
    return {"spec": sweep.document.name, "rows": list(sweep.rows())}


def validation(validation: Validation) -> dict[str, Any]:
    return {
        "spec": validation.spec,
        "ok": validation.ok,
        "macs": validation.macs,
        "params": validation.params,
        "compared": validation.compared,
        "operators": validation.operators,
        "unseen_by_fvcore": validation.unseen,
        "differences": [
            {"layer": c.layer, "what": c.what, "archcost": c.archcost, "witness": c.witness, "by": c.by}
            for c in validation.differences
        ],
    }


def plain(value: Any) -> Any:
    """A figure as JSON has it: numbers, texts, lists."""
    if isinstance(value, Ratio):
        return plain(as_float(value))
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value.tolist() if is_array(value) else value
