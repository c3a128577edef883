"""
What judging costs: a step with 10 metrics and 1,000,000 requests, at as many endpoints as are told
apart.

It is held against reading the same seconds from their JSON once, which has to be done anyway. What
is kept of the step is measured pickled, and held against what is kept of a tenth of it.
"""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Iterable, Iterator

import numpy as np

from benchmarks.figures import Figure
from canarytest.core.bands import DEFAULT_BANDS, Band, Policy
from canarytest.core.evidence import GAUGE_SAMPLES, Evidence, TestOutcome
from canarytest.core.judge import judge
from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.reach import Version
from canarytest.core.served import MOST_ENDPOINTS
from canarytest.core.sketch import Sketch

JUDGED_WITHIN_MS = 50.0  # what issue 5 asks
SECONDS, QUICK_SECONDS = 100, 20
AT_EACH = 100  # requests at each endpoint in each second
QUANTILES = (50, 75, 80, 90, 95, 98, 99)
BANDS = {**DEFAULT_BANDS, **{f"latency_p{each}_ms": Band(5000, 9000) for each in QUANTILES}}
SHARE = 0.1  # the canary's
FAILING = 0.002
ROUNDS = 50


def main(*, quick: bool = False) -> list[Figure]:
    """Judge a step again and again, and take in its seconds."""
    lines = list(_lines(QUICK_SECONDS if quick else SECONDS))
    began = time.perf_counter()
    seconds = [LoadSecond.from_json(json.loads(line)) for line in lines]
    read_ms = _ms_since(began)
    began = time.perf_counter()
    step = taken_in(seconds)
    taken_ms = _ms_since(began)
    tenth = taken_in(seconds[: len(seconds) // 10])
    return [
        Figure(
            "a step judged", "ms", [_judged_ms(step) for _ in range(ROUNDS)],
            at_most=JUDGED_WITHIN_MS, baseline=[read_ms],
            note=f"{_described(step)}; the baseline is reading their JSON once",
        ),
        Figure(
            "a second of it taken in", "ms", [taken_ms / len(seconds)],
            baseline=[read_ms / len(seconds)], note="the baseline is reading its JSON",
        ),
        Figure(
            "what is kept of it", "kB", [kilobytes(step)], baseline=[kilobytes(tenth)],
            note=f"the baseline is {_described(tenth)}",
        ),
    ]  # fmt: skip


def taken_in(seconds: Iterable[LoadSecond]) -> Evidence:
    """Return the evidence of a step with those seconds of load."""
    gauges = dict.fromkeys(("cpu", "memory"), (0.5,) * GAUGE_SAMPLES)
    policy = Policy(BANDS).shared_by(6)
    evidence = Evidence(
        SHARE, policy, {TestOutcome.PASSED: 50}, load_expected=True, gauges=gauges,
        probed={Version.CANARY: 100, Version.STABLE: 900},
    )  # fmt: skip
    for index, second in enumerate(seconds):
        evidence = evidence.with_load(second, index + 1.0)
    return evidence


def kilobytes(step: Evidence) -> float:
    """Return how large *step* is, pickled."""
    return len(pickle.dumps(step)) / 1000


def _described(step: Evidence) -> str:
    requests = sum(step.served.of(version).total.requests for version in Version)
    return f"{len(BANDS)} metrics, {requests:,} requests, {len(step.served.endpoints)} endpoints"


def _judged_ms(step: Evidence) -> float:
    began = time.perf_counter()
    judge(step)
    return _ms_since(began)


def _ms_since(began: float) -> float:
    return 1000 * (time.perf_counter() - began)


def _lines(seconds: int) -> Iterator[str]:
    random = np.random.default_rng(7)
    ours = round(SHARE * AT_EACH)
    for second in range(seconds):
        tallies = tuple(
            EndpointTally(version, f"GET /{endpoint}", _tally(random, requests))
            for endpoint in range(MOST_ENDPOINTS)
            for version, requests in ((Version.CANARY, ours), (Version.STABLE, AT_EACH - ours))
        )
        yield json.dumps(LoadSecond(second, 100, 0.5, 0.0, tallies).as_json())


def _tally(random: np.random.Generator, requests: int) -> Tally:
    latencies = random.lognormal(4, 1, requests)
    return Tally(requests, int(random.binomial(requests, FAILING)), Sketch.of(latencies))
