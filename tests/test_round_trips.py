"""A network exported and imported again costs the same: as PyTorch code, as ONNX."""

from __future__ import annotations

import ast
import importlib
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from test_export import TOLD, alone, network_class, session_of
from test_random_networks import specs

import archcost
from archcost.api import Model
from archcost.spec import zoo
from archcost.spec.document import parse

torch = pytest.importorskip("torch")
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


ATTENTION = """
import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(24, 72), nn.Linear(24, 24)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, 4, 6).permute(2, 0, 3, 1, 4).unbind(0)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, c))


class Windows(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(24, 24)

    def forward(self, x):
        b, h, w, c = x.shape
        y = x.view(b, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
        y = self.mix(y).softmax(1).view(b, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5)
        return y.reshape(b, h, w, c)


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.windows = nn.Conv2d(3, 24, 3, stride=2, padding=1), Windows()
        self.first, self.head = Attention(), nn.Linear(24, 5)
        self.second = nn.TransformerEncoderLayer(24, 3, 32, dropout=0.0, batch_first=True)
        self.third = nn.TransformerEncoderLayer(24, 2, 32, dropout=0.0)

    def forward(self, x):
        x = self.windows(self.patches(x).permute(0, 2, 3, 1)).flatten(1, 2)
        x = self.second(x + self.first(x))
        return self.head(self.third(x.transpose(0, 1)).transpose(0, 1).mean(1))
"""


@torch.no_grad()
def test_attention_imported_and_exported_computes_what_the_model_does(tmp_path, monkeypatch):
    """With the model's own weights, by their names; what attention multiplies by has no module of its own there."""
    (tmp_path / "attending.py").write_text(ATTENTION)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    from attending import Whole

    torch.manual_seed(0)
    model = Whole().eval()
    analysis = archcost.analyze("attending:Whole?input=3x16x24")
    exported = network_class(analysis.to_torch())().eval()
    theirs = dict(model.named_parameters())
    renamed = {"linear_2": "out_proj.", "linear": "in_proj_"}
    for name, ours in exported.named_parameters():
        path, _, last = name.rpartition(".")
        if "self_attn" in path:
            name = f"{path.removesuffix(path.rsplit('.', 1)[-1])}{renamed[path.rsplit('.', 1)[-1]]}{last}"
        ours.copy_(theirs.pop(name))
    assert not theirs
    x = torch.randn(3, 3, 16, 24)
    torch.testing.assert_close(exported(x), model(x), rtol=0, atol=1e-5)
    session = session_of(analysis.to_onnx(exported.state_dict()))
    torch.testing.assert_close(torch.tensor(session.run(None, {"input": x.numpy()})[0]), model(x), rtol=0, atol=1e-4)
    assert costs(through_torch(analysis, tmp_path, monkeypatch)) == costs(analysis)
    assert costs(through_onnx(analysis, tmp_path)) == costs(analysis)


def test_a_pair_of_sizes_is_no_size_of_both_axes(tmp_path):
    text = "name: square\ninput: [3, 8, 8]\nlayers:\n  - reshape: {sizes: [8, 24]}\n  - reshape: {sizes: [192, 1]}\n"
    text += "  - traced: {name: here, operator: view, reads: [[192, 1]], sizes: [12, 16]}\n"
    text += "  - reshape: {sizes: [4, 48]}\n  - reshape: {sizes: [2, 2, 48]}\n"
    text += "  - traced: {name: entry, operator: unbind, reads: [[2, 2, 48]], sizes: [2, 48], select: [0, 0]}\n"
    path = tmp_path / "square.yaml"
    path.write_text(Model(parse(text), {}).analyze().to_yaml())
    assert costs(archcost.analyze(str(path))) == (0, 0, 0)
