"""The store keeps what it is given, whoever writes beside it or is killed; and the CSV that moves it."""

from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcost.errors import ArchcostError
from archcost.latency import exchange
from archcost.latency.measurement import FIELDS, Measurement, Protocol, from_cells, key_of, statistics
from archcost.latency.store import Merged, Store
from archcost.reports import measurements as report


def measurement(batch: int = 1, samples=(0.001, 0.002, 0.004), **changes) -> Measurement:
    """One that is consistent, with as odd texts as there may be."""
    values = dict.fromkeys(FIELDS)
    values |= {
        "spec": 'a "b",\nc',
        "alpha": 0.1 + 0.2,
        "resolution": "160x192",
        "parameters": {"depth": 5, "act": "hard_swish", "é": None},
        "digest": "d" * 64,
        "batch": batch,
        "dtype": "float32",
        "layout": "contiguous",
        "mode": "eager",
        "folded": False,
        "tf32": False,
        "protocol": dataclasses.asdict(Protocol()),
        "device": "α GPU",
        "fingerprint": {"kind": "cpu"},
        "software": {"torch": "2.11"},
        "status": "ok",
        "before": {"clock_hertz": 1.98e9},
        "after": {"throttle": ["power cap"]},
        "created": "2026-01-02T03:04:05+00:00",
        **statistics(samples),
        **changes,
    }
    found = Measurement(**{**values, "key": ""})
    return dataclasses.replace(found, key=key_of(found.identity))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "folder" / "store.db"


def test_what_goes_in_comes_out(path):
    first, second = measurement(1), measurement(2, [], status="out_of_memory", reason="too large", layer="relu @8")
    with Store(path) as store:
        store.put(first)
        store.put(second)
    with Store(path) as store:
        assert store.get(first.key) == first and store.get(second.key) == second
        assert store.get("none") is None
        assert len(store) == 2 and list(store.rows({"batch": "2"})) == [second]
        with pytest.raises(ArchcostError, match="unknown column `bach`; did you mean `batch`"):
            list(store.rows({"bach": "2"}))
        assert store.connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_one_row_for_a_key(path):
    with Store(path) as store:
        store.put(measurement(samples=[1.0]))
        store.put(measurement(samples=[2.0]))
        assert [m.median for m in store.rows()] == [2.0]


def test_putting_several_is_all_or_nothing(path):
    def broken():
        yield measurement(1)
        raise KeyboardInterrupt

    with Store(path) as store:
        with pytest.raises(KeyboardInterrupt):
            store.put_all(broken())
        assert len(store) == 0


@given(
    st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=30),
    st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.none()),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00")),
)
def test_cells_are_exact(samples, before, spec):
    first = measurement(samples=samples, before=before, spec=spec)
    assert from_cells(first.cells()) == first


def test_export_and_import_are_exact(path, tmp_path):
    rows = [measurement(1), measurement(2, [], status="failed", reason="no\nHalf"), measurement(3, [1e-5] * 7)]
    file = tmp_path / "all.csv"
    file.write_bytes(report.export(rows).encode())
    assert exchange.read([str(file)]) == rows
    with Store(path) as store:
        assert store.merge(exchange.read([str(file)])) == Merged(added=3)
        assert sorted(store.rows(), key=lambda m: m.batch) == rows


