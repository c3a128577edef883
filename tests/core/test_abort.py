"""The way back: sent until it is taken, by whoever asks first, and proven or not."""

import threading

from canarytest.core import events
from canarytest.core.abort import Abort
from canarytest.core.driver import Limits
from canarytest.core.errors import PlatformError
from canarytest.core.evidence import TestOutcome
from canarytest.core.plan import Plan, Resources, Step
from canarytest.core.proof import ProbeSample, Terms
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause, Reason
from canarytest.testing import FakeClock, FakePlatform, Hang, Rehearsal, fails

UNAVAILABLE = fails(PlatformError("503 Service Unavailable"))
TEN = Step(0, "10%", 10, 0.1, 30.0, False, 1, 1, 2)
FIFTY = Step(1, "50%", 50, 0.5, 30.0, False, 3, 1, 2)
PLAN = Plan(
    "was", "petclinic", 2, True, (TEN, FIFTY), ("setWeight", "pause"), "was", Resources(None, None)
)
TERMS = Terms(window_s=10, responses=600, within_s=60)
LIMITS = Limits(look_longer_s=60, abort_within_s=120, proof=TERMS)
REASON = Reason(Cause.TEST, "test_login failed", "10%")
SOON_S = 30  # never reached, unless something is wrong
ABORTED = ["AbortSent", "RolloutAborted", "RollbackProven"]


def rehearse(**given: object) -> Rehearsal:
    """Return a run whose first step is open."""
    rehearsal = Rehearsal(PLAN, **{"limits": LIMITS, **given})  # type: ignore[arg-type]
    rehearsal.driver.begin()
    rehearsal.driver.open(TEN)
    return rehearsal


def refuse(event: events.Event) -> None:
    raise OSError(28, "No space left on device")


def test_a_report_that_fails_keeps_no_abort_from_being_sent_or_proven() -> None:
    rehearsal = rehearse(emit=refuse)
    rehearsal.driver.see_test(TestOutcome.FAILED, "test_login")

    assert rehearsal.driver.settle()
    assert rehearsal.platform.orders() == ["begin", "open 10%", "abort"]
    assert rehearsal.names == ["StepOpened", *ABORTED]


def test_whoever_is_told_of_the_attempt_cannot_end_it() -> None:
    rehearsal = rehearse()
    rehearsal.driver.on_abort(lambda: next(iter(())))
    rehearsal.platform.next("abort", UNAVAILABLE)
    rehearsal.driver.abort(Cause.TEST, "test_login failed")

    assert rehearsal.driver.settle()
    assert rehearsal.platform.orders()[2:] == ["abort", "abort"]


def test_our_own_error_while_aborting_ends_the_run_as_not_proven() -> None:
    rehearsal = rehearse()
    rehearsal.platform.next("state", fails(KeyboardInterrupt()))
    rehearsal.driver.abort(Cause.TEST, "test_login failed")

    assert not rehearsal.driver.settle()
    assert (
        rehearsal.of(events.RollbackNotProven)[0].reason == "canarytest failed: KeyboardInterrupt: "
    )


def test_an_abort_that_could_not_start_may_be_started_again() -> None:
    rehearsal = rehearse()
    size = threading.stack_size(2**46)  # more than there is: the system refuses the thread
    try:
        rehearsal.driver.abort(Cause.INTERRUPTED, "Ctrl-C")
    finally:
        threading.stack_size(size)

    assert rehearsal.driver.settle()
    assert rehearsal.names == ["StepOpened", *ABORTED]


def test_what_is_seen_does_not_hurry_the_retries_and_the_questions() -> None:
    class Unhurried(threading.Condition):
        def notify_all(self) -> None:
            raise AssertionError("who waits to ask again is woken by each response")

    hang = Hang()
    abort = Abort(platform := FakePlatform(), clock := FakeClock(), lambda _: None, TERMS, 120)
    platform.next("abort", hang)
    condition, abort._changed = abort._changed, Unhurried()
    abort.start(REASON)
    abort.see([ProbeSample(clock.now(), Version.STABLE, True, 1.0)])
    abort._changed = condition
    hang.release()
    abort.give_up("enough")

    assert not abort.wait_settled()


def test_after_the_promotion_an_abort_is_refused_and_waits_for_nothing() -> None:
    class Never(threading.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            raise AssertionError("it waits for an order that nobody sends")

    abort = Abort(FakePlatform(), FakeClock(), lambda _: None, TERMS, within_s=120)
    abort._changed = Never()

    assert abort.forbid()
    assert not abort.start(REASON)
    abort.wait_sent(2.0)


def test_who_sends_the_order_does_not_wait_for_it() -> None:
    class NotByTheSender(threading.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            assert threading.current_thread().name != "canarytest-abort"
            return super().wait(timeout)

    rehearsal = rehearse()
    rehearsal.driver._abort._changed = NotByTheSender()
    rehearsal.platform.next("abort", lambda: rehearsal.driver.abort(Cause.WORLD, "no route") and 0)
    rehearsal.driver.abort(Cause.TEST, "test_login failed")

    assert rehearsal.driver.settle()
    assert rehearsal.of(events.AbortSent)[0].attempts == 1


def test_the_window_begins_when_the_order_was_taken_not_before() -> None:
    rehearsal = rehearse()
    rehearsal.platform.share = 0.0  # as in the dark: what comes before the order is clean too
    rehearsal.platform.next("abort", *[UNAVAILABLE] * 60)
    rehearsal.driver.abort(Cause.TEST, "test_login failed")

    assert rehearsal.driver.settle()
    sent, proven = rehearsal.of(events.AbortSent)[0], rehearsal.of(events.RollbackProven)[0]
    assert sent.attempts == 61
    assert proven.time - sent.time >= TERMS.window_s
