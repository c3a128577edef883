"""One version of the application: a process on a port of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from canarytest.core.errors import CanaryError, CanaryNotReady, Inconclusive, PlatformError
from canarytest.core.ports import Incident, IncidentKind
from canarytest.core.reach import Version
from canarytest.platforms.local import loopback
from canarytest.platforms.local.loopback import Reply
from canarytest.platforms.local.settings import Settings
from canarytest.platforms.local.supervised import Supervised, ending

_POLL_S = 0.05
_ANSWER_WITHIN_S = 1.0
_NAMED_WITHIN_S = 5.0  # the first request to a page may take its time
_PORTS_TO_TRY = 3
_NOT_READY_AFTER = 3  # answers in a row, as a readinessProbe's failureThreshold
_OK = 200


class Application:
    """A version that is brought up once, watched, and started again when it ends by itself."""

    def __init__(
        self,
        version: Version,
        settings: Settings,
        log: Path,
        on_incident: Callable[[Incident], None],
    ) -> None:
        self.name = f"the {version} version" if version is Version.STABLE else "the canary"
        self.port = 0
        self.process = Supervised(
            log=log, cwd=settings.root, env=settings.env, on_end=self._restarted
        )
        self._version = version
        self._settings = settings
        self._on_incident = on_incident
        self._is_up = False
        self._unready = 0

    @property
    def is_up(self) -> bool:
        """Whether it was brought up."""
        return self._is_up

    @property
    def command(self) -> str:
        """What was started."""
        return " ".join(self._settings.argv(self._version, self.port))

    def bring_up(self, over: threading.Event) -> None:
        """
        Start it and wait until it is ready, or until *over*.

        Raises CanaryNotReady for the canary, PlatformError for the stable version.
        """
        for _ in range(_PORTS_TO_TRY):
            self.port = loopback.free_port()
            self.process.start(self._settings.argv(self._version, self.port))
            self._wait_until_ready(over)
            if self.process.keep_up():
                self._is_up = True
                return
            if loopback.is_free(self.port):  # else somebody took it in between
                break
        raise self._error(
            f"{self.name} {ending(self.process.exit_status)} before it was ready: "
            f"{self.process.last_line} (command: {self.command})"
        )

    def identify(self) -> str:
        """
        Ask it which version it is; it goes by that name afterwards.

        Raises Inconclusive if it does not say.
        """
        naming = self._settings.naming
        reply = loopback.get(self.port, naming.path, timeout_s=_NAMED_WITHIN_S)
        name = naming.name_in(reply)
        if name is None:
            what = f"header {naming.header!r}" if naming.header else f"JSON key {naming.json!r}"
            raise Inconclusive(
                f"{self.name} does not say which version it is: no {what} in its answer at "
                f"{naming.path} ({reply.summary}); check identity in [{self._settings.where}]"
            )
        self.name = name
        return name

    def is_ready(self) -> bool:
        """Ask it at once whether it is ready."""
        return self._is_up and self.process.running and self._ask().status == _OK

    def watch(self) -> None:
        """Ask it whether it is ready, and report when it was not for some times in a row."""
        if not self._is_up:
            return
        reply = self._ask()
        self._unready = 0 if reply.status == _OK else self._unready + 1
        if self._unready == _NOT_READY_AFTER:
            self._report(
                IncidentKind.NOT_READY,
                f"{self.name} was not ready {_NOT_READY_AFTER} times in a row: {reply.summary} at "
                f"{self._settings.ready}; last log line: {self.process.last_line}",
            )

    def _wait_until_ready(self, over: threading.Event) -> None:
        """Return when it is ready, or has ended."""
        within_s = self._settings.ready_within_s
        give_up = time.monotonic() + within_s
        while (reply := self._ask()).status != _OK and not self.process.wait(_POLL_S):
            if over.is_set():
                raise PlatformError(f"gave up waiting for {self.name}: the rollout was aborted")
            if time.monotonic() >= give_up:
                raise self._error(
                    f"{self.name} was not ready within {within_s:g} s: {reply.summary} at "
                    f"{self._settings.ready}; last log line: {self.process.last_line}"
                )

    def _ask(self) -> Reply:
        return loopback.get(self.port, self._settings.ready, timeout_s=_ANSWER_WITHIN_S)

    def _restarted(self, status: int, last_line: str) -> None:
        self._report(
            IncidentKind.RESTARTED, f"{self.name} {ending(status)}; last log line: {last_line}"
        )

    def _report(self, kind: IncidentKind, message: str) -> None:
        self._on_incident(Incident(kind, self._version, message))

    def _error(self, message: str) -> CanaryError:
        return (CanaryNotReady if self._version is Version.CANARY else PlatformError)(message)
