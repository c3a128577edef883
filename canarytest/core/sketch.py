"""A mergeable sketch of latencies, with a stated accuracy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

ACCURACY = 0.01  # relative: a quantile is within 1 % of a latency that was measured
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
LOG_GAMMA = math.log(GAMMA)
FLOOR_MS = 0.01  # faster than any answer over a network; all below count as this


def bucket_of(latency_ms: float) -> int:
    """Return the bucket of a latency: the i-th holds (gamma^(i-1), gamma^i] milliseconds."""
    return math.ceil(math.log(max(latency_ms, FLOOR_MS)) / LOG_GAMMA)


@dataclass(frozen=True, slots=True)
class Sketch:
    """
    Latencies in milliseconds, counted in buckets whose bounds grow by a fixed ratio.

    The DDSketch of Masson, Rim and Lee (VLDB 2019), without its bound on the number of buckets:
    10 µs to an hour are under a thousand of them. Sketches of parts add up to that of the whole.
    """

    buckets: Mapping[int, int] = field(default_factory=dict)  # bucket -> latencies in it

    @classmethod
    def of(cls, latencies_ms: Iterable[float]) -> Sketch:
        """Return the sketch of *latencies_ms*."""
        buckets: dict[int, int] = {}
        for latency in latencies_ms:
            bucket = bucket_of(latency)
            buckets[bucket] = buckets.get(bucket, 0) + 1
        return cls(buckets)

    @property
    def count(self) -> int:
        """How many latencies were counted."""
        return sum(self.buckets.values())

    def __add__(self, other: Sketch) -> Sketch:
        """Return the sketch of both together."""
        buckets = dict(self.buckets)
        for bucket, count in other.buckets.items():
            buckets[bucket] = buckets.get(bucket, 0) + count
        return Sketch(buckets)

    def quantile(self, share: float) -> float | None:
        """Return the latency, in ms, that *share* of all do not exceed; None when there is none."""
        return self.at_rank(share * (self.count - 1))

    def at_rank(self, rank: float) -> float | None:
        """Return the latency, in ms, that *rank* others are below; None when there is none."""
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen > rank:
                return float(2 * GAMMA**bucket / (GAMMA + 1))
        return None

    def above(self, latency_ms: float) -> int:
        """Return how many latencies are over *latency_ms*, itself rounded up by 2 % at most."""
        return self.above_bucket(bucket_of(latency_ms))

    def above_bucket(self, limit: int) -> int:
        """Return how many latencies are in buckets above *limit*."""
        return sum(count for bucket, count in self.buckets.items() if bucket > limit)
