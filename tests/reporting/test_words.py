"""What was asked of a step and what its pods give, where no router gives it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from canarytest.core import events as e
from canarytest.reporting.overview import html_of
from canarytest.reporting.story import story_of
from canarytest.reporting.words import by_pods
from tests.reporting import stories
from tests.reporting.test_terminal import lines_of

GIVEN = "10 % asked, 33.3 % by 1 of 3 pods"


@pytest.mark.parametrize(
    ("weight", "share", "pods", "expected"),
    [
        (10, 1 / 3, (1, 2), GIVEN),
        (50, 0.5, (1, 1), ""),
        (10, 0.1, (1, 2), ""),  # a router gives it, however many pods there are
        (0, 0.0, (1, 2), ""),
        (10, 0.25, (0, 0), ""),  # an older run, which did not say
    ],
)
def test_it_is_said_where_they_differ(
    weight: int, share: float, pods: tuple[int, int], expected: str
) -> None:
    step = {"weight": weight, "share": share, "canary_pods": pods[0], "stable_pods": pods[1]}

    assert by_pods(step) == expected
    assert by_pods({"weight": weight}) == ""


def without_router() -> Iterator[e.Event]:
    """Yield a promoted run whose pods are the split: a third at each weight but 0."""

    def given(step: dict[str, Any]) -> dict[str, Any]:
        return {**step, "share": 1 / 3} if step["weight"] == 10 else step

    for event in stories.promoted():
        if isinstance(event, e.RolloutStarted):
            yield replace(event, steps=tuple(map(given, stories.plan())))
        elif isinstance(event, e.StepOpened) and event.weight == 10:
            yield replace(event, share=1 / 3)
        else:
            yield event


def test_the_terminal_and_the_report_say_so_of_that_step_alone() -> None:
    told = list(without_router())
    lines = [line for line, _ in lines_of(told) if "asked" in line]

    assert len(lines) == 1
    assert f"33.3 % of users expected on the canary v101 ({GIVEN})" in " ".join(
        line.strip() for line, _ in lines_of(told)
    )
    assert html_of(story_of(told)).count(GIVEN) == 1
