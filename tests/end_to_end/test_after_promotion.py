"""What shows only under all the traffic, on the real router: the promotion is taken back."""

from __future__ import annotations

import signal

import pytest

from canarytest.core.events import timestamp
from tests.end_to_end.project import HEALTH, Case, Ended, Rollout

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

WATCHED = 'after_promotion = "1s"'
FAILS_AT_100 = """
def test_all_users(edge, step):
    assert edge.get("/petclinic/actuator/info").json()["version"]
    assert not step.is_promoted, "the pool is too small for all"
"""
STEP = ["StepOpened", "StepJudged"]
WALKED = ["RolloutStarted", *STEP * 4, "RolloutPromoted", "StepOpened"]
UNDONE = ["AbortSent", "RolloutAborted", "RollbackProven", "RunEnded"]


def terminate(rollout: Rollout) -> None:
    rollout.until_held_at(100)
    rollout.signal(signal.SIGTERM)


def kill_previous(rollout: Rollout) -> None:
    rollout.until_held_at(100)
    rollout.version("v100").kill()
    assert rollout.until("MeasurementTaken", source="platform")
    rollout.let_go()


@pytest.mark.parametrize(
    "ended",
    [
        Case("promoted, and good", (HEALTH,), keys=WATCHED),
        Case("the previous revision is killed", hold_at=100, keys=WATCHED, act=kill_previous),
    ],
    indirect=True,
    ids=repr,
)
def test_a_promotion_that_stays_good_is_left_as_it_is(ended: Ended) -> None:
    assert ended.seen == (0, "promoted", None), ended.output
    assert ended.story == [*WALKED, "StepJudged", "RunEnded"]
    since = ended.of("StepOpened")[-1]["time"]
    answers = [a for a in ended.answers if timestamp(a.asked) > since and a.version]
    assert answers
    assert {answer.version for answer in answers} == {"canary"}
    assert ended.left == ()


@pytest.mark.parametrize(
    ("ended", "status", "reason"),
    [
        (Case("fails at 100 %", (FAILS_AT_100,), keys=WATCHED), 1, "the pool is too small"),
        (
            Case("SIGTERM at 100 %", hold_at=100, keys=WATCHED, act=terminate),
            2,
            "interrupted by SIGTERM",
        ),
        (Case("a drill at 100 %", keys=WATCHED, args=("--canary-drill", "100")), 0, "drill"),
    ],
    indirect=["ended"],
    ids=repr,
)
def test_a_promotion_is_undone_and_that_is_proven(ended: Ended, status: int, reason: str) -> None:
    outcome = "error" if status == 2 else "aborted"

    assert ended.seen == (status, outcome, "promoted"), ended.output
    assert ended.story[: len(WALKED)] == WALKED
    assert [name for name in ended.story if name in UNDONE] == UNDONE
    assert reason in ended.summary["reason"]
    assert ended.summary["rollback"]["proven"]
    assert ended.summary["exposure"]["requests"] > 0
    assert ended.canary_answers_after("AbortSent") == []
    assert ended.left == ()
