"""Bets: what they promise while the bound holds, and what they find where it does not."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core.betting import PARTS, STAKES, Bets

ALPHA = 0.05


def first_alarm(shares: list[float], bound: float, alpha: float = ALPHA) -> int | None:
    bets = Bets()
    for second, share in enumerate(shares, 1):
        bets = bets.after(share, bound)
        if bets.log_e >= math.log(1 / alpha):
            return second
    return None


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.001, 1)), max_size=5),
    st.floats(0.001, 1),
    st.floats(0, 1),
)
def test_no_bet_gains_by_what_is_fair(
    before: list[tuple[float, float]], bound: float, high: float
) -> None:
    """Of a second whose mean is the bound, 0 or *high*, the capital is in the mean what it was."""
    bets = Bets()
    for share, its_bound in before:
        bets = bets.after(share, its_bound)
    high = max(high, bound)
    chance = bound / high
    after = chance * math.exp(bets.after(high, bound).log_e)
    after += (1 - chance) * math.exp(bets.after(0.0, bound).log_e)

    assert after == pytest.approx(math.exp(bets.log_e))


def test_the_evidence_is_the_mean_of_the_capitals() -> None:
    bets = Bets().after(0.05, 0.01)

    assert math.exp(bets.log_e) == pytest.approx(
        sum(part * (1 + 4 * stake) for stake, part in zip(STAKES, PARTS, strict=True))
    )


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(lambda r: sum(r.random() < 0.01 for _ in range(20)) / 20, id="independent"),
        pytest.param(lambda r: float(r.random() < 0.01), id="all-of-a-second-or-none"),
        pytest.param(lambda r: (r.random() < 0.1) * 0.1, id="bursts-of-a-tenth"),
    ],
)
def test_bursts_raise_no_more_false_alarms_than_stated(second: object) -> None:
    assert callable(second)
    alarms = 0
    for seed in range(400):
        random_ = random.Random(seed)
        alarms += first_alarm([second(random_) for _ in range(300)], 0.01) is not None

    assert alarms <= 36  # 20 in the mean at most, at the very bound


def test_a_second_in_which_all_fail_is_not_enough_two_are() -> None:
    assert first_alarm([1.0, 1.0, 1.0], 0.01, alpha=0.001) == 2
    assert first_alarm([1.0] + [0.0] * 100, 0.01, alpha=0.001) is None
