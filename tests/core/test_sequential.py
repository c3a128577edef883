"""The tests of a share: against simulation, scipy and their own invariants."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from canarytest.core.sequential import (
    interval,
    log_e_above,
    log_e_below,
    needed_to_clear,
    upper_bound_of_none,
)

counts = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def exact_expectation(log_e: float, hits: int, total: int, share: float) -> float:
    return math.exp(log_e + float(stats.binom.logpmf(hits, total, share)))


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.5])
@pytest.mark.parametrize("total", [1, 10, 200])
def test_under_the_hypothesis_the_evidence_is_one_in_expectation(share: float, total: int) -> None:
    for log_e in (log_e_above, log_e_below):
        mean = sum(
            exact_expectation(log_e(hits, total, share), hits, total, share)
            for hits in range(total + 1)
        )

        assert mean == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("share", [0.002, 0.01])
def test_a_share_below_the_bound_gives_less_evidence_still(share: float) -> None:
    mean = sum(
        exact_expectation(log_e_above(hits, 100, 0.02), hits, 100, share) for hits in range(101)
    )

    assert mean < 1


def test_looking_after_every_observation_keeps_the_false_alarms_bounded() -> None:
    random_ = random.Random(7)
    alarms = 0
    for _ in range(1000):
        hits = 0
        for total in range(1, 401):
            hits += random_.random() < 0.05
            if log_e_above(hits, total, 0.05) >= math.log(1 / 0.05):
                alarms += 1
                break

    # 50 are allowed on average; more than 78 of 1000 have a chance below 1e-4 then.
    assert 0 < alarms <= 78


def test_the_interval_misses_the_truth_at_any_time_no_more_often_than_stated() -> None:
    random_ = random.Random(8)
    misses = 0
    for _ in range(300):
        hits = 0
        for total in range(1, 201):
            hits += random_.random() < 0.1
            low, high = interval(hits, total, 0.05)
            if not low <= 0.1 <= high:
                misses += 1
                break

    assert misses <= 32  # 15 on average at most; more has a chance below 1e-4


@given(counts, st.floats(0.001, 0.5))
def test_the_interval_holds_the_estimate_and_that_of_fixed_size(
    seen: tuple[int, int], alpha: float
) -> None:
    hits, total = seen
    low, high = interval(hits, total, alpha)

    assert 0 <= low <= hits / total <= high <= 1


@pytest.mark.parametrize(("hits", "total"), [(0, 50), (3, 100), (50, 100), (980, 1000)])
def test_anytime_validity_costs_width_but_not_much(hits: int, total: int) -> None:
    low, high = interval(hits, total, 0.05)
    fixed = stats.binomtest(hits, total).proportion_ci(0.95, method="exact")

    assert high - low >= (fixed.high - fixed.low) * 0.95
    assert high - low <= (fixed.high - fixed.low) * 1.8


@given(counts, st.floats(0.01, 0.9))
def test_never_is_there_evidence_against_both_sides(seen: tuple[int, int], bound: float) -> None:
    hits, total = seen

    assert min(log_e_above(hits, total, bound), log_e_below(hits, total, bound)) <= 0


@given(st.floats(0.001, 0.9), st.floats(0.001, 0.2))
def test_the_number_needed_is_the_smallest(bound: float, miss: float) -> None:
    needed = needed_to_clear(bound, miss)

    assert log_e_below(0, needed, bound) >= math.log(1 / miss)
    assert log_e_below(0, needed - 1, bound) < math.log(1 / miss)


def test_nothing_seen_says_nothing() -> None:
    assert interval(0, 0, 0.05) == (0, 1)
    assert log_e_above(0, 0, 0.05) == pytest.approx(0)
    assert upper_bound_of_none(0) == 1


def test_none_of_six_hundred_is_below_half_a_percent() -> None:
    assert upper_bound_of_none(600) == pytest.approx(1 - 0.05 ** (1 / 600))
    assert upper_bound_of_none(600) < 0.005
