"""What the ledger keeps of a run: one row of its own, one a step, one a test. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from canarytest.core import events as e
from canarytest.core.measure import Tally
from canarytest.core.reach import Version
from canarytest.reporting.story import Stop, Story, of_type, story_of


@dataclass(frozen=True, slots=True)
class RunRow:
    """
    One run; times in seconds.

    *detect* is how long the decision took: from the moment at which the weight of the step in which
    it was decided was in force, to the decision. *first_failure* is the same from the first request
    of users or load that the canary failed at that step (from the beginning of the second that
    counts it: up to 1 s too much); None where it failed none. All other times begin at the
    decision: *sent* until the order to abort was taken, *last_canary* until the canary's last
    response at the edge (None: there was none), *proof* until the rollback was proven.
    """

    run_id: str
    started: str  # ISO 8601, UTC
    seconds: float
    target: str
    platform: str
    namespace: str
    rollout: str
    stable: str
    canary: str
    images: str  # JSON: which version runs what
    aa: bool  # both versions were the same: an abort is a false alarm
    outcome: str
    exit_status: int | None  # None: it was killed
    cause: str | None  # None: it was not aborted
    reason: str
    step: str | None  # label, in which the abort was decided; None: before the first, or never
    weight: int | None  # of that step
    is_proven: bool | None  # None: nothing had to come back
    detect: float | None
    first_failure: float | None
    sent: float | None
    last_canary: float | None
    proof: float | None
    requests: int | None  # of users, that the canary answered; None: not counted
    failures: int | None
    counted_by: str | None


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of a run."""

    run_id: str
    step: int
    label: str
    weight: int
    opened: str | None  # ISO 8601, UTC; None: it never was
    seconds: float | None
    verdict: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class TestRow:
    """One test at one step of a run."""

    __test__ = False

    run_id: str
    step: int
    label: str
    test: str  # node id without the step
    outcome: str
    seconds: float
    reruns: int  # attempts that failed before


@dataclass(frozen=True, slots=True)
class Rows:
    """All that the ledger keeps of a run."""

    run: RunRow
    steps: tuple[StepRow, ...]
    tests: tuple[TestRow, ...]


def rows_of(events: Iterable[e.Event], run_id: str) -> Rows:
    """Return the rows of the run *run_id*; *events* may be cut off anywhere."""
    story = story_of(events)
    return Rows(_run(story, run_id), tuple(_steps(story, run_id)), tuple(_tests(story, run_id)))


def name_of(nodeid: str, label: str) -> str:
    """Return *nodeid* without its step: `test_login[10%-jane]` is `test_login[jane]`."""
    head, found, rest = nodeid.partition(f"[{label}")
    if not found or rest[:1] not in ("]", "-"):
        return nodeid
    return head + rest[1:] if rest[0] == "]" else f"{head}[{rest[1:]}"


def _run(story: Story, run_id: str) -> RunRow:
    started, stop, decided = story.started, _deciding(story), _decided(story)
    exposure = story.ended.exposure if story.ended else {}
    last = story.proven or story.not_proven
    return RunRow(
        run_id=run_id,
        started=e.timestamp(story.events[0].time if story.events else 0.0),
        seconds=story.seconds,
        target=started.target if started else "",
        platform=started.platform if started else "",
        namespace=started.namespace if started else "",
        rollout=started.rollout if started else "",
        stable=started.stable if started else "",
        canary=story.canary or "",
        images=json.dumps(dict(started.images) if started else {}, sort_keys=True),
        aa=bool(getattr(started, "aa", False)),
        outcome=story.outcome,
        exit_status=story.exit_status,
        cause=story.aborted.cause if story.aborted else None,
        reason=story.reason,
        step=stop.label if stop else None,
        weight=stop.weight if stop else None,
        is_proven=_is_proven(story),
        detect=_since(stop.opened.time if stop and stop.opened else None, decided),
        first_failure=_since(_first_failure(story, stop), decided),
        sent=story.sent.seconds if story.sent else None,
        last_canary=last.last_canary if last else None,
        proof=_since(decided, story.proven.time if story.proven else None),
        requests=exposure.get("requests"),
        failures=exposure.get("failures"),
        counted_by=exposure.get("counted_by"),
    )


def _steps(story: Story, run_id: str) -> Iterator[StepRow]:
    for stop in story.stops:
        opened = e.timestamp(stop.opened.time) if stop.opened else None
        verdict = None if stop.verdict is None else str(stop.verdict)
        yield StepRow(
            run_id, stop.index, stop.label, stop.weight, opened, stop.seconds, verdict, stop.reason
        )


def _tests(story: Story, run_id: str) -> Iterator[TestRow]:
    for test in of_type(story.events, e.TestFinished):
        name = name_of(test.nodeid, test.label)
        reruns = len(test.about.get("retries", ()))
        yield TestRow(run_id, test.step, test.label, name, test.outcome, test.seconds, reruns)


def _is_proven(story: Story) -> bool | None:
    if story.proven:
        return True
    if story.not_proven:
        return False
    was_exposed = any(stop.opened for stop in story.stops) and not story.promoted
    # Of a run that ended, whatever had to be proven was told of: else it could not be begun.
    return False if (story.aborted or story.sent or was_exposed) and not story.ended else None


def _deciding(story: Story) -> Stop | None:
    """Return the step in which the abort was decided."""
    label = story.aborted.step if story.aborted else None
    return next((stop for stop in story.stops if stop.label == label), None)


def _decided(story: Story) -> float | None:
    """Return when the abort was decided, seconds since the epoch."""
    if story.sent:
        return story.sent.decided
    return story.aborted.time if story.aborted else None


def _first_failure(story: Story, stop: Stop | None) -> float | None:
    decided = _decided(story)
    if stop is None or decided is None or stop.opened is None:
        return None
    opened = stop.opened.time
    for event in of_type(story.events, e.MeasurementTaken):
        if event.step == stop.index and event.source != "platform" and _has_failed(event):
            # It was counted at the end of its second, which may be after the decision.
            return min(max(opened, event.time - 1.0), decided)
    return None


def _has_failed(event: e.MeasurementTaken) -> bool:
    return any(
        version == Version.CANARY and Tally.from_json(tally).failures
        for version, _, tally in event.values.get("tallies", ())
    )


def _since(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else round(max(0.0, end - begin), 3)
