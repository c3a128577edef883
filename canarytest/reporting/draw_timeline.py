"""Draws the run on one time axis: steps, split, requests, errors, latency, tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from textwrap import shorten

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from canarytest.core.events import timestamp
from canarytest.core.finding import Verdict
from canarytest.reporting import canvas
from canarytest.reporting import draw_panels as panels
from canarytest.reporting.canvas import Look
from canarytest.reporting.timeline import WIDTHS_S, Band, Timeline

WIDTH, HEIGHT = 11.5, 8.6  # inches; 72 points each
LEFT, RIGHT = 0.085, 0.845  # of the width: where the axes begin and end
LETTER = 6.0  # points, of the labels' font
_SIGNS = {
    Verdict.SUCCESSFUL: "✓",
    Verdict.FAILED: "✗",
    Verdict.INCONCLUSIVE: "?",
    Verdict.ERROR: "!",
}
_MOST_LETTERS = 150  # of the reason, in its one line


def timeline_svg(timeline: Timeline, title: str, reason: str) -> str:
    """Return the picture of *timeline*; *title* and *reason* stand above it."""
    with canvas.theme():
        figure = Figure(figsize=(WIDTH, HEIGHT))
        ratios = (0.75, 1.9, 1.4, 1.0, 2.2, 0.9)
        edges: Look = {"left": LEFT, "right": RIGHT, "top": 0.93, "bottom": 0.06, "hspace": 0.14}
        strip, split, requests, errors, latency, tests = figure.subplots(
            6, 1, sharex=True, height_ratios=ratios, gridspec_kw=edges
        )
        figure.suptitle(title, x=LEFT, y=0.99, ha="left", va="top", fontsize=11)
        said = shorten(reason, _MOST_LETTERS, placeholder=" …")
        figure.text(LEFT, 0.961, said, ha="left", va="top", parse_math=False)
        _strip(strip, timeline)
        panels.split(split, timeline)
        panels.requests(requests, timeline.points, timeline.bin_s)
        panels.errors(errors, timeline.points, timeline.bin_s)
        panels.latency(latency, timeline.points, timeline.bin_s)
        panels.tests(tests, timeline)
        for axes in (requests, errors, latency, tests):
            _ground(axes, timeline)
        _ground(split, timeline, is_named=True)
        _time_axis(tests, timeline)
        figure.align_ylabels()
        return canvas.svg_of(figure, title)


def _strip(axes: Axes, timeline: Timeline) -> None:
    """Draw the names of the steps and of what happened, each above its moment."""
    axes.axis("off")
    centred: Look = {"ha": "center", "va": "center"}
    steps = [((b.start + b.end) / 2, _named(b)) for b in timeline.bands]
    placed = list(_placed(steps, 2, timeline))
    for at, row, text in placed:
        axes.text(at, row + 0.5, text, gid=f"step-{text}", **centred)
    below = 1 + max((row for _, row, _ in placed), default=0)  # how many rows the steps take
    alarms = {mark.label for mark in timeline.marks if mark.is_alarm}
    for at, row, text in _placed([(m.at, m.label) for m in timeline.marks], 2, timeline):
        colour = canvas.BAD if text in alarms else canvas.GOOD
        axes.text(at, below + row + 0.5, text, color=colour, weight="bold", **centred)
    axes.set_ylim(0, below + 1.5)


def _named(band: Band) -> str:
    sign = _SIGNS.get(Verdict(band.verdict), "") if band.verdict else ""
    return f"{band.label} {sign}".strip()


def _placed(
    labels: Sequence[tuple[float, str]], rows: int, timeline: Timeline
) -> Iterator[tuple[float, int, str]]:
    """Yield where each label goes: its time, moved into the picture, its row, and the text."""
    points = WIDTH * 72 * (RIGHT - LEFT)
    scale = timeline.length / points  # seconds a point
    half = [len(text) * LETTER * scale / 2 for _, text in labels]
    centres = [
        min(max(at, h), max(h, timeline.length - h))
        for (at, _), h in zip(labels, half, strict=True)
    ]
    spans = [(c - h, c + h) for c, h in zip(centres, half, strict=True)]
    for (_, text), at, row in zip(labels, centres, canvas.rows_of(spans, rows), strict=True):
        if row is not None:
            yield at, row, text


def _ground(axes: Axes, timeline: Timeline, *, is_named: bool = False) -> None:
    """Draw the steps as bands, and the marks as lines; ids are of one panel only."""
    for number, band in enumerate(timeline.bands):
        colour = (canvas.BAND, canvas.BAND_TOO)[number % 2]
        axes.axvspan(band.start, band.end, color=colour, zorder=-2, linewidth=0)
        gid = f"opened-{band.label}" if is_named else None
        axes.axvline(band.start, color=canvas.FAINT, linewidth=0.8, zorder=-1, gid=gid)
    for mark in timeline.marks:
        style = (canvas.BAD, "-") if mark.is_alarm else (canvas.GOOD, "--")
        gid = f"mark-{mark.label}" if is_named else None
        axes.axvline(mark.at, color=style[0], linestyle=style[1], linewidth=1.1, gid=gid)


def _time_axis(axes: Axes, timeline: Timeline) -> None:
    length = timeline.length
    axes.set_xlim(0, length)
    every = next((w for w in WIDTHS_S if length / w <= 12), 7200)  # noqa: PLR2004  ticks in all
    axes.xaxis.set_major_locator(FixedLocator([every * i for i in range(int(length // every) + 1)]))
    axes.xaxis.set_major_formatter(FuncFormatter(_clock(every)))
    bins = f", each point {timeline.bin_s} s of requests" if timeline.bin_s > 1 else ""
    axes.set_xlabel(f"time since {timestamp(timeline.began)}{bins}")


def _clock(every: int) -> Callable[[float, object], str]:
    if every < 60:  # noqa: PLR2004  seconds are the unit
        return lambda value, _: f"{value:g} s"
    return lambda value, _: f"{value / 60:g} min"
