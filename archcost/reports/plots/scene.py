"""What is in a Pareto plot, before anything is drawn: who is on which front, who is ringed, named and labelled."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from archcost.errors import ArchcostError
from archcost.reports.plots import style
from archcost.reports.plots.labels import Label
from archcost.reports.plots.marks import CLOUD, MOST_DOTS, RADIUS, RING, STAR
from archcost.reports.plots.series import ACCURACY, AXES, Series

MOST_FOUND = 10
"""Of a long front of estimates so many have labels."""
SAME = 0.02
"""Of the range of accuracies, within which two figures for the same network need one label."""
DECADES = 12
"""That a log axis shows at most."""


class Scene:
    """Series, each with its colour and marker, against several costs.

    x: of AXES, a panel each; y: of AXES. fronts: by x, of each series which networks are on the front. named: titles
    that stand beside their points instead of in the legend; settings: what other labels say.
    Raises ArchcostError where nothing can be shown.
    """

    def __init__(self, series: Sequence[Series], x: Sequence[str], y: str = ACCURACY) -> None:
        self.series, self.x, self.y = series, x, y
        if y in x:
            raise ArchcostError(f"{y} against itself shows nothing; take another --x or --y")
        specs = [each.spec for each in series]
        self.looks = {
            spec: (style.COLOURS[i % len(style.COLOURS)], style.MARKERS[(i + i // 8) % len(style.MARKERS)])
            for i, spec in enumerate(dict.fromkeys(specs))
        }
        for name in (*x, y):
            _check(series, name)
        self.fronts = {name: front(series, name, y) for name in x}
        for name in x:
            if not any(mask.any() for mask in self.fronts[name]):
                raise ArchcostError(_nothing(series, name, y))
        alone = [each for each in series if len(each) == 1 and specs.count(each.spec) == 1]
        self.named = [each.title for each in alone] if len(series) > 1 else []
        self.settings = list(dict.fromkeys(name for each in series for name in each.varying))
        if not self.settings and not self.named:
            self.settings = ["alpha", "resolution"]

    @property
    def rings(self) -> bool:
        """Whether the fronts differ."""
        return any(self.ringed(place, name).any() for name in self.x for place in range(len(self.series)))

    def at(self, place: int, name: str) -> Any:
        """Where a series' networks stand; [n, 2], in the units of AXES, NaN where nobody knows."""
        import numpy as np

        parts = [self.series[place].columns[AXES[axis].column] / AXES[axis].unit for axis in (name, self.y)]
        found: Any = np.stack(parts, axis=1)
        found[np.isnan(found).any(axis=1)] = np.nan
        return found

    def everything(self, name: str) -> Any:
        """Where the networks of all series stand; [n, 2]."""
        import numpy as np

        found: Any = np.vstack([self.at(place, name) for place in range(len(self.series))])
        return found[~np.isnan(found).any(axis=1)]

    def corners(self, name: str) -> Any:
        """The points of the front, the cheapest first; [n, 2]."""
        import numpy as np

        found: Any = np.vstack([self.at(place, name)[on] for place, on in enumerate(self.fronts[name])])
        return found[np.lexsort((found[:, 1], found[:, 0]))]

    def known(self, place: int, name: str) -> Any:
        """Which networks of a series have a place in a panel."""
        import numpy as np

        return ~np.isnan(self.at(place, name)[:, 0])

    def ringed(self, place: int, name: str) -> Any:
        """Which networks of a series are on another panel's front, but not on this one's, and seen here."""
        import numpy as np

        others = np.any([masks[place] for masks in self.fronts.values()], axis=0)
        return others & ~self.fronts[name][place] & self.known(place, name)

    def outstanding(self, place: int, name: str) -> Any:
        """Which networks of a series are on a front, or won."""
        found = self.fronts[name][place] | self.ringed(place, name)
        winner = self.series[place].winner
        if winner is not None:
            found[winner] = True
        return found

    def marked(self, place: int, name: str) -> Any:
        """Which networks of a series have markers; those of a cloud are dots."""
        return self.known(place, name) & (self.outstanding(place, name) | (len(self.series[place]) <= CLOUD))

    def radii(self, place: int, name: str) -> Any:
        """Of the markers of a series, in points."""
        import numpy as np

        radii = np.where(self.ringed(place, name), RING, RADIUS)
        winner = self.series[place].winner
        if winner is not None:
            radii[winner] = STAR
        return radii

    def labels(self, name: str, named: Sequence[str]) -> tuple[list[Label], int]:
        """What is to be labelled, the most important first: winners, names, the front, the rest; and how many of these
        are too many to begin with. named: titles that stand beside their points."""
        import numpy as np

        found: list[Label] = []
        spared = 0
        seen: set[tuple[Any, ...]] = set()
        near = SAME * float(np.ptp(self.everything(name)[:, 1])) or 1.0
        for place, each in enumerate(self.series):
            at, on, radii = self.at(place, name), self.fronts[name][place], self.radii(place, name)
            wanted = self.outstanding(place, name) | each.published | (bool(each.measured) and len(each) <= MOST_DOTS)
            own: dict[tuple[Any, ...], Label] = {}
            for row in np.flatnonzero(wanted & self.known(place, name)).tolist():
                label = self._label(place, row, at[row], float(radii[row]), bool(on[row]), named)
                key = (each.spec, label.text, f"{label.x:.9g}", round(label.y / near))
                if label.text and (key not in seen or not label.rank):  # one for the same network from two sources
                    own[key] = label
            seen |= own.keys()
            kept = _few([*own.values()], all_of_them=bool(each.published or each.measured) and len(own) <= CLOUD)
            spared += len(own) - len(kept)
            found += kept
        return sorted(found, key=lambda label: (label.rank, label.x, label.y)), spared

    def _label(self, place: int, row: int, at: Any, radius: float, on: bool, named: Sequence[str]) -> Label:
        each = self.series[place]
        name, winner = each.title if each.title in named else "", row == each.winner
        text = each.text(row, self.settings)
        if name or (winner and len(self.looks) > 1):  # the star hides its colour
            text = f"{each.title} {text}".strip()
        rank = 0 if winner else 1 if name else 2 if on or radius == RING else 3
        colour = style.BLACK if name or winner else style.ink(self.looks[each.spec][0])
        return Label(float(at[0]), float(at[1]), text, colour, radius, bold=winner, rank=rank, name=name)


