"""Limits from what a user writes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from archcost.analysis.limits import FIGURES
from archcost.errors import ArchcostError
from archcost.search import quantities
from archcost.spec.names import unknown

READERS = {
    name: (figure, quantities.size if figure.endswith("_bytes") else quantities.count)
    for name, figure in FIGURES.items()
}
"""By what each limit's amount is read, with the total that it limits."""


def limits_of(given: Mapping[str, Any]) -> dict[str, float]:
    """Limits by their names, as texts with units (300M, 1MiB) or numbers; None: no limit.

    Raises ArchcostError for a name or an amount that is none.
    """
    found: dict[str, float] = {}
    for name, value in given.items():
        if name not in FIGURES:
            raise ArchcostError(unknown("limit", name, FIGURES))
        if value is not None:
            text = value if isinstance(value, str) else repr(value)
            amount = Decimal(repr(READERS[name][1](text, "--" + name.replace("_", "-"))))
            found[name] = int(amount) if amount == int(amount) else float(amount)  # 1e30 as decimal has it
    return found
