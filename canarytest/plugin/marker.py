"""The marker `canary`: at which steps a test runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from canarytest.config import nearest
from canarytest.core.plan import Step

_KEYS = ("min_weight", "max_weight", "steps")
# A plan's own or another's: suites are shared.
_LABEL = re.compile(r"(?:dark|\d+%)(?:#\d+)?|promoted")
_MOST = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """The steps that one marker chooses."""

    lowest: float
    highest: float
    labels: frozenset[str] | None  # None: any

    def admits(self, step: Step) -> bool:
        """Whether *step* is chosen."""
        is_in_range = self.lowest <= step.weight <= self.highest
        return is_in_range and (self.labels is None or step.label in self.labels)


def read(mark: pytest.Mark, labels: Sequence[str], where: str) -> Choice:
    """
    Return what *mark* chooses of the steps *labels*.

    Raises UsageError, beginning with *where*, for arguments that cannot be meant.
    """
    for key in mark.kwargs:
        if key not in _KEYS:
            raise pytest.UsageError(
                f"{where}: canary() has no argument {key!r}{nearest(key, _KEYS) or '.'} "
                f"Allowed: {', '.join(_KEYS)}."
            )
    if mark.args:
        raise pytest.UsageError(
            f"{where}: canary{mark.args!r} has positional arguments; "
            "expected e.g. canary(min_weight=30)"
        )
    lowest, highest = (
        _weight(mark, "min_weight", 0, where),
        _weight(mark, "max_weight", _MOST, where),
    )
    if lowest > highest:
        raise pytest.UsageError(
            f"{where}: canary(min_weight={lowest}, max_weight={highest}): no weight is in this "
            "range; expected the lower one first"
        )
    return Choice(lowest, highest, _labels(mark, labels, where))


def _weight(mark: pytest.Mark, key: str, default: int, where: str) -> float:
    value = mark.kwargs.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise pytest.UsageError(
            f"{where}: canary({key}={value!r}): expected a number from 0 to 100, in percent"
        )
    return value


def _labels(mark: pytest.Mark, known: Sequence[str], where: str) -> frozenset[str] | None:
    chosen = mark.kwargs.get("steps")
    if chosen is None:
        return None
    is_list = isinstance(chosen, list | tuple | set | frozenset)
    if not is_list or not chosen or not all(isinstance(label, str) for label in chosen):
        raise pytest.UsageError(
            f"{where}: canary(steps={chosen!r}): expected a list of some of "
            f"{', '.join(map(repr, known))}"
        )
    for label in chosen:
        if not _LABEL.fullmatch(label):
            raise pytest.UsageError(
                f"{where}: canary(steps={chosen!r}): {label!r} is no step"
                f"{nearest(label, known) or '.'} Expected some of {', '.join(map(repr, known))}."
            )
    return frozenset(chosen)
