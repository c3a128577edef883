"""
What MeasurementTaken events hold, as tallies.

`values` by source: `load` is `LoadSecond.as_json()`; `probe` is `{"tallies": [...]}` of the same
form, the versions null for what nobody answered; `platform` is a gauge's name and share, or an
incident; `prometheus` is one look of a query (metric, kind, value or why there is none, query);
`analysis` is a measurement of Argo's, or the phase that a run of them ended with. What has another
form is passed over: a report is made of what can be read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from canarytest.core.bands import ERROR_RATE, LATENCY
from canarytest.core.events import Event, MeasurementTaken, RolloutStarted
from canarytest.core.finding import Finding, Zone
from canarytest.core.measure import Tally
from canarytest.core.reach import Version
from canarytest.core.split import Split


def tallies_of(values: Mapping[str, Any]) -> Iterator[tuple[Version | None, Tally]]:
    """Yield the tallies of one measurement, of load or of the probe, by who answered."""
    try:
        entries = [
            (Version(version) if version else None, Tally.from_json(tally))
            for version, _endpoint, tally in values.get("tallies", ())
        ]
    except (KeyError, TypeError, ValueError):
        return
    yield from entries


def by_version(
    events: Iterable[Event], step: int, *sources: str, until: float = math.inf
) -> Mapping[Version | None, Tally]:
    """Return all that *sources* measured at *step*, by who answered, in the seconds to *until*."""
    totals: dict[Version | None, Tally] = {}
    for event in events:
        if (
            isinstance(event, MeasurementTaken)
            and event.step == step
            and event.source in sources
            and second_of(event) <= until
        ):
            for version, tally in tallies_of(event.values):
                totals[version] = totals.get(version, Tally()) + tally
    return totals


def second_of(event: MeasurementTaken) -> float:
    """Return the end of the second that was measured, in seconds since the epoch."""
    at = event.values.get("at")
    return at if isinstance(at, float) else event.time


def findings_of(events: Iterable[Event], step: int, until: float = math.inf) -> tuple[Finding, ...]:
    """
    Return what was measured at *step* until it was left, where no judgement says more.

    The figures of the canary are shown, not judged: the events do not say how sure one has to be.
    """
    told = tuple(events)
    canary = by_version(told, step, "load", "probe", until=until).get(Version.CANARY, Tally())
    probe = by_version(told, step, "probe", until=until)
    seen = Split(
        probe.get(Version.CANARY, Tally()).requests,
        sum(probe.get(version, Tally()).requests for version in Version),
        0.0,
    )
    bands = next((event.bands for event in told if isinstance(event, RolloutStarted)), {})
    found = [_finding(metric, band, canary) for metric, band in bands.items()]
    if seen.total:
        sentence = f"split {seen.observed:.1%} ({seen.canary} of {seen.total} probes)"
        found.append(Finding("split", Zone.SHOWN, sentence, seen.total, estimate=seen.observed))
    return tuple(finding for finding in found if finding)


def _finding(metric: str, band: tuple[float, float], tally: Tally) -> Finding | None:
    n, (warning, roll_back) = tally.requests, band
    if not n:
        return None
    if metric == ERROR_RATE:
        estimate = tally.failures / n
        sentence = f"error rate {estimate:.1%} ({tally.failures} of {n} requests)"
    elif match := LATENCY.fullmatch(metric):
        estimate = tally.latency.quantile(int(match[1]) / 100) or 0.0
        sentence = f"latency p{match[1]} {estimate:.0f} ms ({n} requests)"
    else:
        return None
    return Finding(
        metric, Zone.SHOWN, sentence, n, estimate=estimate, warning=warning, roll_back=roll_back
    )
