"""What keeps a canary from coming up, and what only looks like it."""

from typing import Any

import pytest

from canarytest.platforms.argo.kube_events import KubeEvent, kube_event
from canarytest.platforms.argo.troubles import Trouble, troubles
from canarytest.platforms.argo.view import pod_view
from tests.platforms.argo.objects import CANARY, STABLE, container, pod, said, view

POD, SET = f"was-{CANARY}-x", f"was-{CANARY}"
QUOTA = kube_event(said(SET, "FailedCreate", "exceeded quota: full", kind="ReplicaSet"))
CREATED = kube_event(said(SET, "SuccessfulCreate", kind="ReplicaSet", type="Normal"))
MOUNT = kube_event(said(POD, "FailedMount", 'configmap "none" not found'))
NO_IMAGE = {"waiting": {"reason": "ImagePullBackOff", "message": "back-off"}}


def found(
    pods: list[dict[str, Any]],
    *events: KubeEvent,
    wanted: int = 1,
    status: dict[str, Any] | None = None,
) -> list[Trouble]:
    return list(troubles(view(status), CANARY, list(map(pod_view, pods)), events, wanted))


def leaving(made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "metadata": {**made["metadata"], "deletionTimestamp": "now"}}


@pytest.mark.parametrize(
    ("pods", "events", "wanted"),
    [
        pytest.param([], [], 1, id="nothing was said"),
        pytest.param([pod()], [QUOTA], 1, id="there are as many as are wanted"),
        pytest.param([], [CREATED, QUOTA], 1, id="one was made since"),
        pytest.param([leaving(pod(STABLE))], [QUOTA], 1, id="what leaves holds the quota"),
        pytest.param([pod()], [MOUNT], 1, id="it was mounted in the end"),
        pytest.param([pod(is_ready=False)], [], 1, id="it starts"),
        pytest.param(
            [pod(STABLE, containerStatuses=[container(state=NO_IMAGE)])], [], 0, id="the stable one"
        ),
    ],
)
def test_what_is_no_trouble(
    pods: list[dict[str, Any]], events: list[KubeEvent], wanted: int
) -> None:
    assert found(pods, *events, wanted=wanted) == []


def test_a_replica_set_that_can_make_no_pod() -> None:
    (trouble,) = found([pod(STABLE)], QUOTA)

    assert trouble.sentence == f"{SET} can make no pod: FailedCreate: exceeded quota: full"
    assert not trouble.is_hopeless  # a quota may be raised
    assert trouble.pod is None


def failing(replica_set: str, **changed: str) -> dict[str, Any]:
    """Return the status of a Rollout of which a ReplicaSet could not make a pod."""
    failure = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": f'pods "{replica_set}-x2z4q" is forbidden: exceeded quota: full',
    }
    return {"conditions": [failure | changed]}


def test_what_was_said_before_the_run_began_is_in_the_status() -> None:
    (trouble,) = found([pod(STABLE)], status=failing(SET))

    assert trouble.sentence == (
        f'{SET} can make no pod: FailedCreate: pods "{SET}-x2z4q" is forbidden: exceeded quota: '
        "full"
    )


@pytest.mark.parametrize(
    "status",
    [failing(f"was-{STABLE}"), failing(SET, status="False"), failing(SET, reason="FailedDelete")],
    ids=["of the stable one", "no longer", "something else"],
)
def test_a_failure_that_is_not_the_canary_s_is_no_trouble(status: dict[str, Any]) -> None:
    assert found([], status=status) == []


def test_it_is_another_trouble_once_one_pod_more_is_there() -> None:
    (none,) = found([], QUOTA, wanted=2)
    (one,) = found([pod()], QUOTA, wanted=2)

    assert none.key != one.key


def test_a_volume_that_is_not_there() -> None:
    (trouble,) = found([pod(is_ready=False)], MOUNT)

    assert trouble.sentence == f'{POD}: FailedMount: configmap "none" not found'
    assert not trouble.is_hopeless


def test_an_image_that_is_not_there_is_told_in_the_words_of_the_kubelet() -> None:
    failed = kube_event(said(POD, "Failed", "pull of app:v9: no such tag"))
    (trouble,) = found([pod(is_ready=False, containerStatuses=[container(state=NO_IMAGE)])], failed)

    assert trouble.sentence == f"{POD}: ImagePullBackOff, back-off"
    assert trouble.warning == "; Failed: pull of app:v9: no such tag"
    assert trouble.is_hopeless
