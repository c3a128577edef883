"""The pictures of a run, and the data that they show as files, for the report."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from canarytest.core.errors import CanaryError
from canarytest.reporting.distributions import (
    Distribution,
    SplitAt,
    distributions_of,
    splits_of,
)
from canarytest.reporting.story import Story
from canarytest.reporting.timeline import PERCENTILES, Share, Timeline, timeline_of

TIMELINE, LATENCY, SPLIT = "timeline", "latency by step", "split by step"
SVG = "image/svg+xml"


@dataclass(frozen=True, slots=True)
class Picture:
    """A file of the report: a picture, or what it shows."""

    name: str  # with the suffix that says what it is
    text: str
    kind: str  # its MIME type


def pictures_of(story: Story) -> tuple[Picture, ...]:
    """
    Return the pictures of the run that *story* tells, the timeline first, then their data.

    Raises CanaryError where matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise CanaryError(
            "the pictures of the report need matplotlib; pip install 'canarytest[report]'"
        )
    from canarytest.reporting import draw_steps, draw_timeline  # noqa: PLC0415  matplotlib is heavy

    timeline, latency, split = timeline_of(story), distributions_of(story), splits_of(story)
    name = story.name
    drawn = {
        TIMELINE: draw_timeline.timeline_svg(timeline, f"{name}: {story.outcome}", story.reason),
        LATENCY: draw_steps.distributions_svg(latency, f"{name}: latency at each step"),
        SPLIT: draw_steps.split_svg(split, f"{name}: split at each step"),
    }
    svgs = (Picture(f"{title}.svg", text, SVG) for title, text in drawn.items())
    return (*svgs, *data_of(timeline, latency, split))


def data_of(
    timeline: Timeline, latency: Sequence[Distribution], split: Sequence[SplitAt]
) -> Iterator[Picture]:
    """Yield what the pictures show, as tables and as one JSON document."""
    tables = {
        TIMELINE: list(timeline_rows(timeline)),
        LATENCY: list(latency_rows(latency)),
        SPLIT: list(split_rows(split)),
    }
    for title, rows in tables.items():
        if rows:
            yield Picture(f"{title}.csv", _csv(rows), "text/csv")
    text = json.dumps({**_frame(timeline), **tables}, ensure_ascii=False)
    yield Picture("pictures.json", f"{text}\n", "application/json")


def timeline_rows(timeline: Timeline) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each version and bin, as the timeline draws them."""
    for point in timeline.points:
        latency = ((f"p{p}_ms", _rounded(point.latency(p), 3)) for p in PERCENTILES)
        yield {
            "seconds": point.at,
            "version": point.version,
            "requests": point.tally.requests,
            "failures": point.tally.failures,
            "requests_per_s": round(point.rate, 4),
            "errors_per_s": round(point.error_rate, 4),
            **dict(latency),
        }


def latency_rows(found: Sequence[Distribution]) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each step, version and range of latencies, from `low_ms` to `high_ms`."""
    for one in found:
        for column in one.columns:
            yield {
                "step": one.step,
                "version": str(one.version),
                "low_ms": round(column.low, 4),
                "high_ms": round(column.high, 4),
                "requests": column.requests,
                "share": round(column.share, 6),
            }


def split_rows(found: Sequence[SplitAt]) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each step; shares from 0 to 1, the observed one None without an answer."""
    for one in found:
        yield {
            "step": one.step,
            "expected": one.expected,
            "tolerated_from": round(one.tolerated[0], 6),
            "tolerated_to": round(one.tolerated[1], 6),
            "canary": one.canary,
            "total": one.total,
            "observed": _rounded(one.observed, 6),
            "low": round(one.low, 6),
            "high": round(one.high, 6),
        }


def _frame(timeline: Timeline) -> dict[str, Any]:
    """Return what the timeline shows beside the requests; times in seconds since the run began."""
    return {
        "began": timeline.began,
        "seconds": timeline.end,
        "bin_seconds": timeline.bin_s,
        "steps": [
            {"step": b.label, "start": b.start, "end": b.end, "verdict": b.verdict}
            for b in timeline.bands
        ],
        "weights": [
            {"at": at, "weight": weight, "expected": share}
            for (at, weight), (_, share) in zip(timeline.weights, timeline.expected, strict=True)
        ],
        "shares": [_share(share) for share in timeline.shares],
        "marks": [{"at": mark.at, "what": mark.label} for mark in timeline.marks],
    }


def _share(share: Share) -> Mapping[str, Any]:
    interval = {"low": round(share.low, 6), "high": round(share.high, 6)}
    seen = {"canary": share.canary, "total": share.total}
    return {"at": share.at, "since": share.since, **seen, **interval}


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
