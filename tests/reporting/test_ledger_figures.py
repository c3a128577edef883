"""A team's figures, from rows written by hand: the scenario's among them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from canarytest.core.reasons import Cause
from canarytest.reporting.ledger_figures import ending_of, figures_of
from canarytest.reporting.ledger_rows import RunRow, TestRow, rows_of
from canarytest.reporting.ledger_words import sentences, table

PLAIN = rows_of([], "r").run


def run(number: int = 0, outcome: str = "promoted", **changes: Any) -> RunRow:
    started = f"2026-01-{1 + number % 28:02}T09:12:00.000Z"
    changes = {"run_id": f"r{number}", "started": started, "reason": "", **changes}
    return replace(PLAIN, outcome=outcome, **changes)


def back(number: int, step: str = "10%", **changes: Any) -> RunRow:
    return run(number, "aborted", step=step, cause=Cause.TEST, is_proven=True, **changes)


def scenario() -> list[RunRow]:
    """52 canaries in three months, as the reference case counts them by hand."""
    seen = [("10%", 45)] * 3 + [("30%", 120)] * 2
    rolled_back = [
        back(
            n, step, requests=met, failures=4, detect=30.0 + n, sent=0.01, last_canary=20.0 + 4 * n
        )
        for n, (step, met) in enumerate(seen)
    ]
    return [*(run(n, requests=1000, failures=0) for n in range(47)), *rolled_back]


SCENARIO = """\
canaries     52: 47 promoted (90.4 %), 5 rolled back: 3 at 10%, 2 at 30%
detected     32.0 s (median of 5, 95 % within 34.0 s) from the opening of the step to the decision
abort sent   0.01 s (median of 5, 95 % within 0.01 s) after the decision
last canary  28.0 s (median of 5, 95 % within 36.0 s) from the decision to its last response
exposure     47375 requests of users were answered by a canary, 20 of them failed
             375 of them by a canary that was rolled back, 20 of those failed
"""


def test_the_scenario_is_told_without_counting_by_hand() -> None:
    told = sentences(figures_of(scenario(), []))

    assert "".join(f"{line}\n" for line in itertools.islice(told, 6)) == SCENARIO


@pytest.mark.parametrize(
    ("row", "ending"),
    [
        (run(), "promoted"),
        (back(0), "rolled back"),
        (run(0, "inconclusive"), "inconclusive"),
        (run(0, "error", is_proven=False), "NOT PROVEN"),
        (run(0, "aborted", cause=Cause.DRILL, is_proven=True), "drill"),
        (run(0, "aborted", cause=Cause.DRILL, is_proven=False), "NOT PROVEN"),
    ],
)
def test_what_became_of_a_run(row: RunRow, ending: str) -> None:
    assert ending_of(row) == ending


def test_drills_and_aa_runs_are_counted_beside() -> None:
    drill = run(1, "aborted", cause=Cause.DRILL, is_proven=True, sent=0.5)
    alarm, quiet = back(2, aa=True), run(3, aa=True)
    on_purpose = replace(drill, run_id="r5", aa=True, sent=None)

    found = figures_of([run(0), drill, alarm, quiet, run(4, "paused"), on_purpose], [])

    assert (found["canaries"], found["promoted_share"], found["rolled_back"]) == (1, 1.0, 0)
    assert (found["drills"], found["aa_runs"], found["false_alarms"]) == (2, 3, 1)
    assert found["seconds"]["to_abort_sent"] == {"n": 1, "median": 0.5, "p95": 0.5}


def test_the_95th_percentile_is_a_time_that_was_measured() -> None:
    found = figures_of([back(n, detect=float(n)) for n in range(1, 21)], [])

    assert found["seconds"]["to_detect"] == {"n": 20, "median": 10.5, "p95": 19.0}


def test_what_was_not_counted_is_not_counted_as_none() -> None:
    found = figures_of([run(0, requests=10, failures=1), run(1, requests=None)], [])

    assert found["exposed"] == {"runs": 1, "requests": 10, "failures": 1}


def ended(number: int, outcome: str, *, label: str = "10%", reruns: int = 0) -> TestRow:
    return TestRow(f"r{number}", 1, label, "a.py::test_x", outcome, 0.1, reruns)


@pytest.mark.parametrize(
    ("tests", "flaky"),
    [
        ([ended(0, "passed"), ended(1, "passed")], None),
        ([ended(0, "passed", reruns=2)], (1, 0)),
        ([ended(0, "failed", reruns=2)], None),
        ([ended(0, "passed"), ended(1, "failed")], (0, 1)),
        ([ended(0, "passed"), ended(1, "error")], (0, 1)),
        ([ended(0, "passed"), ended(1, "skipped")], None),
        ([ended(0, "passed"), ended(1, "failed", label="30%")], None),
        ([ended(0, "passed"), ended(2, "failed")], None),  # another revision
    ],
)
def test_which_tests_are_flaky(tests: list[TestRow], flaky: tuple[int, int] | None) -> None:
    runs = [run(0, canary="v1"), run(1, canary="v1"), run(2, canary="v2")]

    found = figures_of(runs, tests)["flaky"]

    assert [(t["passed_when_rerun"], t["changed_on_a_revision"]) for t in found] == (
        [flaky] if flaky else []
    )


def test_the_trend_has_a_line_for_each_week() -> None:
    weeks = figures_of([run(0), back(1, requests=5, failures=2, detect=3.0), run(8)], [])["weeks"]

    assert [(w["week"], w["canaries"], w["rolled_back"], w["failures"]) for w in weeks] == [
        ("2026-W01", 2, 1, 2),
        ("2026-W02", 1, 0, 0),
    ]


def test_nothing_at_all_is_said_too() -> None:
    assert list(table([], 80)) == ["no run"]
    assert next(sentences(figures_of([], []))) == "canaries  0: 0 promoted, 0 rolled back"


def test_a_table_is_as_wide_as_the_terminal() -> None:
    rows = [back(0, rollout="was", stable="v1", canary="v2", reason="because " * 30)]

    lines = list(table(rows, 90))

    assert [len(line) for line in lines] == [len(lines[0]), 90]
    assert lines[1].endswith("…")
    assert list(table(rows, None))[1].endswith("because because")
