"""What nobody asked for: which changes of a pod are trouble, and which pass."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from canarytest.core.ports import Incident, IncidentKind
from canarytest.core.reach import Version
from canarytest.core.stretch import watched
from canarytest.platforms.argo.kube_events import KubeEvent, kube_event
from canarytest.platforms.argo.logs import Logs
from canarytest.platforms.argo.stage import Ours
from canarytest.platforms.argo.view import PodView, RolloutView, pod_view
from canarytest.platforms.argo.watchman import Watchman
from tests.platforms.argo.objects import CANARY, OURS, STABLE, container, plan, pod, said, view


class FakeMirror:
    """A Rollout in its dark step, and pods as they are set."""

    def __init__(self) -> None:
        self.rollout: RolloutView = view()
        self.pods: tuple[PodView, ...] = ()
        self.events: tuple[KubeEvent, ...] = ()


class DumbApi:
    """An API server that has no logs."""

    def text(self, path: str, *, within_s: float, **query: str) -> str:
        """Return none."""
        return ""


class Watched:
    """A watchman, what it reported, and what it wants to look at later."""

    def __init__(self) -> None:
        self.mirror = FakeMirror()
        self.told: list[Incident] = []
        self.later: list[Callable[[], None]] = []
        logs = Logs(DumbApi(), "petclinic")  # type: ignore[arg-type]
        self._watchman = Watchman(
            logs, {}, self.told.append, lambda _, look: self.later.append(look)
        )

    def see(self, *pods: dict[str, Any], ours: Ours = OURS, watched_s: float = 0) -> None:
        """Let the pods be *pods* now, of a plan whose promotion is watched for so long."""
        self.mirror.pods = tuple(map(pod_view, pods))
        self._watchman.look(self.mirror, ours, watched(plan(), watched_s))  # type: ignore[arg-type]

    def wait(self) -> None:
        """Let the time pass after which it looks again."""
        for look in self.later:
            look()


UNREADY = pod(is_ready=False)
LEAVING = {**UNREADY, "metadata": {**UNREADY["metadata"], "deletionTimestamp": "now"}}


def test_a_pod_that_stays_unready_is_told() -> None:
    watch = Watched()
    watch.see(pod())
    watch.see(UNREADY)
    assert watch.told == []

    watch.wait()
    (incident,) = watch.told
    assert (incident.kind, incident.version) == (IncidentKind.NOT_READY, Version.CANARY)
    assert f"the pod was-{CANARY}-x is no longer ready" in incident.message


def test_what_the_kubelet_says_of_it_is_told_too() -> None:
    watch = Watched()
    probe = said(f"was-{CANARY}-x", "Unhealthy", "Readiness probe failed: 503", count=2)
    watch.mirror.events = (kube_event(probe),)
    watch.see(pod())
    watch.see(UNREADY)
    watch.wait()

    assert watch.told[0].message.endswith("; Unhealthy: Readiness probe failed: 503 (2 times)")


@pytest.mark.parametrize("after", [[pod()], [LEAVING], []], ids=["ready again", "leaving", "gone"])
def test_a_pod_that_is_unready_for_a_moment_is_not(after: list[dict[str, Any]]) -> None:
    watch = Watched()
    watch.see(pod())
    watch.see(UNREADY)
    watch.see(*after)
    watch.wait()

    assert watch.told == []


def test_a_restart_is_told_at_once_and_only_once() -> None:
    watch = Watched()
    watch.see(pod())
    watch.see(pod(containerStatuses=[container(restarts=1)]))
    watch.see(pod(containerStatuses=[container(restarts=1)]))

    assert [incident.kind for incident in watch.told] == [IncidentKind.RESTARTED]


def test_a_pod_that_was_never_ready_is_not_watched() -> None:
    watch = Watched()
    watch.see(UNREADY)
    watch.see(UNREADY)

    assert not watch.told
    assert not watch.later


OPEN = replace(OURS, is_open=True)
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff"}}


def new(hash_: str = CANARY) -> dict[str, Any]:
    """Return a pod that came to replace another, and does not come up."""
    made = pod(hash_, is_ready=False, containerStatuses=[container(restarts=3, state=BACK_OFF)])
    return {**made, "metadata": {**made["metadata"], "name": "was-new"}}


def test_a_pod_made_in_an_open_step_that_does_not_come_up_is_told_once() -> None:
    watch = Watched()
    watch.mirror.events = (kube_event(said("was-new", "Unhealthy", "Liveness probe failed: 500")),)
    for pods in ([pod()], [new()], [new()]):
        watch.see(*pods, ours=OPEN)

    (incident,) = watch.told
    assert (incident.kind, incident.version) == (IncidentKind.NOT_READY, Version.CANARY)
    assert incident.message.endswith(
        "the new pod was-new does not come up: CrashLoopBackOff; Unhealthy: Liveness probe failed: "
        "500"
    )


@pytest.mark.parametrize(
    ("made", "ours"),
    [
        pytest.param(new(), OURS, id="whoever waits for the step tells it"),
        pytest.param(new(STABLE), OPEN, id="not of the canary"),
        pytest.param({**new(), "metadata": LEAVING["metadata"]}, OPEN, id="leaving"),
        pytest.param(UNREADY, OPEN, id="it may come up"),
    ],
)
def test_else_a_new_pod_that_does_not_come_up_is_not(made: dict[str, Any], ours: Ours) -> None:
    watch = Watched()
    watch.see(made, ours=ours)

    assert watch.told == []


PROMOTED = replace(OURS, is_promoting=True)
PREVIOUS = pod(STABLE)
ENDED = {**PREVIOUS, "metadata": {**PREVIOUS["metadata"], "deletionTimestamp": "now"}}


def test_it_is_told_once_that_the_previous_revision_is_ended_while_it_may_be_needed() -> None:
    watch = Watched()
    watch.see(pod(), PREVIOUS, ours=PROMOTED, watched_s=30)
    assert watch.told == []
    for pods in ([pod(), ENDED], [pod(), ENDED], [pod()]):
        watch.see(*pods, ours=PROMOTED, watched_s=30)

    (incident,) = watch.told
    assert (incident.kind, incident.version) == (IncidentKind.NOTED, Version.STABLE)
    assert "takes as long as they take to start" in incident.message


@pytest.mark.parametrize(
    ("ours", "watched_s"), [(OURS, 30.0), (PROMOTED, 0.0)], ids=["not promoted", "not watched"]
)
def test_else_its_end_is_nothing_to_be_told(ours: Ours, watched_s: float) -> None:
    watch = Watched()
    watch.see(pod(), ENDED, ours=ours, watched_s=watched_s)

    assert watch.told == []
