"""How many pods of each version Argo Rollouts runs at a weight."""

from __future__ import annotations

import math
from fractions import Fraction


def resolve(value: int | str, replicas: int, *, round_up: bool) -> int:
    """
    Return the pods that *value* means of *replicas*: a count, or a percentage if it is a string.

    Argo reads any string as a percentage: `"1"` is 1 %. A surge is rounded up, an unavailability
    down.
    """
    if isinstance(value, int):
        return value
    exact = Fraction(value.strip().removesuffix("%")) * replicas / 100
    return math.ceil(exact) if round_up else math.floor(exact)


def with_router(weight: int, replicas: int) -> tuple[int, int]:
    """Return (canary, stable) pods at *weight* where a router splits: stable stays complete."""
    return math.ceil(Fraction(weight * replicas, 100)), replicas


def without_router(weight: int, replicas: int, *, max_surge: int) -> tuple[int, int]:
    """
    Return (canary, stable) pods at *weight* where the pods themselves are the split.

    Of the whole numbers next to the exact count, in a total of *replicas* or (if surge allows)
    one more, take the pair whose share is closest to *weight*. Between 0 and 100 both versions
    keep a pod wherever there is room for two. (Argo Rollouts `utils/replicaset/canary.go`, the
    arithmetic of the basic canary.)
    """
    if weight in (0, 100):
        canary = replicas * weight // 100
        return canary, replicas - canary
    exact = Fraction(weight * replicas, 100)
    pairs = [
        (canary, total)
        for total in ([replicas, replicas + 1] if max_surge else [replicas])
        for canary in (math.ceil(exact), math.floor(exact))
        if 0 < canary < total
    ]
    if not pairs:  # one replica and no surge: all or nothing
        return math.ceil(exact), replicas - math.ceil(exact)
    canary, total = min(pairs, key=lambda pair: abs(Fraction(100 * pair[0], pair[1]) - weight))
    return canary, total - canary
