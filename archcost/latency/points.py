"""Points to predict, measure or fit: rows of a CSV that name networks, or single convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from archcost import dims
from archcost.dims import Number, Ratio
from archcost.errors import ArchcostError, SpecError
from archcost.graph import Network, build
from archcost.latency import table as csv_table
from archcost.latency.table import Problems, Table, quoted, whole
from archcost.ops import window
from archcost.ops.convolution import Conv2d
from archcost.ops.fields import Margins
from archcost.shape import TensorShape
from archcost.spec import document as documents
from archcost.spec import loading, ranges, zoo
from archcost.spec.parts import Document
from archcost.spec.settings import Settings, settle

POINT_COLUMNS = ("spec", "alpha", "resolution", "batch")
LATENCY = "latency_ms"
LAYER_COLUMNS = ("batch", "in_channels", "out_channels", "kernel", "input_size", "stride", "padding")
LAYER_LATENCY = "milliseconds"
GROUPS = "groups"
STATUS = "status"


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A spec with the settings that its reference names: `mobilenetv1@depth=0`."""

    document: Document
    given: Mapping[str, str]

    def settings(self, alpha: str = "", resolution: str = "") -> Settings:
        """The settings with a row's α and resolution; an empty text keeps the reference's, else the spec's own.

        Raises ArchcostError for values that no model of this spec can have.
        """
        given = dict(self.given)
        own = {name: given.pop(name, None) for name in ("alpha", "rho", "resolution")}
        if resolution:
            own |= {"rho": None, "resolution": resolution}
        return settle(self.document, alpha or own["alpha"], own["rho"], own["resolution"], given)


