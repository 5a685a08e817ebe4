"""Many variants at once, and how far that is from the floor."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

import archcost

MILLION = 1_000_000
MEMORY = """
import resource, numpy as np, archcost
rng = np.random.default_rng(0)
alpha, resolution = rng.uniform(0.25, 1, 10**6), rng.integers(128, 225, 10**6)
result = archcost.load("mobilenetv1").analyze(alpha=alpha, resolution=resolution)
result.macs, result.params, result.peak_activation_bytes
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def figures(model: archcost.Model, alpha, resolution):
    result = model.analyze(alpha=alpha, resolution=resolution)
    return result.macs, result.params, result.peak_activation_bytes


def floor(count: int):
    """What no implementation can leave out: read two inputs of each variant, write three figures.

    The figures are taken from tables that are ready, at places that are known: memory traffic alone.
    """
    rng = np.random.default_rng(0)
    tables = [rng.integers(0, 2**40, 769 * 97) for _ in range(3)]
    width, size = rng.integers(0, 769, count), rng.integers(0, 97, count)
    return lambda: [table.take(width * 97 + size) for table in tables]


def test_random_pairs(ratio):
    """1,000,000 random (α, resolution) of MobileNetV1: macs, params, peak memory; over the floor."""
    rng = np.random.default_rng(0)
    alpha, resolution = rng.uniform(0.25, 1, MILLION), rng.integers(128, 225, MILLION)
    model = archcost.load("mobilenetv1")
    used = int(subprocess.run([sys.executable, "-c", MEMORY], check=True, capture_output=True).stdout)
    ratio(
        lambda: figures(model, alpha, resolution),
        floor(MILLION),
        variants=MILLION,
        goal="at least 1,000,000 variants a second, under 1 GiB",
        peak_memory_MiB=used // 1024,
    )


def test_random_pairs_that_cannot_share(ratio):
    """The same with resolutions from 32 to 2048, where hardly two pairs share a network; over the floor."""
    rng = np.random.default_rng(0)
    alpha, resolution = rng.uniform(0.25, 1, MILLION), rng.integers(32, 2049, MILLION)
    model = archcost.load("mobilenetv1")
    ratio(
        lambda: figures(model, alpha, resolution),
        floor(MILLION),
        rounds=5,
        variants=MILLION,
        goal="at least 1,000,000 variants a second",
    )


def test_grid(ratio):
    """A grid of 1000 α × 1000 resolutions of MobileNetV1, all resolutions different; over the floor."""
    alpha, resolution = np.linspace(0.25, 1, 1000)[:, None], np.arange(128, 1128)[None, :]
    model = archcost.load("mobilenetv1")
    ratio(
        lambda: figures(model, alpha, resolution),
        grid_floor(alpha, resolution),
        variants=MILLION,
        goal="at least 10,000,000 variants a second",
    )


def grid_floor(alpha, resolution):
    """Three outer products: each figure of a grid is written once, at one multiplication."""
    columns, rows = [np.arange(1000)[:, None] + i for i in range(3)], np.arange(1000)[None, :]
    return lambda: [column * rows for column in columns]


def test_one_model(ratio):
    """One analysis of ResNet101, all totals, inside a running process; over `yaml.safe_load` of its spec."""
    import yaml

    from archcost.spec import zoo

    text = zoo.find("resnet101").read_text()
    model = archcost.load("resnet101")
    ratio(lambda: model.analyze().totals, lambda: yaml.safe_load(text), goal="under 20 ms")
