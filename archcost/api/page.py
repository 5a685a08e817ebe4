"""Pages to explore in: of a spec, of several side by side, or of what a search found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcost.analysis import conventions
from archcost.analysis.analysis import DTYPES, Analysis
from archcost.analysis.rows import TooLarge
from archcost.api.devices import need_device
from archcost.api.found import Entry, source_of
from archcost.api.model import Model, load
from archcost.errors import ArchcostError
from archcost.spec import ranges
from archcost.spec.settings import Settings, settle

if TYPE_CHECKING:
    from archcost.latency.prediction import Predictor
    from archcost.reports.page.found import Found
    from archcost.reports.page.networks import Subject
    from archcost.search.question import Question

DTYPE = "float32"
"""Of a page that is told no other, where its devices have times in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """An entry of a page, its model, and the settings that it begins with."""

    entry: Entry
    model: Model
    settings: Settings

    @property
    def name(self) -> str:
        """As it was asked for, settings aside."""
        return ranges.reference(self.entry.spec)[0] if self.model.given else self.entry.spec

    @property
    def free(self) -> dict[str, Any]:
        """Values of the parameters that have no choices."""
        parameters = self.model.document.parameters
        return {name: value for name, value in self.settings.parameters.items() if not parameters[name].choices}

    @property
    def space(self) -> str:
        """What networks with the same variants share."""
        return f"{self.name} {self.free} {dict(self.entry.axes)}"


