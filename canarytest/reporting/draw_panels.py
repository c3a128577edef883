"""The panels of the timeline: split, requests, errors, latency, tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from canarytest.reporting import canvas
from canarytest.reporting.canvas import Look
from canarytest.reporting.timeline import PERCENTILES, Point, Share, Timeline

_STYLE = {
    "canary": (canvas.CANARY, "o"),
    "stable": (canvas.STABLE, "s"),
    "nobody": (canvas.NOBODY, "x"),
}
_LINES = {50: ":", 95: "-", 99: "--"}
_ROWS = {"passed": 2, "failed": 1, "error": 1, "inconclusive": 1, "skipped": 0}
_TICKS = {2: (canvas.GOOD, 0.32), 1: (canvas.BAD, 0.42), 0: (canvas.NOBODY, 0.16)}  # half heights
_T = TypeVar("_T", Point, Share)
_MANY = 40  # points of a line; of more not each has its marker, but every so many-th
_MARKERS = 13
_MOST_TICKS = 400  # across the axis; tests that end closer together are drawn as one


def split(axes: Axes, timeline: Timeline) -> None:
    axes.set_ylabel("canary's share")
    if not timeline.weights:
        canvas.empty(axes, "no step was opened")
        return
    times = [at for at, _ in timeline.weights] + [timeline.end]
    asked = [weight / 100 for _, weight in timeline.weights]
    steps: Look = {"color": canvas.INK, "linewidth": 1.1, "where": "post"}
    axes.step(times, [*asked, asked[-1]], label="weight asked", gid="weight", **steps)
    expected = [share for _, share in timeline.expected]
    if expected != asked:  # no router: the pods are the split
        share: Look = {"linestyle": ":", "label": "share expected", "gid": "expected"}
        axes.step(times, [*expected, expected[-1]], **steps, **share)
    for run in _runs(timeline.shares, 2.5 * timeline.bin_s, lambda share: share.since):
        _share(axes, run)
    seen = [share.observed for share in timeline.shares]
    _from_zero(axes, min(1.03, max(0.2, 1.6 * max([*asked, *expected, *seen]))))
    axes.yaxis.set_major_formatter(canvas.PERCENT)
    if not timeline.shares:
        axes.plot([], [], " ", label="the probe saw\nno answer")
    _legend(axes)


def _share(axes: Axes, run: Sequence[Share]) -> None:
    times = [share.at for share in run]
    low, high = [share.low for share in run], [share.high for share in run]
    interval: Look = {"color": canvas.CANARY, "alpha": 0.22, "linewidth": 0}
    axes.fill_between(
        times, low, high, label="95 % interval", gid=f"interval-{run[0].since}", **interval
    )
    if len(run) == 1:  # between a point and itself is nothing to fill
        axes.vlines(times, low, high, color=canvas.CANARY, alpha=0.4, linewidth=4)
    look: Look = {
        "color": canvas.CANARY,
        "marker": "o",
        "markersize": 2.6,
        "gid": f"share-{run[0].since}",
    }
    look["markevery"] = _every(len(run))
    label = "seen by the probe\nsince the step\nopened, or the abort"
    axes.plot(times, [share.observed for share in run], label=label, **look)


def requests(axes: Axes, points: Sequence[Point], bin_s: int) -> None:
    axes.set_ylabel("requests / s")
    if not points:
        canvas.empty(axes, "neither load nor probe was measured")
        return
    for version, own in _by_version(points):
        _line(axes, own, bin_s, version, lambda p: p.rate, label=version, gid=f"requests-{version}")
    _from_zero(axes, axes.get_ylim()[1])
    _legend(axes)


def errors(axes: Axes, points: Sequence[Point], bin_s: int) -> None:
    axes.set_ylabel("errors / s")
    if not points:
        canvas.empty(axes, "neither load nor probe was measured")
        return
    for version, own in _by_version(points):
        gid = f"errors-{version}"
        _line(axes, own, bin_s, version, lambda p: p.error_rate, label=version, gid=gid)
    most = max(point.error_rate for point in points)
    _from_zero(axes, max(1.0, 1.15 * most))
    if not most:
        axes.text(1.02, 0.5, "no measured\nrequest failed", transform=axes.transAxes, va="center")


def _from_zero(axes: Axes, top: float) -> None:
    """Let the axis end a little below zero, so that a line at zero is seen."""
    axes.set_ylim(-0.04 * top, top)


def latency(axes: Axes, points: Sequence[Point], bin_s: int) -> None:
    axes.set_ylabel("latency")
    answered = [p for p in points if p.version != "nobody" and p.tally.latency.count]
    if not answered:
        canvas.empty(axes, "no request was answered")
        return
    for version, own in _by_version(answered):
        for p in PERCENTILES:
            style: Look = {"label": f"{version} p{p}", "gid": f"latency-{version}-p{p}"}
            _line(axes, own, bin_s, version, _percentile(p), linestyle=_LINES[p], **style)
    axes.set_yscale("log")
    rungs = _rungs(*axes.get_ylim())
    axes.set_ylim(rungs[0], rungs[-1])
    axes.yaxis.set_major_locator(FixedLocator(rungs))
    axes.yaxis.set_major_formatter(canvas.MILLISECONDS)
    axes.yaxis.set_minor_locator(NullLocator())
    _legend(axes)


def _rungs(low: float, high: float) -> list[float]:
    """Return 1, 2, 5, 10, 20 … from at most *low* to at least *high*."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    rungs = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    first = max(i for i, rung in enumerate(rungs) if rung <= low)
    last = min(i for i, rung in enumerate(rungs) if rung >= high)
    return rungs[first : last + 1]


