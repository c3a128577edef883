"""The sketch: its stated accuracy, and that parts add up."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core.sketch import ACCURACY, FLOOR_MS, GAMMA, Sketch, bucket_of

latencies = st.floats(FLOOR_MS, 3.6e6)
many = st.lists(latencies, min_size=1, max_size=50)
SLACK = 1e-9  # of the logarithms at a bucket's very edge


@given(many, st.floats(0, 1))
def test_a_quantile_is_within_one_percent_of_a_latency_of_its_rank(
    seen: list[float], share: float
) -> None:
    exact = sorted(seen)[math.floor(share * (len(seen) - 1))]
    estimate = Sketch.of(seen).quantile(share)

    assert estimate is not None
    assert abs(estimate - exact) <= (ACCURACY + SLACK) * exact


@given(many, many)
def test_the_sketches_of_two_parts_are_that_of_the_whole(
    one: list[float], two: list[float]
) -> None:
    assert Sketch.of(one) + Sketch.of(two) == Sketch.of(one + two)


@given(many, many)
def test_adding_changes_neither(one: list[float], two: list[float]) -> None:
    left, right = Sketch.of(one), Sketch.of(two)
    _ = left + right

    assert (left, right) == (Sketch.of(one), Sketch.of(two))


@given(many, latencies)
def test_above_counts_what_is_over_a_bound_rounded_up_by_two_percent(
    seen: list[float], bound: float
) -> None:
    counted = Sketch.of(seen).above(bound)

    assert counted <= sum(latency > bound * (1 - SLACK) for latency in seen)
    assert counted >= sum(latency > bound * GAMMA * (1 + SLACK) for latency in seen)


@given(many)
def test_it_counts_all(seen: list[float]) -> None:
    assert Sketch.of(seen).count == len(seen)


@given(st.lists(st.floats(-10, 10), max_size=10))
def test_what_is_faster_than_the_floor_counts_as_the_floor(seen: list[float]) -> None:
    assert Sketch.of(seen) == Sketch.of([max(latency, FLOOR_MS) for latency in seen])


def test_nothing_has_no_quantile() -> None:
    assert Sketch().quantile(0.95) is None
    assert (Sketch().count, Sketch().above(0)) == (0, 0)


def test_ten_microseconds_to_an_hour_are_about_a_thousand_buckets() -> None:
    assert bucket_of(3.6e6) - bucket_of(FLOOR_MS) <= 1000


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 50), (0.95, 95), (1.0, 100)])
def test_quantiles_of_one_to_a_hundred(share: float, expected: float) -> None:
    estimate = Sketch.of(range(1, 101)).quantile(share)

    assert estimate == pytest.approx(expected, rel=0.02)
