"""The rollout itself as an Allure result, whose steps are the rollout's own."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from allure_commons import model2 as model

from canarytest.core import events as e
from canarytest.core.finding import Finding, Verdict, Zone
from canarytest.reporting import issues
from canarytest.reporting.moments import moments_of
from canarytest.reporting.overview import html_of
from canarytest.reporting.story import Stop, Story
from canarytest.reporting.words import counted, seconds, share

Status = model.Status

_OF_OUTCOME = {
    "promoted": Status.PASSED,
    "paused": Status.PASSED,
    "aborted": Status.FAILED,
    "inconclusive": Status.UNKNOWN,
}
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


def parent_suite(rollout: str, target: str) -> str:
    """Return the suite under which everything of a rollout is found, run after run."""
    return f"{rollout} on {target}"


def result_of(story: Story, picture: str = "") -> Any:
    """
    Return the result that stands for the rollout itself, without its attachments.

    The *picture*, an SVG, is shown in its description.
    """
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
        descriptionHtml=html_of(story, picture),
        start=_ms(begin),
        stop=_ms(begin + story.seconds),
        labels=list(_labels(story)),
        links=[model.Link(**link) for link in links_of(story)],
        parameters=[_parameter(name, value) for name, value in _facts(story).items()],
        steps=list(_steps(story, begin + story.seconds)),
    )


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
        labels |= {"parentSuite": parent_suite(s.rollout, s.target), "suite": "Rollout"}
    labels |= labels_of(story)
    return (model.Label(name=name, value=value) for name, value in labels.items() if value)


def labels_of(story: Story) -> Mapping[str, str]:
    """Return the labels by which all results of a rollout are found."""
    if story.started is None:
        return {}
    s = story.started
    told = {
        "rollout": s.rollout,
        "target": s.target,
        "platform": s.platform,
        "revision": story.canary,
    }
    return {name: value for name, value in told.items() if value}


def links_of(story: Story) -> Iterator[Mapping[str, str]]:
    """Yield where to read on: who ran it, and the known issues that the reason looks like."""
    executor = story.surroundings.get("executor", {})
    if url := executor.get("buildUrl"):
        yield {"type": "link", "url": url, "name": executor.get("buildName", url)}
    if story.outcome not in ("promoted", "paused"):
        yield from issues.known(story.reason, story.surroundings)


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
        _parameter("expected share", stop.by_pods or share(stop.share)),
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
        yield _order(story, sent.decided)
    begin = sent.decided + sent.seconds if sent else None
    if proven := story.proven:
        name = f"Rollback proven: {proven.sentence}"
        yield _result(name, Status.PASSED, begin or proven.time, proven.time)
    if missing := story.not_proven:
        name = "THE ROLLBACK IS NOT PROVEN, somebody must look now"
        yield _result(name, Status.BROKEN, begin or missing.time, missing.time, missing.reason)


def _order(story: Story, decided: float) -> Any:
    """Return what happened around the abort as a step, each moment of it a step in it."""
    moments = moments_of(story)
    first, last = decided + moments[0].at, decided + moments[-1].at
    order = _result("The order of things, from the decision", Status.PASSED, first, last)
    order.steps = [
        _result(moment.sentence, Status.PASSED, decided + moment.at, decided + moment.at)
        for moment in moments
    ]
    return order


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


def _parameter(name: str, value: object) -> Any:
    # Excluded: what a run found must not begin a new history.
    return model.Parameter(name=name, value=str(value), excluded=True)


def _ms(time: float) -> int:
    return round(time * 1000)
