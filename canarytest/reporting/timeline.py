"""
The run on one time axis, as plain series: what the picture of it draws, and its table holds.

All times are seconds since the run began. Long runs are drawn in bins of several seconds: counts
of a bin are added up, and its percentiles are those of all its requests, not means of percentiles.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from canarytest.core import events as e
from canarytest.core import sequential
from canarytest.core.measure import Tally, total
from canarytest.core.reach import Version
from canarytest.reporting.measured import second_of, tallies_of
from canarytest.reporting.story import Story, of_type

MOST_BINS = 240  # more points than that no screen shows apart
ALPHA = 0.05  # the intervals of the share hold at every look at once, with 95 % confidence
PERCENTILES = (50, 95, 99)
REQUESTS = ("load", "probe")
PAUSE_S = 1.5  # seconds between two measurements: the source did not measure all the time
NOBODY = "nobody"  # who answered a request that failed before anybody did
WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


@dataclass(frozen=True, slots=True)
class Band:
    """A step, from its weight in force until it was left."""

    label: str
    start: float
    end: float
    verdict: str | None


@dataclass(frozen=True, slots=True)
class Point:
    """What one version answered in one bin."""

    at: float  # the middle of the bin
    version: str  # canary | stable | nobody
    tally: Tally
    rate: float  # requests a second, while anything was measured
    error_rate: float  # failed ones a second

    def latency(self, percentile: int) -> float | None:
        """Return a percentile of the latency, in milliseconds; None without requests."""
        return self.tally.latency.quantile(percentile / 100)


@dataclass(frozen=True, slots=True)
class Share:
    """The canary's share of what the probe saw since the step opened, or since the decision."""

    at: float
    since: str  # the step's label, or "abort"
    canary: int
    total: int
    low: float
    high: float

    @property
    def observed(self) -> float:
        """The share itself, 0 to 1."""
        return self.canary / self.total


