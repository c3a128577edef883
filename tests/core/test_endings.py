"""How a rollout ends that is neither promoted nor sent back."""

import dataclasses

import pytest

from canarytest.core import events
from canarytest.core.driver import Limits
from canarytest.core.errors import NotOurs, PlatformError
from canarytest.core.evidence import TestOutcome
from canarytest.core.plan import Plan, Resources, Step
from canarytest.core.ports import Incident, IncidentKind
from canarytest.core.proof import Terms
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause, outcome_of
from canarytest.testing import Rehearsal, fails

TEN = Step(0, "10%", 10, 0.1, 30.0, False, 1, 1, 2)
PLAN = Plan("was", "petclinic", 2, True, (TEN,), ("setWeight", "pause"), "", Resources(None, None))
LIMITS = Limits(look_longer_s=60, abort_within_s=120, proof=Terms(10, 600, 60))


def rehearse() -> Rehearsal:
    return Rehearsal(PLAN, limits=LIMITS)


def test_a_rollout_that_is_left_is_not_aborted_any_more() -> None:
    rehearsal = rehearse()
    rehearsal.driver.begin()
    rehearsal.driver.open(TEN)
    rehearsal.driver.see_test(TestOutcome.PASSED, "")
    rehearsal.driver.close()

    assert rehearsal.driver.leave()
    rehearsal.platform.on_incident(Incident(IncidentKind.RESTARTED, Version.CANARY, "OOM"))
    assert not rehearsal.driver.abort(Cause.INTERRUPTED, "Ctrl-C")
    assert rehearsal.platform.orders() == ["begin", "open 10%", "leave 10%"]
    assert [(e.label, e.canary) for e in rehearsal.of(events.RolloutLeft)] == [("10%", "v101")]


def test_a_rollout_that_cannot_be_left_is_aborted() -> None:
    rehearsal = rehearse()
    rehearsal.driver.begin()
    rehearsal.driver.open(TEN)
    rehearsal.driver.see_test(TestOutcome.PASSED, "")
    rehearsal.driver.close()
    rehearsal.platform.next("leave", fails(PlatformError("somebody let it go on")))

    assert not rehearsal.driver.leave()
    assert rehearsal.driver.settle()
    assert rehearsal.platform.share == 0


def test_a_first_deploy_has_nothing_to_go_back_to() -> None:
    first = dataclasses.replace(PLAN, steps=(dataclasses.replace(TEN, share=1.0),), is_first=True)
    rehearsal = Rehearsal(first, limits=LIMITS)
    heard = []
    rehearsal.driver.on_abort(lambda: heard.append("abort"))
    rehearsal.driver.begin()
    rehearsal.driver.open(first.steps[0])
    rehearsal.driver.see_test(TestOutcome.FAILED, "test_login failed")

    assert not rehearsal.driver.abort(Cause.INTERRUPTED, "Ctrl-C")
    assert rehearsal.driver.settle()
    assert rehearsal.platform.orders() == ["begin", "open 10%"]
    assert rehearsal.names == ["StepOpened", "RolloutAborted"]
    assert heard == ["abort"]
    assert outcome_of(rehearsal.driver.reason, proven=True).exit_status == 1


@pytest.mark.parametrize("is_open", [True, False])
def test_what_is_not_ours_any_more_is_given_no_order(*, is_open: bool) -> None:
    rehearsal = rehearse()
    rehearsal.driver.begin()
    if is_open:
        rehearsal.driver.open(TEN)
        rehearsal.platform.on_incident(Incident(IncidentKind.NOT_OURS, None, "it is gone"))
    else:
        rehearsal.platform.next("open", fails(NotOurs("it is gone")))
        rehearsal.driver.open(TEN)

    assert rehearsal.driver.settle()
    assert "abort" not in rehearsal.platform.orders()
    assert rehearsal.names[-1] == "RolloutAborted"
    assert outcome_of(rehearsal.driver.reason, proven=True).exit_status == 12


def test_what_is_only_noted_ends_nothing() -> None:
    rehearsal = rehearse()
    note = Incident(IncidentKind.NOTED, None, "scaled")
    rehearsal.clock.at(3, lambda: rehearsal.platform.on_incident(note))

    assert rehearsal.walk()
    assert [e.values["message"] for e in rehearsal.of(events.MeasurementTaken)] == ["scaled"]
