"""The promotion as a step of its own: watched, and taken back by the abort that there is."""

import threading
from collections.abc import Callable

import pytest

from canarytest.core import events
from canarytest.core.driver import Driver, Limits
from canarytest.core.errors import CanaryNotReady, PlatformError
from canarytest.core.evidence import TestOutcome
from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.plan import Plan, Resources, Step
from canarytest.core.ports import Incident, IncidentKind
from canarytest.core.proof import Terms
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause, Reason, outcome_of
from canarytest.core.sketch import Sketch
from canarytest.core.stretch import watched
from canarytest.testing import Rehearsal, fails, pass_one_test

TEN = Step(0, "10%", 10, 0.1, 30.0, False, 1, 1, 2)
BAKE_S = 20.0
PLAN = watched(
    Plan("was", "petclinic", 2, True, (TEN,), ("setWeight", "pause"), "was", Resources(None, None)),
    BAKE_S,
)
PROMOTED = PLAN.steps[1]
LIMITS = Limits(look_longer_s=60, abort_within_s=120, proof=Terms(10, 600, 60))
PATIENT = Limits(proof=Terms(10, 600, within_s=1e6))  # for calls that a thread beside is in
ON_ITS_WAY = ["StepOpened", "StepJudged", "RolloutPromoted", "StepOpened"]
UNDONE = ["AbortSent", "RolloutAborted", "RollbackProven"]
IN_ITS_MIDST = 30 + BAKE_S / 2  # of the promoted step, in seconds of the run


def rehearse(**given: object) -> Rehearsal:
    return Rehearsal(PLAN, **{"limits": LIMITS, **given})  # type: ignore[arg-type]


def check_undone(rehearsal: Rehearsal, cause: Cause, status: int) -> None:
    """Assert that it was promoted, taken back to the end, and why."""
    reason = rehearsal.driver.reason
    assert reason is not None
    assert (reason.cause, reason.step) == (cause, "promoted")
    assert rehearsal.platform.share == 0
    assert rehearsal.platform.orders()[-1] == "abort"
    assert "retire" not in rehearsal.platform.orders()
    told = [name for name in rehearsal.names if name != "MeasurementTaken"]
    assert told[: len(ON_ITS_WAY)] == ON_ITS_WAY
    assert told[-3:] == UNDONE
    assert outcome_of(reason, proven=rehearsal.driver.settle()).exit_status == status


def test_a_promotion_that_stays_good_is_watched_then_final() -> None:
    rehearsal = rehearse()

    assert rehearsal.walk()
    assert rehearsal.platform.orders() == [
        "begin", "open 10%", "promote", "open promoted", "retire",
    ]  # fmt: skip
    assert rehearsal.names == [*ON_ITS_WAY, "StepJudged"]
    assert rehearsal.of(events.StepOpened)[1].share == 1
    assert rehearsal.clock.elapsed == 30 + BAKE_S
    assert rehearsal.platform.share == 1
    assert rehearsal.driver.policy.steps == 2


def failed_test(driver: Driver) -> None:
    driver.see_test(TestOutcome.FAILED, "test_login")


def no_data(driver: Driver) -> None:
    driver.see_load_trouble("the generator is too slow")


def breach(driver: Driver) -> None:
    tally = Tally(50, 45, Sketch.of([20.0] * 50))
    entries = (EndpointTally(Version.CANARY, "POST /login", tally),)
    driver.see_load(LoadSecond(1.0, 10, 0.1, 0.0, entries))


def crash(driver: Driver) -> None:
    driver.see_incident(Incident(IncidentKind.RESTARTED, Version.CANARY, "v101 ended"))


def router(driver: Driver) -> None:
    driver.see_incident(Incident(IncidentKind.ROUTER, None, "Envoy ended"))


def interrupt(driver: Driver) -> None:
    driver.abort(Cause.INTERRUPTED, "interrupted by SIGTERM")


@pytest.mark.parametrize(
    ("happens", "cause", "status"),
    [
        (failed_test, Cause.TEST, 1),
        (breach, Cause.BREACH, 1),
        (crash, Cause.RESTARTED, 1),
        (no_data, Cause.INCONCLUSIVE, 10),
        (router, Cause.WORLD, 12),
        (interrupt, Cause.INTERRUPTED, 2),
    ],
)
def test_what_goes_wrong_after_the_promotion_undoes_it(
    happens: Callable[[Driver], None], cause: Cause, status: int
) -> None:
    rehearsal = rehearse()
    for second in range(3):  # of load no single one is enough
        rehearsal.clock.at(IN_ITS_MIDST + second, lambda: happens(rehearsal.driver))

    assert not rehearsal.walk()
    check_undone(rehearsal, cause, status)
    assert rehearsal.of(events.AbortSent)[0].seconds == 0


