"""What explains an abort: read as far as it can be, and in time."""

from collections.abc import Mapping
from typing import Any

from canarytest.platforms.argo.api import ApiError
from canarytest.platforms.argo.kube_events import KubeEvent, kube_event
from canarytest.platforms.argo.logs import Logs
from canarytest.platforms.argo.view import pod_view
from canarytest.platforms.argo.witness import Witness
from tests.platforms.argo.objects import CANARY, STABLE, container, pod, rollout, said

EVENTS = [
    said(name, reason, kind=kind, lastTimestamp=at, count=count)
    for kind, name, reason, at, count in [
        ("Pod", "was-8dd88c859-a", "BackOff", "2026-01-12T09:00:02Z", 3),
        ("Rollout", "was", "RolloutAborted", "2026-01-12T09:00:01Z", 1),
        ("Rollout", "wash", "RolloutPaused", "2026-01-12T09:00:00Z", 1),
    ]
]


class FakeApi:
    """An API server with a Rollout, its pods and events; what is *forbidden* it tells not."""

    def __init__(self, forbidden: str = "nothing") -> None:
        self.forbidden = forbidden
        self.asked: list[str] = []

    def get(self, path: str, query: Mapping[str, str] | None = None, **_: object) -> Any:
        """Return what is there."""
        kind = path.rpartition("/")[2]
        self.asked.append(kind)
        if kind == self.forbidden:
            raise ApiError(f"GET {path}: 403: forbidden", 403)
        if kind == "events":
            return {"items": EVENTS}
        items = {"metadata": {"name": kind, "managedFields": ["long"]}, "spec": {}}
        return rollout() if kind == "was" else {"items": [items]}

    def text(self, path: str, *, within_s: float, **query: str) -> str:
        """Return a log."""
        self.asked.append("log")
        return "before" if "previous" in query else "now"


def tell(api: FakeApi, *watched: KubeEvent, is_analysed: bool = False) -> dict[str, str]:
    logs = Logs(api, "petclinic")  # type: ignore[arg-type]
    witness = Witness(api, "petclinic", "was", logs, lambda: watched)  # type: ignore[arg-type]
    restarted = pod(CANARY, containerStatuses=[container(restarts=1)])
    pods = [pod_view(restarted), pod_view(pod(STABLE))]
    return witness.tell(CANARY, pods, is_analysed=is_analysed)


def test_the_logs_of_the_canary_come_first() -> None:
    api = FakeApi()
    told = tell(api)

    assert api.asked[:2] == ["log", "log"]
    assert told[f"log of was-{CANARY}-x before its last restart"] == "before"
    assert told[f"log of was-{CANARY}-x"] == "now"
    assert not any(STABLE in name for name in told)


def test_the_events_are_those_of_the_rollout_in_their_order() -> None:
    told = tell(FakeApi())

    assert told["events"].splitlines() == [
        "2026-01-12T09:00:01Z Rollout was: Warning RolloutAborted: said",
        "2026-01-12T09:00:02Z Pod was-8dd88c859-a: Warning BackOff: said (3 times)",
    ]


WATCHED = [
    kube_event(EVENTS[0] | {"count": 2}),  # since then it was said once more
    kube_event(said(f"was-{CANARY}", "FailedCreate", kind="ReplicaSet")),
]


def test_what_was_watched_is_told_with_what_is_read() -> None:
    told = tell(FakeApi(), *WATCHED)

    assert told["events"].splitlines() == [
        f"2026-01-12T09:00:00Z ReplicaSet was-{CANARY}: Warning FailedCreate: said",
        "2026-01-12T09:00:01Z Rollout was: Warning RolloutAborted: said",
        "2026-01-12T09:00:02Z Pod was-8dd88c859-a: Warning BackOff: said (3 times)",
    ]


def test_of_one_second_what_was_watched_first_is_told_first() -> None:
    first, last = (kube_event(said("was", reason, kind="Rollout")) for reason in ("A", "B"))

    lines = tell(FakeApi("events"), last, first)["events"].splitlines()

    assert lines[0].endswith("A: said")
    assert lines[1].endswith("B: said")


def test_what_was_watched_is_told_when_nothing_can_be_read() -> None:
    told = tell(FakeApi("events"), *WATCHED)["events"].splitlines()

    assert told[:2] == [
        f"2026-01-12T09:00:00Z ReplicaSet was-{CANARY}: Warning FailedCreate: said",
        "2026-01-12T09:00:02Z Pod was-8dd88c859-a: Warning BackOff: said (2 times)",
    ]
    assert told[2].startswith("only what was watched; not read: GET")


def test_the_objects_are_told_without_what_explains_nothing() -> None:
    told = tell(FakeApi(), is_analysed=True)

    assert "currentPodHash" in told["rollout"]
    assert set(told) >= {"pods", "analysis runs"}
    assert "managedFields" not in told["pods"]


def test_what_is_not_allowed_is_said_and_the_rest_read() -> None:
    told = tell(FakeApi("events"))

    assert told["events"].startswith("not read: GET")
    assert "rollout" in told
