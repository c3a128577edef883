from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from canarytest.core import events as e
from canarytest.core.reasons import Cause
from canarytest.reporting import summary
from canarytest.reporting.log import EventLog
from canarytest.reporting.summary import summary_of
from tests.reporting import stories

Story = Callable[[], list[e.Event]]

NEVER: dict[str, Any] = {"opened": None, "seconds": None, "verdict": None, "measurements": []}


PROMOTED = "every step was successful"
LOOK_NOW = (
    "THE ROLLBACK IS NOT PROVEN, somebody must look now. "
    "Aborted: test_login[10%] failed: assert 500 == 200"
)
KILLED = (
    "the run ended without a last event (after MeasurementTaken at 2026-01-12T09:12:13.000Z); "
    "no abort had been sent, THE CANARY MAY STILL GET TRAFFIC"
)
GOOD = "successful"


@pytest.mark.parametrize(
    ("story", "end", "verdicts", "exposure"),
    [
        (stories.promoted, ("promoted", 0, PROMOTED), [GOOD] * 4, (348, 0)),
        (
            stories.aborted_dark, ("aborted", 1, stories.LOGIN_FAILED),
            ["failed", None, None, None], (0, 0),
        ),
        (
            stories.aborted_at_30, ("aborted", 1, stories.TOO_SLOW),
            [GOOD, GOOD, "failed", None], (91, 1),
        ),
        (
            stories.inconclusive, ("inconclusive", 10, stories.NOTHING),
            [GOOD, "inconclusive", None, None], (14, 0),
        ),
        (stories.not_proven, ("error", 11, LOOK_NOW), [GOOD, "failed", None, None], (402, 31)),
        (stories.truncated, ("error", None, KILLED), [GOOD, GOOD, "error", None], (None, None)),
    ],
    ids=stories.STORIES,
)  # fmt: skip
def test_a_run_is_summed_up(
    story: Story,
    end: tuple[str, int | None, str],
    verdicts: list[str | None],
    exposure: tuple[int | None, int | None],
) -> None:
    found = summary_of(story())

    assert (found["outcome"], found["exit_status"], found["reason"]) == end
    assert [step["verdict"] for step in found["steps"]] == verdicts
    assert [step["weight"] for step in found["steps"]] == [0, 10, 30, 50]
    assert (found["exposure"]["requests"], found["exposure"]["failures"]) == exposure
    assert found["run_id"] == stories.RUN
    assert (found["rollout"], found["platform"], found["target"]) == ("petclinic", "local", "local")
    assert found["versions"]["envoy"] == "1.36.2"


def test_a_step_that_was_left_has_its_measurements() -> None:
    step = summary_of(stories.promoted())["steps"][1]

    assert step["opened"] == "2026-01-12T09:12:06.000Z"
    assert step["seconds"] == 4.0
    assert step["tests"] == {"passed": 4}
    assert [m["metric"] for m in step["measurements"]] == [
        "tests", "error_rate", "latency_p95_ms", "split",
    ]  # fmt: skip
    assert step["measurements"][1]["n"] == 480


def test_a_step_that_was_aborted_has_what_decided_it() -> None:
    step = summary_of(stories.aborted_at_30())["steps"][2]

    assert step["seconds"] == 2.1  # to the decision, not to the end of the proof
    assert step["reason"] == stories.TOO_SLOW
    assert step["tests"] == {"passed": 2, "skipped": 1}
    (decisive,) = [m for m in step["measurements"] if m["zone"] == "roll back"]
    assert (decisive["estimate"], decisive["n"]) == (1862.0, 412)


def test_a_step_without_a_judgement_has_what_was_measured() -> None:
    step = summary_of(stories.truncated())["steps"][2]

    assert {m["zone"] for m in step["measurements"]} == {"shown"}
    assert [m["sentence"] for m in step["measurements"]] == [
        "error rate 1.4% (1 of 72 requests)",
        "latency p95 1901 ms (72 requests)",
        "split 30.0% (6 of 20 probes)",
    ]


def test_a_step_that_was_never_opened_says_why() -> None:
    step = summary_of(stories.aborted_dark())["steps"][2]

    assert {key: step[key] for key in NEVER} == NEVER
    assert step["reason"] == (f"step 30% was never opened: aborted at dark: {stories.LOGIN_FAILED}")


def test_a_promoted_run_has_no_rollback() -> None:
    assert summary_of(stories.promoted())["rollback"] is None


