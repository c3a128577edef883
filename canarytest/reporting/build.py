"""Makes the reports of a run from its events, as often as one likes."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canarytest.reporting import html, log, summary
from canarytest.reporting.pictures import pictures_of
from canarytest.reporting.story import Story, story_of


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

    Without *results* it is those beside the run, and where they are gone the results of its tests
    come back as well; those of another run are left alone.
    """
    from canarytest.reporting import allure  # noqa: PLC0415  heavy: only when results are written

    told = summary.write(run_dir)
    story, events = _read(run_dir)
    folder = results or Places.of_run(run_dir).results
    is_gone = not any(folder.glob("*-result.json"))
    if results is None and is_gone:
        allure.write_tests(story, folder)
    if results or is_gone or allure.is_of(story, folder):
        allure.write(story, events, folder)
    return told


def page(run_dir: Path, *, remember: bool = True, within_s: float = html.WITHIN_S) -> Path:
    """
    Build the HTML of the run from its events alone, and return its first page.

    A run is to be remembered once: who builds a report again, not to *remember* it, leaves the
    history as it is, and is shown what came before that run.
    """
    from canarytest.reporting import allure  # noqa: PLC0415  heavy: only when results are written

    places = Places.of_run(run_dir)
    story, events = _read(run_dir)
    folder = tempfile.TemporaryDirectory
    with folder(prefix="canarytest-results-") as scratch, folder() as other:
        results = Path(scratch)
        allure.write_tests(story, results)
        allure.write(story, events, results, pictures_of(story))
        history = places.history
        if not remember and history.exists():
            history = Path(other, "history.jsonl")
            history.write_text(_before(story, places.history.read_text("utf-8")), "utf-8")
        return html.build(
            results,
            places.report,
            name=title(summary.summary_of_story(story)),
            history=history,
            remember=remember,
            within_s=within_s,
        )


def _read(run_dir: Path) -> tuple[Story, bytes]:
    path = run_dir / summary.EVENTS
    return story_of(log.read(path)), path.read_bytes()


def _before(story: Story, history: str) -> str:
    """Return the lines of Allure's *history* that are of runs before the one of *story*."""
    began = 1000 * story.events[0].time if story.events else math.inf
    return "".join(line for line in history.splitlines(keepends=True) if _began(line) < began - 1)


def _began(line: str) -> float:
    """Return when the run began that *line* of Allure's history is of, in ms since the epoch."""
    told = json.loads(line)
    starts = (result.get("start") for result in told["testResults"].values())
    return float(min((start for start in starts if start), default=told["timestamp"]))


def title(told: Mapping[str, Any]) -> str:
    """Return the name of the report of the run that is summed up in *told*."""
    if told["rollout"] is None:
        return f"canarytest: {told['outcome']}"
    about = f"{told['rollout']} {told['stable']} → {told['canary'] or '?'} on {told['target']}"
    return f"{about}: {told['outcome']}"
