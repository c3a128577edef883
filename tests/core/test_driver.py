"""The driver: scripts of what happens, against a platform in memory."""

import threading
from collections.abc import Callable

import pytest

from canarytest.core import events
from canarytest.core.driver import Driver, Limits
from canarytest.core.errors import (
    CanaryNotReady,
    ConfigError,
    Inconclusive,
    NotBegun,
    PlatformError,
    RolloutLocked,
)
from canarytest.core.evidence import TestOutcome
from canarytest.core.finding import Finding, Zone
from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.plan import Plan, Resources, Step
from canarytest.core.ports import Incident, IncidentKind, State
from canarytest.core.proof import ProbeSample, Terms
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause, Reason, outcome_of
from canarytest.core.sketch import Sketch
from canarytest.testing import EPOCH, FakeClock, Hang, Rehearsal, fails, says

TEN = Step(0, "10%", 10, 0.1, 30.0, False, 1, 1, 2)
FIFTY = Step(1, "50%", 50, 0.5, 30.0, False, 3, 1, 2)
PLAN = Plan(
    "was", "petclinic", 2, True, (TEN, FIFTY), ("setWeight", "pause"), "was", Resources(None, None)
)
LIMITS = Limits(look_longer_s=60, abort_within_s=120, proof=Terms(10, 600, 60))
# For calls that a thread beside is in: virtual time does not wait for them.
PATIENT = Limits(proof=Terms(10, 600, within_s=1e6))
SOON_S = 30  # never reached, unless something is wrong
ABORTED = ["AbortSent", "RolloutAborted", "RollbackProven"]


def rehearse(**given: object) -> Rehearsal:
    return Rehearsal(PLAN, **{"limits": LIMITS, **given})  # type: ignore[arg-type]


def elsewhere(call: Callable[[], object]) -> Callable[[], None]:
    """Return an act that has *call* done by another thread, and waits for it."""

    def act() -> None:
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()

    return act


def test_an_abort_before_the_begin_leaves_the_rollout_alone() -> None:
    rehearsal = rehearse()
    rehearsal.driver.abort(Cause.INTERRUPTED, "Ctrl-C")

    assert rehearsal.driver.begin() is None
    assert not rehearsal.driver.open(TEN)
    assert not rehearsal.driver.promote()
    assert rehearsal.driver.settle()
    assert rehearsal.platform.orders() == ["abort"]


def test_an_abort_while_a_step_is_being_opened_has_the_last_word() -> None:
    rehearsal = rehearse(limits=PATIENT)
    rehearsal.driver.begin()
    rehearsal.platform.next(
        "open", elsewhere(lambda: rehearsal.driver.abort(Cause.WORLD, "the router ended"))
    )

    assert not rehearsal.driver.open(TEN)
    assert rehearsal.driver.evidence is None
    assert rehearsal.driver.settle()
    assert rehearsal.platform.share == 0
    assert rehearsal.platform.orders() == ["begin", "open 10%", "abort", "abort"]
    assert rehearsal.names == ABORTED


def test_nothing_is_proven_while_a_step_may_still_come_into_force() -> None:
    rehearsal = rehearse()
    rehearsal.driver.begin()

    def abort_and_wait() -> None:
        rehearsal.driver.abort(Cause.WORLD, "the router ended")
        rehearsal.driver.settle()

    rehearsal.platform.next("open", elsewhere(abort_and_wait))

    assert not rehearsal.driver.open(TEN)
    assert rehearsal.names == ["AbortSent", "RolloutAborted", "RollbackNotProven"]
    for thread in threading.enumerate():
        if thread.name == "canarytest-abort":
            thread.join()
    assert rehearsal.platform.share == 0


def test_an_abort_while_it_is_promoted_has_the_last_word() -> None:
    rehearsal = rehearse(limits=PATIENT)
    rehearsal.platform.next(
        "promote", elsewhere(lambda: rehearsal.driver.abort(Cause.INTERRUPTED, "Ctrl-C"))
    )

    assert not rehearsal.walk()
    assert not rehearsal.driver.is_promoted
    assert rehearsal.platform.share == 0
    assert rehearsal.names[-3:] == ABORTED


