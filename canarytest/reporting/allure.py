"""
The rollout as an Allure result, beside those that allure-pytest writes of the tests.

All names and ids follow from the run's id, so that writing twice replaces what was written.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from allure_commons import model2 as model
from allure_commons.logger import AllureFileLogger
from allure_commons.types import AttachmentType

from canarytest.core import events as e
from canarytest.core.finding import Finding, Verdict, Zone
from canarytest.reporting import log, surroundings
from canarytest.reporting.overview import html_of, way_back
from canarytest.reporting.seconds import csv_of
from canarytest.reporting.story import Stop, Story, story_of
from canarytest.reporting.summary import EVENTS, SUMMARY, as_text, summary_of
from canarytest.reporting.words import counted, seconds, share

Status = model.Status
_FileLogger: Any = AllureFileLogger  # untyped

_OF_OUTCOME = {"promoted": Status.PASSED, "aborted": Status.FAILED, "inconclusive": Status.UNKNOWN}
_OF_VERDICT = {
    Verdict.SUCCESSFUL: Status.PASSED,
    Verdict.FAILED: Status.FAILED,
    Verdict.INCONCLUSIVE: Status.UNKNOWN,
    Verdict.ERROR: Status.BROKEN,
}
_OF_ZONE = {
    Zone.NORMAL: Status.PASSED,
    Zone.ROLL_BACK: Status.FAILED,
    Zone.SHOWN: Status.SKIPPED,  # it was not judged
}
_OF_TEST = {"passed": Status.PASSED, "failed": Status.FAILED, "error": Status.BROKEN}


def write(run_dir: Path, results: Path, environ: Mapping[str, str] = os.environ) -> None:
    """
    Add what the events in *run_dir* tell to the Allure *results*.

    *environ* says which CI runs this, if one does.
    """
    story = story_of(log.read(run_dir / EVENTS))
    logger = _FileLogger(results)
    result = result_of(story)
    result.attachments = list(_attach(logger, story, run_dir, result.uuid))
    logger.report_result(_named(result))
    if trouble := globals_of(story):
        trouble.uuid = result.uuid
        logger.report_globals(_named(trouble))
    surroundings.write(story, results, environ)


def parent_suite(rollout: str, target: str) -> str:
    """Return the suite under which everything of a rollout is found, run after run."""
    return f"{rollout} on {target}"


def result_of(story: Story) -> Any:
    """Return the result that stands for the rollout itself, without its attachments."""
    started = story.started
    rollout, target = (started.rollout, started.target) if started else ("rollout", "?")
    begin = story.events[0].time if story.events else 0.0
    full_name = f"canarytest.rollout:{target}/{rollout}"
    case = hashlib.md5(full_name.encode(), usedforsecurity=False).hexdigest()
    return model.TestResult(
        uuid=str(uuid.uuid5(uuid.NAMESPACE_URL, f"canarytest:{_run_id(story)}")),
        historyId=case,
        testCaseId=case,
        fullName=full_name,
        name=_title(story),
        titlePath=[parent_suite(rollout, target)],
        status=_status(story),
        statusDetails=model.StatusDetails(message=story.reason),
        stage="finished",
        descriptionHtml=html_of(story),
        start=_ms(begin),
        stop=_ms(begin + story.seconds),
        labels=list(_labels(story)),
        parameters=[_parameter(name, value) for name, value in _facts(story).items()],
        steps=list(_steps(story, begin + story.seconds)),
    )


def globals_of(story: Story) -> Any | None:
    """Return what is shown above all tests: why the canary was not promoted."""
    if story.outcome == "promoted" or not hasattr(model, "Globals"):  # allure-pytest < 2.16
        return None
    at = story.events[-1].time if story.events else 0.0
    message = f"{story.outcome}: {story.reason}"
    trace = way_back(story)
    return model.Globals(
        errors=[model.GlobalError(message=message, trace=trace, timestamp=_ms(at))]
    )


def _named(item: Any) -> Any:
    """Give *item* a file name that follows from its id; the file logger would take a random one."""
    item.file_pattern = item.file_pattern.format(prefix=item.uuid)
    return item


def _title(story: Story) -> str:
    where = f" at {story.aborted.step}" if story.aborted and story.aborted.step else ""
    alarm = ", ROLLBACK NOT PROVEN" if story.not_proven else ""
    return f"Rollout of {story.name}: {story.outcome}{where}{alarm}"


def _run_id(story: Story) -> str:
    if story.started:
        return story.started.run_id
    return e.timestamp(story.events[0].time) if story.events else ""


def _status(story: Story) -> str:
    if story.exit_status == 0:
        return str(Status.PASSED)  # a drill is aborted, as was asked for
    return str(_OF_OUTCOME.get(story.outcome, Status.BROKEN))


def _labels(story: Story) -> Iterator[Any]:
    labels = {"framework": "canarytest", "language": "python", "severity": "blocker"}
    if s := story.started:
        labels |= {
            "parentSuite": parent_suite(s.rollout, s.target),
            "suite": "Rollout",
            "rollout": s.rollout,
            "target": s.target,
            "platform": s.platform,
            "revision": story.canary or "",
        }
    return (model.Label(name=name, value=value) for name, value in labels.items() if value)


def _facts(story: Story) -> Mapping[str, str]:
    exposure = story.ended.exposure if story.ended else {}
    status = "unknown" if story.exit_status is None else str(story.exit_status)
    facts = {"run": _run_id(story), "outcome": story.outcome, "exit status": status}
    if "requests" in exposure:
        facts["exposure"] = f"{exposure['requests']} requests, {exposure.get('failures')} failed"
    return facts


def _steps(story: Story, end: float) -> Iterator[Any]:
    steps = [*(_step(stop, end) for stop in story.stops), *_way_back(story), *_promotion(story)]
    return iter(sorted(steps, key=lambda step: (step.start, step.stop)))


def _step(stop: Stop, end: float) -> Any:
    if stop.opened is None:
        return _result(f"{stop.label} · never opened", Status.SKIPPED, end, end, stop.reason)
    verdict = stop.verdict or "not judged"
    told = [stop.label, verdict, counted(stop.counts)]
    if stop.seconds is not None:
        told.insert(2, seconds(stop.seconds))
    bad = list(_bad_tests(stop))  # they say more than the reason made of them
    step = _result(
        " · ".join(told),
        _OF_VERDICT.get(Verdict(stop.verdict), Status.BROKEN) if stop.verdict else Status.UNKNOWN,
        stop.opened.time,
        stop.ended or end,
        "" if bad or stop.verdict == Verdict.SUCCESSFUL else stop.reason,
    )
    step.parameters = [
        _parameter("weight", f"{stop.weight} %"),
        _parameter("expected share", share(stop.share)),
        _parameter("in force after", seconds(stop.opened.seconds)),
    ]
    step.steps = [*bad, *(_finding(f, step) for f in stop.findings)]
    return step


def _bad_tests(stop: Stop) -> Iterator[Any]:
    for test in stop.tests:
        if test.outcome in ("failed", "error", "inconclusive"):
            status = _OF_TEST.get(test.outcome, Status.UNKNOWN)
            name = f"{test.outcome}: {test.nodeid}"
            yield _result(name, status, test.time - test.seconds, test.time, test.message)


def _finding(finding: Finding, step: Any) -> Any:
    status = _OF_ZONE.get(Zone(finding.zone), Status.UNKNOWN)
    found = model.TestStepResult(name=finding.sentence, status=status, stage="finished")
    found.start = found.stop = step.stop
    shown = ("zone", "n", "needed", "estimate", "low", "high", "warning", "roll_back")
    values = {name: getattr(finding, name) for name in shown}
    found.parameters = [
        _parameter(name.replace("_", " "), f"{value:.6g}" if isinstance(value, float) else value)
        for name, value in {"metric": finding.metric, **values}.items()
        if value is not None
    ]
    return found


def _way_back(story: Story) -> Iterator[Any]:
    if sent := story.sent:
        attempts = "" if sent.attempts == 1 else f", at attempt {sent.attempts}"
        name = f"Abort sent {seconds(sent.seconds)} after the decision{attempts}: {sent.reason}"
        yield _result(name, Status.PASSED, sent.decided, sent.decided + sent.seconds)
    begin = sent.decided + sent.seconds if sent else None
    if proven := story.proven:
        name = f"Rollback proven: {proven.sentence}"
        yield _result(name, Status.PASSED, begin or proven.time, proven.time)
    if missing := story.not_proven:
        name = "THE ROLLBACK IS NOT PROVEN, somebody must look now"
        yield _result(name, Status.BROKEN, begin or missing.time, missing.time, missing.reason)


def _promotion(story: Story) -> Iterator[Any]:
    if promoted := story.promoted:
        name = f"Promoted the canary {promoted.canary} in {seconds(promoted.seconds)}"
        yield _result(name, Status.PASSED, promoted.time - promoted.seconds, promoted.time)


def _result(name: str, status: str, start: float, stop: float, message: str = "") -> Any:
    step = model.TestStepResult(name=name, status=status, stage="finished")
    step.start, step.stop = _ms(start), _ms(stop)
    if message:
        step.statusDetails = model.StatusDetails(message=message)
    return step


def _attach(logger: Any, story: Story, run_dir: Path, prefix: str) -> Iterator[Any]:
    files = {
        EVENTS: ((run_dir / EVENTS).read_bytes(), "text/plain"),
        SUMMARY: (
            as_text(summary_of(story.events)).encode("utf-8", "backslashreplace"),
            AttachmentType.JSON.mime_type,
        ),
        "load by second.csv": (csv_of(story).encode(), AttachmentType.CSV.mime_type),
    }
    for number, (name, (body, kind)) in enumerate(files.items()):
        if body:
            source = f"{uuid.uuid5(uuid.UUID(prefix), str(number))}-attachment{Path(name).suffix}"
            logger.report_attached_data(body, source)
            yield model.Attachment(name=name, source=source, type=kind)


def _parameter(name: str, value: object) -> Any:
    # Excluded: what a run found must not begin a new history.
    return model.Parameter(name=name, value=str(value), excluded=True)


def _ms(time: float) -> int:
    return round(time * 1000)
