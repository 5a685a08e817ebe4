"""A network as a concrete spec: every layer with its own numbers, no blocks, no parameters."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from archcost.graph import INPUT, Layer, Network


def network(network: Network, name: str, notes: str = "") -> str:
    """A spec that builds this very network at α 1 and its own input size; `archcost` takes it as any other."""
    import yaml

    names = _names(network.layers)
    header: dict[str, Any] = {"name": name}
    if network.document.source:
        header["source"] = network.document.source
    if notes:
        header["notes"] = notes
    header["input"] = [int(size) for size in network.input_shape]
    lines = [yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None).rstrip()]
    lines.append("layers:")
    before = INPUT
    for layer in network.layers:
        entry = _entry(layer, names, before)
        said = yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=10**6, default_flow_style=True)
        lines.append(f"  - {said.strip()[1:-1]}")
        before = layer.name
    return "\n".join(lines) + "\n"


def _names(layers: list[Layer]) -> dict[str, str]:
    """A name for each layer, the path of its blocks among it; all differ."""
    found = {INPUT: INPUT}
    for layer in layers:
        name = plain = re.sub(r"[^\w.]", "_", layer.name)
        count = 1
        while name in found.values():
            count += 1
            name = f"{plain}_{count}"
        found[layer.name] = name
    return found


def _entry(layer: Layer, names: dict[str, str], before: str) -> dict[str, Any]:
    fields = {
        field.name: _written(getattr(layer.op, field.name), field.metadata["type"].schema.get("type") != "array")
        for field in dataclasses.fields(layer.op)
        if "type" in field.metadata and getattr(layer.op, field.name) != field.default
    }
    fields["name"] = names[layer.name]
    if layer.inputs != (before,):
        sources = [names[source] for source in layer.inputs]
        fields["from"] = sources[0] if len(sources) == 1 else sources
    return {layer.kind: fields}


def _written(value: Any, pairs: bool) -> Any:
    """A field's value as a spec writes it: (3, 3) as 3 where it is a pair of two axes, ((0, 1), (0, 1)) as lists."""
    if isinstance(value, tuple):
        parts = [_written(each, pairs) for each in value]
        pair = pairs and len(parts) == 2
        return parts[0] if pair and parts[0] == parts[1] and not isinstance(parts[0], list) else parts
    return int(value) if hasattr(value, "__index__") and not isinstance(value, bool) else value
