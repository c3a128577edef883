"""Whether the split can be known from as many responses as somebody asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import comb

from canarytest.core.lint.metrics import metrics, whole
from canarytest.core.lint.rule import Flaw, Place, warning
from canarytest.core.lint.view import View, at, mapping, sequence

WRONG = 0.05  # how often a check of the split may be wrong
MOST = 400  # responses; more tell any two shares apart that matter here
_FETCHES = re.compile(r"\b(?:curl|wget|urlopen|requests\.get)\b")
_COUNTS = re.compile(r"\b(?:grep|uniq|wc|awk|count|Counter)\b")
_TIMES = re.compile(
    r"\bseq\s+(?:1\s+)?(\d+)|\{1\.\.(\d+)\}|-l[et]\s+(\d+)|<=?\s*(\d+)|range\((\d+)\)", re.ASCII
)
_JOB = ("spec", "template", "spec", "containers")


@warning(
    "too-few-samples",
    because="our own check takes as many responses as it needs",
    why="A split that is three times too large passes for right, and a right one for wrong: "
    "whoever counted them is sure of it.",
)
def too_few_samples(view: View) -> Iterator[Flaw]:
    if (weight := view.first_weight) is None:
        return
    asked = weight / 100
    pods = view.pods(weight)
    real = pods[0] / sum(pods) if pods else 0.0
    if abs(real - asked) <= WRONG:
        real = 0.0  # then the split to be found out is none at all
    low, high = sorted((asked, real))
    for index, where, count in _checks(view):
        wrong = error_rate(count, low, high)
        if wrong <= WRONG:
            continue
        one = [count * share * (1 - share) ** (count - 1) for share in (asked, real)]
        yield Flaw(
            where,
            f"{count} responses cannot tell {asked:.0%} from {real:.0%}: one hit has a chance of "
            f"{one[0]:.0%} and {one[1]:.0%}, and the best threshold is wrong up to {wrong:.0%} of "
            "the time",
            f"{needed(low, high)} responses at least, for {WRONG:.0%} wrong answers; canarytest's "
            "`split` takes what it needs",
            index=index,
        )


def error_rate(count: int, low: float, high: float) -> float:
    """
    Return how often *count* responses tell the share *low* from *high* wrongly.

    By the threshold that serves best, and for the share that it serves worse.
    """
    below_low = below_high = 0.0
    best = 1.0
    for hits in range(count + 1):
        best = min(best, max(1 - below_low, below_high))
        below_low += _binomial(hits, count, low)
        below_high += _binomial(hits, count, high)
    return best


def needed(low: float, high: float) -> int:
    """Return the least responses that tell *low* from *high* wrongly at most WRONG of the time."""
    return next((n for n in range(1, MOST) if error_rate(n, low, high) <= WRONG), MOST)


def _checks(view: View) -> Iterator[tuple[int, Place, int]]:
    for metric in metrics(view):
        count = whole(metric.spec.get("count"))
        if count and 1 < count <= MOST and _asks_version(at(metric.spec, "provider", "web")):
            yield metric.index, (*metric.where, "count"), count
        job = at(metric.spec, "provider", "job")
        yield from _loops(job, metric.index, (*metric.where, "provider", "job"))
    for index, job in view.of_kind("Job"):
        yield from _loops(job, index, ())


def _asks_version(web: object) -> bool:
    texts = [str(mapping(web).get(key, "")) for key in ("url", "jsonPath")]
    return any("version" in text.lower() for text in texts)


def _loops(job: object, index: int, where: Place) -> Iterator[tuple[int, Place, int]]:
    for i, container in enumerate(sequence(at(job, *_JOB))):
        for key in ("command", "args"):
            for k, text in enumerate(sequence(mapping(container).get(key))):
                count = _times(text) if isinstance(text, str) else None
                if count:
                    yield index, (*where, *_JOB, i, key, k), count


def _times(script: str) -> int | None:
    found = _TIMES.search(script)
    if not found or not _FETCHES.search(script) or not _COUNTS.search(script):
        return None
    count = whole(next(filter(None, found.groups())))
    return count if count and 1 < count <= MOST else None


def _binomial(hits: int, count: int, share: float) -> float:
    # In this form a share of 0 or 1 needs no case of its own: 0 ** 0 is 1.
    return float(comb(count, hits)) * share**hits * (1 - share) ** (count - hits)