def test_an_abort_while_the_rollout_is_taken_over_has_the_last_word() -> None:
    rehearsal = rehearse(limits=PATIENT)
    rehearsal.platform.next(
        "begin", elsewhere(lambda: rehearsal.driver.abort(Cause.INTERRUPTED, "Ctrl-C"))
    )

    assert rehearsal.driver.begin() is None
    assert rehearsal.driver.settle()
    assert rehearsal.platform.orders() == ["begin", "abort", "abort"]


@pytest.mark.parametrize(
    "error", [RolloutLocked("was is driven by run 17"), NotBegun("was is aborted")], ids=repr
)
def test_a_rollout_that_is_not_ours_to_drive_is_not_touched(error: NotBegun) -> None:
    rehearsal = rehearse()
    rehearsal.platform.next("begin", fails(error))

    assert rehearsal.driver.begin() is None
    assert not rehearsal.driver.open(TEN)
    assert not rehearsal.driver.abort(Cause.INTERNAL, "the run ended before the last step")
    assert rehearsal.driver.settle()
    assert outcome_of(rehearsal.driver.reason, proven=True).exit_status == 12
    assert rehearsal.platform.orders() == ["begin"]
    assert rehearsal.names == []


def test_a_step_that_was_not_judged_is_not_left() -> None:
    rehearsal = rehearse()
    rehearsal.driver.begin()
    rehearsal.driver.open(TEN)

    with pytest.raises(AssertionError, match="10% was not judged"):
        rehearsal.driver.open(FIFTY)
    with pytest.raises(AssertionError, match="10% was not judged"):
        rehearsal.driver.promote()
    assert rehearsal.platform.orders() == ["begin", "open 10%"]


def test_a_step_whose_opening_an_abort_overtook_is_not_told_as_open() -> None:
    class Overtaken(FakeClock):
        """A clock with which an abort comes just as the step is in force."""

        def now(self) -> float:
            if rehearsal.platform.share and rehearsal.driver.reason is None:
                rehearsal.driver._abort.start(Reason(Cause.WORLD, "the router ended", None))
                rehearsal.driver._abort.wait_sent(SOON_S)
            return super().now()

    rehearsal = rehearse()
    rehearsal.driver.begin()
    rehearsal.driver.clock = Overtaken()

    assert not rehearsal.driver.open(TEN)
    assert rehearsal.driver.settle()
    assert rehearsal.names == ABORTED


def test_a_good_canary_is_promoted() -> None:
    rehearsal = rehearse()

    assert rehearsal.walk()
    assert rehearsal.platform.orders() == ["begin", "open 10%", "open 50%", "promote"]
    assert rehearsal.names == [
        "StepOpened", "StepJudged", "StepOpened", "StepJudged", "RolloutPromoted",
    ]  # fmt: skip
    assert rehearsal.clock.elapsed == 60  # the bake of both steps, and no longer
    assert outcome_of(rehearsal.driver.reason, proven=True).exit_status == 0
    assert [judged.seconds for judged in rehearsal.of(events.StepJudged)] == [30, 30]
    assert rehearsal.of(events.StepJudged)[0].tests == {"passed": 1}


def test_a_failing_test_aborts_at_once() -> None:
    rehearsal = rehearse()
    rehearsal.clock.at(12, lambda: rehearsal.driver.see_test(TestOutcome.FAILED, "test_login"))

    assert not rehearsal.walk()
    assert rehearsal.of(events.AbortSent)[0].time == EPOCH + 12
    assert rehearsal.driver.reason == Reason(Cause.TEST, "test_login", "10%")
    assert rehearsal.names == ["StepOpened", *ABORTED]
    assert rehearsal.platform.orders() == ["begin", "open 10%", "abort"]


OUTCOMES = {
    TestOutcome.PASSED: None,
    TestOutcome.XPASSED: None,
    TestOutcome.SKIPPED: None,
    TestOutcome.XFAILED: None,
    TestOutcome.FAILED: Cause.TEST,
    TestOutcome.ERROR: Cause.TEST,
    TestOutcome.INCONCLUSIVE: Cause.INCONCLUSIVE,
}


