"""How a model is made, before anything of it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archcost.importers.reference import Input


@dataclass(frozen=True, slots=True)
class Blueprint:
    """build: makes the model; inputs: what it reads; name: of the spec.

    resized: arguments of `build` for models that must be told an input size, where they refuse it without them.
    """

    build: Callable[..., object]
    inputs: Sequence[Input]
    name: str
    resized: Mapping[str, Any] = field(default_factory=dict)
