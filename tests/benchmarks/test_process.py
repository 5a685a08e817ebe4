"""Whole processes: what a user waits for at the prompt."""

from __future__ import annotations

import subprocess
import sys

import pytest

ANALYZE = [sys.executable, "-m", "archcost", "analyze", "specs/mobilenetv1.yaml"]
IMPORTS = [sys.executable, "-c", "import numpy, networkx, yaml, click"]
FVCORE = """
import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn

def separable(c, n, s):
    return [nn.Conv2d(c, c, 3, s, 1, groups=c, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
            nn.Conv2d(c, n, 1, bias=False), nn.BatchNorm2d(n), nn.ReLU()]

table = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
layers, c = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()], 32
for n, s in table:
    layers, c = layers + separable(c, n, s), n
model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000)).eval()
print(FlopCountAnalysis(model, torch.zeros(1, 3, 224, 224)).by_operator())
"""


def process(command: list[str]):
    return lambda: subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize(("options", "goal"), [([], 1.5), (["--format", "json"], 1.2)], ids=["table", "json"])
def test_analyze_against_imports(ratio, options, goal):
    """`archcost analyze specs/mobilenetv1.yaml` over `import numpy, networkx, yaml, click`."""
    ratio(process([*ANALYZE, *options]), process(IMPORTS), goal=f"at most {goal}")


def test_fvcore_against_analyze(ratio):
    """A process that counts MobileNetV1 with fvcore, over `archcost analyze specs/mobilenetv1.yaml`."""
    ratio(process([sys.executable, "-c", FVCORE]), process(ANALYZE), rounds=5, goal="at least 4")