@pytest.mark.parametrize(("outcome", "cause"), OUTCOMES.items())
def test_each_outcome_of_a_test(outcome: TestOutcome, cause: Cause | None) -> None:
    rehearsal = rehearse()

    def verify(driver: Driver, step: Step) -> None:
        driver.see_test(TestOutcome.PASSED, "test_other")
        driver.see_test(outcome, "test_login")
        assert (driver.reason is None) is (cause is None)  # here and now, not when it is closed

    assert rehearsal.walk(verify) is (cause is None)
    assert (rehearsal.driver.reason and rehearsal.driver.reason.cause) == cause


def test_a_step_with_no_test_is_inconclusive() -> None:
    rehearsal = rehearse()

    assert not rehearsal.walk(lambda driver, step: None)
    assert rehearsal.driver.reason == Reason(
        Cause.INCONCLUSIVE, "no test passed at this step (none ran): nothing was verified", "10%"
    )
    assert rehearsal.names == ["StepOpened", "StepJudged", *ABORTED]


def test_a_step_where_nothing_was_seen_at_the_edge_is_inconclusive_after_looking_longer() -> None:
    rehearsal = rehearse(requests=0)

    assert not rehearsal.walk()
    assert rehearsal.of(events.StepJudged)[0].seconds == TEN.bake_s + LIMITS.look_longer_s
    assert rehearsal.driver.reason is not None
    assert rehearsal.driver.reason.cause is Cause.INCONCLUSIVE
    assert rehearsal.names[-1] == "RollbackNotProven"
    assert rehearsal.of(events.RollbackNotProven)[0].reason.endswith("the edge was never asked")


def test_a_step_that_is_decided_late_is_left_then() -> None:
    rehearsal = rehearse()

    def verify(driver: Driver, step: Step) -> None:
        driver.see_test(TestOutcome.PASSED, "test_it")
        driver.see_gauges({"cpu": 0.1})
        for late in (40, 41) if step is TEN else (1, 2):
            rehearsal.clock.at(late, lambda: driver.see_gauges({"cpu": 0.1}))

    assert rehearsal.walk(verify)
    assert rehearsal.of(events.StepJudged)[0].seconds == 41
    assert rehearsal.of(events.StepJudged)[0].verdict == "successful"


def load(version: Version, requests: int, failures: int) -> LoadSecond:
    tally = Tally(requests, failures, Sketch.of([20.0] * requests))
    return LoadSecond(1.0, 10, 0.1, 0.0, (EndpointTally(version, "POST /login", tally),))


def test_a_breach_aborts_within_three_seconds() -> None:
    rehearsal = rehearse()
    for second in (5, 6, 7, 8):
        rehearsal.clock.at(second, lambda: rehearsal.driver.see_load(load(Version.CANARY, 50, 45)))

    assert not rehearsal.walk()
    assert rehearsal.of(events.RolloutAborted)[0].time <= EPOCH + 5 + 3
    assert rehearsal.driver.reason is not None
    assert rehearsal.driver.reason.cause is Cause.BREACH
    assert rehearsal.driver.reason.sentence.startswith("error rate ")
    aborted = rehearsal.of(events.RolloutAborted)[0]
    assert [f.metric for f in aborted.findings if f.zone is Zone.ROLL_BACK] == [
        "error_rate",
        "error_rate of POST /login",
    ]
    assert "StepJudged" not in rehearsal.names


def test_load_trouble_aborts_as_inconclusive() -> None:
    rehearsal = rehearse()
    rehearsal.clock.at(5, lambda: rehearsal.driver.see_load_trouble("the generator is too slow"))

    assert not rehearsal.walk()
    assert rehearsal.driver.reason == Reason(Cause.INCONCLUSIVE, "the generator is too slow", "10%")


def test_an_edge_that_does_not_answer_is_the_worlds_failure() -> None:
    """Envoy hangs, or DNS, or the network: no data, but not for want of looking."""
    rehearsal = rehearse()

    def verify(driver: Driver, step: Step) -> None:
        rehearsal.edge.next(*[None] * 240)
        rehearsal.clock.advance(4)
        driver.see_test(TestOutcome.PASSED, "test_it")

    assert not rehearsal.walk(verify)
    assert rehearsal.driver.reason is not None
    assert rehearsal.driver.reason.cause is Cause.WORLD
    assert "answered by neither version" in rehearsal.driver.reason.sentence
    assert outcome_of(rehearsal.driver.reason, proven=True).exit_status == 12


