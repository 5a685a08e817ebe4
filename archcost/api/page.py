"""Pages to explore in: of a spec, of several side by side, or of what a search found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcost.analysis import conventions
from archcost.analysis.analysis import DTYPES, Analysis
from archcost.api.devices import need_device, predictors
from archcost.api.found import Source, source_of
from archcost.api.model import Model, load
from archcost.errors import ArchcostError
from archcost.spec import ranges
from archcost.spec.settings import settle

if TYPE_CHECKING:
    from archcost.reports.page.networks import Subject
    from archcost.search.question import Question


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
    starts; of a search's result, batch and dtype are its own. Raises ArchcostError.
    """
    from archcost.reports.page import networks
    from archcost.reports.page.front import front
    from archcost.reports.page.page import html

    need_device(mode or "", device)
    asked = source_of(source)
    scale = {"batch": batch, "dtype": dtype, **asked.scale}
    models = [load(spec) for spec in asked.specs]
    Analysis(models[0].document, models[0].analyze().settings, **scale)  # raises for a batch or a dtype that none is
    timed = predictors(device, scale["dtype"], mode or "")
    question = _question(asked, models, scale, inplace)
    values = {"alphas": _values(alpha, "alpha"), "resolutions": _values(resolution, "resolution")}
    subjects = [_subject(asked, place, model, question, values) for place, model in enumerate(models)]
    title = " · ".join(dict.fromkeys(subject.document.name for subject in subjects))
    winner = asked.found.winner
    counted = None if convention is None else conventions.find(convention).name
    data = {
        "version": _version(),
        "title": title,
        "start": {"active": asked.specs.index(winner["spec"]) if winner else 0, "convention": counted, **scale},
        "inplace": inplace,
        "dtypes": DTYPES,
        "conventions": networks.counters(),
        "devices": networks.devices([each.profile for each in timed], subjects, mode or ""),
        "mode": mode or "",
        "networks": [networks.network(subject, inplace) for subject in subjects],
        "front": None if question is None else front(question, timed, asked.found),
    }
    return html(data, title)


def _subject(asked: Source, place: int, model: Model, question: Question | None, values: Mapping[str, Any]) -> Subject:
    """A spec with its knobs, which a search's page begins at the winner."""
    from archcost.reports.page.front import axes_of
    from archcost.reports.page.knobs import knobs
    from archcost.reports.page.networks import Subject

    spec, winner = asked.specs[place], asked.found.winner
    settings = model.analyze().settings
    if winner is not None and winner["spec"] == spec:
        size = winner["resolution"]
        settings = settle(model.document, winner["alpha"], None, tuple(size) if size else None, winner["parameters"])
    beside = [] if question is None else [axes_of(question, question.spaces[place], asked.found)]
    return Subject(
        _named(spec, model), model.document, settings, knobs(model.document, settings, **values, beside=beside)
    )


def _named(spec: str, model: Model) -> str:
    """As it was asked for, settings aside."""
    return ranges.reference(spec)[0] if model.given else spec


def _values(given: Any, what: str) -> list[Any] | None:
    if given is None:
        return None
    found = [*ranges.values(given, what)] if isinstance(given, str) else [*given]
    return [ranges.resolution(each) if what == "resolution" and isinstance(each, str) else each for each in found]


def _question(asked: Source, models: Sequence[Model], scale: Mapping[str, Any], inplace: bool) -> Question | None:
    """What the front is drawn of: the spaces of all specs. None where a network cannot be varied, or where its variants
    are more than a page holds and no search has named some."""
    from archcost.accuracy import model as published
    from archcost.api.question import space_of
    from archcost.reports.page.front import MOST
    from archcost.search.constraints import Constraints
    from archcost.search.enumeration import Scale
    from archcost.search.question import Question

    spaces = []
    for spec, model, axes in zip(asked.specs, models, asked.axes, strict=True):
        try:
            spaces.append(space_of(Model(model.document, {}), _named(spec, model), axes))
        except ArchcostError:
            if asked.found.rows:
                raise
            return None
    if not asked.found.rows and sum(map(len, spaces)) > MOST:
        return None
    known = [published.of(model.document, "int8" if scale["dtype"] == "int8" else "float32") for model in models]
    if asked.found.origin and asked.found.statements != [each.statement for each in known]:
        known = [published.from_points(model.document, [], "") for model in models]  # accuracies are the user's own
    return Question(spaces, known, Constraints(), ("accuracy", "macs"), Scale(scale["batch"], scale["dtype"], inplace))


def _version() -> str:
    import archcost

    return archcost.__version__
