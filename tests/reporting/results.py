"""Runs on disk, as the plugin leaves them: their events and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from canarytest.core import events as e
from canarytest.reporting.log import EventLog


def write_run(told: Iterable[e.Event], reports: Path, run_id: str) -> Path:
    """Write *told* as the run *run_id*; return the run's folder."""
    run_dir = reports / "runs" / run_id
    with EventLog(run_dir / "events.jsonl") as log:
        for event in told:
            log(event)
    return run_dir