def test_a_gauge_over_its_band_aborts() -> None:
    rehearsal = rehearse()
    for second in (1, 2, 3):
        rehearsal.clock.at(second, lambda: rehearsal.driver.see_gauges({"memory": 0.99}))

    assert not rehearsal.walk()
    assert rehearsal.of(events.AbortSent)[0].seconds == 0
    assert rehearsal.driver.reason is not None
    assert rehearsal.driver.reason.sentence.startswith("memory 99% of its limit: roll back")


def test_what_was_under_way_before_the_step_opened_does_not_count() -> None:
    rehearsal = rehearse(requests=0)
    rehearsal.driver.begin()
    rehearsal.driver.open(TEN)
    now = rehearsal.clock.now()
    rehearsal.driver.see_probe(
        [
            ProbeSample(now + 0.010, Version.STABLE, True, 50.0),  # sent 40 ms before
            ProbeSample(now + 0.010, Version.CANARY, True, 5.0),
        ]
    )

    assert rehearsal.driver.evidence is not None
    assert rehearsal.driver.evidence.split.total == 1


INCIDENTS = [
    (IncidentKind.RESTARTED, Version.CANARY, Cause.RESTARTED, 1),
    (IncidentKind.NOT_READY, Version.CANARY, Cause.NOT_READY, 1),
    (IncidentKind.CONDEMNED, Version.CANARY, Cause.CONDEMNED, 1),
    (IncidentKind.RESTARTED, Version.STABLE, Cause.WORLD, 12),
    (IncidentKind.NOT_READY, Version.STABLE, Cause.WORLD, 12),
    (IncidentKind.ROUTER, None, Cause.WORLD, 12),
    (IncidentKind.TAKEN_OVER, None, Cause.WORLD, 12),
    (IncidentKind.UNJUDGED, None, Cause.INCONCLUSIVE, 10),
]


@pytest.mark.parametrize(("kind", "version", "cause", "status"), INCIDENTS)
def test_an_incident_is_blamed_on_whose_it_is(
    kind: IncidentKind, version: Version | None, cause: Cause, status: int
) -> None:
    rehearsal = rehearse()
    rehearsal.clock.at(3, lambda: rehearsal.platform.on_incident(Incident(kind, version, "why")))

    assert not rehearsal.walk()
    assert rehearsal.driver.reason == Reason(cause, "why", "10%")
    assert outcome_of(rehearsal.driver.reason, proven=True).exit_status == status
    assert rehearsal.names == ["StepOpened", "MeasurementTaken", *ABORTED]


def test_an_incident_before_the_first_step_aborts_before_it() -> None:
    rehearsal = rehearse()
    rehearsal.driver.begin()
    rehearsal.platform.on_incident(Incident(IncidentKind.ROUTER, None, "the router ended"))

    assert not rehearsal.driver.open(TEN)
    assert rehearsal.driver.settle()
    assert rehearsal.driver.reason == Reason(Cause.WORLD, "the router ended", None)
    assert rehearsal.of(events.RolloutAborted)[0].step is None
    assert rehearsal.platform.orders() == ["begin", "abort"]


def test_an_incident_that_cannot_be_written_down_aborts_all_the_same() -> None:
    def refuse(event: events.Event) -> None:
        raise OSError(28, "No space left on device")

    rehearsal = rehearse(emit=refuse)
    rehearsal.driver.begin()
    rehearsal.platform.on_incident(Incident(IncidentKind.ROUTER, None, "the router ended"))

    assert rehearsal.driver.settle()


def test_after_the_promotion_nothing_aborts() -> None:
    rehearsal = rehearse()
    rehearsal.walk()
    rehearsal.platform.on_incident(Incident(IncidentKind.RESTARTED, Version.CANARY, "OOM"))

    assert not rehearsal.driver.abort(Cause.INTERRUPTED, "Ctrl-C")
    rehearsal.driver.see_test(TestOutcome.FAILED, "test_late")
    assert rehearsal.driver.reason is None
    assert "abort" not in rehearsal.platform.calls
    assert rehearsal.names[-1] == "MeasurementTaken"