def test_the_newest_of_a_key_stays(path):
    old, new = measurement(samples=[1.0]), measurement(samples=[2.0], created="2026-01-02T04:04:06+01:00")
    with Store(path) as store:
        assert store.merge([old]) == Merged(added=1)
        assert store.merge([new]) == Merged(replaced=1)
        assert store.merge([old, new]) == Merged(older=1, identical=1)
        assert list(store.rows()) == [new]


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("median", "abc", 'median cannot be "abc"'),
        ("median", "nan", 'median cannot be "nan"'),
        ("median", "0.5", "its statistics are not those of its samples"),
        ("samples", "[0.001,-1]", "samples must be positive"),
        ("samples", "[NaN]", "samples cannot be"),
        ("samples", "[" * 100_000, "samples cannot be"),
        ("samples", "[]", "its statistics"),
        ("parameters", "[]", "parameters cannot be"),
        ("folded", "yes", "folded cannot be"),
        ("batch", "1.5", "batch cannot be"),
        ("batch", "9" * 25, "batch cannot be"),
        ("batch", "2", "its key does not belong to it"),
        ("status", "fine", "unknown status"),
        ("status", "failed", "status failed with 3 samples"),
        ("created", "yesterday", "created must be a date"),
        ("created", "2026-01-02T03:04:05", "created must be a date and time with its zone"),
    ],
)
def test_a_malformed_row_imports_nothing(run, path, tmp_path, column, text, said):
    good, bad = measurement(3), {**measurement(1).cells(), column: text}
    file = tmp_path / "all.csv"
    from archcost.latency.table import to_csv

    file.write_text(to_csv(list(FIELDS), [good.cells().values(), bad.values()]))
    result = run("measurements", "import", file, "--store", path)
    assert result.exit_code == 2 and said in result.stderr
    assert f"{file}:4: " in result.stderr  # the first row's spec has a line end
    assert not path.exists()


def test_a_points_file_is_no_export(run, tmp_path):
    (tmp_path / "a.csv").write_text("spec,alpha\nx,1\n")
    result = run("measurements", "import", tmp_path / "a.csv", "--store", tmp_path / "s.db")
    assert result.exit_code == 2 and "a.csv:1: needs the columns key, spec" in result.stderr


def test_commands(run, path, tmp_path):
    with Store(path) as store:
        store.put_all([measurement(1), measurement(2, device="β")])
    listed = run("measurements", "list", "--store", path)
    assert "2 measurements" in listed.stdout and "160x192" in listed.stdout and "0.002" not in listed.stderr
    assert "1 measurements" in run("measurements", "list", "--store", path, "--where", "device=β").stdout
    assert run("measurements", "list", "--store", path, "--where", "device=γ").exit_code == 2
    assert '"median": 0.002' in run("measurements", "list", "--store", path, "--format", "json").stdout
    out = tmp_path / "out.csv"
    assert run("measurements", "export", "--store", path, "-o", out).exit_code == 0
    said = run("measurements", "import", out, "--store", tmp_path / "other.db").stdout
    assert said.startswith("2 added, 0 replaced")
    assert run("measurements", "export", "--store", tmp_path / "other.db").stdout == out.read_text()


def test_listing_makes_no_store(run, path):
    result = run("measurements", "list", "--store", path)
    assert result.exit_code == 2 and "no measurements yet" in result.stderr and not path.parent.exists()


# What is no store


def refused(path, said):
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(ArchcostError, match=said):
        Store(path)
    if before is not None:
        assert path.read_bytes() == before


def test_not_a_database(tmp_path):
    path = tmp_path / "text.db"
    path.write_text("spec,alpha\n" * 1000)
    refused(path, "no store of measurements, or damaged")


def test_another_programs_database(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE songs (title)")
    other.close()
    refused(path, "another program's database")


def test_a_newer_store(path):
    with Store(path) as store:
        store.connection.execute("PRAGMA user_version = 2")
    refused(path, "a store of version 2, this archcost knows 1; update archcost")


def test_a_directory_and_other_things(tmp_path):
    refused(tmp_path, "is a directory")
    with pytest.raises(ArchcostError, match="the store cannot be"):
        Store(tmp_path / "a\0b")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file" / "store.db", "cannot be made|cannot be opened")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is no regular file")


def test_an_empty_file_becomes_a_store(tmp_path):
    path = tmp_path / "empty.db"
    path.touch()
    with Store(path) as store:
        assert len(store) == 0


@pytest.fixture
def full(path):
    with Store(path) as store:
        store.put_all(measurement(n, [0.001] * 200) for n in range(1, 101))
    return path


