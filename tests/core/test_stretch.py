"""Which stretch of a plan is walked."""

from typing import Any

import pytest

from canarytest.core.errors import ConfigError
from canarytest.core.plan import Left, plan_of
from canarytest.core.stretch import (
    LEFT,
    REVISION,
    drill_at,
    first_deploy,
    is_first_deploy,
    left_of,
    resumed,
    until,
    watched,
)

CANARY, STABLE = "8dd88c859", "77d9c86985"
STEPS: list[dict[str, Any]] = [
    {"setCanaryScale": {"replicas": 1}},
    {"pause": {}},
    {"setWeight": 10},
    {"pause": {"duration": "1m"}},
    {"pause": {}},
    {"setWeight": 50},
    {"pause": {}},
]
LEFT_AT_TEN = Left("run-1", 4, "10%#2", CANARY, "2026-01-01T00:00:00+00:00")


def rollout(left: Left | None = None, steps: Any = STEPS, **status: Any) -> dict[str, Any]:
    annotations = {REVISION: "2"} | ({LEFT: left.text} if left else {})
    return {
        "kind": "Rollout",
        "metadata": {"name": "was", "annotations": annotations},
        "spec": {"strategy": {"canary": {"steps": steps, "trafficRouting": {"smi": {}}}}},
        "status": {"currentPodHash": CANARY, "stableRS": STABLE, **status},
    }


PLAN = plan_of(rollout())


def labels(plan: Any) -> list[str]:
    return [step.label for step in plan.steps]


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (0, ["dark"]),
        (10, ["dark", "10%", "10%#2"]),
        (50, ["dark", "10%", "10%#2", "50%"]),
    ],
)
def test_a_run_until_a_weight_ends_at_its_last_stop(weight: int, expected: list[str]) -> None:
    found = until(PLAN, weight)

    assert labels(found) == expected
    assert found.stays
    assert found.kinds == PLAN.kinds


def test_a_weight_without_a_stop_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--canary-until 20: .* expected one of 0, 10, 50"):
        until(PLAN, 20)


def test_what_was_left_is_gone_on_with_from_the_stop_where_it_was_left() -> None:
    found = resumed(PLAN, rollout(LEFT_AT_TEN))

    assert labels(found) == ["10%#2", "50%"]
    assert [step.index for step in found.steps] == [0, 1]
    assert found.left == LEFT_AT_TEN
    assert not found.stays


@pytest.mark.parametrize(
    ("left", "status", "message"),
    [
        (None, {}, "there is nothing to resume"),
        (LEFT_AT_TEN, {"currentPodHash": "other"}, "pod hash other instead of 8dd88c859"),
        (LEFT_AT_TEN, {"stableRS": CANARY}, "it was promoted since"),
        (LEFT_AT_TEN, {"abort": True}, "it was aborted since"),
    ],
)
def test_what_cannot_be_resumed_is_refused(
    left: Left | None, status: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        resumed(PLAN, rollout(left, **status))


def test_a_stop_that_is_none_any_more_is_refused() -> None:
    fewer = rollout(LEFT_AT_TEN, STEPS[:4])

    with pytest.raises(ConfigError, match="its steps were changed"):
        resumed(plan_of(fewer), fewer)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run": 1}', '"text"'])
def test_an_annotation_that_nobody_can_read_is_none(text: str) -> None:
    made = rollout()
    made["metadata"]["annotations"][LEFT] = text

    assert left_of(made) is None


@pytest.mark.parametrize(
    ("revision", "status", "expected"),
    [
        ("1", {"stableRS": CANARY}, True),
        ("1", {"stableRS": ""}, True),
        ("1", {}, False),
        ("2", {"stableRS": CANARY}, False),
    ],
)
def test_a_first_deploy_has_no_revision_before(
    revision: str, status: dict[str, Any], *, expected: bool
) -> None:
    made = rollout(**status)
    made["metadata"]["annotations"][REVISION] = revision

    assert is_first_deploy(made) is expected


def test_a_rollout_that_no_controller_has_seen_is_a_first_deploy() -> None:
    assert is_first_deploy({"metadata": {"name": "was"}, "spec": {}})


def test_a_first_deploy_has_one_step() -> None:
    found = first_deploy(PLAN)

    assert labels(found) == ["first"]
    assert found.is_first
    assert (found.steps[0].share, found.steps[0].stable_pods) == (1.0, 0)


def test_the_promotion_is_a_step_more_where_it_is_watched() -> None:
    found = watched(PLAN, 30.0)
    step = found.steps[-1]

    assert labels(found) == [*labels(PLAN), "promoted"]
    assert (step.index, step.weight, step.share, step.bake_s) == (len(PLAN.steps), 100, 1.0, 30.0)
    assert (step.is_promoted, step.is_dark, step.indefinite) == (True, False, False)
    assert step.spec_index == len(STEPS)
    assert found.may_undo
    assert found.before_promotion == PLAN.steps


def test_without_a_time_to_watch_the_plan_is_as_it_was() -> None:
    assert watched(PLAN, 0.0) == PLAN
    assert not PLAN.may_undo


def test_what_is_not_promoted_is_not_watched() -> None:
    found = watched(PLAN, 30.0)

    assert not until(found, 50).may_undo
    assert not first_deploy(found).may_undo
    assert resumed(found, rollout(LEFT_AT_TEN)).may_undo
    with pytest.raises(ConfigError, match=r"--canary-until 100: .* expected one of 0, 10, 50;?"):
        until(found, 100)


@pytest.mark.parametrize(
    ("weight", "watched_s", "label"),
    [(0, 0, "dark"), (10, 0, "10%"), (100, 0, "100%"), (100, 30, "promoted"), (None, 30, None)],
)
def test_a_drill_at_all_the_traffic_is_one_of_the_undo(
    weight: int | None, watched_s: float, label: str | None
) -> None:
    plan = plan_of(rollout(steps=[*STEPS, {"setWeight": 100}, {"pause": {}}]))

    assert drill_at(watched(plan, watched_s), weight) == label
