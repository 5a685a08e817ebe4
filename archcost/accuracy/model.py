"""What is known about one spec's accuracy, by one recipe: the surface through its points, or just the points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archcost import dims
from archcost.accuracy import published
from archcost.accuracy import surface as surfaces
from archcost.accuracy.published import Point
from archcost.accuracy.surface import Surface
from archcost.errors import ArchcostError, SpecError
from archcost.graph import build
from archcost.spec import document as documents
from archcost.spec import zoo
from archcost.spec.parts import Document
from archcost.spec.settings import Settings, settle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Arrays of one shape. value: percent, with the ends of its 80 % interval; NaN is what nobody knows.

    published: the figure for exactly this network, NaN where there is none; outside: whether the value is extrapolated.
    """

    value: Floats
    low: Floats
    high: Floats
    published: Floats
    outside: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The points at one choice of all parameters, and the surface through them, where they are enough for one."""

    parameters: Mapping[str, Any]
    points: Sequence[Point]
    surface: Surface | None


@dataclass(frozen=True, slots=True, eq=False)
class Accuracy:
    """Estimates for one spec. recipe: how the points were trained, empty where nothing is known; defaults: the spec's
    own parameters."""

    spec: str
    recipe: str
    defaults: Mapping[str, Any]
    groups: Sequence[Group]

    @property
    def points(self) -> list[Point]:
        return [point for group in self.groups for point in group.points]

    @property
    def surfaces(self) -> list[Surface]:
        return [group.surface for group in self.groups if group.surface is not None]

    @property
    def sources(self) -> list[str]:
        """Where the points stand, each source once."""
        return list(dict.fromkeys(point.source for point in self.points))

    @property
    def statement(self) -> str:
        """What it rests on, in one line."""
        if not self.points:
            return f"{self.spec}: no accuracy is known"
        count = len(self.points)
        text = f"{self.spec}: {self.recipe}, {count} point{'s' * (count > 1)}"
        for found in self.surfaces:
            (narrow, wide), (small, large) = found.alphas, found.resolutions
            text += (
                f"; a surface over log α and log resolution fitted to {found.count} of them (α {narrow:g} to {wide:g}, "
                f"{small:g} to {large:g} pixels), {found.error:.2f} percentage points off at a point left out (RMSE)"
            )
        return text

    def estimate(self, alpha: Any, resolution: Any, parameters: Mapping[str, Any] | None = None) -> Estimate:
        """Estimates of the shape that the arguments broadcast to.

        alpha: numbers, or an exact fraction of arrays; resolution: (height, width), or sizes that are both, or None
        for a spec without either; parameters: values or arrays by name, the spec's own for those not named.
        """
        import numpy as np

        alpha = np.round(np.asarray(dims.as_float(alpha), float), dims.DECIMALS)
        height, width = _sizes(resolution)
        given = {**self.defaults, **(parameters or {})}
        masks = [_all(_equal(given[name], value) for name, value in g.parameters.items()) for g in self.groups]
        shape = np.broadcast_shapes(*(np.shape(each) for each in (alpha, height, width, *_arrays(given))))
        alpha = np.atleast_1d(alpha)  # a shape without axes cannot be indexed
        columns = [np.full(shape or (1,), np.nan) for _ in range(4)]
        outside = np.zeros(shape or (1,), bool)
        for group, mask in zip(self.groups, masks, strict=True):
            if not np.any(mask):
                continue
            _note(columns[3], group.points, alpha, height, width, mask)
            if group.surface is None:
                found = [columns[3]] * 3
            else:
                *found, beyond = group.surface(alpha, height if height is width else np.sqrt(height * width))
                beyond = beyond | (height != width)  # no network was ever published for an oblong input
                np.copyto(outside, beyond, where=mask)
            for column, values in zip(columns, found, strict=False):
                np.copyto(column, values, where=mask)
        value, low, high, exact = (column.reshape(shape) for column in columns)
        return Estimate(value, low, high, exact, outside.reshape(shape))

    def settings(self, settings: Settings) -> Estimate:
        """The same for settings as analysis takes them."""
        return self.estimate(settings.alpha, settings.resolution, settings.parameters)

    def at(self, settings: Settings) -> Point | None:
        """The point of exactly one model, with its source; None where there is none."""
        alpha = round(float(dims.as_float(settings.alpha)), dims.DECIMALS)
        given = {**self.defaults, **settings.parameters}
        for group in self.groups:
            if all(dims.same(given[name], value) for name, value in group.parameters.items()):
                for point in group.points:
                    if (point.alpha, point.resolution) == (alpha, settings.resolution):
                        return point
        return None


def of(document: Document, dtype: str = "float32", recipe: str | None = None) -> Accuracy:
    """What is published about a spec of the zoo, by one recipe, if need be that with the most points; nothing for other
    specs, a changed copy of the zoo's among them.

    Raises ArchcostError for a recipe that the spec has no figures of.
    """
    known = published.of(document.name, dtype) if is_the_zoos(document) else []
    if recipe is not None and not known:
        raise ArchcostError(f"{document.name}: nothing is published in {dtype}, so nothing of recipe {recipe}")
    points = published.by_recipe(known, recipe)
    return from_points(document, points, points[0].recipe if points else "")


def from_points(document: Document, points: Sequence[Point], recipe: str) -> Accuracy:
    """Groups points of a spec by their parameters, and fits a surface to each group that is large enough."""
    defaults = settle(document).parameters
    grouped: list[tuple[Mapping[str, Any], list[Point]]] = []
    for point in points:
        own = settle(document, parameters=point.parameters).parameters
        for parameters, members in grouped:
            if all(dims.same(own[name], parameters[name]) for name in own):
                members.append(point)
                break
        else:
            grouped.append((own, [point]))
    return Accuracy(
        document.name,
        recipe,
        defaults,
        [Group(parameters, members, _surface(members)) for parameters, members in grouped],
    )


def is_the_zoos(document: Document) -> bool:
    """Whether a spec is the zoo's of its name, wherever its file lies and whatever its comments say: the same text, or
    the same networks at two widths and at every choice of each parameter."""
    if document.name not in zoo.names():
        return False
    file = zoo.find(document.name)
    if document.file == str(file) or document.text == file.read_text(encoding="utf-8"):
        return True
    own = documents.read(file)
    return list(document.parameters) == list(own.parameters) and _networks(document) == _networks(own)


def _networks(document: Document) -> list[str] | None:
    """Digests; None where the spec has problems."""
    from archcost.latency.subject import digest  # seldom needed, and slow to import

    chosen = [{name: choice} for name, each in document.parameters.items() for choice in each.choices or ()]
    try:
        tried = [(alpha, given) for alpha in (1, "0.5") for given in ({}, *chosen)]
        return [digest(build(document, settle(document, alpha, parameters=given))) for alpha, given in tried]
    except SpecError:
        return None


def _surface(points: Sequence[Point]) -> Surface | None:
    square = [(p.alpha, p.resolution[0], p.top1) for p in points if p.resolution and p.resolution[0] == p.resolution[1]]
    if len(square) < surfaces.FEWEST or len(square) < len(points):
        return None
    return surfaces.fit(*zip(*square, strict=True))


def _sizes(resolution: Any) -> tuple[Any, Any]:
    """Height and width as arrays of floats, one object where they are one; 0 where there is none."""
    import numpy as np

    if resolution is None:
        resolution = 0
    if not isinstance(resolution, tuple):
        both = np.asarray(resolution, float)
        return both, both
    height = np.asarray(resolution[0], float)
    return height, height if resolution[1] is resolution[0] else np.asarray(resolution[1], float)


def _equal(given: Any, value: Any) -> Any:
    """Whether a parameter, or each of an array of them, has a value."""
    if any(dims.is_array(part) for part in dims.parts(given)):
        return dims.among(given, (value,))
    return dims.same(given, value)


def _arrays(given: Mapping[str, Any]) -> list[Any]:
    return [part for value in given.values() for part in dims.parts(value) if dims.is_array(part)]


def _all(conditions: Any) -> Any:
    import numpy as np

    met: Any = np.True_
    for condition in conditions:
        met = met & condition
    return met


def _note(into: Any, points: Sequence[Point], alpha: Any, height: Any, width: Any, mask: Any) -> None:
    """Writes each point's figure to where its network is."""
    import numpy as np

    sizes = [point.resolution or (0, 0) for point in points]
    likely = np.isin(alpha, [point.alpha for point in points]) & mask
    likely = likely & np.isin(height, [each[0] for each in sizes]) & np.isin(width, [each[1] for each in sizes])
    places = np.nonzero(np.broadcast_to(likely, into.shape))
    here = [np.broadcast_to(each, into.shape)[places] for each in (alpha, height, width)]
    known = {(p.alpha, *size): p.top1 for p, size in zip(points, sizes, strict=True)}
    for (a, h, w), top1 in known.items():
        same = (here[0] == a) & (here[1] == h) & (here[2] == w)
        into[tuple(axis[same] for axis in places)] = top1
