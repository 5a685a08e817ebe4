"""Predicted times of many variants at once, and how far that is from the floor."""

from __future__ import annotations

import numpy as np
import pytest

import archcost
from archcost.latency import profile
from archcost.latency.prediction import Predictor
from archcost.spec.settings import settle

COUNT = 200_000


def floor():
    """What no implementation can leave out: read two inputs of each variant, write three figures.

    The figures (seconds; and the macs and bytes that tell whether they are extrapolated) are taken from tables that
    are ready, at places that are known: memory traffic alone.
    """
    rng = np.random.default_rng(0)
    tables = [rng.uniform(1e-3, 1, 769 * 97) for _ in range(3)]
    width, size = rng.integers(0, 769, COUNT), rng.integers(0, 97, COUNT)
    return lambda: [table.take(width * 97 + size) for table in tables]


@pytest.mark.parametrize("largest", [224, 2048])
@pytest.mark.parametrize("device", ["pixel3-cpu", "nvidia-t4"])
def test_predicted_variants(ratio, device, largest):
    """200,000 random (α, resolution) of MobileNetV1: predicted times; over the floor; by device, largest resolution."""
    rng = np.random.default_rng(0)
    alpha = rng.uniform(0.25, 1, COUNT)
    resolution = rng.integers(128 if largest == 224 else 32, largest + 1, COUNT)
    document, predictor = archcost.load("mobilenetv1").document, Predictor(profile.find(device))

    def predict():
        return predictor.variants(document, settle(document, alpha, resolution=resolution))

    assert np.unique(predict().seconds).size > COUNT // 10
    ratio(predict, floor(), rounds=5, variants=COUNT, goal="at least 200,000 variants a second")
