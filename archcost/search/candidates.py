"""Candidates side by side in arrays: which variant each is, what it costs, how accurate and how fast it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

MAXIMISED = ("accuracy",)
"""Columns of which more is better; of all others, less."""
TIMES = ("seconds", "seconds_low", "seconds_high", "measured")
"""Columns that a table has for each device."""


def named(quantity: str, device: str) -> str:
    """The column of a quantity of TIMES for one of several devices; "" where there is only one.

    >>> named("seconds", "cuda:1"), named("seconds", "")
    ('seconds cuda:1', 'seconds')
    """
    return f"{quantity} {device}" if device else quantity


def parted(column: str) -> tuple[str, str]:
    """A column's quantity and its device."""
    quantity, _, device = column.partition(" ")
    return quantity, device


@dataclass(slots=True, eq=False)
class Candidates:
    """Arrays of one length; NaN is what nobody knows.

    space: which of the search's spaces; number: the variant's there; network: what tells one network of that space
    from another, in this process; macs, params: of one sample; bytes and seconds: of the batch; accuracy: percent, with
    the ends of its 80 % interval; published: the figure for just this variant; outside: whether the accuracy was
    extrapolated; seconds: predicted, with the ends of its interval; measured: NaN until it is; more: these four for
    each of several devices, as `named`.
    """

    space: Any
    number: Any
    network: Any
    macs: Any
    params: Any
    weight_bytes: Any
    peak_activation_bytes: Any
    accuracy: Any
    accuracy_low: Any
    accuracy_high: Any
    published: Any
    outside: Any
    seconds: Any
    seconds_low: Any
    seconds_high: Any
    measured: Any
    more: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.number)

    def chosen(self, which: Any) -> Candidates:
        """Some of them, by a mask or by their places, in that order."""
        return Candidates(
            **{name: getattr(self, name)[which] for name in _OWN},
            more={name: values[which] for name, values in self.more.items()},
        )

    def column(self, name: str) -> Any:
        """By its name. Raises KeyError where the table has none of it."""
        return getattr(self, name) if name in _OWN else self.more[name]

    def having(self, columns: Mapping[str, Any]) -> Candidates:
        """The table with other columns, or more."""
        own = {name: values for name, values in columns.items() if name in _OWN}
        more = {name: values for name, values in columns.items() if name not in _OWN}
        return replace(self, **own, more={**self.more, **more})

    def unique(self) -> Candidates:
        """Each network once: its first candidate."""
        import numpy as np

        both = np.stack([self.space.astype(np.uint64), self.network], axis=1)
        return self.chosen(np.sort(np.unique(both, axis=0, return_index=True)[1]))

    def row(self, place: int) -> dict[str, Any]:
        """One of them as plain numbers, by column."""
        return {name: self.column(name)[place].item() for name in (*_OWN, *self.more)}

    def minimised(self, objective: str) -> Any:
        """A column turned so that less is better; a + before its name says that more is."""
        name = objective.removeprefix("+")
        column = self.column(name)
        return -column if name in MAXIMISED or name != objective else column

    def ranked(self, objective: str) -> Any:
        """Places by an objective, the best first; ties go to higher accuracy, fewer macs, fewer params, and then to
        the order of the spaces and of their variants, in which a smaller α comes first."""
        import numpy as np

        return np.lexsort(
            (
                self.number,
                self.space,
                self.params,
                self.macs,
                -np.nan_to_num(self.accuracy, nan=-1.0),
                np.nan_to_num(self.minimised(objective), nan=np.inf),
            )
        )


_OWN = tuple(each.name for each in fields(Candidates) if each.name != "more")


def joined(several: Sequence[Candidates]) -> Candidates:
    """Candidates after each other; at least one table of them."""
    import numpy as np

    def together(name: str) -> Any:
        return np.concatenate(
            [each.column(name) if name in (*_OWN, *each.more) else np.full(len(each), np.nan) for each in several]
        )

    more = dict.fromkeys(name for each in several for name in each.more)
    return Candidates(**{name: together(name) for name in _OWN}, more={name: together(name) for name in more})
