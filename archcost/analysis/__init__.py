"""What a network costs."""

from archcost.analysis.analysis import DTYPES, SCHEMA_VERSION, TOTALS, Analysis, LayerCost, group
from archcost.analysis.sweep import Sweep

__all__ = ["DTYPES", "SCHEMA_VERSION", "TOTALS", "Analysis", "LayerCost", "Sweep", "group"]
