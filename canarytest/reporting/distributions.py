"""What was measured at each step as a whole: distributions of latency, and the split."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from canarytest.core import sequential
from canarytest.core.reach import Version
from canarytest.core.sketch import GAMMA, Sketch
from canarytest.core.split import tolerated
from canarytest.reporting.measured import by_version
from canarytest.reporting.story import Stop, Story
from canarytest.reporting.timeline import ALPHA, PERCENTILES, REQUESTS

MERGED = 6  # neighbouring buckets of a sketch that are drawn as one: 12 % wide


@dataclass(frozen=True, slots=True)
class Column:
    """Requests between two latencies, in milliseconds."""

    low: float
    high: float
    requests: int
    share: float  # of all requests of the version at the step


@dataclass(frozen=True, slots=True)
class Distribution:
    """The latencies of one version at one step."""

    step: str
    version: Version
    requests: int
    percentiles: tuple[tuple[int, float], ...]  # (50, ms), …
    columns: tuple[Column, ...]  # from the fastest to the slowest, empty ones between them too


@dataclass(frozen=True, slots=True)
class SplitAt:
    """The canary's share at one step against the one that was asked for."""

    step: str
    expected: float
    tolerated: tuple[float, float]  # the shares that are not called wrong
    canary: int
    total: int  # 0: nobody answered the probe, or it could not look
    low: float
    high: float

    @property
    def observed(self) -> float | None:
        """The share, 0 to 1; None where there is none."""
        return self.canary / self.total if self.total else None


def distributions_of(story: Story) -> tuple[Distribution, ...]:
    """Return the latencies of both versions at each step that was opened and measured."""
    return tuple(found for stop in story.stops if stop.opened for found in _at(story, stop))


def splits_of(story: Story) -> tuple[SplitAt, ...]:
    """Return the split at each step that was opened, as the probe saw it."""
    return tuple(_split(story, stop) for stop in story.stops if stop.opened)


def _at(story: Story, stop: Stop) -> Iterator[Distribution]:
    until = math.inf if stop.ended is None else stop.ended
    tallies = by_version(story.events, stop.index, *REQUESTS, until=until)
    for version in Version:
        sketch = tallies[version].latency if version in tallies else Sketch()
        if sketch.count:
            yield Distribution(
                step=stop.label,
                version=version,
                requests=sketch.count,
                percentiles=tuple((p, sketch.quantile(p / 100) or 0.0) for p in PERCENTILES),
                columns=tuple(_columns(sketch)),
            )


def _columns(sketch: Sketch) -> Iterator[Column]:
    merged: dict[int, int] = {}
    for bucket, count in sketch.buckets.items():
        merged[bucket // MERGED] = merged.get(bucket // MERGED, 0) + count
    for place in range(min(merged), max(merged) + 1):
        count = merged.get(place, 0)
        # Bucket i holds what is over GAMMA^(i-1), and not over GAMMA^i.
        low, high = GAMMA ** (place * MERGED - 1), GAMMA ** ((place + 1) * MERGED - 1)
        yield Column(low, high, count, count / sketch.count)


def _split(story: Story, stop: Stop) -> SplitAt:
    canary, total = _probed(story, stop)
    low, high = sequential.interval(canary, total, ALPHA)
    return SplitAt(stop.label, stop.share, tolerated(stop.share), canary, total, low, high)


def _probed(story: Story, stop: Stop) -> tuple[int, int]:
    """Return the canary's answers and all; what was judged, where it was: the probe went on."""
    for finding in stop.findings:
        if finding.metric == "split" and finding.estimate is not None:
            return round(finding.estimate * finding.n), finding.n
    until = math.inf if stop.ended is None else stop.ended
    tallies = by_version(story.events, stop.index, "probe", until=until)
    canary, stable = (
        tallies[version].requests if version in tallies else 0
        for version in (Version.CANARY, Version.STABLE)
    )
    return canary, canary + stable
