"""What nobody asked for: which changes of a pod are trouble, and which pass."""

from collections.abc import Callable
from typing import Any

import pytest

from canarytest.core.ports import Incident, IncidentKind
from canarytest.core.reach import Version
from canarytest.platforms.argo.logs import Logs
from canarytest.platforms.argo.view import PodView, RolloutView, pod_view
from canarytest.platforms.argo.watchman import Watchman
from tests.platforms.argo.objects import CANARY, OURS, container, plan, pod, view


class FakeMirror:
    """A Rollout in its dark step, and pods as they are set."""

    def __init__(self) -> None:
        self.rollout: RolloutView = view()
        self.pods: tuple[PodView, ...] = ()


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

    def see(self, *pods: dict[str, Any]) -> None:
        """Let the canary's pods be *pods* now."""
        self.mirror.pods = tuple(map(pod_view, pods))
        self._watchman.look(self.mirror, OURS, plan())  # type: ignore[arg-type]

    def wait(self) -> None:
        """Let the time pass after which it looks again."""
        for look in self.later:
            look()


UNREADY = pod(is_ready=False)
LEAVING = {**UNREADY, "metadata": {**UNREADY["metadata"], "deletionTimestamp": "now"}}


def test_a_pod_that_stays_unready_is_told() -> None:
    watched = Watched()
    watched.see(pod())
    watched.see(UNREADY)
    assert watched.told == []

    watched.wait()
    (incident,) = watched.told
    assert (incident.kind, incident.version) == (IncidentKind.NOT_READY, Version.CANARY)
    assert f"the pod was-{CANARY}-x is no longer ready" in incident.message


@pytest.mark.parametrize("after", [[pod()], [LEAVING], []], ids=["ready again", "leaving", "gone"])
def test_a_pod_that_is_unready_for_a_moment_is_not(after: list[dict[str, Any]]) -> None:
    watched = Watched()
    watched.see(pod())
    watched.see(UNREADY)
    watched.see(*after)
    watched.wait()

    assert watched.told == []


def test_a_restart_is_told_at_once_and_only_once() -> None:
    watched = Watched()
    watched.see(pod())
    watched.see(pod(containerStatuses=[container(restarts=1)]))
    watched.see(pod(containerStatuses=[container(restarts=1)]))

    assert [incident.kind for incident in watched.told] == [IncidentKind.RESTARTED]


def test_a_pod_that_was_never_ready_is_not_watched() -> None:
    watched = Watched()
    watched.see(UNREADY)
    watched.see(UNREADY)

    assert not watched.told
    assert not watched.later
