"""
The ledger: every run in one SQLite database, written at its end from its events alone.

The file may lie on a disk that several machines share, so its journal is SQLite's default one:
write-ahead logging needs shared memory and corrupts a database over a network file system
(https://sqlite.org/wal.html, "All processes using a database must be on the same host computer").
A run is one short transaction that takes the write lock at once; who comes second waits.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from canarytest.core.errors import CanaryError
from canarytest.reporting import log
from canarytest.reporting.ledger_rows import Rows, RunRow, StepRow, TestRow, rows_of
from canarytest.reporting.summary import EVENTS

PATIENCE_S = 10.0  # how long another writer is waited for

# The schema is the sum of these; `user_version` says how many of them a database has. Those that
# were released are never edited: what changes is appended.
MIGRATIONS = (
    """
    CREATE TABLE runs (
        run_id TEXT PRIMARY KEY, started TEXT NOT NULL, seconds REAL NOT NULL,
        target TEXT NOT NULL, platform TEXT NOT NULL, namespace TEXT NOT NULL,
        rollout TEXT NOT NULL, stable TEXT NOT NULL, canary TEXT NOT NULL, images TEXT NOT NULL,
        aa INTEGER NOT NULL, outcome TEXT NOT NULL, exit_status INTEGER, cause TEXT,
        reason TEXT NOT NULL, step TEXT, weight INTEGER, is_proven INTEGER,
        detect REAL, first_failure REAL, sent REAL, last_canary REAL, proof REAL,
        requests INTEGER, failures INTEGER, counted_by TEXT
    );
    CREATE INDEX runs_by_start ON runs (started);
    CREATE TABLE steps (
        run_id TEXT NOT NULL, step INTEGER NOT NULL, label TEXT NOT NULL, weight INTEGER NOT NULL,
        opened TEXT, seconds REAL, verdict TEXT, reason TEXT NOT NULL, PRIMARY KEY (run_id, step)
    );
    CREATE TABLE tests (
        run_id TEXT NOT NULL, step INTEGER NOT NULL, label TEXT NOT NULL, test TEXT NOT NULL,
        outcome TEXT NOT NULL, seconds REAL NOT NULL, reruns INTEGER NOT NULL
    );
    CREATE INDEX tests_by_run ON tests (run_id)
    """,
)
_TABLES: dict[type[Any], str] = {RunRow: "runs", StepRow: "steps", TestRow: "tests"}
_BOOLEANS = ("aa", "is_proven")  # SQLite has whole numbers for them


def record(run_dir: Path, path: Path) -> None:
    """
    Keep the run whose events are in *run_dir* in the ledger at *path*, which is made if need be.

    To record a run again replaces what was kept of it. Raises CanaryError if it cannot be kept.
    """
    rows = rows_of(log.read(run_dir / EVENTS), run_dir.resolve().name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CanaryError(f"the ledger {path} cannot be made: {error.strerror}") from error
    with opened(path, create=True) as connection, _transaction(connection):
        _replace(connection, rows)


def record_missing(runs: Path, path: Path, *, silent_since: float) -> None:
    """
    Keep those of *runs* too that nobody recorded: they were killed, or are older than the ledger.

    A run that wrote an event after *silent_since* (seconds since the epoch) may still go on, and
    one whose events cannot be read is left out. Raises CanaryError as `record`.
    """
    with opened(path) as connection:
        known = {run_id for (run_id,) in connection.execute("SELECT run_id FROM runs")}
    for events in sorted(runs.glob(f"*/{EVENTS}")):
        run_dir = events.parent
        is_missing = run_dir.name not in known and not run_dir.is_symlink()
        if is_missing and events.stat().st_mtime < silent_since:
            try:
                rows = rows_of(log.read(events), run_dir.name)
            except CanaryError:
                continue
            with opened(path) as connection, _transaction(connection):
                _replace(connection, rows)


@contextlib.contextmanager
def opened(
    path: Path, *, create: bool = False, migrations: Sequence[str] = MIGRATIONS
) -> Iterator[sqlite3.Connection]:
    """
    Open the ledger at *path*, brought up to this version's schema.

    Raises CanaryError if it cannot be used: it is another file, or of a later canarytest.
    """
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=PATIENCE_S, isolation_level=None)
        with contextlib.closing(connection):
            _migrate(connection, path, migrations)
            yield connection
    except sqlite3.Error as error:
        raise CanaryError(f"the ledger {path} cannot be used: {error}") from error


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    if _version(connection, path, len(migrations)) == len(migrations):
        return  # the usual case takes no write lock
    with _transaction(connection):
        for migration in migrations[_version(connection, path, len(migrations)) :]:
            for statement in migration.split(";"):  # a script would commit first
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _version(connection: sqlite3.Connection, path: Path, known: int) -> int:
    """Return how many migrations the ledger has. Raises CanaryError if they are not all known."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > known:
        raise CanaryError(
            f"the ledger {path} is of version {version}, this canarytest knows versions up to "
            f"{known}: install a later canarytest, or name another file by `ledger` in "
            "[tool.canarytest]"
        )
    return version


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Take the write lock at once: who reads first and writes then may not wait for it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _replace(connection: sqlite3.Connection, rows: Rows) -> None:
    for table in _TABLES.values():
        connection.execute(f"DELETE FROM {table} WHERE run_id = ?", (rows.run.run_id,))  # noqa: S608  our own names
    for kind, found in ((RunRow, [rows.run]), (StepRow, rows.steps), (TestRow, rows.tests)):
        names = [field.name for field in fields(kind)]
        marks = ", ".join("?" * len(names))
        statement = f"INSERT INTO {_TABLES[kind]} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608  our own names
        connection.executemany(statement, map(attrgetter(*names), found))


def runs_in(connection: sqlite3.Connection) -> list[RunRow]:
    """Return the runs of the ledger, the last one first."""
    rows = _rows(connection, RunRow, "ORDER BY started DESC, run_id DESC")
    return [RunRow(**{**row, **{name: _bool(row[name]) for name in _BOOLEANS}}) for row in rows]


def tests_in(connection: sqlite3.Connection, runs: Iterable[RunRow]) -> list[TestRow]:
    """Return the tests of *runs*."""
    wanted = {run.run_id for run in runs}
    rows = _rows(connection, TestRow, "ORDER BY rowid")
    return [TestRow(**row) for row in rows if row["run_id"] in wanted]


def _bool(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _rows(connection: sqlite3.Connection, kind: type[Any], order: str) -> Iterator[dict[str, Any]]:
    names = [field.name for field in fields(kind)]
    query = f"SELECT {', '.join(names)} FROM {_TABLES[kind]} {order}"  # noqa: S608  our own names
    for row in connection.execute(query):
        yield dict(zip(names, row, strict=True))
