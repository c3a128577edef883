"""The series of a run, from its events."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core import events as e
from canarytest.core.measure import Tally
from canarytest.core.reasons import Cause
from canarytest.reporting.story import story_of
from canarytest.reporting.timeline import (
    MOST_BINS,
    Mark,
    Timeline,
    bin_width,
    timeline_of,
)
from tests.reporting import stories
from tests.reporting.stories import T0, tally


def of(*told: e.Event) -> Timeline:
    return timeline_of(story_of([stories.started(), *told]))


def second(at: float, canary: Tally, stable: Tally) -> e.MeasurementTaken:
    return stories.load(at, 0, canary, stable)


def test_a_band_is_as_long_as_its_step_was_open() -> None:
    bands = timeline_of(story_of(stories.aborted_at_30())).bands

    assert [(b.label, b.start, b.verdict) for b in bands] == [
        ("dark", 1.0, "successful"),
        ("10%", 6.0, "successful"),
        ("30%", 11.0, "failed"),
    ]
    assert [b.end for b in bands] == pytest.approx([5.0, 10.0, 13.1])


@pytest.mark.parametrize(
    ("told", "weights"),
    [
        (stories.promoted(), [(0.8, 0), (5.8, 10), (10.8, 30), (15.8, 50), (21.5, 100)]),
        (stories.aborted_dark(), [(0.8, 0), (1.431, 0)]),
        (stories.aborted_at_30(), [(0.8, 0), (5.8, 10), (10.8, 30), (13.131, 0)]),
        (stories.not_proven(), [(0.8, 0), (5.8, 10), (7.45, 0)]),
        (stories.truncated(), [(0.8, 0), (5.8, 10), (10.8, 30)]),
        ([stories.ended(1, "error", 12, "locked", (0, 0))], []),
    ],
    ids=["promoted", "aborted dark", "aborted at 30%", "not proven", "truncated", "never began"],
)
def test_a_weight_is_asked_for_before_it_is_in_force(
    told: list[e.Event], weights: list[tuple[float, int]]
) -> None:
    found = timeline_of(story_of(told)).weights

    assert [weight for _, weight in found] == [weight for _, weight in weights]
    assert [at for at, _ in found] == pytest.approx([at for at, _ in weights], abs=1e-3)


def test_the_expected_share_is_told_where_it_is_not_the_weight() -> None:
    opened = e.StepOpened(T0 + 1, 1, "10%", 10, 1 / 3, 0.2, "v101")

    ((at, share),) = of(opened).expected

    assert at == pytest.approx(0.8)
    assert share == 1 / 3


@pytest.mark.parametrize(
    ("told", "marks"),
    [
        (stories.promoted(), [Mark(21.5, "promoted")]),
        (
            stories.aborted_at_30(),
            [Mark(13.131, "abort sent", is_alarm=True), Mark(23.3, "rollback proven")],
        ),
        (
            stories.not_proven(),
            [
                Mark(7.45, "abort sent", is_alarm=True),
                Mark(66.4, "ROLLBACK NOT PROVEN", is_alarm=True),
            ],
        ),
        (stories.truncated(), []),
    ],
    ids=["promoted", "aborted at 30%", "not proven", "truncated"],
)
def test_marks_are_what_happened_to_the_rollout(told: list[e.Event], marks: list[Mark]) -> None:
    found = timeline_of(story_of(told)).marks

    assert [(mark.label, mark.is_alarm) for mark in found] == [(m.label, m.is_alarm) for m in marks]
    assert [mark.at for mark in found] == pytest.approx([mark.at for mark in marks], abs=1e-3)


def test_load_and_probe_of_a_second_are_added_up_by_version() -> None:
    told = of(
        stories.opened(0, 0),
        second(1, tally(30, 3, 40.0), tally(70)),
        stories.probe(1, 0, 2, 18),
    )

    assert [(p.at, p.version, p.rate, p.error_rate) for p in told.points] == [
        (0.5, "canary", 32, 3),
        (0.5, "stable", 88, 0),
    ]
    assert told.points[0].latency(95) == pytest.approx(40, rel=0.01)


def test_what_nobody_answered_is_nobodys() -> None:
    values = {"tallies": [[None, "", tally(4, 4).as_json()]]}
    told = of(stories.opened(0, 0), e.MeasurementTaken(T0 + 1, 0, "probe", values))

    assert [(p.version, p.error_rate) for p in told.points] == [("nobody", 4)]
    assert told.shares == ()


def test_a_second_that_was_not_measured_is_no_zero() -> None:
    told = of(stories.opened(0, 0), second(1, tally(5), tally(5)), second(5, tally(5), tally(5)))

    assert [p.at for p in told.points if p.version == "canary"] == [0.5, 4.5]


@given(st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=30), st.floats(0, 0.99))
def test_seconds_that_come_a_little_late_or_early_are_each_in_a_bin_of_their_own(
    late: list[float], phase: float
) -> None:
    ends = [1 + phase + i + (jitter if i else 0) for i, jitter in enumerate(late)]
    told = of(stories.opened(0, 0), *(second(at, tally(1), tally(9)) for at in ends))

    assert [p.tally.requests for p in told.points if p.version == "stable"] == [9] * len(late)


def long_run(seconds: int) -> Iterable[e.Event]:
    yield stories.opened(0, 0)
    for at in range(1, seconds + 1):
        yield second(at, tally(1, latency_ms=10.0 if at % 3 else 900.0), tally(9))


def test_a_long_run_is_drawn_in_bins_whose_requests_are_all_counted() -> None:
    told = of(*long_run(3600))
    canary = [p for p in told.points if p.version == "canary"]

    assert told.bin_s == 15
    assert len(canary) == 240
    assert sum(p.tally.requests for p in canary) == 3600
    assert [p.rate for p in canary] == pytest.approx([1.0] * 240)


def test_a_percentile_of_a_bin_is_of_its_requests_not_a_mean_of_percentiles() -> None:
    (first, *_) = (p for p in of(*long_run(3600)).points if p.version == "canary")

    assert first.latency(50) == pytest.approx(10, rel=0.01)
    assert first.latency(95) == pytest.approx(900, rel=0.01)


def test_a_bin_that_was_measured_in_part_has_its_rate_all_the_same() -> None:
    told = of(*long_run(3607))
    last = [p for p in told.points if p.version == "stable"][-1]

    assert last.tally.requests == 7 * 9
    assert last.rate == pytest.approx(9)


def test_a_second_that_was_cut_short_has_its_rate_all_the_same() -> None:
    told = of(
        stories.opened(0, 0),
        *(stories.probe(at, 0, 0, 20) for at in (1, 2, 3)),
        stories.probe(3.4, 0, 0, 8),
    )

    stable = [p.rate for p in told.points if p.version == "stable"]

    assert stable == pytest.approx([20, 20, 20])


def test_two_generators_side_by_side_are_added_up() -> None:
    both = [second(at / 2 + 1, tally(5), tally(30)) for at in range(20)]
    rates = [p.rate for p in of(stories.opened(0, 0), *both).points if p.version == "stable"]

    assert rates[1:] == pytest.approx([60] * (len(rates) - 1))


@given(st.floats(0, 1e6))
def test_there_are_never_more_bins_than_a_screen_shows(seconds: float) -> None:
    assert seconds / bin_width(seconds) <= MOST_BINS


def test_the_share_is_counted_from_the_opening_of_its_step_and_anew_from_the_abort() -> None:
    told = of(
        stories.opened(0, 1),
        stories.probe(1, 1, 2, 18),
        stories.probe(2, 1, 4, 16),
        *stories.back(2.2, "why", Cause.TEST, "10%"),
        stories.probe(3.5, 1, 0, 60),
    )

    assert [(s.since, s.canary, s.total) for s in told.shares] == [
        ("10%", 2, 20),
        ("10%", 6, 40),
        ("abort", 0, 60),
    ]
    assert all(s.low <= s.observed <= s.high for s in told.shares)


def test_what_the_probe_sees_between_two_steps_is_counted_to_neither() -> None:
    told = of(
        stories.opened(0, 0),
        e.StepJudged(T0 + 2, 0, "dark", "successful", "", 2.0, {}, ()),
        stories.probe(2.5, 0, 0, 20),
        stories.opened(3, 1),
        stories.probe(4, 1, 2, 18),
    )

    assert [(s.since, s.total) for s in told.shares] == [("10%", 20)]


def test_tests_are_ticks_with_their_outcome() -> None:
    told = timeline_of(story_of(stories.aborted_dark()))

    assert [tick.at for tick in told.ticks[:2]] == pytest.approx([1.2, 1.4])
    assert [tick.outcome for tick in told.ticks[:3]] == ["passed", "failed", "skipped"]
    assert len(told.ticks) == 16
