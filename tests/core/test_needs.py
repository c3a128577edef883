"""What a step needs: as many as the judge then asks for, and the time that takes."""

import pytest

from canarytest.core.bands import DEFAULT_BANDS, ERROR_RATE, Band, Policy, Test
from canarytest.core.finding import Zone
from canarytest.core.metric import judge_metric
from canarytest.core.needs import Need, need_of
from canarytest.core.plan import Step
from canarytest.core.series import Series
from canarytest.core.split import Split, judge_split
from tests.core.steps import POLICY, second_of, tally


def step(share: float, bake_s: float = 120.0) -> Step:
    return Step(0, "10%", 10, share, bake_s, False, 1, 1, 2)


def need(share: float = 0.1, rate: float | None = 5.0, policy: Policy = POLICY) -> Need:
    found = need_of(step(share), policy, rate, look_longer_s=60)
    assert found is not None
    return found


def test_so_many_good_requests_are_what_the_judge_takes() -> None:
    for metric, band in POLICY.requests.items():
        enough = Series().after(tally(need().requests), POLICY.requests)
        assert judge_metric(metric, band, enough, POLICY).zone is Zone.NORMAL
    short = Series().after(tally(need().requests - 1), POLICY.requests)

    assert judge_metric(need().metric, POLICY.bands[need().metric], short, POLICY).zone is (
        Zone.TOO_LITTLE
    )


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 1 / 3, 0.5, 0.9, 1.0])
def test_so_many_responses_confirm_a_split_that_is_as_set(share: float) -> None:
    responses = need(share).responses
    split = Split(round(share * responses), responses, share)

    assert judge_split(split, alpha=POLICY.alpha(Test.SPLIT), miss=POLICY.miss).matches
    assert responses < 5000


def test_so_many_requests_and_seconds_find_a_bad_canary() -> None:
    seconds, band = need().catch_s, POLICY.bands[ERROR_RATE]
    bad = tally(seconds * 100, seconds * 5)
    series = Series()
    for second in range(seconds):
        before = judge_metric(ERROR_RATE, band, series, POLICY).zone
        series = series.after(second_of(bad, second, seconds), POLICY.requests)

    assert before is not Zone.ROLL_BACK
    assert judge_metric(ERROR_RATE, band, series, POLICY).zone is Zone.ROLL_BACK
    assert 0 < need().catch < 1000


@pytest.mark.parametrize(
    ("rate", "said", "out_of_reach"),
    [
        (5.0, "about 15 s at 5/s; a canary", False),
        (0.3, "about 257 s at 0.3/s, but it is looked at for 180 s: it will be inconclusive", True),
        (None, "how long that takes is not known, as the load has no rate; a canary", False),
    ],
)
def test_the_time_it_takes_is_told(rate: float | None, said: str, out_of_reach: bool) -> None:
    found = need(rate=rate)

    assert str(found).startswith("10%: a decision takes 77 good requests of the canary (error rate")
    assert said in str(found)
    assert found.is_out_of_reach is out_of_reach


def test_where_nothing_is_made_of_requests_nothing_is_needed() -> None:
    policy = Policy({"cpu": Band(0.5, 0.9)})

    assert need_of(step(0.1), policy, 5.0, look_longer_s=60) is None


def test_bands_that_tell_nothing_apart_promise_no_find() -> None:
    policy = Policy({**DEFAULT_BANDS, ERROR_RATE: Band(0.05, 0.05)})

    assert need(policy=policy).catch == 0
    assert "roll-back bound" not in str(need(policy=policy))
