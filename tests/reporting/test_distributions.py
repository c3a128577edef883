"""What was measured at each step as a whole."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core import events as e
from canarytest.core.measure import Tally
from canarytest.core.reach import Version
from canarytest.core.sketch import Sketch
from canarytest.reporting.distributions import Distribution, distributions_of, splits_of
from canarytest.reporting.story import story_of
from tests.reporting import stories
from tests.reporting.stories import tally


def of(*told: e.Event) -> dict[tuple[str, Version], Distribution]:
    found = distributions_of(story_of([stories.started(), *told]))
    return {(d.step, d.version): d for d in found}


def test_both_versions_are_told_at_each_step_that_was_measured() -> None:
    found = distributions_of(story_of(stories.aborted_at_30()))

    assert [(d.step, d.version, d.requests) for d in found if d.step == "30%"] == [
        ("30%", Version.CANARY, 72),
        ("30%", Version.STABLE, 168),
    ]
    assert {d.step for d in found} == {"dark", "10%", "30%"}


def test_what_comes_after_a_step_was_left_is_not_its_own() -> None:
    found = of(
        stories.opened(0, 0),
        stories.load(1, 0, tally(10), tally(10)),
        e.StepJudged(stories.T0 + 2, 0, "dark", "successful", "", 2.0, {}, ()),
        stories.load(9, 0, tally(10, latency_ms=5000.0), tally(10)),
    )

    assert found["dark", Version.CANARY].requests == 10


@given(st.lists(st.floats(0.02, 60_000), min_size=1, max_size=60))
def test_columns_hold_every_request_between_their_bounds(latencies: list[float]) -> None:
    counted = Tally(len(latencies), 0, Sketch.of(latencies))
    columns = of(stories.opened(0, 0), stories.load(1, 0, counted, Tally()))[
        "dark", Version.CANARY
    ].columns

    assert sum(c.requests for c in columns) == len(latencies)
    assert sum(c.share for c in columns) == pytest.approx(1)
    assert all(a.high == b.low for a, b in itertools.pairwise(columns))
    for c in columns:
        inside = [x for x in latencies if c.low * 1.001 < x < c.high * 0.999]
        assert len(inside) <= c.requests
    assert columns[0].requests
    assert columns[-1].requests


def test_a_step_without_measurements_has_no_distribution() -> None:
    assert of(stories.opened(0, 0)) == {}


@pytest.mark.parametrize(
    ("told", "splits"),
    [
        (stories.promoted(), [("dark", 80), ("10%", 80), ("30%", 80), ("50%", 80)]),
        (stories.aborted_at_30()[:-9], [("dark", 80), ("10%", 80), ("30%", 20)]),
        (stories.aborted_dark(), [("dark", 0)]),
    ],
    ids=["as judged", "as seen", "nobody answered"],
)
def test_the_split_is_that_of_the_judgement_where_there_was_one(
    told: list[e.Event], splits: list[tuple[str, int]]
) -> None:
    assert [(s.step, s.total) for s in splits_of(story_of(told))] == splits


def test_a_split_has_its_interval_and_what_was_asked() -> None:
    (_, ten, *_) = splits_of(story_of(stories.promoted()))

    assert (ten.expected, ten.canary, ten.observed) == (0.1, 8, 0.1)
    assert ten.low < 0.1 < ten.high
    assert ten.tolerated[0] < 0.1 < ten.tolerated[1]


def test_without_an_answer_nothing_is_said_of_the_share() -> None:
    (dark,) = splits_of(story_of(stories.aborted_dark()))

    assert (dark.observed, dark.low, dark.high) == (None, 0.0, 1.0)
