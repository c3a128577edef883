"""A rollout on this machine: a process for each version, and a real Envoy in front of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from canarytest.config import Table
from canarytest.core.errors import Inconclusive, PlatformError
from canarytest.core.plan import Plan, Step
from canarytest.core.ports import Exposure, Facts, Incident, State
from canarytest.core.reach import Endpoint, Identity, Reach, Version
from canarytest.platforms.local import envoy, settings
from canarytest.platforms.local.application import Application
from canarytest.platforms.local.envoy import Router
from canarytest.platforms.local.envoy_config import VERSION_HEADER, VIA_HEADER
from canarytest.platforms.local.loopback import HOST
from canarytest.platforms.local.settings import Settings
from canarytest.platforms.local.usage import Usage

_WATCH_EVERY_S = 1.0  # as a readinessProbe's periodSeconds
_CLOSE_WITHIN_S = 4.5
_LOG_LINES = 100


def create(table: Table, *, root: Path, run_dir: Path) -> LocalPlatform:
    """Read the rest of a target's *table*; raises ConfigError for what cannot work."""
    found = settings.read(table, root)
    envoy.binary()
    return LocalPlatform(found, run_dir)


class LocalPlatform:
    """
    Both versions and their router as processes of this machine.

    Once promoted, the canary's process is the stable version: `state` then speaks of it, and an
    abort has nothing to go back to and does nothing, as with a rollout that Argo has completed.
    Where the promotion may be undone, that is so once the previous revision is let go.
    """

    supports = frozenset({"setWeight", "pause", "setCanaryScale", "analysis"})
    abilities = frozenset({"identical", "undo"})

    def __init__(
        self, found: Settings, run_dir: Path, *, watch_every_s: float = _WATCH_EVERY_S
    ) -> None:
        self._settings = found
        self._run_dir = run_dir.absolute()
        self._watch_every_s = watch_every_s
        self._lock = threading.Lock()  # of what follows, never held while waiting
        self._over = threading.Event()  # aborted or closed: whoever waits, gives up
        self._is_closed = threading.Event()
        self._is_aborted = self._is_promoted = self._is_twin = self._may_undo = False
        self._on_incident: Callable[[Incident], None] = lambda _: None
        logs = self._run_dir / "logs"
        self._applications = {
            version: Application(version, found, logs / f"{version}.log", self._report)
            for version in Version
        }
        folder = self._run_dir / "envoy"
        self._router = Router(folder, logs / "envoy.log", found.edge_port, self._report)
        self._usage: Usage | None = None

    def use_identical(self) -> None:
        """Start the stable version twice."""
        log = self._run_dir / "logs" / f"{Version.CANARY}.log"
        twin = settings.identical(self._settings)
        self._settings, self._is_twin = twin, True
        self._applications[Version.CANARY] = Application(Version.CANARY, twin, log, self._report)

    def begin(self, plan: Plan, on_incident: Callable[[Incident], None]) -> Facts:
        """Start the stable version and the router; the canary starts as the first step opens."""
        self._go_on()
        self._on_incident, self._may_undo = on_incident, plan.may_undo
        self._usage = Usage(plan.resources)
        (self._run_dir / "envoy").mkdir(parents=True, exist_ok=True)
        self._router.start()
        self._bring_up(Version.STABLE)
        self._applications[Version.STABLE].identify()
        watch = threading.Thread(target=self._watch, name="canarytest-readiness", daemon=True)
        watch.start()
        return self._facts()

    def open(self, step: Step) -> Facts:
        """Start the canary if this is its first step, then have its share routed to it."""
        self._go_on()
        if not self._applications[Version.CANARY].is_up:
            self._bring_up_canary()
        self._router.order(step.share)
        return self._facts()

    def abort(self) -> None:
        """Route everything to the stable version, whatever else goes on."""
        with self._lock:
            if self._is_promoted:
                return
            self._is_aborted = True
        self._over.set()
        self._router.seal()

    def promote(self) -> None:
        """Route everything to the canary, then end the stable version if it may go."""
        self._router.order(1.0)
        if not self._may_undo:
            self.retire()

    def retire(self) -> None:
        """End the stable version: the canary takes its place."""
        with self._lock:
            if self._is_aborted:
                raise PlatformError("the rollout was aborted: it is not promoted")
            self._is_promoted = True
        stable = self._applications[Version.STABLE].process
        stable.release()
        stable.wait(_CLOSE_WITHIN_S)

    def state(self) -> State:
        """Ask the router and the stable version now."""
        stable = self._applications[Version.CANARY if self._is_promoted else Version.STABLE]
        return State(share=self._router.share(), stable_complete=stable.is_ready())

    def exposure(self) -> Exposure | None:
        """Return what Envoy counted; of an Envoy that was killed all but its last second."""
        return self._router.exposure()

    def gauges(self) -> Mapping[str, float]:
        """Return what the canary's processes use of the limits of the pod."""
        pid = self._applications[Version.CANARY].process.pid
        return self._usage.read(pid) if self._usage and pid is not None else {}

    def logs(self, version: Version) -> str:
        """Return the end of the log of *version*."""
        return "\n".join(self._applications[version].process.tail(_LOG_LINES))

    def close(self) -> None:
        """End the canary, the stable version and the router."""
        self._is_closed.set()
        self._over.set()
        give_up = time.monotonic() + _CLOSE_WITHIN_S
        processes = [self._applications[version].process for version in Version]
        for process in processes:
            process.release()
        self._router.release()
        for process in (*processes, self._router.process):
            process.wait(max(0.0, give_up - time.monotonic()))

    def _bring_up(self, version: Version) -> None:
        application = self._applications[version]
        application.bring_up(self._over)
        self._router.serve(version, application.port)

    def _bring_up_canary(self) -> None:
        """Start the canary, and make sure that it is another version than the stable one."""
        self._bring_up(Version.CANARY)
        name = self._applications[Version.CANARY].identify()
        if name == self._applications[Version.STABLE].name and not self._is_twin:
            raise Inconclusive(
                f"both versions answer {name!r} at {self._settings.naming.path}: they cannot be "
                "told apart, so perhaps the new one is not what was started; check run.canary "
                f"and run.stable in [{self._settings.where}], or choose another identity"
            )

    def _facts(self) -> Facts:
        stable, canary = (self._applications[v] for v in (Version.STABLE, Version.CANARY))
        edge = f"http://{HOST}:{self._router.edge_port}"
        reach = Reach(
            edge=Endpoint(edge),
            canary=Endpoint(edge, {VIA_HEADER: "always"}),
            stable=Endpoint(edge, {VIA_HEADER: "never"}),
            # The router says who answered: an application may say anything.
            identity=Identity(
                canary=Version.CANARY.value, stable=Version.STABLE.value, header=VERSION_HEADER
            ),
        )
        return Facts(
            platform="local",
            stable=stable.name,
            canary=canary.name if canary.is_up else "",
            images={version.value: text for version, text in self._settings.texts.items()},
            reach=reach,
        )

    def _go_on(self) -> None:
        if self._over.is_set():
            raise PlatformError("the rollout was aborted, or is closed")

    def _report(self, incident: Incident) -> None:
        if not self._is_closed.is_set():
            self._on_incident(incident)

    def _watch(self) -> None:
        """Ask both versions for their readiness, and keep Envoy's counts should it die."""
        while not self._is_closed.wait(self._watch_every_s):
            for version in Version:
                if not (self._is_promoted and version is Version.STABLE):
                    self._applications[version].watch()
            self._router.exposure()
