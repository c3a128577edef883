"""Rollouts and pods as a cluster has them, cut to what is read."""

from typing import Any

from canarytest.core.plan import Plan, plan_of
from canarytest.platforms.argo.stage import Ours
from canarytest.platforms.argo.view import HASH_LABEL, PodView, RolloutView, pod_view, rollout_view

CANARY, STABLE = "8dd88c859", "77d9c86985"
STEPS: list[dict[str, Any]] = [
    {"setCanaryScale": {"replicas": 1}},
    {"pause": {}},
    {"setWeight": 10},
    {"setCanaryScale": {"matchTrafficWeight": True}},
    {"pause": {"duration": "2m"}},
]
DARK_AT, TEN_AT = 1, 4
OURS = Ours(CANARY, STABLE, floor=0, ceiling=DARK_AT)


def rollout(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a Rollout of two revisions that waits in its dark step, but for *status*, *spec*."""
    return {
        "kind": "Rollout",
        "metadata": {
            "name": "was",
            "generation": 7,
            "resourceVersion": "1200",
            "annotations": {"rollout.argoproj.io/revision": "2"},
        },
        "spec": {
            "replicas": 2,
            "strategy": {"canary": {"steps": STEPS, "trafficRouting": {"traefik": {}}}},
            **spec,
        },
        "status": {
            "observedGeneration": "7",
            "currentPodHash": CANARY,
            "stableRS": STABLE,
            "currentStepIndex": DARK_AT,
            "controllerPause": True,
            "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}],
            "canary": {"weights": weights(0)},
            "phase": "Paused",
            "message": "CanaryPauseStep",
            **(status or {}),
        },
    }


def weights(canary: int, **more: Any) -> dict[str, Any]:
    """Return `status.canary.weights`."""
    return {
        "canary": {"weight": canary, "podTemplateHash": CANARY, "serviceName": "was-canary"},
        "stable": {"weight": 100 - canary, "podTemplateHash": STABLE},
        **more,
    }


def view(status: dict[str, Any] | None = None, **spec: Any) -> RolloutView:
    """Return how `rollout` is read."""
    return rollout_view(rollout(status, **spec))


def plan(*, has_router: bool = True) -> Plan:
    """Return the plan of `rollout`."""
    made = rollout()
    if not has_router:
        canary = {"steps": STEPS[2:3] + STEPS[4:], "maxSurge": 1}
        made = rollout(strategy={"canary": canary})
    return plan_of(made)


def pod(hash_: str = CANARY, *, is_ready: bool = True, **status: Any) -> dict[str, Any]:
    """Return a pod of the revision *hash_*."""
    return {
        "metadata": {"name": f"was-{hash_}-x", "labels": {HASH_LABEL: hash_}},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": str(is_ready)}],
            "containerStatuses": [container()],
            **status,
        },
    }


def container(restarts: int = 0, **states: Any) -> dict[str, Any]:
    """Return the status of the container petclinic."""
    return {"name": "petclinic", "restartCount": restarts, "state": {"running": {}}, **states}


def said(
    name: str, reason: str, message: str = "said", *, kind: str = "Pod", **more: Any
) -> dict[str, Any]:
    """Return an event about the object *name*: a warning."""
    return {
        "metadata": {"name": f"{name}.{reason}", "resourceVersion": "1300"},
        "involvedObject": {"kind": kind, "name": name},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "count": 1,
        "lastTimestamp": "2026-01-12T09:00:00Z",
        **more,
    }


def pods(canary: int, stable: int) -> tuple[PodView, ...]:
    """Return so many ready pods."""
    return tuple(pod_view(pod(hash_)) for hash_ in [CANARY] * canary + [STABLE] * stable)
