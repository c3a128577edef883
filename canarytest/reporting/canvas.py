"""
How all pictures look: SVG by matplotlib, legible on light and dark ground, the same every time.

The colours are those of Okabe and Ito (2008), which the colour-blind tell apart; what differs by
colour differs by marker or line style as well. Text stays text, and a style sheet in the picture
itself changes the colours where the reader prefers a dark ground.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

Look = dict[str, Any]  # what matplotlib is told of how something is drawn

INK, FAINT, GROUND = "#24292f", "#d0d7de", "#ffffff"
BAND, BAND_TOO = "#f4f6f8", "#e9edf1"  # behind the steps, in turns
CANARY, STABLE, NOBODY = "#d55e00", "#0072b2", "#7a7a7a"
GOOD, BAD = "#009e73", "#d55e01"  # one off the canary's, to be told apart by the style sheet

_DARK = {
    INK: "#e6edf3",
    FAINT: "#3d444d",
    GROUND: "#16191d",
    BAND: "#1c2026",
    BAND_TOO: "#242a31",
    CANARY: "#e69f00",
    STABLE: "#56b4e9",
    NOBODY: "#9a9a9a",
    BAD: "#ff7b39",
}
_THEME: Any = {  # matplotlib's stubs list every key there is
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 8.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "figure.facecolor": GROUND,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 8.5,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.3,
    "path.simplify_threshold": 0.2,
    "svg.fonttype": "none",  # text as text
    "svg.hashsalt": "canarytest",  # ids that are the same every time
    "text.color": INK,
    "text.parse_math": False,  # a name may have a dollar in it
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 2,
    "ytick.major.size": 0,
}
_NUMBER = re.compile(r"\d+\.\d{3,}")
_TAG, _COMMENT = re.compile(r"<[^>]*>"), re.compile(r"\s*<!--.*?-->", re.DOTALL)
_METADATA: Look = {"Date": None, "Creator": None, "Format": None, "Type": None}


@contextlib.contextmanager
def theme() -> Iterator[None]:
    """Draw in our own manner, whatever the user's matplotlibrc says."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # fonts are the browser's
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_THEME)
        yield


def svg_of(figure: Figure, title: str) -> str:
    """Return *figure* as SVG, *title* for those who cannot see it."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=_METADATA)
    head, tag, rest = text.getvalue().partition("<svg ")
    attributes, end, body = rest.partition(">")
    about = f"<title>{escape(title)}</title><style>{_style()}</style>"
    drawn = _TAG.sub(_with_short_numbers, _COMMENT.sub("", body))
    return f'{_without_dtd(head)}{tag}role="img" {attributes}{end}{about}{drawn}'


def _style() -> str:
    """Return the style sheet that changes the colours on a dark ground."""
    rules = (
        f'[style*="{kind}: {light}"]{{{kind}:{dark} !important}}'
        for light, dark in _DARK.items()
        for kind in ("fill", "stroke")
    )
    return f"@media (prefers-color-scheme: dark){{{''.join(rules)}}}"


def _without_dtd(head: str) -> str:
    """Return the beginning of the file; what a DTD names might be looked for on the network."""
    return re.sub(r"<!DOCTYPE[^>]*>\s*", "", head)


def _with_short_numbers(tag: re.Match[str]) -> str:
    return _NUMBER.sub(_rounded, tag[0])


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def empty(axes: Axes, why: str) -> None:
    """Say in *axes* that there is nothing to draw, and why: no line at zero is to suggest it."""
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", style="italic")


def as_milliseconds(value: float, _position: object = None) -> str:
    """Return a latency in ms as an axis has it: "5 ms", "1.5 s"."""
    return f"{value:g} ms" if value < 1000 else f"{value / 1000:g} s"  # noqa: PLR2004  one second


def as_percent(value: float, _position: object = None) -> str:
    """Return a share, 0 to 1, as an axis has it: "10 %"."""
    return f"{100 * value:.3g} %"


MILLISECONDS, PERCENT = FuncFormatter(as_milliseconds), FuncFormatter(as_percent)


def rows_of(spans: Sequence[tuple[float, float]], rows: int) -> list[int | None]:
    """
    Return a row for each of the *spans* (start, end), so that none overlaps another in its row.

    None for those that fit into none of the *rows*: a label is left out rather than unreadable.
    """
    ends = [float("-inf")] * rows
    chosen: list[int | None] = []
    for start, end in spans:
        row = next((i for i, last in enumerate(ends) if start >= last), None)
        if row is not None:
            ends[row] = end
        chosen.append(row)
    return chosen
