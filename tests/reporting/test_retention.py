"""Which folders of runs go, and which stay whatever is configured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from canarytest.core.events import timestamp
from canarytest.reporting.retention import DAY_S, Keep, remove_old

NOW = 1768209120.0
NOBODY = Path("nobody")
OVER = {"outcome": "promoted", "exit_status": 0, "rollback": None}


def run_of(runs: Path, days_ago: float, **told: Any) -> Path:
    folder = runs / f"{100 - days_ago:05.1f}"
    folder.mkdir(parents=True)
    summary = {"started": timestamp(NOW - days_ago * DAY_S), **OVER, **told}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (Keep(), [1, 2, 3, 4]),
        (Keep(runs=2), [1, 2]),
        (Keep(runs=9), [1, 2, 3, 4]),
        (Keep(days=3.5), [1, 2, 3]),
        (Keep(runs=2, days=1.5), [1]),
        (Keep(runs=1, days=3.5), [1]),
    ],
)
def test_what_is_too_old_or_too_many_goes(tmp_path: Path, keep: Keep, left: list[int]) -> None:
    folders = {days: run_of(tmp_path, days) for days in (1, 2, 3, 4)}

    removed = remove_old(tmp_path, keep, current=NOBODY, now=NOW)

    assert [days for days, folder in folders.items() if folder.exists()] == left
    assert len(removed) == 4 - len(left)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"exit_status": None, "outcome": "error"}, id="goes on, or was killed"),
        pytest.param({"exit_status": 11, "outcome": "error"}, id="not proven"),
        pytest.param(
            {"exit_status": 2, "rollback": {"proven": False}}, id="interrupted, not proven"
        ),
        pytest.param({"outcome": "paused"}, id="left paused"),
        pytest.param({"outcome": "something new"}, id="of a later version"),
    ],
)
def test_what_somebody_may_have_to_look_at_stays(tmp_path: Path, told: dict[str, Any]) -> None:
    folder = run_of(tmp_path, 100, **told)
    run_of(tmp_path, 99, exit_status=1, outcome="aborted", rollback={"proven": True})

    removed = remove_old(tmp_path, Keep(days=1), current=NOBODY, now=NOW)

    assert folder.exists()
    assert len(removed) == 1


def test_the_current_run_stays(tmp_path: Path) -> None:
    current = run_of(tmp_path, 50)

    assert remove_old(tmp_path, Keep(days=1, runs=1), current=current, now=NOW) == []
    assert current.exists()


def test_what_is_no_run_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "summary.json").write_text("{")
    (tmp_path / "notes.txt").write_text("")
    elsewhere = run_of(tmp_path.parent / "elsewhere", 100)
    (tmp_path / "link").symlink_to(elsewhere)

    assert remove_old(tmp_path, Keep(days=1), current=NOBODY, now=NOW) == []
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "broken", "notes.txt", "link"}
    assert (elsewhere / "summary.json").exists()
