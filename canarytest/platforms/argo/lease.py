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
LASTS_S = 150  # after the last renewal; then it is anybody's
_ATTEMPTS = 5  # to write one that somebody else writes too
RENEW_S = 60.0  # a call a minute, whatever else a run asks
PREFIX = "canarytest-"
_OURS = "canarytest/"
DRIVES = f"{_OURS}drives"  # an annotation: the pod hash of the revision
SETS = f"{_OURS}sets"  # an annotation: CONTAINER=IMAGE, before the revision has a hash
REPLACES = f"{_OURS}replaces"  # an annotation: the pod hash of the revision before
_MARKS = (DRIVES, SETS, REPLACES)
_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def lease_name(rollout: str) -> str:
    """Return the name of the Lease for *rollout*."""
    return f"{PREFIX}{rollout}"


class Lease:
    """
    Held from `take` to `release`, renewed meanwhile.

    Whether one has run out is told by the clocks of two machines: they may differ by less than
    it lasts longer than it is renewed, a minute and a half.
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
        self._said: dict[str, str] = {}
        self._lock = threading.Lock()

    def take(self) -> None:
        """Take it; raises RolloutLocked, with the holder's name, if another has it."""
        for _ in range(_ATTEMPTS):
            found, now = self._find(), datetime.now(UTC)
            if found is not None and (other := holder_of(found, now)) not in ("", self._holder):
                raise self._locked(other, found)
            try:
                self._held = self._write(found, now, self._holder)
                break
            except ApiError as error:  # somebody was faster, or our answer was lost: look again
                if error.status != CONFLICT:
                    raise
        else:
            raise RolloutLocked(
                f"the lease of {self._rollout} is written by somebody else all the time; nothing "
                "was touched; wait until that ends"
            )
        threading.Thread(target=self._renew, name="canarytest-lease", daemon=True).start()

    def release(self, *, is_owed: bool = False) -> None:
        """Give it back, never raises; or let it run out, so that reap does what *is_owed*."""
        self._over.set()
        with self._lock:
            held, self._held = self._held, None
            if held is None or is_owed:
                return
            try:
                self._write(held, datetime.now(UTC), "")
            except PlatformError as error:
                LOG.warning("the lease of %s was not given back: %s", self._rollout, error)

    def mark(self, **marks: str) -> None:
        """Say in its annotations what is driven: for whoever finds it when its holder is dead."""
        with self._lock:
            if self._held is not None:
                self._said = {f"{_OURS}{key}": value for key, value in marks.items()}
                self._renew_once(self._held)

    def _renew(self) -> None:
        while not self._over.wait(RENEW_S):
            with self._lock:
                if self._held is None:
                    return
                try:
                    self._renew_once(self._held)
                except ApiError as error:
                    LOG.warning("the lease of %s was not renewed: %s", self._rollout, error)

    def _renew_once(self, held: Mapping[str, Any]) -> None:
        now = datetime.now(UTC)
        try:
            self._held = self._write(held, now, self._holder)
        except ApiError as error:
            if error.status not in (CONFLICT, NOT_FOUND):
                raise
            self._find_again(now)

    def _find_again(self, now: datetime) -> None:
        """Hold on to what somebody else wrote or deleted, unless it is theirs now."""
        found = self._find()
        other = found and holder_of(found, now)
        if other and other != self._holder:
            self._held = None
            self._on_loss(f"the lease of {self._rollout} was taken by {other!r}")
        else:
            self._held = self._write(found, now, self._holder)

    def _find(self) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self._api.get(f"{self._path}/{self._name}")
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            return None
        return found

    def _write(self, found: Mapping[str, Any] | None, now: datetime, holder: str) -> Any:
        body = written(found or {"metadata": {"name": self._name}}, now, holder, self._said)
        if found is None:
            return self._api.create(self._path, body)
        return self._api.replace(f"{self._path}/{self._name}", body)

    def _locked(self, other: str, found: Mapping[str, Any]) -> RolloutLocked:
        return RolloutLocked(
            f"{self._rollout} is driven by {other!r} (renewed {found['spec'].get('renewTime')}); "
            "nothing was touched; wait until that run ends, or until its lease "
            f"{self._name!r} runs out {LASTS_S} s after its last renewal"
        )


def written(
    lease: Mapping[str, Any], now: datetime, holder: str, marks: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return *lease* as *holder* holds it from *now* on, with our *marks*; empty: nobody does."""
    metadata = lease["metadata"]
    others = {k: v for k, v in (metadata.get("annotations") or {}).items() if k not in _MARKS}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {**metadata, "annotations": {**others, **(marks or {})}},
        "spec": {
            "holderIdentity": holder or None,
            "leaseDurationSeconds": LASTS_S,
            "renewTime": now.strftime(_FORMAT),
        },
    }


def holder_of(lease: Mapping[str, Any], now: datetime) -> str:
    """Return who holds *lease* at *now*; empty if nobody does."""
    spec = lease.get("spec") or {}
    try:
        renewed = datetime.strptime(spec["renewTime"], _FORMAT).replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError):
        return ""
    lasts_s = spec.get("leaseDurationSeconds") or 0
    is_over = (now - renewed).total_seconds() > lasts_s
    return "" if is_over else str(spec.get("holderIdentity") or "")
