"""The events of a run put in order: what was planned, and what became of it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from canarytest.core import events as e
from canarytest.core.finding import Finding, Verdict
from canarytest.core.plan import PROMOTED
from canarytest.core.reasons import Cause
from canarytest.reporting import measured
from canarytest.reporting.words import by_pods

_E = TypeVar("_E", bound=e.Event)

_VERDICTS: Mapping[str, Verdict | None] = {  # on the step that was open when the abort came
    Cause.TEST: Verdict.FAILED,
    Cause.BREACH: Verdict.FAILED,
    Cause.NOT_READY: Verdict.FAILED,
    Cause.RESTARTED: Verdict.FAILED,
    Cause.CONDEMNED: Verdict.FAILED,
    Cause.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    Cause.NOT_APPROVED: Verdict.INCONCLUSIVE,
    Cause.WORLD: Verdict.ERROR,
    Cause.INTERRUPTED: Verdict.ERROR,
    Cause.INTERNAL: Verdict.ERROR,
    Cause.DRILL: None,  # it was not judged
}


@dataclass(frozen=True, slots=True)
class Stop:
    """One step of the plan, and what was seen there."""

    index: int
    label: str
    weight: int
    share: float  # of the users, as expected
    by_pods: str  # what was asked and what the pods give, in words; empty if that is the same
    opened: e.StepOpened | None  # None: it never was
    judged: e.StepJudged | None  # None: it was not left by a judgement
    ended: float | None  # epoch, when it was left; None: never opened, or still open at the end
    verdict: str | None  # None: nobody could or had to say
    reason: str
    tests: tuple[e.TestFinished, ...]
    counts: Mapping[str, int]  # of the tests, by outcome
    findings: tuple[Finding, ...]

    @property
    def seconds(self) -> float | None:
        """How long it was open; None if it was not."""
        if self.judged:
            return self.judged.seconds
        if self.opened is None or self.ended is None:
            return None
        return max(0.0, self.ended - self.opened.time)


@dataclass(frozen=True, slots=True)
class Story:
    """A run."""

    events: tuple[e.Event, ...]
    started: e.RolloutStarted | None  # None: it ended before the rollout was taken over
    stops: tuple[Stop, ...]
    aborted: e.RolloutAborted | None
    sent: e.AbortSent | None
    proven: e.RollbackProven | None
    not_proven: e.RollbackNotProven | None
    promoted: e.RolloutPromoted | None
    ended: e.RunEnded | None  # None: the run was killed, or still goes on
    outcome: str
    exit_status: int | None  # None: nobody knows it
    reason: str

    @property
    def canary(self) -> str | None:
        """What the canary calls itself: once it runs it says so, before that the plan may."""
        said = [stop.opened.canary for stop in self.stops if stop.opened and stop.opened.canary]
        if said:
            return said[-1]
        return self.started.canary if self.started else None

    @property
    def name(self) -> str:
        """What the run was about, in a few words."""
        if self.started is None:
            return "a rollout that never began"
        s = self.started
        return f"{s.rollout} {s.stable} → {self.canary or '?'} on {s.target}"

    @property
    def surroundings(self) -> Mapping[str, Any]:
        """Where it ran: who ran it, the context, where issues are to be found."""
        return self.started.surroundings if self.started else {}

    @property
    def seconds(self) -> float:
        """From the first event to the last."""
        if self.ended:
            return self.ended.seconds
        return self.events[-1].time - self.events[0].time if self.events else 0.0

    @property
    def tests_outside(self) -> tuple[e.TestFinished, ...]:
        """Tests that ended at no step of the plan."""
        known = {stop.index for stop in self.stops}
        return tuple(t for t in of_type(self.events, e.TestFinished) if t.step not in known)


def of_type(events: Iterable[e.Event], kind: type[_E]) -> list[_E]:
    """Return those of *events* that are of *kind*."""
    return [event for event in events if isinstance(event, kind)]


def story_of(events: Iterable[e.Event]) -> Story:
    """Put the *events* of one run in order; they may be cut off anywhere."""
    told = tuple(events)
    aborted, sent = _first(told, e.RolloutAborted), _first(told, e.AbortSent)
    ended = _first(told, e.RunEnded)
    back = _back(told)
    return Story(
        events=told,
        started=_first(told, e.RolloutStarted),
        stops=tuple(_stops(told)),
        aborted=aborted,
        sent=sent,
        proven=back if isinstance(back, e.RollbackProven) else None,
        not_proven=back if isinstance(back, e.RollbackNotProven) else None,
        promoted=_first(told, e.RolloutPromoted),
        ended=ended,
        outcome=ended.outcome if ended else "error",
        exit_status=ended.exit_status if ended else None,
        reason=ended.reason if ended else _cut_off(told),
    )


def _back(events: Iterable[e.Event]) -> e.RollbackProven | e.RollbackNotProven | None:
    """Return the last word on the way back: a proof is held, and may be lost."""
    told = [x for x in events if isinstance(x, e.RollbackProven | e.RollbackNotProven)]
    return told[-1] if told else None


def _first(events: Iterable[e.Event], kind: type[_E]) -> _E | None:
    return next(iter(of_type(events, kind)), None)


def _cut_off(events: tuple[e.Event, ...]) -> str:
    """Say how a run without a last event stands, and whether somebody has to look."""
    if not events:
        return "the run ended without a last event: there is none at all"
    last = type(events[-1]).__name__
    begin = f"the run ended without a last event (after {last} at {e.timestamp(events[-1].time)})"
    if isinstance(_back(events), e.RollbackProven):
        return f"{begin}; the rollback had been proven"
    if _first(events, e.AbortSent):
        return f"{begin}; an abort had been sent, THE ROLLBACK IS NOT PROVEN"
    if _first(events, e.RolloutPromoted):
        return f"{begin}; the canary had been promoted{_unwatched(events)}"
    if _first(events, e.StepOpened):
        return f"{begin}; no abort had been sent, THE CANARY MAY STILL GET TRAFFIC"
    return f"{begin}; no step had been opened"


def _unwatched(events: tuple[e.Event, ...]) -> str:
    """Say whether a promotion that was to be watched was watched to the end."""
    started, judged = _first(events, e.RolloutStarted), of_type(events, e.StepJudged)
    is_planned = started is not None and any(s["label"] == PROMOTED for s in started.steps)
    if not is_planned or any(event.label == PROMOTED for event in judged):
        return ""
    return ", AND NOBODY WATCHED IT TO THE END"


def _stops(events: tuple[e.Event, ...]) -> Iterable[Stop]:
    opened = {event.step: event for event in of_type(events, e.StepOpened)}
    judged = {event.step: event for event in of_type(events, e.StepJudged)}
    tests: dict[int, list[e.TestFinished]] = defaultdict(list)
    for test in of_type(events, e.TestFinished):
        tests[test.step].append(test)
    for plan in _plan(events, opened):
        index = plan["index"]
        yield _stop(events, plan, opened.get(index), judged.get(index), tests[index])


def _plan(
    events: tuple[e.Event, ...], opened: Mapping[int, e.StepOpened]
) -> list[Mapping[str, Any]]:
    started = _first(events, e.RolloutStarted)
    steps = list(started.steps) if started else []
    known = {step["index"] for step in steps}
    unplanned: list[Mapping[str, Any]] = [
        {"index": i, "label": o.label, "weight": o.weight, "share": o.share}
        for i, o in opened.items()
        if i not in known
    ]
    return steps + unplanned


def _stop(
    events: tuple[e.Event, ...],
    plan: Mapping[str, Any],
    opened: e.StepOpened | None,
    judged: e.StepJudged | None,
    tests: list[e.TestFinished],
) -> Stop:
    aborted = _first(events, e.RolloutAborted)
    label = plan["label"]
    verdict, reason = _verdict(label, opened, judged, events)
    end = _end(opened, judged, events)
    findings = judged.findings if judged else ()
    if opened and not judged and aborted and aborted.step == label:
        findings = aborted.findings
    if opened and not findings:
        findings = measured.findings_of(events, plan["index"], math.inf if end is None else end)
    return Stop(
        index=plan["index"],
        label=label,
        weight=plan["weight"],
        share=opened.share if opened else plan.get("share", plan["weight"] / 100),
        by_pods=by_pods(plan),
        opened=opened,
        judged=judged,
        ended=end,
        verdict=verdict,
        reason=reason,
        tests=tuple(tests),
        counts=dict(judged.tests) if judged else dict(Counter(t.outcome for t in tests)),
        findings=findings,
    )


def _verdict(
    label: str,
    opened: e.StepOpened | None,
    judged: e.StepJudged | None,
    events: tuple[e.Event, ...],
) -> tuple[str | None, str]:
    if judged:
        return judged.verdict, judged.reason
    aborted, ended = _first(events, e.RolloutAborted), _first(events, e.RunEnded)
    if opened is None:
        return None, f"step {label} was never opened{_because(aborted, ended)}"
    if aborted:
        return _VERDICTS.get(aborted.cause, Verdict.ERROR), aborted.reason
    sent = _first(events, e.AbortSent)
    if sent:  # the line between the two was not written any more
        return Verdict.ERROR, sent.reason
    if ended:
        return Verdict.ERROR, ended.reason
    return Verdict.ERROR, "the run ended while this step was open"


def _because(aborted: e.RolloutAborted | None, ended: e.RunEnded | None) -> str:
    if aborted:
        where = f"at {aborted.step}" if aborted.step else "before the first step"
        return f": aborted {where}: {aborted.reason}"
    return f": {ended.reason}" if ended else ""


def _end(
    opened: e.StepOpened | None, judged: e.StepJudged | None, events: tuple[e.Event, ...]
) -> float | None:
    if opened is None:
        return None
    if judged:
        return judged.time
    sent = _first(events, e.AbortSent)
    if sent:
        return sent.decided
    later = [event.time for event in events if isinstance(event, (e.RolloutAborted, e.RunEnded))]
    return min(later, default=None)
