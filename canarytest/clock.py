"""The clock of this machine."""

from __future__ import annotations

import threading
import time


class SystemClock:
    """`canarytest.core.ports.Clock`, for real."""

    def now(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()

    def time(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Wait on *condition*, which the caller holds."""
        condition.wait(max(seconds, 0.0))
