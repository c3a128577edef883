"""
A metric by a query of PromQL: what is asked, from when on, and what the answers are worth.

An answer counts once all that it looks at lies in the open step: what is left of an earlier
canary, or of the step before, judges nobody. Counters that begin again are the business of `rate`
and `increase`, which see it; of a bare counter nobody can say what it means.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from canarytest.core.bands import Band
from canarytest.core.evidence import GAUGE_SAMPLES
from canarytest.core.finding import Finding, Zone
from canarytest.core.gauge import GAUGE_MINIMUM, judge_gauge

TAGS = ("canary", "stable", "rollout", "namespace")  # what a query may have filled in
SHARE = "share"  # the unit of what is told in percent
PLAIN_S = 15.0  # how old the newest sample may be: the usual time between two scrapes
_TAG = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_STRING = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\''
_DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
_RANGE = re.compile(
    rf"(?P<selector>\{{(?:[^{{}}\"']|{_STRING})*\}})?\s*\[\s*(?P<range>{_DURATION})\s*\]"
    rf"(?:\s*offset\s+(?P<offset>-?{_DURATION}))?"
)
_SUBQUERY = re.compile(rf"\[\s*({_DURATION})\s*:[^\]]*\]")
_MATCHER = re.compile(rf"(?<!!)=~?\s*({_STRING})")
_UNITS_S = {
    "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0,
}  # fmt: skip


class NoData(StrEnum):
    """What it means that a query answers nothing, or no number."""

    INCONCLUSIVE = "inconclusive"
    IGNORE = "ignore"
    ROLL_BACK = "roll back"


class Kind(StrEnum):
    """What an answer may be."""

    NUMBER = "number"
    NO_DATA = "no data"
    SEVERAL = "several series"
    UNANSWERED = "unanswered"  # the server's trouble


@dataclass(frozen=True, slots=True)
class Query:
    """What `[tool.canarytest.metrics.NAME]` says."""

    name: str
    text: str
    band: Band
    interval_s: float = 5.0
    no_data: NoData = NoData.INCONCLUSIVE
    unit: str = ""
    window_s: float | None = None  # that an answer looks back; None: what the text says

    @property
    def looks_back_s(self) -> float:
        """How long a step has to be open before the first answer is of it alone."""
        return looks_back_s(self.text) if self.window_s is None else self.window_s

    def shown(self, value: float) -> str:
        """Return *value* as a person reads it."""
        return f"{100 * value:.3g}%" if self.unit == SHARE else f"{value:.4g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Look:
    """One answer: a number, or why there is none."""

    kind: Kind
    value: float | None = None
    why: str = ""


def unknown_tags(text: str) -> tuple[str, ...]:
    """Return what stands in double braces in *text* and is none of `TAGS`."""
    return tuple(tag for tag in _TAG.findall(text) if tag not in TAGS)


def is_of_canary(text: str) -> bool:
    """Whether *text* says where the canary is to be filled in."""
    return "canary" in _TAG.findall(text)


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return the query *text* with *values* for its tags, safe within its quotes."""
    escaped = {k: v.replace("\\", r"\\").replace('"', r"\"") for k, v in values.items()}
    return _TAG.sub(lambda tag: escaped.get(tag[1], tag[0]), text)


def of_any_version(text: str) -> str:
    """Return *text* so that it asks for any version: before there is a canary to name."""

    def loosened(matcher: re.Match[str]) -> str:
        known = "canary", "stable"
        if not any(tag in known for tag in _TAG.findall(matcher[1])):
            return matcher[0]
        return "=~" + _TAG.sub(lambda t: ".*" if t[1] in known else t[0], matcher[1])

    return _MATCHER.sub(loosened, text)


def looks_back_s(text: str) -> float:
    """
    Return how many seconds before it is asked the oldest sample may lie that *text* looks at.

    Of ranges and offsets those count that select the canary, where any does: the stable version's
    yesterday is asked for on purpose. Subqueries add theirs, wherever they stand, so that it may
    be too much and is never too little.
    """
    text = re.sub(_STRING, lambda said: '"{{canary}}"' if is_of_canary(said[0]) else '""', text)
    ranges = list(_RANGE.finditer(text))
    ours = [found for found in ranges if is_of_canary(found["selector"] or "")]
    longest = max((_reach_s(found) for found in ours or ranges), default=PLAIN_S)
    return longest + sum(_duration_s(each) for each in _SUBQUERY.findall(text))


