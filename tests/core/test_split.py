"""The split: its stated error rates, by simulation."""

import random
import statistics

import pytest

from canarytest.core.split import Split, contradicts, judge_split, tolerated

ALPHA, MISS = 0.001, 0.01


def observe(share: float, expected: float, seed: int) -> tuple[bool | None, int]:
    random_ = random.Random(seed)
    canary = 0
    for total in range(1, 4001):
        canary += random_.random() < share
        if total % 10 == 0:
            verdict = judge_split(Split(canary, total, expected), alpha=ALPHA, miss=MISS)
            if verdict.matches is not None:
                return verdict.matches, total
    return None, 4000


@pytest.mark.parametrize("expected", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_true_share_passes(expected: float) -> None:
    results = [observe(expected, expected, seed) for seed in range(100)]

    assert [matches for matches, _ in results] == [True] * 100
    assert statistics.median(total for _, total in results) <= 250


@pytest.mark.parametrize(
    ("share", "expected"), [(1 / 3, 0.1), (1 / 3, 0.5), (0.02, 0.1), (0.67, 0.9), (0.5, 0.3)]
)
def test_a_wrong_share_does_not(share: float, expected: float) -> None:
    results = [observe(share, expected, seed)[0] for seed in range(100)]

    assert results.count(True) <= 3
    assert results.count(False) >= 97


def test_one_of_three_is_told_from_ten_percent_within_two_hundred_responses() -> None:
    numbers = [observe(1 / 3, 0.1, seed)[1] for seed in range(100)]

    assert statistics.median(numbers) <= 60
    assert max(numbers) <= 300


def test_looking_always_raises_no_more_false_alarms_than_stated() -> None:
    random_ = random.Random(3)
    alarms = 0
    for _ in range(400):
        canary = 0
        for total in range(1, 1001):
            canary += random_.random() < tolerated(0.1)[1]
            if contradicts(Split(canary, total, 0.1), alpha=0.05):
                alarms += 1
                break

    assert alarms <= 36  # 20 on average at most, at the very edge of the tolerance


@pytest.mark.parametrize(
    ("canary", "total", "expected", "matches"),
    [
        pytest.param(0, 1000, 0.0, True, id="dark-and-clean"),
        pytest.param(1, 1000, 0.0, False, id="one-leak-in-the-dark"),
        pytest.param(0, 50, 0.0, None, id="too-few-to-exclude-a-leak"),
        pytest.param(1000, 1000, 1.0, True, id="all-on-the-canary"),
        pytest.param(999, 1000, 1.0, False, id="one-left-on-stable"),
        pytest.param(0, 0, 0.1, None, id="nothing-answered"),
    ],
)
def test_no_leak_is_allowed_at_the_ends(
    canary: int, total: int, expected: float, matches: bool | None
) -> None:
    assert judge_split(Split(canary, total, expected), alpha=ALPHA, miss=MISS).matches is matches


def test_the_sentence_has_every_number() -> None:
    verdict = judge_split(Split(95, 300, 0.1), alpha=ALPHA, miss=MISS)

    assert "95 of 300 responses = 31.7%" in verdict.sentence
    assert "is not the expected 10.0%" in verdict.sentence
