"""What controllers and kubelets say of a Rollout and its pods: the cluster's own events. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MOST = 200  # are kept, the newest: a flapping object has any number of them
WARNING = "Warning"
# SafeEncodeString of k8s.io/apimachinery/pkg/util/rand, of 32 bits in decimal: at most ten
# digits, and hardly ever less than six. So the "db" of "was-db" is none.
_HASH = "[bcdfghjklmnpqrstvwxz2456789]{6,10}"
_EMPTY = re.compile(r"(Error: )?\w*")  # "Error: ErrImagePull": the status of the pod says more
# What is backed off from was said before; the others are of every pod of a cluster, or of none.
_ASIDE = ("BackOff", "DNSConfigForming", "MissingClusterDNS")
_COMBINED = "(combined from similar events): "  # client-go, from the eleventh on
_REASON = re.compile(r"^\w+(, |: |$)")  # "ErrImagePull, "
_NO_VOLUME = "FailedMount"
_NO_POD = "FailedCreate"

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KubeEvent:
    """An event as it was last told: one that happens again is counted, not told anew."""

    key: str  # its own name
    kind: str  # of the object that it is about
    name: str  # of that object
    type: str  # Normal | Warning
    reason: str
    message: str
    count: int
    at: str  # when it happened last, RFC 3339

    @property
    def words(self) -> str:
        """What is told of it: "Unhealthy: Readiness probe failed (4 times)"."""
        times = f" ({self.count} times)" if self.count > 1 else ""
        message = " ".join(self.message.removeprefix(_COMBINED).split())
        return f"{self.reason}: {message}{times}"

    @property
    def line(self) -> str:
        """It in a line of a log."""
        return f"{self.at} {self.kind} {self.name}: {self.type} {self.words}"


def kube_event(event: Object) -> KubeEvent:
    """Read *event*, as the old or the new API of events has it."""
    of, series = event.get("involvedObject") or {}, event.get("series") or {}
    metadata = event["metadata"]
    times = (
        event.get("lastTimestamp"),
        series.get("lastObservedTime"),
        event.get("eventTime"),
        metadata.get("creationTimestamp"),
    )
    return KubeEvent(
        key=metadata.get("name", ""),
        kind=of.get("kind", ""),
        name=of.get("name", ""),
        type=event.get("type", ""),
        reason=event.get("reason", ""),
        message=event.get("message", ""),
        count=int(event.get("count") or series.get("count") or 1),
        at=str(next(filter(None, times), "")),
    )


def is_of(rollout: str, event: Object) -> bool:
    """Whether *event* is about *rollout*, or by its name one of its ReplicaSets, pods or runs."""
    of = event.get("involvedObject") or {}
    name, kind = of.get("name", ""), of.get("kind")
    if kind == "Rollout":
        return bool(name == rollout)
    # The hash tells those of "was" from those of "was-two".
    return bool(re.match(rf"{re.escape(rollout)}-{_HASH}(-|$)", name))


def last_warning(events: Iterable[KubeEvent], pod: str, known: str = "") -> str:
    """
    Return the words for the last warning about *pod*, to be put behind others.

    *events* are the newest first. Empty if there is none, or none that says more than *known*.
    """
    told = (
        event
        for event in events
        if (event.name, event.type) == (pod, WARNING)
        and event.reason not in _ASIDE
        and not _EMPTY.fullmatch(event.message.strip())
    )
    last = next(told, None)
    return "" if last is None or _is_known(last.message, known) else f"; {last.words}"


def _is_known(message: str, known: str) -> bool:
    """Whether *known* says *message* too: what the status has in both is behind its reason."""
    told = _REASON.sub("", known)
    return message in known or bool(told and told in message)


def unmounted(events: Iterable[KubeEvent], pod: str) -> str:
    """Return why *pod* waits for a volume: the last thing said of it; empty if it does not."""
    return _last_if(events, pod, _NO_VOLUME)


def uncreated(events: Iterable[KubeEvent], replica_set: str) -> str:
    """Return why *replica_set* makes no pod: the last thing said of it; empty if it does."""
    return _last_if(events, replica_set, _NO_POD)


def _last_if(events: Iterable[KubeEvent], name: str, reason: str) -> str:
    """Return the words for the last event about *name* if it has that *reason*."""
    last = next((event for event in events if event.name == name), None)
    return last.words if last is not None and last.reason == reason else ""
