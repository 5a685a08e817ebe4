"""What a search asks of a cluster: times on devices that workers have, and accuracies by commands that they allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archcost.accuracy.evaluator import Evaluator
from archcost.errors import ArchcostError
from archcost.fleet.connection import Tls
from archcost.fleet.wire import LIMIT_SECONDS, SLOT, TRAINING, TRIES, WAIT_SECONDS
from archcost.latency.bench import Bench
from archcost.latency.measurement import Measurement
from archcost.latency.store import Store
from archcost.latency.subject import Task
from archcost.search.crew import Crew, Job

if TYPE_CHECKING:
    from archcost.fleet.members import Members
    from archcost.fleet.state import State


@dataclass(frozen=True, slots=True)
class Cluster:
    """A scheduler of Dask's, and what is asked of its workers.

    address: of the scheduler, or its file; tries: workers that may die of a job, or hang over it; limit_seconds: for
    one measurement; wait: seconds to wait for workers that have what is asked for. watch: makes, from what tells how
    far the fleet is, whatever shows that.
    """

    address: str
    tls: Tls = Tls()
    tries: int = TRIES
    limit_seconds: float = LIMIT_SECONDS
    wait: float = WAIT_SECONDS
    watch: Callable[[Callable[[], State]], AbstractContextManager[Any]] = field(default=lambda state: nullcontext())

    @contextmanager
    def joined(self, warn: Callable[[str], None]) -> Iterator[Joined]:
        """The cluster, connected. Raises ArchcostError, and Stopped where no scheduler answers or it dies."""
        from archcost.fleet.crew import Ledger
        from archcost.fleet.fleet import Fleet, Patience

        with Fleet(self.address, self.tls, Patience(self.tries, self.wait)) as fleet:
            fleet.warn = warn
            joined = Joined(self, fleet, Ledger(), warn)
            with self.watch(joined.state):
                yield joined


@dataclass(eq=False)
class Joined:
    """A cluster that is connected."""

    cluster: Cluster
    fleet: Any
    ledger: Any
    warn: Callable[[str], None]

    def state(self) -> State:
        found: State = self.ledger.state(self.fleet)
        return found

    def measuring(
        self,
        names: Sequence[str],
        task: Callable[[Job, Bench], Task],
        store: Store,
        known: Callable[[str], Measurement | None],
        total: int | None,
    ) -> tuple[Crew, dict[str, Bench]]:
        """Who measures on devices of these names, and what these are. total: how many will be measured at most."""
        from archcost.fleet import crew

        def missing(members: Members) -> str:
            absent = [name for name in names if crew.bench_of(members, name) is None]
            if not absent:
                return ""
            return f"no worker offers {' or '.join(absent)} ({crew.offered(members)}); start one: archcost worker"

        self.fleet.until(missing)
        benches = {name: crew.bench_of(self.fleet.members, name) for name in names}
        found = {name: bench for name, bench in benches.items() if bench is not None}
        self._check(found)
        for name, bench in found.items():
            self.ledger.names[SLOT + bench.id] = self.fleet.names[SLOT + bench.id] = name
            self.ledger.totals[SLOT + bench.id] = total
        doing = crew.measuring(
            self.fleet,
            self.ledger,
            store,
            lambda job: (found[job.device], task(job, found[job.device])),
            known,
            limit_seconds=self.cluster.limit_seconds,
            warn=self.warn,
        )
        return doing, found

    def training(self, evaluator: Evaluator, total: int | None) -> Crew:
        """Who runs an evaluator's command."""
        from archcost.fleet import crew

        def missing(members: Members) -> str:
            trainers = [each for each in members.all.values() if each.offer.train_slots]
            if any(evaluator.command in each.offer.commands for each in trainers):
                return ""
            others = ", ".join(f"{each.name}: {', '.join(each.offer.commands)}" for each in trainers)
            start = f"start one: archcost worker {self.fleet.address} --train-slots 1 --allow {evaluator.command!r}"
            return f"no worker allows this command{f' (others are allowed by {others})' if others else ''}; {start}"

        self.fleet.until(missing)
        self.ledger.names[TRAINING] = ""
        self.ledger.totals[TRAINING] = total
        return crew.training(self.fleet, self.ledger, evaluator)

    @staticmethod
    def _check(found: dict[str, Bench]) -> None:
        for name, bench in found.items():
            same = [other for other, theirs in found.items() if other != name and theirs.id == bench.id]
            if same:
                raise ArchcostError(f"{name} and {same[0]} are one device; name one of them")
