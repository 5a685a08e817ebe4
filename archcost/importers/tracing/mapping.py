"""A trace becomes layers of the spec language: by a rule of `rules/` where one holds, else fixed as traced.

No rule is believed: its layer must have the output shape, the multiply-adds and the parameters that the trace shows,
or the call is written down as `traced`. So the sums are exact whatever a rule does.
"""

from __future__ import annotations

import math
from typing import Any, TypeGuard

from archcost.importers.tracing import arithmetic
from archcost.importers.tracing.entries import Alias, Draft, Entry, evaluated, has_batch, sample
from archcost.importers.tracing.graph import Call, Origin, Ref, Shape, Trace, holds_unknown, references
from archcost.importers.tracing.rules import RULES

_LIKENESSES = frozenset(
    ("new_zeros", "new_ones", "new_full", "new_empty", "zeros_like", "ones_like", "full_like", "empty_like")
)


class Mapping:
    """The layers of one trace. After `run`: entries in order, outputs, unknown operators, used parameters."""

    def __init__(self, trace: Trace, fixed: frozenset[str] = frozenset()) -> None:
        self.trace = trace
        self.fixed = fixed
        """Calls that no rule may take."""
        self.calls = {call.name: call for call in trace.calls}
        self.entries: dict[str, Entry] = {}
        self.aliases: dict[str, str] = {}
        self.partial: list[str] = []
        self.used: dict[int, int] = {}
        """Parameters that some layer holds: identity -> elements."""
        self._made: set[str] = set()
        """Calls on constants alone whose multiply-adds some layer holds."""
        self._varying = self._depending()
        self._worked: set[str] = set()

    def run(self) -> Mapping:
        first = self.trace.inputs[0]
        for name in self.trace.inputs[1:]:
            self._constant(self.trace.origins[name].name, sample(self.trace.origins[name].shape))
        self.input = first
        for call in self.trace.calls:
            if call.name in self._varying and not call.shapes:
                self._place(call)
        for name in self.trace.outputs:
            if name not in self._varying:
                self._constant(name, sample(self.shape(name)))
        self._prune()
        return self

    def first_fixed(self) -> str:
        """The first call that is fixed as traced; empty where none is."""
        return next((name for name, entry in self.entries.items() if entry.draft.kind == "traced"), "")

    def differing(self, other: Mapping) -> set[str] | None:
        """The layers that are not the same in another trace of the model; None where the two differ in structure."""
        if list(self.entries) != list(other.entries):
            return None
        found = set()
        for name, entry in self.entries.items():
            mine, theirs = entry.draft, other.entries[name].draft
            alike = (mine.kind, mine.sources) == (theirs.kind, theirs.sources)
            if not alike or {**mine.fields, **mine.written} != {**theirs.fields, **theirs.written}:
                found.add(entry.call.name)
        return found

    # what rules ask

    def shape(self, ref: Ref | str) -> Shape:
        """A tensor's shape, batch included."""
        name = ref.name if isinstance(ref, Ref) else ref
        return self.calls[name].shape if name in self.calls else self.trace.origins[name].shape

    def sample(self, ref: Ref | str) -> Shape:
        return sample(self.shape(ref))

    def batched(self, *refs: Ref | str) -> bool:
        """Whether all of these tensors begin with the batch."""
        return all(has_batch(self.shape(ref)) for ref in refs)

    def is_constant(self, ref: Any) -> TypeGuard[Ref]:
        """Whether a tensor does not depend on the input."""
        return isinstance(ref, Ref) and ref.name not in self._varying

    def is_varying(self, ref: Any) -> TypeGuard[Ref]:
        """Whether a tensor does."""
        return isinstance(ref, Ref) and ref.name in self._varying

    def learned(self, ref: Ref) -> int:
        """Elements of the parameters that a constant is made of, those that other layers hold left out."""
        return sum(self._parameters([ref.name]).values())

    def origin(self, ref: Any) -> Origin | None:
        """The tensor itself, where no call makes it."""
        return self.trace.origins.get(ref.name) if isinstance(ref, Ref) else None

    def maker(self, ref: Any) -> Call | None:
        """The call that makes a tensor, aliases looked through."""
        name = self.resolved(ref.name) if isinstance(ref, Ref) else ""
        return self.calls.get(name)

    def resolved(self, name: str) -> str:
        while name in self.aliases:
            name = self.aliases[name]
        return name

    def separate(self, ref: Any) -> bool:
        """Whether a call that reads this learned vector can be a layer that has it: not where there is none, and
        not where another layer holds it already, as those of a shared module do."""
        if not isinstance(ref, Ref):
            return False
        origins = [self.trace.origins[name] for name in self._closure([ref.name])[0]]
        learned = [origin.identity for origin in origins if origin.kind == "parameter"]
        return not learned or any(identity not in self.used for identity in learned)

    # layers

    def _depending(self) -> set[str]:
        """What depends on the input's values; a tensor made in its likeness, or with no elements, does not."""
        found = set(self.trace.inputs)
        for call in self.trace.calls:
            if call.operator in _LIKENESSES or 0 in call.shape:
                continue
            if any(name in found for name in call.reads):
                found.add(call.name)
        return found

    def _place(self, call: Call) -> None:
        owner = self._owner(call)
        rule = None if call.name in self.fixed or _unknown(owner) else RULES.get(owner.operator)
        outcome = rule(self, call, owner) if rule is not None else None
        if isinstance(outcome, Alias) and self.sample(outcome.source) == sample(call.shape):
            self.aliases[call.name] = outcome.source
            return
        macs, known = self._work(call, owner)
        if isinstance(outcome, Draft) and known and self._accept(outcome, call, owner, macs):
            return
        self._fix(call, owner, macs)

    def _owner(self, call: Call) -> Call:
        """The call whose work this one's is: of one of several outputs, the call that has them."""
        if call.operator == "getitem" and call.namespace == "python":
            return self.calls[call.arguments["source"].name]
        return call

    def _work(self, call: Call, owner: Call) -> tuple[int, bool]:
        """Multiply-adds, and whether they are known; those of several outputs are the first one's."""
        if owner.name in self._worked:
            return 0, True
        self._worked.add(owner.name)
        macs = arithmetic.macs(owner, self.shape)
        if macs is None:
            self.partial.append(owner.known_as)
        return macs or 0, macs is not None

    def _accept(self, draft: Draft, call: Call, owner: Call, macs: int) -> bool:
        """Adds the draft's layer, if it is what the trace shows."""
        sources = [self.resolved(name) for name in draft.sources]
        shapes = [draft.sizes.get(name, self.sample(name)) for name in draft.sources]
        separate = [name for name in sources if name not in self._varying]
        inside = [ref.name for ref in references(owner.arguments) if ref.name not in self._varying]
        inside = [name for name in inside if name not in draft.sources]
        found = evaluated(draft, shapes)
        if found is None or found[0] != sample(call.shape):
            return False
        params = self._parameters(inside)
        made = self._making(inside)
        cost = found[1]
        if cost.macs.value != macs + sum(made.values()) or cost.params.value != sum(params.values()):
            return False
        draft.sources = [
            self._constant(name, size) if name in separate else name for name, size in zip(sources, shapes, strict=True)
        ]
        self._add(draft, call, macs + sum(made.values()), params, made)
        return True

    def _fix(self, call: Call, owner: Call, macs: int) -> None:
        """Adds a layer that is fixed as traced, with all that goes into it."""
        inside = [ref.name for ref in references(owner.arguments) if ref.name not in self._varying]
        sources = [ref.name for ref in references(owner.arguments) if ref.name in self._varying]
        sources = list(dict.fromkeys(self.resolved(name) for name in sources))
        params, made = self._parameters(inside), self._making(inside)
        shape = sample(call.shape)
        fields: dict[str, Any] = {
            "operator": owner.operator,
            "reads": [list(self.sample(name)) for name in sources],
            "sizes": list(shape),
        }
        total = macs + sum(made.values())
        view = owner.operator in arithmetic.VIEWS and owner.operator != "reshape" and owner.operator != "flatten"
        biased = macs and isinstance(owner.arguments.get("bias"), Ref)
        biases = math.prod(shape) if biased else 0
        counts = {"macs": total, "params": sum(params.values()), "biases": biases, "view": view}
        fields |= {name: value for name, value in counts.items() if value}
        fields |= self._moved(call, owner)
        self._add(Draft("traced", fields, sources), call, total, params, made)

    def _moved(self, call: Call, owner: Call) -> dict[str, list[int]]:
        """Where a transposition's axes go, or which entry of an axis is taken, within a sample."""
        read = owner.arguments.get("self")
        if not isinstance(read, Ref):
            return {}
        aside = 1 if self.batched(read) else 0
        if owner.order is not None:
            return {"axes": [axis - aside for axis in owner.order if axis >= aside]}
        index = call.arguments["index"] if owner is not call and owner.operator == "unbind" else None
        index = owner.arguments.get("index") if owner.operator == "select" else index
        if index is None:
            return {}
        axis = int(owner.arguments.get("dim", 0)) % len(self.shape(read)) - aside
        return {"select": [axis, int(index) % self.sample(read)[axis]]} if axis >= 0 else {}

    def _constant(self, name: str, sizes: Shape) -> str:
        """The layer that stands for a tensor which does not depend on the input; added where there is none yet."""
        if name in self.entries and self.entries[name].shape == sizes:
            return name
        params, made = self._parameters([name]), self._making([name])
        fields: dict[str, Any] = {"sizes": list(sizes)}
        counts = {"params": sum(params.values()), "macs": sum(made.values())}
        fields |= {key: value for key, value in counts.items() if value}
        call = self.calls.get(name) or self._stand_in(name)
        key = name if name not in self.entries else f"{name}:{'x'.join(map(str, sizes))}"
        self._add(Draft("constant", fields, [self.trace.inputs[0]]), call, counts["macs"], params, made, key)
        return key

    def _stand_in(self, name: str) -> Call:
        """A tensor of the model itself, named by where it is kept."""
        origin = self.trace.origins[name]
        path, _, last = origin.target.rpartition(".")
        return Call(name, last or name, "origin", {}, origin.shape, (), path, "")

    def _add(
        self, draft: Draft, call: Call, macs: int, params: dict[int, int], made: dict[str, int], key: str = ""
    ) -> None:
        self.used.update(params)
        self._made.update(made)
        shape = tuple(draft.fields["sizes"]) if draft.kind == "constant" else sample(call.shape)
        self.entries[key or call.name] = Entry(draft, call, shape, macs, sum(params.values()))

    def _closure(self, names: list[str]) -> tuple[set[str], set[str]]:
        """(origins, calls) that constants are made of."""
        origins: set[str] = set()
        calls: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in self._varying:
                continue
            if name in self.calls and name not in calls:
                calls.add(name)
                waiting += self.calls[name].reads
            elif name in self.trace.origins:
                origins.add(name)
        return origins, calls

    def _parameters(self, names: list[str]) -> dict[int, int]:
        """Parameters that constants are made of and that no layer holds yet."""
        origins = (self.trace.origins[name] for name in self._closure(names)[0])
        return {o.identity: o.elements for o in origins if o.kind == "parameter" and o.identity not in self.used}

    def _making(self, names: list[str]) -> dict[str, int]:
        """Multiply-adds of making constants, those that some layer holds left out."""
        found: dict[str, int] = {}
        for name in self._closure(names)[1] - self._made:
            call = self.calls[name]
            if call.operator == "getitem" and call.namespace == "python":
                continue
            macs = arithmetic.macs(call, self.shape)
            if macs is None:
                self.partial.append(call.known_as)
            found[name] = macs or 0
        return found

    def _prune(self) -> None:
        """Leaves out layers that nobody reads and that hold nothing, such as views looked through."""
        needed = {self.resolved(name) for name in self.trace.outputs}
        for name, entry in reversed(self.entries.items()):
            if name in needed or entry.macs or entry.params:
                needed.update(entry.draft.sources)
                needed.add(name)
        self.entries = {name: entry for name, entry in self.entries.items() if name in needed}
        self.partial = list(dict.fromkeys(self.partial))


def _unknown(call: Call) -> bool:
    """Whether a call has arguments that nobody knows, so that no layer can be written of it."""
    return any(map(holds_unknown, call.arguments.values()))
