"""When a generator is the limit: tables of seconds."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import pytest

from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.reach import Version
from canarytest.signals.generator import saturation
from canarytest.signals.load import LoadSpec


def seconds_of(
    *, cpu: Sequence[float] = (), lag_s: Sequence[float] = (), rate: Sequence[int] = ()
) -> list[LoadSecond]:
    rows = zip_longest(cpu, lag_s, rate)
    return [
        second(
            at=1000.0 + i, cpu=busy or 0, lag_s=late or 0, requests=100 if made is None else made
        )
        for i, (busy, late, made) in enumerate(rows)
    ]


def second(
    *, at: float, users: int = 10, cpu: float = 0, lag_s: float = 0, requests: int = 100
) -> LoadSecond:
    tallies = (EndpointTally(Version.STABLE, "GET /", Tally(requests)),)
    return LoadSecond(at, users, cpu, lag_s, tallies)


def spec_of(*, rate: float | None = None, spawn_rate: float = 10.0) -> LoadSpec:
    return LoadSpec(Path(__file__), users=10, spawn_rate=spawn_rate, rate=rate)


@pytest.mark.parametrize(
    ("seconds", "rate"),
    [
        pytest.param([], 100, id="nothing-yet"),
        pytest.param(seconds_of(cpu=(0.2, 0.3, 0.89)), None, id="below-the-limit"),
        pytest.param(seconds_of(cpu=(0.2, 1.0, 0.2)), None, id="busy-once"),
        pytest.param(seconds_of(cpu=(1.0, 1.0, 0.2, 0.2)), None, id="busy-long-ago"),
        pytest.param(seconds_of(lag_s=(0.1, 0.49, 0.7)), None, id="late-once"),
        pytest.param(seconds_of(rate=(1, 1, 1, 1, 1)), None, id="no-rate-to-hold"),
        pytest.param(seconds_of(rate=(0, 9, 95, 90, 99)), 100, id="held"),
        pytest.param(seconds_of(rate=(0, 9, 10, 10)), 100, id="slow-for-two-seconds"),
        pytest.param(seconds_of(rate=(0, 9, 10, 10, 95)), 100, id="slow-but-caught-up"),
    ],
)
def test_a_generator_that_keeps_up_can_be_trusted(
    seconds: list[LoadSecond], rate: float | None
) -> None:
    assert saturation(seconds, spec_of(rate=rate)) is None


@pytest.mark.parametrize(
    ("seconds", "rate", "words"),
    [
        pytest.param(
            seconds_of(cpu=(0.2, 0.93, 0.4, 0.98)),
            None,
            ["93%, 98% of a core", "2 of the last 3 seconds", "limit 90%"],
            id="busy",
        ),
        pytest.param(
            seconds_of(lag_s=(0.0, 0.51, 1.25)),
            None,
            ["by 0.51 s, 1.25 s", "2 of the last 3 seconds", "limit 0.5 s"],
            id="late",
        ),
        pytest.param(
            seconds_of(rate=(0, 9, 89, 80, 85)),
            100,
            ["89, 80, 85 requests/s", "expected 100", "at least 90%"],
            id="slow",
        ),
    ],
)
def test_a_generator_at_its_limit_is_told_with_its_numbers(
    seconds: list[LoadSecond], rate: float | None, words: list[str]
) -> None:
    sentence = saturation(seconds, spec_of(rate=rate))

    assert sentence is not None
    assert [word for word in words if word not in sentence] == []


def test_a_rate_is_not_asked_for_while_users_are_still_added() -> None:
    slow = seconds_of(rate=(0, 10, 20, 30, 40, 50))

    assert saturation(slow, spec_of(rate=100, spawn_rate=2.0)) is None
    assert saturation(slow, spec_of(rate=100, spawn_rate=5.0)) is not None


def test_a_second_is_as_long_as_it_was() -> None:
    late_lines = [second(at=1000.0 + 2 * i, requests=150) for i in range(6)]

    assert saturation(late_lines, spec_of(rate=100)) is not None
    assert saturation(late_lines, spec_of(rate=75)) is None


def test_letting_the_users_go_at_the_end_is_not_held_against_the_generator() -> None:
    whole = [second(at=1000.0 + i) for i in range(5)]
    ending = [
        second(at=1005.0, users=6, requests=40, cpu=1.0),
        second(at=1006.0, users=2, requests=10, cpu=1.0),
        second(at=1006.1, users=0, requests=1, cpu=1.0),
    ]

    assert saturation(whole + ending, spec_of(rate=100)) is None
    assert saturation(whole + ending[:2], spec_of(rate=100)) is not None
