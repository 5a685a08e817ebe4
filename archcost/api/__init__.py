"""The Python interface."""

from __future__ import annotations

from archcost.api.model import Model, analyze, load, sweep, validate
from archcost.api.results import Analysis, Sweep, Validation

__all__ = ["Analysis", "Model", "Sweep", "Validation", "analyze", "load", "sweep", "validate"]
