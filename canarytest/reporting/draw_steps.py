"""Draws what was measured at each step as a whole: distributions of latency, and the split."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from canarytest.core.reach import Version
from canarytest.reporting import canvas
from canarytest.reporting.canvas import Look
from canarytest.reporting.distributions import Distribution, SplitAt

WIDTH = 11.5  # inches
ACROSS = 4  # distributions beside each other, at most
_COLOURS = {Version.CANARY: canvas.CANARY, Version.STABLE: canvas.STABLE}
_P95 = 95


def distributions_svg(found: Sequence[Distribution], title: str) -> str:
    """Return the picture of the distributions, the canary over the stable version at each step."""
    steps = list(dict.fromkeys(d.step for d in found))
    across = min(ACROSS, max(2, len(steps)))
    down = max(1, math.ceil(len(steps) / across))
    height = 0.75 + 2.1 * down
    with canvas.theme():
        figure = Figure(figsize=(WIDTH, height))
        edges: Look = {
            "left": 0.07, "right": 0.985, "top": 1 - 0.62 / height, "bottom": 0.42 / height,
            "wspace": 0.16, "hspace": 0.5,
        }  # fmt: skip
        shared: Look = {"sharex": True, "sharey": True, "squeeze": False}
        grid = figure.subplots(down, across, gridspec_kw=edges, **shared)
        figure.suptitle(title, x=0.07, y=1 - 0.1 / height, ha="left", va="top", fontsize=11)
        for number, axes in enumerate(grid.flat):
            if number < len(steps):
                _distribution(axes, [d for d in found if d.step == steps[number]])
            else:
                axes.axis("off")
        if found:
            highest = max(column.share for one in found for column in one.columns)
            _latency_axes(list(grid.flat)[: len(steps)], across, 1.6 * highest)
        else:
            figure.text(0.5, 0.4, "no request was answered", ha="center", style="italic")
        return canvas.svg_of(figure, title)


def _distribution(axes: Axes, found: Sequence[Distribution]) -> None:
    axes.set_title(found[0].step)
    for one in sorted(found, key=lambda d: d.version is Version.CANARY):  # the canary in front
        edges = [one.columns[0].low, *(column.high for column in one.columns)]
        shares = [column.share for column in one.columns]
        colour, is_canary = _COLOURS[one.version], one.version is Version.CANARY
        p95 = dict(one.percentiles)[_P95]
        name = f"{one.version} p95 {canvas.as_milliseconds(_short(p95))} (n = {one.requests})"
        look: Look = {"linewidth": 1.2, "linestyle": "-" if is_canary else "--", "label": name}
        axes.stairs(shares, edges, color=colour, gid=f"{one.version}-{one.step}", **look)
        if is_canary:
            axes.stairs(shares, edges, color=colour, fill=True, alpha=0.25)
        axes.axvline(p95, ymax=0.6, color=colour, linewidth=0.9, linestyle=look["linestyle"])
    if not any(one.version is Version.STABLE for one in found):
        axes.plot([], [], " ", label="stable: not asked here")
    axes.legend(loc="upper right", handlelength=1.4, borderaxespad=0.1)


def _latency_axes(panels: Sequence[Axes], across: int, top: float) -> None:
    """Draw the axes, up to *top*: high enough for the legend."""
    for number, axes in enumerate(panels):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3), numticks=12))
        axes.xaxis.set_major_formatter(canvas.MILLISECONDS)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(_share))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.set_ylim(0, top)
        axes.tick_params(labelbottom=True)
        if number % across == 0:
            axes.set_ylabel("share of requests")


def _share(value: float, _position: object) -> str:
    return canvas.as_percent(value) if value <= 1 else ""  # above is the place of the legend


def split_svg(found: Sequence[SplitAt], title: str) -> str:
    """Return the picture of the splits, each with its interval against what was asked for."""
    height = 1.35 + 0.34 * max(1, len(found))
    with canvas.theme():
        figure = Figure(figsize=(WIDTH, height))
        edges: Look = {"left": 0.07, "right": 0.74, "top": 1 - 0.5 / height, "bottom": 0.5 / height}
        axes = figure.subplots(gridspec_kw=edges)
        figure.suptitle(title, x=0.07, y=1 - 0.1 / height, ha="left", va="top", fontsize=11)
        if found:
            _splits(axes, found)
        else:
            canvas.empty(axes, "no step was opened")
        return canvas.svg_of(figure, title)


def _splits(axes: Axes, found: Sequence[SplitAt]) -> None:
    for row, one in enumerate(found):
        low, high = one.tolerated
        axes.fill_betweenx([row - 0.3, row + 0.3], low, high, color=canvas.BAND_TOO, linewidth=0)
        place: Look = {
            "xycoords": ("axes fraction", "data"),
            "va": "center",
            "annotation_clip": False,
        }
        axes.annotate(_words(one), (1.015, row), **place)
        axes.vlines(one.expected, row - 0.3, row + 0.3, color=canvas.INK, linewidth=1.6)
        if one.observed is not None:
            line: Look = {"color": canvas.CANARY, "capsize": 3, "marker": "o", "markersize": 5}
            below, above = one.observed - one.low, one.high - one.observed
            error = [[max(0.0, below)], [max(0.0, above)]]
            axes.errorbar(one.observed, row, xerr=error, gid=f"split-{one.step}", **line)
    axes.set_yticks(range(len(found)), [one.step for one in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    highest = max([0.1, *(s.tolerated[1] for s in found), *(s.high for s in found)])
    axes.set_xlim(-0.01 * highest, min(1.01, 1.05 * highest))
    axes.xaxis.set_major_formatter(canvas.PERCENT)
    axes.set_xlabel("canary's share of the probe's answers: ● observed with its 95 % interval, "
                    "│ asked, shaded: tolerated")  # fmt: skip
    axes.grid(visible=False, axis="y")


def _words(one: SplitAt) -> str:
    asked = f"asked {canvas.as_percent(one.expected)}"
    if one.observed is None:
        return f"{asked}, nobody answered the probe"
    return f"{asked}, observed {100 * one.observed:.1f} % of {one.total}"


def _short(latency_ms: float) -> float:
    return float(f"{latency_ms:.3g}")
