"""Pages to explore in: of a spec, of several side by side, or of what a search found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcost.api.model import Model, load
from archcost.errors import ArchcostError
from archcost.spec import ranges
from archcost.spec.settings import settle

if TYPE_CHECKING:
    from archcost.reports.page.networks import Subject

RESULT = "result.json"


def report(
    source: str | Path | Sequence[str | Path],
    *,
    device: str | Path | Iterable[str | Path] = (),
    mode: str | None = None,
    alpha: Any = None,
    resolution: Any = None,
    batch: int = 1,
    dtype: str = "float32",
    inplace: bool = True,
    convention: str | None = None,
) -> str:
    """One HTML file that needs nothing else. source: a spec, the folder or result.json of a search, or several specs.

    alpha, resolution: the values that the knobs have, as ranges or lists. batch, dtype, convention: where the page
    starts. Raises ArchcostError.
    """
    from archcost.analysis import conventions
    from archcost.analysis.analysis import Analysis
    from archcost.api.devices import need_device
    from archcost.latency.profile import find
    from archcost.reports.page import networks
    from archcost.reports.page.front import Found, axes_of, front
    from archcost.reports.page.page import html

    mode = mode or ""
    names = [device] if isinstance(device, (str, Path)) else [*device]
    need_device(mode, names)
    profiles = [find(str(name)) for name in names]
    twice = [p.name for at, p in enumerate(profiles) if p.name in [other.name for other in profiles[:at]]]
    if twice:
        raise ArchcostError(f"{twice[0]} is named twice; name each device once")
    content = None if not isinstance(source, (str, Path)) else _result(Path(source))
    several = not isinstance(source, (str, Path))
    if content is not None:
        specs, found, axes, scale = _searched(content, str(source))
        batch, dtype = scale
    else:
        specs = [str(each) for each in source] if several else [str(source)]  # type: ignore[union-attr]
        found, axes = Found(), [{} for _ in specs]
    models = [load(spec) for spec in specs]
    start = Analysis(models[0].document, models[0].analyze().settings, batch, dtype, inplace)
    if profiles:
        for profile in profiles:
            profile.fit(dtype)
    question = _question(specs, models, axes, start.batch, dtype, inplace, found)
    subjects = []
    for spec, model, space in zip(specs, models, question.spaces if question else [None] * len(models), strict=True):
        beside = [] if space is None else [axes_of(question, space, found)]
        began = found.winner if found.winner is not None and found.winner.get("spec") == spec else None
        subjects.append(
            _subject(spec, model, began, _values(alpha, "alpha"), _values(resolution, "resolution"), beside)
        )
    predictors = [_predictor(profile, dtype, mode) for profile in profiles]
    title = " · ".join(dict.fromkeys(subject.document.name for subject in subjects))
    data = {
        "format": 1,
        "version": _version(),
        "title": title,
        "compares": several,
        "start": {
            "active": specs.index(found.winner["spec"]) if found.winner else 0,
            "batch": start.batch,
            "dtype": dtype,
            "convention": None if convention is None else conventions.find(convention).name,
        },
        "inplace": inplace,
        "dtypes": _dtypes(),
        "conventions": networks.counters(),
        "devices": networks.devices(profiles, subjects, mode),
        "mode": mode,
        "networks": [networks.network(subject, inplace) for subject in subjects],
        "front": None if question is None else front(question, predictors, found),
    }
    return html(data, title)


def _subject(
    spec: str, model: Model, began: Mapping[str, Any] | None, alphas: Any, resolutions: Any, beside: Any
) -> Subject:
    from archcost.reports.page.knobs import knobs
    from archcost.reports.page.networks import Subject

    settings = model.analyze().settings
    if began is not None:  # a search's page begins at its winner
        size = began["resolution"]
        settings = settle(model.document, began["alpha"], None, tuple(size) if size else None, began["parameters"])
    name = ranges.reference(spec)[0] if model.given else spec
    return Subject(name, model.document, settings, knobs(model.document, settings, alphas, resolutions, beside))


def _values(given: Any, what: str) -> list[Any] | None:
    if given is None:
        return None
    found = [*ranges.values(given, what)] if isinstance(given, str) else [*given]
    return [ranges.resolution(each) if what == "resolution" and isinstance(each, str) else each for each in found]


def _question(
    specs: Sequence[str],
    models: Sequence[Model],
    axes: Sequence[Mapping[str, Any]],
    batch: int,
    dtype: str,
    inplace: bool,
    found: Any,
) -> Any:
    """What the front is drawn of: the spaces of all specs; None where one of them has none to speak of."""
    from archcost.accuracy import model as published
    from archcost.api.question import space_of
    from archcost.reports.page.front import MOST
    from archcost.search.constraints import Constraints
    from archcost.search.enumeration import Scale
    from archcost.search.question import Question

    spaces = []
    for spec, model, own in zip(specs, models, axes, strict=True):
        name = ranges.reference(spec)[0] if model.given else spec
        try:
            spaces.append(space_of(Model(model.document, {}), name, own))
        except ArchcostError:
            if found.rows:
                raise
            return None  # a size or a width that cannot be set: there is one variant, and no front
    if not found.rows and sum(map(len, spaces)) > MOST:
        return None
    known = [published.of(model.document, "int8" if dtype == "int8" else "float32") for model in models]
    if found.origin and found.statements != [each.statement for each in known]:
        known = [published.from_points(model.document, [], "") for model in models]
    return Question(spaces, known, Constraints(), ("accuracy", "macs"), Scale(batch, dtype, inplace))


def _result(path: Path) -> Any:
    """A search's JSON; None for what is no such thing."""
    file = path / RESULT if path.is_dir() else path
    if not path.is_dir() and (path.suffix != ".json" or not path.is_file()):
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArchcostError(
            f"{file}: there is none; name a spec, or the folder that `archcost search --out` wrote"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ArchcostError(f"{file}: is not the JSON of a search: {error}") from None
    wanted = {"space": list, "front": list, "batch": int, "dtype": str, "specs": list}
    wrong = [
        name
        for name, kind in wanted.items()
        if not isinstance(content, dict) or not isinstance(content.get(name), kind)
    ]
    if wrong or content.get("schema_version") != 1:
        raise ArchcostError(
            f"{file}: is not what `archcost search --out` writes ({', '.join(wrong) or 'schema_version'})"
        )
    return content


def _searched(content: Mapping[str, Any], file: str) -> tuple[list[str], Any, list[dict[str, Any]], tuple[int, str]]:
    """Specs, what was found, the axes of each spec's space, and (batch, dtype)."""
    from archcost.reports.page.front import Found

    try:
        specs = [str(space["spec"]) for space in content["space"]]
        axes = [
            {
                "alpha": [*space["alpha"]],
                "resolution": [224 if size is None else tuple(size) for size in space["resolution"]],
                **space["parameters"],
            }
            for space in content["space"]
        ]
        winner = content.get("winner")
        if winner is not None and winner["spec"] not in specs:
            raise ValueError(f"its winner is of {winner['spec']}, which it did not search")
        rows = [*content["front"], *([winner] if winner else []), *content.get("equals", [])]
        limits = {str(name): float(value) for name, value in content.get("constraints", {}).items()}
        statements = [str(each) for each in content.get("accuracies", [])]
        found = Found(winner, rows, limits, Path(file).name or file, statements)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArchcostError(f"{file}: is not what `archcost search --out` writes: {error}") from None
    return specs, found, axes, (content["batch"], content["dtype"])


def _predictor(profile: Any, dtype: str, mode: str) -> Any:
    from archcost.latency.prediction import Predictor

    predictor = Predictor(profile, dtype, mode)
    predictor.check()
    return predictor


def _dtypes() -> dict[str, int]:
    from archcost.analysis.analysis import DTYPES

    return DTYPES


def _version() -> str:
    import archcost

    return archcost.__version__
