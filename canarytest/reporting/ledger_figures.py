"""A team's own figures: what became of its canaries, from the rows of the ledger. Pure."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from canarytest.core.reasons import Cause
from canarytest.reporting.ledger_rows import RunRow, TestRow

_BAD = ("failed", "error")


def figures_of(runs: Sequence[RunRow], tests: Iterable[TestRow]) -> dict[str, Any]:
    """
    Return the figures of *runs*, as `canarytest history --json` has them.

    Times to detect are of the canaries that were judged bad; those of the way back are of all runs
    that went back, drills too.
    """
    canaries = [run for run in runs if is_canary(run)]
    by_ending = Counter(map(ending_of, canaries))
    back = [run for run in canaries if ending_of(run) == "rolled back"]
    return {
        "canaries": len(canaries),
        "promoted": by_ending["promoted"],
        "promoted_share": _share(by_ending["promoted"], len(canaries)),
        "rolled_back": by_ending["rolled back"],
        "rolled_back_at": dict(Counter(run.step or "before the first step" for run in back)),
        "inconclusive": by_ending["inconclusive"],
        "error": by_ending["error"],
        "not_proven": sum(run.is_proven is False for run in runs),
        "seconds": {
            "to_detect": _spread(run.detect for run in back),
            "from_first_failure": _spread(run.first_failure for run in back),
            "to_abort_sent": _spread(run.sent for run in runs),
            "to_last_canary": _spread(run.last_canary for run in runs),
            "to_proof": _spread(run.proof for run in runs),
        },
        "exposed": _exposed(canaries),
        "exposed_to_rolled_back": _exposed(back),
        "drills": sum(run.cause == Cause.DRILL for run in runs),
        "aa_runs": sum(run.aa for run in runs),
        "false_alarms": sum(
            run.aa and run.outcome == "aborted" and run.cause != Cause.DRILL for run in runs
        ),
        "flaky": _flaky(runs, list(tests)),
        "weeks": _weeks(canaries),
    }


def is_canary(run: RunRow) -> bool:
    """Whether *run* was to promote something: no drill, no A/A run, and it was not left paused."""
    return not run.aa and run.cause != Cause.DRILL and run.outcome != "paused"


def ending_of(run: RunRow) -> str:
    """Say in a word or two what became of *run*."""
    if run.is_proven is False:
        return "NOT PROVEN"
    if run.cause == Cause.DRILL:
        return "drill"
    return "rolled back" if run.outcome == "aborted" else run.outcome


def _spread(values: Iterable[float | None]) -> dict[str, float | int | None]:
    """Return the median and the 95th percentile by nearest rank (Hyndman and Fan's type 1)."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return {"n": 0, "median": None, "p95": None}
    middle, p95 = statistics.median(known), known[math.ceil(0.95 * len(known)) - 1]
    return {"n": len(known), "median": round(middle, 3), "p95": round(p95, 3)}


def _exposed(runs: Sequence[RunRow]) -> dict[str, int]:
    """Count the requests of users that a canary answered, in those runs where they were counted."""
    counted = [run for run in runs if run.requests is not None]
    return {
        "runs": len(counted),
        "requests": sum(run.requests or 0 for run in counted),
        "failures": sum(run.failures or 0 for run in counted),
    }


def _flaky(runs: Iterable[RunRow], tests: Sequence[TestRow]) -> list[dict[str, Any]]:
    """List the tests that passed when rerun, and those that both passed and failed one revision."""
    reruns = Counter(test.test for test in tests if test.outcome == "passed" and test.reruns)
    revisions = {run.run_id: (run.rollout, run.canary, run.images) for run in runs}
    outcomes: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for test in tests:
        kind = "failed" if test.outcome in _BAD else test.outcome
        outcomes[test.test, test.label, revisions.get(test.run_id)].add(kind)
    seen = (key[0] for key, kinds in outcomes.items() if {"passed", "failed"} <= kinds)
    changes = Counter(seen)
    names = sorted({*reruns, *changes}, key=lambda name: (-reruns[name] - changes[name], name))
    return [
        {"test": name, "passed_when_rerun": reruns[name], "changed_on_a_revision": changes[name]}
        for name in names
    ]


def _weeks(canaries: Iterable[RunRow]) -> list[dict[str, Any]]:
    """Return the trend: the figures of each ISO week in which there was a canary, oldest first."""
    weeks = _grouped(canaries, lambda run: _week(datetime.fromisoformat(run.started).date()))
    return [{"week": week, **_week_of(runs)} for week, runs in sorted(weeks.items())]


def _week_of(runs: Sequence[RunRow]) -> dict[str, Any]:
    endings = Counter(map(ending_of, runs))
    exposed = _exposed(runs)
    return {
        "canaries": len(runs),
        "promoted": endings["promoted"],
        "rolled_back": endings["rolled back"],
        "requests": exposed["requests"],
        "failures": exposed["failures"],
        "seconds_to_detect": _spread(run.detect for run in runs)["median"],
    }


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def _grouped(
    runs: Iterable[RunRow], key: Callable[[RunRow], str]
) -> Mapping[str, Sequence[RunRow]]:
    groups: dict[str, list[RunRow]] = defaultdict(list)
    for run in runs:
        groups[key(run)].append(run)
    return groups


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
