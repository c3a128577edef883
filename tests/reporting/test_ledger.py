"""The ledger on disk: recorded twice, by many at once, of another version, or no ledger at all."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from canarytest.core import events as e
from canarytest.core.errors import CanaryError
from canarytest.reporting import ledger
from canarytest.reporting.ledger_rows import RunRow, TestRow, rows_of
from canarytest.reporting.log import EventLog
from tests.reporting import stories

WRITERS, RUNS_EACH = 4, 5
WRITER = """
import sys
from pathlib import Path
from canarytest.reporting import ledger
for run in map(Path, sys.argv[2:]):
    ledger.record(run, Path(sys.argv[1]))
"""


def run_in(folder: Path, events: Iterable[e.Event]) -> Path:
    with EventLog(folder / "events.jsonl") as log:
        for event in events:
            log(event)
    return folder


def kept(path: Path) -> tuple[list[RunRow], list[TestRow]]:
    with ledger.opened(path) as connection:
        runs = ledger.runs_in(connection)
        return runs, ledger.tests_in(connection, runs)


def test_a_run_is_kept_as_its_events_tell_it(tmp_path: Path) -> None:
    for name, story in stories.STORIES.items():
        run = run_in(tmp_path / name, story())
        ledger.record(run, tmp_path / "deep" / "l.sqlite")

    runs, tests = kept(tmp_path / "deep" / "l.sqlite")

    expected = [rows_of(story(), name) for name, story in stories.STORIES.items()]
    assert sorted(runs, key=repr) == sorted((rows.run for rows in expected), key=repr)
    assert tests == [test for rows in expected for test in rows.tests]


def test_to_record_again_replaces(tmp_path: Path) -> None:
    run, path = run_in(tmp_path / "r1", stories.truncated()), tmp_path / "l.sqlite"
    ledger.record(run, path)
    (run / "events.jsonl").unlink()
    run_in(run, stories.aborted_at_30())

    ledger.record(run, path)
    ledger.record(run, path)

    runs, tests = kept(path)
    assert [run.outcome for run in runs] == ["aborted"]
    assert len(tests) == len(rows_of(stories.aborted_at_30(), "r1").tests)


def test_processes_write_at_once(tmp_path: Path) -> None:
    """They also all find that there is no ledger yet."""
    path = tmp_path / "l.sqlite"
    shares = [
        [run_in(tmp_path / f"{w}-{n}", stories.promoted()) for n in range(RUNS_EACH)]
        for w in range(WRITERS)
    ]

    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, *share, shares[0][0]])
        for share in shares
    ]

    assert [writer.wait(60) for writer in writers] == [0] * WRITERS
    runs, tests = kept(path)
    assert sorted(run.run_id for run in runs) == sorted(run.name for s in shares for run in s)
    assert set(Counter(test.run_id for test in tests).values()) == {16}


def test_a_reader_does_not_keep_a_writer_from_writing(tmp_path: Path) -> None:
    run, path = run_in(tmp_path / "r1", stories.promoted()), tmp_path / "l.sqlite"
    ledger.record(run, path)

    with ledger.opened(path) as connection:
        assert len(ledger.runs_in(connection)) == 1
        ledger.record(run_in(tmp_path / "r2", stories.promoted()), path)
        assert len(ledger.runs_in(connection)) == 2


def test_an_older_ledger_is_brought_forward(tmp_path: Path) -> None:
    run, path = run_in(tmp_path / "r1", stories.promoted()), tmp_path / "l.sqlite"
    ledger.record(run, path)
    later = (*ledger.MIGRATIONS, "ALTER TABLE runs ADD COLUMN cost REAL; DELETE FROM steps")

    with ledger.opened(path, migrations=later) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(later),)
        assert connection.execute("SELECT run_id, cost FROM runs").fetchall() == [("r1", None)]


def test_a_migration_is_done_whole_or_not_at_all(tmp_path: Path) -> None:
    run, path = run_in(tmp_path / "r1", stories.promoted()), tmp_path / "l.sqlite"
    ledger.record(run, path)
    broken = (*ledger.MIGRATIONS, "DELETE FROM runs; nonsense")

    with pytest.raises(CanaryError, match="nonsense"), ledger.opened(path, migrations=broken):
        pass

    assert len(kept(path)[0]) == 1


def test_a_later_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    run, path = run_in(tmp_path / "r1", stories.promoted()), tmp_path / "l.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    before = path.read_bytes()

    with pytest.raises(CanaryError, match=r"is of version 7.*knows versions up to 1: install"):
        ledger.record(run, path)

    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["not a database, but long enough to be looked at" * 10])
def test_another_file_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    run, path = run_in(tmp_path / "r1", stories.promoted()), tmp_path / "l.sqlite"
    path.write_text(text)

    with pytest.raises(CanaryError, match=r"l\.sqlite cannot be used: file is not a database"):
        ledger.record(run, path)

    assert path.read_text() == text


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    run = run_in(tmp_path / "r1", stories.promoted())
    (tmp_path / "file").write_text("")

    with pytest.raises(CanaryError, match=r"the ledger .* cannot be made: "):
        ledger.record(run, tmp_path / "file" / "l.sqlite")


def test_to_look_makes_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"

    with pytest.raises(CanaryError, match="unable to open"), ledger.opened(path):
        pass

    assert not path.exists()


def test_runs_that_nobody_recorded_are_found(tmp_path: Path) -> None:
    runs, path = tmp_path / "runs", tmp_path / "l.sqlite"
    ledger.record(run_in(runs / "recorded", stories.promoted()), path)
    for name in ("killed", "goes on", "recorded"):
        run = run_in(runs / name, stories.truncated() if name != "recorded" else [])
        written = 500.0 if name == "goes on" else 100.0
        os.utime(run / "events.jsonl", (written, written))
    broken = runs / "broken" / "events.jsonl"
    broken.parent.mkdir()
    broken.write_text("no event\n")
    os.utime(broken, (100.0, 100.0))

    ledger.record_missing(runs, path, silent_since=400.0)
    ledger.record_missing(runs, path, silent_since=400.0)

    assert {run.run_id: run.exit_status for run in kept(path)[0]} == {"recorded": 0, "killed": None}
