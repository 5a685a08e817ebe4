"""How a number comes about: the formula, the formula with this layer's sizes in it, and its value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archcost.analysis import Analysis, group
from archcost.analysis.separable import SeparablePair, separable_pairs
from archcost.cost import Amount
from archcost.errors import ArchcostError
from archcost.graph import Layer
from archcost.reports import units
from archcost.reports.content import CONVENTION, title
from archcost.spec.names import unknown

LARGEST_SHOWN = 5


def layer(analysis: Analysis, name: str) -> dict[str, Any]:
    """One layer's macs and parameters, as data.

    Raises ArchcostError for a layer that is not there.
    """
    network = analysis.network
    layers = {layer.name: layer for layer in network.layers}
    if name not in layers:
        raise ArchcostError(
            f"{analysis.document.name}: " + unknown("layer or block", name, [*_blocks(layers), *layers])
        )
    found = layers[name]
    cost = found.cost
    data: dict[str, Any] = {
        "spec": analysis.document.name,
        "layer": name,
        "kind": found.kind,
        "input_shapes": [list(shape) for shape in found.input_shapes],
        "output_shape": list(found.output_shape),
        "equation": equation(found),
        "macs": _amount(cost.macs),
        "params": _amount(cost.params),
        "buffers": _amount(cost.buffers),
    }
    pairs = [pair for pair in separable_pairs(network) if found in (pair.depthwise, pair.pointwise)]
    if pairs:
        data["separable"] = _pair(pairs[0])
    return data


def _blocks(layers: Iterable[str]) -> list[str]:
    """The blocks that layers stand in, by the paths of their names."""
    paths = (name.split(".") for name in layers)
    return list(dict.fromkeys(".".join(path[:depth]) for path in paths for depth in range(1, len(path))))


def named(analysis: Analysis, name: str) -> list[dict[str, Any]]:
    """A layer, or the layers of a block that cost something.

    Raises ArchcostError where neither has that name.
    """
    inside = [row.name for row in analysis.layers if row.name.startswith(f"{name}.") and (row.macs or row.params)]
    return [layer(analysis, member) for member in inside or [name]]


def total(analysis: Analysis) -> dict[str, Any]:
    """The model's macs and parameters as sums over kinds of layers, as data."""
    members = {layer.name: layer for layer in analysis.network.layers}
    kinds = [
        {
            "kind": kind,
            "layers": len(layers),
            "equation": equation(members[layers[0].name]),
            "macs": sum(row.macs for row in layers),
            "params": sum(row.params for row in layers),
        }
        for kind, layers in group(analysis.layers, "kind").items()
    ]
    kinds = [kind for kind in kinds if kind["macs"] or kind["params"]]
    largest = sorted(analysis.layers, key=lambda row: -row.macs)[:LARGEST_SHOWN]
    data: dict[str, Any] = {
        "spec": analysis.document.name,
        "macs": analysis.macs,
        "params": analysis.params,
        "kinds": sorted(kinds, key=lambda kind: (-kind["macs"], -kind["params"])),
        "largest": [{"layer": row.name, "formula": row.formula, "macs": row.macs} for row in largest if row.macs],
    }
    pairs = separable_pairs(analysis.network)
    if pairs:
        macs, standard = sum(pair.macs for pair in pairs), sum(pair.standard.value for pair in pairs)
        data["separable"] = {"pairs": len(pairs), "macs": macs, "standard_macs": standard, "actual": macs / standard}
    return data


def equation(layer: Layer) -> str:
    """What the operator says of itself: shapes and macs."""
    text = (type(layer.op).__doc__ or "").strip().split("\n")[0]
    return text.strip()


def _amount(amount: Amount) -> dict[str, Any]:
    return {"formula": str(amount), "value": amount.value}


def _pair(pair: SeparablePair) -> dict[str, Any]:
    filters = pair.pointwise.output_shape.channels
    window = Amount.product(*pair.kernel)
    return {
        "depthwise": pair.depthwise.name,
        "pointwise": pair.pointwise.name,
        "macs": pair.macs,
        "standard_formula": str(pair.standard),
        "standard_macs": pair.standard.value,
        "predicted_formula": f"1/{filters} + 1/" + (f"({window})" if "·" in str(window) else str(window)),
        "predicted": pair.predicted,
        "actual": pair.actual,
    }


def layer_text(data: dict[str, Any]) -> str:
    shapes = " and ".join(units.sizes(shape) for shape in data["input_shapes"])
    lines = [
        f"{data['layer']} ({data['kind']}): {shapes} → {units.sizes(data['output_shape'])}",
        f"  {data['equation']}",
        "",
        *(_valued(name, data[name]) for name in ("macs", "params", "buffers")),
    ]
    if "separable" in data:
        lines += ["", *_pair_text(data["separable"])]
    return "\n".join(lines)


def _valued(name: str, amount: dict[str, Any]) -> str:
    formula, value = amount["formula"], units.count(amount["value"])
    return f"  {name:8}{formula} = {value}" if formula not in ("0", str(amount["value"])) else f"  {name:8}{value}"


def _pair_text(pair: dict[str, Any]) -> list[str]:
    macs, standard = units.count(pair["macs"]), units.count(pair["standard_macs"])
    return [
        f"  {pair['depthwise']} and {pair['pointwise']} stand for one standard convolution:",
        f"    standard            {pair['standard_formula']} = {standard}",
        f"    the pair            {macs}",
        f"    1/N + 1/D_K²        {pair['predicted_formula']} = {pair['predicted']:.4f}",
        f"    in fact             {macs} / {standard} = {pair['actual']:.4f}, {1 / pair['actual']:.2f} times fewer",
    ]


def total_text(analysis: Analysis, data: dict[str, Any]) -> str:
    lines = [title(analysis), "", f"macs = {units.count(data['macs'])}, the sum of"]
    width = max((len(units.count(kind["macs"])) for kind in data["kinds"]), default=0)
    for kind in data["kinds"]:
        if kind["macs"]:
            shown = units.share(kind["macs"], data["macs"])
            lines += [f"  {units.count(kind['macs']):>{width}}  {shown:>8}  {kind['layers']} × {kind['kind']}"]
            lines += [f"  {'':{width}}            {kind['equation']}"]
    lines += ["", f"params = {units.count(data['params'])}, the sum of"]
    for kind in data["kinds"]:
        if kind["params"]:
            shown = units.share(kind["params"], data["params"])
            lines += [f"  {units.count(kind['params']):>{width}}  {shown:>8}  {kind['layers']} × {kind['kind']}"]
    if data["largest"]:
        lines += ["", "The largest layers"]
        widest = max(len(row["layer"]) for row in data["largest"])
        lines += [
            f"  {row['layer']:{widest}}  {row['formula']} = {units.count(row['macs'])}" for row in data["largest"]
        ]
    if "separable" in data:
        pair = data["separable"]
        saved = f"{pair['actual']:.4f}, {1 / pair['actual']:.2f} times fewer"
        lines += [
            "",
            f"{pair['pairs']} depthwise-separable pairs: {units.count(pair['macs'])} macs where standard convolutions",
            f"would take {units.count(pair['standard_macs'])}: {saved}.",
        ]
    return "\n".join([*lines, "", CONVENTION + "."])
