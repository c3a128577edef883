"""What the service counts about itself, in the text format of Prometheus."""

from __future__ import annotations

import os
import resource
import sys
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Upper bounds in seconds; 0.5 and 1 are where the bands of a rollout usually lie.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STATM = Path("/proc/self/statm")


@dataclass(slots=True)
class _Histogram:
    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    sum_s: float = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum_s += seconds


@dataclass(slots=True)
class Metrics:
    """Counters of one process, by method and path template: ids would make endless series."""

    version: str
    _requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    _durations: dict[tuple[str, str], _Histogram] = field(default_factory=dict)

    def observe(self, method: str, template: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._requests[method, template, status] += 1
        histogram = self._durations.get((method, template))
        if histogram is None:
            histogram = self._durations[method, template] = _Histogram()
        histogram.observe(seconds)

    def render(self) -> str:
        """Return the page that Prometheus scrapes."""
        return "\n".join((*self._lines(), ""))

    def _lines(self) -> Iterator[str]:
        yield from _family("petclinic_build_info", "gauge", "The version that is running.")
        yield f'petclinic_build_info{{version="{_escaped(self.version)}"}} 1'
        yield from _family("http_requests_total", "counter", "Requests answered.")
        for (method, template, status), count in self._requests.items():
            labels = f'method="{method}",path="{template}",status="{status}"'
            yield f"http_requests_total{{{labels}}} {count}"
        name = "http_request_duration_seconds"
        yield from _family(name, "histogram", "From the request to its answer.")
        for (method, template), histogram in self._durations.items():
            yield from _buckets(name, f'method="{method}",path="{template}"', histogram)
        yield from _family("process_resident_memory_bytes", "gauge", "Memory held.")
        yield f"process_resident_memory_bytes {resident_memory_bytes()}"
        yield from _family("process_cpu_seconds_total", "counter", "CPU time used.")
        yield f"process_cpu_seconds_total {time.process_time():.3f}"


def resident_memory_bytes() -> int:
    """Return what this process holds; where there is no /proc, the most it ever held."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _family(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _buckets(name: str, labels: str, histogram: _Histogram) -> Iterator[str]:
    bounds = (*(f"{bound:g}" for bound in BUCKETS), "+Inf")
    for bound, count in zip(bounds, accumulate(histogram.counts), strict=True):
        yield f'{name}_bucket{{{labels},le="{bound}"}} {count}'
    yield f"{name}_sum{{{labels}}} {histogram.sum_s:.6f}"
    yield f"{name}_count{{{labels}}} {sum(histogram.counts)}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
