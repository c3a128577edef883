"""The way back: sent until it is taken, by whoever asks first, and proven or not."""

import threading

import pytest

from canarytest.core import events
from canarytest.core.abort import Abort
from canarytest.core.driver import Limits
from canarytest.core.errors import PlatformError
from canarytest.core.evidence import TestOutcome
from canarytest.core.plan import Plan, Resources, Step
from canarytest.core.ports import State
from canarytest.core.proof import ProbeSample, Terms
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause, Reason
from canarytest.testing import Act, FakeClock, FakePlatform, Hang, Rehearsal, fails, says

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
    size = threading.stack_size(2**48)  # more than there is: the system refuses the thread
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


@pytest.mark.parametrize(("method", "names"), [("abort", []), ("state", ["AbortSent"])])
def test_a_platform_that_hangs_does_not_keep_the_run_from_ending(
    method: str, names: list[str]
) -> None:
    log: list[events.Event] = []
    hang, platform = Hang(), FakePlatform()
    platform.always(method, hang)
    abort = Abort(platform, FakeClock(), log.append, Terms(within_s=0), within_s=0)
    abort.hang_s = 0
    abort.start(REASON)
    hang.entered.wait(SOON_S)

    assert not abort.wait_settled()
    expected = [*names, "RolloutAborted", "RollbackNotProven"]
    assert [type(event).__name__ for event in log] == expected

    hang.release()
    for thread in threading.enumerate():
        if thread.name == "canarytest-abort":
            thread.join()
    assert [type(event).__name__ for event in log] == expected
    assert not abort.wait_settled()


def test_to_give_up_ends_the_retries() -> None:
    rehearsal = rehearse()
    rehearsal.platform.always("abort", UNAVAILABLE)
    rehearsal.clock.at(7, lambda: rehearsal.driver.give_up("interrupted again"))
    rehearsal.driver.abort(Cause.TEST, "test_login failed")

    assert not rehearsal.driver.settle()
    assert rehearsal.names[1:] == ["RolloutAborted", "RollbackNotProven"]
    assert rehearsal.of(events.RollbackNotProven)[0].reason == (
        "not taken in 7 s and 15 attempts: PlatformError: 503 Service Unavailable"
    )


def test_to_give_up_while_the_order_hangs_ends_the_run() -> None:
    log: list[events.Event] = []
    hang, platform = Hang(), FakePlatform()
    platform.next("abort", hang)
    abort = Abort(platform, FakeClock(), log.append, TERMS, within_s=120)
    abort.hang_s = 0
    abort.start(REASON)
    hang.entered.wait(SOON_S)
    abort.give_up("interrupted again")

    assert not abort.wait_settled()
    assert [type(event).__name__ for event in log] == ["RolloutAborted", "RollbackNotProven"]
    hang.release()


def test_to_give_up_before_there_is_an_abort_does_not_weaken_it() -> None:
    rehearsal = rehearse()
    rehearsal.driver.give_up("the run is over")
    rehearsal.platform.next("abort", *[UNAVAILABLE] * 3)
    rehearsal.driver.abort(Cause.TEST, "test_login failed")

    assert rehearsal.driver.settle()


def test_an_order_that_nobody_takes_ends_as_not_proven_within_its_limit() -> None:
    rehearsal = rehearse()
    rehearsal.platform.always("abort", UNAVAILABLE)
    rehearsal.driver.abort(Cause.TEST, "test_login failed")

    assert not rehearsal.driver.settle()
    assert rehearsal.names[1:] == ["RolloutAborted", "RollbackNotProven"]
    assert 120 < rehearsal.clock.elapsed < 122


