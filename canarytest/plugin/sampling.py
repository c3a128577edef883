"""What is looked at by the clock: each second, beside the tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from canarytest.core.measure import LoadSecond, Tally
from canarytest.core.proof import ProbeSample
from canarytest.core.reach import Version
from canarytest.core.served import PROBE
from canarytest.core.sketch import Sketch


class Ticker:
    """Calls *tick* each second from a thread of its own, until it is stopped."""

    def __init__(self, tick: Callable[[], None], seconds: float = 1.0) -> None:
        self._tick = tick
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="canarytest-ticker", daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """Tick once more, for what is left, and end. Safe to call twice, or before `start`."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            self._tick()
        self._tick()


class EdgeTallies:
    """Counts what the probe saw, for one event a second, and the canary's part of it all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._second: dict[Version | None, Tally] = {}
        self._canary = Tally()

    def add(self, samples: Sequence[ProbeSample]) -> None:
        """Take what the probe saw."""
        with self._lock:
            for sample in samples:
                tally = Tally(1, int(not sample.is_ok), Sketch.of([sample.latency_ms]))
                self._second[sample.version] = self._second.get(sample.version, Tally()) + tally
                if sample.version is Version.CANARY:
                    self._canary += tally

    def count_load(self, second: LoadSecond) -> None:
        """Take a second of load that came in at the edge."""
        with self._lock:
            self._canary += second.of(Version.CANARY)

    def of_canary(self) -> Tally:
        """Return what the canary answered at the edge, to probe and load."""
        with self._lock:
            return self._canary

    def cut(self) -> list[list[Any]]:
        """Return the tallies since the last cut, as `LoadSecond` writes them."""
        with self._lock:
            second, self._second = self._second, {}
        return [[version, PROBE, tally.as_json()] for version, tally in second.items()]
