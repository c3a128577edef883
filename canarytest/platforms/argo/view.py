"""What is read of a Rollout and its pods: frozen, with Argo's absent fields made plain. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from canarytest.core.lint.promotion import SCALE_DOWN_S
from canarytest.core.stretch import LEFT

HASH_LABEL = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"
HELD_BY = "canarytest/held-by"  # an annotation: which run of ours set spec.paused
PAUSE_STEP = "CanaryPauseStep"
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunStatus:
    """An AnalysisRun as the Rollout's status has it."""

    name: str
    phase: str
    message: str


@dataclass(frozen=True, slots=True)
class RolloutView:
    """A Rollout at one moment."""

    name: str
    version: int  # the resourceVersion: of two views the later one has the greater
    revision: str
    generation: int
    observed_generation: int
    replicas: int
    is_held: bool  # spec.paused
    held_by: str  # the run of ours that paused it: this one, or one that could not let go
    canary: str  # the pod hash of spec.template; also the stable one's once promoted
    stable: str  # the pod hash of the stable revision; empty before the first
    index: int  # of the current step
    pauses: tuple[str, ...]  # why the controller waits
    is_aborted: bool
    is_promoted_in_full: bool  # or on its way to be: its steps do not count any more
    weight: int | None  # that the router gives the canary; None without a router
    weight_hash: str  # whose weight that is
    is_verified: bool  # the controller did not find another weight at the router
    phase: str
    message: str
    why_aborted: str  # as the controller says it; empty if it does not
    unmade: str  # why one of its ReplicaSets, whichever, can make no pod; empty if all can
    step_run: RunStatus | None  # of the analysis step that it is at
    background_run: RunStatus | None
    experiment: str  # the name of the one under way
    plugins: Mapping[int, str]  # step index -> phase and message
    abort_delay_s: int  # for which an aborted canary's pods stay up; 0: that is not said
    previous_delay_s: int  # the same of what was replaced by a promotion
    left: str  # by which run it was left, and where, as the annotation has it; empty if it was not

    @property
    def is_fresh(self) -> bool:
        """Whether the status speaks of the spec as it is."""
        return self.observed_generation == self.generation

    @property
    def is_rolling(self) -> bool:
        """Whether there are two revisions, one on its way."""
        return bool(self.stable) and self.canary != self.stable

    @property
    def sits_in_pause(self) -> bool:
        """Whether the controller waits in a pause step."""
        return PAUSE_STEP in self.pauses


@dataclass(frozen=True, slots=True)
class PodView:
    """A pod at one moment."""

    name: str
    hash: str
    is_ready: bool
    is_leaving: bool  # told to end
    restarts: int
    trouble: str  # why it does not come up, in words; empty if it may
    is_hopeless: bool  # whether waiting would not help
    restarted: str  # how the last restart came about; empty if there was none
    container: str  # that the trouble or the restart is of
    port: int  # the first one of its first container; 0 if it names none


def rollout_view(rollout: Object) -> RolloutView:
    """Read *rollout*. What Argo leaves out is false, empty or 0."""
    metadata, spec = rollout["metadata"], rollout.get("spec") or {}
    status = rollout.get("status") or {}
    annotations = metadata.get("annotations") or {}
    of_canary = status.get("canary") or {}
    weights = of_canary.get("weights") or {}
    canary = weights.get("canary") or {}
    delays = _delays((spec.get("strategy") or {}).get("canary") or {})
    return RolloutView(
        name=metadata["name"],
        version=_number(metadata.get("resourceVersion")),
        revision=annotations.get(REVISION, ""),
        generation=int(metadata.get("generation", 0)),
        observed_generation=_number(status.get("observedGeneration")),
        replicas=int(spec.get("replicas", 1)),
        is_held=bool(spec.get("paused")),
        held_by=annotations.get(HELD_BY, "") if spec.get("paused") else "",
        canary=status.get("currentPodHash", ""),
        stable=status.get("stableRS", ""),
        index=int(status.get("currentStepIndex") or 0),
        pauses=tuple(pause.get("reason", "") for pause in status.get("pauseConditions") or ()),
        is_aborted=bool(status.get("abort")),
        is_promoted_in_full=bool(status.get("promoteFull")),
        weight=int(canary.get("weight", 0)) if weights else None,
        weight_hash=canary.get("podTemplateHash", ""),
        is_verified=weights.get("verified") is not False,
        phase=status.get("phase", ""),
        message=status.get("message", ""),
        why_aborted=_why_aborted(status),
        unmade=_unmade(status),
        step_run=_run(of_canary.get("currentStepAnalysisRunStatus")),
        background_run=_run(of_canary.get("currentBackgroundAnalysisRunStatus")),
        experiment=of_canary.get("currentExperiment", ""),
        abort_delay_s=delays[0],
        previous_delay_s=delays[1],
        left=annotations.get(LEFT, ""),
        plugins=_plugins(of_canary.get("stepPluginStatuses") or ()),
    )


