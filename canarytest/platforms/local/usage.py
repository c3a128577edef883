"""What the processes of the canary use, as shares of the pod's limits."""

from __future__ import annotations

import contextlib
import time

import psutil

from canarytest.core.plan import Resources


class Usage:
    """Reads a process and its descendants; `cpu` is the average since the last reading."""

    def __init__(self, limits: Resources) -> None:
        self._limits = limits
        self._at: float | None = None
        self._cpu_s: dict[tuple[int, float], float] = {}  # by pid and start: pids come again

    def read(self, pid: int) -> dict[str, float]:
        """Return `cpu` and `memory`, those of them that have a limit; nothing if *pid* is gone."""
        now = time.time()
        memory, cpu_s = 0, {}
        for process in _family(pid):
            with contextlib.suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                cpu_s[process.pid, process.create_time()] = times.user + times.system
                memory += process.memory_info().rss
        if not cpu_s:
            return {}
        # Of a process that is new since the last reading all its time counts.
        used_s = sum(total - self._cpu_s.get(key, 0.0) for key, total in cpu_s.items())
        since = self._at if self._at is not None else min(start for _, start in cpu_s)
        self._at, self._cpu_s = now, cpu_s
        gauges: dict[str, float] = {}
        if self._limits.cpu_cores and now > since:
            gauges["cpu"] = used_s / (now - since) / self._limits.cpu_cores
        if self._limits.memory_bytes:
            gauges["memory"] = memory / self._limits.memory_bytes
        return gauges


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []
