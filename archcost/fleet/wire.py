"""What coordinator and workers tell each other: JSON, and nothing that could be run.

A network travels as the text of its spec and the settings it is built at, so that a worker needs no files, and builds
nothing but what a spec can say.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from archcost.dims import Number, Ratio, parts
from archcost.errors import ArchcostError
from archcost.graph import Network, build
from archcost.latency.bench import Bench
from archcost.latency.subject import Label, Task
from archcost.spec.document import parse
from archcost.spec.settings import Settings

# By name: the package's front offers the rooms above this one, and the contract takes that for a use.
VERSION: str = importlib.import_module("archcost").__version__
MEASURE, EVALUATE = "measure", "evaluate"
TRIES = 3
"""Workers that may die of a job, or hang over it, before it is given up."""
LIMIT_SECONDS = 300.0
"""How long one measurement may take."""
WAIT_SECONDS = 60.0
"""How long to wait for a scheduler, or for workers that have what is asked for."""
SLOT, TRAINING = "archcost-", "archcost-train"
"""Dask resources: a device's is SLOT and its id, as often as a worker has one; TRAINING, as often as it may train."""
METRIC = "archcost"
"""The name under which a worker's heartbeat carries its offer."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device that a worker offers. names: what a search may call it."""

    names: tuple[str, ...]
    bench: Bench

    @property
    def resource(self) -> str:
        return SLOT + self.bench.id


@dataclass(frozen=True, slots=True)
class Offer:
    """What a worker is, and what it can do. commands: those that it may evaluate with."""

    version: str
    name: str
    host: str
    pid: int
    devices: tuple[Device, ...] = ()
    train_slots: int = 0
    commands: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "name": self.name,
            "host": self.host,
            "pid": self.pid,
            "devices": [{"names": list(each.names), "bench": each.bench.data()} for each in self.devices],
            "train_slots": self.train_slots,
            "commands": list(self.commands),
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Offer:
        """Raises KeyError, TypeError or ValueError for what is none."""
        devices = tuple(Device(tuple(map(str, each["names"])), Bench(**each["bench"])) for each in data["devices"])
        version, name, host = (str(data[key]) for key in ("version", "name", "host"))
        commands = tuple(map(str, data["commands"]))
        return cls(version, name, host, int(data["pid"]), devices, int(data["train_slots"]), commands)


@dataclass(frozen=True, slots=True)
class Request:
    """A job for a worker. what: MEASURE or EVALUATE; key: what the store knows the answer by; slot: the id of the
    device to measure on; limit_seconds: how long it may take.

    batch to tf32: of a measurement; command to curves: of an evaluation, where file is the spec's own content.
    """

    version: str
    what: str
    key: str
    spec: str
    file: str
    text: str
    settings: Mapping[str, Any]
    limit_seconds: float
    slot: str = ""
    batch: int = 1
    dtype: str = "float32"
    mode: str = "eager"
    tf32: bool = False
    command: str = ""
    memory_bytes: float | None = None
    pruner: str = "none"
    curves: tuple[Mapping[str, float], ...] = field(default=())

    def text_of(self) -> str:
        """The request as JSON."""
        content = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(content, default=dict)

    @classmethod
    def read(cls, text: str) -> Request:
        """Raises ArchcostError for what is no request."""
        try:
            content = json.loads(text)
            return cls(**{**content, "curves": tuple(content["curves"])})
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ArchcostError(f"this is no job of archcost's: {error}") from None

    @property
    def network(self) -> Network:
        """Built from the text. Raises ArchcostError where it is no spec."""
        document = parse(self.text, self.file)
        if document.problems:
            raise document.error(document.problems)
        return build(document, read_settings(self.settings))

    @property
    def task(self) -> Task:
        """What to measure."""
        network = self.network
        label = Label.of(network, self.spec)
        return Task(network, label, self.batch, self.dtype, mode=self.mode, tf32=self.tf32)


def spec_of(network: Network, spec: str) -> dict[str, Any]:
    """A network as the fields of a request."""
    document = network.document
    return {
        "spec": spec,
        "file": PurePath(document.file).name,
        "text": document.text,
        "settings": written_settings(network.settings),
    }


def written_settings(settings: Settings) -> dict[str, Any]:
    """Settings of one model as plain data; fractions stay exact."""
    size = settings.resolution
    return {
        "alpha": _written(settings.alpha),
        "resolution": None if size is None else [int(each) for each in size],
        "parameters": {name: _written(value) for name, value in settings.parameters.items()},
    }


def read_settings(data: Mapping[str, Any]) -> Settings:
    size = data["resolution"]
    parameters = {name: _read(value) for name, value in data["parameters"].items()}
    alpha: Number = _read(data["alpha"])
    return Settings(alpha, None if size is None else (int(size[0]), int(size[1])), parameters)


def _written(value: Any) -> Any:
    if isinstance(value, Ratio):
        return {"fraction": [int(part) for part in parts(value)]}
    return value.item() if hasattr(value, "item") else value


def _read(value: Any) -> Any:
    return Ratio.reduced(*map(int, value["fraction"])) if isinstance(value, dict) else value
