"""Paths for layers, from what exporters leave: names of nodes, names of weights, scopes."""

from __future__ import annotations

import ast
import re

import onnx

_LOOSE = re.compile(r"[^\w.\-]+")
_NUMBERED = re.compile(r"_\d+$")
_WEIGHT = re.compile(r"(.+)[./](?:weight|kernel|gamma|scale)(?::0)?")
_SCOPES = "pkg.torch.onnx.name_scopes"


def path(node: onnx.NodeProto) -> str:
    """The layer's path: `layer1.0.conv1` of the node /layer1/layer1.0/conv1/Conv, or of the weight
    layer1.0.conv1.weight; without such names, the node's own, or its operator and its output."""
    if "/" in node.name.strip("/"):
        *scopes, last = node.name.strip("/").split("/")
        return _joined(scopes if _NUMBERED.sub("", last) == node.op_type else [*scopes, last])
    weights = filter(None, (_WEIGHT.fullmatch(name) for name in node.input[1:]))
    found = next((_clean(match[1]) for match in weights), "") or _torch_scope(node)
    return found or _clean(node.name) or _clean(f"{node.op_type}_{next(iter(node.output), '')}")


def _torch_scope(node: onnx.NodeProto) -> str:
    """The module that torch's exporter notes."""
    for each in node.metadata_props:
        if each.key == _SCOPES:
            try:
                scopes = ast.literal_eval(each.value)
            except (ValueError, SyntaxError):
                return ""
            return next((_clean(str(scope)) for scope in reversed(scopes[:-1]) if scope), "")
    return ""


def _joined(scopes: list[str]) -> str:
    """`features.1.conv.0` of features, features.1, conv, conv.0: torch writes a list's place behind its name."""
    parts: list[str] = []
    for scope in map(_clean, scopes):
        if parts and scope.startswith(f"{parts[-1]}."):
            parts[-1] = scope
        elif scope:
            parts.append(scope)
    return ".".join(parts)


def _clean(name: str) -> str:
    return _LOOSE.sub("_", name).strip("._")