def look_of(series: Sequence[tuple[Mapping[str, str], float]]) -> Look:
    """Say what an answer is: *series* with their labels, each with its value."""
    if not series:
        return Look(Kind.NO_DATA, why="it returned nothing: there is no such series")
    if len(series) > 1:
        told = "; ".join(_labels(series))
        return Look(Kind.SEVERAL, why=f"it returned {len(series)} series ({told}), expected one")
    value = series[0][1]
    if not math.isfinite(value):
        said = "NaN, as 0/0 is without a request" if math.isnan(value) else "infinite"
        return Look(Kind.NO_DATA, why=f"it is {said}")
    return Look(Kind.NUMBER, value)


def awaited(query: Query, looks: int = 0) -> Finding:
    """Return how *query* stands before it was asked often enough: that is waited for."""
    back = f", each of the {query.looks_back_s:g} s before it, in this step alone"
    said = f"{query.name}: {looks} of {GAUGE_MINIMUM} looks taken{back}"
    return _finding(query, Zone.UNDER_WAY, said, looks)


def judge_looks(query: Query, looks: Sequence[Look], *, is_dark: bool) -> Finding:
    """
    Judge *query* by the last few of its *looks*.

    Where no user is, no data is no wonder: in the dark it decides nothing. A server's trouble is
    never the canary's, and is never ignored.
    """
    if len(looks) < GAUGE_MINIMUM:
        return awaited(query, len(looks))
    recent = looks[-GAUGE_SAMPLES:]
    numbers = [look.value for look in recent if look.value is not None]
    if len(numbers) >= GAUGE_MINIMUM:
        return judge_gauge(query.name, query.band, numbers, shown=query.shown)
    missing = [look for look in recent if look.kind is not Kind.NUMBER]
    kinds = [look.kind for look in missing]
    zone, meant = Zone.TOO_LITTLE, "too little to decide"
    if kinds.count(Kind.SEVERAL) >= GAUGE_MINIMUM:
        zone, meant = Zone.UNTRUSTED, "aggregate it, e.g. by sum or max: nobody knows which counts"
    elif kinds.count(Kind.NO_DATA) >= GAUGE_MINIMUM:
        zone, meant = _without_data(query.no_data, is_dark=is_dark)
    return _finding(query, zone, f"{query.name}: {missing[-1].why}: {meant}", len(numbers))


def _without_data(no_data: NoData, *, is_dark: bool) -> tuple[Zone, str]:
    if is_dark:
        return Zone.SHOWN, "in the dark that decides nothing"
    match no_data:
        case NoData.ROLL_BACK:
            return Zone.ROLL_BACK, 'roll back, as no_data = "roll back" says'
        case NoData.IGNORE:
            return Zone.SHOWN, 'not judged, as no_data = "ignore" says'
        case _:
            return Zone.TOO_LITTLE, "too little to decide"


def _finding(query: Query, zone: Zone, sentence: str, n: int) -> Finding:
    band = query.band
    blank = Finding(query.name, zone, sentence, n, GAUGE_MINIMUM)
    return replace(blank, warning=band.warning, roll_back=band.roll_back)


def _labels(series: Sequence[tuple[Mapping[str, str], float]], most: int = 3) -> Iterator[str]:
    """Yield by which labels the *series* differ; of many only the first."""
    common = set.intersection(*(set(labels.items()) for labels, _ in series))
    for labels, _ in series[:most]:
        yield ", ".join(f"{k}={v}" for k, v in labels.items() if (k, v) not in common) or "no label"
    if len(series) > most:
        yield "…"


def _reach_s(found: re.Match[str]) -> float:
    offset = found["offset"] or "0s"
    return _duration_s(found["range"]) + (0.0 if offset.startswith("-") else _duration_s(offset))


def _duration_s(text: str) -> float:
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
