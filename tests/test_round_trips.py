"""A network exported and imported again costs the same: as PyTorch code, as ONNX."""

from __future__ import annotations

import ast
import importlib
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from test_export import TOLD, alone
from test_random_networks import specs

import archcost
from archcost.api import Model
from archcost.spec import zoo
from archcost.spec.document import parse

pytest.importorskip("torch")
pytest.importorskip("onnx")


def costs(analysis):
    return analysis.macs, analysis.params, analysis.buffers


def through_onnx(analysis, folder):
    path = folder / "network.onnx"
    path.write_bytes(analysis.to_onnx())
    return archcost.analyze(str(path))


def through_torch(analysis, folder, monkeypatch):
    """By the name of the exported file's last class; the file is a module of its own."""
    text = analysis.to_torch()
    name = f"exported_{analysis.document.name}"
    (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    sizes = "x".join(map(str, analysis.network.input_shape))
    last = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)][-1]
    try:
        return archcost.analyze(f"{name}:{last}?input={sizes}")
    finally:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("spec", zoo.names())
def test_zoo_through_onnx(spec, tmp_path):
    analysis = archcost.analyze(spec)
    assert costs(through_onnx(analysis, tmp_path)) == costs(analysis)


@pytest.mark.parametrize(
    "spec", ["mobilenetv1@alpha=0.3,resolution=131", "googlenet", "vit_b_16@alpha=0.25", "convnext_tiny@alpha=0.5"]
)
def test_zoo_through_code(spec, tmp_path, monkeypatch):
    analysis = archcost.analyze(spec)
    again = through_torch(analysis, tmp_path, monkeypatch)
    assert costs(again) == costs(analysis)
    if "vit" not in spec:
        assert (again.receptive_field, again.stride) == (analysis.receptive_field, analysis.stride)


@pytest.mark.parametrize(("kind", "fields", "shapes"), TOLD)
def test_operator_through_onnx(kind, fields, shapes, tmp_path):
    analysis = Model(parse(alone(kind, fields, shapes)), {}).analyze()
    assert costs(through_onnx(analysis, tmp_path)) == costs(analysis)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(specs())
def test_random_networks_through_onnx(tmp_path, text):
    analysis = Model(parse(text), {}).analyze()
    assert costs(through_onnx(analysis, tmp_path)) == costs(analysis)
