from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allure_commons import model2 as model

from canarytest.core import events as e
from canarytest.core.reasons import Cause
from canarytest.reporting import build, surroundings
from tests.reporting import results, stories

Story = Callable[[], list[e.Event]]
every_story = pytest.mark.parametrize("story", stories.STORIES.values(), ids=stories.STORIES)


def written(reports: Path, story: Story) -> Path:
    """What Allure is given of *story*."""
    run_dir = results.write_run(story(), reports, stories.RUN)
    build.rebuild(run_dir, reports / "allure-results")
    return reports / "allure-results"


def rollout_of(folder: Path) -> dict[str, Any]:
    """The result that stands for the rollout."""
    found = [json.loads(path.read_text()) for path in folder.glob("*-result.json")]
    rollout: dict[str, Any]
    (rollout,) = [data for data in found if data["fullName"].startswith("canarytest.rollout:")]
    return rollout


def executables(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """*item* and all steps in it."""
    yield item
    for step in item.get("steps", ()):
        yield from executables(step)


def names(item: dict[str, Any]) -> list[str]:
    """The names of the steps of *item*."""
    return [step["name"] for step in item["steps"]]


@every_story
def test_the_rollout_is_valid_by_the_model(tmp_path: Path, story: Story) -> None:
    folder = written(tmp_path, story)
    rollout = rollout_of(folder)
    fields = {field.name for field in model.TestResult.__attrs_attrs__}
    of_steps = {field.name for field in model.TestStepResult.__attrs_attrs__}
    statuses = {"failed", "broken", "passed", "skipped", "unknown"}

    assert set(rollout) <= fields
    for item in executables(rollout):
        assert item is rollout or set(item) <= of_steps
        assert item["status"] in statuses
        assert item["start"] <= item["stop"]
        assert all(isinstance(entry["value"], str) for entry in item.get("parameters", ()))
    for attachment in rollout["attachments"]:
        assert (folder / attachment["source"]).stat().st_size > 0


@pytest.mark.parametrize(
    ("story", "status", "title"),
    [
        (stories.promoted, "passed", "promoted"),
        (stories.aborted_dark, "failed", "aborted at dark"),
        (stories.aborted_at_30, "failed", "aborted at 30%"),
        (stories.inconclusive, "unknown", "inconclusive at 10%"),
        (stories.not_proven, "broken", "error at 10%, ROLLBACK NOT PROVEN"),
        (stories.truncated, "broken", "error"),
    ],
    ids=stories.STORIES,
)
def test_the_rollout_has_the_status_of_its_outcome(
    tmp_path: Path, story: Story, status: str, title: str
) -> None:
    rollout = rollout_of(written(tmp_path, story))

    assert rollout["status"] == status
    assert rollout["name"] == f"Rollout of petclinic v100 → v101 on local: {title}"


def test_a_drill_that_went_as_asked_has_passed(tmp_path: Path) -> None:
    told = [
        stories.started(),
        stories.opened(1, 0),
        *stories.back(2, "a drill", Cause.DRILL, "dark"),
        stories.ended(13, "aborted", 0, "a drill", (0, 0)),
    ]
    rollout = rollout_of(written(tmp_path, lambda: told))

    assert rollout["status"] == "passed"
    assert names(rollout)[0] == "dark · not judged · 1.0 s · none"


@every_story
def test_what_is_stated_is_what_happened(tmp_path: Path, story: Story) -> None:
    told = story()
    rollout = rollout_of(written(tmp_path, story))
    steps = {step["name"].split(" · ")[0]: step for step in rollout["steps"]}
    stated = "\n".join(item["name"] for item in executables(rollout))

    for event in told:
        match event:
            case e.StepOpened():
                assert steps[event.label]["start"] == round(event.time * 1000)
            case e.StepJudged():
                step = steps[event.label]
                assert step["name"].split(" · ")[1] == event.verdict
                assert names(step)[-len(event.findings) :] == [f.sentence for f in event.findings]
                assert step["stop"] == round(event.time * 1000)
            case e.AbortSent():
                assert event.reason in stated
            case e.RollbackProven():
                assert f"Rollback proven: {event.sentence}" in stated
            case e.RollbackNotProven():
                (step,) = [s for s in rollout["steps"] if "NOT PROVEN" in s["name"]]
                assert step["statusDetails"]["message"] == event.reason
            case e.TestFinished() if event.outcome == "failed":
                assert f"failed: {event.nodeid}" in names(steps[event.label])
            case e.RunEnded():
                assert rollout["statusDetails"]["message"] == event.reason
                found = {p["name"]: p["value"] for p in rollout["parameters"]}
                assert found["exit status"] == str(event.exit_status)
                exposed, failed = event.exposure["requests"], event.exposure["failures"]
                assert found["exposure"] == f"{exposed} requests, {failed} failed"


def test_the_steps_of_the_rollout_are_told_in_the_order_of_things(tmp_path: Path) -> None:
    rollout = rollout_of(written(tmp_path, stories.aborted_at_30))

    assert [name.split(":")[0] for name in names(rollout)] == [
        "dark · successful · 4.0 s · 4 passed",
        "10% · successful · 4.0 s · 4 passed",
        "30% · failed · 2.1 s · 2 passed, 1 skipped",
        "Abort sent 0.031 s after the decision",
        "The order of things, from the decision",
        "Rollback proven",
        "50% · never opened",
    ]
    judged = rollout["steps"][2]["steps"]
    assert [step["status"] for step in judged] == ["passed", "passed", "failed", "passed"]
    assert {"name": "estimate", "value": "1862", "excluded": True} in judged[2]["parameters"]


def test_its_history_does_not_depend_on_what_a_run_found(tmp_path: Path) -> None:
    bad = rollout_of(written(tmp_path / "bad", stories.aborted_dark))
    good = rollout_of(written(tmp_path / "good", stories.promoted))

    assert bad["historyId"] == good["historyId"]
    assert bad["fullName"] == good["fullName"] == "canarytest.rollout:local/petclinic"
    assert all(parameter["excluded"] for parameter in bad["parameters"])


def test_writing_again_replaces_what_was_written(tmp_path: Path) -> None:
    folder = written(tmp_path, stories.aborted_at_30)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    build.rebuild(tmp_path / "runs" / stories.RUN, folder)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_events_are_attached_as_they_were_written(tmp_path: Path) -> None:
    folder = written(tmp_path, stories.promoted)
    attached = {a["name"]: folder / a["source"] for a in rollout_of(folder)["attachments"]}
    run_dir = tmp_path / "runs" / stories.RUN

    assert sorted(attached) == ["events.jsonl", "load by second.csv", "summary.json"]
    for name in ("events.jsonl", "summary.json"):
        assert attached[name].read_bytes() == (run_dir / name).read_bytes()


def test_the_load_is_attached_second_by_second(tmp_path: Path) -> None:
    folder = written(tmp_path, stories.aborted_at_30)
    (source,) = [a["source"] for a in rollout_of(folder)["attachments"] if a["type"] == "text/csv"]
    rows = list(csv.DictReader(io.StringIO((folder / source).read_text())))
    of_canary = [
        row
        for row in rows
        if (row["step"], row["version"], row["source"]) == ("30%", "canary", "load")
    ]

    assert [int(row["requests"]) for row in of_canary] == [36, 30]
    assert [int(row["failures"]) for row in of_canary] == [0, 1]
    assert [round(float(row["p95_ms"]), -2) for row in of_canary] == [1900, 1900]
    assert of_canary[0]["time"] == "2026-01-12T09:12:12.000Z"


def test_what_tests_said_is_no_markup(tmp_path: Path) -> None:
    why = "test_login failed: <script>alert(1)</script>"
    told = [stories.started(), stories.ended(1, "aborted", 1, why, (0, 0))]
    rollout = rollout_of(written(tmp_path, lambda: told))

    assert "<script>" not in rollout["descriptionHtml"]
    assert "&lt;script&gt;" in rollout["descriptionHtml"]


def test_why_it_was_not_promoted_stands_above_all_tests(tmp_path: Path) -> None:
    folder = written(tmp_path, stories.not_proven)
    (path,) = folder.glob("*-globals.json")
    (error,) = json.loads(path.read_text())["errors"]

    assert error["message"].startswith("error: THE ROLLBACK IS NOT PROVEN")
    assert stories.NOT_PROVEN in error["trace"]
    assert not list(written(tmp_path / "good", stories.promoted).glob("*-globals.json"))


def test_the_environment_is_written_as_java_reads_it(tmp_path: Path) -> None:
    lines = (written(tmp_path, stories.promoted) / "environment.properties").read_text()

    assert "outcome=promoted\n" in lines
    assert "image\\ canary=petclinic:v101\n" in lines
    assert "plan=dark, 10%, 30%, 50%\n" in lines
    assert "preflight\\ 1=deploy/rollout.yaml:31: no abortScaleDownDelaySeconds\n" in lines
    assert "envoy=1.36.2\n" in lines


def test_how_sure_the_judge_had_to_be_is_told(tmp_path: Path) -> None:
    told = [
        stories.started(
            judging={
                "false_alarm": 0.01,
                "miss": 0.05,
                "parts": {"split": 0.00059, "band": 0.00044},
            },
            needs=({"label": "10%", "sentence": "10%: a decision takes 77 good requests"},),
        ),
        stories.ended(1, "promoted", 0, "every step was successful", (0, 0)),
    ]
    lines = (written(tmp_path, lambda: told) / "environment.properties").read_text()

    said = "0.01 of the whole rollout; of a test at a step: split 0.00059, band 0.00044"
    assert f"false\\ alarms={said}\n" in lines
    assert "misses=0.05 of a metric at a step\n" in lines
    assert "needs\\ 10%=a decision takes 77 good requests\n" in lines


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        ("failed", "assert 401 == 200", "Canary bad"),
        ("failed", stories.TOO_SLOW, "Canary bad"),
        ("broken", "ConnectionError: refused", "Infrastructure"),
        ("broken", "canarytest.core.errors.Inconclusive: 3 responses", "Inconclusive"),
        ("unknown", stories.NOTHING, "Inconclusive"),
        ("unknown", "the stable version is bad too: error rate 9 %", "Stable bad too"),
        ("skipped", "Skipped: step 30% was never opened", "Never opened"),
        ("skipped", "Skipped: aborted at 10%: test_login failed", "Not run after the abort"),
        ("skipped", "no stock of pets", None),
        ("broken", "THE ROLLBACK IS NOT PROVEN, somebody must look now", "Rollback not proven"),
    ],
)
def test_trouble_is_sorted_by_its_kind(status: str, message: str, expected: str | None) -> None:
    def fits(category: dict[str, Any]) -> bool:
        return (
            "flaky" not in category
            and re.fullmatch(category.get("messageRegex", r"[\s\S]*"), message) is not None
            and status in category.get("matchedStatuses", [status])
        )

    found = next((c["name"] for c in surroundings.categories() if fits(c)), None)
    assert found == expected


