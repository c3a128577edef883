"""What may explain an abort: read while the pods live, the soonest gone first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from canarytest.core.errors import PlatformError
from canarytest.platforms.argo import watch
from canarytest.platforms.argo.api import Api
from canarytest.platforms.argo.kube_events import KubeEvent, is_of, kube_event
from canarytest.platforms.argo.logs import Logs
from canarytest.platforms.argo.view import HASH_LABEL, PodView

WITHIN_S = 4.0  # for all of it: nobody waits longer than five
_CALL_S = 1.5
_NOISE = ("managedFields", "uid", "selfLink")  # of metadata: long, and explains nothing


class Witness:
    """
    Reads the pods' logs, the events, and the objects of one Rollout.

    *watched* gives the events that are known already: they are there also when the API is not.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        rollout: str,
        logs: Logs,
        watched: Callable[[], Sequence[KubeEvent]] = tuple,
    ) -> None:
        self._api, self._namespace, self._rollout, self._logs = api, namespace, rollout, logs
        self._watched = watched

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
        known = {event.key: event for event in reversed(self._watched())}
        try:
            items, trouble = self._read(watch.events(self._namespace))["items"], ""
        except PlatformError as error:
            if not known:
                raise
            items, trouble = [], f"\nonly what was watched; not read: {error}"
        for item in items:
            if is_of(self._rollout, item):
                known[item["metadata"].get("name", "")] = kube_event(item)
        told = sorted(known.values(), key=lambda event: event.at)
        return "\n".join(event.line for event in told) + trouble

    def _listed(self, path: str, query: Mapping[str, str]) -> str:
        return "---\n".join(map(_text, self._read(path, query)["items"]))

    def _read(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        return self._api.get(path, query, patience_s=0, timeout_s=_CALL_S)


def _text(found: Mapping[str, Any]) -> str:
    metadata = {key: value for key, value in found["metadata"].items() if key not in _NOISE}
    return yaml.safe_dump({**found, "metadata": metadata}, sort_keys=False)
