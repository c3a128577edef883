"""Notices what nobody asked for: restarts, pods that fall out, and orders of somebody else."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Mapping

from canarytest.core.errors import PlatformError
from canarytest.core.plan import Plan
from canarytest.core.ports import Incident, IncidentKind
from canarytest.core.reach import Version
from canarytest.platforms.argo.kube_events import last_warning
from canarytest.platforms.argo.logs import Logs
from canarytest.platforms.argo.mirror import Mirror
from canarytest.platforms.argo.stage import Ours, blamed, seized, trespass, undecided
from canarytest.platforms.argo.view import PodView, RolloutView

# On a busy node a pod that came up just now was told ready, not ready and ready again within a
# second or two (seen here; presumably since the kubelet's probe and its sync both write it).
UNREADY_S = 2.0


def _later(seconds: float, look: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, look)
    timer.daemon = True
    timer.start()


class Watchman:
    """
    Looks at each change, and reports each trouble once.

    A pod is watched from the moment it was ready: before, whoever waits for it has the word. One
    that is made while a step is open is waited for by nobody: it is told if it cannot come up.
    """

    def __init__(
        self,
        logs: Logs,
        names: Mapping[Version, str],
        report: Callable[[Incident], None],
        later: Callable[[float, Callable[[], None]], None] = _later,
    ) -> None:
        self._later = later
        self._names = names  # what the versions call themselves, once known
        self._logs = logs
        self._report = report
        self._lock = threading.Lock()
        self._seen: dict[str, PodView] = {}  # pods that were ready, as they were last seen
        self._is_lost = False
        self._replicas: int | None = None
        self._is_previous_gone = False

    def look(self, mirror: Mirror, ours: Ours, plan: Plan) -> None:
        """Report what is new since the last look."""
        with self._lock:
            incidents = [
                *self._at_rollout(mirror, ours, plan.kinds),
                *self._at_scale(mirror, plan),
                *self._at_pods(mirror, ours),
                *(self._at_previous(mirror, ours) if plan.may_undo else ()),
            ]
        for incident in incidents:
            self._report(incident)

    def _at_rollout(self, mirror: Mirror, ours: Ours, kinds: tuple[str, ...]) -> list[Incident]:
        if self._is_lost:
            return []
        try:
            view = mirror.rollout
        except PlatformError as error:
            lost: Incident | None = Incident(IncidentKind.NOT_OURS, None, str(error))
        else:
            lost = loss(view, ours, kinds)
        self._is_lost = lost is not None
        return [lost] if lost else []

    def _at_scale(self, mirror: Mirror, plan: Plan) -> list[Incident]:
        """Tell of other replicas than before; without a router they are the split."""
        with contextlib.suppress(PlatformError):
            before, self._replicas = self._replicas or plan.replicas, mirror.rollout.replicas
            if before != self._replicas:
                kind = IncidentKind.NOTED if plan.has_router else IncidentKind.TAKEN_OVER
                message = f"the Rollout was scaled from {before} to {self._replicas} replicas"
                return [Incident(kind, None, message)]
        return []

    def _at_pods(self, mirror: Mirror, ours: Ours) -> list[Incident]:
        found = []
        for pod in mirror.pods:
            before = self._seen.get(pod.name)
            if before is not None and not pod.is_leaving:
                found += self._between(before, pod, ours)
                if before.is_ready and not pod.is_ready:
                    look = functools.partial(self._look_again, mirror, pod.name, ours)
                    self._later(UNREADY_S, look)
            is_stillborn = before is None and _cannot_come_up(pod, ours)
            if is_stillborn:
                found.append(self._stillborn(mirror, pod, ours))
            if before is not None or pod.is_ready or is_stillborn:
                self._seen[pod.name] = pod
        return found

    def _at_previous(self, mirror: Mirror, ours: Ours) -> list[Incident]:
        """Tell once that the previous revision is scaled down, which was up to go back to."""
        pods = [pod for pod in mirror.pods if pod.hash == ours.stable]
        is_up = bool(pods) and not all(pod.is_leaving for pod in pods)
        if not ours.is_promoting or self._is_previous_gone or is_up:
            return []
        self._is_previous_gone = True
        message = (
            f"the pods of {self._names.get(Version.STABLE, 'the previous revision')} are ended: to "
            "go back now takes as long as they take to start"
        )
        return [Incident(IncidentKind.NOTED, Version.STABLE, message)]

    def _between(self, before: PodView, pod: PodView, ours: Ours) -> list[Incident]:
        if pod.restarts > before.restarts or (pod.is_hopeless and not before.is_hopeless):
            version, name = self._named(pod, ours)
            how = pod.trouble or pod.restarted or "for no known reason"
            last = self._logs.last_line(pod, previous=pod.restarts > before.restarts)
            message = f"{name}: the container {pod.container!r} of {pod.name} ended: {how}{last}"
            return [Incident(IncidentKind.RESTARTED, version, message)]
        return []

    def _stillborn(self, mirror: Mirror, pod: PodView, ours: Ours) -> Incident:
        version, name = self._named(pod, ours)
        said = f"{self._logs.last_line(pod)}{last_warning(mirror.events, pod.name, pod.trouble)}"
        message = f"{name}: the new pod {pod.name} does not come up: {pod.trouble}{said}"
        return Incident(IncidentKind.NOT_READY, version, message)

    def _look_again(self, mirror: Mirror, name: str, ours: Ours) -> None:
        """Report the pod *name* if it is there and still not ready; if it ended, that was told."""
        pod = next((pod for pod in mirror.pods if pod.name == name), None)
        if pod is None or pod.is_ready or pod.is_leaving or pod.is_hopeless:
            return
        version, called = self._named(pod, ours)
        said = f"{self._logs.last_line(pod)}{last_warning(mirror.events, name)}"
        message = f"{called}: the pod {name} is no longer ready{said}"
        self._report(Incident(IncidentKind.NOT_READY, version, message))

    def _named(self, pod: PodView, ours: Ours) -> tuple[Version | None, str]:
        versions = {ours.canary: Version.CANARY, ours.stable: Version.STABLE}
        version = versions.get(pod.hash)
        return version, self._names.get(
            version, f"the {version}"
        ) if version else "another revision"


def _cannot_come_up(pod: PodView, ours: Ours) -> bool:
    is_ours = pod.hash == ours.canary and not pod.is_leaving
    return ours.is_open and is_ours and pod.is_hopeless


def loss(view: RolloutView, ours: Ours, kinds: tuple[str, ...]) -> Incident | None:
    """Return the incident that ends our rollout; None while it is ours and goes on."""
    if view.canary == ours.canary and (unsure := undecided(view)):
        return Incident(IncidentKind.UNJUDGED, None, f"Argo Rollouts could not judge: {unsure}")
    if view.canary == ours.canary and view.is_aborted:
        why = blamed(view)
        if why:
            return Incident(IncidentKind.CONDEMNED, Version.CANARY, f"Argo Rollouts: {why}")
        message = "somebody else aborted the rollout"
        return Incident(IncidentKind.TAKEN_OVER, None, message)
    if theirs := seized(view, ours):
        return Incident(IncidentKind.NOT_OURS, None, theirs)
    foreign = trespass(view, ours, kinds)
    return Incident(IncidentKind.TAKEN_OVER, None, foreign) if foreign else None
