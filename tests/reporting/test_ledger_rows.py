"""What the ledger keeps of each story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from canarytest.core import events as e
from canarytest.reporting.ledger_rows import RunRow, name_of, rows_of
from tests.reporting import stories

Story = Callable[[], list[e.Event]]


def run_of(story: Story) -> RunRow:
    return rows_of(story(), "r1").run


@pytest.mark.parametrize(
    ("story", "step", "weight", "is_proven", "status"),
    [
        (stories.promoted, None, None, None, 0),
        (stories.aborted_dark, "dark", 0, True, 1),
        (stories.aborted_at_30, "30%", 30, True, 1),
        (stories.inconclusive, "10%", 10, True, 10),
        (stories.not_proven, "10%", 10, False, 11),
        (stories.truncated, None, None, False, None),
        (lambda: stories.promoted()[:5], None, None, False, None),
        (list, None, None, None, None),
    ],
)
def test_where_it_went_back_and_whether_that_is_proven(
    story: Story, step: str | None, weight: int | None, *, is_proven: bool | None, status: int
) -> None:
    run = run_of(story)

    assert (run.step, run.weight, run.is_proven) == (step, weight, is_proven)
    assert run.exit_status == status


@pytest.mark.parametrize(
    ("story", "times"),
    [  # detect, first failure, sent, last canary, proof
        (stories.promoted, (None, None, None, None, None)),
        (stories.aborted_dark, (0.4, None, 0.031, None, 10.2)),
        (
            stories.aborted_at_30,
            (2.1, 1.1, 0.031, 0.084, 10.2),
        ),  # the failure is in second 12 to 13
        (stories.not_proven, (0.4, None, 1.05, 58.2, None)),
    ],
)
def test_the_times(story: Story, times: tuple[float | None, ...]) -> None:
    run = run_of(story)

    found = (run.detect, run.first_failure, run.sent, run.last_canary, run.proof)

    assert found == pytest.approx(times)


def test_a_failure_counted_after_the_decision_was_not_after_it() -> None:
    late = [
        replace(event, time=stories.T0 + 20) if isinstance(event, e.MeasurementTaken) else event
        for event in stories.aborted_at_30()
    ]

    assert rows_of(late, "r1").run.first_failure == 0


def test_steps_and_tests_of_a_run() -> None:
    rows = rows_of(stories.aborted_dark(), "r1")

    assert [(s.label, s.verdict) for s in rows.steps][:2] == [("dark", "failed"), ("10%", None)]
    assert [(t.test.partition("::")[2], t.label, t.outcome) for t in rows.tests][:2] == [
        ("test_health", "dark", "passed"),
        ("test_login", "dark", "failed"),
    ]


@pytest.mark.parametrize(
    ("nodeid", "test"),
    [
        ("a.py::test_x[10%]", "a.py::test_x"),
        ("a.py::test_x[10%-jane]", "a.py::test_x[jane]"),
        ("a.py::TestIt::test_x[10%-[10%]]", "a.py::TestIt::test_x[[10%]]"),
        ("a.py::test_x[10%#2]", "a.py::test_x[10%#2]"),
        ("a.py::test_x", "a.py::test_x"),
    ],
)
def test_a_test_is_the_same_at_each_step(nodeid: str, test: str) -> None:
    assert name_of(nodeid, "10%") == test
