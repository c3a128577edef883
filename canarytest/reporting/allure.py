"""
What Allure is given of a run: a result of the rollout, one of each test, and what is around them.

All names and ids follow from the events, so that writing twice replaces what was written.
"""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import attr
from allure_commons import model2 as model

from canarytest.reporting import rollout, surroundings, tested
from canarytest.reporting.overview import way_back
from canarytest.reporting.pictures import Picture
from canarytest.reporting.seconds import csv_of
from canarytest.reporting.story import Story
from canarytest.reporting.summary import EVENTS, SUMMARY, as_text, summary_of_story

_MOST_PLAIN = 1 << 20  # bytes of events; more of them make the page slow to open


@dataclass(frozen=True, slots=True)
class Attached:
    """A file beside the result of the rollout."""

    name: str  # with the suffix that says what it is
    body: bytes
    kind: str  # its MIME type


def write(story: Story, events: bytes, results: Path, pictures: Iterable[Picture] = ()) -> None:
    """
    Write what is told of the rollout into the Allure *results*.

    *events* is the file that *story* was read from. The *pictures* come first, and the first one
    of all stands above the tests as well.
    """
    results.mkdir(parents=True, exist_ok=True)
    pictures = tuple(pictures)
    result = rollout.result_of(story, pictures[0].text if pictures else "")
    drawn = list(_attach(map(_drawn, pictures), results, result.uuid))
    told = _attach(_told(story, events), results, result.uuid)
    result.attachments = [*drawn, *told]
    _put(results, f"{result.uuid}-result.json", attr.asdict(result, filter=_is_said))
    if everywhere := _globals_of(story, drawn):
        _put(results, f"{result.uuid}-globals.json", attr.asdict(everywhere, filter=_is_said))
    surroundings.write(story, results)


def write_tests(story: Story, results: Path) -> None:
    """Write the results of the tests as their events tell of them, attachments included."""
    results.mkdir(parents=True, exist_ok=True)
    for result, bodies in tested.results_of(story):
        for source, body in bodies.items():
            (results / source).write_bytes(body)
        _put(results, f"{result['uuid']}-result.json", result)


def is_of(story: Story, results: Path) -> bool:
    """Whether *results* are of the run that *story* tells."""
    return (results / f"{rollout.result_of(story).uuid}-result.json").exists()


def _globals_of(story: Story, drawn: list[Any]) -> Any | None:
    """Return what is shown above all tests: the first picture, and why it was not promoted."""
    if not hasattr(model, "Globals"):  # allure-pytest < 2.16
        return None
    at = round(1000 * (story.events[-1].time if story.events else 0.0))
    errors = []
    if story.outcome not in ("promoted", "paused"):
        message = f"{story.outcome}: {story.reason}"
        errors = [model.GlobalError(message=message, trace=way_back(story), timestamp=at)]
    pictures = [
        model.GlobalAttachment(name=p.name, source=p.source, type=p.type, timestamp=at)
        for p in drawn[:1]
    ]
    return model.Globals(errors=errors, attachments=pictures) if errors or pictures else None


def _drawn(picture: Picture) -> Attached:
    return Attached(picture.name, picture.text.encode(), picture.kind)


def _told(story: Story, events: bytes) -> Iterator[Attached]:
    if len(events) <= _MOST_PLAIN:
        yield Attached(EVENTS, events, "text/plain")
    else:
        yield Attached(f"{EVENTS}.gz", gzip.compress(events, mtime=0), "application/gzip")
    summary = as_text(summary_of_story(story)).encode("utf-8", "backslashreplace")
    yield Attached(SUMMARY, summary, "application/json")
    yield Attached("load by second.csv", csv_of(story).encode(), "text/csv")
    for name, text in tested.evidence_of(story):
        yield Attached(f"{name}.txt", text.encode("utf-8", "backslashreplace"), "text/plain")


def _attach(files: Iterable[Attached], results: Path, prefix: str) -> Iterator[Any]:
    for file in files:
        if file.body:
            name = uuid.uuid5(uuid.UUID(prefix), file.name)
            source = f"{name}-attachment{Path(file.name).suffix}"
            (results / source).write_bytes(file.body)
            yield model.Attachment(name=file.name, source=source, type=file.kind)


def _put(results: Path, name: str, data: object) -> None:
    text = json.dumps(data, ensure_ascii=False)
    (results / name).write_text(text, encoding="utf-8", errors="backslashreplace")


def _is_said(_attribute: object, value: object) -> bool:
    return bool(value) or value is False