def _percentile(percentile: int) -> Callable[[Point], float | None]:
    return lambda point: point.latency(percentile)


def tests(axes: Axes, timeline: Timeline) -> None:
    axes.set_ylabel("tests")
    axes.set_ylim(-0.6, 2.6)
    if not timeline.ticks:
        canvas.empty(axes, "no test ended")
        return
    width = timeline.length / _MOST_TICKS
    drawn = {
        (round(tick.at / width) * width, _ROWS.get(tick.outcome, 2)) for tick in timeline.ticks
    }
    for row, (colour, half) in _TICKS.items():
        times = sorted(at for at, own in drawn if own == row)
        gid = f"tests-{('skipped', 'failed', 'passed')[row]}"
        across = [x for at in times for x in (at, at, math.nan)]  # all ticks of a row are one path
        along = [row - half, row + half, math.nan] * len(times)
        if times:
            axes.plot(across, along, color=colour, linewidth=1 if row != 1 else 2, gid=gid)
            if row == 1:
                axes.plot(times, [row] * len(times), "X", color=colour, markersize=5)
    axes.set_yticks([0, 1, 2], ["skipped", "failed", "passed"])
    axes.grid(visible=False, axis="y")


def _line(
    axes: Axes,
    points: Sequence[Point],
    bin_s: int,
    version: str,
    value: Callable[[Point], float | None],
    **look: Any,
) -> None:
    """Draw *value* of *points*, broken where nothing was measured."""
    times: list[float] = []
    values: list[float] = []
    for run in _runs(points, 1.5 * bin_s):
        times += [point.at for point in run] + [math.nan]
        values += [_number(value(point)) for point in run] + [math.nan]
    colour, marker = _STYLE[version]
    look |= {"color": colour, "marker": marker, "markersize": 2.6}
    axes.plot(times, values, markevery=_every(len(points)), **look)


def _every(points: int) -> int:
    return 1 if points <= _MANY else points // _MARKERS


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _runs(
    items: Iterable[_T], gap_s: float, kind: Callable[[_T], str] = lambda _: ""
) -> Iterator[list[_T]]:
    """Yield the *items* in runs of one *kind* with no gap longer than *gap_s*."""
    run: list[_T] = []
    for item in items:
        if run and (item.at - run[-1].at > gap_s or kind(item) != kind(run[-1])):
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _by_version(points: Iterable[Point]) -> Iterator[tuple[str, list[Point]]]:
    told = list(points)
    for version in _STYLE:
        if own := [point for point in told if point.version == version]:
            yield version, own


def _legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    place: Look = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "labelspacing": 0.4}
    axes.legend(once.values(), once.keys(), handlelength=2.2, **place)