def test_a_proven_rollback_has_its_figures() -> None:
    rollback = summary_of(stories.aborted_at_30())["rollback"]
    sentence = rollback.pop("sentence")

    assert sentence.startswith("0 of 612 responses from the canary in 10 s")
    assert rollback == {
        "cause": "a metric is over its band",
        "proven": True,
        "seconds_to_abort_sent": 0.031,
        "attempts": 1,
        "seconds_to_last_canary": 0.084,
        "probes": 618,
        "errors": 0,
        "window": 10.0,
        "responses": 612,
        "bound": 0.0049,
        "restarts": 0,
    }


def test_a_proof_that_was_lost_while_it_was_held_is_none() -> None:
    told = stories.aborted_at_30()
    at = next(i for i, event in enumerate(told) if isinstance(event, e.RollbackProven))
    lost = e.RollbackNotProven(told[at].time + 60, "the canary answers on", 70.0, 0, 900)
    rollback = summary_of([*told[: at + 1], lost, *told[at + 1 :]])["rollback"]

    assert (rollback["proven"], rollback["seconds_to_last_canary"]) == (False, 70.0)


def test_a_rollback_that_is_not_proven_says_what_is_missing() -> None:
    rollback = summary_of(stories.not_proven())["rollback"]

    assert rollback["proven"] is False
    assert rollback["sentence"] == stories.NOT_PROVEN
    assert (rollback["seconds_to_last_canary"], rollback["errors"]) == (58.2, 4)
    assert rollback["bound"] is None


@pytest.mark.parametrize(
    ("cause", "verdict"),
    [
        (Cause.TEST, "failed"),
        (Cause.RESTARTED, "failed"),
        (Cause.INCONCLUSIVE, "inconclusive"),
        (Cause.WORLD, "error"),
        (Cause.INTERRUPTED, "error"),
        (Cause.DRILL, None),
    ],
)
def test_the_open_step_is_failed_only_by_the_canary(cause: Cause, verdict: str | None) -> None:
    told = [stories.started(), stories.opened(1, 0), *stories.back(2, "because", cause, "dark")]

    assert summary_of(told)["steps"][0]["verdict"] == verdict


def test_a_step_that_was_left_keeps_its_verdict_when_the_next_does_not_open() -> None:
    why = "opening 10%: the canary did not become ready"
    told = [
        stories.started(),
        *stories.good_step(1, 0),
        *stories.back(6, why, Cause.NOT_READY, "dark"),
        stories.ended(17, "aborted", 1, why, (0, 0)),
    ]
    dark, ten = summary_of(told)["steps"][:2]

    assert dark["verdict"] == "successful"
    assert ten["reason"] == f"step 10% was never opened: aborted at dark: {why}"


@pytest.mark.parametrize("story", stories.STORIES.values(), ids=stories.STORIES)
def test_a_run_may_be_cut_off_anywhere(story: Story) -> None:
    told = story()
    for kept in range(len(told)):
        found = summary_of(told[:kept])
        is_over = any(isinstance(event, e.RunEnded) for event in told[:kept])

        assert found["outcome"] == "error" or is_over
        assert "without a last event" in found["reason"] or is_over


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (0, "there is none at all"),
        (1, "no step had been opened"),
        (4, "THE CANARY MAY STILL GET TRAFFIC"),
        (5, "an abort had been sent, THE ROLLBACK IS NOT PROVEN"),
        (7, "the rollback had been proven"),
    ],
)
def test_a_run_that_was_killed_says_whether_to_look(kept: int, said: str) -> None:
    assert summary_of(stories.aborted_dark()[:kept])["reason"].endswith(said)


def test_a_run_that_ended_before_it_began_is_summed_up() -> None:
    told = [stories.ended(1, "error", 12, "petclinic is locked by another run", (0, 0))]
    found: dict[str, Any] = summary_of(told)

    assert (found["outcome"], found["exit_status"], found["steps"]) == ("error", 12, [])


def test_a_summary_is_written_beside_the_events(tmp_path: Path) -> None:
    with EventLog(tmp_path / summary.EVENTS) as log:
        for event in stories.not_proven():
            log(event)
    summary.write(tmp_path)
    found = summary.write(tmp_path)

    assert json.loads((tmp_path / "summary.json").read_text()) == found
    assert found == summary_of(stories.not_proven())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.jsonl", "summary.json"]
