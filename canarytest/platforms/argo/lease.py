"""A Lease for each rollout, so that no two runs drive one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from canarytest.core.errors import PlatformError, RolloutLocked
from canarytest.platforms.argo import watch
from canarytest.platforms.argo.api import CONFLICT, NOT_FOUND, Api, ApiError

LOG = logging.getLogger(__name__)
LASTS_S = 90  # after the last renewal; then it is anybody's
RENEW_S = 30.0
_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def lease_name(rollout: str) -> str:
    """Return the name of the Lease for *rollout*."""
    return f"canarytest-{rollout}"


class Lease:
    """
    Held from `take` to `release`, renewed meanwhile.

    Whether one has run out is told by the clocks of two machines: they may differ by less than
    it lasts longer than it is renewed, a minute.
    """

    def __init__(
        self, api: Api, namespace: str, rollout: str, holder: str, on_loss: Callable[[str], None]
    ) -> None:
        self._api = api
        self._path = watch.leases(namespace)
        self._name = lease_name(rollout)
        self._rollout = f"{namespace}/{rollout}"
        self._holder = holder
        self._on_loss = on_loss
        self._over = threading.Event()
        self._held: Mapping[str, Any] | None = None
        self._lock = threading.Lock()

    def take(self) -> None:
        """Take it; raises RolloutLocked, with the holder's name, if another has it."""
        try:
            found = self._api.get(f"{self._path}/{self._name}")
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            found = None
        now = datetime.now(UTC)
        if found is not None and (other := _holder(found, now)) not in ("", self._holder):
            raise self._locked(other, found)
        try:
            self._held = self._write(found, now, self._holder)
        except ApiError as error:
            if error.status == CONFLICT:  # another run came between
                raise RolloutLocked(
                    f"{self._rollout} was taken by another run just now; nothing was touched; "
                    "wait until it ends"
                ) from error
            raise
        threading.Thread(target=self._renew, name="canarytest-lease", daemon=True).start()

    def release(self) -> None:
        """Give it back; never raises."""
        self._over.set()
        with self._lock:
            held, self._held = self._held, None
            if held is None:
                return
            try:
                self._write(held, datetime.now(UTC), "")
            except PlatformError as error:
                LOG.warning("the lease of %s was not given back: %s", self._rollout, error)

    def _renew(self) -> None:
        while not self._over.wait(RENEW_S):
            with self._lock:
                if self._held is None:
                    return
                try:
                    self._held = self._write(self._held, datetime.now(UTC), self._holder)
                except ApiError as error:
                    if error.status in (CONFLICT, NOT_FOUND):
                        self._held = None
                        self._on_loss(f"the lease of {self._rollout} was taken by somebody else")
                        return
                    LOG.warning("the lease of %s was not renewed: %s", self._rollout, error)

    def _write(self, found: Mapping[str, Any] | None, now: datetime, holder: str) -> Any:
        metadata = found["metadata"] if found else {"name": self._name}
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": holder or None,
                "leaseDurationSeconds": LASTS_S,
                "renewTime": now.strftime(_FORMAT),
            },
        }
        if found is None:
            return self._api.create(self._path, body)
        return self._api.replace(f"{self._path}/{self._name}", body)

    def _locked(self, other: str, found: Mapping[str, Any]) -> RolloutLocked:
        return RolloutLocked(
            f"{self._rollout} is driven by {other!r} (renewed {found['spec'].get('renewTime')}); "
            "nothing was touched; wait until that run ends, or until its lease "
            f"{self._name!r} runs out {LASTS_S} s after its last renewal"
        )


def _holder(lease: Mapping[str, Any], now: datetime) -> str:
    """Return who holds *lease* at *now*; empty if nobody does."""
    spec = lease.get("spec") or {}
    try:
        renewed = datetime.strptime(spec["renewTime"], _FORMAT).replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError):
        return ""
    lasts_s = spec.get("leaseDurationSeconds") or 0
    is_over = (now - renewed).total_seconds() > lasts_s
    return "" if is_over else str(spec.get("holderIdentity") or "")
