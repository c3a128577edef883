"""What keeps a canary from coming up, by its pods and by what is said of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from canarytest.platforms.argo.kube_events import KubeEvent, last_warning, uncreated, unmounted
from canarytest.platforms.argo.view import PodView, RolloutView


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why one pod, or a ReplicaSet that makes none, is in the way."""

    key: str  # the same while it is the same trouble
    sentence: str
    warning: str  # what is said of it besides, to be put last: "; Failed: …"; or empty
    is_hopeless: bool  # whether waiting would not help
    pod: PodView | None  # whose log may say more; None: there is none


def troubles(
    view: RolloutView,
    canary: str,
    pods: Sequence[PodView],
    events: Sequence[KubeEvent],
    wanted: int,
) -> Iterator[Trouble]:
    """
    Yield what is wrong with the revision *canary*, which is to have so many pods as are *wanted*.

    *pods* are those of the whole Rollout, *events* the newest first.
    """
    own = [pod for pod in pods if pod.hash == canary and not pod.is_leaving]
    for pod in own:
        warning = last_warning(events, pod.name, pod.trouble)
        if pod.trouble:
            sentence = f"{pod.name}: {pod.trouble}"
            yield Trouble(f"{pod.name} waits", sentence, warning, pod.is_hopeless, pod)
        elif not pod.is_ready and (why := unmounted(events, pod.name)):
            key = f"{pod.name} mounts"  # it was given its node since
            yield Trouble(key, f"{pod.name}: {why}", "", is_hopeless=False, pod=None)
    # What still leaves may hold what the new pod is refused: its part of a quota.
    is_full = len(own) >= wanted or any(pod.is_leaving for pod in pods)
    if not is_full and (why := unmade(view, canary, events)):
        replica_set = f"{view.name}-{canary}"
        key = f"{replica_set} at {len(own)}"
        sentence = f"{replica_set} can make no pod: {why}"
        yield Trouble(key, sentence, "", is_hopeless=False, pod=None)


def lasting(before: Mapping[str, float], found: Iterable[Trouble], now: float) -> dict[str, float]:
    """
    Return since when each trouble of *found* lasts, by its key; *before* is what this gave last.

    One that had passed begins anew.
    """
    return {trouble.key: before.get(trouble.key, now) for trouble in found}


def unmade(view: RolloutView, canary: str, events: Sequence[KubeEvent]) -> str:
    """
    Return why the ReplicaSet of *canary* can make no pod; empty if it can.

    What was said before *events* began is in the status, which does not say of which ReplicaSet:
    the name of a pod that could not be made does.
    """
    replica_set = f"{view.name}-{canary}"
    is_ours = f'"{replica_set}-' in view.unmade
    return uncreated(events, replica_set) or (view.unmade if is_ours else "")
