"""The store of measurements, and of what users' own commands said: one SQLite file, a row for each key, safe under
several writers and a kill at any moment.

It is in WAL mode; where the file system cannot share memory between processes, SQLite keeps its rollback journal,
which is as safe and lets readers wait for writers.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

from archcost.errors import ArchcostError
from archcost.latency import evaluations
from archcost.latency.evaluations import Evaluation
from archcost.latency.measurement import FIELDS, Measurement, from_cells
from archcost.spec.names import unknown

APPLICATION = 0x61726363
"""`arcc`, in the header of the file: what tells a store from another program's database."""
VERSION = 1
BUSY_SECONDS = 30.0
_CREATE = f"CREATE TABLE measurements ({', '.join(FIELDS)}, PRIMARY KEY (key))"
_PUT = f"INSERT OR REPLACE INTO measurements VALUES ({', '.join('?' * len(FIELDS))})"
_ALL = f"SELECT {', '.join(FIELDS)} FROM measurements"


@dataclass(slots=True)
class Merged:
    """What became of imported rows."""

    added: int = 0
    replaced: int = 0
    identical: int = 0
    older: int = 0


class Store:
    """A file of measurements, opened. Use it in a `with`, or close it.

    Every method raises ArchcostError, with what to do, where the file lets it down; it is never deleted or emptied.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """create: make the file, and its folders, where there is none. Raises ArchcostError where it is no store."""
        self.path = path
        self.connection: sqlite3.Connection | None = None
        _prepare(path, create)
        with self._explained():
            self.connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def get(self, key: str) -> Measurement | None:
        rows = list(self._rows(f"{_ALL} WHERE key = ?", key))
        return rows[0] if rows else None

    def put(self, measurement: Measurement) -> None:
        """Adds a measurement, or replaces the one of the same key; it is on the disk when this returns."""
        self.put_all([measurement])

    def put_all(self, measurements: Iterable[Measurement]) -> None:
        """All of them, or none."""
        with self._explained(), self._transaction() as connection:
            connection.executemany(_PUT, (tuple(m.cells().values()) for m in measurements))

    def merge(self, measurements: Iterable[Measurement]) -> Merged:
        """Adds rows from elsewhere, all or none; of two with one key, that which was measured last stays."""
        merged = Merged()
        with self._explained(), self._transaction() as connection:
            for new in measurements:
                found = list(self._rows(f"{_ALL} WHERE key = ?", new.key))
                if not found:
                    merged.added += 1
                elif found[0] == new:
                    merged.identical += 1
                elif datetime.fromisoformat(found[0].created) >= datetime.fromisoformat(new.created):
                    merged.older += 1
                else:
                    merged.replaced += 1
                if not found or datetime.fromisoformat(found[0].created) < datetime.fromisoformat(new.created):
                    connection.execute(_PUT, tuple(new.cells().values()))
        return merged

    def rows(self, where: Mapping[str, str] | None = None) -> Iterator[Measurement]:
        """All measurements in the order of their making, or those whose cells (as exported) are just as in `where`.

        Raises ArchcostError for a column that there is not.
        """
        for name in where or {}:
            if name not in FIELDS:
                raise ArchcostError(unknown("column", name, FIELDS))
        condition = "".join(f" {'AND' if i else 'WHERE'} {name} = ?" for i, name in enumerate(where or {}))
        return self._rows(f"{_ALL}{condition} ORDER BY created, key", *(where or {}).values())

    def put_evaluation(self, evaluation: Evaluation) -> None:
        """Adds an evaluation, or replaces the one of the same key; but a failure never replaces an accuracy."""
        with self._explained(), self._transaction() as connection:
            evaluations.put(connection, evaluation)

    def evaluation(self, key: str) -> Evaluation | None:
        return next(self._evaluations(" WHERE key = ?", key), None)

    def evaluations(self) -> Iterator[Evaluation]:
        """All of them, in the order of their making."""
        return self._evaluations(" ORDER BY created, key")

    def _evaluations(self, condition: str, *values: str) -> Iterator[Evaluation]:
        with self._explained():
            connection = self._connected
            try:
                yield from evaluations.rows(connection, condition, *values)
            except ArchcostError as error:
                raise ArchcostError(f"{self.path}: {error}") from None

    def __len__(self) -> int:
        with self._explained():
            return int(self._connected.execute("SELECT count(*) FROM measurements").fetchone()[0])

    @property
    def _connected(self) -> sqlite3.Connection:
        if self.connection is None:
            raise ArchcostError(f"{self.path}: the store is closed")
        return self.connection

    def _rows(self, query: str, *values: str) -> Iterator[Measurement]:
        with self._explained():
            for row in self._connected.execute(query, values):
                try:
                    yield from_cells(dict(zip(FIELDS, row, strict=True)))
                except (ValueError, TypeError) as error:
                    raise ArchcostError(f"{self.path}: the row {row[0]} is damaged: {error}") from None

    def _open(self) -> None:
        with self._explained():
            connection = self._connected
            connection.execute("PRAGMA synchronous = FULL")  # a row that was reported survives a power cut
            if self._version() == 0:
                self._create()
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("some of its pages are damaged")
            columns = [row[1] for row in connection.execute("PRAGMA table_info(measurements)")]
            if columns != list(FIELDS):
                raise sqlite3.DatabaseError("its columns are others")

    def _version(self) -> int:
        """The store's version; 0 for a new file. Raises ArchcostError for what archcost must not touch."""
        with self._snapshot() as connection:
            application, version, tables = (
                int(connection.execute(query).fetchone()[0])
                for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
            )
        if application == version == tables == 0:
            return 0
        if application != APPLICATION:
            raise ArchcostError(f"{self.path}: another program's database; name another file with --store")
        if version != VERSION:
            raise ArchcostError(
                f"{self.path}: a store of version {version}, this archcost knows {VERSION}; "
                "update archcost, or name another file with --store"
            )
        return version

    def _create(self) -> None:
        self._use_wal()
        with self._transaction() as connection:
            if self._version() == 0:  # nobody else was quicker
                connection.execute(_CREATE)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {VERSION}")

    def _use_wal(self) -> None:
        """SQLite does not wait for others here, so this does."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._connected.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.02)

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """What several queries read is of one moment, whatever others write meanwhile."""
        connection = self._connected
        own = not connection.in_transaction
        if own:
            connection.execute("BEGIN")
        try:
            yield connection
        finally:
            if own and connection.in_transaction:
                connection.execute("ROLLBACK")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connected
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns what SQLite says into what the user can do."""
        try:
            yield
        except sqlite3.Error as error:
            said = str(error)
            if "locked" in said or "busy" in said:
                advice = f"another program has kept it locked for {BUSY_SECONDS:g} s; try again when it has finished"
            elif "readonly" in said:
                advice = "is read-only; make it and its folder writable, or name another file with --store"
            elif "unable to open" in said:
                advice = "cannot be opened; check its permissions and its folder's, or name another with --store"
            elif "full" in said or "disk I/O" in said:
                advice = f"cannot be written ({said}); make room on the disk, or name another file with --store"
            elif isinstance(error, sqlite3.DatabaseError):
                advice = f"no store of measurements, or damaged ({said}); move it away, or name another with --store"
            else:
                advice = said
            raise ArchcostError(f"{self.path}: {advice}") from None


def _prepare(path: Path, create: bool) -> None:
    """Sees that a database can be opened there."""
    if "\0" in str(path):
        raise ArchcostError(f"the store cannot be {str(path)!r}; no file can have this name")
    try:
        if path.is_dir():
            raise ArchcostError(f"{path}: is a directory; name a file for the store")
        if path.exists() and not path.is_file():
            raise ArchcostError(f"{path}: is no regular file; name another for the store")
        if not path.exists() and not create:
            raise ArchcostError(f"{path}: no measurements yet; `archcost measure` makes some, or name a --store")
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchcostError(f"{path}: cannot be made: {error.strerror}; name another with --store") from None
