"""Walks a rollout through its plan: open, see, judge, go on or abort. Knows no platform by name."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from canarytest.core import events
from canarytest.core.abort import Abort
from canarytest.core.bands import Policy
from canarytest.core.errors import (
    CanaryError,
    CanaryNotReady,
    Inconclusive,
    NotBegun,
    NotOurs,
    PlatformError,
)
from canarytest.core.evidence import Evidence, TestOutcome
from canarytest.core.finding import Finding, Verdict
from canarytest.core.incidents import cause_of
from canarytest.core.judge import Judgement, judge
from canarytest.core.measure import LoadSecond
from canarytest.core.plan import Plan, Step
from canarytest.core.ports import Clock, Facts, Incident, IncidentKind, Leaver, Platform, Undoer
from canarytest.core.proof import ProbeSample, Terms
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause, Reason
from canarytest.core.telling import Emit, Telling


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take, in seconds."""

    look_longer_s: float = 60.0  # beyond the bake, while a metric is undecided or in warning
    abort_within_s: float = 120.0  # an abort that no API took until then is not proven
    proof: Terms = field(default_factory=Terms)


class Driver:
    """
    One rollout, from its begin to promoted or proven back.

    `begin`, `open`, `close`, `promote` are called in turn from one thread; `see_...` and `abort`
    from any. The first reason to abort wins; after it nothing opens and nothing is promoted.
    """

    def __init__(
        self,
        plan: Plan,
        platform: Platform,
        policy: Policy,
        *,
        clock: Clock,
        emit: Emit,
        limits: Limits | None = None,
    ) -> None:
        self.plan = plan
        self.platform = platform
        self.policy = policy.shared_by(len(plan.steps))
        self.clock = clock
        self._telling = Telling(emit)
        self.limits = limits or Limits()
        self.step: Step | None = None  # the last one opened
        self.is_promoted = False
        self.is_left = False  # paused, as asked
        self.facts: Facts | None = None
        self._evidence: Evidence | None = None  # of the open step; None between steps
        self._opened_at = 0.0
        self._changed = threading.Condition()
        self._abort = Abort(
            platform,
            clock,
            self.emit,
            self.limits.proof,
            self.limits.abort_within_s,
            is_edge_known=lambda: self.facts is not None,
            note=lambda sentence: self.see_incident(Incident(IncidentKind.NOTED, None, sentence)),
        )

    @property
    def reason(self) -> Reason | None:
        """Why the rollout was aborted; None while it was not."""
        return self._abort.reason

    @property
    def evidence(self) -> Evidence | None:
        """What was seen in the open step; None between steps."""
        return self._evidence

    def on_abort(self, tell: Callable[[], None]) -> None:
        """Let *tell* hear, once, that the order to go back was sent, or could not be at first."""
        self._abort.on_tried = tell

    def emit(self, event: events.Event) -> None:
        """Emit *event*; what a report does wrong keeps no traffic from going back."""
        self._telling.emit(event)

    def begin(self, tell: Callable[[Facts | None], object] = lambda _: None) -> Facts | None:
        """
        Take the rollout over; None when the rollout is, or thereby was, aborted.

        *tell* is told how that ended, before anything else of it is told: by its facts, or None
        where it failed. A rollout that another run drives is left alone: no order is sent, now or
        later.
        """
        if self.reason is not None:
            return None
        with self._telling.holding(lambda: tell(self.facts)), self._guard():
            try:
                self.facts = self.platform.begin(self.plan, self.see_incident)
            except NotBegun as error:
                self._abort.leave(Reason(Cause.WORLD, str(error), None))
        return self.facts if self.reason is None else None

    def open(self, step: Step, *, load_expected: bool = False) -> bool:
        """
        Bring *step* in force; False when the rollout is, or thereby was, aborted.

        The one that `is_promoted` is brought in force by the promotion, which an abort undoes.
        """
        if self.reason is not None:
            return False
        self._check_judged()
        began = self.clock.now()
        if step.is_promoted and not self._promoted(step):
            return False
        with self._guard(step):
            self.facts = self.platform.open(step)
        with self._changed:
            if self.reason is not None:
                return False
            self.step = step
            self._opened_at = self.clock.now()
            self._evidence = Evidence(step.share, self.policy, load_expected=load_expected)
        return self._tell_unless_aborted(
            events.StepOpened(
                self.clock.time(),
                step=step.index,
                label=step.label,
                weight=step.weight,
                share=step.share,
                seconds=self._opened_at - began,
                canary=self.facts.canary if self.facts else "",
            )
        )

    def close(self) -> Judgement | None:
        """
        Wait until the open step is decided, and say how; None when it was aborted meanwhile.

        Returns at the end of the bake if all is normal; looks longer while that may help.
        """
        step = self.step
        with self._changed:
            if self._evidence is not None:
                self._evidence = self._evidence.with_tests_over().closed(self._open_for())
            judgement = self._wait_for_decision()
            evidence, self._evidence = self._evidence, None
        if judgement is None or evidence is None or step is None:
            return None
        judged = events.StepJudged(
            self.clock.time(),
            step=step.index,
            label=step.label,
            verdict=judgement.verdict,
            reason=judgement.reason,
            seconds=self.clock.now() - self._opened_at,
            tests={str(outcome): count for outcome, count in evidence.tests.items()},
            findings=judgement.findings,
        )
        if not self._tell_unless_aborted(judged):
            return None
        if judgement.verdict is not Verdict.SUCCESSFUL:
            self.abort(judgement.cause, judgement.reason)
            return None
        return judgement

    def promote(self) -> bool:
        """
        Make the canary the stable version for good; False when the rollout is aborted instead.

        Where the promotion was a step already, the previous revision is let go.
        """
        if self.reason is not None or self.facts is None:
            return False
        self._check_judged()
        if self._is_undoable:
            return self._retire()
        began = self.clock.now()
        with self._guard():
            self.platform.promote()
            self.is_promoted = self._abort.forbid()
        if self.is_promoted:
            self._tell_promoted(began)
        return self.is_promoted

    def leave(self) -> bool:
        """Leave the rollout paused at the last step; False when it is aborted instead."""
        step, facts = self.step, self.facts
        if self.reason is not None or step is None or facts is None:
            return False
        self._check_judged()
        with self._guard():
            cast("Leaver", self.platform).leave(step)
            self.is_left = self._abort.forbid()
        if self.is_left:
            self.emit(
                events.RolloutLeft(
                    self.clock.time(), step=step.index, label=step.label, canary=facts.canary
                )
            )
        return self.is_left

    def abort(self, cause: Cause, sentence: str) -> bool:
        """
        Send all traffic back; True if this is the reason that counts.

        Returns when the platform took the order, or after two seconds: it is tried on meanwhile.
        """
        if self.plan.is_first:  # there is nothing that the traffic could go back to
            return self._end_without_order(cause, sentence)
        reason = Reason(cause, sentence, self.step.label if self.step else None)
        evidence = self._evidence
        is_first = self._abort.start(reason, lambda: judge(evidence).findings if evidence else ())
        with self._changed:
            self._changed.notify_all()
        self._abort.wait_sent(2.0)
        return is_first

    def _end_without_order(self, cause: Cause, sentence: str) -> bool:
        """End, and leave the traffic where it is; False if it had ended."""
        reason = Reason(cause, sentence, self.step.label if self.step else None)
        if not self._abort.leave(reason):
            return False
        with self._changed:
            self._changed.notify_all()
        self.emit(events.RolloutAborted(self.clock.time(), cause, sentence, reason.step))
        self._abort.on_tried()
        return True

    def settle(self) -> bool:
        """Wait until an abort is proven, or is not to be; True if it is."""
        return self._abort.wait_settled()

    def give_up(self, why: str) -> None:
        """End the proof of a rollback as not proven, now."""
        self._abort.give_up(why)

    def see_test(self, outcome: TestOutcome, what: str) -> None:
        """Take the outcome of one test; *what* names it and says why, if it is bad."""
        self._see(lambda evidence: evidence.with_test(outcome))
        if outcome in (TestOutcome.FAILED, TestOutcome.ERROR):
            self.abort(Cause.TEST, what)
        elif outcome is TestOutcome.INCONCLUSIVE:
            self.abort(Cause.INCONCLUSIVE, what)

    def see_load(self, second: LoadSecond) -> None:
        """Take one second of load; a breach aborts here and now."""
        self._see(lambda evidence: evidence.with_load(second, self._open_for()))
        self._consider()

    def see_load_trouble(self, sentence: str) -> None:
        """Take the reason why the load of this step cannot be trusted."""
        self._see(lambda evidence: evidence.with_load_trouble(sentence))
        self._consider()

    def see_probe(self, samples: Sequence[ProbeSample]) -> None:
        """Take what the edge probe saw, in order."""
        self._abort.see(samples)
        self._see(lambda evidence: evidence.with_samples(samples, self._opened_at))
        self._consider()

    def see_gauges(self, values: Mapping[str, float]) -> None:
        """Take one sample of the canary's gauges."""
        self._see(lambda evidence: evidence.with_gauges(values))
        self._consider()

    def see_finding(self, finding: Finding) -> None:
        """Take how a metric stands that is judged elsewhere; its zone decides as any other's."""
        self._see(lambda evidence: evidence.with_finding(finding))
        self._consider()

    def see_incident(self, incident: Incident) -> None:
        """Take what the platform noticed."""
        self.emit(
            events.MeasurementTaken(
                self.clock.time(),
                step=self.step.index if self.step else 0,
                source="platform",
                values={
                    "incident": incident.kind,
                    "version": incident.version,
                    "message": incident.message,
                },
            )
        )
        is_past = self._is_undoable and incident.version is Version.STABLE  # it answers nobody
        if self.is_promoted or self.is_left or is_past or incident.kind is IncidentKind.NOTED:
            return
        if incident.kind is IncidentKind.NOT_OURS:
            self._end_without_order(Cause.WORLD, incident.message)
        else:
            self.abort(cause_of(incident), incident.message)

    @property
    def _is_undoable(self) -> bool:
        """Whether all traffic is the canary's already, and the previous revision still up."""
        return self.step is not None and self.step.is_promoted

    def _tell_unless_aborted(self, event: events.Event) -> bool:
        """Tell *event*; False if there was an abort, behind which no step is told."""
        with self._telling.lock:
            if self.reason is not None:
                return False
            self.emit(event)
            return True

    def _promoted(self, step: Step) -> bool:
        """Promote, and return whether no abort undid it meanwhile."""
        began = self.clock.now()
        with self._guard(step):
            self.platform.promote()
        with self._telling.lock:
            if self.reason is None:
                self._tell_promoted(began)
            return self.reason is None

    def _tell_promoted(self, began: float) -> None:
        now, canary = self.clock.now(), self.facts.canary if self.facts else ""
        self.emit(events.RolloutPromoted(self.clock.time(), canary=canary, seconds=now - began))

    def _retire(self) -> bool:
        """First end the right to abort: an abort needs what is let go then."""
        self.is_promoted = self._abort.forbid()
        if self.is_promoted:
            try:
                cast("Undoer", self.platform).retire()
            except CanaryError as error:
                sentence = f"the previous revision was not let go: {error}"
                self.see_incident(Incident(IncidentKind.NOTED, Version.STABLE, sentence))
        return self.is_promoted

    def _check_judged(self) -> None:
        if self._evidence is not None and self.step is not None:
            raise AssertionError(f"{self.step.label} was not judged: close it before going on")

    def _open_for(self) -> float:
        return self.clock.now() - self._opened_at

    def _see(self, add: Callable[[Evidence], Evidence]) -> None:
        with self._changed:
            if self._evidence is not None:
                self._evidence = add(self._evidence)
                self._changed.notify_all()

    def _consider(self) -> None:
        """Abort at once if what was seen is enough to; never promote from here."""
        evidence = self._evidence
        if evidence is None or self.reason is not None:
            return
        judgement = judge(evidence)
        if judgement.is_final:
            self.abort(judgement.cause, judgement.reason)

    def _wait_for_decision(self) -> Judgement | None:
        step = self.step
        if step is None:
            return None
        bake_over = self._opened_at + step.bake_s
        latest = bake_over + self.limits.look_longer_s
        while self.reason is None and self._evidence is not None:
            judgement = judge(self._evidence)
            now = self.clock.now()
            if judgement.is_under_way:
                bake_over = max(bake_over, now)  # it is looked longer from its end on
                latest = bake_over + self.limits.look_longer_s
                self.clock.wait(self._changed, self.limits.look_longer_s)
                continue
            is_baked = now >= bake_over
            if judgement.is_final or (is_baked and (now >= latest or not judgement.may_change)):
                return judgement
            self.clock.wait(self._changed, (latest if is_baked else bake_over) - now)
        return None

    @contextlib.contextmanager
    def _guard(self, step: Step | None = None) -> Iterator[None]:
        """Turn what a platform raises into the abort that it means."""
        prefix = f"opening {step.label}: " if step else ""
        try:
            with self._abort.outlasting():
                yield
        except NotOurs as error:
            self._end_without_order(Cause.WORLD, f"{prefix}{error}")
        except CanaryNotReady as error:
            self.abort(Cause.NOT_READY, f"{prefix}{error}")
        except Inconclusive as error:
            self.abort(Cause.INCONCLUSIVE, f"{prefix}{error}")
        except PlatformError as error:
            self.abort(Cause.WORLD, f"{prefix}{error}")
