"""
What two peers' judges would have said of the same seconds, by their rules as `peers.md` has them.

Neither is run here: their rules are a Mann-Whitney test on one point a second, written down. Both
are asked again and again, as their users have them asked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

KAYENTA_CONFIDENCE = 0.98
KAYENTA_TOLERANCE = 0.25  # of the Hodges-Lehmann estimate
KAYENTA_POINTS = 50  # its documentation asks for; its code does not
PIPECD_ALPHA = 0.05
PIPECD_POINTS = 5


def kayenta(canary: Sequence[float], stable: Sequence[float]) -> bool:
    """
    Whether Kayenta's NetflixACAJudge would call the canary's metric high.

    A rank test at 98 %, shifted by a quarter of the estimated difference. Its advice of 50 points
    is followed here, though its code would judge fewer.
    """
    if len(canary) < KAYENTA_POINTS or np.array_equal(canary, stable):
        return False
    ours, theirs = np.asarray(canary), np.asarray(stable)
    shift = float(np.median(np.subtract.outer(ours, theirs)))
    moved = ours - KAYENTA_TOLERANCE * abs(shift)
    if np.ptp(np.concatenate([moved, theirs])) == 0:
        return False
    tested = stats.mannwhitneyu(moved, theirs, alternative="two-sided")
    return bool(tested.pvalue < 1 - KAYENTA_CONFIDENCE and shift > 0)


def pipecd(canary: Sequence[float], stable: Sequence[float]) -> bool:
    """Whether PipeCD's analysis would find that the canary deviates, in either direction."""
    if len(canary) < PIPECD_POINTS:
        return False
    if np.ptp(np.concatenate([canary, stable])) == 0:
        return False
    tested = stats.mannwhitneyu(canary, stable, alternative="two-sided")
    return bool(tested.pvalue < PIPECD_ALPHA)
