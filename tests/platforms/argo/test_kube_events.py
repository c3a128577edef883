"""What is read of the cluster's events, and which words say why something does not come up."""

from typing import Any

import pytest

from canarytest.platforms.argo.kube_events import (
    is_of,
    kube_event,
    last_warning,
    uncreated,
    unmounted,
)
from tests.platforms.argo.objects import CANARY, said

POD, SET = f"was-{CANARY}-x", f"was-{CANARY}"
PROBE = said(POD, "Unhealthy", "Readiness probe failed: statuscode: 503", count=4)
MOUNT = said(POD, "FailedMount", 'configmap "none" not found')
QUOTA = said(SET, "FailedCreate", "exceeded quota: full", kind="ReplicaSet")


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("Rollout", "was", True),
        ("ReplicaSet", "was-8dd88c859", True),
        ("Pod", "was-8dd88c859-x2z4q", True),
        ("AnalysisRun", "was-8dd88c859-2-1", True),
        ("Rollout", "wash", False),
        ("Rollout", "was-8dd88c859", False),  # it has that name itself
        ("ReplicaSet", "was-two-8dd88c859", False),
        ("Pod", "was-two-8dd88c859-x2z4q", False),
        ("ReplicaSet", "was-db-8dd88c859", False),
        ("Pod", "was-db-8dd88c859-x2z4q", False),
        ("AnalysisRun", "was-77d9c86985-2", True),
        ("Pod", "wash-8dd88c859-x2z4q", False),
        ("Service", "was-canary", False),
        ("Node", "n1", False),
    ],
)
def test_whose_an_event_is(kind: str, name: str, *, expected: bool) -> None:
    assert is_of("was", said(name, "any", kind=kind)) is expected


def test_dots_in_a_name_are_dots() -> None:
    assert not is_of("w.s", said(SET, "any", kind="ReplicaSet"))


@pytest.mark.parametrize(
    ("more", "count", "at"),
    [
        ({}, 1, "2026-01-12T09:00:00Z"),
        ({"count": 7}, 7, "2026-01-12T09:00:00Z"),
        (
            {"lastTimestamp": None, "count": None, "eventTime": "2026-01-12T09:00:01.5Z"},
            1,
            "2026-01-12T09:00:01.5Z",
        ),
        (
            {
                "lastTimestamp": None,
                "count": 0,
                "eventTime": "2026-01-12T09:00:01.5Z",
                "series": {"count": 3, "lastObservedTime": "2026-01-12T09:00:09.5Z"},
            },
            3,
            "2026-01-12T09:00:09.5Z",
        ),
    ],
)
def test_how_often_and_when_as_both_apis_say_it(more: dict[str, Any], count: int, at: str) -> None:
    event = kube_event(said(POD, "FailedScheduling", **more))

    assert (event.count, event.at) == (count, at)


@pytest.mark.parametrize(
    ("events", "known", "expected"),
    [
        ([], "", ""),
        ([PROBE], "", "; Unhealthy: Readiness probe failed: statuscode: 503 (4 times)"),
        ([MOUNT, PROBE], "", '; FailedMount: configmap "none" not found'),
        ([PROBE | {"type": "Normal"}, MOUNT], "", '; FailedMount: configmap "none" not found'),
        ([said("was-other", "Unhealthy")], "", ""),
        ([said(POD, "BackOff", "Back-off restarting failed container")], "", ""),
        ([said(POD, "MissingClusterDNS", "kubelet has no ClusterDNS IP")], "", ""),
        # The status of the pod has said it.
        ([said(POD, "FailedScheduling", "0/1 nodes")], "Unschedulable: 0/1 nodes", ""),
        (
            [said(POD, "Failed", "Failed to pull app: no such tag"), PROBE],
            "ErrImagePull, no such tag",
            "",
        ),
        # Of a pull there are two events, and the second one says nothing.
        (
            [said(POD, "Failed", "Error: ErrImagePull"), said(POD, "Failed", "pull: no such tag")],
            "ImagePullBackOff",
            "; Failed: pull: no such tag",
        ),
    ],
)
def test_the_last_warning_of_a_pod(events: list[dict[str, Any]], known: str, expected: str) -> None:
    assert last_warning(map(kube_event, events), POD, known) == expected


def test_what_client_go_combines_is_told_without_its_remark() -> None:
    event = said(SET, "FailedCreate", "(combined from similar events): Error creating:\nfull")

    assert kube_event(event).words == "FailedCreate: Error creating: full"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], ""),
        ([MOUNT], 'FailedMount: configmap "none" not found'),
        ([said(POD, "Pulled", type="Normal"), MOUNT], ""),  # it is mounted by now
        ([PROBE], ""),
    ],
)
def test_a_pod_waits_for_a_volume_while_that_is_the_last_thing_said(
    events: list[dict[str, Any]], expected: str
) -> None:
    assert unmounted(map(kube_event, events), POD) == expected


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([QUOTA], "FailedCreate: exceeded quota: full"),
        ([said(SET, "SuccessfulCreate", type="Normal"), QUOTA], ""),
        ([said(f"{SET}-x", "FailedCreate")], ""),
    ],
)
def test_a_replica_set_makes_no_pod_while_that_is_the_last_thing_said(
    events: list[dict[str, Any]], expected: str
) -> None:
    assert uncreated(map(kube_event, events), SET) == expected
