from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from canarytest.core import events as e
from canarytest.reporting.summary import summary_of
from canarytest.reporting.terminal import Terminal, markup_of, table
from tests.reporting import stories

Story = Callable[[], list[e.Event]]


def lines_of(events: Iterable[e.Event]) -> list[tuple[str, str]]:
    """The lines, each with its markup."""
    lines: list[tuple[str, str]] = []

    def write(line: str, /, **markup: bool) -> None:
        lines.append((line, " ".join(sorted(name for name, on in markup.items() if on))))

    terminal = Terminal(write, datetime=time.gmtime)
    for event in events:
        terminal(event)
    return lines


DOUBT = "2026-01-12 09:12:00  deploy/rollout.yaml:31: no abortScaleDownDelaySeconds"


def test_a_promoted_run_is_told_step_by_step() -> None:
    head = "2026-01-12 09:12:00  petclinic v100 → v101 on local: dark, 10%, 30%, 50%"
    said = "4 passed; errors 0.0 % of 480; p95 21 ms; split"

    assert lines_of(stories.promoted()) == [
        (head, "bold"),
        (DOUBT, "yellow"),
        ("09:12:01  dark  opened in 0.2 s: no user meets the canary v101", ""),
        (f"09:12:05  dark  successful after 4.0 s: {said} 0.0 % of 80", "green"),
        ("09:12:06  10%   opened in 0.2 s: 10.0 % of users expected on the canary v101", ""),
        (f"09:12:10  10%   successful after 4.0 s: {said} 10.0 % of 80", "green"),
        ("09:12:11  30%   opened in 0.2 s: 30.0 % of users expected on the canary v101", ""),
        (f"09:12:15  30%   successful after 4.0 s: {said} 30.0 % of 80", "green"),
        ("09:12:16  50%   opened in 0.2 s: 50.0 % of users expected on the canary v101", ""),
        (f"09:12:20  50%   successful after 4.0 s: {said} 50.0 % of 80", "green"),
        ("09:12:21  promoted the canary v101 in 0.4 s", "green"),
        ("09:12:22  promoted after 22.0 s, exit status 0", "bold green"),
    ]


def test_what_the_preflight_doubts_is_told_in_a_line_each() -> None:
    """Else nobody would know in CI that a metric which was configured judges nothing."""
    doubts = ("metrics.lag: warning: not judged here\n  fix: name one", "metrics.rps: warning: NaN")
    lines = lines_of([stories.started(warnings=doubts)])

    assert lines[1:] == [
        ("2026-01-12 09:12:00  metrics.lag: warning: not judged here", "yellow"),
        ("2026-01-12 09:12:00  metrics.rps: warning: NaN", "yellow"),
    ]


def test_what_the_steps_need_is_told_before_the_first_opens() -> None:
    def need(label: str, within_s: float) -> dict[str, object]:
        sentence = f"{label}: a decision takes 77 requests: {within_s:g} s"
        return {"label": label, "seconds": 30.0, "within_s": within_s, "sentence": sentence}

    started = stories.promoted()[0]
    assert isinstance(started, e.RolloutStarted)
    needs = (need("dark", 60), need("10%", 20), need("30%", 60))

    assert lines_of([replace(started, needs=needs)])[1:] == [
        (DOUBT, "yellow"),
        ("2026-01-12 09:12:00  dark, 30%: a decision takes 77 requests: 60 s", ""),
        ("2026-01-12 09:12:00  10%: a decision takes 77 requests: 20 s", "yellow"),
    ]


ABORTED_DARK = """\
09:12:01  dark  abort sent 0.031 s after the decision: test_login[dark] failed: assert 401 == 200
09:12:11  dark  rollback proven: 0 of 612 responses from the canary in 10 s: below 0.49% with 95 %
                confidence; no response of the canary since the decision; 0 errors
09:12:12  aborted after 12.0 s, exit status 1
"""


def test_an_abort_says_why_and_its_proof() -> None:
    told = lines_of(stories.aborted_dark())[3:]

    assert "".join(f"{line}\n" for line, _ in told) == ABORTED_DARK
    assert [markup for _, markup in told] == ["bold red", "green", "green", "bold red"]


INCONCLUSIVE = """\
09:12:10  10%   inconclusive after 4.0 s: no test passed at this step (4 skipped): nothing was
                verified
09:12:10  10%   abort sent 0.031 s after the decision
"""


def test_a_reason_is_not_told_twice() -> None:
    told = lines_of(stories.inconclusive())[5:8]

    assert "".join(f"{line}\n" for line, _ in told) == INCONCLUSIVE
    assert [markup for _, markup in told] == ["yellow", "yellow", "bold red"]


