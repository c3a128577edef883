"""What the containers of a revision logged."""

from __future__ import annotations

from collections.abc import Iterable

from canarytest.core.errors import PlatformError
from canarytest.platforms.argo import watch
from canarytest.platforms.argo.api import Api
from canarytest.platforms.argo.view import PodView

LINES = 100
WITHIN_S = 2.0


class Logs:
    """Reads the logs of pods; what cannot be read is empty."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._path = watch.pods(namespace)

    def tail(self, pod: PodView, *, previous: bool = False, within_s: float = WITHIN_S) -> str:
        """Return the last lines of *pod*, or of its container before the last restart."""
        query = {"tailLines": str(LINES)}
        if pod.container:
            query["container"] = pod.container
        if previous:
            query["previous"] = "true"
        try:
            return self._api.text(f"{self._path}/{pod.name}/log", within_s=within_s, **query)
        except PlatformError:
            return ""

    def last_line(self, pod: PodView, *, previous: bool = False, within_s: float = 0.5) -> str:
        """Return the words for the last line of *pod* that is not empty; nothing without one."""
        lines = self.tail(pod, previous=previous, within_s=within_s).splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"; last log line: {last}" if last else ""

    def of(self, pods: Iterable[PodView]) -> str:
        """Return the last lines of the first of *pods* that has any."""
        return next(filter(None, map(self.tail, pods)), "")
