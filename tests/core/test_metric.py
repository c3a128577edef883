"""One metric of one version: its zone, its interval and what it tells a person."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core.bands import ERROR_RATE, Band, Policy, Test
from canarytest.core.finding import Finding, Zone
from canarytest.core.measure import Tally
from canarytest.core.metric import is_below_warning, judge_metric, latency_interval, named
from canarytest.core.series import Series
from canarytest.core.sketch import Sketch
from tests.core.steps import POLICY, second_of, tally

P95 = "latency_p95_ms"
LENIENT = replace(POLICY, promote_on_warning=True)


def series(whole: Tally, seconds: int = 20) -> Series:
    found = Series()
    for index in range(seconds):
        found = found.after(second_of(whole, index, seconds), POLICY.requests)
    return found


def judged(metric: str, whole: Tally, policy: Policy = POLICY, *, seconds: int = 20) -> Finding:
    return judge_metric(metric, POLICY.bands[metric], series(whole, seconds), policy)


@pytest.mark.parametrize(
    ("seen", "policy", "zone", "said"),
    [
        pytest.param(tally(2000, 5), POLICY, Zone.NORMAL, "normal, below 1.0%", id="normal"),
        pytest.param(tally(2000, 50), POLICY, Zone.WARNING, "nor over 5.0%", id="warning"),
        pytest.param(tally(2000, 200), POLICY, Zone.ROLL_BACK, "): over 5.0%, roll", id="over"),
        pytest.param(tally(20), POLICY, Zone.TOO_LITTLE, "20 of at least 77", id="too-few"),
        pytest.param(tally(100, 2), POLICY, Zone.WARNING, "warning, not proven", id="two-percent"),
        pytest.param(
            tally(400, 18), POLICY, Zone.ROLL_BACK,
            "over 1.0%, and cannot be told from 5.0%, roll back", id="nearly-five-percent",
        ),
        pytest.param(
            tally(400, 18), LENIENT, Zone.WARNING, "warning, not proven",
            id="nearly-five-percent-where-warnings-are-promoted",
        ),
    ],
)  # fmt: skip
def test_the_zones_of_an_error_rate(seen: Tally, policy: Policy, zone: Zone, said: str) -> None:
    finding = judged(ERROR_RATE, seen, policy)

    assert finding.zone is zone
    assert said in finding.sentence


def test_one_burst_of_failures_is_no_breach_the_same_number_spread_is() -> None:
    calm = series(tally(1900), 19)
    burst = calm.after(tally(100, 100), POLICY.requests)
    spread = series(tally(2000, 100))

    assert burst.total.error_rate == spread.total.error_rate == POLICY.bands[ERROR_RATE].roll_back
    found = [
        judge_metric(ERROR_RATE, POLICY.bands[ERROR_RATE], each, LENIENT).zone
        for each in (burst, spread)
    ]
    assert found == [Zone.TOO_LITTLE, Zone.ROLL_BACK]


def test_it_takes_more_evidence_the_more_is_looked_at() -> None:
    seen = series(tally(3, 3), 3)
    limits = [math.log(1 / POLICY.shared_by(steps).alpha(Test.BAND)) for steps in (1, 10**9)]
    zones = [
        judge_metric(ERROR_RATE, POLICY.bands[ERROR_RATE], seen, POLICY.shared_by(steps)).zone
        for steps in (1, 10**9)
    ]

    assert limits[0] < seen.log_e(ERROR_RATE) < limits[1]
    assert zones == [Zone.ROLL_BACK, Zone.TOO_LITTLE]


def test_sentences_are_whole() -> None:
    assert judged(ERROR_RATE, tally(2000, 200)).sentence == (
        "error rate 10.0% (200 of 2000 requests, between 7.7% and 12.7%): over 5.0%, roll back"
    )
    assert judged(ERROR_RATE, Tally()).sentence == (
        "error rate 0.0% (0 of 0 requests, between 0.0% and 100.0%): too little to decide, "
        "0 of at least 77 requests"
    )
    assert judged(P95, tally(2000, fast=700.0)).sentence == (
        "latency p95 699 ms, between 692 and 706 (0 of 2000 requests over 1000 ms): "
        "warning, not proven to be below 500 ms nor over 1000 ms"
    )
    assert judged(ERROR_RATE, tally(500, 100), seconds=2).sentence.endswith(
        "too little to decide, 500 requests prove neither below 1.0% nor over 5.0% so far"
    )


@pytest.mark.parametrize(
    ("seen", "zone"),
    [
        pytest.param(tally(2000), Zone.NORMAL, id="fast"),
        pytest.param(tally(2000, slow=60), Zone.NORMAL, id="three-percent-slow"),
        pytest.param(tally(2000, fast=700.0), Zone.WARNING, id="between"),
        pytest.param(tally(2000, slow=300), Zone.ROLL_BACK, id="fifteen-percent-slow"),
        pytest.param(tally(76), Zone.TOO_LITTLE, id="one-too-few"),
        pytest.param(tally(77), Zone.NORMAL, id="just-enough"),
    ],
)
def test_the_zones_of_a_latency(seen: Tally, zone: Zone) -> None:
    assert judged(P95, seen, seconds=1 if seen.requests < 100 else 20).zone is zone


@pytest.mark.parametrize(
    ("metric", "seen", "below"),
    [
        pytest.param(ERROR_RATE, tally(2000, 2), True, id="one-in-a-thousand"),
        pytest.param(ERROR_RATE, tally(2000, 18), False, id="nearly-one-percent"),
        pytest.param(ERROR_RATE, tally(50), False, id="too-few"),
        pytest.param(ERROR_RATE, Tally(), False, id="none"),
        pytest.param(P95, tally(2000), True, id="fast"),
        pytest.param(P95, tally(2000, fast=700.0), False, id="slow"),
        pytest.param(P95, tally(2000, slow=95), False, id="nearly-five-percent-slow"),
    ],
)
def test_what_is_shown_to_be_below_the_warning_bound(metric: str, seen: Tally, below: bool) -> None:
    assert is_below_warning(metric, POLICY.bands[metric], seen) is below


@pytest.mark.parametrize(("metric", "words"), [(ERROR_RATE, "error rate"), (P95, "latency p95")])
def test_a_metric_is_named_as_people_say_it(metric: str, words: str) -> None:
    assert named(metric) == words


def test_a_quantile_of_few_has_no_upper_end() -> None:
    assert latency_interval(tally(20), 0.95, 0.05)[1] is None
    assert latency_interval(tally(2000), 0.95, 0.05)[1] == pytest.approx(20, rel=0.01)
    assert latency_interval(Tally(), 0.95, 0.05) == (None, None)


@given(st.floats(0.1, 5000))
def test_the_interval_is_never_finer_than_the_sketch(latency_ms: float) -> None:
    low, high = latency_interval(tally(2000, fast=latency_ms), 0.95, 0.05)

    assert low is not None
    assert high is not None
    assert low <= latency_ms * (1 + 1e-9)
    assert latency_ms <= high * (1 + 1e-9)


some_latencies = st.lists(st.sampled_from([5.0, 20.0, 80.0, 700.0, 3000.0]), max_size=300)


@given(some_latencies, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_holds_the_estimate(latencies: list[float], quantile: float) -> None:
    seen = Tally(len(latencies), 0, Sketch.of(latencies))
    estimate = seen.latency.quantile(quantile)
    low, high = latency_interval(seen, quantile, 0.05)

    if estimate is not None:
        assert low is None or low <= estimate
        assert high is None or estimate <= high


bands = st.tuples(st.floats(0.001, 0.5), st.floats(0.001, 0.5)).map(
    lambda pair: Band(min(pair), max(pair))
)
seen_counts = st.integers(0, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(seen_counts, bands)
def test_never_normal_from_the_warning_bound_on(seen: tuple[int, int], band: Band) -> None:
    failures, n = seen
    found = Series().after(tally(n, failures), {ERROR_RATE: band})
    zone = judge_metric(ERROR_RATE, band, found, POLICY).zone

    if zone is Zone.NORMAL:
        assert failures / n < band.warning
    if zone is Zone.ROLL_BACK:
        assert failures / n > band.warning
    if n == 0:
        assert zone is Zone.TOO_LITTLE
