"""A figure that was measured, what was asked of it, and the table of all of them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """Something measured several times; its median is held against the bound."""

    name: str
    unit: str  # "" for a ratio
    values: Sequence[float]
    at_most: float | None = None
    at_least: float | None = None  # without either it is only shown
    baseline: Sequence[float] = ()  # measured in the same run
    note: str = ""  # what a reader of the table has to know

    @property
    def median(self) -> float:
        """What is compared with the bound."""
        return statistics.median(self.values)

    @property
    def holds(self) -> bool:
        """Whether the bound holds; nothing measured holds no bound."""
        if self.at_most is None and self.at_least is None:
            return True
        if not self.values:
            return False
        above = self.at_least is None or self.median >= self.at_least
        return above and (self.at_most is None or self.median <= self.at_most)

    @property
    def ratio(self) -> float | None:
        """The median to that of the baseline; None without one."""
        base = statistics.median(self.baseline) if self.baseline else 0.0
        return self.median / base if self.values and base else None


HEAD = ("figure", "measured: median (min-max)", "baseline", "ratio", "bound", "")


def table(figures: Iterable[Figure]) -> str:
    """Return *figures* as aligned columns, their notes below."""
    figures = tuple(figures)
    rows = [HEAD, *map(_row, figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    notes = [f"{figure.name}: {figure.note}" for figure in figures if figure.note]
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def spread(values: Sequence[float], unit: str) -> str:
    """Return the median, the least and the greatest of *values*, and how many there are."""
    if not values:
        return "nothing measured"
    median = f"{_number(statistics.median(values))}{_unit(unit)}"
    if len(values) == 1:
        return median
    return f"{median} ({_number(min(values))}-{_number(max(values))}, n={len(values)})"


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the first and the third quartile."""
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def uncertainty(values: Sequence[float]) -> float:
    """Return the standard error of the median of *values*, by its quartiles (McGill 1978)."""
    first, third = quartiles(values)
    return float(1.25 * (third - first) / (1.35 * len(values) ** 0.5))


def _row(figure: Figure) -> tuple[str, ...]:
    ratio = figure.ratio
    is_bound = figure.at_most is not None or figure.at_least is not None
    return (
        figure.name,
        spread(figure.values, figure.unit),
        spread(figure.baseline, figure.unit) if figure.baseline else "",
        "" if ratio is None else f"{ratio:.3g}",
        _bound(figure),
        ("holds" if figure.holds else "DOES NOT HOLD") if is_bound else "",
    )


def _bound(figure: Figure) -> str:
    if figure.at_most is not None:
        return f"<= {figure.at_most:g}{_unit(figure.unit)}"
    return "" if figure.at_least is None else f">= {figure.at_least:g}{_unit(figure.unit)}"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""
