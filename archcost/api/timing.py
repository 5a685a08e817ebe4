"""Times of a search's candidates, measured on the device at hand or read from the store."""

from __future__ import annotations

from dataclasses import asdict

from archcost.api.devices import live_measure
from archcost.api.effort import Effort
from archcost.graph import Network, build
from archcost.latency import measurement
from archcost.latency.measurement import Measurement, Protocol
from archcost.latency.store import Store
from archcost.latency.subject import Label, Task, digest
from archcost.search.answer import Answer
from archcost.search.candidates import Candidates
from archcost.search.question import Question
from archcost.search.timing import measured


class Device:
    """The device at hand, and what the store has of it."""

    def __init__(self, device: str, mode: str, question: Question, store: Store, effort: Effort) -> None:
        self.live = live_measure()
        self.device, self.store, self.effort = device, store, effort
        self.machine = self.live.find(device)
        self.scale = question.scale
        self.mode = mode or ("graph" if self.machine.is_gpu else "eager")
        self.tf32 = self.scale.dtype == "tf32"
        self.dtype = "float32" if self.tf32 else self.scale.dtype
        measurement.require("dtype", self.dtype, measurement.DTYPES)

    def measured(self, found: Answer, effort: Effort) -> Answer:
        """The answer with times measured here; what the store has is not measured again."""
        budget, minutes = effort.budget, effort.minutes
        with effort.watch("measuring", budget) as moved:
            told = measured(
                found,
                self._measure,
                "cuda" if self.machine.is_gpu else "cpu",
                recall=lambda table: self._stored(found.question, table),
                budget=budget,
                seconds=None if minutes is None else 60 * minutes,
                watched=moved,
            )
        told.device = {
            "name": self.machine.name,
            "device": self.device,
            "mode": self.mode,
            "dtype": self.scale.dtype,
            "measured": True,
        }
        return told

    def _measure(self, spec: str, network: Network) -> float | None:
        label = Label.of(network, spec)
        task = Task(network, label, self.scale.batch, self.dtype, mode=self.mode, tf32=self.tf32)
        found = next(iter(self.live.measure([task], self.store, self.machine, retry=True)))[0]
        if found.status == measurement.OK:
            return float(found.median)
        where = f"{label.spec} at α {label.alpha:g}, {label.resolution}"
        self.effort.warn(f"no time of {where}: {found.reason or found.status}")
        return None

    def _stored(self, question: Question, table: Candidates) -> dict[int, float | None]:
        """Candidates that were measured before in just this way, by their place: seconds, None where there is too
        little memory for them. Unstable ones are measured again."""
        how = {
            "layer": None,
            "batch": self.scale.batch,
            "dtype": self.dtype,
            "layout": "contiguous",
            "mode": self.mode,
            "folded": False,
            "tf32": self.tf32 and self.machine.is_gpu,
            "fingerprint": self.machine.fingerprint,
            "software": self.machine.software,
            "protocol": asdict(Protocol.on(self.machine.device.type)),
        }
        told = (measurement.OK, measurement.OUT_OF_MEMORY)
        known: dict[tuple[str, float | None, str], list[Measurement]] = {}
        for each in self.store.rows():
            if each.status in told and all(getattr(each, name) == value for name, value in how.items()):
                known.setdefault((each.spec, each.alpha, each.resolution), []).append(each)
        places: dict[int, float | None] = {}
        for place in range(len(table)) if known else ():
            space = question.spaces[int(table.space[place])]
            settings = space.settings(int(table.number[place]))
            label = Label.named(space.document, settings, space.name)
            stored = known.get((label.spec, label.alpha, label.resolution))
            if stored is None:
                continue
            own = digest(build(space.document, settings))
            for each in stored:
                if each.digest == own:
                    places[place] = each.median
        return places
