"""
A platform as somebody else might write it: an edge of threads, in this process.

It is no part of canarytest, and nothing in canarytest knows it: the tests install it under an entry
point of their own. Each key of its target but `edge_port` is a way to misbehave.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from canarytest import CanaryError, ConfigError, Inconclusive, PlatformError
from canarytest.config import Table
from canarytest.core.errors import CanaryNotReady, RolloutLocked
from canarytest.core.plan import Plan, Step
from canarytest.core.ports import Exposure, Facts, Incident, IncidentKind, State
from canarytest.core.reach import Endpoint, Identity, Reach, Version

IDENTITY = Identity(canary="v2", stable="v1", header="x-version")
TROUBLES: dict[str, type[CanaryError]] = {
    "not ready": CanaryNotReady,
    "inconclusive": Inconclusive,
    "platform": PlatformError,
    "locked": RolloutLocked,
}


def create(table: Table, *, root: Path, run_dir: Path) -> StandIn:
    """Read the rest of a target's *table*."""
    return StandIn(Misbehaviour(table), root / "standin.log", run_dir / "events.jsonl")


class Misbehaviour:
    """What goes wrong, as the target's keys say."""

    def __init__(self, table: Table) -> None:
        self.broken: list[str] = table.take("broken", list, [])  # paths; the canary says 500
        self.hangs: list[str] = table.take("hangs", list, [])  # paths; the canary never answers
        self.fails_once: list[str] = table.take("fails_once", list, [])
        self.share: float | None = table.take("share", float, None)  # whatever was asked for
        self.begin: str | None = table.take("begin_raises", str, None)
        self.open: dict[str, str] = table.take("open_raises", dict, {})  # label -> trouble
        self.abort_fails = table.take("abort_fails", int, 0)  # times
        self.abort_interrupts = table.take("abort_interrupts", bool, False)  # once, as Ctrl-C
        self.hold_interrupts = table.take("hold_interrupts", int, 0)  # times, while it is held
        self.stays = table.take("stays", bool, False)  # the abort is taken, and not done
        self.unnamed = table.take("unnamed", bool, False)  # no answer says who made it
        self.gauges: dict[str, float] = table.take("gauges", dict, {})
        self.gauges_fail = table.take("gauges_fail", bool, False)
        self.close_fails = table.take("close_fails", bool, False)
        self.abilities: list[str] = table.take("abilities", list, [])
        table.finish()
        if self.share is not None and not 0 <= self.share <= 1:
            raise ConfigError(f"{table.where}.share: {self.share} is no share")


