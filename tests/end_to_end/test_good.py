"""A good canary, through every step; and all that its run leaves."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from canarytest.core.events import RolloutPromoted, StepOpened
from tests.end_to_end.project import LIMITS, SAMPLE, Case, Ended

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

LABELS = ["dark", "10%", "30%", "50%"]
SUMMARY = {"outcome", "exit_status", "reason", "steps", "rollback", "exposure"}
STEP = {"weight", "opened", "seconds", "verdict", "reason", "tests", "measurements"}

good = pytest.mark.parametrize(
    "ended", [Case("good", SAMPLE, limits=LIMITS, is_long=True)], indirect=True
)


@good
def test_it_is_promoted_step_by_step(ended: Ended) -> None:
    assert (ended.status, ended.summary["outcome"]) == (0, "promoted"), ended.output
    assert ended.story == [
        "RolloutStarted",
        *["StepOpened", "StepJudged"] * 4,
        "RolloutPromoted",
        "RunEnded",
    ]
    assert [line["label"] for line in ended.of("StepOpened")] == LABELS
    assert {line["verdict"] for line in ended.of("StepJudged")} == {"successful"}
    assert ended.left == ()


@good
def test_its_events_come_in_the_order_of_their_times(ended: Ended) -> None:
    times = [datetime.fromisoformat(line["time"]) for line in ended.lines]
    opened = [e["time"] for e in ended.of("StepOpened")]
    judged = [e["time"] for e in ended.of("StepJudged")]
    bounds = {index: (opened[index], judged[index]) for index in range(len(LABELS))}

    assert all(line["time"].endswith("Z") for line in ended.lines)
    assert (ended.lines[0]["event"], ended.lines[-1]["event"]) == ("RolloutStarted", "RunEnded")
    # Those of two threads may be told in another order than they happened, by a hair.
    assert all((later - earlier).total_seconds() > -0.1 for earlier, later in pairwise(times))
    for line in ended.of("TestFinished"):
        begin, end = bounds[line["step"]]
        assert begin <= line["time"] <= end
        assert line["label"] == LABELS[line["step"]]


@good
def test_its_durations_agree_with_its_times(ended: Ended) -> None:
    began, *_, over = (datetime.fromisoformat(line["time"]) for line in ended.lines)
    (last,) = ended.of("RunEnded")
    steps = ended.summary["steps"]

    assert (over - began).total_seconds() <= last["seconds"] + 0.001
    for step, opened, judged in zip(
        steps, ended.of("StepOpened"), ended.of("StepJudged"), strict=True
    ):
        begin, end = (datetime.fromisoformat(e["time"]) for e in (opened, judged))
        assert step["opened"] == opened["time"]
        assert step["seconds"] == pytest.approx((end - begin).total_seconds(), abs=0.1)


@good
def test_its_summary_keeps_the_contract(ended: Ended) -> None:
    summary = ended.summary

    assert summary.keys() >= SUMMARY
    assert (summary["exit_status"], summary["rollback"]) == (0, None)
    assert [step["label"] for step in summary["steps"]] == LABELS
    for step in summary["steps"]:
        assert step.keys() >= STEP
        assert step["verdict"] == "successful"
        assert step["tests"]["passed"] >= 20
        assert {"error_rate", "latency_p95_ms", "split"} <= {
            finding["metric"] for finding in step["measurements"]
        }


@good
def test_users_met_the_canary_and_no_failure(ended: Ended) -> None:
    exposure = ended.summary["exposure"]

    assert exposure["requests"] > 100
    assert (exposure["failures"], exposure["counted_by"]) == (0, "router")


@good
def test_users_were_always_answered(ended: Ended) -> None:
    """From the first step on, over each change of weight and the promotion."""
    first, *_ = (e.time for e in ended.events if isinstance(e, StepOpened))
    (promoted,) = (e.time for e in ended.events if isinstance(e, RolloutPromoted))
    answers = [a for a in ended.answers if first < a.asked < promoted]

    assert {answer.status for answer in answers} == {200}
    assert {answer.version for answer in answers} == {"stable", "canary"}


@good
def test_it_leaves_the_files_of_the_contract(ended: Ended) -> None:
    reports = ended.folder / "reports"
    (run,) = (reports / "runs").iterdir()
    suite = ET.parse(run / "junit.xml").getroot()[0]  # noqa: S314  our own

    assert (reports / "latest").readlink() == Path("runs", run.name)
    assert ended.summary["run_id"] == run.name
    assert int(suite.attrib["tests"]) == len(ended.of("TestFinished"))
    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("0", "0")


@good
def test_a_test_at_four_steps_is_four_results_each_with_its_history(ended: Ended) -> None:
    results = allure_results(ended)
    steps_of: dict[str, list[str]] = defaultdict(list)
    for result in results:
        (step,) = (p["value"] for p in result["parameters"] if p["name"] == "step")
        others = [p["value"] for p in result["parameters"] if p["name"] != "step"]
        steps_of[f"{result['fullName']}{others}"].append(step.strip("'"))

    assert set(Counter(result["historyId"] for result in results).values()) == {1}
    assert len(results) == len(ended.of("TestFinished"))
    only_from_30 = [name for name in steps_of if "a_year_of_visits" in name]
    for name, steps in steps_of.items():
        assert sorted(steps) == sorted(LABELS[2:] if name in only_from_30 else LABELS)


def allure_results(ended: Ended) -> list[dict[str, Any]]:
    """What Allure was told of tests; of the rollout itself there is a result more."""
    folder = ended.folder / "reports" / "allure-results"
    results = [json.loads(path.read_text()) for path in folder.glob("*-result.json")]
    return [result for result in results if "canarytest.rollout" not in result["fullName"]]
