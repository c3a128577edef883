"""Why a step is not reached, in the words of whoever knows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from canarytest.core.errors import CanaryError, CanaryNotReady, PlatformError
from canarytest.platforms.argo.kube_events import KubeEvent, kube_event
from canarytest.platforms.argo.logs import Logs
from canarytest.platforms.argo.settings import Timeouts
from canarytest.platforms.argo.view import PodView, RolloutView, pod_view
from canarytest.platforms.argo.walk import Walk
from tests.platforms.argo.objects import CANARY, OURS, container, plan, pod, said, view

T = TypeVar("T")
Scene = tuple[list[dict[str, Any]], list[dict[str, Any]]]  # pods, and events
POD, SET = f"was-{CANARY}-x", f"was-{CANARY}"
QUOTA = said(SET, "FailedCreate", "exceeded quota: full", kind="ReplicaSet")
PROBE = said(POD, "Unhealthy", "Readiness probe failed: 503", count=4)
CRASH = {"terminated": {"exitCode": 3, "reason": "Error"}}
LATE, NEVER = 0.0, 3600.0


class FakeMirror:
    """A Rollout in its dark step, with *pods* and what was said of them: nothing ever changes."""

    def __init__(self, pods: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
        self.rollout: RolloutView = view()
        self.pods: tuple[PodView, ...] = tuple(map(pod_view, pods))
        self.events: tuple[KubeEvent, ...] = tuple(map(kube_event, events))

    def wait(self, find: Callable[[], T | None], within_s: float) -> T | None:
        """Look once."""
        del within_s
        return find()


class ChangingMirror(FakeMirror):
    """One whose pods, and what was said of them, are others at each look."""

    def __init__(self, *scenes: Scene) -> None:
        super().__init__([], [])
        self._scenes = [FakeMirror(*scene) for scene in scenes]

    def wait(self, find: Callable[[], T | None], within_s: float) -> T | None:
        """Look once."""
        scene = self._scenes.pop(0)
        self.pods, self.events = scene.pods, scene.events
        return super().wait(find, within_s)


class TalkingApi:
    """An API server whose logs have a line."""

    def text(self, path: str, *, within_s: float, **query: str) -> str:
        """Return it."""
        del path, within_s, query
        return "listening\n"


def refusal(
    pods: list[dict[str, Any]],
    *events: dict[str, Any],
    ready_s: float = NEVER,
    unschedulable_s: float = NEVER,
) -> CanaryError:
    """Return what is raised instead of reaching the dark step."""
    timeouts = Timeouts(ready_s, unschedulable_s, NEVER, NEVER, NEVER)
    with pytest.raises(CanaryError) as caught:
        walking(FakeMirror(pods, list(events)), timeouts).reach(plan().steps[0])
    return caught.value


def walking(mirror: Any, timeouts: Timeouts) -> Walk:
    """Return a walk on its way to the dark step."""
    api: Any = TalkingApi()
    logs = Logs(api, "petclinic")
    walk = Walk(api, api, mirror, path="/was", run_id="run", logs=logs, timeouts=timeouts)
    walk.take(OURS, plan())
    return walk


@pytest.mark.parametrize(
    ("pods", "events", "sentence"),
    [
        pytest.param(
            [pod(containerStatuses=[container(state=CRASH)])],
            [said(POD, "Unhealthy", "Liveness probe failed: 500")],
            f"{POD}: exit 3; last log line: listening; Unhealthy: Liveness probe failed: 500",
            id="a crash",
        ),
        pytest.param(
            [], [QUOTA], f"{SET} can make no pod: FailedCreate: exceeded quota: full", id="a quota"
        ),
        pytest.param(
            [pod(is_ready=False)],
            [said(POD, "FailedMount", "no such claim")],
            f"{POD}: FailedMount: no such claim",
            id="a volume",
        ),
    ],
)
def test_what_waiting_would_not_help_is_not_waited_out(
    pods: list[dict[str, Any]], events: list[dict[str, Any]], sentence: str
) -> None:
    error = refusal(pods, *events, unschedulable_s=-1)

    assert isinstance(error, CanaryNotReady)
    assert str(error) == sentence


@pytest.mark.parametrize(
    ("events", "last"),
    [([], ""), ([PROBE], "; Unhealthy: Readiness probe failed: 503 (4 times)")],
    ids=["nothing was said", "a probe that fails"],
)
def test_a_pod_that_is_late_is_told_with_what_is_known_of_it(
    events: list[dict[str, Any]], last: str
) -> None:
    error = refusal([pod(is_ready=False)], *events, ready_s=LATE)

    assert isinstance(error, CanaryNotReady)
    assert str(error) == f"{POD} was not ready within 0 s: last log line: listening{last}"


def test_pods_that_are_too_few_are_told_with_why() -> None:
    error = refusal([], QUOTA, ready_s=LATE)

    assert isinstance(error, PlatformError)
    assert str(error) == (
        "not in force within 0 s: 0 of 1 canary pods are ready; FailedCreate: exceeded quota: full"
    )


NO_NODE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
UNSCHEDULED: Scene = ([pod(is_ready=False, conditions=[NO_NODE])], [])
UNMOUNTED: Scene = ([pod(is_ready=False)], [said(POD, "FailedMount", "no such claim")])
STARTING: Scene = ([pod(is_ready=False)], [])
UP: Scene = ([pod()], [])


@pytest.mark.parametrize(
    "scenes",
    [
        pytest.param([UNSCHEDULED, UNMOUNTED, UP], id="a node, then a volume"),
        pytest.param([UNMOUNTED, STARTING, UNMOUNTED, UP], id="a volume, and later another"),
    ],
)
def test_waits_that_have_nothing_to_do_with_each_other_are_not_added_up(
    scenes: list[Scene],
) -> None:
    walk = walking(ChangingMirror(*scenes), Timeouts(NEVER, 0.0, NEVER, NEVER, NEVER))
    walk.reach(plan().steps[0])

    assert walk.ours is not None
    assert walk.ours.is_open


def test_a_wait_that_lasts_is_not_waited_out() -> None:
    walk = walking(ChangingMirror(*[UNMOUNTED] * 9), Timeouts(NEVER, 0.0, NEVER, NEVER, NEVER))

    with pytest.raises(CanaryNotReady, match="no such claim"):
        walk.reach(plan().steps[0])


def test_a_step_is_no_longer_open_while_the_next_one_is_on_its_way() -> None:
    walk = walking(FakeMirror([], [QUOTA]), Timeouts(NEVER, -1, NEVER, NEVER, NEVER))
    walk.take(replace(OURS, is_open=True), plan())
    with pytest.raises(CanaryNotReady):
        walk.reach(plan().steps[0])

    assert walk.ours == OURS
