"""One metric of one version, judged by the requests it served."""

from __future__ import annotations

import math

from canarytest.core import sequential
from canarytest.core.bands import ERROR_RATE, Band, Policy, Test
from canarytest.core.finding import Finding, Zone
from canarytest.core.measure import Tally
from canarytest.core.series import Series, quantile_of
from canarytest.core.sketch import ACCURACY, Sketch

CLEARLY = 0.01  # how seldom a metric is said to be below its warning bound that is not


def judge_metric(
    metric: str, band: Band, series: Series, policy: Policy, pending: Sketch | None = None
) -> Finding:
    """
    Judge one metric of one version by its requests. Raises ValueError for an unknown one.

    It is over its band when the bets of its seconds say so, whatever bursts they came in. It is
    below when that many requests were good, as if each stood for itself: to err there lets a
    canary on that the next step judges again. *pending* are the ages of requests that have no
    answer yet: users who wait for a slow one ask no more, so that at first only the fast ones are
    counted.
    """
    is_over = series.log_e(metric) >= math.log(1 / policy.alpha(Test.BAND))
    if metric == ERROR_RATE:
        return _error_rate(band, series.total, policy, is_over=is_over)
    return _latency(metric, band, series.total, policy, pending or Sketch(), is_over=is_over)


def _error_rate(band: Band, tally: Tally, policy: Policy, *, is_over: bool) -> Finding:
    """
    Roll back once "at most *warning*" is refuted and the share is *roll_back* or more.

    Where a warning is an abort anyway, users need not wait for the estimate to get there: then it
    is enough that it cannot be told from *roll_back*. Normal once "at least *roll_back*" is refuted
    and the share is below *warning*.
    """
    n, failures = tally.requests, tally.failures
    share = failures / n if n else 0.0
    cleared = sequential.log_e_below(failures, n, band.roll_back) >= math.log(1 / policy.miss)
    needed = sequential.needed_to_clear(band.roll_back, policy.miss)
    zone = _zone(
        roll_back=is_over
        and (share >= band.roll_back or not (cleared or policy.promote_on_warning)),
        normal=cleared and share < band.warning,
        undecided=not band.warning <= share < band.roll_back or n < needed,
    )
    low, high = sequential.interval(failures, n, policy.miss)
    sentence = (
        f"error rate {share:.1%} ({failures} of {n} requests, between {low:.1%} and {high:.1%}): "
        + (
            f"over {band.warning:.1%}, and cannot be told from {band.roll_back:.1%}, roll back"
            if zone is Zone.ROLL_BACK and share < band.roll_back
            else _said(zone, f"{band.warning:.1%}", f"{band.roll_back:.1%}", n, needed)
        )
    )
    return Finding(
        ERROR_RATE, zone, sentence, n, needed, share, low, high, band.warning, band.roll_back
    )


def _latency(
    metric: str, band: Band, tally: Tally, policy: Policy, pending: Sketch, *, is_over: bool
) -> Finding:
    """
    Judge a quantile by the share of requests that are slower than its bound.

    "p95 is over 1000 ms" is "more than 5 % take longer than 1000 ms", which is tested as such.
    What has been under way for longer than the quantile speaks against clearing it, as if it were
    to be slow; whose it is is not known, so that it blames nobody.
    """
    quantile = quantile_of(metric)
    tail, n = 1 - quantile, tally.requests
    slow = tally.latency.above(band.roll_back)
    estimate = tally.latency.quantile(quantile)
    doubtful = pending.above(estimate or 0.0)
    bound = math.log(1 / policy.miss)
    cleared = sequential.log_e_below(slow + doubtful, n + doubtful, tail) >= bound
    needed = sequential.needed_to_clear(tail, policy.miss)
    is_fast = estimate is not None and estimate < band.warning
    is_slow = estimate is not None and estimate >= band.roll_back
    zone = _zone(
        roll_back=is_over,
        normal=cleared and is_fast,
        undecided=is_fast or is_slow or n < needed,
    )
    low, high = latency_interval(tally, quantile, policy.miss)
    sentence = (
        f"{named(metric)} {estimate or 0:.0f} ms{_between(low, high)} "
        f"({slow} of {n} requests over {band.roll_back:.0f} ms): "
        + _said(zone, f"{band.warning:.0f} ms", f"{band.roll_back:.0f} ms", n, needed)
        + (f"; {doubtful} more wait for their answer" if doubtful else "")
    )
    return Finding(
        metric, zone, sentence, n, needed, estimate, low, high, band.warning, band.roll_back
    )


def is_below_warning(metric: str, band: Band, tally: Tally) -> bool:
    """Whether *tally* shows, but for `CLEARLY`, that *metric* is below its warning bound."""
    n = tally.requests
    if metric == ERROR_RATE:
        bad, borne = tally.failures, band.warning
    else:
        bad, borne = tally.latency.above(band.warning), 1 - quantile_of(metric)
    return sequential.log_e_below(bad, n, borne) >= math.log(1 / CLEARLY)


def latency_interval(
    tally: Tally, quantile: float, alpha: float
) -> tuple[float | None, float | None]:
    """
    Return the latencies in ms between which the *quantile* is, valid at every look at once.

    A latency is not the quantile where more or fewer requests are below it than its share
    allows (`sequential.counts_around`). Howard and Ramdas, Sequential estimation of quantiles
    (Bernoulli 28, 2022), have what holds for all quantiles at once. As wide besides as the sketch
    is coarse. None where the requests do not say.
    """
    n = tally.latency.count
    if n == 0:
        return None, None
    fewest, most = sequential.counts_around(quantile, n, alpha)
    low = tally.latency.at_rank(fewest - 1) if fewest else None
    high = tally.latency.at_rank(most)
    return low and low / (1 + ACCURACY), high and high / (1 - ACCURACY)


def named(metric: str) -> str:
    """Return *metric* as people say it: "latency p95"."""
    return metric.removesuffix("_ms").replace("_", " ")


def _between(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f", between {low:.0f} and {high:.0f}"


def _zone(*, roll_back: bool, normal: bool, undecided: bool) -> Zone:
    if roll_back:
        return Zone.ROLL_BACK
    if normal:
        return Zone.NORMAL
    return Zone.TOO_LITTLE if undecided else Zone.WARNING


def _said(zone: Zone, warning: str, roll_back: str, n: int, needed: int) -> str:
    match zone:
        case Zone.ROLL_BACK:
            return f"over {roll_back}, roll back"
        case Zone.NORMAL:
            return f"normal, below {warning}"
        case Zone.TOO_LITTLE if n >= needed:  # over its bound, say, and not yet for long enough
            return (
                f"too little to decide, {n} requests prove neither below {warning} nor over "
                f"{roll_back} so far"
            )
        case Zone.TOO_LITTLE:
            return f"too little to decide, {n} of at least {needed} requests"
        case _:
            return f"warning, not proven to be below {warning} nor over {roll_back}"
