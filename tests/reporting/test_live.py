"""The live line at moments of the stories: what it says is what the events have said until then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from canarytest.core import events as e
from canarytest.reporting.live import Live
from tests.reporting import stories

Story = Callable[[], list[e.Event]]
STARTED = stories.started(tests={"dark": 4, "10%": 4, "30%": 4, "50%": 4})

AT_10 = "10%  2 s left  4/4 tests  112 req/s  errors 0.0 %  p95 20 ms  canary 10.0 %"
AT_30 = "30%  2 s left  2/4 tests  120 req/s  errors 1.4 %  p95 1901 ms  canary 30.0 %"


def line_of(story: Story, at: float) -> str:
    """The line *at* so many seconds of *story*."""
    shown: list[str] = []
    live = Live(shown.append, lambda: stories.T0 + at)
    for event in [STARTED, *story()[1:]]:
        if event.time <= stories.T0 + at:
            live(event)
    live.refresh()
    return shown[-1]


@pytest.mark.parametrize(
    ("story", "at", "line"),
    [
        (stories.promoted, 0, "opening dark"),
        (stories.promoted, 1.1, "dark  4 s left  0/4 tests  0 req/s"),
        (stories.promoted, 8.5, AT_10),
        (stories.promoted, 10, "opening 30%"),
        (stories.promoted, 20, "promoting"),
        (stories.promoted, 21.5, "promoted, taking all down"),
        (stories.promoted, 22, ""),
        (stories.aborted_at_30, 13, AT_30),
        (
            stories.aborted_at_30,
            18.1,
            "aborted at 30%  proving the rollback for 5 s  0 of 0 responses from the canary",
        ),
        (stories.aborted_at_30, 23.4, "rollback proven, until the canary is gone"),
        (stories.aborted_at_30, 24, ""),
        (stories.not_proven, 40, "aborted at 10%  proving the rollback for 34 s  0 of 0 responses"),
    ],
)
def test_a_moment(story: Story, at: float, line: str) -> None:
    assert line_of(story, at).startswith(line)
    assert line_of(story, at) == line or line.endswith("responses")


def test_after_its_time_a_step_is_baked() -> None:
    def until() -> list[e.Event]:
        return [event for event in stories.inconclusive() if event.time < stories.T0 + 10]

    assert line_of(until, 60).startswith("10%  baked  ")


def test_what_the_canary_answers_while_it_is_taken_back_is_told() -> None:
    def story() -> list[e.Event]:
        begun = stories.not_proven()[:-2]
        return [*begun, stories.probe(20, 1, 3, 17), stories.probe(21, 1, 1, 19)]

    assert line_of(story, 21).endswith("4 of 40 responses from the canary")


@pytest.mark.parametrize("story", stories.STORIES.values(), ids=stories.STORIES.keys())
def test_no_event_is_too_much(story: Story) -> None:
    for cut in range(len(story()) + 1):
        line_of(lambda cut=cut: story()[:cut], 1000.0)  # type: ignore[misc]  # mypy infers no type


def test_what_is_expected_is_said_where_it_is_not_the_weight() -> None:
    """Without a router the pods are the split: 33 % where 10 % were asked for."""

    def story() -> list[e.Event]:
        opened = replace(stories.opened(1, 1), share=1 / 3)
        return [stories.started(), opened, stories.probe(2, 1, 6, 14)]

    assert line_of(story, 2).endswith("canary 30.0 % of 33%")


def test_a_rollout_that_is_left_paused_is_said_to_be() -> None:
    def story() -> list[e.Event]:
        return [*stories.promoted()[:-2], e.RolloutLeft(stories.T0 + 21.5, 3, "50%", "v101")]

    assert line_of(story, 21.5) == "left paused, taking all down"


def test_without_a_plan_there_is_a_line_all_the_same() -> None:
    shown: list[str] = []
    live = Live(shown.append, lambda: stories.T0 + 2)

    live(stories.opened(1, 1))

    assert shown == ["10%  0 tests  0 req/s"]


@pytest.mark.parametrize(
    ("bake_s", "line"),
    [(0, "10%  0 tests"), (59.4, "10%  59 s left"), (125, "10%  2 min 5 s left")],
)
def test_the_time_left_is_read_as_a_clock(bake_s: float, line: str) -> None:
    shown: list[str] = []
    live = Live(shown.append, lambda: stories.T0 + 1)
    live(stories.started(steps=({**stories.plan()[1], "bake_s": bake_s},)))

    live(stories.opened(1, 1))

    assert shown[-1].startswith(line)
