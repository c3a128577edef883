"""What the comparison with the stable version says, of a metric and of each endpoint."""

from __future__ import annotations

import math
from collections.abc import Iterator

from canarytest.core import sequential
from canarytest.core.bands import ERROR_RATE, AgainstStable, Policy, Test
from canarytest.core.finding import Finding, Zone
from canarytest.core.measure import Tally
from canarytest.core.metric import is_below_warning, latency_interval, named
from canarytest.core.reach import Version
from canarytest.core.series import quantile_of
from canarytest.core.served import At, Served
from canarytest.core.versus import Pair, Versus

AGAINST = "against stable"  # as it is added to the name of a metric
PLAUSIBLY_WORSE = 20.0  # evidence that tells a canary from a stable version that is bad as well


def compare(metric: str, served: Served, policy: Policy) -> Iterator[Finding]:
    """Say how the canary's *metric* compares; nothing where both never served one second."""
    versus = served.versus.get(metric, Versus())
    canary, stable = served.of(Version.CANARY).total, served.of(Version.STABLE).total
    if not versus.seen.canary:
        return
    log_alpha = math.log(1 / policy.alpha(Test.STABLE))
    if metric == ERROR_RATE:
        yield _errors(versus, canary, policy, log_alpha)
    else:
        yield _latencies(metric, versus, canary, stable, policy, log_alpha)


def is_excused(metric: str, served: Served, policy: Policy) -> bool:
    """
    Whether the stable version is as bad, so that a breach cannot be blamed on the canary.

    It is where stable lies at or above the warning bound itself, and the canary is not clearly
    worse than it in the same seconds.
    """
    stable, band = served.of(Version.STABLE).total, policy.bands[metric]
    if metric == ERROR_RATE:
        value = stable.error_rate
    else:
        value = stable.latency.quantile(quantile_of(metric))
    if value is None or value < band.warning:
        return False
    return served.versus.get(metric, Versus()).log_e < math.log(PLAUSIBLY_WORSE)


def judge_endpoints(served: Served, policy: Policy) -> Iterator[Finding]:
    """
    Yield the endpoints that fail though all requests together do not.

    How many endpoints there will be is not known at the first: the k-th one seen has 1/(k(k+1)) of
    the false alarms of all, which add up to the whole however many come.
    """
    band = policy.bands.get(ERROR_RATE)
    if band is None:
        return
    for k, (endpoint, at) in enumerate(served.endpoints.items(), 1):
        canary, stable = at.of(Version.CANARY), at.of(Version.STABLE)
        share = canary.total.error_rate
        if share is None or share < band.roll_back:
            continue
        part = math.log(k * (k + 1))
        if canary.log_e(ERROR_RATE) >= math.log(1 / policy.alpha(Test.ENDPOINT)) + part:
            is_alone = (stable.total.error_rate or 0.0) < band.warning
        else:
            is_alone = False
        limit = math.log(1 / policy.alpha(Test.ENDPOINT_STABLE)) + part
        if is_alone or at.errors.log_e >= limit:
            yield _endpoint(endpoint, at, policy)


def _endpoint(endpoint: str, at: At, policy: Policy) -> Finding:
    canary, stable = at.of(Version.CANARY).total, at.of(Version.STABLE).total
    band = policy.bands[ERROR_RATE]
    low, high = sequential.interval(canary.failures, canary.requests, policy.miss)
    sentence = (
        f"error rate of {endpoint} {canary.error_rate or 0:.1%} ({canary.failures} of "
        f"{canary.requests} requests, between {low:.1%} and {high:.1%}; stable {_of(stable)}): "
        f"over {band.roll_back:.1%}, roll back"
    )
    return Finding(
        f"{ERROR_RATE} of {endpoint}", Zone.ROLL_BACK, sentence, canary.requests, 0,
        canary.error_rate, low, high, band.warning, band.roll_back,
    )  # fmt: skip


def _errors(versus: Versus, ours: Tally, policy: Policy, log_alpha: float) -> Finding:
    seen, band = versus.seen, policy.bands[ERROR_RATE]
    canary, stable = seen.canary_bad / seen.canary, seen.stable_bad / seen.stable
    low, high = difference_interval(seen, policy.miss)
    is_worse = versus.log_e >= log_alpha and high >= policy.worse_error_rate
    is_low = is_below_warning(ERROR_RATE, band, ours)
    zone, said = _decided(is_worse=is_worse, is_low=is_low, policy=policy)
    sentence = (
        f"error rate {AGAINST} {canary:.1%} to {stable:.1%} in the same seconds "
        f"({seen.canary_bad} of {seen.canary} to {seen.stable_bad} of {seen.stable}; difference "
        f"{_points(canary - stable)}, between {_points(low)} and {_points(high)}): {said}"
    )
    return Finding(
        f"{ERROR_RATE} {AGAINST}", zone, sentence, seen.canary + seen.stable, 0,
        canary - stable, low, high, None, policy.worse_error_rate,
    )  # fmt: skip