class StandIn:
    """Both versions and their edge: one server, whose share says who answers."""

    supports = frozenset({"setWeight", "pause", "setCanaryScale", "analysis"})

    def __init__(self, wrong: Misbehaviour, log: Path, told: Path) -> None:
        self.abilities = frozenset(wrong.abilities)
        self.wrong = wrong
        self.users: Counter[Version] = Counter()
        self._log, self._told = log, told
        self._lock = threading.Lock()
        self._share = 0.0
        self._owed = 0.0  # of an answer, to the canary
        self._aborts = 0
        self._failed: set[str] = set()
        self._over = threading.Event()
        self._server: Edge | None = None
        self._tell: Callable[[Incident], None] = lambda _: None

    def begin(self, plan: Plan, on_incident: Callable[[Incident], None]) -> Facts:
        """Listen."""
        self._note("begin")
        _raise(self.wrong.begin)
        self._tell = on_incident
        self._server = Edge(self)
        return self._facts()

    def open(self, step: Step) -> Facts:
        """Give the canary its share."""
        self._note(f"open {step.label}")
        _raise(self.wrong.open.get(step.label))
        self._share = step.share if self.wrong.share is None else self.wrong.share
        return self._facts()

    def abort(self) -> None:
        """Give the canary nothing."""
        self._note("abort")
        self._aborts += 1
        if self.wrong.abort_interrupts and self._aborts == 1:
            os.kill(os.getpid(), signal.SIGINT)
        if self._aborts <= self.wrong.abort_fails:
            raise PlatformError("503 Service Unavailable")
        if not self.wrong.stays:
            self._share = 0.0

    def promote(self) -> None:
        """Give the canary everything."""
        self._note("promote")
        self._share = 1.0

    def retire(self) -> None:
        """Keep nobody."""
        self._note("retire")

    def state(self) -> State:
        """Return the share that is in force."""
        lingers = self.wrong.hold_interrupts > 0
        if lingers and "RollbackProven" in self._told.read_text():
            self.wrong.hold_interrupts -= 1
            os.kill(os.getpid(), signal.SIGINT)
        return State(share=self._share, stable_complete=True, lingers=lingers)

    def exposure(self) -> Exposure | None:
        """Return what came in at the edge."""
        return Exposure(self.users[Version.CANARY], 0)

    def gauges(self) -> Mapping[str, float]:
        """Return what was configured."""
        if self.wrong.gauges_fail:
            raise PlatformError("the metrics server does not answer")
        return self.wrong.gauges

    def logs(self, version: Version) -> str:
        """Return nothing."""
        return ""

    def close(self) -> None:
        """Listen no more."""
        self._note("close")
        self._over.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        if self.wrong.close_fails:
            raise OSError("nothing here closes")

    def choose(self, via: str | None) -> Version:
        """Say who answers the next request."""
        if via in ("always", "never"):
            return Version.CANARY if via == "always" else Version.STABLE
        with self._lock:
            self._owed += self._share
            version = Version.CANARY if self._owed >= 1 else Version.STABLE
            self._owed -= version is Version.CANARY
            self.users[version] += 1
        return version

    def answer(self, version: Version, path: str) -> int | None:
        """Return the status that *version* gives for *path*; None: it never answers."""
        if version is Version.STABLE:
            return 200
        if path in self.wrong.hangs:
            self._over.wait(60)
            return None
        if path.startswith("/restart"):
            self._tell(Incident(IncidentKind.RESTARTED, version, "the canary restarted: boom"))
        if path == "/noted":
            self._tell(Incident(IncidentKind.NOTED, None, "somebody scaled it"))
        if path == "/restart/cut":
            return None
        if path in self.wrong.fails_once and path not in self._failed:
            self._failed.add(path)
            return 500
        return 500 if path in self.wrong.broken else 200

    def _facts(self) -> Facts:
        assert self._server is not None
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        reach = Reach(
            edge=Endpoint(url),
            canary=Endpoint(url, {"x-canary": "always"}),
            stable=Endpoint(url, {"x-canary": "never"}),
            identity=IDENTITY,
        )
        return Facts("standin", "v1", "v2", {"stable": "app:v1", "canary": "app:v2"}, reach)

    def _note(self, call: str) -> None:
        with self._log.open("a") as file:
            file.write(f"{time.time():.3f} {call}\n")


class Edge(ThreadingHTTPServer):
    """Where users come in."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, platform: StandIn) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.platform = platform
        threading.Thread(target=self.serve_forever, args=[0.02], daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever hung up had its reasons."""


class Answer(BaseHTTPRequestHandler):
    """Answers `{"version": …, "path": …}`, and says in a header who did."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer
    server: Edge

    def do_GET(self) -> None:
        """Answer as whoever is chosen."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        platform, path = self.server.platform, urlsplit(self.path).path
        made_by = platform.choose(self.headers.get("x-canary"))
        if path == "/impostor":
            made_by = Version.STABLE
        status = platform.answer(made_by, path)
        if status is None:
            self.close_connection = True
            return
        name = IDENTITY.canary if made_by is Version.CANARY else IDENTITY.stable
        body = json.dumps({"version": name, "path": self.path}).encode()
        self.send_response(302 if path == "/moved" else status)
        if path == "/moved":
            self.send_header("Location", "/impostor")
        if not platform.wrong.unnamed:
            self.send_header("x-version", name)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815  http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base's name
        """Log nothing."""


def _raise(trouble: str | None) -> None:
    if trouble is not None:
        raise TROUBLES[trouble](f"{trouble}, as configured")