def test_a_rollback_that_is_not_proven_is_an_alarm() -> None:
    told = lines_of(stories.not_proven())
    ((first, markup),) = [entry for entry in told if "NOT PROVEN" in entry[0]]

    assert first.startswith("09:13:06  10%   THE ROLLBACK IS NOT PROVEN, somebody must look now:")
    assert markup == "bold red"
    assert told[-1] == ("09:13:07  error after 67.0 s, exit status 11", "bold red")


def test_an_abort_that_was_hard_to_send_says_so() -> None:
    (line,) = [line for line, _ in lines_of(stories.not_proven()) if "abort sent" in line]

    assert line.startswith("09:12:07  10%   abort sent 1.1 s after the decision, at attempt 3: ")


def test_tests_and_measurements_are_not_told() -> None:
    told = [event for event in stories.promoted() if isinstance(event, e.TestFinished)]
    measured = [event for event in stories.promoted() if isinstance(event, e.MeasurementTaken)]

    assert lines_of([*told, *measured]) == []


def test_what_is_quoted_brings_no_colours_along() -> None:
    why = "test_login failed:\n\x1b[31mE   assert\x1b[0m 1\x07"
    sent = e.AbortSent(stories.T0, why, stories.T0, 0.01, 1)

    assert lines_of([sent])[0][0].endswith("test_login failed: E assert 1")


def test_what_is_noted_is_told_and_other_measurements_are_not() -> None:
    values = {"incident": "noted", "version": None, "message": "the rollback held for 31 s more"}
    noted = e.MeasurementTaken(stories.T0 + 3, step=0, source="platform", values=values)
    other = replace(noted, values={**values, "incident": "restarted"})

    assert lines_of([noted, other]) == [("09:12:03  noted: the rollback held for 31 s more", "")]


@pytest.mark.parametrize("story", stories.STORIES.values(), ids=stories.STORIES)
def test_no_line_is_wider_than_the_terminal(story: Story) -> None:
    lines = [line for line, _ in lines_of(story())] + table(summary_of(story()))

    assert max(len(line) for line in lines) <= 100


TABLE = """\
step  verdict       open for  tests                why
dark  successful    4.0 s     4 passed             errors 0.0 % of 480; p95 21 ms; split 0.0 % of 80
10%   successful    4.0 s     4 passed             errors 0.0 % of 480; p95 21 ms; split 10.0 % of
                                                   80
30%   failed        2.1 s     2 passed, 1 skipped  latency p95 1862 ms (94 of 412 requests over
                                                   1000 ms): over 1000 ms, roll back
50%   never opened

outcome   petclinic v100 → v101 on local: aborted, exit status 1
reason    latency p95 1862 ms (94 of 412 requests over 1000 ms): over 1000 ms, roll back
rollback  abort sent after 0.031 s; proven: 0 of 612 responses from the canary in 10 s: below 0.49%
          with 95 % confidence; its last response came 0.08 s after the decision; 0 errors
exposure  91 requests of users were answered by the canary, 1 of them failed (counted by router)
events    reports/runs/x/events.jsonl
report    reports/allure-report/index.html
"""


def test_the_table_shows_the_steps_and_why() -> None:
    paths = {"events": "reports/runs/x/events.jsonl", "report": "reports/allure-report/index.html"}
    lines = table(summary_of(stories.aborted_at_30()), paths=paths)

    assert "".join(f"{line}\n" for line in lines) == TABLE


def test_the_table_of_a_killed_run_says_what_nobody_knows() -> None:
    lines = table(summary_of(stories.truncated()))

    assert "outcome   petclinic v100 → v101 on local: error, exit status unknown" in lines
    assert "exposure  unknown: the run did not get to count it" in lines
    assert not [line for line in lines if line.startswith("rollback")]


def test_the_table_of_a_run_that_never_began_has_its_reason() -> None:
    lines = table(summary_of([stories.ended(1, "error", 12, "locked by another run", (0, 0))]))

    assert lines[:4] == [
        "no step was planned",
        "",
        "outcome   error, exit status 12",
        "reason    locked by another run",
    ]


@pytest.mark.parametrize(
    ("outcome", "colour"),
    [("promoted", "green"), ("aborted", "red"), ("inconclusive", "yellow"), ("error", "red")],
)
def test_an_outcome_has_its_colour(outcome: str, colour: str) -> None:
    assert markup_of(outcome) == {colour: True, "bold": True}


def test_a_brief_end_has_no_steps() -> None:
    found = summary_of(stories.aborted_dark())

    assert table(found, is_brief=True) == table(found)[table(found).index("") + 1 :]
