"""Whether the share of the canary at the edge is the one that was set."""

from __future__ import annotations

import math
from dataclasses import dataclass

from canarytest.core import sequential

# What a router may be off before it is called wrong. Below what was set half of it, at most five
# points: Traefik gave 7 to 10 % at a weight of 10 on a real cluster, as its balancer begins each
# cycle at the stable version. Above a quarter, as no router errs on that side: one pod of three,
# 33 % for 10 %, is no error of a router.
TOLERANCE_POINTS = 0.05
BELOW, ABOVE = 1 / 2, 1 / 4
# How the false alarms are parted: too much on the canary harms users, too little only takes longer.
TOO_MUCH, TOO_LITTLE = 0.8, 0.2
# Where too much is looked for: most of all at about twice to three times the share of small steps.
_TOO_MUCH_STRIDES = (1 / 16, 1 / 8, 1 / 4, 1 / 4, 1 / 4, 1 / 2)
# What must be told apart from the share that was set before it is called right.
WRONG_FACTOR, WRONG_POINTS = 2.0, 0.15


@dataclass(frozen=True, slots=True)
class Split:
    """Responses at the edge, and how many the canary made."""

    canary: int
    total: int
    expected: float  # share, 0 to 1

    @property
    def observed(self) -> float | None:
        """The observed share; None when nothing answered."""
        return self.canary / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class SplitVerdict:
    """What the responses say of the split."""

    matches: bool | None  # None: too few responses to say
    split: Split
    low: float  # interval of the observed share
    high: float
    sentence: str


def tolerated(expected: float) -> tuple[float, float]:
    """Return the shares, both between 0 and 1, beyond which a share is wrong that is not either."""
    most = min(TOLERANCE_POINTS, (1 - expected) / 2)
    return expected - min(expected * BELOW, most), expected + min(expected * ABOVE, most)


def judge_split(split: Split, *, alpha: float, miss: float) -> SplitVerdict:
    """
    Say whether *split* is what was set; may be asked after every response.

    A share within what is tolerated is called wrong with probability *alpha* at most, one that is
    twice (or off by 15 points) called right with *miss* at most. At 0 and at 1 a single response
    of the other version is a leak; that there is none is said once 1 % of them is excluded.
    """
    low, high = sequential.interval(split.canary, split.total, alpha)
    matches = _leak(split, miss) if split.expected in (0, 1) else _within(split, alpha, miss)
    return SplitVerdict(matches, split, low, high, _sentence(split, matches, low, high))


def contradicts(split: Split, *, alpha: float) -> bool:
    """Whether *split* shows, with false alarms of *alpha* at most, that the share is wrong."""
    expected = split.expected
    if expected == 0:
        return split.canary > 0
    if expected == 1:
        return split.canary < split.total
    low, high = tolerated(expected)
    above, below = -math.log(alpha * TOO_MUCH), -math.log(alpha * TOO_LITTLE)
    if expected > 1 / 2:
        low, high, above, below = 1 - high, 1 - low, below, above
        split = _smaller(split)
    strides = _TOO_MUCH_STRIDES
    return (
        sequential.log_e_above(split.canary, split.total, high, strides) >= above
        or sequential.log_e_below(split.canary, split.total, low) >= below
    )


def _within(split: Split, alpha: float, miss: float) -> bool | None:
    if contradicts(split, alpha=alpha):
        return False
    split = _smaller(split)
    limit = math.log(1 / miss)
    above, below = _wrong(split.expected)
    clear = (
        sequential.log_e_below(split.canary, split.total, above) >= limit
        and sequential.log_e_above(split.canary, split.total, below) >= limit
    )
    return True if clear else None


def _smaller(split: Split) -> Split:
    """Return *split* as the version with the smaller share sees it: the bounds are finer there."""
    if split.expected <= 1 / 2:
        return split
    return Split(split.total - split.canary, split.total, 1 - split.expected)


def _wrong(expected: float) -> tuple[float, float]:
    """Return the nearest shares above and below *expected*, at most 1/2, that must not pass."""
    above = min(expected * WRONG_FACTOR, expected + WRONG_POINTS)
    below = max(expected / 4, expected - WRONG_POINTS)
    return above, below


def _leak(split: Split, miss: float) -> bool | None:
    leaks = split.canary if split.expected == 0 else split.total - split.canary
    if leaks:
        return False
    return True if split.total >= sequential.needed_to_clear(0.01, miss) else None


def _sentence(split: Split, matches: bool | None, low: float, high: float) -> str:  # noqa: FBT001  a result, not a flag
    said = {True: "matches", False: "is not", None: "cannot be told from"}[matches]
    return (
        f"the share observed at the edge, {split.canary} of {split.total} responses = "
        f"{(split.observed or 0):.1%} (between {low:.1%} and {high:.1%}), "
        f"{said} the expected {split.expected:.1%}"
    )
