"""What one step of training costs: multiply-adds forward and back, and the memory of all that must be held.

What an operator holds on to between its passes is the operator's own fact (`keeps`); here it becomes bytes, each tensor
counted once however many layers keep it, and the most that is alive at once while the passes run in PyTorch's order.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from archcost.cost import Amount
from archcost.errors import ArchcostError
from archcost.graph import INPUT, Layer, Network
from archcost.ops.base import KEEPS_NOTHING, Gradients, Keeps, Nary
from archcost.spec.names import unknown


@dataclass(frozen=True, slots=True)
class Optimizer:
    """state: values held for each parameter; flops: operations on each; aside: of the largest, for intermediates."""

    state: int
    flops: int
    aside: int = 0


OPTIMIZERS = {
    "sgd": Optimizer(0, 2),  # w - η · g
    "momentum": Optimizer(1, 4),  # v = μ · v + g, w - η · v
    "adam": Optimizer(2, 13, 2),  # m (3), v (4), √v / c + ε (3), w - η · m / that (3)
}
FLOAT32, INT64 = 4, 8
HALF = 2
"""Bytes of an activation, of its gradient, and of a weight's copy under automatic mixed precision."""


@dataclass(frozen=True, slots=True)
class LayerTraining:
    """One layer's part: multiply-adds of one sample; kept_bytes: of the batch, what it made that is kept."""

    name: str
    kind: str
    forward_macs: int
    input_gradient_macs: int
    weight_gradient_macs: int
    kept_bytes: int

    @property
    def backward_macs(self) -> int:
        return self.input_gradient_macs + self.weight_gradient_macs


@dataclass(frozen=True, slots=True)
class Training:
    """One step on a batch. Multiply-adds are of one sample, bytes of the batch.

    update_flops: of the step. kept_bytes: what is held for the backward pass, the input among it; cast_bytes: with amp
    the weights' 16-bit copies. peak_bytes: the most alive at once, weights, input and all.
    """

    optimizer: str
    amp: bool
    batch: int
    input_kept_bytes: int
    layers: tuple[LayerTraining, ...]
    update_flops: int
    weight_bytes: int
    buffer_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    cast_bytes: int
    peak_bytes: int

    @property
    def forward_macs(self) -> int:
        return sum(layer.forward_macs for layer in self.layers)

    @property
    def backward_macs(self) -> int:
        return sum(layer.backward_macs for layer in self.layers)

    @property
    def macs(self) -> int:
        """Forward and back."""
        return self.forward_macs + self.backward_macs

    @property
    def step_flops(self) -> int:
        """2 × macs for each sample, and the update."""
        return 2 * self.batch * self.macs + self.update_flops

    @property
    def kept_bytes(self) -> int:
        return self.input_kept_bytes + sum(layer.kept_bytes for layer in self.layers)

    @property
    def memory_bytes(self) -> int:
        """The sum of all that is held for a step, as if it were held at once."""
        held = self.weight_bytes + self.buffer_bytes + self.gradient_bytes + self.optimizer_bytes
        return held + self.cast_bytes + self.kept_bytes


def training(
    network: Network, batch: int, size: int, optimizer: str = "sgd", amp: bool = False, inplace: bool = True
) -> Training:
    """One step of training one model. size: bytes of an element; with amp those of a weight.

    Raises ArchcostError for an unknown optimizer, and for layers of which nobody knows how they train.
    """
    if optimizer not in OPTIMIZERS:
        raise ArchcostError(unknown("optimizer", optimizer, OPTIMIZERS))
    alone = [
        f"{layer.name} ({getattr(layer.op, 'operator', layer.kind)})"
        for layer in network.layers
        if not layer.op.trainable()
    ]
    if alone:
        said = ", ".join(alone[:3]) + (f" and {len(alone) - 3:,} more" if len(alone) > 3 else "")
        raise ArchcostError(f"training cannot be costed: only the forward pass is known of {said}")
    tape = _Tape(network, inplace)
    memory = _Memory(tape, batch, HALF if amp else size, size, OPTIMIZERS[optimizer], amp)
    return Training(
        optimizer,
        amp,
        batch,
        memory.kept(INPUT),
        tuple(_row(tape, memory, layer) for layer in network.layers),
        OPTIMIZERS[optimizer].flops * tape.params,
        size * tape.params,
        size * tape.buffers,
        size * tape.params,
        size * tape.params * OPTIMIZERS[optimizer].state,
        memory.casts,
        memory.peak(),
    )


