"""A run in one page of JSON: how it ended and why, step by step. A pure function of its events."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from canarytest.core.events import Event, timestamp
from canarytest.reporting import log
from canarytest.reporting.story import Stop, Story, story_of

EVENTS = "events.jsonl"
SUMMARY = "summary.json"


def summary_of(events: Iterable[Event]) -> dict[str, Any]:
    """Return the summary of a run, as `summary.json` has it; *events* may be cut off anywhere."""
    return summary_of_story(story_of(events))


def summary_of_story(story: Story) -> dict[str, Any]:
    """Return the summary of the run that *story* tells."""
    started = story.started
    return {
        "outcome": story.outcome,
        "exit_status": story.exit_status,
        "reason": story.reason,
        "run_id": started.run_id if started else None,
        "rollout": started.rollout if started else None,
        "namespace": started.namespace if started else None,
        "platform": started.platform if started else None,
        "target": started.target if started else None,
        "stable": started.stable if started else None,
        "canary": story.canary,
        "images": dict(started.images) if started else {},
        "started": timestamp(story.events[0].time) if story.events else None,
        "seconds": _rounded(story.seconds),
        "steps": [_step(stop) for stop in story.stops],
        "rollback": _rollback(story),
        "exposure": _exposure(story),
        "warnings": list(started.warnings) if started else [],
        "versions": dict(started.versions) if started else {},
    }


def write(run_dir: Path) -> dict[str, Any]:
    """Make `summary.json` in *run_dir* from its `events.jsonl`, in one go, and return it."""
    summary = summary_of(log.read(run_dir / EVENTS))
    write_atomically(run_dir / SUMMARY, as_text(summary))
    return summary


def as_text(summary: Mapping[str, Any]) -> str:
    """Return *summary* as it stands in its file."""
    return json.dumps(summary, indent=2, ensure_ascii=False) + "\n"


def write_atomically(path: Path, text: str) -> None:
    """Write *text* to *path* so that nobody ever reads a part of it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        Path(name).chmod(0o644)  # mkstemp's 0600 would keep a web server from showing it
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _step(stop: Stop) -> dict[str, Any]:
    return {
        "label": stop.label,
        "weight": stop.weight,
        "share": stop.share,
        "opened": timestamp(stop.opened.time) if stop.opened else None,
        "seconds": _rounded(stop.seconds),
        "verdict": None if stop.verdict is None else str(stop.verdict),
        "reason": stop.reason,
        "tests": dict(stop.counts),
        "measurements": [asdict(finding) for finding in stop.findings],
    }


def _rollback(story: Story) -> dict[str, Any] | None:
    """Return how the traffic came back; None where it never had to."""
    is_told = story.proven or story.not_proven
    # Of a run that ended, whatever had to be proven was told of: else it could not be begun.
    if not (is_told or (story.ended is None and (story.aborted or story.sent))):
        return None
    sent, proven, last = story.sent, story.proven, story.proven or story.not_proven
    return {
        "cause": story.aborted.cause if story.aborted else None,
        "proven": proven is not None,
        "seconds_to_abort_sent": _rounded(sent.seconds) if sent else None,
        "attempts": sent.attempts if sent else None,
        "seconds_to_last_canary": _rounded(last.last_canary) if last else None,
        "probes": last.probes if last else None,
        "errors": last.errors if last else None,
        "window": proven.window if proven else None,
        "responses": proven.responses if proven else None,
        "bound": proven.bound if proven else None,
        "restarts": proven.restarts if proven else None,
        "sentence": _sentence(story),
    }


def _sentence(story: Story) -> str:
    if story.proven:
        return story.proven.sentence
    return story.not_proven.reason if story.not_proven else "no proof was made"


def _exposure(story: Story) -> Mapping[str, Any]:
    if story.ended is None:
        return {"requests": None, "failures": None, "counted_by": None}
    return {"requests": None, "failures": None, "counted_by": None, **story.ended.exposure}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
