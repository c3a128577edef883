"""
Counts how often the controller re-points the canary Service after an abort.

It does so in each reconciliation until the canary's pods are scaled down, some dozens of times a
second: https://github.com/argoproj/argo-rollouts/issues/3078. Users do not notice, whoever asks the
canary through that Service does.

It is counted at the Service: events tell nothing of it where the rollout had 25 others before, as
client-go lets no more of an object through (seen here: none of 78, at the abort of the third step).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from canarytest.core.errors import PlatformError
from canarytest.platforms.argo import watch
from canarytest.platforms.argo.api import Api
from canarytest.platforms.argo.view import HASH_LABEL
from canarytest.platforms.argo.watch import Objects, Watch

LOG = logging.getLogger(__name__)


class Flapping:
    """Follows the canary Service from an abort on, where that is allowed; else it knows nothing."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self._path = api, watch.services(namespace)
        self._service = ""
        self._watch: Watch | None = None
        self._selected: list[str] = []  # the pod hashes, one after the other

    def know(self, spec: Mapping[str, Any]) -> None:
        """Take which Service it is from the Rollout's *spec*; without a router none flaps."""
        canary = spec["strategy"]["canary"]
        self._service = (canary.get("canaryService") or "") if canary.get("trafficRouting") else ""

    def begin(self) -> None:
        """Follow it from now on, in a thread of its own; once."""
        if self._service and self._watch is None:
            one = {"fieldSelector": f"metadata.name={self._service}"}
            self._watch = Watch(self._api, self._path, one, self._see)
            threading.Thread(target=self._start, name="canarytest-flapping", daemon=True).start()

    def note(self, canary: str, weight: int | None) -> str:
        """
        Return the sentence about it, once; empty unless it came back to the revision *canary*.

        *weight* is what the router gives the canary now; None if that is not known.
        """
        selected, self._selected = self._selected, []
        if canary not in selected[1:]:
            return ""  # one switch, to the stable revision, belongs to an abort
        times = len(selected) - 1
        often = f"{times} times" if times > 1 else "once"
        known = "users are not concerned, the router gives it no weight; " if weight == 0 else ""
        return (
            f"after the abort the controller re-pointed the canary Service {self._service} "
            f"{often} (argoproj/argo-rollouts#3078): {known}"
            "nothing is tested through it"
        )

    def stop(self) -> None:
        """Follow it no more."""
        if self._watch is not None:
            self._watch.stop()

    def _start(self) -> None:
        try:
            if self._watch is not None:
                self._watch.start()
        except PlatformError as error:
            LOG.debug("the canary Service is not followed: %s", error)

    def _see(self, objects: Objects) -> None:
        found = objects.get(self._service)
        hash_ = ((found or {}).get("spec", {}).get("selector") or {}).get(HASH_LABEL, "")
        if hash_ and self._selected[-1:] != [hash_]:
            self._selected.append(hash_)