def _latencies(
    metric: str, versus: Versus, canary: Tally, stable: Tally, policy: Policy, log_alpha: float
) -> Finding:
    band, quantile, seen = policy.bands[metric], quantile_of(metric), versus.seen
    ours, theirs = canary.latency.quantile(quantile) or 0, stable.latency.quantile(quantile) or 0
    # The tolerance is in the bets; the quantiles of all requests are no second condition, as the
    # versions may have been asked in other proportions.
    is_worse = versus.log_e >= log_alpha
    is_low = is_below_warning(metric, band, canary)
    zone, said = _decided(is_worse=is_worse, is_low=is_low, policy=policy)
    ratio = ours / theirs - 1 if theirs else 0.0
    low, high = ratio_interval(canary, stable, quantile, policy.miss)
    sentence = (
        f"{named(metric)} {AGAINST} {ours:.0f} to {theirs:.0f} ms ({ratio:+.0%}"
        f"{_between(low, high)}; slower in {superiority(canary, stable):.0%} of pairs; in the same "
        f"seconds {seen.canary_bad} of {seen.canary} requests took longer than stable's "
        f"p{quantile * 100:.0f}, of its own {seen.stable_bad} of {seen.stable}): {said}"
    )
    return Finding(
        f"{metric} {AGAINST}", zone, sentence, seen.canary + seen.stable, 0, ratio,
        low, high, None, policy.worse_latency,
    )  # fmt: skip


def _decided(*, is_worse: bool, is_low: bool, policy: Policy) -> tuple[Zone, str]:
    if not is_worse:
        return Zone.SHOWN, "not shown to be worse"
    match policy.against_stable:
        case AgainstStable.NEVER:
            return Zone.SHOWN, "worse; shown only"
        case AgainstStable.WARNING if is_low:
            return Zone.SHOWN, "worse, yet below the warning bound"
        case AgainstStable.WARNING if policy.promote_on_warning:
            return Zone.SHOWN, "worse; warnings are promoted"
        case _:
            return Zone.ROLL_BACK, "worse, roll back"


def difference_interval(seen: Pair, alpha: float) -> tuple[float, float]:
    """
    Return the differences of shares, canary's less stable's, valid at every look at once.

    The ends of the two shares' own confidence sequences, each with half of *alpha*: wider than
    Newcombe's for one look, and it needs no number of looks.
    """
    low, high = sequential.interval(seen.canary_bad, seen.canary, alpha / 2)
    stable_low, stable_high = sequential.interval(seen.stable_bad, seen.stable, alpha / 2)
    return low - stable_high, high - stable_low


def ratio_interval(
    canary: Tally, stable: Tally, quantile: float, alpha: float
) -> tuple[float | None, float | None]:
    """
    Return by which parts of stable's *quantile* the canary's may lie above it, valid at every look.

    The ends of the two quantiles' own intervals, each with half of *alpha*. None where the requests
    do not say.
    """
    low, high = latency_interval(canary, quantile, alpha / 2)
    stable_low, stable_high = latency_interval(stable, quantile, alpha / 2)
    return (
        low / stable_high - 1 if low and stable_high else None,
        high / stable_low - 1 if high and stable_low else None,
    )


def superiority(canary: Tally, stable: Tally) -> float:
    """
    Return how often a request of the canary is slower than one of the stable version, 0 to 1.

    The common-language effect size (McGraw and Wong, Psychological Bulletin 111, 1992): ties, here
    within 2 %, count half. 0.5 where one of them served nothing.
    """
    below, wins = 0, 0.0
    stable_counts = dict(stable.latency.buckets)
    for bucket in sorted({*canary.latency.buckets, *stable_counts}):
        here = stable_counts.get(bucket, 0)
        wins += canary.latency.buckets.get(bucket, 0) * (below + here / 2)
        below += here
    pairs = canary.latency.count * stable.latency.count
    return wins / pairs if pairs else 0.5


def _of(tally: Tally) -> str:
    if not tally.requests:
        return "served none"
    return f"{tally.error_rate or 0:.1%}, {tally.failures} of {tally.requests}"


def _between(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f", between {low:+.0%} and {high:+.0%}"


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f} points"
