"""The Python interface: load a spec, analyze it, sweep it, validate it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcost.api.devices import need_device, predictor_of, predictors
from archcost.api.results import Analysis, Sweep, Validation
from archcost.errors import ArchcostError
from archcost.spec import loading, ranges
from archcost.spec.parts import Document
from archcost.spec.settings import settle


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
        convention: str | None = None,
    ) -> Analysis:
        """Exact costs at the given settings.

        Arrays for alpha, rho, resolution or parameters broadcast: the result's totals are then arrays.
        resolution: one size, or (height, width). device: a profile's name or file, for predicted times; mode: how
        it runs there (`graph`, `eager`), if not as the profile's own measurements did. convention: another tool, whose
        count the totals then hold too; `Analysis.counted` gives those of others.
        Raises ArchcostError (SpecError with all problems).
        """
        settings = self._merged(alpha, rho, resolution, parameters)
        need_device(mode, device)
        predictor = None if device is None else predictor_of(device, dtype, mode)
        document = self._traced_at(settings)
        if document is not None:
            settings = {**settings, "rho": None, "resolution": None}
        document = document or self.document
        settled = settle(document, **settings)
        return Analysis(document, settled, batch, dtype, inplace, convention, predictor=predictor)

    def _traced_at(self, settings: Mapping[str, Any]) -> Document | None:
        """An imported model that cannot be rescaled, traced anew at the one resolution asked for, or at what ρ makes of
        its own; else None."""
        document = self.document
        asked = {name: settings[name] for name in ("rho", "resolution")}
        if (
            all(value is None for value in asked.values())
            or document.imported is None
            or document.file != document.imported.origin
        ):
            return None
        if not document.imported.fixed and not any(item.kind == "traced" for item in document.items):
            return None
        sizes = settle(document, **asked, anew=True).resolution
        own = tuple(node.value for node in document.input[1:])
        if sizes is None or any(hasattr(size, "dtype") for size in sizes) or tuple(map(int, sizes)) == own:
            return None
        from archcost.importers import resized

        height, width = (int(size) for size in sizes)
        return resized(document.file, height, width)

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
        convention: str | None = None,
    ) -> Sweep:
        """Every combination of the given values: a row for each variant.

        Values are a list, one value, or a range as the command line has it ("0.25:1:0.05", ends included).
        device: one or several profiles, by name or file; each adds a column of predicted times. mode, convention: as
        for analyze.
        """
        need_device(mode, device)
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
            convention,
            predictors=predictors(device, dtype, mode),
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
    """A spec from a path, from the zoo or from an importer, with optional settings: `mobilenetv1@alpha=0.5`,
    `torchvision:resnet50@resolution=160`, `mypackage.models:build?input=3x224x224`.

    Raises ArchcostError where there is no such spec, SpecError where it has problems.
    """
    return Model(*loading.load(spec))


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
