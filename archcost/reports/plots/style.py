"""How pictures look, and how they become bytes: the same figure is the same file."""

from __future__ import annotations

import io
import itertools
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MILLIMETRES = 25.4
"""Of an inch, in which matplotlib has sizes."""
WIDTH = 88.0
"""Millimetres of one column of a paper in two."""
DPI = 300
FORMS = ("png", "svg", "pdf")
BLACK, GREY = "#000000", "#767676"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Okabe and Ito's, which colour-blind people tell apart, without yellow, which is faint on white."""
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "p")
SMALL = 6.0
"""Points; no text is smaller at the printed width."""
_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same
    "font.size": 7,
    "text.parse_math": False,  # a $ in a name is a $
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.borderaxespad": 0.3,
    "legend.labelspacing": 0.35,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlepad": 4,
    "axes.labelpad": 2,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.4,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "lines.linewidth": 0.9,
    "hatch.linewidth": 0.5,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "pdf.fonttype": 42,  # publishers refuse Type 3
    "svg.fonttype": "path",  # looks the same wherever it is opened
    "svg.hashsalt": "archcost",
}


@contextmanager
def styled() -> Iterator[None]:
    """Within it, figures are drawn in the house's style, whatever the user's own settings of matplotlib."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def figure(width: float = WIDTH, height: float = 0.75 * WIDTH, dpi: int = DPI) -> Figure:
    """An empty figure, in millimetres, that needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = Figure((width / MILLIMETRES, height / MILLIMETRES), dpi=dpi, layout="constrained")
    FigureCanvasAgg(found)
    return found


def rendered(figure: Figure, form: str) -> bytes:
    """The file's content; form: one of FORMS. Nothing of when and by which version it was made is in it."""
    dates: dict[str, Any] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": "archcost"},
        "pdf": {"CreationDate": None, "Producer": None, "Creator": "archcost"},
    }
    buffer = io.BytesIO()
    more: dict[str, Any] = {"pil_kwargs": {"optimize": True}} if form == "png" else {}
    figure.savefig(buffer, format=form, dpi=figure.dpi, metadata=dates[form], **more)
    return buffer.getvalue()


def ink(colour: str) -> str:
    """A colour dark enough for small text on white: light ones are darkened."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    darker = min(1.0, 110 / (0.3 * red + 0.59 * green + 0.11 * blue + 1))
    return "#" + "".join(f"{round(part * darker):02x}" for part in (red, green, blue))


def legible(text: str) -> str:
    """Text in characters that the font has, on one line; a square stands for others."""
    words = " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in text).split())
    return "".join(character if _has(character) else "□" for character in words)


@cache
def _has(character: str) -> bool:
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont(_STYLE["font.family"]))
    return bool(font.get_char_index(ord(character)))


def wrapped(figure: Any, text: str, width: float, **look: Any) -> str:
    """Text in lines of at most so many pixels."""
    for most in (200, *range(120, 40, -4), *range(40, 4, -1)):
        lines = textwrap.fill(text, most)
        drawn = figure.text(0, 0, lines, **look)
        extent = drawn.get_window_extent(figure.canvas.get_renderer())
        drawn.remove()
        if extent.width <= width:
            break
    return lines


DIGITS = ((1, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))


def plain_ticks(axis: Any, low: float, high: float, sparser: int = 0) -> None:
    """Ticks of a log axis at 1, 2, 5 times powers of ten, written out, as many as read well; sparser: how many steps
    fewer."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    if high / low < 3 and sparser < 4:
        axis.set_major_locator(MaxNLocator(5 - sparser, steps=[1, 2, 5, 10]))
        return
    dense = 0 if high / low < 6 else 1 if high / low < 15 else 2 if high / low < 3e3 else 4
    digits = DIGITS[min(dense + sparser, len(DIGITS) - 1)]
    every = max(1, dense + sparser - len(DIGITS) + 2)
    ticks = [digit * 10.0**power for power in range(-24, 25, every) for digit in digits]
    ticks = [tick for tick in ticks if low <= tick <= high]
    axis.set_major_locator(FixedLocator(ticks))


def thin_ticks(axis: Any) -> bool:
    """Fewer ticks on a log axis, until none of their labels touch; whether there were too many. The figure must have
    been laid out."""
    low, high = axis.get_view_interval()
    for sparser in range(1, 10):
        labels = zip(axis.get_majorticklabels(), axis.get_majorticklocs(), strict=True)
        boxes = [label.get_window_extent() for label, at in labels if low <= at <= high]
        room = 2 * axis.get_figure().dpi / 72
        if all(b.x0 - a.x1 > room or b.y0 - a.y1 > 0 for a, b in itertools.pairwise(boxes)):
            return sparser > 1
        plain_ticks(axis, low, high, sparser)
    return True