@dataclass(slots=True, eq=False)
class Points:
    """Networks, one a row; all lists are in the order of `table.rows`.

    specs: the texts of the cells; references: what each distinct one means; seconds: empty unless asked for.
    """

    table: Table
    specs: list[str]
    settings: list[Settings]
    batches: list[int]
    seconds: list[float]
    references: dict[str, Reference]

    def __len__(self) -> int:
        return len(self.table)

    def network(self, row: int) -> Network:
        """Raises SpecError where the spec has no network at this row's settings."""
        return build(self.references[self.specs[row]].document, self.settings[row])

    def variants(self, spec: str) -> tuple[list[int], Settings]:
        """The rows of one of `references`, and their settings as one batch: int64 arrays, an entry a row."""
        import numpy as np

        rows = [row for row, name in enumerate(self.specs) if name == spec]
        chosen = [self.settings[row] for row in rows]
        fractions = (dims.parts(each.alpha) for each in chosen)
        alpha: Number = Ratio(np.array([n * (dims.UNIT // d) for n, d in fractions], np.int64), dims.UNIT)
        if chosen[0].resolution is None:
            return rows, Settings(alpha, None, chosen[0].parameters)
        sizes = np.array([each.resolution for each in chosen], np.int64)
        height, width = sizes.T
        square = bool((height == width).all())
        return rows, Settings(alpha, (height, height if square else width), chosen[0].parameters)


class ConvShape(NamedTuple):
    """A convolution and what it runs on; depthwise where groups = in_channels. Pairs are (height, width)."""

    batch: int
    in_channels: int
    out_channels: int
    kernel: tuple[int, int]
    input_size: tuple[int, int]
    stride: tuple[int, int]
    padding: Margins
    groups: int

    @property
    def operator(self) -> Conv2d:
        return Conv2d(self.out_channels, self.kernel, self.stride, self.padding, groups=self.groups)

    @property
    def input_shape(self) -> TensorShape:
        return TensorShape((self.in_channels, *self.input_size))

    def cells(self) -> dict[str, str]:
        """The row that `read_layers` reads this from."""
        padding = [f"{before}" if before == after else f"{before}:{after}" for before, after in self.padding]
        pairs = {"kernel": self.kernel, "input_size": self.input_size, "stride": self.stride, "padding": padding}
        found = {name: str(getattr(self, name)) for name in (*LAYER_COLUMNS, GROUPS)}
        return found | {name: str(a) if a == b else f"{a}x{b}" for name, (a, b) in pairs.items()}


@dataclass(slots=True, eq=False)
class Layers:
    """Single convolutions, one a row, in the order of `table.rows`; seconds: empty unless asked for.

    whole: the file with its other rows, which are no convolutions; kept: the places of the convolutions there, unless
    times were asked for.
    """

    table: Table
    shapes: list[ConvShape]
    seconds: list[float]
    whole: Table
    kept: list[int]

    def __len__(self) -> int:
        return len(self.table)


def read_points(path: str | Path, *, measured: bool = False, where: Mapping[str, str] | None = None) -> Points:
    """Rows `spec,alpha,resolution,batch`, and `latency_ms` where they must be `measured`; more columns may stand there.

    where: column -> text; only rows with just these cells are kept. Raises ArchcostError, TableError with all problems.
    """
    table = csv_table.read(path, (*POINT_COLUMNS, LATENCY) if measured else POINT_COLUMNS, where)
    if measured:
        table = _good(table)
    problems = Problems(table.file)
    batches = table.parsed("batch", whole, problems)
    alphas = table.parsed("alpha", _alpha, problems)
    seconds = table.parsed(LATENCY, csv_table.milliseconds, problems) if measured else []
    specs, resolutions = table.column("spec"), table.column("resolution")
    references = _references(table, specs, problems)
    known: dict[tuple[str, str, str], Settings | str] = {}
    settings: list[Any] = []
    for line, spec, alpha, resolution in zip(table.lines, specs, alphas, resolutions, strict=True):
        if alpha is None or spec not in references:
            continue
        key = (spec, alpha, resolution)
        if key not in known:
            known[key] = _settled(references[spec], alpha, resolution)
        found = known[key]
        if isinstance(found, str):
            problems.add(line, found)
        settings.append(found)
    problems.check()
    return Points(table, specs, settings, batches, seconds, references)  # type: ignore[arg-type]


def read_layers(path: str | Path, *, measured: bool = False, where: Mapping[str, str] | None = None) -> Layers:
    """Rows `batch,in_channels,out_channels,kernel,input_size,stride,padding`, optionally `groups`, and `milliseconds`
    where they must be `measured`; more columns may stand there.

    Sizes are `3`, or `1x7` as height × width; padding may also be `same`, `valid`, or `0:1x0:1` (before:after for
    each). Raises ArchcostError, TableError with all problems.
    """
    table = csv_table.read(path, (*LAYER_COLUMNS, LAYER_LATENCY) if measured else LAYER_COLUMNS, where)
    sizes = zip(*(table.column(name) for name in LAYER_COLUMNS[1:]), strict=True)
    others = [row for row, cells in enumerate(sizes) if not any(cells)]
    whole_table = table
    table = csv_table.without(table, others, "they are no convolutions")
    if measured:
        table = _good(table)
    problems = Problems(table.file)
    readers: dict[str, Any] = {"kernel": _pair, "input_size": _pair, "stride": _pair, "padding": _padding}
    columns = [table.parsed(name, readers.get(name, whole), problems) for name in LAYER_COLUMNS]
    groups = table.parsed(GROUPS, lambda text: whole(text) if text else 1, problems) if GROUPS in table else None
    seconds = table.parsed(LAYER_LATENCY, csv_table.milliseconds, problems) if measured else []
    known: dict[tuple[Any, ...], ConvShape | str] = {}
    shapes: list[Any] = []
    for line, *cells in zip(table.lines, *columns, groups or [1] * len(table), strict=True):
        key = tuple(cells)
        if None in key:
            continue
        if key not in known:
            known[key] = _convolution(*key)
        found = known[key]
        if isinstance(found, str):
            problems.add(line, found)
        shapes.append(found)
    problems.check()
    kept = sorted(set(range(len(whole_table))) - set(others))
    return Layers(table, shapes, seconds, whole_table, kept)  # type: ignore[arg-type]


def _good(table: Table) -> Table:
    """Without measurements that failed, where `measure` says so."""
    status = table.column(STATUS) if STATUS in table else []
    failed = [row for row, text in enumerate(status) if text not in ("", "ok")]
    return csv_table.without(table, failed, "their status is not ok")


def refer(spec: str, folder: Path = Path()) -> Reference:
    """A spec by its path, or a zoo name, with settings after an @; a relative path may start at `folder`.

    Raises ArchcostError where there is none, SpecError with its problems.
    """
    found = _path(spec, folder)
    settings: dict[str, str] = {}
    if found is None:
        name, settings = ranges.reference(spec)
        found = _path(name, folder)
    document = documents.read(found) if found is not None else loading.open_name(name)
    if document.problems:
        raise document.error(document.problems)
    return Reference(document, settings)


def _path(text: str, folder: Path) -> Path | None:
    for path in (Path(text), folder / text):
        if text not in zoo.names() and zoo.exists(path):
            return path
    return None


def _references(table: Table, specs: list[str], problems: Problems) -> dict[str, Reference]:
    """Each distinct spec, read once; one problem for each that cannot be."""
    found: dict[str, Reference] = {}
    for spec in dict.fromkeys(specs):
        line = table.lines[specs.index(spec)]
        try:
            if not spec:
                problems.add(line, "spec is missing")
                continue
            found[spec] = refer(spec, Path(table.file).parent)
        except SpecError as error:
            first = str(error).split("\n")[0]
            more = f" (and more; `archcost analyze {spec}` shows all)" if len(error.problems) > 1 else ""
            problems.add(line, f"{first}{more}")
        except ArchcostError as error:
            problems.add(line, str(error))
    return found


def _settled(reference: Reference, alpha: str, resolution: str) -> Settings | str:
    """The settings of a row, or what is wrong with them."""
    try:
        return reference.settings(alpha, resolution)
    except SpecError as error:
        return str(error).split("\n")[0]
    except ArchcostError as error:
        return str(error)


def _alpha(text: str) -> str:
    """The text itself, checked; empty for the spec's own."""
    try:
        if text and dims.differs(dims.parts(dims.exact(text))[0] <= 0):
            raise ValueError
    except ValueError:
        raise ValueError(f"must be a positive number, not {quoted(text)}") from None
    return text


def _pair(text: str) -> tuple[int, int]:
    height, x, width = text.lower().replace("×", "x").partition("x")
    both = whole(height.strip())
    return (both, whole(width.strip())) if x else (both, both)


@cache
def _padding(text: str) -> Margins | str:
    if text in ("same", "valid"):
        return text
    height, x, width = text.lower().replace("×", "x").partition("x")
    vertical = _edges(height)
    return (vertical, _edges(width)) if x else (vertical, vertical)


def _edges(text: str) -> tuple[int, int]:
    before, colon, after = text.partition(":")
    first = whole(before.strip(), 0)
    return (first, whole(after.strip(), 0)) if colon else (first, first)


def _convolution(*sizes: Any) -> ConvShape | str:
    """The convolution of a row, its padding in numbers; or what is wrong with it, as the operator says it."""
    shape = ConvShape(*sizes)
    for condition, template, *values in shape.operator.problems(shape.input_shape):
        if condition:
            return str(template.format(*values))
    return shape._replace(padding=window.margins(shape.input_shape, shape.padding, shape.kernel, shape.stride))
