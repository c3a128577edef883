"""
What users of other judges reported as misjudged, each told to ours.

A point of theirs is a second of ours: in each, requests of both versions that were as slow, or
failed as often, as the point says. The ids are the issues; the data is theirs where they gave any.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from canarytest.core.bands import ERROR_RATE, Band
from canarytest.core.evidence import Evidence, TestOutcome
from canarytest.core.finding import Finding, Verdict, Zone
from canarytest.core.judge import Judgement, judge
from canarytest.core.measure import Tally
from canarytest.core.query import Kind, Look, NoData, Query, judge_looks, look_of
from canarytest.core.reach import Version
from canarytest.core.sketch import Sketch
from tests.core.steps import POLICY, load_second, tally

CANARY, STABLE = Version.CANARY, Version.STABLE
P95 = "latency_p95_ms"
MS = 20.0  # that a point of 1 took
HOUR_MS = 3_600_000.0


def step(
    canary: Sequence[Tally], stable: Sequence[Tally], *, gauge: Finding | None = None
) -> Evidence:
    """Return the evidence of a step with those seconds, all else in order."""
    evidence = Evidence(0.1, POLICY, {TestOutcome.PASSED: 1}, tests_over=True, load_expected=True)
    for index, (ours, theirs) in enumerate(zip(canary, stable, strict=True)):
        evidence = evidence.with_load(load_second({CANARY: ours, STABLE: theirs}), index + 1.0)
    evidence = replace(evidence, probed={CANARY: 10, STABLE: 90})
    return evidence.with_finding(gauge) if gauge else evidence


def as_slow_as(points: Sequence[float], requests: int = 1) -> list[Tally]:
    """Return a second of *requests* for each of the points, 1 being `MS`."""
    return [Tally(requests, 0, Sketch.of([MS * point] * requests)) for point in points]


def failing(points: Sequence[float], requests: int) -> list[Tally]:
    """Return a second of *requests* for each of the points, so many of which failed."""
    return [tally(requests, int(point)) for point in points]


ONES, ZEROS = [1.0] * 10, [0.0] * 10
SEVEN_OF_TEN = [100.0] * 7 + [1.0] * 3
SPARSE = [0.0, 1.0, 2.0, 1.0, 0.0, 0.0]
NOW_AND_THEN = [1.0, 0, 0, 0, 0, 2.0, 0, 0, 0, 0] * 2 + [1.0, 0, 0, 0, 0]
NAN = look_of([({}, math.nan)])
NOTHING = look_of([])
QUERY = Query("queue", "max(jobs_waiting)", Band(10, 50))


def number(value: float) -> Look:
    return Look(Kind.NUMBER, value)


def asked(looks: Sequence[Look], no_data: NoData = NoData.INCONCLUSIVE) -> Evidence:
    """Return the evidence of a good step in which a query was answered by *looks*."""
    found = judge_looks(replace(QUERY, no_data=no_data), looks, is_dark=False)
    return step([tally(200)] * 10, [tally(1800)] * 10, gauge=found)


@dataclass(frozen=True, slots=True)
class Case:
    seen: Evidence
    metric: str
    zone: Zone
    verdict: Verdict
    said: str


CASES = {
    "spinnaker#6278-seven-of-ten-points-at-a-hundredfold": Case(
        step(as_slow_as(SEVEN_OF_TEN), as_slow_as(ONES)),
        P95, Zone.ROLL_BACK, Verdict.FAILED, "(7 of 10 requests over 1000 ms): over 1000 ms",
    ),
    "spinnaker#6278-and-more-requests-in-each": Case(
        step(as_slow_as(SEVEN_OF_TEN, 50), as_slow_as(ONES, 50)),
        P95, Zone.ROLL_BACK, Verdict.FAILED, "(350 of 500 requests over 1000 ms): over 1000 ms",
    ),
    "kayenta#426-sparse-data-of-six-seconds": Case(
        step(failing(SPARSE, 10), failing([0] * 6, 90)),
        ERROR_RATE, Zone.TOO_LITTLE, Verdict.INCONCLUSIVE, "60 of at least 77 requests",
    ),
    "kayenta#426-sparse-data-of-a-minute": Case(
        step(failing(SPARSE * 10, 10), failing([0] * 60, 90)),
        ERROR_RATE, Zone.ROLL_BACK, Verdict.FAILED, "error rate 6.7% (40 of 600 requests",
    ),
    "kayenta#799-a-stable-version-without-an-error-has-no-series": Case(
        step(failing(NOW_AND_THEN, 10), failing([0] * 25, 90)),
        f"{ERROR_RATE} against stable", Zone.ROLL_BACK, Verdict.FAILED, "2.8% to 0.0% in the same",
    ),
    "kayenta#799-the-quotient-is-nan": Case(
        asked([NAN] * 5),
        "queue", Zone.TOO_LITTLE, Verdict.INCONCLUSIVE, "NaN, as 0/0 is without a request",
    ),
    "kayenta#799-the-quotient-is-nan-and-that-is-bad": Case(
        asked([NAN] * 5, NoData.ROLL_BACK),
        "queue", Zone.ROLL_BACK, Verdict.FAILED, 'no_data = "roll back"',
    ),
    "flagger#1095-nan-among-numbers-is-no-number": Case(
        asked([number(60), NAN, number(60), NAN, number(60)]),
        "queue", Zone.ROLL_BACK, Verdict.FAILED, "queue 60: roll back",
    ),
    "k6#4283-zero-of-zero": Case(
        step([Tally()] * 10, [tally(90)] * 10),
        ERROR_RATE, Zone.TOO_LITTLE, Verdict.INCONCLUSIVE, "(0 of 0 requests",
    ),
    "k6#4283-zero-of-zero-is-not-fast-either": Case(
        step([Tally()] * 10, [tally(90)] * 10),
        P95, Zone.TOO_LITTLE, Verdict.INCONCLUSIVE, "(0 of 0 requests over 1000 ms)",
    ),
    "flagger#1353-an-empty-series": Case(
        asked([NOTHING] * 5),
        "queue", Zone.TOO_LITTLE, Verdict.INCONCLUSIVE, "there is no such series",
    ),
    "flagger#1011-a-series-that-ends": Case(
        asked([number(1)] * 5 + [NOTHING] * 3),
        "queue", Zone.TOO_LITTLE, Verdict.INCONCLUSIVE, "there is no such series",
    ),
    "all-zero-stable-and-a-bad-canary": Case(
        step([tally(100, 10)] * 10, [tally(900)] * 10),
        f"{ERROR_RATE} against stable", Zone.ROLL_BACK, Verdict.FAILED, "10.0% to 0.0%",
    ),
    "all-zero-stable-and-one-failure": Case(
        step([tally(100, 1), *[tally(100)] * 9], [tally(900)] * 10),
        f"{ERROR_RATE} against stable", Zone.SHOWN, Verdict.SUCCESSFUL, "not shown to be worse",
    ),
    "all-zero-latencies": Case(
        step(as_slow_as(ZEROS, 100), as_slow_as(ZEROS, 900)),
        f"{P95} against stable", Zone.SHOWN, Verdict.SUCCESSFUL, "0 to 0 ms (+0%, between",
    ),
    "identical-data-that-is-good": Case(
        step([tally(500)] * 10, [tally(500)] * 10),
        f"{P95} against stable", Zone.SHOWN, Verdict.SUCCESSFUL, "+2%; slower in 50% of pairs",
    ),
    "identical-data-that-is-bad": Case(
        step([tally(500, 50)] * 10, [tally(500, 50)] * 10),
        ERROR_RATE, Zone.UNTRUSTED, Verdict.INCONCLUSIVE, "the stable version is bad too",
    ),
    "one-giant-outlier": Case(
        step(
            [tally(200)] * 9 + [Tally(200, 0, Sketch.of([20.0] * 199 + [HOUR_MS]))],
            [tally(1800)] * 10,
        ),
        P95, Zone.NORMAL, Verdict.SUCCESSFUL, "p95 20 ms, between 20 and 20 (1 of 2000 requests",
    ),
    "one-giant-outlier-of-a-query": Case(
        asked([number(1), number(1), number(1e12), number(1), number(1)]),
        "queue", Zone.NORMAL, Verdict.SUCCESSFUL, "queue 1: normal",
    ),
    "counter-reset-is-one-odd-answer": Case(
        asked([number(1), number(1), number(-1e12), number(1), number(1)]),
        "queue", Zone.NORMAL, Verdict.SUCCESSFUL, "queue 1: normal",
    ),
    "counter-reset-hides-nothing": Case(
        asked([number(60), number(60), number(-1e12), number(60), number(60)]),
        "queue", Zone.ROLL_BACK, Verdict.FAILED, "queue 60: roll back",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_hard_case(name: str) -> None:
    case = CASES[name]
    judgement = judge(case.seen)
    found = finding(judgement, case.metric)

    assert (found.zone, judgement.verdict) == (case.zone, case.verdict)
    assert case.said in found.sentence
    assert not any(word in judgement.reason.lower() for word in ("inf ", "inf%", "nan%", "none "))


def finding(judgement: Judgement, metric: str) -> Finding:
    return next(each for each in judgement.findings if each.metric == metric)


def test_seven_of_ten_looks_at_a_hundredfold_are_seen_at_the_third() -> None:
    """Of a query, too, whose last looks were good again: who looks at each is not too late."""
    looks = [number(point) for point in SEVEN_OF_TEN]
    zones = [judge_looks(QUERY, looks[:n], is_dark=False).zone for n in range(1, len(looks) + 1)]

    assert zones.index(Zone.ROLL_BACK) == 2
    assert zones[-1] is Zone.NORMAL


def test_a_missing_stable_series_leaves_the_bands() -> None:
    """Without a stable version to compare with, the canary is judged by its bands alone."""
    good, bad = (judge(step([tally(200, failures)] * 10, [Tally()] * 10)) for failures in (0, 20))

    assert (good.verdict, bad.verdict) == (Verdict.SUCCESSFUL, Verdict.FAILED)
    assert not [f for f in (*good.findings, *bad.findings) if f.metric.endswith("stable")]


def test_a_missing_gauge_is_not_made_up() -> None:
    judgement = judge(step([tally(200)] * 10, [tally(1800)] * 10))

    assert not {"cpu", "memory"} & {found.metric for found in judgement.findings}
