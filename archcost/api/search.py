"""Search from Python, and what the command does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcost.api.effort import Effort
from archcost.api.here import answered
from archcost.api.question import question_of
from archcost.api.targets import is_here, is_of_cluster, targets
from archcost.graph import build
from archcost.reports import search as reports
from archcost.reports import yaml
from archcost.search.answer import Answer


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """The result of a search; rows are as `archcost search --format json` has them."""

    answer: Answer

    @property
    def winner(self) -> dict[str, Any]:
        """The best variant's row."""
        return reports.row(self.answer.question, self.answer.candidates, self.answer.winner)

    @property
    def front(self) -> list[dict[str, Any]]:
        """The rows that no other beats, the best first."""
        found = self.answer
        return [reports.row(found.question, found.candidates, place) for place in found.front]

    def to_dict(self) -> dict[str, Any]:
        """The same data as `archcost search --format json`."""
        return reports.data(self.answer)

    def to_csv(self) -> str:
        """The front, a row each."""
        return reports.csv(self.answer)

    def to_yaml(self) -> str:
        """The winner as a concrete spec."""
        return winner_spec(self.answer)


def winner_spec(found: Answer) -> str:
    """The winner as a concrete spec, which every command takes."""
    space = found.question.spaces[int(found.candidates.space[found.winner])]
    network = build(space.document, found.settings(found.winner))
    return yaml.network(network, f"{space.document.name}_winner")


def find(
    specs: str | Path | Iterable[str | Path] = "mobilenetv1",
    *,
    alpha: Any = None,
    resolution: Any = None,
    parameters: Mapping[str, Any] | None = None,
    maximize: str = "accuracy",
    against: Sequence[str] = (),
    batch: int = 1,
    dtype: str = "float32",
    inplace: bool = True,
    accuracy: str | Path | None = None,
    evaluate: str | None = None,
    device: str | Path | Sequence[str | Path] | None = None,
    mode: str = "",
    effort: Effort | None = None,
    **limits: Any,
) -> Search:
    """The best variants of specs under limits: budget, max_params, max_weights, max_peak_memory, max_latency,
    min_accuracy (texts with units as on the command line, or numbers: multiply-adds, bytes, seconds, percent).

    alpha, resolution and parameters' values are lists, or ranges as text. accuracy: a table of your own; evaluate: a
    command that prints it. device: cpu, cuda, cuda:1 or a callable of your own (module:attribute) is measured here; of
    a profile's name or file times are predicted; or a list of such. max_latency: with one device a time, else by the
    devices' names. On a cluster (effort) names are of devices that its workers have. Raises ArchcostError where nothing
    fits.
    """
    several = [specs] if isinstance(specs, (str, Path)) else list(specs)
    axes = {"alpha": alpha, "resolution": resolution, **(parameters or {})}
    max_latency = limits.pop("max_latency", None)
    effort = effort or Effort()
    measured = is_here if effort.cluster is None else is_of_cluster
    devices = targets(device, max_latency, dtype=dtype, mode=mode, measured=measured)
    question = question_of(
        several,
        limits,
        axes={name: values for name, values in axes.items() if values is not None},
        maximize=maximize,
        against=against,
        batch=batch,
        dtype=dtype,
        inplace=inplace,
        accuracy=accuracy,
        targets=devices,
        own=evaluate is not None,
    )
    return Search(answered(question, effort, evaluate=evaluate, devices=devices, mode=mode))
