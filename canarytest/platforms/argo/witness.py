"""What may explain an abort: read while the pods live, the soonest gone first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import yaml

from canarytest.core.errors import PlatformError
from canarytest.platforms.argo import watch
from canarytest.platforms.argo.api import Api
from canarytest.platforms.argo.logs import Logs
from canarytest.platforms.argo.view import HASH_LABEL, PodView

WITHIN_S = 4.0  # for all of it: nobody waits longer than five
_CALL_S = 1.5
_NOISE = ("managedFields", "uid", "selfLink")  # of metadata: long, and explains nothing


class Witness:
    """Reads the pods' logs, the events, and the objects of one Rollout."""

    def __init__(self, api: Api, namespace: str, rollout: str, logs: Logs) -> None:
        self._api, self._namespace, self._rollout, self._logs = api, namespace, rollout, logs

    def tell(self, canary: str, pods: Iterable[PodView], *, is_analysed: bool) -> dict[str, str]:
        """Return what there is of the revision *canary* and its *pods*; what cannot be is said."""
        give_up = time.monotonic() + WITHIN_S
        told: dict[str, str] = {}
        for name, read in self._questions(canary, pods, is_analysed=is_analysed):
            if time.monotonic() > give_up:
                break
            try:
                text = read()
            except PlatformError as error:
                text = f"not read: {error}"
            if text:
                told[name] = text
        return told

    def _questions(
        self, canary: str, pods: Iterable[PodView], *, is_analysed: bool
    ) -> Iterator[tuple[str, Callable[[], str]]]:
        for pod in pods:
            if pod.hash == canary:
                yield from self._logs_of(pod)
        yield "events", self._events
        labelled = {"labelSelector": f"{HASH_LABEL}={canary}"}
        yield "pods", lambda: self._listed(watch.pods(self._namespace), labelled)
        path = f"{watch.rollouts(self._namespace)}/{self._rollout}"
        yield "rollout", lambda: _text(self._read(path))
        if is_analysed:
            runs = watch.analysis_runs(self._namespace)
            yield "analysis runs", lambda: self._listed(runs, labelled)

    def _logs_of(self, pod: PodView) -> Iterator[tuple[str, Callable[[], str]]]:
        if pod.restarts:
            what = f"log of {pod.name} before its last restart"
            yield what, lambda: self._logs.tail(pod, previous=True, within_s=_CALL_S)
        yield f"log of {pod.name}", lambda: self._logs.tail(pod, within_s=_CALL_S)

    def _events(self) -> str:
        found = self._read(watch.events(self._namespace))["items"]
        ours = [event for event in found if self._is_ours(event["involvedObject"])]
        return "\n".join(map(_line, sorted(ours, key=_last_seen)))

    def _is_ours(self, of: Mapping[str, Any]) -> bool:
        """Whether *of* is the Rollout, or by its name one of its ReplicaSets, pods or runs."""
        name = of.get("name", "")
        return bool(name == self._rollout or name.startswith(f"{self._rollout}-"))

    def _listed(self, path: str, query: Mapping[str, str]) -> str:
        return "---\n".join(map(_text, self._read(path, query)["items"]))

    def _read(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        return self._api.get(path, query, patience_s=0, timeout_s=_CALL_S)


def _text(found: Mapping[str, Any]) -> str:
    metadata = {key: value for key, value in found["metadata"].items() if key not in _NOISE}
    return yaml.safe_dump({**found, "metadata": metadata}, sort_keys=False)


def _line(event: Mapping[str, Any]) -> str:
    of, count = event["involvedObject"], event.get("count") or 1
    times = f" ({count} times)" if count > 1 else ""
    what = f"{event.get('type')} {event.get('reason')}: {event.get('message')}"
    return f"{_last_seen(event)} {of.get('kind')} {of.get('name')}: {what}{times}"


def _last_seen(event: Mapping[str, Any]) -> str:
    created = event["metadata"].get("creationTimestamp")
    return str(event.get("lastTimestamp") or event.get("eventTime") or created or "")
