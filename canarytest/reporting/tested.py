"""
Results of tests, as Allure wants them, from the events of a run.

`TestFinished.about` is what allure-pytest said of the test: the result's own JSON, and under
`bodies` what was attached, by file. Where it is empty (no Allure, a worker that crashed, a run of
an older version) the event alone has to do.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from canarytest.core.events import EvidenceCollected, TestFinished
from canarytest.reporting import exchanged, issues
from canarytest.reporting.rollout import labels_of, parent_suite
from canarytest.reporting.story import Story, of_type

Result = dict[str, Any]
Bodies = Mapping[str, bytes]  # by the name of the file

_STATUS = {
    "passed": "passed",
    "failed": "failed",
    "skipped": "skipped",
    "xfailed": "skipped",
    "xpassed": "passed",
    "inconclusive": "unknown",
}
_BAD = ("failed", "broken", "unknown")


def results_of(story: Story) -> Iterator[tuple[Result, Bodies]]:
    """Yield the result of each test and what is attached to it, repeated attempts before it."""
    for test in of_type(story.events, TestFinished):
        for about in (*test.about.get("retries", ()), test.about):
            yield _result(test, about, story), dict(_bodies(test, about, story))


def evidence_of(story: Story) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of all that was collected at the abort."""
    for collected in of_type(story.events, EvidenceCollected):
        yield f"{collected.source}'s {collected.name} at the abort", collected.text


def _result(test: TestFinished, about: Mapping[str, Any], story: Story) -> Result:
    told = {**_by_itself(test, story), **about}
    result = {k: v for k, v in told.items() if v and k not in ("bodies", "retries")}
    result["labels"] = [*told.get("labels", ()), *_labels(test, told, story)]
    result["attachments"] = list(_attachments(test, about, story))
    if about is test.about and told.get("statusDetails") and test.message:
        result["statusDetails"] = {"trace": test.message, **told["statusDetails"]}
    result["links"] = [issues.resolved(link, story.surroundings) for link in told.get("links", ())]
    if told["status"] in _BAD:
        _link_known(result, story)
    return result


def _by_itself(test: TestFinished, story: Story) -> Result:
    """Return the result of *test* as far as its event tells without Allure."""
    place, _, parameters = test.nodeid.partition("[")  # parameters may have any text in them
    path, _, function = place.rpartition("::")
    module, *classes = path.split("::")
    dotted = ".".join([module.replace("/", ".").removesuffix(".py"), *classes])
    full_name = f"{dotted}#{function}"
    return {
        "uuid": _uuid(story, test),
        "name": test.nodeid.removeprefix(f"{path}::"),
        "fullName": full_name,
        "testCaseId": _md5(full_name),
        "historyId": _md5(test.nodeid),
        "status": _STATUS.get(test.outcome, "broken"),
        "statusDetails": _details(test),
        "parameters": [{"name": "id", "value": f"[{parameters}"}] if parameters else [],
        "titlePath": [part for part in path.replace("::", "/").split("/") if part],
        "start": round((test.time - test.seconds) * 1000),
        "stop": round(test.time * 1000),
    }


def _details(test: TestFinished) -> Mapping[str, str]:
    if not test.message:
        return {}
    lines = [line for line in test.message.splitlines() if line.startswith("E ")]
    return {"message": lines[0][1:].strip() if lines else test.message, "trace": test.message}


def _labels(test: TestFinished, told: Mapping[str, Any], story: Story) -> Iterator[Result]:
    """Yield the labels that the result has not got yet."""
    has = {label["name"] for label in told.get("labels", ())}
    wanted = {"suite": test.label, "subSuite": test.nodeid.partition("::")[0]}
    if story.started:
        suite = parent_suite(story.started.rollout, story.started.target)
        wanted = {"parentSuite": suite, **wanted, **labels_of(story)}
    wanted |= {"framework": "pytest", "language": "python", "thread": test.worker}
    for name, value in wanted.items():
        if value and name not in has:
            yield {"name": name, "value": value}


def _link_known(result: Result, story: Story) -> None:
    details = result.get("statusDetails") or {}
    text = f"{details.get('message', '')}\n{details.get('trace', '')}"
    if found := list(issues.known(text, story.surroundings)):
        result["links"] += found
        result["statusDetails"] = {**details, "known": True}


def _attachments(
    test: TestFinished, about: Mapping[str, Any], story: Story
) -> Iterator[Mapping[str, Any]]:
    """Yield what the result itself has; its steps have their own."""
    yield from about.get("attachments", ())
    for number, (title, _) in enumerate(_texts(test, about, story)):
        yield {"name": title, "source": _source(test, number), "type": "text/plain"}


def _bodies(
    test: TestFinished, about: Mapping[str, Any], story: Story
) -> Iterator[tuple[str, bytes]]:
    for source, body in about.get("bodies", {}).items():
        yield source, _body(body)
    for number, (_, text) in enumerate(_texts(test, about, story)):
        yield _source(test, number), text.encode("utf-8", "backslashreplace")


def _texts(test: TestFinished, about: Mapping[str, Any], story: Story) -> Iterator[tuple[str, str]]:
    """Yield what the event has beside what Allure was told: all of it where that is nothing."""
    if not about:
        yield from test.sections
        if test.exchanges:
            yield exchanged.title(test.exchanges), exchanged.as_text(test.exchanges)
    is_decisive = story.aborted is not None and story.aborted.step == test.label
    if about is test.about and is_decisive and test.outcome in ("failed", "error", "inconclusive"):
        yield from evidence_of(story)


def _body(body: Mapping[str, Any]) -> bytes:
    if "base64" in body:
        return base64.b64decode(body["base64"])
    if "text" in body:
        return str(body["text"]).encode("utf-8", "backslashreplace")
    return f"{body.get('size')} bytes: too much for an event, and so for this report".encode()


def _source(test: TestFinished, number: int) -> str:
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{test.nodeid} {test.time} {number}")
    return f"{name}-attachment.txt"


def _uuid(story: Story, test: TestFinished) -> str:
    run = story.started.run_id if story.started else ""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"canarytest:{run}:{test.nodeid}:{test.time}"))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