def test_a_platform_that_cannot_say_where_it_is_is_not_back() -> None:
    rehearsal = rehearse()
    rehearsal.platform.next("state", *[UNAVAILABLE] * 20)
    rehearsal.driver.abort(Cause.TEST, "test_login failed")

    assert rehearsal.driver.settle()
    assert rehearsal.clock.elapsed >= 5 + TERMS.window_s


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (says(State(0.1, stable_complete=True)), "; the router still gives the canary 10%"),
        (says(State(0.0, stable_complete=False)), "; stable is not complete"),
        (UNAVAILABLE, "; the platform cannot say where it is: 503 Service Unavailable"),
    ],
)
def test_without_the_platform_back_it_is_not_proven(state: Act, sentence: str) -> None:
    rehearsal = rehearse()
    rehearsal.platform.always("state", state)
    rehearsal.driver.abort(Cause.TEST, "test_login failed")

    assert not rehearsal.driver.settle()
    assert rehearsal.of(events.RollbackNotProven)[0].reason.endswith(sentence)


def test_a_share_that_falls_late_begins_the_window_late() -> None:
    rehearsal = rehearse()
    rehearsal.platform.next("state", *[says(State(0.1, stable_complete=True))] * 20)
    rehearsal.driver.abort(Cause.TEST, "test_login failed")

    assert rehearsal.driver.settle()
    assert rehearsal.clock.elapsed >= 5 + TERMS.window_s


def test_a_canary_that_answers_on_is_not_proven_gone() -> None:
    rehearsal = rehearse()
    rehearsal.clock.every(5, lambda: rehearsal.edge.next(Version.CANARY))
    rehearsal.driver.abort(Cause.TEST, "test_login failed")

    assert not rehearsal.driver.settle()
    assert rehearsal.of(events.RollbackNotProven)[0].last_canary == 60


def test_the_first_of_many_threads_gives_the_reason() -> None:
    rehearsal = rehearse()
    barrier = threading.Barrier(8)
    firsts: list[str] = []

    def abort(name: str) -> None:
        barrier.wait(SOON_S)
        if rehearsal.driver.abort(Cause.TEST, name):
            firsts.append(name)

    threads = [threading.Thread(target=abort, args=(f"test_{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert rehearsal.driver.settle()
    assert rehearsal.driver.reason == Reason(Cause.TEST, firsts[0], "10%")
    assert len(firsts) == 1
    assert rehearsal.names[1:] == ABORTED


def test_no_abort_comes_between_the_reason_and_its_thread() -> None:
    class Busy(FakeClock):
        """A clock that, while one abort begins, has another come from elsewhere."""

        def time(self) -> float:
            thread = threading.Thread(target=lambda: seconds.append(abort.start(REASON)))
            if not threads:
                threads.append(thread)
                thread.start()
                thread.join(0.05)  # it must still be kept waiting by then
            return super().time()

    threads: list[threading.Thread] = []
    seconds: list[bool] = []
    platform = FakePlatform()
    abort = Abort(platform, Busy(), lambda _: None, Terms(within_s=0), within_s=0)

    assert abort.start(REASON)
    threads[0].join()
    abort.wait_settled()
    assert seconds == [False]
    assert platform.orders() == ["abort"]


def test_clock_and_order_are_told() -> None:
    rehearsal = rehearse()
    rehearsal.clock.advance(3)
    rehearsal.platform.next("abort", *[UNAVAILABLE] * 3)
    rehearsal.driver.abort(Cause.TEST, "test_login failed")
    rehearsal.driver.settle()

    sent = rehearsal.of(events.AbortSent)[0]
    assert (sent.attempts, sent.seconds, sent.time - sent.decided) == (4, 1.5, 1.5)
    assert rehearsal.of(events.RolloutAborted)[0].step == "10%"


def test_an_order_that_does_not_come_into_force_is_sent_again() -> None:
    rehearsal = rehearse()
    still = says(State(share=0.1, stable_complete=True))
    rehearsal.platform.next("state", *[still] * 20)  # looked at four times a second: five seconds
    rehearsal.driver.abort(Cause.TEST, "test_login failed")

    assert rehearsal.driver.settle()
    assert rehearsal.platform.orders()[2:] == ["abort"] * 3
    assert rehearsal.names == ["StepOpened", *ABORTED]
