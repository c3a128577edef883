"""A proven rollback is held while what was sent back is still up: it could answer again."""

from dataclasses import replace

from canarytest.core import events
from canarytest.core.driver import Limits
from canarytest.core.errors import PlatformError
from canarytest.core.proof import ProbeSample
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause
from canarytest.testing import Rehearsal, fails
from tests.core.test_abort import ABORTED, LIMITS, TERMS, rehearse

PROVEN_S = TERMS.window_s  # nothing keeps the window from beginning with the order
GONE_S = PROVEN_S + 25  # Argo ends an aborted canary's pods after 30 s


def aborted(
    *, until_s: float | None = GONE_S, limits: Limits = LIMITS, cause: Cause = Cause.TEST
) -> Rehearsal:
    """Return a run that was sent back, whose canary is up *until_s* of the run."""
    rehearsal = rehearse(limits=limits)
    rehearsal.platform.lingers = True
    if until_s is not None:
        rehearsal.clock.at(until_s, lambda: setattr(rehearsal.platform, "lingers", False))
    rehearsal.driver.abort(cause, "test_login failed")
    return rehearsal


def notes(rehearsal: Rehearsal) -> list[str]:
    return [event.values["message"] for event in rehearsal.of(events.MeasurementTaken)]


def test_it_is_told_when_it_is_proven_and_held_until_the_canary_is_gone() -> None:
    rehearsal = aborted()

    assert rehearsal.driver.settle()
    assert rehearsal.clock.elapsed >= GONE_S
    assert [name for name in rehearsal.names if name in ABORTED] == ABORTED
    sent, proven = rehearsal.of(events.AbortSent)[0], rehearsal.of(events.RollbackProven)[0]
    assert proven.time - sent.time < PROVEN_S + 1
    (note,) = notes(rehearsal)
    assert note.startswith("the rollback held for 24 s more")  # it was proven in the 11th second


def test_it_is_held_no_longer_than_the_terms_say() -> None:
    rehearsal = aborted(until_s=None)

    assert rehearsal.driver.settle()
    assert PROVEN_S + TERMS.hold_s <= rehearsal.clock.elapsed < PROVEN_S + TERMS.hold_s + 1


def test_where_nothing_lingers_it_is_not_held() -> None:
    rehearsal = aborted(until_s=5)

    assert rehearsal.driver.settle()
    assert rehearsal.clock.elapsed < PROVEN_S + 1
    assert notes(rehearsal) == []


def test_a_canary_that_answers_again_has_to_be_proven_gone_once_more() -> None:
    rehearsal = aborted()
    again_s = PROVEN_S + 10
    rehearsal.clock.at(again_s, lambda: rehearsal.edge.next(Version.CANARY))

    assert rehearsal.driver.settle()
    assert [e.restarts for e in rehearsal.of(events.RollbackProven)] == [0, 1]
    assert rehearsal.of(events.RollbackProven)[1].last_canary == again_s
    assert rehearsal.clock.elapsed >= again_s + TERMS.window_s


def test_one_that_answers_on_is_not_proven_gone_whatever_was_told_before() -> None:
    rehearsal = aborted(until_s=None)
    for second in range(200):
        rehearsal.clock.at(PROVEN_S + 10 + second, lambda: rehearsal.edge.next(Version.CANARY))

    assert not rehearsal.driver.settle()
    assert rehearsal.names[-1] == "RollbackNotProven"


def test_an_error_at_the_edge_takes_back_nothing_that_was_proven() -> None:
    rehearsal = aborted()
    rehearsal.clock.at(PROVEN_S + 10, lambda: rehearsal.edge.next(None))

    assert rehearsal.driver.settle()
    assert len(rehearsal.of(events.RollbackProven)) == 1


def test_a_platform_that_cannot_say_may_still_have_it_up() -> None:
    rehearsal = aborted(until_s=5)
    unsure = fails(PlatformError("503"))
    rehearsal.clock.at(PROVEN_S, lambda: rehearsal.platform.next("state", *[unsure] * 20))

    assert rehearsal.driver.settle()
    assert rehearsal.clock.elapsed >= PROVEN_S + 5


def test_whoever_does_not_wait_for_it_has_it_proven_all_the_same() -> None:
    rehearsal = aborted(until_s=None)
    rehearsal.clock.at(PROVEN_S + 5, lambda: rehearsal.driver.give_up("interrupted again"))

    assert rehearsal.driver.settle()
    assert rehearsal.clock.elapsed < PROVEN_S + 6


def test_a_run_that_was_told_to_end_ends_as_soon_as_it_is_proven() -> None:
    rehearsal = aborted(until_s=None, cause=Cause.INTERRUPTED)

    assert rehearsal.driver.settle()
    assert rehearsal.clock.elapsed < PROVEN_S + 1


def test_an_answer_that_comes_while_the_proof_is_told_is_not_missed() -> None:
    def answer(event: events.Event) -> None:
        if isinstance(event, events.RollbackProven) and not answered:
            answered.append(event)
            now = rehearsal.clock.now()
            rehearsal.driver.see_probe([ProbeSample(now, Version.CANARY, True, 1.0)])

    answered: list[events.Event] = []
    rehearsal = rehearse(emit=answer)
    rehearsal.platform.lingers = True
    rehearsal.clock.at(GONE_S, lambda: setattr(rehearsal.platform, "lingers", False))
    rehearsal.driver.abort(Cause.TEST, "test_login failed")

    assert rehearsal.driver.settle()
    assert [event.restarts for event in rehearsal.of(events.RollbackProven)] == [0, 1]


def test_the_last_answer_of_a_canary_that_ends_with_it_counts() -> None:
    def end() -> None:
        rehearsal.edge.next(Version.CANARY)
        rehearsal.platform.lingers = False

    rehearsal = aborted(until_s=None)
    rehearsal.clock.at(GONE_S, end)

    assert rehearsal.driver.settle()
    assert [event.restarts for event in rehearsal.of(events.RollbackProven)] == [0, 1]


def test_it_can_be_left_out() -> None:
    rehearsal = aborted(until_s=None, limits=replace(LIMITS, proof=replace(TERMS, hold_s=0)))

    assert rehearsal.driver.settle()
    assert rehearsal.clock.elapsed < PROVEN_S + 1
