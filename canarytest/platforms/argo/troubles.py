"""What keeps a canary from coming up, by its pods and by what is said of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from canarytest.platforms.argo.kube_events import KubeEvent, last_warning, uncreated, unmounted
from canarytest.platforms.argo.view import PodView


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why one pod, or a ReplicaSet that makes none, is in the way."""

    key: str  # the same while it is the same trouble
    sentence: str
    warning: str  # what is said of it besides, to be put last: "; Failed: …"; or empty
    is_hopeless: bool  # whether waiting would not help
    pod: PodView | None  # whose log may say more; None: there is none


def troubles(
    replica_set: str, pods: Sequence[PodView], events: Sequence[KubeEvent], wanted: int
) -> Iterator[Trouble]:
    """
    Yield what is wrong with *replica_set*, which is to have so many pods as are *wanted*.

    *pods* are those of the whole Rollout, *events* the newest first.
    """
    hash_ = replica_set.rpartition("-")[2]
    own = [pod for pod in pods if pod.hash == hash_ and not pod.is_leaving]
    for pod in own:
        warning = last_warning(events, pod.name, pod.trouble)
        if pod.trouble:
            sentence = f"{pod.name}: {pod.trouble}"
            yield Trouble(pod.name, sentence, warning, pod.is_hopeless, pod)
        elif not pod.is_ready and (why := unmounted(events, pod.name)):
            yield Trouble(pod.name, f"{pod.name}: {why}", "", is_hopeless=False, pod=None)
    # What still leaves may hold what the new pod is refused: its part of a quota.
    is_full = len(own) >= wanted or any(pod.is_leaving for pod in pods)
    if not is_full and (why := uncreated(events, replica_set)):
        key = f"{replica_set} at {len(own)}"
        sentence = f"{replica_set} can make no pod: {why}"
        yield Trouble(key, sentence, "", is_hopeless=False, pod=None)