def _row(tape: _Tape, memory: _Memory, layer: Layer) -> LayerTraining:
    gradients = tape.gradients(layer)
    inputs = sum(
        _whole(macs) for macs, source in zip(gradients.inputs, layer.inputs, strict=True) if tape.needs[source]
    )
    return LayerTraining(
        layer.name,
        layer.kind,
        _whole(layer.cost.macs),
        inputs + _whole(gradients.inside),
        _whole(gradients.weights),
        memory.kept(layer.name),
    )


def _whole(amount: Amount) -> int:
    return int(amount.value)


@dataclass(slots=True)
class _Tape:
    """What autograd notes while the layers run: which tensors need gradients, and what each layer keeps.

    owner: for each tensor the one in whose memory it lives; keepers: for each memory how many layers keep it.
    """

    network: Network
    inplace: bool
    needs: dict[str, bool] = field(default_factory=lambda: {INPUT: False})
    keeps: dict[str, Keeps] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=lambda: {INPUT: INPUT})
    keepers: Counter[str] = field(default_factory=Counter)
    params: int = 0
    buffers: int = 0

    def __post_init__(self) -> None:
        for layer in self.network.layers:
            params = _whole(layer.cost.params)
            self.params += params
            self.buffers += _whole(layer.cost.buffers)
            needed = tuple(self.needs[source] for source in layer.inputs)
            self.needs[layer.name] = params > 0 or any(needed)
            keeps = self._kept(layer, needed) if self.needs[layer.name] else KEEPS_NOTHING
            self._place(layer)
            in_place = layer.op.trains_in_place and self.owner[layer.name] != layer.name
            if in_place and keeps.inputs:
                keeps = Keeps(output=True)
            self.keeps[layer.name] = keeps
            self.keepers.update(self.held(layer))

    def held(self, layer: Layer) -> set[str]:
        """The memories that a layer keeps."""
        keeps = self.keeps[layer.name]
        return {self.owner[layer.inputs[i]] for i in keeps.inputs} | (
            {self.owner[layer.name]} if keeps.output else set()
        )

    def _kept(self, layer: Layer, needed: tuple[bool, ...]) -> Keeps:
        if isinstance(layer.op, Nary):
            return layer.op.keeps(layer.input_shapes, layer.output_shape, needed)
        return layer.op.keeps(layer.input_shapes[0], layer.output_shape, needed[0])

    def _place(self, layer: Layer) -> None:
        """Finds the memory of a layer's output. One that overwrites must be the only reader of what nobody keeps."""
        source = layer.inputs[0]
        alone = (
            self.inplace
            and layer.op.trains_in_place
            and source != INPUT
            and self.network.readers[source] == 1
            and self.owner[source] == source
            and not self.keepers[source]
        )
        self.owner[layer.name] = self.owner[source] if layer.op.trains_as_view() or alone else layer.name

    def gradients(self, layer: Layer) -> Gradients:
        """Multiply-adds of a layer's backward pass; none where no gradient comes."""
        if not self.needs[layer.name]:
            return Gradients(tuple(Amount() for _ in layer.inputs))
        found: Gradients = layer.op.gradients(layer.source, layer.output_shape)
        return found


