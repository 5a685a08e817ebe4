"""Trains one variant of a spec on scikit-learn's handwritten digits, and prints its accuracy as a line of JSON.

python examples/digits/train.py examples/digits/digits.yaml 0.5 8 '{"depth": 2}'
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

import archcost
from archcost.live.build import build_network

TESTED = 500
"""Images of 1797 that are held out; they are the same for every variant."""
BATCH, RATE, DECAY = 64, 1e-2, 1e-3


def images(size: int) -> tuple[Tensor, Tensor]:
    """The digits in a fixed random order, enlarged from 8 × 8 to size × size, and their labels."""
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(pixels))
    x = torch.tensor(pixels[order], dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    x = functional.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
    return (x - x.mean()) / x.std(), torch.tensor(labels[order])


def train(module: nn.Module, x: Tensor, y: Tensor, epochs: int) -> None:
    optimizer = torch.optim.AdamW(module.parameters(), RATE, weight_decay=DECAY)
    steps = epochs * -(-len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    module.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            functional.cross_entropy(module(x[batch]), y[batch]).backward()
            optimizer.step()
            schedule.step()


@torch.inference_mode()
def accuracy(module: nn.Module, x: Tensor, y: Tensor) -> float:
    """Percent."""
    return 100 * float((module.eval()(x).argmax(dim=1) == y).double().mean())


def main() -> None:
    words = argparse.ArgumentParser(description="Trains one variant of a spec on handwritten digits.")
    words.add_argument("spec")
    words.add_argument("alpha")
    words.add_argument("resolution", type=int)
    words.add_argument("parameters", type=json.loads, nargs="?", default={}, help='as JSON: {"depth": 2}')
    words.add_argument("--epochs", type=int, default=15)
    words.add_argument("--seed", type=int, default=0)
    given = words.parse_args()
    start = time.monotonic()
    torch.manual_seed(given.seed)
    torch.set_num_threads(1)  # networks this small gain nothing by more, and the sums keep their order
    model = archcost.load(given.spec)
    found = model.analyze(given.alpha, resolution=given.resolution, parameters=given.parameters)
    module = build_network(found.network)
    x, y = images(given.resolution)
    train(module, x[TESTED:], y[TESTED:], given.epochs)
    right = round(accuracy(module, x[:TESTED], y[:TESTED]), 2)
    print(json.dumps({"accuracy": right, "macs": found.macs, "seconds": round(time.monotonic() - start, 1)}))


if __name__ == "__main__":
    main()