def test_the_executor_is_who_the_events_say_it_was(tmp_path: Path) -> None:
    executor = {"name": "Jenkins", "buildName": "canary #7", "buildUrl": "https://ci/canary/7/"}
    told = [
        stories.started(surroundings={"executor": executor, "context": "staging"}),
        stories.ended(1, "promoted", 0, "every step was successful", (0, 0)),
    ]
    folder = written(tmp_path, lambda: told)
    lines = (folder / "environment.properties").read_text()

    assert json.loads((folder / "executor.json").read_text()) == executor
    assert rollout_of(folder)["links"] == [
        {"type": "link", "url": "https://ci/canary/7/", "name": "canary #7"}
    ]
    assert "namespace=petclinic\ncontext=staging\ntarget=local\n" in lines


def test_there_is_no_executor_without_a_ci(tmp_path: Path) -> None:
    assert not (written(tmp_path, stories.promoted) / "executor.json").exists()


def test_a_reason_that_is_a_known_issue_is_linked(tmp_path: Path) -> None:
    known = {"issue": "https://jira/browse/{}", "known_issues": {"PET-7": "p95 .* over 1000 ms"}}
    told = [stories.started(surroundings=known), *stories.aborted_at_30()[1:]]
    rollout = rollout_of(written(tmp_path, lambda: told))

    assert rollout["links"] == [
        {"type": "issue", "url": "https://jira/browse/PET-7", "name": "PET-7"}
    ]


def test_a_run_that_ended_before_it_began_has_a_result(tmp_path: Path) -> None:
    told = [stories.ended(1, "error", 12, "petclinic is locked by another run", (0, 0))]
    rollout = rollout_of(written(tmp_path, lambda: told))

    assert rollout["status"] == "broken"
    assert "locked by another run" in rollout["statusDetails"]["message"]
