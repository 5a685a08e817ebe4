"""A network's layers as the tree of blocks that their names make, each block with what goes in and what comes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from archcost.exporters.paths import module_paths
from archcost.graph import INPUT, Layer, Network
from archcost.spec.parts import Origin

Ref = tuple[int, int]
"""A tensor inside a block: (which child wrote it, which of the child's outputs); (-1, i) is the block's own input i."""


@dataclass(slots=True, eq=False)
class Leaf:
    """One layer. name: its module's, inside the block; with dots where a block around it could not be one module."""

    name: str
    layer: Layer
    origin: Origin | None
    inputs: tuple[Ref, ...] = ()
    output_count = 1


@dataclass(slots=True, eq=False)
class Branch:
    """One block: its children in the order of running.

    sources: the tensors it reads from outside, in the order of its inputs; results: those of its own that are read
    outside, or by nobody. inputs: its sources, as the block around it has them.
    """

    name: str
    origin: Origin | None
    children: list[Leaf | Branch] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    outputs: tuple[Ref, ...] = ()
    inputs: tuple[Ref, ...] = ()

    @property
    def output_count(self) -> int:
        return len(self.results)


@dataclass(slots=True, eq=False)
class _Placed:
    """A layer with the parts of its name and of its module's path, those of the blocks around taken off."""

    layer: Layer
    names: tuple[str, ...]
    path: tuple[str, ...]


def tree(network: Network) -> Branch:
    """The whole network as one block that reads the network's input."""
    paths = module_paths(network)
    placed = [
        _Placed(layer, tuple(layer.name.split(".")), tuple(paths[layer.name].split("."))) for layer in network.layers
    ]
    return _Planter(network).branch("", "", None, placed, {layer.name for layer in network.layers})


class _Planter:
    def __init__(self, network: Network) -> None:
        self.origins = network.origins
        self.readers: dict[str, list[str]] = {layer.name: [] for layer in network.layers}
        self.readers[INPUT] = []
        for layer in network.layers:
            for source in layer.inputs:
                self.readers[source].append(layer.name)

    def branch(self, name: str, prefix: str, origin: Origin | None, placed: list[_Placed], own: set[str]) -> Branch:
        """The block of these layers; prefix: its full name in the spec, with a dot at its end."""
        branch = Branch(name, origin)
        branch.sources = self._sources(origin, placed, own)
        branch.results = [
            each.layer.name
            for each in placed
            if not self.readers[each.layer.name] or any(reader not in own for reader in self.readers[each.layer.name])
        ]
        made: dict[str, Ref] = {source: (-1, index) for index, source in enumerate(branch.sources)}
        for part, members in _ordered(_grouped(placed)):
            child = self._child(part, prefix, members)
            branch.children.append(child)
            read = child.layer.inputs if isinstance(child, Leaf) else child.sources
            child.inputs = tuple(made[source] for source in read)
            written = [child.layer.name] if isinstance(child, Leaf) else child.results
            made |= {tensor: (len(branch.children) - 1, index) for index, tensor in enumerate(written)}
        branch.outputs = tuple(made[tensor] for tensor in branch.results)
        return branch

    def _child(self, part: str, prefix: str, members: list[_Placed]) -> Leaf | Branch:
        first = members[0]
        if len(first.path) == 1 or "." in part:
            return Leaf(part, first.layer, self.origins.get(first.layer.name))
        full = prefix + first.names[0]
        inner = [_Placed(each.layer, each.names[1:], each.path[1:]) for each in members]
        return self.branch(part, f"{full}.", self.origins.get(full), inner, {each.layer.name for each in members})

    def _sources(self, origin: Origin | None, placed: list[_Placed], own: set[str]) -> list[str]:
        """What a block reads from outside: first in the order that the spec gives its inputs."""
        read = {source: None for each in placed for source in each.layer.inputs if source not in own}
        declared = [source for source in (origin.sources if origin else ()) if source in read]
        return list(dict.fromkeys([*declared, *read]))


Groups = list[tuple[str, list[_Placed]]]


def _grouped(placed: Iterable[_Placed]) -> Groups:
    found: dict[str, list[_Placed]] = {}
    for each in placed:
        found.setdefault(each.path[0], []).append(each)
    return list(found.items())


def _ordered(groups: Groups) -> Groups:
    """The groups in an order in which each can run as one; one that cannot comes as its single layers."""
    while True:
        needs = _needs(groups)
        if all(source < index for index, sources in enumerate(needs) for source in sources):
            return groups
        done: dict[int, None] = {}
        while ready := [i for i, sources in enumerate(needs) if i not in done and sources <= done.keys()]:
            done[ready[0]] = None
        if len(done) == len(groups):
            return [groups[index] for index in done]
        split = next(index for index, (_, members) in enumerate(groups) if index not in done and len(members) > 1)
        apart: Groups = [(".".join(each.path), [each]) for each in groups[split][1]]
        groups = [*groups[:split], *apart, *groups[split + 1 :]]


def _needs(groups: Groups) -> list[set[int]]:
    """Of each group, which others it reads."""
    home = {each.layer.name: index for index, (_, members) in enumerate(groups) for each in members}
    return [
        {home[source] for each in members for source in each.layer.inputs if source in home} - {index}
        for index, (_, members) in enumerate(groups)
    ]