@dataclass(slots=True)
class _Memory:
    """The tape in bytes. size: of an activation's element; weight: of a weight's."""

    tape: _Tape
    batch: int
    size: int
    weight: int
    optimizer: Optimizer
    amp: bool
    elements: dict[str, int] = field(default_factory=dict)
    now: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        network = self.tape.network
        self.elements = {layer.name: int(layer.output_shape.elements) for layer in network.layers}
        self.elements[INPUT] = int(network.input_shape.elements)

    @property
    def casts(self) -> int:
        """With amp, of the weights that multiply, kept for the gradient of the inputs; biases come after them."""
        multiplying = (layer for layer in self.tape.network.layers if layer.cost.macs)
        return HALF * sum(_whole(Amount(layer.cost.params[:1])) for layer in multiplying) if self.amp else 0

    def tensor(self, name: str) -> int:
        return self.elements[name] * self.batch * self.size

    def own(self, name: str) -> int:
        """What a layer keeps beside inputs and output."""
        keeps = self.tape.keeps[name]
        each = self.size * _whole(keeps.more) + FLOAT32 * _whole(keeps.statistics)
        each += INT64 * _whole(keeps.indices) + _whole(keeps.flags)
        return self.batch * each + FLOAT32 * _whole(keeps.shared)

    def kept(self, name: str) -> int:
        """What is kept of a layer's making: its output, if its memory is kept, and what it keeps beside."""
        output = self.tensor(name) if self.tape.keepers[name] else 0
        return output + (self.own(name) if name != INPUT else 0)

    def peak(self) -> int:
        """The most alive at once in a step that is not the first: weights and the optimizer's state all the while."""
        tape = self.tape
        fixed = self.weight * (tape.params * (1 + self.optimizer.state) + tape.buffers) + self.tensor(INPUT)
        self.now = self.most = fixed + self.casts
        self._forward()
        gradients = self._backward()
        largest = max((_whole(layer.cost.params) for layer in tape.network.layers), default=0)
        update = fixed + gradients + self.weight * largest * self.optimizer.aside
        return max(self.most, update)

    def _take(self, bytes: int) -> None:
        self.now += bytes
        self.most = max(self.most, self.now)

    def _forward(self) -> None:
        tape = self.tape
        owners = Counter(tape.owner[source] for layer in tape.network.layers for source in set(layer.inputs))
        for layer in tape.network.layers:
            if tape.owner[layer.name] == layer.name:
                self._take(self.tensor(layer.name))
            self._take(self.own(layer.name))
            for source in {tape.owner[source] for source in layer.inputs}:
                owners[source] -= sum(tape.owner[each] == source for each in set(layer.inputs))
                if not owners[source] and source != INPUT and not tape.keepers[source]:
                    self.now -= self.tensor(source)

    def _backward(self) -> int:
        """Walks back; returns the bytes of the parameters' gradients."""
        tape, readers = self.tape, self.tape.network.readers
        held = Counter(tape.keepers)
        results = {tape.owner[name] for name, count in readers.items() if count == 0}
        arrived: dict[str, _Gradient] = {}
        parameters = 0
        for layer in reversed(tape.network.layers):
            if not tape.needs[layer.name]:
                continue
            incoming = arrived.pop(layer.name, None) or _Gradient(0)
            weights = self.weight * _whole(layer.cost.params)
            parameters += weights
            self._take(weights)
            for source in dict.fromkeys(layer.inputs):
                if tape.needs[source]:
                    self._arrive(arrived, source, incoming, layer)
            self.now -= incoming.dropped()
            for memory in tape.held(layer):
                held[memory] -= 1
                if not held[memory] and memory not in results and memory != INPUT:
                    self.now -= self.tensor(memory)
            self.now -= self.own(layer.name)
        return parameters

    def _arrive(self, arrived: dict[str, _Gradient], source: str, incoming: _Gradient, layer: Layer) -> None:
        """The gradient of one input, the output's own or new memory, added to what is there."""
        if layer.op.passes_gradient():
            gradient = incoming.shared(part=self.tensor(source) < incoming.bytes)
        else:
            gradient = _Gradient(self.tensor(source))
            self._take(gradient.bytes)
        known = arrived.get(source)
        if known is None:
            arrived[source] = gradient
            return
        if known.users > 1 or known.part:
            total = _Gradient(self.tensor(source))
            self._take(total.bytes)
            self.now -= known.dropped()
            arrived[source] = total
        self.now -= gradient.dropped()


@dataclass(slots=True)
class _Gradient:
    """Memory of a gradient; users: how many tensors' gradients live in it. part: some hold a part of it only."""

    bytes: int
    users: int = 1
    part: bool = False

    def shared(self, part: bool) -> _Gradient:
        self.users += 1
        self.part |= part
        return self

    def dropped(self) -> int:
        """Bytes that are free once one user less needs it."""
        self.users -= 1
        return self.bytes if not self.users else 0
