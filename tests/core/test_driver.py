"""The driver: scripts of what happens, against a platform in memory."""

import threading
from collections.abc import Callable

import pytest

from canarytest.core.driver import Limits
from canarytest.core.errors import RolloutLocked
from canarytest.core.plan import Plan, Resources, Step
from canarytest.core.proof import Terms
from canarytest.core.reasons import Cause, Reason, outcome_of
from canarytest.testing import FakeClock, Rehearsal, fails

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


def test_a_rollout_that_another_run_drives_is_not_touched() -> None:
    rehearsal = rehearse()
    rehearsal.platform.next("begin", fails(RolloutLocked("was is driven by run 17")))

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