TROUBLE = [
    (CanaryNotReady("CrashLoopBackOff"), Cause.NOT_READY),
    (Inconclusive("both versions answer v100"), Cause.INCONCLUSIVE),
    (PlatformError("503"), Cause.WORLD),
]


@pytest.mark.parametrize(("error", "cause"), TROUBLE)
def test_trouble_while_opening_is_the_abort_that_it_means(error: Exception, cause: Cause) -> None:
    rehearsal = rehearse()
    rehearsal.platform.next("open", lambda: None, fails(error))

    assert not rehearsal.walk()
    assert rehearsal.driver.reason == Reason(cause, f"opening 50%: {error}", "10%")
    assert rehearsal.names == ["StepOpened", "StepJudged", *ABORTED]


@pytest.mark.parametrize(("error", "cause"), TROUBLE)
def test_trouble_while_promoting_too(error: Exception, cause: Cause) -> None:
    rehearsal = rehearse()
    rehearsal.platform.next("promote", fails(error))

    assert not rehearsal.walk()
    assert rehearsal.driver.reason == Reason(cause, str(error), "50%")
    assert rehearsal.names[-3:] == ABORTED


@pytest.mark.parametrize(("error", "cause"), TROUBLE)
def test_a_rollout_that_cannot_be_begun_owes_no_proof(error: Exception, cause: Cause) -> None:
    rehearsal = rehearse()
    rehearsal.platform.stable_complete = False  # it may be what does not start
    rehearsal.platform.next("begin", fails(error))

    assert rehearsal.driver.begin() is None
    assert rehearsal.driver.settle()
    assert rehearsal.clock.elapsed == 0
    assert rehearsal.driver.reason == Reason(cause, str(error), None)
    assert rehearsal.names == ["AbortSent", "RolloutAborted"]
    assert rehearsal.platform.orders() == ["begin", "abort"]


@pytest.mark.parametrize("share", [None, 0.1])
def test_a_rollout_that_cannot_be_begun_and_may_get_traffic_is_not_proven(
    share: float | None,
) -> None:
    """It was taken over in the midst of it, and the platform cannot say that it is back."""
    rehearsal = rehearse()
    rehearsal.platform.next("begin", fails(PlatformError("503")))
    rehearsal.platform.always(
        "state", fails(PlatformError("503")) if share is None else says(State(share, True))
    )

    assert rehearsal.driver.begin() is None
    assert not rehearsal.driver.settle()
    assert rehearsal.names == ["AbortSent", "RolloutAborted", "RollbackNotProven"]


@pytest.mark.parametrize("fault", [None, PlatformError("503")])
def test_that_it_began_is_told_first(fault: Exception | None) -> None:
    """An abort that comes meanwhile is sent at once, and told after."""
    told: list[str] = []
    rehearsal = rehearse(limits=PATIENT, emit=lambda event: told.append(type(event).__name__))

    def begin() -> None:
        elsewhere(lambda: rehearsal.driver.abort(Cause.INTERRUPTED, "Ctrl-C"))()
        assert rehearsal.platform.orders() == ["begin", "abort"]
        if fault:
            raise fault

    rehearsal.platform.next("begin", begin)
    rehearsal.driver.begin(lambda facts: told.append("begun" if facts else "not begun"))
    rehearsal.driver.settle()

    assert told[:3] == ["not begun" if fault else "begun", "AbortSent", "RolloutAborted"]
    assert told[3:] == ([] if fault else ["RollbackProven"])


@pytest.mark.parametrize("error", [ConfigError("no such image"), KeyError("status")])
def test_our_own_mistakes_fly_and_leave_the_way_back(error: Exception) -> None:
    rehearsal = rehearse()
    rehearsal.driver.begin()
    rehearsal.platform.next("open", fails(error))

    with pytest.raises(type(error)):
        rehearsal.driver.open(TEN)
    assert rehearsal.driver.abort(Cause.INTERNAL, repr(error))
    assert rehearsal.driver.settle()
    assert rehearsal.platform.orders() == ["begin", "open 10%", "abort"]


