"""Bands, and how the false alarms of a rollout are shared out."""

import pytest

from canarytest.core.bands import DEFAULT_BANDS, Band, Policy, is_metric


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("error_rate", True),
        ("cpu", True),
        ("memory", True),
        ("latency_p50_ms", True),
        ("latency_p99_ms", True),
        ("latency_p05_ms", True),
        ("latency_p00_ms", False),  # no request is faster than the fastest: nothing to judge
        ("latency_p5_ms", False),
        ("latency_p999_ms", False),
        ("latency_p95", False),
        ("latency", False),
        ("disk", False),
    ],
)
def test_what_bands_can_be_given_for(name: str, expected: bool) -> None:
    assert is_metric(name) is expected


def test_every_default_is_a_metric_with_its_warning_below() -> None:
    assert all(is_metric(name) for name in DEFAULT_BANDS)
    assert all(band.warning < band.roll_back for band in DEFAULT_BANDS.values())


def test_the_false_alarms_are_shared_by_steps_and_tests() -> None:
    policy = Policy(DEFAULT_BANDS, false_alarm=0.03).shared_by(5)

    assert policy.looks == 15  # error rate, latency and split, at five steps; gauges are not tests
    assert policy.alpha == pytest.approx(0.002)


def test_sharing_keeps_the_rest() -> None:
    policy = Policy({"cpu": Band(0.5, 0.6)}, miss=0.2, promote_on_warning=True).shared_by(2)

    assert (policy.miss, policy.promote_on_warning, policy.looks) == (0.2, True, 2)
    assert policy.shared_by(3).looks == 3
