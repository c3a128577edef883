"""The Rollout, its pods and their events as last seen, and how to wait until they differ."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from canarytest.core.errors import NotOurs
from canarytest.platforms.argo import watch
from canarytest.platforms.argo.api import Api
from canarytest.platforms.argo.kube_events import MOST, KubeEvent, is_of, kube_event
from canarytest.platforms.argo.view import PodView, RolloutView, pod_view, rollout_view
from canarytest.platforms.argo.watch import News, Objects, Watch

T = TypeVar("T")
_LOOK_S = 1.0  # whoever waits looks at the clock this often, also when nothing changes


class Mirror:
    """Follows a Rollout, its pods and events. *on_change* is called from the watches' threads."""

    def __init__(
        self, api: Api, namespace: str, name: str, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._api, self._namespace, self._name = api, namespace, name
        self._on_change = on_change
        self._changed = threading.Condition()
        self._is_over = self._is_stopped = False
        self._rollout: RolloutView | None = None
        self._pods: tuple[PodView, ...] = ()
        self._events: tuple[KubeEvent, ...] = ()
        self._watches: list[Watch] = []

    @property
    def rollout(self) -> RolloutView:
        """The Rollout; raises NotOurs if it is not there (any more)."""
        if self._rollout is None:
            raise NotOurs(f"the Rollout {self._namespace}/{self._name} is gone")
        return self._rollout

    @property
    def pods(self) -> tuple[PodView, ...]:
        """The pods of all its revisions."""
        return self._pods

    @property
    def events(self) -> tuple[KubeEvent, ...]:
        """What was said of them since the start, the newest first."""
        return self._events

    def start(self, spec: Mapping[str, Any]) -> None:
        """Begin to follow; *spec* is the Rollout's."""
        one = {"fieldSelector": f"metadata.name={self._name}"}
        some = {"labelSelector": watch.selector(spec["selector"])}
        news = News(functools.partial(is_of, self._name), MOST)
        self._watches = [
            Watch(self._api, watch.events(self._namespace), {}, self._see_events, news),
            Watch(self._api, watch.pods(self._namespace), some, self._see_pods),
            Watch(self._api, watch.rollouts(self._namespace), one, self._see_rollout),
        ]
        for watching in self._watches:
            watching.start()

    def wait(
        self, find: Callable[[], T | None], within_s: float, *, on_the_way_back: bool = False
    ) -> T | None:
        """
        Return what *find* finds, asked at each change; None when the time or all is over.

        Whoever waits *on_the_way_back* is not let go by `interrupt`.
        """
        give_up = time.monotonic() + within_s
        with self._changed:
            while not (self._is_stopped or (self._is_over and not on_the_way_back)):
                found = find()
                left = give_up - time.monotonic()
                if found is not None or left <= 0:
                    return found
                self._changed.wait(min(left, _LOOK_S))
            return None

    def interrupt(self) -> None:
        """Let all who wait go, now and later."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Follow no more."""
        for watching in self._watches:
            watching.stop()
        self._is_stopped = True
        self.interrupt()

    def see(self, rollout: Mapping[str, Any]) -> None:
        """Take the Rollout as a call returned it: the watch may come later."""
        with self._changed:
            found = rollout_view(rollout)
            if self._rollout is not None and found.version > self._rollout.version:
                self._rollout = found
                self._changed.notify_all()

    def _see_rollout(self, objects: Objects) -> None:
        found = objects.get(self._name)
        with self._changed:
            view = rollout_view(found) if found else None
            if view is None or self._rollout is None or view.version > self._rollout.version:
                self._rollout = view
        self._tell()

    def _see_pods(self, objects: Objects) -> None:
        self._pods = tuple(pod_view(pod) for pod in objects.values())
        self._tell()

    def _see_events(self, objects: Objects) -> None:
        self._events = tuple(map(kube_event, reversed(objects.values())))
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
        self._on_change()