def report(
    source: str | Path | Sequence[str | Path],
    *,
    device: str | Path | Iterable[str | Path] = (),
    mode: str | None = None,
    alpha: Any = None,
    resolution: Any = None,
    batch: int = 1,
    dtype: str | None = None,
    inplace: bool = True,
    convention: str | None = None,
    warn: Callable[[str], None] = lambda said: None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> str:
    """One HTML file that needs nothing else. source: a spec, the folder or result.json of a search, or several of them.

    alpha, resolution: the values that the knobs have: one, a list, or a range as text. batch, dtype, convention: where
    the page starts; without a dtype in that which most devices have times in. Of a search's result, batch, dtype and
    inplace are its own, and its device is there too. warn: is told what in a result is not what is computed here.
    progress: is told how many combinations of a network's parameters are done, and how many there are.
    Raises ArchcostError.
    """
    from archcost.reports.page import networks
    from archcost.reports.page.page import html

    asked = source_of(source)
    timed = _timed(device, mode or "", asked.found, warn)
    scale = {"batch": batch, "inplace": inplace, **asked.scale}
    scale["dtype"] = _dtype(asked.scale.get("dtype", dtype), timed)
    shown = [_shown(entry, asked.found) for entry in asked.entries]
    Analysis(shown[0].model.document, shown[0].settings, scale["batch"], scale["dtype"])  # raises for what none is
    question, front = _varied(shown, timed, asked.found, scale, warn)
    values = {"alphas": _values(alpha, "alpha"), "resolutions": _values(resolution, "resolution")}
    subjects = [
        _subject(each, at, question, asked.found, values) for each, at in zip(shown, _spaces(shown), strict=True)
    ]
    title = " · ".join(_titles(subjects))
    data = {
        "version": _version(),
        "title": title,
        "start": _start(shown, asked.found, scale, convention),
        "inplace": scale["inplace"],
        "dtypes": DTYPES,
        "conventions": networks.counters(),
        "devices": networks.devices(timed, subjects),
        "networks": [networks.network(subject, scale["inplace"], progress) for subject in subjects],
        **front,
    }
    return html(data, title)


def _start(shown: Sequence[Shown], found: Found, scale: Mapping[str, Any], convention: str | None) -> dict[str, Any]:
    """What a page begins with: of a search's, the spec of its winner."""
    specs = [each.entry.spec for each in shown]
    return {
        "active": specs.index(found.winner["spec"]) if found.winner else 0,
        "convention": None if convention is None else conventions.find(convention).name,
        "batch": scale["batch"],
        "dtype": scale["dtype"],
    }


def _timed(
    device: str | Path | Iterable[str | Path], mode: str, found: Found, warn: Callable[[str], None]
) -> list[Predictor]:
    """A predictor for each device that was named, and for that of a search; in any dtype that it has times in."""
    from archcost.latency.prediction import Predictor
    from archcost.latency.profile import find, names

    profiles = [find(str(each)) for each in ([device] if isinstance(device, (str, Path)) else device)]
    for profile in profiles:
        if [each.name for each in profiles].count(profile.name) > 1:
            said = "name each once, or change one profile's `name`"
            raise ArchcostError(f"two of the devices are named {profile.name}; {said}")
    modes = {profile.name: mode for profile in profiles}
    searched = [each for each in found.devices if not each.measured]
    for each in reversed(searched):
        if each.name not in modes and each.name in names():
            profiles.insert(0, find(each.name))
        elif each.name not in modes:
            warn(f"{each.name} is no profile here; its times are those of the search alone; add --device FILE")
        modes[each.name] = mode or each.mode
    need_device(mode, profiles)
    return [Predictor(profile, _first(profile, modes[profile.name]), modes[profile.name]) for profile in profiles]


def _first(profile: Any, mode: str) -> str:
    """A dtype that a profile has times in; raises ArchcostError where it has none in this mode."""
    from archcost.latency.prediction import Predictor

    refused: list[ArchcostError] = []
    for dtype in (DTYPE, *DTYPES):
        if dtype in profile.fits:
            try:
                Predictor(profile, dtype, mode).check()
                return dtype
            except ArchcostError as error:
                refused.append(error)
    raise refused[0]


def _has(predictor: Predictor, dtype: str) -> bool:
    """Whether its device has times in a dtype."""
    from dataclasses import replace

    try:
        replace(predictor, dtype=dtype).check()
    except ArchcostError:
        return False
    return dtype in predictor.profile.fits


def _dtype(asked: str | None, timed: Sequence[Predictor]) -> str:
    """The dtype that a page starts in. Raises ArchcostError for one that no device has times in."""
    if asked is None:
        return max((DTYPE, *DTYPES), key=lambda dtype: sum(_has(each, dtype) for each in timed))
    if timed and asked in DTYPES and not any(_has(each, asked) for each in timed):
        timed[0].profile.fit(asked)  # raises
    return asked


def _shown(entry: Entry, found: Found) -> Shown:
    """A network with the settings that it was asked for with, or that won."""
    model = load(entry.spec)
    chosen = entry.chosen or (found.winner if found.winner and found.winner["spec"] == entry.spec else None)
    if chosen is None:
        return Shown(entry, model, model.analyze().settings)
    size = chosen["resolution"]
    settings = settle(model.document, chosen["alpha"], None, tuple(size) if size else None, chosen["parameters"])
    return Shown(entry, model, settings)


def _titles(subjects: Sequence[Subject]) -> Sequence[str]:
    """The networks' own names; where some share one, what they are called on the page."""
    names = [*dict.fromkeys(subject.document.name for subject in subjects)]
    return names if len(names) == len(subjects) else [*dict.fromkeys(subject.label for subject in subjects)]


def _spaces(shown: Sequence[Shown]) -> list[int]:
    """Of each network the space of its variants: networks that vary alike are of one."""
    once = [*dict.fromkeys(each.space for each in shown)]
    return [once.index(each.space) for each in shown]


def _subject(shown: Shown, place: int, question: Question | None, found: Found, values: Mapping[str, Any]) -> Subject:
    """A network with its knobs, whose values are those of its variants too."""
    from archcost.reports.page.front import axes_of
    from archcost.reports.page.knobs import knobs
    from archcost.reports.page.networks import Subject

    document, settings = shown.model.document, shown.settings
    beside = [] if question is None else [axes_of(question, question.spaces[place], found)]
    rows = [row for row in found.rows if row["spec"] == shown.entry.spec]
    wanted = [settle(document, parameters=row["parameters"]).parameters for row in rows]
    turned = knobs(document, settings, **values, beside=beside)
    return Subject(shown.name, shown.entry.label, document, settings, turned, wanted)


def _values(given: Any, what: str) -> list[Any] | None:
    if given is None:
        return None
    if isinstance(given, str):
        found: list[Any] = [*ranges.values(given, what)]
    else:
        found = [*given] if isinstance(given, Iterable) else [given]
    return [ranges.resolution(each) if what == "resolution" and isinstance(each, str) else each for each in found]


def _question(shown: Sequence[Shown], found: Found, scale: Mapping[str, Any], lacking: list[str]) -> Question | None:
    """What the front is drawn of: the spaces of all specs. None where a network cannot be varied, or where its variants
    are more than a page holds and no search has named some, which `lacking` then says."""
    from archcost.accuracy import model as published
    from archcost.api.question import space_of
    from archcost.reports.page.front import MOST
    from archcost.search.constraints import Constraints
    from archcost.search.enumeration import Scale
    from archcost.search.question import Question

    places = _spaces(shown)
    once = [shown[places.index(place)] for place in range(1 + max(places))]
    spaces = []
    for each in once:
        document = each.model.document
        given = each.free if each.entry.chosen else {n: v for n, v in each.free.items() if n in each.model.given}
        try:
            spaces.append(space_of(Model(document, given), each.name, each.entry.axes))
        except ArchcostError:
            if found.rows:
                raise
            return None
    many = sum(map(len, spaces))
    if not found.rows and many > MOST:
        lacking.append(f"{many:,} variants are more than a page holds, {MOST:,}; search them, and report that")
        return None
    dtype = "int8" if scale["dtype"] == "int8" else "float32"
    known = [published.of(each.model.document, dtype) for each in once]
    if found.origin and found.statements != [each.statement for each in known]:
        known = [published.from_points(each.model.document, [], "") for each in once]  # accuracies are the user's own
    return Question(
        spaces, known, Constraints(), ("accuracy", "macs"), Scale(scale["batch"], scale["dtype"], scale["inplace"])
    )


def _varied(
    shown: Sequence[Shown],
    timed: Sequence[Predictor],
    found: Found,
    scale: Mapping[str, Any],
    warn: Callable[[str], None],
) -> tuple[Question | None, dict[str, Any]]:
    """What the front is drawn of, and the page's data about it: the front, or why there is none."""
    lacking: list[str] = []
    question = _question(shown, found, scale, lacking)
    drawn = None if question is None else _front(question, timed, found, lacking, warn)
    for said in lacking:
        warn(f"no front: {said}")
    return question, {"front": drawn and {**drawn, "of": _spaces(shown)}, "lacking": lacking}


def _front(
    question: Question, timed: Sequence[Predictor], found: Found, lacking: list[str], warn: Callable[[str], None]
) -> dict[str, Any] | None:
    """The variants; None where numbers of some are too large, which `lacking` then says."""
    from dataclasses import replace

    from archcost.reports.page.front import front

    dtype = question.scale.dtype
    try:
        drawn = front(question, [replace(each, dtype=dtype) for each in timed if _has(each, dtype)], found)
    except TooLarge as error:
        lacking.append(str(error))
        return None
    for said in drawn["differences"]:
        warn(f"{found.origin} says otherwise: {said}")
    return drawn


def _version() -> str:
    import archcost

    return archcost.__version__
