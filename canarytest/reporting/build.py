"""Makes the reports of a run from its events, as often as one likes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canarytest.reporting import html, summary


@dataclass(frozen=True, slots=True)
class Places:
    """Where the reports of runs lie, under the one folder that is configured."""

    reports: Path

    @classmethod
    def of_run(cls, run_dir: Path) -> Places:
        """Return the places beside *run_dir*, which is `reports/runs/<run id>`."""
        return cls(run_dir.resolve().parents[1])

    @property
    def results(self) -> Path:
        """What allure-pytest and canarytest write."""
        return self.reports / "allure-results"

    @property
    def report(self) -> Path:
        """The HTML."""
        return self.reports / "allure-report"

    @property
    def history(self) -> Path:
        """What became of each test in the runs before."""
        return self.reports / "allure-history.jsonl"


def rebuild(run_dir: Path, results: Path | None = None) -> dict[str, Any]:
    """
    Write the summary of the run, which is returned, and what Allure *results* say of the rollout.

    Changes nothing else, whatever was there before and however often it is called.
    """
    from canarytest.reporting import allure  # noqa: PLC0415  heavy: only when results are written

    told = summary.write(run_dir)
    allure.write(run_dir, results or Places.of_run(run_dir).results)
    return told


def page(
    run_dir: Path,
    results: Path | None = None,
    *,
    remember: bool = True,
    within_s: float = html.WITHIN_S,
) -> Path:
    """
    Build the HTML of the run, whose Allure *results* lie beside it, and return its first page.

    A run is to be remembered once: who builds a report again leaves the history as it is.
    """
    places = Places.of_run(run_dir)
    return html.build(
        results or places.results,
        places.report,
        name=title(rebuild(run_dir, results)),
        history=places.history,
        remember=remember,
        within_s=within_s,
    )


def title(told: Mapping[str, Any]) -> str:
    """Return the name of the report of the run that is summed up in *told*."""
    if told["rollout"] is None:
        return f"canarytest: {told['outcome']}"
    about = f"{told['rollout']} {told['stable']} → {told['canary'] or '?'} on {told['target']}"
    return f"{about}: {told['outcome']}"
