"""What one version served, second by second, and the evidence that it is over its bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from canarytest.core.bands import ERROR_RATE, LATENCY, Band
from canarytest.core.betting import Bets
from canarytest.core.measure import Tally


@dataclass(frozen=True, slots=True)
class Series:
    """Everything so far, and for each metric the bets against its band."""

    total: Tally = field(default_factory=Tally)
    bets: Mapping[str, Bets] = field(default_factory=dict)

    def after(self, second: Tally, bands: Mapping[str, Band]) -> Series:
        """Return the series after one more *second*; one without a request says nothing."""
        if not second.requests:
            return self
        bets = {
            metric: self.bets.get(metric, Bets()).after(*share_beyond(metric, band, second))
            for metric, band in bands.items()
        }
        return Series(self.total + second, bets)

    def log_e(self, metric: str) -> float:
        """Return the log of the evidence that *metric* is over its band; 0 while there is none."""
        return self.bets[metric].log_e if metric in self.bets else 0.0


def share_beyond(metric: str, band: Band, tally: Tally) -> tuple[float, float]:
    """
    Return the share of the requests that speak against *metric*, and how much of it is borne.

    Failures, of which the warning bound is borne; or for "p95 is over 1000 ms" what took longer
    than that, of which 5 % are. Raises ValueError for a metric that is not made of requests.
    """
    if metric == ERROR_RATE:
        return tally.failures / tally.requests, band.warning
    slow = tally.latency.above(band.roll_back)
    return slow / tally.requests, 1 - quantile_of(metric)


def quantile_of(metric: str) -> float:
    """Return the quantile of a latency metric, 0.95 of latency_p95_ms; else raises ValueError."""
    match = LATENCY.fullmatch(metric)
    if match is None:
        raise ValueError(metric)
    return int(match[1]) / 100
