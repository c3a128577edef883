"""Watches one kind of object: listed once, then told of each change; no polling."""

from __future__ import annotations

import logging
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from canarytest.core.errors import PlatformError
from canarytest.platforms.argo.api import GONE, Api, ApiError

LOG = logging.getLogger(__name__)
QUIET_S = 75.0  # the server sends a bookmark each minute: one that is silent for longer is dead
SERVER_ENDS_S = 290
AGAIN_S = (0.05, 0.5, 1.0, 2.0)  # before each attempt to connect again; the last for all others

Objects = dict[str, Mapping[str, Any]]  # by name


@dataclass(frozen=True, slots=True)
class News:
    """What is kept where only what is new counts, and most of it is somebody else's."""

    is_ours: Callable[[Mapping[str, Any]], bool]
    most: int  # so many objects, those that changed last


class Watch:
    """
    Keeps the objects of *path* that *query* selects, and tells of each change.

    *on_change* gets all of them, from the watch's own thread. With *news* they are those that came
    or changed since the start, in that order; one that is deleted was told, and stays.
    """

    def __init__(
        self,
        api: Api,
        path: str,
        query: Mapping[str, str],
        on_change: Callable[[Objects], None],
        news: News | None = None,
    ) -> None:
        self._api, self._path, self._query = api, path, dict(query)
        self._on_change = on_change
        self._news = news
        self._objects: Objects = {}
        self._version = ""  # where to go on; empty: list anew
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"canarytest-watch-{path.rsplit('/', 1)[-1]}", daemon=True
        )

    def start(self) -> None:
        """List, so that what is there is known, and then follow; raises what the list raises."""
        self._list()
        self._thread.start()

    def stop(self) -> None:
        """Tell of nothing more; does not wait."""
        self._over.set()

    def _list(self) -> None:
        if self._news is not None:  # where to begin is all that is wanted: there may be thousands
            found = self._api.get(self._path, {**self._query, "limit": "1"})
            self._version = found["metadata"]["resourceVersion"]
            return
        found = self._api.get(self._path, self._query)
        self._objects = {item["metadata"]["name"]: item for item in found["items"]}
        self._version = found["metadata"]["resourceVersion"]
        self._tell()

    def _run(self) -> None:
        failures = 0
        while not self._over.is_set():
            try:
                if not self._version:
                    self._list()
                self._follow()
                failures = 0
            except PlatformError as error:
                if isinstance(error, ApiError) and error.status == GONE:
                    self._version = ""
                LOG.debug("watch of %s: %s", self._path, error)
                self._over.wait(AGAIN_S[min(failures, len(AGAIN_S) - 1)])
                failures += 1
            except Exception:
                LOG.exception("watch of %s", self._path)
                self._version = ""
                self._over.wait(AGAIN_S[-1])

    def _follow(self) -> None:
        query = {
            **self._query,
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(SERVER_ENDS_S),
        }
        with self._api.watch(self._path, quiet_s=QUIET_S, **query) as events:
            for event in events:
                if self._over.is_set():
                    return
                self._take(event["type"], event["object"])

    def _take(self, kind: str, found: Mapping[str, Any]) -> None:
        if kind == "ERROR":
            raise ApiError(str(found.get("message")), int(found.get("code", 0)))
        self._version = found["metadata"]["resourceVersion"]
        if kind == "BOOKMARK":
            return
        name = found["metadata"]["name"]
        if self._news is not None:
            if kind == "DELETED" or not self._news.is_ours(found):
                return
            self._keep_newest(name, found, self._news.most)
        elif kind == "DELETED":
            self._objects.pop(name, None)
        else:
            self._objects[name] = found
        self._tell()

    def _keep_newest(self, name: str, found: Mapping[str, Any], most: int) -> None:
        self._objects.pop(name, None)
        self._objects[name] = found
        if len(self._objects) > most:
            del self._objects[next(iter(self._objects))]

    def _tell(self) -> None:
        self._on_change(dict(self._objects))


def selector(labels: Mapping[str, Any]) -> str:
    """Return the label selector that a Rollout's `spec.selector` means."""
    terms = [f"{key}={value}" for key, value in (labels.get("matchLabels") or {}).items()]
    for expression in labels.get("matchExpressions") or ():
        key, values = expression["key"], ",".join(expression.get("values") or ())
        terms.append(
            {
                "In": f"{key} in ({values})",
                "NotIn": f"{key} notin ({values})",
                "Exists": key,
                "DoesNotExist": f"!{key}",
            }[expression["operator"]]
        )
    return ",".join(terms)


def rollouts(namespace: str) -> str:
    """Return the path of the Rollouts of *namespace*."""
    return f"/apis/argoproj.io/v1alpha1/namespaces/{_quoted(namespace)}/rollouts"


def replica_sets(namespace: str) -> str:
    """Return the path of the ReplicaSets of *namespace*."""
    return f"/apis/apps/v1/namespaces/{_quoted(namespace)}/replicasets"


def pods(namespace: str) -> str:
    """Return the path of the pods of *namespace*."""
    return f"/api/v1/namespaces/{_quoted(namespace)}/pods"


def analysis_runs(namespace: str) -> str:
    """Return the path of the AnalysisRuns of *namespace*."""
    return f"/apis/argoproj.io/v1alpha1/namespaces/{_quoted(namespace)}/analysisruns"


def events(namespace: str) -> str:
    """Return the path of the events of *namespace*."""
    return f"/api/v1/namespaces/{_quoted(namespace)}/events"


def services(namespace: str) -> str:
    """Return the path of the Services of *namespace*."""
    return f"/api/v1/namespaces/{_quoted(namespace)}/services"


def leases(namespace: str) -> str:
    """Return the path of the Leases of *namespace*."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{_quoted(namespace)}/leases"


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")
