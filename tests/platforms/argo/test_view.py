"""What is read of a Rollout and a pod; Argo leaves out whatever is false, empty or 0."""

from typing import Any

import pytest

from canarytest.platforms.argo.view import pod_view, ready, rollout_view
from tests.platforms.argo import objects
from tests.platforms.argo.objects import CANARY, STABLE, container, pod, pods, view


def test_a_rollout_in_its_dark_step() -> None:
    found = view()

    assert (found.canary, found.stable, found.index, found.weight) == (CANARY, STABLE, 1, 0)
    assert found.is_fresh
    assert found.is_rolling
    assert found.sits_in_pause
    assert not found.is_held
    assert not found.is_aborted
    assert found.version == 1200


def test_a_rollout_that_no_controller_has_seen() -> None:
    found = rollout_view({"metadata": {"name": "was", "generation": 1}, "spec": {}})

    assert (found.replicas, found.index, found.weight, found.phase) == (1, 0, None, "")
    assert not found.is_fresh
    assert not found.is_rolling


@pytest.mark.parametrize(
    ("status", "field", "expected"),
    [
        ({"observedGeneration": "6"}, "is_fresh", False),
        ({"observedGeneration": ""}, "is_fresh", False),
        ({"stableRS": CANARY}, "is_rolling", False),
        ({"stableRS": ""}, "is_rolling", False),
        ({"pauseConditions": None}, "sits_in_pause", False),
        ({"pauseConditions": [{"reason": "InconclusiveAnalysisRun"}]}, "sits_in_pause", False),
        ({"abort": True}, "is_aborted", True),
        ({"currentStepIndex": None}, "index", 0),
        ({"canary": {}}, "weight", None),
        ({"canary": {"weights": objects.weights(10)}}, "weight", 10),
        ({"canary": {"weights": objects.weights(10)}}, "is_verified", True),
        ({"canary": {"weights": objects.weights(10, verified=False)}}, "is_verified", False),
        ({"canary": {"weights": objects.weights(10, verified=True)}}, "is_verified", True),
    ],
)
def test_each_field_of_a_status(status: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(view(status), field) == expected


def test_a_hold_is_of_the_spec() -> None:
    assert view(paused=True).is_held


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return container(1, state={"waiting": {"reason": reason, "message": message}}, **more)


CRASH = {"terminated": {"exitCode": 3, "reason": "Error"}}
OOM = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
NO_NODE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient cpu.",
}


@pytest.mark.parametrize(
    ("status", "trouble", "is_hopeless"),
    [
        ({}, "", False),
        ({"containerStatuses": [waiting("ContainerCreating")]}, "", False),
        ({"containerStatuses": [container(state=CRASH)]}, "exit 3", True),
        ({"containerStatuses": [container(state=OOM)]}, "OOMKilled, exit 137", True),
        (
            {"containerStatuses": [waiting("CrashLoopBackOff", "back-off 10s", lastState=CRASH)]},
            "CrashLoopBackOff, exit 3",
            True,
        ),
        (
            {"containerStatuses": [waiting("ErrImagePull", "not found")]},
            "ErrImagePull, not found",
            True,
        ),
        (
            {"initContainerStatuses": [waiting("ImagePullBackOff")]},
            "ImagePullBackOff",
            True,
        ),
        (
            {"conditions": [NO_NODE], "containerStatuses": None},
            "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu.",
            False,
        ),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "no disk"},
            "Evicted: no disk",
            True,
        ),
        ({"phase": "Failed"}, "the pod failed", True),
    ],
)
def test_why_a_pod_does_not_come_up(
    status: dict[str, Any], trouble: str, *, is_hopeless: bool
) -> None:
    found = pod_view(pod(**status))

    assert (found.trouble, found.is_hopeless) == (trouble, is_hopeless)


def test_how_a_container_was_restarted() -> None:
    found = pod_view(pod(containerStatuses=[container(2, lastState=OOM)]))

    assert (found.restarts, found.restarted) == (2, "OOMKilled, exit 137")
    assert found.container == "petclinic"


def test_a_pod_that_leaves_or_is_not_ready_serves_nobody() -> None:
    leaving = pod()
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    found = (*pods(2, 1), pod_view(leaving), pod_view(pod(is_ready=False)))

    assert (ready(found, CANARY), ready(found, STABLE)) == (2, 1)
