"""Bands, and how the false alarms of a rollout are shared out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core.bands import DEFAULT_BANDS, Band, Policy, Test, is_metric


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


@given(
    steps=st.integers(1, 12),
    false_alarm=st.floats(1e-4, 0.5),
    bands=st.sets(st.sampled_from(["error_rate", "latency_p50_ms", "latency_p95_ms", "cpu"])),
)
def test_the_false_alarms_of_all_tests_add_up_to_the_rollouts(
    steps: int, false_alarm: float, bands: set[str]
) -> None:
    policy = Policy({name: Band(0.1, 0.2) for name in bands}, false_alarm).shared_by(steps)
    metrics = len(bands - {"cpu"})  # a gauge is no test
    times = {Test.BAND: metrics, Test.STABLE: metrics}

    spent = steps * sum(policy.alpha(test) * times.get(test, 1) for test in Test)
    assert spent == pytest.approx(false_alarm)


def test_sharing_keeps_the_rest() -> None:
    policy = Policy({"cpu": Band(0.5, 0.6)}, miss=0.2, promote_on_warning=True).shared_by(2)

    assert (policy.miss, policy.promote_on_warning, policy.steps) == (0.2, True, 2)
    assert policy.shared_by(3).steps == 3
