"""Observes who answers at the edge until it can be said whether the split is what was set."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from canarytest.core.errors import Inconclusive
from canarytest.core.proof import ProbeSample
from canarytest.core.reach import Version
from canarytest.core.split import Split, SplitVerdict, judge_split

BATCH = 10  # responses between two looks
MOST_RESPONSES = 5000
MOST_ERRORS = 20  # in a row, before the edge counts as one that cannot be looked at
WITHIN_S = 60.0
SETTLE_S = 5.0


def observe_split(
    ask: Callable[[], ProbeSample],
    expected: float,
    *,
    alpha: float,
    miss: float,
    is_over: Callable[[], bool] = lambda: False,
) -> SplitVerdict:
    """
    Ask until the split can be told to match *expected*, or not to.

    Each answer comes on a connection of its own, so that they are independent. Ends undecided
    (`matches` is None) after 5000 responses, a minute, or when *is_over* says so. Raises
    Inconclusive when the edge does not answer, or by neither version.
    """
    began, canary, total = time.monotonic(), 0, 0
    last: deque[ProbeSample] = deque(maxlen=MOST_ERRORS)
    verdict = judge_split(Split(0, 0, expected), alpha=alpha, miss=miss)
    while verdict.matches is None and total < MOST_RESPONSES and not is_over():
        for _ in range(BATCH):
            sample = ask()
            last.append(sample)
            total += sample.version is not None
            canary += sample.version is Version.CANARY
        if len(last) == MOST_ERRORS and all(s.version is None for s in last):
            raise Inconclusive(
                f"the split cannot be observed: the edge gave {MOST_ERRORS} answers in a row "
                f"that no version made, the last one: {last[-1].error}"
            )
        verdict = judge_split(Split(canary, total, expected), alpha=alpha, miss=miss)
        if time.monotonic() - began > WITHIN_S:
            break
    return verdict


def settle(ask: Callable[[], ProbeSample], is_over: Callable[[], bool]) -> None:
    """
    Ask until either version has answered, for a few seconds at most: then counting begins.

    A router hears of a pod some time after it is ready. To begin behind an answer takes nothing
    from the independence of those that follow.
    """
    began, missing = time.monotonic(), set(Version)
    while missing and time.monotonic() - began < SETTLE_S and not is_over():
        missing.discard(ask().version)
