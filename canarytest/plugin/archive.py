"""Where runs are kept and for how long: the part of the configuration that needs no target."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from canarytest.config import Table
from canarytest.core.errors import ConfigError
from canarytest.reporting import ledger, retention
from canarytest.reporting.retention import Keep

LEDGER = "ledger.sqlite"
SILENT_S = 3600.0  # a run that goes on writes an event each second, of its probe


@dataclass(frozen=True, slots=True)
class Archive:
    """What is kept of runs."""

    reports: Path
    ledger: Path | None  # None: there is none
    keep: Keep

    @property
    def runs(self) -> Path:
        """The folder with a folder for each run."""
        return self.reports / "runs"


def read_archive(top: Table, root: Path) -> Archive:
    """Take the keys `reports`, `ledger` and `keep` of `[tool.canarytest]`; raises ConfigError."""
    reports = root / top.take("reports", str, "reports")
    path = top.unless_false("ledger", str(reports / LEDGER))
    return Archive(reports, root / path if path else None, _keep(top.table("keep")))


def file_run(archive: Archive, directory: Path) -> Iterator[str]:
    """
    Put the run in *directory*, which is over, into the ledger, and remove old ones.

    Yields what went wrong: none of it is worth a run's exit status.
    """
    if archive.ledger is not None:
        try:
            ledger.record(directory, archive.ledger)
            ledger.record_missing(archive.runs, archive.ledger, silent_since=time.time() - SILENT_S)
        except Exception as error:  # noqa: BLE001  the exit status is the rollout's
            yield f"warning: the ledger was not kept: {error}"
    try:
        retention.remove_old(archive.runs, archive.keep, current=directory, now=time.time())
    except OSError as error:
        yield f"warning: old runs were not removed: {error}"


def _keep(table: Table) -> Keep:
    runs: int | None = table.take("runs", int, None)
    days: float | None = table.take("days", float, None)
    table.finish()
    for name, value in (("runs", runs), ("days", days)):
        if value is not None and value <= 0:
            raise ConfigError(f"{table.where}.{name}: {value:g} is not above 0")
    return Keep(runs, days)
