"""Whatever is killed, and when: the traffic goes back, and nothing is left."""

from __future__ import annotations

import signal

import pytest

from tests.end_to_end.project import HEALTH, LOAD, SOON_S, Case, Ended, Rollout

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

LOAD_AT_10 = LOAD.format(min_weight=10)
PATIENCE_S = 3.0  # between two Ctrl-C: the first one may wait 2 s for its order to be taken
LOCUST = Case("Locust is killed", (HEALTH, LOAD_AT_10))


def once_proven(rollout: Rollout) -> None:
    """Let the test go that waits, once the abort is over: it is not what ends it."""
    assert rollout.until("RollbackProven") or rollout.until("RollbackNotProven")
    rollout.let_go()


def ctrl_c(rollout: Rollout) -> None:
    rollout.until_held_at(10)
    rollout.signal(signal.SIGINT)


def terminate(rollout: Rollout) -> None:
    rollout.until_held_at(10)
    rollout.signal(signal.SIGTERM)


def hang_up(rollout: Rollout) -> None:
    rollout.until_held_at(10)
    rollout.signal(signal.SIGHUP)


def ctrl_c_twice(rollout: Rollout) -> None:
    rollout.until_held_at(10)
    rollout.signal(signal.SIGINT)
    assert rollout.until("AbortSent")
    rollout.wait(PATIENCE_S)
    rollout.signal(signal.SIGINT)


def kill_pytest(rollout: Rollout) -> None:
    rollout.until_held_at(10)
    assert rollout.until("MeasurementTaken", source="load")
    assert rollout.locust().is_running()  # it is among those who are left alone
    rollout.process.kill()


def kill_locust(rollout: Rollout) -> None:
    rollout.until_held_at(10)
    assert rollout.until("MeasurementTaken", source="load")
    rollout.locust().kill()
    once_proven(rollout)


def kill_envoy(rollout: Rollout) -> None:
    rollout.until_held_at(10)
    rollout.envoy().kill()
    once_proven(rollout)


def kill_canary(rollout: Rollout) -> None:
    rollout.until_held_at(10)
    rollout.version("v101").kill()
    once_proven(rollout)


def kill_stable(rollout: Rollout) -> None:
    rollout.until_held_at(10)
    rollout.version("v100").kill()
    once_proven(rollout)


def stop_envoy(rollout: Rollout) -> None:
    """Somebody who sees that it hangs, and does not wait for the limit either."""
    rollout.until_held_at(10)
    rollout.envoy().suspend()
    rollout.until_shut()
    rollout.signal(signal.SIGINT)
    rollout.wait(PATIENCE_S)
    rollout.signal(signal.SIGINT)


def stop_envoy_for_a_while(rollout: Rollout) -> None:
    rollout.until_held_at(10)
    envoy = rollout.envoy()
    envoy.suspend()
    rollout.until_shut()
    envoy.resume()
    once_proven(rollout)


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        (Case("Ctrl-C", hold_at=10, act=ctrl_c), "interrupted by SIGINT"),
        (Case("SIGTERM", hold_at=10, act=terminate), "interrupted by SIGTERM"),
        (Case("SIGHUP", hold_at=10, act=hang_up), "interrupted by SIGHUP"),
    ],
    indirect=["ended"],
    ids=repr,
)
def test_an_interrupt_sends_the_traffic_back(ended: Ended, reason: str) -> None:
    assert ended.seen == (2, "error", "10%"), ended.output
    assert ended.is_proven
    assert ended.summary["reason"] == reason
    assert ended.canary_answers_after("AbortSent") == []
    assert ended.left == ()


@pytest.mark.parametrize(
    "ended",
    [Case("Ctrl-C twice", hold_at=10, window="15s", is_long=True, act=ctrl_c_twice)],
    indirect=True,
    ids=repr,
)
def test_a_second_interrupt_gives_the_proof_up(ended: Ended) -> None:
    assert ended.seen == (11, "error", "10%"), ended.output
    assert "RollbackNotProven" in ended.story
    assert "THE ROLLBACK IS NOT PROVEN" in ended.output
    assert ended.canary_answers_after("AbortSent") == []
    assert ended.left == ()


@pytest.mark.parametrize(
    "ended",
    [
        Case(
            "kill -9",
            (HEALTH, LOAD_AT_10),
            hold_at=10,
            act=kill_pytest,
            gone_within_s=SOON_S,
        )
    ],
    indirect=True,
    ids=repr,
)
def test_nothing_outlives_a_killed_pytest(ended: Ended) -> None:
    """No order can be sent any more: the router itself goes, and the canary with it."""
    assert ended.status == -signal.SIGKILL
    assert ended.left == ()


@pytest.mark.parametrize(
    ("ended", "seen", "reason"),
    [
        (
            Case("Locust is killed", (HEALTH, LOAD_AT_10), hold_at=10, act=kill_locust),
            (10, "inconclusive", "10%"),
            "the load of visits.py was ended by SIGKILL",
        ),
        (
            Case("Envoy is killed", hold_at=10, act=kill_envoy),
            (12, "error", "10%"),
            "Envoy was ended by SIGKILL",
        ),
        (
            Case("the canary is killed", hold_at=10, act=kill_canary),
            (1, "aborted", "10%"),
            "v101 was ended by SIGKILL",
        ),
        (
            Case("the stable version is killed", hold_at=10, act=kill_stable),
            (12, "error", "10%"),
            "v100 was ended by SIGKILL",
        ),
    ],
    indirect=["ended"],
    ids=repr,
)
def test_who_was_killed_is_who_is_blamed(
    ended: Ended, seen: tuple[int, str, str], reason: str
) -> None:
    assert ended.seen == seen, ended.output
    assert reason in ended.summary["reason"]
    assert ended.is_proven
    assert ended.canary_answers_after("AbortSent") == []
    assert ended.left == ()


@pytest.mark.parametrize(
    "ended",
    [Case("Envoy hangs", hold_at=10, is_long=True, act=stop_envoy)],
    indirect=True,
    ids=repr,
)
def test_a_router_that_hangs_takes_no_order_and_is_not_proven_back(ended: Ended) -> None:
    assert ended.seen == (11, "error", "10%"), ended.output
    assert "were answered by neither version" in ended.summary["reason"]
    assert "AbortSent" not in ended.story
    assert ended.left == ()


@pytest.mark.parametrize(
    "ended",
    [Case("Envoy hangs for a while", hold_at=10, is_long=True, act=stop_envoy_for_a_while)],
    indirect=True,
    ids=repr,
)
def test_a_router_that_hung_takes_the_order_when_it_comes_back(ended: Ended) -> None:
    assert ended.seen == (12, "error", "10%"), ended.output
    assert "were answered by neither version" in ended.summary["reason"]
    assert ended.summary["rollback"]["attempts"] > 1
    assert ended.is_proven
    assert ended.canary_answers_after("AbortSent") == []
    assert ended.left == ()
