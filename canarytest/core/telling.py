"""Where the events of a rollout go: one after the other, none before it is told that it began."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from canarytest.core.events import Event

LOG = logging.getLogger(__name__)
Emit = Callable[[Event], None]


class Telling:
    """Tells events to *emit*, of any thread; what a report does wrong hurts nobody."""

    def __init__(self, emit: Emit) -> None:
        self.lock = threading.RLock()  # who holds it is told of in between by nobody
        self._emit = emit
        self._held: list[Event] | None = None  # until it is told that the rollout began

    def emit(self, event: Event) -> None:
        """Emit *event*, or hold it back."""
        with self.lock:
            if self._held is not None:
                self._held.append(event)
                return
            try:
                self._emit(event)
            except Exception:
                LOG.exception("not reported: %s", event)

    @contextlib.contextmanager
    def holding(self, tell: Callable[[], object]) -> Iterator[None]:
        """Hold all events back until *tell* was called, at the end."""
        with self.lock:
            self._held = []
        try:
            yield
        finally:
            with self.lock:
                held, self._held = self._held, None
                tell()
                for event in held:
                    self.emit(event)
