"""A CSV file as it was written: its header and cells, the line of each row, and all that is wrong with it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from archcost import dims
from archcost.errors import ArchcostError, Mark, Problem, SpecError, printable
from archcost.ops.fields import LARGEST_SIZE
from archcost.spec.names import unknown

LARGEST_FILE = 2**30
MOST_SHOWN = 20
MOST_VALUES = 10

T = TypeVar("T")


class TableError(SpecError):
    """All problems of one CSV file, each with its line: `points.csv:7: …`."""

    def _show(self, problem: Problem) -> str:
        place = f"{self.file}:{problem.mark.line}" if problem.mark else self.file
        return f"{place}: {printable(problem.message)}"


@dataclass(slots=True)
class Problems:
    """Gathers what is wrong with a file; the first of them are shown, the others counted."""

    file: str
    found: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, message: str) -> None:
        self.count += 1
        if len(self.found) < 10 * MOST_SHOWN:  # columns are read one after the other; lines are sorted when shown
            self.found.append(Problem(message, Mark(line, 1)))

    def check(self) -> None:
        """Raises TableError where there are any."""
        if not self.count:
            return
        shown = sorted(self.found, key=lambda problem: problem.mark.line if problem.mark else 0)[:MOST_SHOWN]
        error = TableError(self.file, tuple(shown))
        if self.count > len(shown):
            error.problems += (Problem(f"and {self.count - len(shown):,} more problems"),)
        raise error


@dataclass(slots=True, eq=False)
class Table:
    """header: the names as written; rows: their cells as written, in the file's order; lines: where each row began;
    notes: what was left out of the file, and why."""

    file: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: str) -> bool:
        return name in map(str.strip, self.header)

    def chosen(self, rows: Sequence[int]) -> Table:
        """Some of its rows."""
        kept = [self.rows[i] for i in rows], [self.lines[i] for i in rows]
        return Table(self.file, self.header, *kept, list(self.notes))

    def column(self, name: str) -> list[str]:
        """A column's cells, without the space around them. Raises ArchcostError where there is no such column."""
        names = [title.strip() for title in self.header]
        if name not in names:
            raise ArchcostError(f"{self.file}: {unknown('column', name, names)}")
        index = names.index(name)
        return [row[index].strip() for row in self.rows]

    def parsed(self, name: str, read: Callable[[str], T], problems: Problems) -> list[T | None]:
        """A column's values; None, and a problem, where `read` raises ValueError. Equal cells are read once."""
        known: dict[str, T | None] = {}
        wrong: dict[str, str] = {}
        values = self.column(name)
        for text in dict.fromkeys(values):
            try:
                known[text] = read(text)
            except ValueError as error:
                known[text] = None
                wrong[text] = f"{name} {error}" if text else f"{name} is missing"
        if wrong:
            for line, text in zip(self.lines, values, strict=True):
                if text in wrong:
                    problems.add(line, wrong[text])
        return [known[text] for text in values]

    def to_csv(self, added: Mapping[str, Sequence[object]]) -> str:
        """The table as it was, with columns added (or replaced, where it has them); None is an empty cell."""
        names = [title.strip() for title in self.header]
        places = {name: names.index(name) for name in added if name in names}
        new = [name for name in added if name not in places]

        def extended(i: int) -> list[object]:
            cells: list[object] = [*self.rows[i], *(added[name][i] for name in new)]
            for name, place in places.items():
                cells[place] = added[name][i]
            return cells

        return to_csv([*self.header, *new], map(extended, range(len(self))))


def to_csv(header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def read(path: str | Path, required: Sequence[str], where: Mapping[str, str] | None = None) -> Table:
    """A CSV file's rows, of which `where` (column -> text) keeps those whose cells are just so.

    Raises ArchcostError where the file cannot be read, TableError with all problems of its form.
    """
    text = read_text(Path(path))
    problems = Problems(str(path))
    table = _table(str(path), text, problems)
    names = [title.strip() for title in table.header]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        problems.add(1, f"two columns are named `{name}`" if name else "two columns have no name")
    missing = [name for name in required if name not in names]
    if missing:
        hint = "; separate columns by commas" if len(names) == 1 and (";" in names[0] or "\t" in names[0]) else ""
        problems.add(1, f"needs the columns {_listed(required)}; {_listed(missing)} missing{hint}")
    if not table.rows and not problems.count:
        problems.add(1, "has no rows below its header")
    problems.check()
    return _kept(table, where) if where else table


def _listed(names: Sequence[str]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > MOST_VALUES else ""
    return ", ".join(names[:MOST_VALUES]) + more


def read_text(path: Path) -> str:
    """Raises ArchcostError for a file that is missing, a directory, too large, or not UTF-8."""
    try:
        if path.is_dir():
            raise ArchcostError(f"{path}: is a directory; name a CSV file")
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ArchcostError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise ArchcostError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > LARGEST_FILE:
        raise ArchcostError(f"{path}: larger than {LARGEST_FILE // 2**30} GiB; split it")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ArchcostError(f"{path}:{line}: not UTF-8 (byte 0x{raw[error.start]:02x}); save it as UTF-8") from None


def _table(file: str, text: str, problems: Problems) -> Table:
    rows: list[list[str]] = []
    lines: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(line)
            line = reader.line_num + 1  # where the next row begins; a quoted cell may span lines
    except csv.Error as error:
        problems.add(line, f"not CSV: {error}")
    if not rows:
        problems.add(1, "the file is empty; its first line names the columns")
        problems.check()
    header, *rows = rows
    for line, row in zip(lines[1:], rows, strict=True):
        if len(row) != len(header):
            problems.add(line, f"{len(row)} cells; the header has {len(header)}")
    return Table(file, header, rows, lines[1:])


def _kept(table: Table, where: Mapping[str, str]) -> Table:
    kept = list(range(len(table)))
    for name, wanted in where.items():
        cells = table.column(name)
        left = [i for i in kept if cells[i] == wanted.strip()]
        if not left:
            there = list(dict.fromkeys(cells[i] for i in kept))
            more = f", … ({len(there):,} in all)" if len(there) > MOST_VALUES else ""
            listed = ", ".join(f'"{text[:60]}"' for text in there[:MOST_VALUES])
            raise ArchcostError(f'{table.file}: no row has {name} "{wanted}"; there are {listed}{more}')
        kept = left
    return table.chosen(kept)


def without(table: Table, which: Sequence[int], why: str) -> Table:
    """The table without some rows, and a note of it. Raises ArchcostError where none is left."""
    if not which:
        return table
    said = f"{len(which)} of {len(table)} rows were left out: {why}"
    if len(which) == len(table):
        raise ArchcostError(f"{table.file}: {said}")
    found = table.chosen(sorted(set(range(len(table))) - set(which)))
    found.notes.append(said)
    return found


def whole(text: str, minimum: int = 1, maximum: int = LARGEST_SIZE) -> int:
    """A whole number in a cell; 32.0 is one too. Raises ValueError."""
    try:
        number = dims.exact(text)
    except ValueError:
        number = None
    if not isinstance(number, int) or not minimum <= number <= maximum:
        raise ValueError(f"must be a whole number from {minimum} to {maximum:,}, not {quoted(text)}")
    return number


def milliseconds(text: str) -> float:
    """A time in a cell, in seconds. Raises ValueError for what is no time above zero."""
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number / 1000 > 0):
        raise ValueError(f"must be a positive number, not {quoted(text)}")
    return number / 1000


def quoted(text: str) -> str:
    return f'"{text[:60]}…"' if len(text) > 60 else f'"{text}"'
