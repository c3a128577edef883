"""What a test is answered that waits while the rollout is aborted."""

import pytest

from canarytest.core.errors import Aborted, CanaryError
from canarytest.core.plan import Plan, Resources, Step
from canarytest.core.reasons import Cause
from canarytest.plugin.answers import Answers
from canarytest.plugin.service import LoadBoard
from canarytest.testing import Rehearsal

DARK = Step(0, "dark", 0, 0.0, 0.0, True, 1, 1, 2)
PLAN = Plan(
    "was", "petclinic", 2, True, (DARK,), ("setCanaryScale", "pause"), "was", Resources(None, None)
)


class OneLoad:
    """The loads of a step with one load."""

    def __init__(self) -> None:
        self.only = LoadBoard(is_dark=True)

    def board(self, _: str) -> LoadBoard:
        return self.only


def rehearse() -> tuple[Rehearsal, Answers, OneLoad]:
    rehearsal, loads = Rehearsal(PLAN), OneLoad()
    rehearsal.driver.begin()
    rehearsal.driver.open(DARK)
    answers = Answers(rehearsal.driver)
    answers.loads = loads  # type: ignore[assignment]  # all that is asked of it
    return rehearsal, answers, loads


def test_a_load_that_was_cut_short_by_an_abort_is_told_as_that() -> None:
    rehearsal, answers, loads = rehearse()
    rehearsal.driver.abort(Cause.TEST, "test_login failed")
    loads.only.end()

    with pytest.raises(Aborted, match=r"^aborted at dark: test_login failed$"):
        answers.check_load("default", {"error_rate": 0.05})


def test_a_load_that_ended_by_itself_is_undecided() -> None:
    _, answers, loads = rehearse()
    loads.only.end()

    (finding,) = answers.check_load("default", {"error_rate": 0.05})
    assert "too little to decide" in finding.sentence


def test_before_the_rollout_there_is_nothing_to_be_asked() -> None:
    answers = Answers(Rehearsal(PLAN).driver)

    with pytest.raises(CanaryError, match="has not begun"):
        answers.facts()
    with pytest.raises(CanaryError, match="has not begun"):
        answers.load("default")
