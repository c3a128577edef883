"""A metric that is sampled, not counted: how full something is, or what a query answers."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from canarytest.core.bands import Band
from canarytest.core.finding import Finding, Zone

GAUGE_MINIMUM = 3  # samples


def percent(value: float) -> str:
    """Return a share as text, "40%"."""
    return f"{value:.0%}"


def judge_gauge(
    metric: str,
    band: Band,
    samples: Sequence[float],
    *,
    of: str = "",
    shown: Callable[[float], str] = percent,
) -> Finding:
    """
    Judge the median of *samples*, the last few of *metric*, so that one peak does not decide.

    A sample is a state and not one of many independent answers: no error rate can be stated, and
    none of the rollout's is spent. *of* and *shown* say in which words values are told.
    """
    value = statistics.median(samples) if samples else 0.0
    if len(samples) < GAUGE_MINIMUM:
        zone = Zone.TOO_LITTLE
        said = f"too little to decide, {len(samples)} of {GAUGE_MINIMUM} samples"
    else:
        zone = _zone(value, band)
        bounds = f"warning from {shown(band.warning)}, roll back from {shown(band.roll_back)}"
        said = f"{zone} ({bounds})"
    sentence = " ".join(word for word in (metric, shown(value), of) if word)
    return Finding(
        metric, zone, f"{sentence}: {said}", len(samples), GAUGE_MINIMUM,
        value if samples else None, None, None, band.warning, band.roll_back,
    )  # fmt: skip


def _zone(value: float, band: Band) -> Zone:
    if value >= band.roll_back:
        return Zone.ROLL_BACK
    return Zone.WARNING if value >= band.warning else Zone.NORMAL
