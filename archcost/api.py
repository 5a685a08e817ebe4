"""The Python interface: load a spec, analyze it, sweep it, validate it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcost import analysis as _analysis
from archcost.errors import ArchcostError
from archcost.spec import document as _document
from archcost.spec import ranges, zoo
from archcost.spec.parts import Document
from archcost.spec.settings import settle


class Analysis(_analysis.Analysis):
    """The cost of one model, or of a batch of models (then each total is an array)."""

    def to_dict(self, by: str | None = None) -> dict[str, Any]:
        """The same data as `archcost analyze --format json`."""
        from archcost.reports import json

        return json.analysis(self, by)

    def to_csv(self) -> str:
        """A row for each layer of one model; a row for each model of a batch."""
        from archcost.reports import csv

        return csv.analysis(self)

    def _repr_html_(self) -> str:
        from archcost.reports import html

        return html.analysis(self)


class Sweep(_analysis.Sweep):
    """A table with a row for each variant: its settings, then all totals."""

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
    ) -> Analysis:
        """Exact costs at the given settings.

        Arrays for alpha, rho, resolution or parameters broadcast: the result's totals are then arrays.
        resolution: one size, or (height, width). Raises ArchcostError (SpecError with all problems).
        """
        settings = self._merged(alpha, rho, resolution, parameters)
        return Analysis(self.document, settle(self.document, **settings), batch, dtype, inplace)

    def sweep(
        self,
        alpha: Any = None,
        resolution: Any = None,
        *,
        batch: int = 1,
        dtype: str = "float32",
        inplace: bool = True,
        parameters: Mapping[str, Any] | None = None,
    ) -> Sweep:
        """Every combination of the given values: a row for each variant.

        Values are a list, one value, or a range as the command line has it ("0.25:1:0.05", ends included).
        """
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
