"""How long the folders of runs are kept, and which of them may go."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from canarytest.core.reasons import EXIT_NOT_PROVEN
from canarytest.reporting.summary import SUMMARY

DAY_S = 86400.0
_OVER = ("promoted", "aborted", "inconclusive", "error")  # not paused: it will be gone on with


@dataclass(frozen=True, slots=True)
class Keep:
    """The last *runs*, of them those that began within *days*; None: however many, however old."""

    runs: int | None = None
    days: float | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    folder: Path
    started: float  # seconds since the epoch


def remove_old(runs: Path, keep: Keep, *, current: Path, now: float) -> list[Path]:
    """
    Remove from *runs* the folders that *keep* does not want, and return them.

    Never *current*, nor one that somebody may have to look at: a run that goes on or was killed
    has no outcome, one that was left paused has users on the canary, and one whose rollback was
    not proven is evidence. Neither is a folder touched that holds no run.
    """
    if keep.runs is None and keep.days is None:
        return []
    found = sorted(_runs_in(runs), key=lambda run: (run.started, run.folder.name), reverse=True)
    removed = []
    for number, run in enumerate(found):
        is_old = keep.days is not None and now - run.started > keep.days * DAY_S
        is_too_many = keep.runs is not None and number >= keep.runs
        if (is_old or is_too_many) and run.folder != current and _is_over(run.folder):
            shutil.rmtree(run.folder, ignore_errors=True)  # another run may be removing it as well
            removed.append(run.folder)
    return removed


def _runs_in(runs: Path) -> Iterator[_Kept]:
    for folder in runs.iterdir():
        started = _summary(folder).get("started")
        if started is not None and not folder.is_symlink():
            yield _Kept(folder, datetime.fromisoformat(started).timestamp())


def _is_over(folder: Path) -> bool:
    """Whether all is known of the run, and nobody has to look at it any more."""
    told = _summary(folder)
    status, rollback = told.get("exit_status"), told.get("rollback")
    is_proven = rollback is None or rollback.get("proven") is True
    has_ended = status is not None and told.get("outcome") in _OVER
    return has_ended and is_proven and status != EXIT_NOT_PROVEN


def _summary(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / SUMMARY).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