def test_a_test_that_fails_after_its_step_was_closed_aborts_still() -> None:
    rehearsal = rehearse()
    rehearsal.driver.begin()
    rehearsal.driver.open(TEN)
    rehearsal.driver.see_test(TestOutcome.PASSED, "test_it")
    assert rehearsal.driver.close() is not None
    rehearsal.driver.see_test(TestOutcome.FAILED, "test_late")

    assert not rehearsal.driver.open(FIFTY)
    assert not rehearsal.driver.promote()
    assert rehearsal.driver.settle()
    assert rehearsal.driver.reason == Reason(Cause.TEST, "test_late", "10%")
    assert rehearsal.platform.orders() == ["begin", "open 10%", "abort"]


def test_to_close_what_is_not_open_says_nothing_and_does_nothing() -> None:
    rehearsal = rehearse()
    rehearsal.driver.begin()

    assert rehearsal.driver.close() is None
    rehearsal.driver.open(TEN)
    rehearsal.driver.see_test(TestOutcome.PASSED, "test_it")
    assert rehearsal.driver.close() is not None
    assert rehearsal.driver.close() is None
    assert rehearsal.driver.evidence is None
    assert rehearsal.driver.reason is None


def test_to_promote_before_the_begin_is_refused() -> None:
    assert not rehearse().driver.promote()


def test_an_abort_that_hangs_holds_its_caller_up_no_longer_than_it_says() -> None:
    def note(seconds: float) -> None:
        waits.append(seconds)

    waits: list[float] = []
    hang, rehearsal = Hang(), rehearse()
    rehearsal.platform.next("abort", hang)
    rehearsal.driver.begin()
    rehearsal.driver.open(TEN)
    rehearsal.driver._abort.wait_sent = note  # type: ignore[method-assign]

    assert rehearsal.driver.abort(Cause.TEST, "test_login failed")
    rehearsal.clock.advance(30)
    assert rehearsal.driver.close() is None
    assert waits == [2.0]
    hang.release()
    assert rehearsal.driver.settle()
    assert rehearsal.of(events.AbortSent)[0].seconds == 30


def test_who_waits_for_the_end_of_a_step_is_woken_by_an_abort() -> None:
    class Real(FakeClock):
        """A clock whose waits are real, and end when somebody tells."""

        def wait(self, condition: threading.Condition, seconds: float) -> None:
            waiting.set()
            assert condition.wait(SOON_S)

    rehearsal, waiting = rehearse(requests=0), threading.Event()
    rehearsal.driver.begin()
    rehearsal.driver.open(TEN)
    rehearsal.driver.see_test(TestOutcome.PASSED, "test_it")
    rehearsal.driver.clock = Real()

    def abort() -> None:
        waiting.wait(SOON_S)
        rehearsal.driver.abort(Cause.INTERRUPTED, "Ctrl-C")

    thread = threading.Thread(target=abort)
    thread.start()

    assert rehearsal.driver.close() is None
    thread.join()
    assert not rehearsal.driver.settle()


def test_a_step_waits_for_what_ends_by_itself_however_long_it_looks() -> None:
    rehearsal = rehearse()

    def verify(driver: Driver, step: Step) -> None:
        driver.see_test(TestOutcome.PASSED, "test_it")
        driver.see_finding(Finding("success-rate", Zone.UNDER_WAY, "3 of 10 measurements"))
        ended = Finding("success-rate", Zone.NORMAL, "10 of 10 measurements successful")
        rehearsal.clock.at(500, lambda: driver.see_finding(ended))

    assert rehearsal.walk(verify)
    assert rehearsal.of(events.StepJudged)[0].seconds == 500


@pytest.mark.parametrize(
    ("zone", "cause"), [(Zone.ROLL_BACK, Cause.BREACH), (Zone.UNTRUSTED, Cause.INCONCLUSIVE)]
)
def test_what_is_judged_elsewhere_aborts_as_any_other_metric(zone: Zone, cause: Cause) -> None:
    rehearsal = rehearse()
    rehearsal.driver.begin()
    rehearsal.driver.open(TEN)
    rehearsal.driver.see_finding(Finding("heap", Zone.NORMAL, "heap 40 %: normal"))
    assert rehearsal.driver.reason is None

    rehearsal.driver.see_finding(Finding("heap", zone, "heap: it is so"))

    assert rehearsal.driver.reason == Reason(cause, "heap: it is so", "10%")
