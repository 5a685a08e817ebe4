"""Times of a search's candidates: on which devices, how they run there, and what this process can measure itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from archcost.api.devices import live_measure
from archcost.api.effort import Effort
from archcost.api.memory import Memory
from archcost.errors import ArchcostError
from archcost.latency import measurement, own
from archcost.latency.alone import alone
from archcost.latency.bench import Bench
from archcost.latency.measurement import Measurement
from archcost.latency.store import Store
from archcost.latency.subject import Label, Task
from archcost.search.answer import Answer
from archcost.search.crew import Crew, InTurn, Job
from archcost.search.enumeration import Scale
from archcost.search.timing import Timed, measured

Known = Callable[[str], Measurement | None]
"""What the store has of a key, where that stands for an answer."""


@dataclass(frozen=True, slots=True)
class How:
    """How candidates run on every device; mode: "" for each device's usual one."""

    scale: Scale
    mode: str = ""

    @property
    def dtype(self) -> str:
        return "float32" if self.tf32 else self.scale.dtype

    @property
    def tf32(self) -> bool:
        return self.scale.dtype == "tf32"

    def mode_on(self, bench: Bench) -> str:
        return self.mode or ("graph" if bench.is_gpu else "eager")

    def task(self, job: Job, bench: Bench) -> Task:
        """What a job measures on a device."""
        label = Label.of(job.network, job.spec)
        task = Task(job.network, label, self.scale.batch, self.dtype, mode=self.mode_on(bench), tf32=self.tf32)
        return bench.settled(task)

    def measured(self, row: Measurement, bench: Bench) -> bool:
        """Whether a stored measurement is one of a whole network that ran just so on a device."""
        ran = (row.batch, row.dtype, row.layout, row.mode, row.folded, row.tf32)
        tf32 = self.tf32 and bench.is_gpu
        where = (row.fingerprint, row.software, row.protocol)
        return (
            row.layer is None
            and ran == (self.scale.batch, self.dtype, "contiguous", self.mode_on(bench), False, tf32)
            and where == (bench.fingerprint, bench.software, bench.protocol)
        )


def here(
    names: Sequence[str], how: How, store: Store, known: Known, warn: Callable[[str], None]
) -> tuple[Crew, dict[str, Bench]]:
    """The crew that is this process, and what its devices are, by their names; whatever it measures is stored first.

    Raises ArchcostError for a device that does not work, or that has two of the names.
    """
    found: dict[str, tuple[Bench, Callable[[Task], Measurement]]] = {}
    for name in names:
        measurement.require("dtype", how.dtype, measurement.DTYPES)
        found[name] = _measuring(name)
        bench = found[name][0]
        same = [other for other, (theirs, _) in found.items() if other != name and theirs.id == bench.id]
        if same:
            raise ArchcostError(
                f"{same[0]} and {name} are one device, or alike in all that its times depend on; name one of them"
            )

    def work(job: Job) -> float | None:
        bench, measure = found[job.device]
        task = how.task(job, bench)
        stored = known(bench.key(task))
        if stored is None:
            stored = measure(task)
            store.put(stored)
        if stored.status == measurement.OK:
            return stored.median
        on = f" on {job.device}" if len(found) > 1 else ""
        where = f"{task.label.spec} at α {task.label.alpha:g}, {task.label.resolution}{on}"
        warn(f"no time of {where}: {stored.reason or stored.status}")
        return None

    return InTurn(work), {name: bench for name, (bench, _) in found.items()}


def _measuring(name: str) -> tuple[Bench, Callable[[Task], Measurement]]:
    if own.is_own(name):
        device = own.find(name)
        bench, measure, lock = device.bench, device.measurement, device.lock
    else:
        live = live_measure()
        machine = live.find(name)
        bench, measure, lock = live.bench(machine), lambda task: live.timed(task, machine), machine.lock

    def undisturbed(task: Task) -> Measurement:
        with alone(lock):
            return measure(task)

    return bench, undisturbed


@dataclass(frozen=True, slots=True, eq=False)
class Clocks:
    """The devices that candidates are timed on, whoever does it. benches: by the devices' names; labels: of their
    columns, by the names too."""

    crew: Crew
    benches: Mapping[str, Bench]
    labels: Mapping[str, str]
    how: How
    memory: Memory

    def measured(self, found: Answer, effort: Effort) -> Answer:
        """The answer with measured times; what the store has of earlier runs is not measured again."""
        budget, minutes = effort.budget, effort.minutes
        self.memory.begin()
        with effort.watch("measuring", budget) as moved:
            told = measured(
                found,
                [Timed(name, bench.kind, self.labels[name]) for name, bench in self.benches.items()],
                self.memory.heeding(self.crew, self.labels),
                recall=lambda table: self.memory.recall(found.question, table),
                budget=budget,
                ahead=effort.measuring_ahead,
                seconds=None if minutes is None else 60 * minutes,
                watched=moved,
            )
        assert told.measuring is not None
        told.measuring = replace(told.measuring, known=self.memory.earlier)
        told.devices = {
            self.labels[name]: {
                "name": bench.name,
                "device": name,
                "mode": self.how.mode_on(bench),
                "dtype": self.how.scale.dtype,
                "measured": True,
            }
            for name, bench in self.benches.items()
        }
        return told
