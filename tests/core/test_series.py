"""A series: what one version served, and which share of it speaks against a metric."""

import pytest

from canarytest.core.bands import ERROR_RATE, Band
from canarytest.core.betting import Bets
from canarytest.core.measure import Tally
from canarytest.core.series import Series, share_beyond
from tests.core.steps import tally

BANDS = {ERROR_RATE: Band(0.01, 0.05), "latency_p95_ms": Band(500, 1000)}


@pytest.mark.parametrize(
    ("metric", "seen", "share", "borne"),
    [
        (ERROR_RATE, tally(20, 3), 0.15, 0.01),
        (ERROR_RATE, tally(20), 0.0, 0.01),
        ("latency_p95_ms", tally(20, slow=5), 0.25, 0.05),
        ("latency_p95_ms", tally(20, fast=999.0), 0.0, 0.05),
    ],
)
def test_what_speaks_against_a_metric(metric: str, seen: Tally, share: float, borne: float) -> None:
    assert share_beyond(metric, BANDS[metric], seen) == pytest.approx((share, borne))


def test_a_series_adds_up_and_bets_second_by_second() -> None:
    series = Series().after(tally(20, 3), BANDS).after(tally(10), BANDS)

    assert series.total == tally(30, 3)
    assert series.log_e(ERROR_RATE) == Bets().after(0.15, 0.01).after(0.0, 0.01).log_e


def test_a_second_without_a_request_says_nothing() -> None:
    series = Series().after(tally(20, 3), BANDS)

    assert series.after(Tally(), BANDS) == series
    assert Series().log_e(ERROR_RATE) == 0


@pytest.mark.parametrize("metric", ["cpu", "latency_p00_ms"])
def test_what_is_not_made_of_requests_is_our_own_mistake(metric: str) -> None:
    with pytest.raises(ValueError, match=metric):
        share_beyond(metric, Band(1, 2), tally(20))
