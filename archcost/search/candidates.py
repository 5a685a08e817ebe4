"""Candidates side by side in arrays: which variant each is, what it costs, how accurate and how fast it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

MAXIMISED = ("accuracy",)
"""Columns of which more is better; of all others, less."""


@dataclass(slots=True, eq=False)
class Candidates:
    """Arrays of one length; NaN is what nobody knows.

    space: which of the search's spaces; number: the variant's there; network: what tells one network of that space
    from another, in this process; macs, params: of one sample; bytes and seconds: of the batch; accuracy: percent, with
    the ends of its 80 % interval; published: the figure for just this variant; outside: whether the accuracy was
    extrapolated; seconds: predicted, with the ends of its interval; measured: NaN until it is.
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

    def __len__(self) -> int:
        return len(self.number)

    def chosen(self, which: Any) -> Candidates:
        """Some of them, by a mask or by their places, in that order."""
        return Candidates(*(getattr(self, f.name)[which] for f in fields(self)))

    def unique(self) -> Candidates:
        """Each network once: its first candidate."""
        import numpy as np

        both = np.stack([self.space.astype(np.uint64), self.network], axis=1)
        return self.chosen(np.sort(np.unique(both, axis=0, return_index=True)[1]))

    def row(self, place: int) -> dict[str, Any]:
        """One of them as plain numbers, by column."""
        return {f.name: getattr(self, f.name)[place].item() for f in fields(self)}

    def minimised(self, objective: str) -> Any:
        """A column turned so that less is better; a + before its name says that more is."""
        name = objective.removeprefix("+")
        column = getattr(self, name)
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


def joined(several: Sequence[Candidates]) -> Candidates:
    """Candidates after each other; at least one table of them."""
    import numpy as np

    return Candidates(*(np.concatenate([getattr(each, f.name) for each in several]) for f in fields(Candidates)))