@dataclass(frozen=True, slots=True)
class Tick:
    """The end of a test."""

    at: float
    outcome: str
    nodeid: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of the rollout itself."""

    at: float
    label: str
    is_alarm: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """A run on one time axis."""

    began: float  # epoch
    end: float
    bin_s: int
    bands: tuple[Band, ...]
    weights: tuple[tuple[float, int], ...]  # percent asked for, from that moment on
    expected: tuple[tuple[float, float], ...]  # the share that the canary is to have by it
    shares: tuple[Share, ...]
    points: tuple[Point, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]

    @property
    def length(self) -> float:
        """How many seconds the axis has; never none."""
        return max(self.end, 1.0)


def timeline_of(story: Story) -> Timeline:
    """Return the run that *story* tells as series."""
    began = story.events[0].time if story.events else 0.0
    asked = tuple(_asked(story, began))
    end = max((event.time - began for event in story.events), default=0.0)
    bin_s = bin_width(end)
    return Timeline(
        began=began,
        end=end,
        bin_s=bin_s,
        bands=tuple(_bands(story, began, end)),
        weights=tuple((at, weight) for at, weight, _ in asked),
        expected=tuple((at, share) for at, _, share in asked),
        shares=tuple(_shares(story, began, bin_s)),
        points=tuple(_points(story.events, began, bin_s)),
        ticks=tuple(
            Tick(test.time - began, test.outcome, test.nodeid)
            for test in of_type(story.events, e.TestFinished)
        ),
        marks=tuple(_marks(story, began)),
    )


def bin_width(seconds: float) -> int:
    """Return how many seconds a bin has, so that *seconds* are at most MOST_BINS of them."""
    fitting = (width for width in WIDTHS_S if seconds / width <= MOST_BINS)
    return next(fitting, math.ceil(seconds / MOST_BINS))


def _bands(story: Story, began: float, end: float) -> Iterator[Band]:
    for stop in story.stops:
        if stop.opened:
            left = end if stop.ended is None else stop.ended - began
            yield Band(stop.label, stop.opened.time - began, left, stop.verdict)


def _asked(story: Story, began: float) -> Iterator[tuple[float, int, float]]:
    """Yield from when on which weight was asked for, and which share is to come of it."""
    for stop in story.stops:
        if stop.opened:
            yield stop.opened.time - stop.opened.seconds - began, stop.weight, stop.share
    if story.sent:
        yield story.sent.decided + story.sent.seconds - began, 0, 0.0
    elif story.promoted:
        yield story.promoted.time - began, 100, 1.0


def _marks(story: Story, began: float) -> Iterator[Mark]:
    if story.promoted:
        yield Mark(story.promoted.time - began, "promoted")
    if story.sent:
        yield Mark(story.sent.decided + story.sent.seconds - began, "abort sent", is_alarm=True)
    elif story.aborted:
        yield Mark(story.aborted.time - began, "aborted", is_alarm=True)
    if story.proven:
        yield Mark(story.proven.time - began, "rollback proven")
    if story.not_proven:
        yield Mark(story.not_proven.time - began, "ROLLBACK NOT PROVEN", is_alarm=True)


def _points(events: Iterable[e.Event], began: float, bin_s: int) -> Iterator[Point]:
    """
    Yield what each version answered in each bin.

    A source's rate is its requests by the time it measured in the bin: a generator may begin or
    end within one, and the probe's last second is seldom a whole one.
    """
    tallies: dict[tuple[int, str], dict[str, Tally]] = defaultdict(dict)
    measured: dict[tuple[int, str], float] = defaultdict(float)
    for second in _seconds(events, began):
        here, source = second.number // bin_s, second.event.source
        measured[here, source] += second.lasted
        for version, tally in tallies_of(second.event.values):
            counted = tallies[here, version or NOBODY]
            counted[source] = counted.get(source, Tally()) + tally
    for (here, answered), counted in sorted(tallies.items()):
        rates = [(t, measured[here, source]) for source, t in counted.items()]
        yield Point(
            at=(here + 0.5) * bin_s,
            version=answered,
            tally=total(counted.values()),
            rate=sum(t.requests / lasted for t, lasted in rates),
            error_rate=sum(t.failures / lasted for t, lasted in rates),
        )


@dataclass(frozen=True, slots=True)
class _Second:
    number: int  # since the run began
    lasted: float
    event: e.MeasurementTaken


def _seconds(events: Iterable[e.Event], began: float) -> Iterator[_Second]:
    """
    Yield the measurements of requests with the second that each is of.

    They come a second apart, a little more or less: counted from the first of its source and step,
    no second is given two of them and its neighbour none. What comes after a pause lasted a second.
    """
    firsts: dict[tuple[str, int], float] = {}
    lasts: dict[str, float] = {}
    for event in of_type(events, e.MeasurementTaken):
        if event.source in REQUESTS:
            middle = second_of(event) - 0.5 - began
            first = firsts.setdefault((event.source, event.step), middle)
            lasted = middle - lasts.get(event.source, -math.inf)
            lasts[event.source] = middle
            number = max(0, math.floor(first) + round(middle - first))
            yield _Second(number, lasted if 0 < lasted < PAUSE_S else 1.0, event)


def _shares(story: Story, began: float, bin_s: int) -> Iterator[Share]:
    """Yield the share at the end of each bin in which the probe saw anybody."""
    found: dict[tuple[str, int], Share] = {}
    seen: dict[str, Counter[Version]] = defaultdict(Counter)
    for event in of_type(story.events, e.MeasurementTaken):
        since = _since(story, second_of(event)) if event.source == "probe" else None
        if since is None:
            continue
        counter = seen[since]
        for version, tally in tallies_of(event.values):
            if version:
                counter[version] += tally.requests
        if counter.total():
            at = second_of(event) - began
            found[since, int(at // bin_s)] = _share(at, since, counter)
    yield from found.values()


def _share(at: float, since: str, seen: Mapping[Version, int]) -> Share:
    canary, total = seen[Version.CANARY], sum(seen.values())
    low, high = sequential.interval(canary, total, ALPHA)
    return Share(at, since, canary, total, low, high)


def _since(story: Story, at: float) -> str | None:
    """Return what the share at the time *at* is counted from; None where nothing is asked for."""
    if story.sent and at > story.sent.decided + story.sent.seconds:
        return "abort"
    for stop in reversed(story.stops):
        if stop.opened and stop.opened.time < at:
            return stop.label if stop.ended is None or at <= stop.ended else None
    return None
