"""
Locust with our ear at its requests in every other window: what the ear costs, in one process.

`python -m benchmarks.locust_windows -f FILE ...` takes Locust's arguments and is Locust. Windows
with what the listener has hooked into each request alternate with windows without; neighbours
share whatever else goes on on the machine, the more so the shorter they are. What it does once a
second (its line takes 0.3 ms) is in both. At the end a line of JSON: for each window whether there
was a listener, requests a second, and requests a second of CPU.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canarytest.signals.locust_listener import Orders, listen

WARM_UP_S = 2.0
MARK = "windows: "
PAIRS, SECONDS = "BENCHMARK_PAIRS", "BENCHMARK_SECONDS"  # environment variables


@dataclass(frozen=True, slots=True)
class Window:
    """What the generator did in some seconds."""

    listened: bool
    rate: float  # requests a second
    efficiency: float  # requests a second of CPU


def order(pairs: int) -> Iterator[bool]:
    """Yield whether to listen in each window: on off, off on, and so forth."""
    for number in range(pairs):
        yield from (True, False) if number % 2 else (False, True)


def in_pairs(windows: list[Window]) -> list[tuple[Window, Window]]:
    """
    Return the neighbours: one with the listener, then one without.

    Where either saw next to no requests the machine was elsewhere, and the pair says nothing.
    """
    pairs = [
        (one, other) if one.listened else (other, one)
        for one, other in zip(windows[::2], windows[1::2], strict=True)
    ]
    usual = statistics.median(window.rate for window in windows)
    return [pair for pair in pairs if min(window.rate for window in pair) > usual / 10]


def read(output: str) -> list[Window]:
    """Return the windows that a process told of."""
    told = next(line for line in output.splitlines() if line.startswith(MARK))
    return [Window(*values) for values in json.loads(told.removeprefix(MARK))]


class Ear:
    """What `listen` hooked into each request, to be taken out and put back."""

    def __init__(self, folder: Path) -> None:
        from locust import events  # noqa: PLC0415  as in the listener
        from locust.contrib.fasthttp import FastHttpSession  # noqa: PLC0415

        self._session: Any = FastHttpSession
        self._event: Any = events.request
        self._plain = self._session.request
        known = list(self._event._handlers)  # noqa: SLF001  which are ours, nobody else says
        pipe = folder / "pipe"
        os.mkfifo(pipe)
        self._reads = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        # By PetClinic's own header, as by Envoy's.
        versions = {"v100": "stable", "v101": "canary"}
        listen(Orders(str(pipe), "x-version", versions, None, {}, 1.0))
        self._ours = [h for h in self._event._handlers if h not in known]  # noqa: SLF001
        self._hooked = self._session.request
        self.take_out()

    def put_in(self) -> None:
        """Listen."""
        self._session.request = self._hooked
        for handler in self._ours:
            self._event.add_listener(handler)

    def take_out(self) -> None:
        """Let Locust be as it is; read what was written, as a step does."""
        self._session.request = self._plain
        for handler in self._ours:
            self._event.remove_listener(handler)
        with contextlib.suppress(BlockingIOError):
            os.read(self._reads, 1 << 16)


def main() -> None:
    """Run Locust with this process's arguments."""
    import gevent  # noqa: PLC0415  as in the listener
    import locust.main  # noqa: PLC0415  patches the interpreter

    pairs, seconds = int(os.environ[PAIRS]), float(os.environ[SECONDS])
    with tempfile.TemporaryDirectory() as name:
        ear = Ear(Path(name))
    events: Any = locust.events

    def measure(environment: Any) -> None:
        gevent.sleep(WARM_UP_S)
        windows: list[Window] = []
        for listened in order(pairs):
            if listened:
                ear.put_in()
            windows.append(_counted(environment.stats.total, seconds, gevent.sleep, listened))
            if listened:
                ear.take_out()
        told = [[window.listened, window.rate, window.efficiency] for window in windows]
        sys.stdout.write(f"{MARK}{json.dumps(told)}\n")
        sys.stdout.flush()
        environment.runner.quit()

    events.init.add_listener(lambda environment, **_: gevent.spawn(measure, environment))
    run: Any = locust.main.main
    run()


def _counted(total: Any, seconds: float, sleep: Any, listened: bool) -> Window:  # noqa: FBT001  a fact, not a flag
    requests, cpu, at = total.num_requests, time.process_time(), time.perf_counter()
    sleep(seconds)
    made = total.num_requests - requests
    cpu, at = time.process_time() - cpu, time.perf_counter() - at
    return Window(listened, made / at, made / cpu)


if __name__ == "__main__":
    main()
