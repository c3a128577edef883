"""
Tests of a share that may be looked at after every single observation.

All are e-processes: under the hypothesis their expectation never exceeds 1, at whatever moment one
looks, so that one reaches 1/alpha at any time with probability alpha at most (Ville's inequality).
Sources: Wald, Sequential Analysis (1947); Robbins, Statistical methods related to the law of the
iterated logarithm (Ann. Math. Stat. 1970); Ramdas, Grünwald, Vovk, Shafer, Game-theoretic
statistics and safe anytime-valid inference (Statistical Science 2023).
"""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Callable, Sequence

# How far from the bound towards the end of the scale the alternatives lie. A mixture over few
# points costs ln(number) once, and is near the best for whichever of them is closest to the truth.
_STRIDES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 63 / 64)


def log_e_above(hits: int, total: int, bound: float, strides: Sequence[float] = _STRIDES) -> float:
    """
    Return the log of the evidence against "the share of hits is at most *bound*".

    It is the mean of likelihood ratios against shares above *bound*: by *strides*, parts of the way
    from it to 1. For each of them the ratio is a supermartingale under every share up to *bound*,
    hence so is their mean. A stride that is given twice counts twice.
    """
    return _mixture(hits, total, bound, [bound + (1 - bound) * stride for stride in strides])


def log_e_below(hits: int, total: int, bound: float) -> float:
    """Return the log of the evidence against "the share of hits is at least *bound*"."""
    return _mixture(
        hits, total, bound, [bound * (1 - stride) for stride in (1 / 4, 1 / 2, 3 / 4, 1)]
    )


def interval(hits: int, total: int, alpha: float) -> tuple[float, float]:
    """
    Return the shares that *hits* of *total* do not contradict, valid at every look at once.

    The truth is outside at any time with probability *alpha* at most: the confidence sequence of
    a Beta(1/2, 1/2) mixture (Robbins 1970), found by bisection. (0, 1) when nothing was seen.
    """
    if total == 0:
        return 0.0, 1.0
    evidence = _log_beta(hits + 0.5, total - hits + 0.5) - _log_beta(0.5, 0.5)
    limit = math.log(1 / alpha)

    def outside(share: float) -> bool:
        return evidence - _log_likelihood(hits, total, share) >= limit

    estimate = hits / total
    return _edge(outside, 0.0, estimate), _edge(outside, 1.0, estimate)


def counts_around(share: float, total: int, alpha: float) -> tuple[int, int]:
    """
    Return the fewest and the most hits of *total* that do not contradict *share*.

    The contrary of `interval`: at some time others are seen with probability *alpha* at most.
    """
    limit = math.log(1 / alpha)

    def fits(hits: int) -> bool:
        evidence = _log_beta(hits + 0.5, total - hits + 0.5) - _log_beta(0.5, 0.5)
        return evidence - _log_likelihood(hits, total, share) < limit

    middle = round(share * total)
    fewest = bisect.bisect_left(range(middle), True, key=fits)  # noqa: FBT003  what is searched for
    most = bisect.bisect_left(range(middle + 1, total + 1), True, key=lambda hits: not fits(hits))  # noqa: FBT003
    return fewest, middle + most


@functools.lru_cache
def needed_to_clear(bound: float, miss: float) -> int:
    """
    Return how many observations, none of them a hit, show that the share is below *bound*.

    *miss* is the probability of saying so of a share that is not.
    """
    low, high = 0, 1
    while log_e_below(0, high, bound) < math.log(1 / miss):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = log_e_below(0, middle, bound) >= math.log(1 / miss)
        low, high = (low, middle) if enough else (middle, high)
    return high


def upper_bound_of_none(total: int, confidence: float = 0.95) -> float:
    """Return the share that *total* observations without a hit exclude (the rule of three)."""
    return float(1 - (1 - confidence) ** (1 / total)) if total else 1.0


def _mixture(hits: int, total: int, bound: float, alternatives: Sequence[float]) -> float:
    base = _log_likelihood(hits, total, bound)
    if base == -math.inf:
        return math.inf
    logs = [_log_likelihood(hits, total, other) - base for other in alternatives]
    top = max(logs)
    if top == -math.inf:
        return top
    return top + math.log(sum(math.exp(log - top) for log in logs) / len(logs))


def _log_likelihood(hits: int, total: int, share: float) -> float:
    if (share <= 0 and hits) or (share >= 1 and hits < total):
        return -math.inf
    return (hits * math.log(share) if hits else 0.0) + (
        (total - hits) * math.log1p(-share) if hits < total else 0.0
    )


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _edge(outside: Callable[[float], bool], far: float, near: float) -> float:
    """Return the share between *far* and *near* where `outside` ends; *far* if it never holds."""
    if not outside(far):
        return far
    for _ in range(50):
        middle = (far + near) / 2
        far, near = (middle, near) if outside(middle) else (far, middle)
    return near
