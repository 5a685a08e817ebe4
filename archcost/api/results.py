"""What the interface hands out: the results of analyses, with their reports and the times on devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcost import analysis as _analysis
from archcost.errors import ArchcostError, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archcost.analysis.crosscheck import Crosscheck
    from archcost.analysis.difference import Difference
    from archcost.analysis.limits import Check
    from archcost.analysis.training import Training
    from archcost.graph import Network
    from archcost.latency.prediction import Predictor
    from archcost.reports.latency import Latency


@dataclass(eq=False)
class Analysis(_analysis.Analysis):
    """The cost of one model, or of a batch of models (then each total is an array)."""

    predictor: Predictor | None = field(default=None, kw_only=True)

    @cached_property
    def latency(self) -> Latency | None:
        """The predicted time on the device that was named, in seconds; None without one."""
        if self.predictor is None:
            return None
        from archcost.reports import latency

        if self.settings.arrays:
            return latency.of_variants(self.predictor, self.document, self.settings, self.batch)
        return latency.of_network(self.predictor, self.network, self.batch)

    def to_dict(self, by: str | None = None, training: Training | None = None) -> dict[str, Any]:
        """The same data as `archcost analyze --format json`. training: what `training()` found, to go with it."""
        from archcost.reports import json

        return json.analysis(self, by, self.latency, training)

    def to_csv(self) -> str:
        """A row for each layer of one model; a row for each model of a batch."""
        from archcost.reports import csv

        return csv.analysis(self, latency=self.latency)

    def to_torch(self) -> str:
        """The model as one file of Python code that needs PyTorch alone, its modules named as the layers."""
        from archcost.exporters import torch

        return torch.source(self._single, self.macs, self.params)

    def to_onnx(self, weights: Mapping[str, Any] | str | Path | None = None, *, seed: int = 0) -> bytes:
        """The model as an ONNX file for any batch, its nodes named as the layers.

        weights: arrays by module path, as a state_dict has them, or an .npz file of such; without them random ones.
        Raises ArchcostError where weights do not fit, are too large for one file, or onnx is not installed.
        """
        from archcost.exporters import onnx
        from archcost.exporters import weights as stored

        network = self._single
        given = stored.read(weights) if isinstance(weights, (str, Path)) else weights
        return onnx.serialized(network, given, seed)

    def to_yaml(self) -> str:
        """The model as a concrete spec, every layer with its own numbers."""
        from archcost.reports import yaml

        return yaml.network(self._single, self.document.name)

    @property
    def _single(self) -> Network:
        if self.settings.arrays:
            raise ArchcostError("one model is exported at a time; this is a batch")
        return self.network

    def check(self, **limits: Any) -> Check:
        """Limits that the model must keep to: max_macs, max_params, max_weights, max_peak_memory.

        Texts with units as on the command line (300M, 1MiB), or numbers. Raises ArchcostError.
        """
        from archcost.analysis.limits import check
        from archcost.api.limits import limits_of

        return check(self, limits_of(limits))

    def crosscheck(self, only: Iterable[str] = (), **settings: Any) -> Crosscheck:
        """Other counters' own figures for one model, beside what archcost makes of their conventions.

        only: names of counters; settings: as `archcost.api.crosscheck.crosscheck` has them. Raises ArchcostError.
        """
        from archcost.api.crosscheck import crosscheck

        return crosscheck(self, only, **settings)

    def diff(self, other: _analysis.Analysis) -> Difference:
        """What distinguishes this model (a) from another (b): totals, and layers matched by name and shape."""
        from archcost.analysis.difference import Difference

        return Difference(self, other)

    def _repr_html_(self) -> str:
        from archcost.reports import html

        return html.analysis(self, self.latency)


@dataclass(eq=False)
class Sweep(_analysis.Sweep):
    """A table with a row for each variant: its settings, its predicted times on the devices named, all totals."""

    predictors: list[Predictor] = field(default_factory=list, kw_only=True)

    @cached_property
    def columns(self) -> dict[str, Any]:
        """As without devices, and `predicted_ms` (with several, `predicted_ms_NAME` for each) before the totals."""
        found = super().columns
        several = len(self.predictors) > 1
        times = {
            f"predicted_ms_{name}" if several else "predicted_ms": column
            for name, (column, _) in self._predictions.items()
        }
        totals = {name: found[name] for name in self.totals}
        return {**{name: column for name, column in found.items() if name not in totals}, **times, **totals}

    @property
    def extrapolated(self) -> dict[str, int]:
        """By device, how many variants lie outside what its profile was fitted on."""
        return {name: int(outside.sum()) for name, (_, outside) in self._predictions.items()}

    @cached_property
    def _predictions(self) -> dict[str, tuple[Any, Any]]:
        return {predictor.profile.name: self._predicted(predictor) for predictor in self.predictors}

    def _predicted(self, predictor: Predictor) -> tuple[Any, Any]:
        """Of each row its milliseconds, masked where it cannot exist, and whether they are extrapolated."""
        import numpy as np

        from archcost.reports import latency

        masked: Any = np.ma
        times, outside = [], []
        for settings in self.settings:
            try:
                found = latency.of_variants(predictor, self.document, settings, self.batch)
                times.append(masked.ravel(latency.milliseconds(found.seconds)))
                outside.append(masked.filled(found.extrapolated, False).ravel())
            except SpecError:  # nothing of this structure can exist; where that holds for all, the totals raise it
                times.append(masked.masked_all(self.count(settings)))
        joined = masked.concatenate(times)
        return joined if masked.is_masked(joined) else joined.data, np.concatenate(outside)

    def to_dict(self) -> dict[str, Any]:
        """The same data as `archcost sweep --format json`."""
        from archcost.reports import json

        return json.sweep(self)

    def to_csv(self) -> str:
        from archcost.reports import csv

        return csv.sweep(self)

    def _repr_html_(self) -> str:
        from archcost.reports import html

        return html.sweep(self)


class Validation(_analysis.Validation):
    """Every figure of a spec that was compared, and by what; `ok` where none differs."""

    def to_dict(self) -> dict[str, Any]:
        """The same data as `archcost validate --format json`."""
        from archcost.reports import json

        return json.validation(self)

    def to_csv(self) -> str:
        """A row for each figure compared."""
        from archcost.reports import csv

        return csv.validation(self)

    def _repr_html_(self) -> str:
        from archcost.reports import html

        return html.validation(self)
