"""The load of a run by second, as a table for whoever wants to draw or count it himself."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from canarytest.core.events import MeasurementTaken, timestamp
from canarytest.core.measure import Tally
from canarytest.core.reach import Version
from canarytest.reporting.measured import second_of, tallies_of
from canarytest.reporting.story import Story

COLUMNS = (
    "time",
    "source",
    "step",
    "version",
    "users",
    "requests",
    "failures",
    "p50_ms",
    "p95_ms",
    "p99_ms",
)


def csv_of(story: Story) -> str:
    """Return one line for each second, source and version; empty when nothing was measured."""
    rows = list(rows_of(story))
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def rows_of(story: Story) -> Iterator[Mapping[str, Any]]:
    """Yield what load and probe counted, in the order in which it came."""
    labels = {stop.index: stop.label for stop in story.stops}
    for event in story.events:
        if not isinstance(event, MeasurementTaken):
            continue
        totals: dict[Version | None, Tally] = {}  # of all endpoints
        for version, tally in tallies_of(event.values):
            totals[version] = totals.get(version, Tally()) + tally
        for version, tally in totals.items():
            yield {
                "time": timestamp(second_of(event)),
                "source": event.source,
                "step": labels.get(event.step, event.step),
                "version": version or "nobody",
                "users": event.values.get("users", ""),
                "requests": tally.requests,
                "failures": tally.failures,
                **{f"p{p}_ms": _ms(tally.latency.quantile(p / 100)) for p in (50, 95, 99)},
            }


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
