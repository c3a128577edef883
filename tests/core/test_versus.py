"""Canary against stable: in the same second, at the same endpoint, whatever hits both."""

import math
import random
from collections.abc import Iterator

import pytest

from canarytest.core.measure import Tally
from canarytest.core.sketch import Sketch, bucket_of
from canarytest.core.versus import Pair, Versus, failed, limit_of, slow
from tests.core.steps import tally

ALARM = math.log(1 / 0.05)


def binomial(random_: random.Random, n: int, share: float) -> int:
    return sum(random_.random() < share for _ in range(n))


def seconds(
    random_: random.Random, canary: float, stable: float, trouble: float = 0.0
) -> Iterator[Pair]:
    """Return seconds of which *trouble* is the share where half of all requests fail."""
    for _ in range(300):
        both = 0.5 if random_.random() < trouble else 0.0
        yield Pair(
            binomial(random_, 5, max(canary, both)), 5, binomial(random_, 45, max(stable, both)), 45
        )


def alarms(runs: int, canary: float, stable: float, trouble: float = 0.0) -> int:
    found = 0
    for seed in range(runs):
        versus = Versus()
        for pair in seconds(random.Random(seed), canary, stable, trouble):
            versus = versus.after([pair])
            if versus.log_e >= ALARM:
                found += 1
                break
    return found


@pytest.mark.parametrize("trouble", [0.0, 0.1])
def test_what_hits_both_is_not_blamed_on_the_canary(trouble: float) -> None:
    assert alarms(100, 0.02, 0.02, trouble) <= 12  # 5 in the mean at most


@pytest.mark.parametrize("trouble", [0.0, 0.1])
def test_a_canary_that_is_worse_is_found_though_trouble_hits_both(trouble: float) -> None:
    assert alarms(30, 0.2, 0.02, trouble) == 30


def test_only_endpoints_that_both_served_are_compared() -> None:
    versus = Versus().after([Pair(5, 5, 0, 0), Pair(0, 0, 9, 9)])

    assert versus == Versus()


def test_an_endpoint_with_more_of_the_canary_is_no_evidence_against_it() -> None:
    """Half of all fail at an endpoint that the canary alone is asked much: its part is as ever."""
    pairs = [Pair(45, 90, 5, 10), Pair(0, 10, 0, 90)]
    versus = Versus()
    for _ in range(100):
        versus = versus.after(pairs)

    assert versus.log_e == pytest.approx(0.0)
    assert versus.seen == Pair(4500, 10000, 500, 10000)


def test_seconds_without_trouble_say_nothing() -> None:
    assert Versus().after([Pair(0, 5, 0, 45)]).log_e == 0


def test_failed_requests_are_paired() -> None:
    assert failed(tally(20, 3), tally(180, 1)) == Pair(3, 20, 1, 180)


@pytest.mark.parametrize(
    ("latency", "bad"),
    [
        pytest.param(500.0, 0, id="as-fast"),
        pytest.param(525.0, 0, id="worse-by-five-percent"),
        pytest.param(550.0, 20, id="worse-by-ten"),
    ],
)
def test_worse_by_less_than_the_tolerance_is_not_worse(latency: float, bad: int) -> None:
    canary, stable = tally(20, fast=latency), tally(180, fast=500.0)

    assert slow(canary, stable, bucket_of(500.0), 0.05) == Pair(bad, 20, 0, 180)


def test_a_quantile_rests_on_enough_of_the_stable_version() -> None:
    latencies = [float(ms) for ms in range(1, 101)]

    assert limit_of(Tally(100, 0, Sketch.of(latencies)), 0.95) == bucket_of(95.0)
    assert limit_of(tally(39), 0.95) is None
    assert limit_of(Tally(), 0.95) is None