@pytest.mark.parametrize("share", [0.99, 0.5, 0.1])
def test_half_written(full, share):
    content = full.read_bytes()
    full.write_bytes(content[: int(share * len(content))])
    refused(full, "no store of measurements, or damaged")


def test_a_page_of_noise(full):
    content = bytearray(full.read_bytes())
    content[40_960:45_056] = os.urandom(4096)
    full.write_bytes(bytes(content))
    refused(full, "no store of measurements, or damaged")


def test_a_row_of_nonsense(full):
    with sqlite3.connect(full) as other:
        other.execute("UPDATE measurements SET samples = 'nonsense' WHERE batch = '7'")
    other.close()
    with Store(full) as store, pytest.raises(ArchcostError, match=r"the row .* is damaged: samples cannot be"):
        list(store.rows())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind root")
def test_read_only(full):
    full.parent.chmod(0o500)
    full.chmod(0o400)
    try:
        with pytest.raises(ArchcostError, match=r"read-only|cannot be opened"), Store(full) as store:
            store.put(measurement(1))
    finally:
        full.parent.chmod(0o700)


def test_read_only_by_sqlites_word(full):
    with Store(full) as store:
        store.connection.execute("PRAGMA query_only = ON")
        with pytest.raises(ArchcostError, match="is read-only; make it and its folder writable"):
            store.put(measurement(1))


def test_locked(full, monkeypatch):
    monkeypatch.setattr("archcost.latency.store.BUSY_SECONDS", 0.05)
    other = sqlite3.connect(full, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Store(full) as store:
        assert len(store) == 100  # readers do not wait
        with pytest.raises(ArchcostError, match="another program has kept it locked"):
            store.put(measurement(1))
    other.close()


# Several writers, and kills

WRITER = """
import dataclasses, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_store import measurement
from archcost.latency.store import Store
with Store(Path({path!r})) as store:
    print("open", flush=True)
    for n in range({first}, {last}):
        store.put(measurement(n, [0.001] * 100))
        print(n, flush=True)
"""


def writer(path, first, last):
    code = textwrap.dedent(WRITER).format(tests=str(Path(__file__).parent), path=str(path), first=first, last=last)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_several_writers_make_and_fill_one_store(path):
    writers = [writer(path, 100 * n + 1, 100 * n + 41) for n in range(4)]
    for each in writers:
        _, errors = each.communicate(timeout=120)
        assert each.returncode == 0, errors
    with Store(path) as store:
        assert sorted(m.batch for m in store.rows()) == [100 * n + i for n in range(4) for i in range(1, 41)]


def test_a_killed_writer_loses_nothing_that_it_reported(path):
    reported: set[int] = set()
    for turn in range(6):
        pair = [writer(path, 10_000 * (2 * turn + n) + 1, 10_000 * (2 * turn + n + 1)) for n in range(2)]
        lines = [each.stdout.readline() for each in pair]
        assert lines == ["open\n", "open\n"], [each.stderr.read() for each in pair]
        time.sleep(0.02 + 0.05 * turn)
        for each in pair:
            each.send_signal(signal.SIGKILL)
        for each in pair:
            with each:  # not communicate(), which forgets what readline() had read ahead, mid-line too
                said = each.stdout.read()
                assert not each.stderr.read()
            reported |= {int(line) for line in said.split("\n")[:-1]}
        with Store(path) as store:
            assert store.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert reported <= {m.batch for m in store.rows()}
    assert len(reported) > 10


def test_a_writer_killed_while_it_makes_the_store(tmp_path):
    for turn in range(5):
        path = tmp_path / f"{turn}.db"
        each = writer(path, 1, 5)
        while not path.exists():
            time.sleep(0.0005)
        time.sleep(0.001 * turn)
        each.kill()
        each.communicate(timeout=60)
        with Store(path) as store:
            store.put(measurement(7))
            assert store.get(measurement(7).key) == measurement(7)
