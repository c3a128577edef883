"""A promotion that was watched, and one that was undone, as each report tells it."""

from __future__ import annotations

import pytest

from canarytest.core import events as e
from canarytest.core.reasons import Cause
from canarytest.reporting.ledger_rows import rows_of
from canarytest.reporting.live import Live
from canarytest.reporting.story import story_of
from canarytest.reporting.summary import summary_of
from canarytest.reporting.terminal import Terminal, table
from canarytest.reporting.timeline import timeline_of
from tests.reporting import stories
from tests.reporting.stories import T0

PLAN = (
    *stories.plan(),
    {**stories.plan()[-1], "index": 4, "label": "promoted", "weight": 100, "share": 1.0,
     "bake_s": 10.0},
)  # fmt: skip
WHY = "test_login[promoted] failed: assert 503 == 200"
NODE = "suites/smoke/test_petclinic.py::test_login[promoted]"
BEFORE = (
    stories.started(steps=PLAN),
    *(event for step in range(4) for event in stories.good_step(1 + 5 * step, step)),
    e.RolloutPromoted(T0 + 21.5, "v101", 0.4),
    e.StepOpened(T0 + 21.6, 4, "promoted", 100, 1.0, 0.5, "v101"),
)
GOOD = (
    *BEFORE,
    e.TestFinished(T0 + 22, 4, "promoted", NODE, "passed", 0.1, "", ""),
    stories.probe(30, 4, 20, 0),
    e.StepJudged(
        T0 + 31.6, 4, "promoted", "successful", "fine", 10.0, {"passed": 1},
        stories.normal(split=1.0),
    ),
    stories.ended(32, "promoted", 0, "every step was successful", (900, 0)),
)  # fmt: skip
UNDONE = (
    *BEFORE,
    e.TestFinished(T0 + 25, 4, "promoted", NODE, "failed", 0.1, "assert 503 == 200", ""),
    *stories.back(25, WHY, Cause.TEST, "promoted"),
    stories.ended(36, "aborted", 1, WHY, (400, 12)),
)


def cut_after(name: str) -> tuple[e.Event, ...]:
    """Return the events of the undone run, cut off after the last one of this *name*."""
    last = max(i for i, event in enumerate(UNDONE) if type(event).__name__ == name)
    return UNDONE[: last + 1]


@pytest.mark.parametrize(
    ("told", "outcome", "verdict", "is_proven"),
    [(GOOD, "promoted", "successful", None), (UNDONE, "aborted", "failed", True)],
    ids=["good", "undone"],
)
def test_the_summary_says_how_it_ended(
    told: tuple[e.Event, ...], outcome: str, verdict: str, is_proven: bool | None
) -> None:
    found = summary_of(told)
    (*_, last) = found["steps"]

    assert found["outcome"] == outcome
    assert (last["label"], last["share"], last["verdict"]) == ("promoted", 1.0, verdict)
    assert (found["rollback"] or {}).get("proven") is is_proven
    assert rows_of(told, "x").run.is_proven is is_proven
    assert any(line.startswith(f"promoted  {verdict}") for line in table(found))


@pytest.mark.parametrize(
    ("last", "said", "is_proven"),
    [
        ("RolloutPromoted", "the canary had been promoted, AND NOBODY WATCHED IT TO THE END", None),
        ("StepOpened", "the canary had been promoted, AND NOBODY WATCHED IT TO THE END", None),
        ("AbortSent", "an abort had been sent, THE ROLLBACK IS NOT PROVEN", False),
        ("RollbackProven", "the rollback had been proven", True),
    ],
)
def test_a_run_that_was_killed_says_how_the_rollout_stands(
    last: str, said: str, is_proven: bool | None
) -> None:
    assert summary_of(cut_after(last))["reason"].endswith(f"; {said}")
    assert rows_of(cut_after(last), "x").run.is_proven is is_proven


def test_a_promotion_that_was_watched_to_its_end_is_none_that_nobody_watched() -> None:
    assert summary_of(GOOD[:-1])["reason"].endswith("; the canary had been promoted")


def test_the_timeline_goes_up_to_all_and_back() -> None:
    found = timeline_of(story_of(UNDONE))

    assert [weight for _, weight in found.weights] == [0, 10, 30, 50, 100, 0]
    assert [mark.label for mark in found.marks] == ["promoted", "abort sent", "rollback proven"]
    assert [mark.at for mark in found.marks] == sorted(mark.at for mark in found.marks)
    assert list(found.weights) == sorted(found.weights)


@pytest.mark.parametrize(
    ("told", "at", "line"),
    [
        (GOOD, 20.0, "promoting"),
        (GOOD, 21.5, "opening promoted"),
        (GOOD, 30.0, "promoted  2 s left  1 tests  4 req/s"),
        (GOOD, 31.6, "promoted, taking all down"),
        (UNDONE, 27.0, "aborted at promoted  proving the rollback for 2 s"),
        (UNDONE, 35.2, "rollback proven, until the canary is gone"),
    ],
)
def test_the_live_line(told: tuple[e.Event, ...], at: float, line: str) -> None:
    shown: list[str] = []
    live = Live(shown.append, lambda: T0 + at)
    for event in told:
        if event.time <= T0 + at:
            live(event)
    live.refresh()

    assert shown[-1].startswith(line)


def test_the_terminal_tells_the_promotion_then_what_became_of_it() -> None:
    lines: list[str] = []

    def write(line: str, /, **_: bool) -> None:
        lines.append(line[10:])  # without the time

    tell = Terminal(write)
    for event in UNDONE:
        tell(event)
    begin = next(i for i, line in enumerate(lines) if "promoted the canary" in line)

    assert [line.split(":")[0] for line in lines[begin:]][:3] == [
        "promoted the canary v101 in 0.4 s",
        "promoted  opened in 0.5 s",
        "promoted  abort sent 0.031 s after the decision",
    ]
    assert lines[-1].startswith("aborted after 36.0 s, exit status 1")
