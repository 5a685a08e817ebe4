"""What a network costs."""

from archcost.analysis.analysis import DTYPE_ALIASES, DTYPES, SCHEMA_VERSION, TOTALS, Analysis
from archcost.analysis.layers import LayerCost, group
from archcost.analysis.sweep import Sweep
from archcost.analysis.validation import Validation

__all__ = [
    "DTYPES",
    "DTYPE_ALIASES",
    "SCHEMA_VERSION",
    "TOTALS",
    "Analysis",
    "LayerCost",
    "Sweep",
    "Validation",
    "group",
]