def front(series: Sequence[Series], x: str, y: str = ACCURACY) -> list[Any]:
    """For each series, which of its networks none of all the series' is both cheaper and better than; x, y: of AXES."""
    import numpy as np

    from archcost.search import pareto

    ends = np.cumsum([0, *map(len, series)])
    cost, value = (np.concatenate([each.columns[AXES[name].column] for each in series]) for name in (x, y))
    known = np.flatnonzero(~np.isnan(cost) & ~np.isnan(value))
    on = np.zeros(len(cost), bool)
    on[known] = pareto.front([cost[known], -value[known] if y == ACCURACY else value[known]])
    return [on[start:end] for start, end in itertools.pairwise(ends)]


def _few(labels: Sequence[Label], all_of_them: bool) -> list[Label]:
    """All of some labels; of many a few, evenly along the front, the winner among them."""
    ordered = sorted(labels, key=lambda label: (label.x, label.y))
    last = len(ordered) - 1
    if all_of_them or last < 2 * MOST_FOUND:
        return ordered
    places = {round(last * place / (MOST_FOUND - 1)) for place in range(MOST_FOUND)}
    return [label for place, label in enumerate(ordered) if place in places or not label.rank]


def _check(series: Sequence[Series], name: str) -> None:
    """Raises ArchcostError for what a log axis cannot show."""
    import numpy as np

    if name == ACCURACY:
        return
    values = [each.columns[AXES[name].column] for each in series]
    for each, column in zip(series, values, strict=True):
        if (column <= 0).any():
            raise ArchcostError(f"{each.title}: a network with {name} of 0 has no place on a log axis")
    known = np.concatenate(values)
    known = known[~np.isnan(known)]
    if len(known) and np.log10(known.max()) - np.log10(known.min()) > DECADES:
        raise ArchcostError(f"{name}: from {known.min():g} to {known.max():g} is more than a log axis can show")


def _nothing(series: Sequence[Series], name: str, y: str) -> str:
    import numpy as np

    specs = ", ".join(dict.fromkeys(each.title for each in series))

    def unknown(axis: str) -> bool:
        return all(bool(np.isnan(each.columns[AXES[axis].column]).all()) for each in series)

    if y == ACCURACY and unknown(y):
        return f"{specs}: no accuracy is known of any network here, so there is nothing to plot"
    for axis in (name, y):
        if axis == "latency" and unknown(axis):
            return (
                f"{specs}: no latency is known here; name a CSV with a column latency_ms (`archcost measure` writes "
                "one), or a search or a sweep with --device"
            )
    return f"{specs}: no network here has both {name} and {y} known"
