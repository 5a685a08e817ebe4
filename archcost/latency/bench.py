"""What candidates are timed on, wherever it is: enough of it to know a measurement made there from all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from archcost.latency import measurement
from archcost.latency.measurement import Protocol
from archcost.latency.subject import SingleLayer, Task, digest, hash_of


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """device: what its machine calls it (cuda:0, cpu, or module:attribute for a device of the user's own); name: its
    model; kind: cpu, cuda or own; fingerprint, software: as measurements have them."""

    device: str
    name: str
    kind: str
    fingerprint: Mapping[str, Any]
    software: Mapping[str, Any]
    given: Mapping[str, Any] | None = field(default=None)
    """The protocol, where it is not the usual one of the kind."""

    @property
    def id(self) -> str:
        """Alike for devices whose measurements may stand for each other's."""
        return hash_of({"fingerprint": self.fingerprint, "software": self.software, "protocol": self.protocol})[:16]

    @property
    def protocol(self) -> dict[str, Any]:
        return asdict(Protocol.on(self.kind)) if self.given is None else dict(self.given)

    @property
    def is_gpu(self) -> bool:
        return self.kind == "cuda"

    def settled(self, task: Task) -> Task:
        """The task as this device runs it: TF32 is a way to multiply float32 numbers on a GPU."""
        return replace(task, tf32=task.tf32 and self.is_gpu and task.dtype == "float32")

    def labels(self, task: Task) -> dict[str, Any]:
        """What is known of a task's measurement beforehand; `key` is what the store knows it by."""
        found = labels(self.settled(task), self.name, self.fingerprint, self.software, self.protocol)
        return {"key": measurement.key_of({name: found[name] for name in measurement.IDENTITY}), **found}

    def key(self, task: Task) -> str:
        key: str = self.labels(task)["key"]
        return key

    def data(self) -> dict[str, Any]:
        """It as plain data, which `Bench(**data)` reads."""
        return {
            "device": self.device,
            "name": self.name,
            "kind": self.kind,
            "fingerprint": dict(self.fingerprint),
            "software": dict(self.software),
            "given": None if self.given is None else dict(self.given),
        }


def labels(
    task: Task, device: str, fingerprint: Mapping[str, Any], software: Mapping[str, Any], protocol: Mapping[str, Any]
) -> dict[str, Any]:
    """What is known of a measurement before it is made, by the fields' names. device: its model's name."""
    subject, label = task.subject, task.label
    shape = subject.conv_shape(task.batch) if isinstance(subject, SingleLayer) else None
    cells: Mapping[str, Any] = shape.cells() if shape else {}
    numbers = {name: int(cells[name]) if shape else None for name in ("in_channels", "out_channels", "groups")}
    texts = {name: cells.get(name) for name in ("kernel", "input_size", "stride", "padding")}
    return {
        "spec": label.spec,
        "alpha": label.alpha,
        "resolution": label.resolution,
        "parameters": dict(label.parameters),
        "layer": str(subject) if isinstance(subject, SingleLayer) else None,
        "kind": subject.op.kind if isinstance(subject, SingleLayer) else None,
        **numbers,
        **texts,
        "digest": digest(subject),
        "batch": task.batch,
        "dtype": task.dtype,
        "layout": task.layout,
        "mode": task.mode,
        "folded": task.folded,
        "tf32": task.tf32,
        "protocol": dict(protocol),
        "device": device,
        "fingerprint": dict(fingerprint),
        "software": dict(software),
    }