def pod_view(pod: Object) -> PodView:
    """Read *pod*."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    containers = [
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ]
    container, trouble, is_hopeless = _trouble(status, containers)
    restarted: Object = max(containers, key=lambda c: int(c.get("restartCount", 0)), default={})
    return PodView(
        name=metadata["name"],
        hash=(metadata.get("labels") or {}).get(HASH_LABEL, ""),
        is_ready=_condition(status, "Ready").get("status") == "True",
        is_leaving="deletionTimestamp" in metadata,
        restarts=sum(int(c.get("restartCount", 0)) for c in containers),
        trouble=trouble,
        is_hopeless=is_hopeless,
        restarted=_ending((restarted.get("lastState") or {}).get("terminated")),
        container=container or restarted.get("name", ""),
        port=_port(pod.get("spec") or {}),
    )


def ready(pods: Iterable[PodView], hash_: str) -> int:
    """Return how many of *pods* serve for the revision *hash_*."""
    return sum(pod.hash == hash_ and pod.is_ready and not pod.is_leaving for pod in pods)


def _delays(canary: Object) -> tuple[int, ...]:
    """Return how long Argo keeps pods that get no traffic any more: it does so with a router."""
    if not canary.get("trafficRouting"):
        return 0, 0
    keys = ("abortScaleDownDelaySeconds", "scaleDownDelaySeconds")
    return tuple(int(canary.get(key, SCALE_DOWN_S)) for key in keys)


_HOPELESS = (
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
)


def _trouble(status: Object, containers: Iterable[Object]) -> tuple[str, str, bool]:
    for container in containers:
        state = container.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        reason = waiting.get("reason", "")
        last = _ending((container.get("lastState") or {}).get("terminated") or ended)
        if reason in _HOPELESS:
            said = last if reason == "CrashLoopBackOff" else waiting.get("message", "")
            return container["name"], ", ".join(filter(None, (reason, said))), True
        if ended and ended.get("exitCode"):
            return container["name"], last, True
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        said = (scheduled.get("reason", ""), scheduled.get("message", ""))
        return "", ": ".join(filter(None, said)), False
    if status.get("phase") == "Failed":
        said = (status.get("reason", ""), status.get("message", ""))
        return "", ": ".join(filter(None, said)) or "the pod failed", True
    return "", "", False


def _ending(terminated: Object | None) -> str:
    if not terminated:
        return ""
    reason = terminated.get("reason", "")
    words = "" if reason in ("", "Error", "Completed") else f"{reason}, "
    return f"{words}exit {terminated.get('exitCode')}"


def _port(spec: Object) -> int:
    containers = spec.get("containers") or [{}]
    ports = containers[0].get("ports") or [{}]
    return int(ports[0].get("containerPort", 0))


def _condition(status: Object, kind: str) -> Object:
    found = (c for c in status.get("conditions") or () if c.get("type") == kind)
    return next(found, {})


def _why_aborted(status: Object) -> str:
    progressing = _condition(status, "Progressing")
    if progressing.get("reason") in ("RolloutAborted", "ProgressDeadlineExceeded"):
        return str(progressing.get("message", ""))
    return ""


def _unmade(status: Object) -> str:
    failure = _condition(status, "ReplicaFailure")
    is_it = failure.get("status") == "True" and failure.get("reason") == "FailedCreate"
    return f"FailedCreate: {failure.get('message', '')}" if is_it else ""


def _run(found: Object | None) -> RunStatus | None:
    if not found:
        return None
    return RunStatus(found.get("name", ""), found.get("status", ""), found.get("message", ""))


def _plugins(found: Iterable[Object]) -> Mapping[int, str]:
    return {
        int(plugin.get("index") or 0): ": ".join(
            filter(None, (plugin.get("name"), plugin.get("phase"), plugin.get("message")))
        )
        for plugin in found
        if plugin.get("operation") == "Run"
    }


def _number(text: object) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() else 0
