"""What may explain an abort: fetched once the order to go back was sent, beside all else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping

from canarytest.core import events
from canarytest.core.ports import Clock, Platform
from canarytest.core.reach import Version
from canarytest.core.telling import Emit

WITHIN_S = 5.0  # from the order on; what comes later is left out
MOST_LINES = 100
LOG = "log"


class Aftermath:
    """
    Collects in a thread of its own, while the canary still lives.

    Nobody waits for it but the end of the run, and that not beyond `WITHIN_S`.
    """

    def __init__(
        self, platform: Platform, clock: Clock, emit: Emit, within_s: float = WITHIN_S
    ) -> None:
        self._platform = platform
        self._clock = clock
        self._emit = emit
        self._within_s = within_s
        self._telling = threading.Lock()
        self._is_over = False
        self._until = 0.0
        self._thread: threading.Thread | None = None

    def begin(self, step: int, shut_at: float) -> None:
        """Begin to collect, once; the gate was shut at *shut_at*, in the step of this index."""
        if self._thread is None:
            self._until = self._clock.now() + self._within_s
            self._thread = threading.Thread(
                target=self._collect, args=(step, shut_at), name="canarytest-evidence", daemon=True
            )
            self._thread.start()

    def end(self) -> None:
        """Wait for what is being collected, within its time; nothing is told afterwards."""
        if self._thread is not None:
            self._thread.join(max(0.0, self._until - self._clock.now()))
        with self._telling:
            self._is_over = True

    def _collect(self, step: int, shut_at: float) -> None:
        self._tell(
            events.MeasurementTaken(shut_at, step=step, source="gate", values={"shut": True})
        )
        self._tell_all("canary", self._log)
        self._tell_all("platform", self._of_platform)

    def _tell_all(self, source: str, collect: Callable[[], Iterator[tuple[str, str]]]) -> None:
        try:
            for name, text in collect():
                if text.strip():
                    self._tell(events.EvidenceCollected(self._clock.time(), source, name, text))
        except Exception as error:  # noqa: BLE001  whatever it is, the way back goes on
            said = f"could not be had: {type(error).__name__}: {error}"
            self._tell(events.EvidenceCollected(self._clock.time(), source, LOG, said))

    def _log(self) -> Iterator[tuple[str, str]]:
        lines = self._platform.logs(Version.CANARY).splitlines()[-MOST_LINES:]
        yield LOG, "\n".join(lines)

    def _of_platform(self) -> Iterator[tuple[str, str]]:
        collect: Callable[[], Mapping[str, str]] = getattr(self._platform, "evidence", dict)
        yield from collect().items()

    def _tell(self, event: events.Event) -> None:
        with self._telling:
            if not self._is_over:
                self._emit(event)
