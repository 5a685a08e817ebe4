"""What a network costs."""

from archcost.analysis.analysis import DTYPES, SCHEMA_VERSION, TOTALS, Analysis, LayerCost, group
from archcost.analysis.sweep import Sweep
from archcost.analysis.validation import Validation

__all__ = ["DTYPES", "SCHEMA_VERSION", "TOTALS", "Analysis", "LayerCost", "Sweep", "Validation", "group"]
