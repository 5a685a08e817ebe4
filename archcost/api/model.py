"""The Python interface: load a spec, analyze it, sweep it, validate it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcost import analysis as _analysis
from archcost.errors import ArchcostError, SpecError
from archcost.spec import document as _document
from archcost.spec import ranges, zoo
from archcost.spec.names import unknown
from archcost.spec.parts import Document
from archcost.spec.settings import settle

if TYPE_CHECKING:
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

    def to_dict(self, by: str | None = None) -> dict[str, Any]:
        """The same data as `archcost analyze --format json`."""
        from archcost.reports import json

        return json.analysis(self, by, self.latency)

    def to_csv(self) -> str:
        """A row for each layer of one model; a row for each model of a batch."""
        from archcost.reports import csv

        return csv.analysis(self, latency=self.latency)

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
        totals = {name: found[name] for name in _analysis.TOTALS}
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
        import itertools

        import numpy as np

        from archcost.reports import latency

        masked: Any = np.ma
        times, outside = [], []
        for values in itertools.product(*self.parameters.values()):
            settings = self._settings(dict(zip(self.parameters, values, strict=True)))
            try:
                found = latency.of_variants(predictor, self.document, settings, self.batch)
                times.append(masked.ravel(latency.milliseconds(found.seconds)))
                outside.append(masked.filled(found.extrapolated, False).ravel())
            except SpecError:  # nothing of this structure can exist; where that holds for all, the totals raise it
                times.append(masked.masked_all(len(self.alphas) * len(self.resolutions)))
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


@dataclass(eq=False)
class Model:
    """A spec that was read, with the settings that its reference named (`mobilenetv1@alpha=0.5`)."""

    document: Document
    given: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.document.name

    def analyze(
        self,
        alpha: Any = None,
        rho: Any = None,
        resolution: Any = None,
        *,
        batch: int = 1,
        dtype: str = "float32",
        inplace: bool = True,
        parameters: Mapping[str, Any] | None = None,
        device: str | Path | None = None,
        mode: str = "",
    ) -> Analysis:
        """Exact costs at the given settings.

        Arrays for alpha, rho, resolution or parameters broadcast: the result's totals are then arrays.
        resolution: one size, or (height, width). device: a profile's name or file, for predicted times; mode: how
        it runs there (`graph`, `eager`), if not as the profile's own measurements did.
        Raises ArchcostError (SpecError with all problems).
        """
        settings = self._merged(alpha, rho, resolution, parameters)
        _need_device(mode, device)
        predictor = None if device is None else _predictor(device, dtype, mode)
        return Analysis(self.document, settle(self.document, **settings), batch, dtype, inplace, predictor=predictor)

    def sweep(
        self,
        alpha: Any = None,
        resolution: Any = None,
        *,
        batch: int = 1,
        dtype: str = "float32",
        inplace: bool = True,
        parameters: Mapping[str, Any] | None = None,
        device: str | Path | Iterable[str | Path] | None = None,
        mode: str = "",
    ) -> Sweep:
        """Every combination of the given values: a row for each variant.

        Values are a list, one value, or a range as the command line has it ("0.25:1:0.05", ends included).
        device: one or several profiles, by name or file; each adds a column of predicted times; mode: as for analyze.
        """
        _need_device(mode, device)
        fixed = self._merged(None, None, None, None)
        chosen = {name: _values(values, name) for name, values in (parameters or {}).items()}
        alphas = _values(alpha, "alpha") if alpha is not None else [fixed["alpha"]]
        sizes = _values(resolution, "resolution") if resolution is not None else [fixed["resolution"]]
        rho = fixed["rho"] if resolution is None else None
        return Sweep(
            self.document,
            alphas,
            sizes,
            {**{k: [v] for k, v in fixed["parameters"].items()}, **chosen},
            rho,
            batch,
            dtype,
            inplace,
            predictors=_predictors(device, dtype, mode),
        )

    def validate(self, **settings: Any) -> Validation:
        """Builds the PyTorch module and compares it layer by layer; needs the extra `torch`."""
        live = _live()
        analysis = self.analyze(**settings)
        found = Validation(self.name, analysis.macs, analysis.params)
        live.validate(analysis, found)
        return found

    def _merged(self, alpha: Any, rho: Any, resolution: Any, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
        given = dict(self.given)
        own = {key: given.pop(key, None) for key in ("alpha", "rho", "resolution")}
        if rho is not None or resolution is not None:
            own["rho"] = own["resolution"] = None
        if isinstance(own["resolution"], str):
            own["resolution"] = ranges.resolution(own["resolution"])
        return {
            "alpha": own["alpha"] if alpha is None else alpha,
            "rho": own["rho"] if rho is None else rho,
            "resolution": own["resolution"] if resolution is None else resolution,
            "parameters": {**given, **(parameters or {})},
        }


def _predictor(device: str | Path, dtype: str, mode: str) -> Predictor:
    """Raises ArchcostError where there is no such device, or none for the dtype or mode."""
    from archcost.latency.prediction import Predictor
    from archcost.latency.profile import find

    if dtype not in _analysis.DTYPES:
        raise ArchcostError(unknown("dtype", str(dtype), _analysis.DTYPES))
    predictor = Predictor(find(str(device)), dtype, mode)
    predictor.check()
    return predictor


def _need_device(mode: str, device: Any) -> None:
    if mode and not device:
        raise ArchcostError(f"mode {mode} is how a network runs on a device; name one (--device)")


def _predictors(device: str | Path | Iterable[str | Path] | None, dtype: str, mode: str) -> list[Predictor]:
    devices = [] if device is None else [device] if isinstance(device, (str, Path)) else list(device)
    found = [_predictor(name, dtype, mode) for name in devices]
    names = [predictor.profile.name for predictor in found]
    for name in names:
        if names.count(name) > 1:
            raise ArchcostError(f"two of the devices are named {name}; name each once, or change one profile's `name`")
    return found


def _values(given: Any, what: str) -> list[Any]:
    """One or several values as a list."""
    if isinstance(given, str):
        return list(ranges.values(given, what))
    if hasattr(given, "ravel"):
        return list(given.ravel().tolist())
    return list(given) if isinstance(given, Iterable) else [given]


def load(spec: str | Path) -> Model:
    """A spec from a path or from the zoo, with optional settings: `mobilenetv1@alpha=0.5,resolution=160`.

    Raises ArchcostError where there is no such spec, SpecError where it has problems.
    """
    if isinstance(spec, Path) or zoo.exists(Path(spec)):
        return Model(_document.read(Path(spec)), {})
    name, settings = ranges.reference(spec)
    return Model(_document.read(zoo.find(name)), settings)


def analyze(spec: str | Path, **settings: Any) -> Analysis:
    """`load(spec).analyze(...)`."""
    return load(spec).analyze(**settings)


def sweep(spec: str | Path, **settings: Any) -> Sweep:
    """`load(spec).sweep(...)`."""
    return load(spec).sweep(**settings)


def validate(spec: str | Path, **settings: Any) -> Validation:
    """`load(spec).validate(...)`."""
    return load(spec).validate(**settings)


def _live() -> Any:
    try:
        from archcost.live import validate as live
    except ImportError as error:
        raise ArchcostError(
            f"{error.name} is not installed; validation needs it: pip install 'archcost[torch]'"
        ) from None
    return live
