"""
The canary against the stable version: in the same seconds, at the same endpoints.

Of the requests of one second at one endpoint some are bad: failed, or slow. While the canary is no
worse than the stable version each of them is as likely to be bad as any other, so that the canary's
part of the bad ones is in the mean its part of all (the hypergeometric mean, whatever the second's
own rate). Bets are placed against that. A slow database makes more of them bad, but no greater part
of them the canary's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from canarytest.core.betting import Bets
from canarytest.core.measure import Tally
from canarytest.core.sketch import LOG_GAMMA, bucket_of

ENOUGH_OF_TAIL = 2  # slow requests that a quantile of the stable version has to rest on


@dataclass(frozen=True, slots=True)
class Pair:
    """Requests of both versions in one second at one endpoint, and how many were bad."""

    canary_bad: int
    canary: int
    stable_bad: int
    stable: int


@dataclass(frozen=True, slots=True)
class Versus:
    """How the canary compares with the stable version so far, by one measure of bad."""

    bets: Bets = field(default_factory=Bets)
    seen: Pair = field(default_factory=lambda: Pair(0, 0, 0, 0))

    def after(self, pairs: Iterable[Pair]) -> Versus:
        """Return this after one more second; endpoints that only one version served are left."""
        bad, share, expected, seen = 0, 0.0, 0.0, self.seen
        for pair in pairs:
            if not pair.canary or not pair.stable:
                continue
            here = pair.canary_bad + pair.stable_bad
            bad += here
            share += pair.canary_bad
            expected += here * pair.canary / (pair.canary + pair.stable)
            seen = _sum(seen, pair)
        if not bad:
            return Versus(self.bets, seen)
        return Versus(self.bets.after(share / bad, expected / bad), seen)

    @property
    def log_e(self) -> float:
        """The log of the evidence that the canary is worse."""
        return self.bets.log_e


def failed(canary: Tally, stable: Tally) -> Pair:
    """Return the pair in which failed requests are the bad ones."""
    return Pair(canary.failures, canary.requests, stable.failures, stable.requests)


def slow(canary: Tally, stable: Tally, limit: int, tolerance: float) -> Pair:
    """
    Return the pair in which slow requests are the bad ones.

    Slow is, of the stable version, what is above the bucket *limit*, and of the canary what would
    be if it were faster by *tolerance*, a share, rounded up to whole buckets of 2 %: a canary that
    is worse by less than that is not worse.
    """
    borne = limit + math.ceil(math.log1p(tolerance) / LOG_GAMMA)
    return Pair(
        canary.latency.above_bucket(borne), canary.requests,
        stable.latency.above_bucket(limit), stable.requests,
    )  # fmt: skip


def limit_of(stable: Tally, quantile: float) -> int | None:
    """Return the bucket of the *quantile* of what the stable version served; None: too little."""
    value = stable.latency.quantile(quantile)
    if value is None or stable.requests * (1 - quantile) < ENOUGH_OF_TAIL:
        return None
    return bucket_of(value)


def _sum(one: Pair, other: Pair) -> Pair:
    return Pair(
        one.canary_bad + other.canary_bad, one.canary + other.canary,
        one.stable_bad + other.stable_bad, one.stable + other.stable,
    )  # fmt: skip
