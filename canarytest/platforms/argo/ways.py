"""The ways in: users' edge, each version alone, and the names that answer there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from canarytest.core.errors import Inconclusive, NotBegun, PlatformError
from canarytest.core.reach import Endpoint, Identity, Reach, Version
from canarytest.platforms.argo import naming
from canarytest.platforms.argo.api import Api
from canarytest.platforms.argo.forward import Forward
from canarytest.platforms.argo.mirror import Mirror
from canarytest.platforms.argo.proxy import ServiceProxy
from canarytest.platforms.argo.settings import Proxy, Settings
from canarytest.platforms.argo.view import PodView

_NOT_UP = "(the canary is not up)"  # as a name: no response gives it
_AGAIN_S = 0.1
SETTLED_S = 3.0  # without another's answer: routers take news up one by one


class Ways:
    """
    Resolved by `start`: a header, URL or proxy as configured, else a port-forward to a ready pod.

    *hash_of* tells which revision is which now.
    """

    def __init__(
        self, found: Settings, api: Api, mirror: Mirror, hash_of: Callable[[Version], str]
    ) -> None:
        self.names: dict[Version, str] = {}  # what the versions call themselves, once known
        self._settings, self._api, self._mirror, self._hash_of = found, api, mirror, hash_of
        self._endpoints: dict[Version, Endpoint] = {}
        self._opened: list[Forward | ServiceProxy] = []
        self._turn = 0

    def start(self, spec: Mapping[str, Any]) -> None:
        """Open what is wanted; *spec* is the Rollout's. Raises NotBegun without a Service."""
        ways = {Version.CANARY: self._settings.canary, Version.STABLE: self._settings.stable}
        for version, way in ways.items():
            if isinstance(way, Endpoint):
                self._endpoints[version] = way
                continue
            opened = self._forward(version) if way is None else self._proxy(version, way, spec)
            self._opened.append(opened)
            self._endpoints[version] = Endpoint(opened.start())

    def stop(self) -> None:
        """Close them."""
        for opened in self._opened:
            opened.stop()

    def know_stable(self, over: threading.Event) -> None:
        """Ask the stable version for its name; raises Inconclusive if it gives none."""
        name, said = self._ask(Version.STABLE, bool, over)
        if not name:
            raise Inconclusive(
                f"the stable version does not say which version it is: {said}; check identity "
                f"and stable_via in [{self._settings.where}]{self._hint(Version.STABLE)}"
            )
        self.names[Version.STABLE] = name

    def know_canary(self, over: threading.Event) -> None:
        """Ask until the way to the canary leads to it: routers take a moment."""
        stable = self.names.get(Version.STABLE, "")  # there is none at a first deploy
        name, said = self._ask(Version.CANARY, lambda name: name not in ("", stable), over)
        if name in ("", stable):
            raise Inconclusive(
                f"the canary is not reached by canary_via: {name or 'nobody'} answers ({said}); "
                f"either the way does not lead to it, or both versions go by the name {stable!r}; "
                f"check canary_via and identity in [{self._settings.where}]"
                f"{self._hint(Version.CANARY)}"
            )
        self.names[Version.CANARY] = name

    def keep_previous(self) -> None:
        """
        Reach the previous revision alone by a port-forward to its pods, whatever was configured.

        The stable Service is the canary's once it is promoted.
        """
        if self._settings.stable is not None:
            self._opened.append(opened := self._forward(Version.STABLE))
            self._endpoints[Version.STABLE] = Endpoint(opened.start())

    def settle(self, over: threading.Event) -> None:
        """Ask at the edge until none but the canary answers: routers take a moment."""
        canary = self.names[Version.CANARY]
        since, give_up = time.monotonic(), time.monotonic() + self._settings.timeouts.reach_s
        while time.monotonic() < since + SETTLED_S:
            name, said = naming.ask(self._settings.edge, self._settings.naming)
            since = since if name == canary else time.monotonic()
            if since > give_up:
                raise PlatformError(
                    f"all traffic is to be {canary}'s, and the edge is still answered by "
                    f"{name or 'nobody'} ({said})"
                )
            if over.wait(_AGAIN_S):
                raise PlatformError("gave up looking at the edge: the rollout was aborted")

    def _hint(self, version: Version) -> str:
        way = self._settings.canary if version is Version.CANARY else self._settings.stable
        if way != Proxy(""):
            return ""
        return "; a Service whose port has a name is reached by { proxy = PORT } only"

    def _ask(
        self, version: Version, is_it: Callable[[str], bool], over: threading.Event
    ) -> tuple[str, str]:
        """Ask *version* until its name is what *is_it* says, or time is up: return the last."""
        give_up = time.monotonic() + self._settings.timeouts.reach_s
        while True:
            name, said = naming.ask(self._endpoints[version], self._settings.naming)
            if is_it(name) or time.monotonic() > give_up:
                return name, said
            if over.wait(_AGAIN_S):
                raise PlatformError(f"gave up looking for the {version}: the rollout was aborted")

    def reach(self) -> Reach:
        """Return the ways as they are known now."""
        how, names = self._settings.naming, self.names
        identity = Identity(
            canary=names.get(Version.CANARY, _NOT_UP),
            stable=names.get(Version.STABLE, ""),
            header=how.header,
            path=None if how.header and how.path == "/" else how.path,
            json=how.json,
        )
        canary, stable = (self._endpoints[v] for v in (Version.CANARY, Version.STABLE))
        return Reach(self._settings.edge, canary, stable, identity)

    def _forward(self, version: Version) -> Forward:
        return Forward(self._api, self._settings.namespace, lambda: self._pod(version))

    def _proxy(self, version: Version, way: Proxy, spec: Mapping[str, Any]) -> ServiceProxy:
        service = spec["strategy"]["canary"].get(f"{version}Service")
        if not service:
            raise NotBegun(
                f'{version}_via = "proxy" of [{self._settings.where}] goes by the Service of the '
                f"{version} version, and the Rollout has no {version}Service; expected one in "
                'spec.strategy.canary; use "port-forward"'
            )
        return ServiceProxy(self._api, self._settings.namespace, service, way.port)

    def _pod(self, version: Version) -> PodView | None:
        """Return the next of the pods that serve *version*, in turn."""
        hash_ = self._hash_of(version)
        pods = [p for p in self._mirror.pods if p.hash == hash_ and p.is_ready and not p.is_leaving]
        self._turn += 1
        return pods[self._turn % len(pods)] if pods else None