def test_one_answer_of_the_previous_revision_undoes_it() -> None:
    """Somebody still gets what was replaced: that is not what was promoted."""
    rehearsal = rehearse()
    rehearsal.clock.at(IN_ITS_MIDST, lambda: rehearsal.edge.next(Version.STABLE))

    assert not rehearsal.walk()
    check_undone(rehearsal, Cause.BREACH, 1)


def test_a_promoted_step_with_no_test_is_inconclusive() -> None:
    rehearsal = rehearse()

    def verify(driver: Driver, step: Step) -> None:
        if not step.is_promoted:
            pass_one_test(driver, step)

    assert not rehearsal.walk(verify)
    check_undone(rehearsal, Cause.INCONCLUSIVE, 10)


def test_nobody_is_sent_back_for_what_becomes_of_the_previous_revision() -> None:
    """It answers nobody: to undo for its sake would send all users to what has just ended."""
    rehearsal = rehearse()
    incident = Incident(IncidentKind.RESTARTED, Version.STABLE, "v100 ended")
    rehearsal.clock.at(IN_ITS_MIDST, lambda: rehearsal.driver.see_incident(incident))

    assert rehearsal.walk()
    assert rehearsal.of(events.MeasurementTaken)[0].values["message"] == "v100 ended"


def test_an_undo_that_does_not_come_into_force_is_not_proven() -> None:
    rehearsal = rehearse()
    rehearsal.platform.always("abort", fails(PlatformError("503")))
    rehearsal.clock.at(IN_ITS_MIDST, lambda: failed_test(rehearsal.driver))

    assert not rehearsal.walk()
    assert rehearsal.names[-2:] == ["RolloutAborted", "RollbackNotProven"]
    assert outcome_of(rehearsal.driver.reason, proven=False).exit_status == 11


@pytest.mark.parametrize("call", ["promote", "open"])
def test_an_abort_while_it_is_promoted_has_the_last_word(call: str) -> None:
    def abort() -> None:
        thread = threading.Thread(target=lambda: interrupt(rehearsal.driver))
        thread.start()
        thread.join()

    rehearsal = rehearse(limits=PATIENT)
    rehearsal.platform.next(call, *([lambda: None] if call == "open" else []), abort)

    assert not rehearsal.walk()
    assert rehearsal.driver.reason == Reason(Cause.INTERRUPTED, "interrupted by SIGTERM", "10%")
    assert rehearsal.platform.orders()[-2:] == ["abort", "abort"]
    assert rehearsal.platform.share == 0
    assert ("RolloutPromoted" in rehearsal.names) == (call == "open")
    assert rehearsal.names[-3:] == UNDONE


@pytest.mark.parametrize(
    ("error", "cause"),
    [(PlatformError("503"), Cause.WORLD), (CanaryNotReady("CrashLoop"), Cause.NOT_READY)],
)
@pytest.mark.parametrize("call", ["promote", "open"])
def test_a_promotion_that_fails_halfway_is_undone(
    call: str, error: Exception, cause: Cause
) -> None:
    rehearsal = rehearse()
    rehearsal.platform.next(call, *([lambda: None] if call == "open" else []), fails(error))

    assert not rehearsal.walk()
    assert rehearsal.driver.reason == Reason(cause, f"opening promoted: {error}", "10%")
    assert rehearsal.names[-3:] == UNDONE


def test_a_previous_revision_that_does_not_go_is_told_and_ends_nothing() -> None:
    rehearsal = rehearse()
    rehearsal.platform.next("retire", fails(PlatformError("503")))

    assert rehearsal.walk()
    assert rehearsal.platform.share == 1
    assert rehearsal.of(events.MeasurementTaken)[-1].values == {
        "incident": IncidentKind.NOTED,
        "version": Version.STABLE,
        "message": "the previous revision was not let go: 503",
    }


def test_once_the_previous_revision_goes_nothing_aborts() -> None:
    rehearsal = rehearse()
    rehearsal.platform.next("retire", lambda: interrupt(rehearsal.driver))

    assert rehearsal.walk()
    interrupt(rehearsal.driver)
    assert rehearsal.driver.reason is None
    assert "abort" not in rehearsal.platform.calls


def test_an_abort_that_came_first_keeps_the_previous_revision() -> None:
    rehearsal = rehearse()
    rehearsal.driver.begin()
    for step in PLAN.steps:
        assert rehearsal.driver.open(step)
        pass_one_test(rehearsal.driver, step)
        assert rehearsal.driver.close() is not None
    rehearsal.driver.abort(Cause.DRILL, "drill: aborted on purpose at promoted")

    assert not rehearsal.driver.promote()
    assert rehearsal.driver.settle()
    assert "retire" not in rehearsal.platform.orders()
    check_undone(rehearsal, Cause.DRILL, 0)
