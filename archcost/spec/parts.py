"""The parts of a spec as written: header, parameters, blocks and layers, each with its place in the file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from archcost.errors import Mark, Problem, SpecError
from archcost.spec import source
from archcost.spec.scaling import Scaling
from archcost.spec.source import Node

HEADER = ("name", "source", "imported", "input", "scaling", "parameters", "space", "blocks", "layers", "notes")
LAYER_KEYS = ("name", "from", "repeat", "when", "scale")
"""What may stand beside an operator or block, or among its fields."""
BUILT_IN = ("alpha", "rho", "resolution")
REQUIRED = "required"
MOST_PROBLEMS = 100
"""After so many, the file is something else."""
INPUT = "input"


@dataclass(slots=True, eq=False)
class Item:
    """One entry of a list of layers: an operator or a block, its fields, and what stands beside them."""

    kind: str
    mark: Mark
    fields: dict[str, Node]
    keys: dict[str, Mark]
    beside: dict[str, Node]


class Origin(NamedTuple):
    """Where an opened block or a layer comes from: its entry, its block or operator, and the tensors that it reads."""

    item: Item
    kind: str
    sources: tuple[str | None, ...]


@dataclass(slots=True, eq=False)
class Block:
    """A list of layers with arguments."""

    name: str
    arguments: dict[str, Node]
    inputs: tuple[str, ...]
    items: list[Item]


@dataclass(slots=True, eq=False)
class Parameter:
    """A knob of the spec beside α and ρ."""

    default: Any
    choices: tuple[Any, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an importer says of a spec: its origin, parameters that no output uses, operators whose multiply-adds
    nobody knows, and why its resolution (`fixed`) or its width cannot change, if so."""

    origin: str
    unused_params: int = 0
    partial: tuple[str, ...] = ()
    fixed: str = ""
    fixed_width: str = ""


@dataclass(slots=True, eq=False)
class Document:
    """A spec file, read and checked as far as names go."""

    file: str
    text: str = field(repr=False)
    name: str = ""
    source: str = ""
    imported: Imported | None = None
    input: list[Node] = field(default_factory=list, repr=False)
    scaling: Scaling = dataclasses.field(default_factory=Scaling)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    space: dict[str, Any] = field(default_factory=dict)
    """What a search goes through unless it is told otherwise: lists of values, or texts of ranges."""
    blocks: dict[str, Block] = field(default_factory=dict, repr=False)
    items: list[Item] = field(default_factory=list, repr=False)
    problems: list[Problem] = field(default_factory=list)
    circular: set[str] = field(default_factory=set)
    """Blocks that contain themselves, which has been reported."""

    def problem(self, message: str, mark: Mark) -> None:
        """Notes a problem; raises SpecError with all of them once there are too many."""
        self.problems.append(Problem(message, mark))
        if len(self.problems) >= MOST_PROBLEMS:
            raise self.error(self.problems)

    def error(self, problems: list[Problem]) -> SpecError:
        if len(problems) >= MOST_PROBLEMS:
            problems = [*problems, Problem(f"{MOST_PROBLEMS} problems, and perhaps more; these came first")]
        return SpecError(self.file, tuple(problems), source.lines(self.text))
