"""What a search on devices knows of its candidates beforehand, and which of it a run before had found out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from archcost.graph import build
from archcost.latency import measurement
from archcost.latency.measurement import Measurement
from archcost.latency.subject import Label, digest
from archcost.search.candidates import Candidates
from archcost.search.crew import Crew, Job
from archcost.search.question import Question

FINAL = (measurement.OK, measurement.OUT_OF_MEMORY)
"""What is not measured again; unstable and failed runs are."""
Name = tuple[str, float | None, str]
"""What a candidate is called: spec, α, resolution."""


@dataclass(eq=False)
class Memory:
    """Times that cost nothing, by the labels of the devices' columns.

    before: rows that the search begins with, by label; since: rows of the run that this one goes on with, which are
    answers once they are asked for again.
    """

    before: Mapping[str, Iterable[Measurement]]
    since: Mapping[str, Iterable[Measurement]] = field(default_factory=dict)
    _known: dict[Name, dict[str, dict[str, float | None]]] = field(default_factory=dict)
    _old: dict[str, set[str]] = field(default_factory=dict)
    _used: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for label, rows in self.before.items():
            for row in rows:
                if row.status in FINAL:
                    self._learn((row.spec, row.alpha, row.resolution), row.digest, label, row.median)
                    self._old.setdefault(row.digest, set()).add(label)
        for label, rows in self.since.items():
            for row in rows:
                self._old.setdefault(row.digest, set()).add(label)

    def _learn(self, name: Name, own: str, label: str, seconds: float | None) -> None:
        self._known.setdefault(name, {}).setdefault(own, {})[label] = seconds

    def begin(self) -> None:
        """Of what is recalled or answered from now on, `earlier` counts what an earlier run had measured."""
        self._used = {}

    @property
    def earlier(self) -> int:
        """Networks that have all their times from earlier runs."""
        every = self.before.keys()
        return sum(labels >= every for labels in self._used.values())

    def _use(self, own: str, label: str, seconds: float | None) -> None:
        if seconds is not None and label in self._old.get(own, ()):
            self._used.setdefault(own, set()).add(label)

    def recall(self, question: Question, table: Candidates) -> dict[int, dict[str, float | None]]:
        """What is known of candidates, by their places: seconds by label, None where they can never be measured."""
        places: dict[int, dict[str, float | None]] = {}
        for place in range(len(table)) if self._known else ():
            space = question.spaces[int(table.space[place])]
            settings = space.settings(int(table.number[place]))
            label = Label.named(space.document, settings, space.name)
            stored = self._known.get((label.spec, label.alpha, label.resolution))
            if stored is None:
                continue
            own = digest(build(space.document, settings))
            if own in stored:
                places[place] = dict(stored[own])
                for device, seconds in stored[own].items():
                    self._use(own, device, seconds)
        return places

    def heeding(self, crew: Crew, labels: Mapping[str, str]) -> Crew:
        """A crew whose answers are remembered; labels: by the devices' names."""
        return _Heeding(crew, self, labels)


@dataclass(eq=False)
class _Heeding:
    crew: Crew
    memory: Memory
    labels: Mapping[str, str]
    _jobs: dict[int, Job] = field(default_factory=dict)

    def give(self, ticket: int, job: Job) -> None:
        self._jobs[ticket] = job
        self.crew.give(ticket, job)

    def take(self) -> tuple[int, float | None]:
        ticket, seconds = self.crew.take()
        job = self._jobs.pop(ticket)
        own, label = digest(job.network), Label.of(job.network, job.spec)
        device = self.labels[job.device]
        self.memory._use(own, device, seconds)
        self.memory._learn((label.spec, label.alpha, label.resolution), own, device, seconds)
        return ticket, seconds
