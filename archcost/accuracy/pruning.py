"""Stopping a training early: Optuna's pruners, fed with the curves of networks that cost no more."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

NONE = "none"
PRUNERS = {"median": 50.0, "percentile": 75.0, NONE: None}
"""By name, of which share (percent) of its rivals at a step a training must reach the least accurate; the pruners of
Optuna's that need no more than curves of trainings that are done."""
FEWEST = 4
"""Rivals that must have come to a step."""
RIVALS = 100
"""Curves that a training is compared with at most."""


def has_optuna() -> bool:
    return find_spec("optuna") is not None


class Race:
    """A training against its rivals: curves, accuracies in percent by step, of networks that cost no more."""

    def __init__(self, pruner: str, curves: Sequence[Mapping[int, float]]) -> None:
        self.curves = curves
        self.kept = PRUNERS[pruner]
        self.blind = False
        """Whether Optuna would have been asked, but is not installed."""
        self._trial: Any = None
        self._best = -math.inf

    def pruned(self, step: int, accuracy: float) -> str | None:
        """Takes in a report; why the training is to be stopped, or None."""
        self._best = max(self._best, accuracy)
        rivals = [curve[step] for curve in self.curves if step in curve]
        if self.kept is None or len(self.curves) < FEWEST:
            return None
        if not has_optuna():
            self.blind = True
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of experimental interfaces
            if self._trial is None:
                self._trial = _trial(self.kept, self.curves)
            self._trial.report(accuracy, step)
            if not self._trial.should_prune():
                return None
        return self._said(step, rivals)

    def _said(self, step: int, rivals: Sequence[float]) -> str:
        import numpy as np

        assert self.kept is not None
        bar = np.percentile(rivals, 100 - self.kept)
        name = "median" if self.kept == 50 else f"{100 - self.kept:g}th percentile"
        return (
            f"at step {step}: {self._best:.1f} %, the {name} of the {len(rivals)} networks that cost no more is "
            f"{bar:.1f} %"
        )


def _trial(kept: float, curves: Sequence[Mapping[int, float]]) -> Any:
    """A trial of Optuna's beside others that are done."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.PercentilePruner(kept, n_startup_trials=FEWEST, n_min_trials=FEWEST)
    study = optuna.create_study(direction="maximize", pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0))
    for curve in curves:
        told = dict(curve)
        study.add_trial(optuna.trial.create_trial(value=max(told.values()), intermediate_values=told))
    return study.ask()
