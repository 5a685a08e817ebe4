"""The JSON Schema of the spec language, generated from the operators."""

from __future__ import annotations

import dataclasses
from typing import Any

from archcost.ops import OPERATORS
from archcost.ops.fields import EXPRESSION, LARGEST_SIZE, WHOLE_OR_ZERO
from archcost.spec.parts import LAYER_KEYS
from archcost.spec.scaling import ROUNDINGS, SCALES

_TEXT = {"type": "string"}
_SCALAR: dict[str, Any] = {"type": ["number", "string", "boolean"]}
_BESIDE: dict[str, Any] = {
    "name": {**_TEXT, "description": "a name for later layers to refer to", "pattern": r"^[^.]+([.][^.]+)*$"},
    "from": {
        "anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}],
        "description": "the layers it reads; without it, the one before",
    },
    "repeat": {**WHOLE_OR_ZERO, "description": "how many times in a row"},
    "when": {"anyOf": [{"type": "boolean"}, _TEXT], "description": "a condition; where it fails the layer is left out"},
    "scale": {"anyOf": [{"enum": list(SCALES)}, EXPRESSION], "description": "what α does to `out`"},
}
assert set(_BESIDE) == set(LAYER_KEYS)


def schema() -> dict[str, Any]:
    """The schema of a whole spec."""
    header = {
        "name": _TEXT,
        "source": {**_TEXT, "description": "where the network was published"},
        "imported": _imported(),
        "notes": _TEXT,
        "input": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": LARGEST_SIZE},
            "minItems": 1,
            "maxItems": 4,
            "description": "channels, height, width",
        },
        "scaling": _scaling(),
        "parameters": {"type": "object", "additionalProperties": _parameter()},
        "space": {"type": "object", "additionalProperties": _axis()},
        "blocks": {"type": "object", "additionalProperties": _block()},
        "layers": {"$ref": "#/$defs/layers"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "archcost spec",
        "type": "object",
        "properties": header,
        "required": ["name", "input", "layers"],
        "additionalProperties": False,
        "$defs": {"layers": {"type": "array", "items": _layer(), "minItems": 1}},
    }


def _imported() -> dict[str, Any]:
    fields = {
        "origin": {**_TEXT, "description": "the model that it was imported from"},
        "unused_params": {"type": "integer", "minimum": 0, "description": "parameters that no output uses"},
        "partial": {"type": "array", "items": _TEXT, "description": "operators whose multiply-adds nobody knows"},
        "fixed": {**_TEXT, "description": "why its resolution cannot change"},
        "fixed_width": {**_TEXT, "description": "why its width cannot change"},
    }
    return {"type": "object", "properties": fields, "additionalProperties": False}


def _axis() -> dict[str, Any]:
    one: dict[str, Any] = {"type": ["number", "boolean", "string"]}
    many = {"type": "array", "items": one, "minItems": 1}
    return {"anyOf": [one, many], "description": "what a search goes through: values, or a range such as 0.25:1:0.05"}


def _layer() -> dict[str, Any]:
    operators = {
        kind: {**_fields(operator), "description": (operator.__doc__ or "").strip().split("\n")[0]}
        for kind, operator in OPERATORS.items()
    }
    bare = [kind for kind, operator in operators.items() if not operator.get("required")]
    block: dict[str, Any] = {"type": ["object", "null"], "description": "a block of this spec, and its arguments"}
    mapping = {
        "type": "object",
        "properties": {**operators, **_BESIDE},
        "additionalProperties": block,
        "minProperties": 1,
    }
    return {"anyOf": [{"type": "string", "examples": bare}, mapping]}


def _fields(operator: type) -> dict[str, Any]:
    declared = dataclasses.fields(operator)
    required = [f.name for f in declared if f.default is dataclasses.MISSING]
    found: dict[str, Any] = {
        "type": "object" if required else ["object", "null"],
        "properties": {**{f.name: f.metadata["type"].schema for f in declared}, **_BESIDE},
        "additionalProperties": False,
    }
    return {**found, "required": required} if required else found


def _scaling() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "how channels are rounded after α",
        "properties": {
            "round": {"enum": list(ROUNDINGS)},
            "multiple": {"type": "integer", "minimum": 1},
            "minimum": {"type": "integer", "minimum": 1},
            "at_least": {"type": "number", "minimum": 0, "maximum": 1, "description": "share of the exact size"},
        },
        "additionalProperties": False,
    }


def _parameter() -> dict[str, Any]:
    long = {
        "type": "object",
        "properties": {
            "default": _SCALAR,
            "choices": {"type": "array", "items": _SCALAR, "minItems": 1},
            "help": _TEXT,
        },
        "required": ["default"],
        "additionalProperties": False,
    }
    return {"anyOf": [_SCALAR, long]}


def _block() -> dict[str, Any]:
    layers = {"$ref": "#/$defs/layers"}
    long = {
        "type": "object",
        "properties": {
            "arguments": {"type": "object", "description": "name: default, or name: required"},
            "inputs": {"type": "array", "items": _TEXT, "minItems": 1},
            "layers": layers,
            "help": _TEXT,
        },
        "required": ["layers"],
        "additionalProperties": False,
    }
    return {"anyOf": [layers, long]}


def reference() -> str:
    """The operators and their fields as a Markdown table, for the language's reference."""
    lines = ["| operator | what it does | fields (default) |", "| --- | --- | --- |"]
    for kind, operator in sorted(OPERATORS.items()):
        said = (operator.__doc__ or "").strip().split("\n")[0].replace("|", "\\|")
        fields = ", ".join(_default(f) for f in dataclasses.fields(operator))
        lines.append(f"| `{kind}` | {said} | {fields} |")
    return "\n".join(lines)


def _default(field: dataclasses.Field[Any]) -> str:
    value = field.default
    if value is dataclasses.MISSING:
        return f"**{field.name}**"
    if isinstance(value, tuple):
        value = value[0] if len(set(value)) == 1 else list(value)
    shown = str(value).lower() if isinstance(value, bool) else "none" if value is None else value
    return f"{field.name} ({shown})"
