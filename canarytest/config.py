"""Reads a table of configuration: each key once, each type checked, what is left is an error."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from canarytest.core.errors import ConfigError
from canarytest.core.plan import seconds

T = TypeVar("T")
_MISSING = object()
_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
_NAMES |= {list: "a list", dict: "a table", object: "a value"}


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint at the one of *known* that *word* may have meant, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


class Table:
    """
    A table of the configuration that is being read.

    Each `take` removes a key; `finish` refuses what nobody took, so that the reader itself is
    the list of allowed keys. *known* are keys of the same table that somebody else takes: they are
    named where a key is unknown, and found where one is misspelt.
    """

    def __init__(self, values: object, where: str, *, known: Iterable[str] = ()) -> None:
        if not isinstance(values, Mapping):
            raise ConfigError(f"{where}: {values!r} is not a table")
        self.where = where
        self._left: dict[str, Any] = dict(values)
        self._known: list[str] = list(known)

    def take(self, key: str, kind: type[T], default: Any = _MISSING) -> T:
        """
        Return the value of *key*.

        Raises ConfigError if it is missing (and there is no *default*) or not of *kind*.
        """
        self._known.append(key)
        value = self._left.pop(key, _MISSING)
        if value is _MISSING:
            if default is _MISSING:
                wanted = f"{_NAMES[kind]}{self._misspelt(key)}"
                raise ConfigError(f"{self.where}: {key!r} is missing; expected {wanted}")
            chosen: T = default
            return chosen
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ConfigError(f"{self.where}.{key}: {value!r} is not {_NAMES[kind]}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{self.where}.{key}: {value!r} is not a finite number")
        return value

    def has(self, key: str) -> bool:
        """Whether *key* is there, and not taken yet."""
        return key in self._left

    def choice(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        """Return the value of *key*, one of *allowed*; raises ConfigError if it is another."""
        value = self.take(key, str, default)
        if value not in allowed:
            raise ConfigError(
                f"{self.where}.{key}: {value!r} is not one of {', '.join(map(repr, allowed))}"
                + nearest(value, allowed)
            )
        return value

    def duration(self, key: str, default: float) -> float:
        """Return the seconds of *key*: a number, or text such as '2m'; raises ConfigError."""
        value: Any = self.take(key, object, default)
        try:
            length = seconds(value) if isinstance(value, str) else value
        except ConfigError as error:
            raise ConfigError(f"{self.where}.{key}: {error}") from None
        is_number = isinstance(length, int | float) and not isinstance(length, bool)
        if not is_number or not 0 <= length < math.inf:
            raise ConfigError(f"{self.where}.{key}: {value!r} is not a duration, e.g. 10 or '2m'")
        return float(length)

    def strings(self, key: str, default: Iterable[str]) -> tuple[str, ...]:
        """Return the strings listed under *key*; raises ConfigError if there is anything else."""
        values = self.take(key, list, list(default))
        if not all(isinstance(value, str) for value in values):
            raise ConfigError(f"{self.where}.{key}: {values!r} is not a list of strings")
        return tuple(values)

    def unless_false(self, key: str, default: str) -> str | None:
        """Return the string under *key*, None for `false`; raises ConfigError otherwise."""
        if self._left.get(key) is False:
            self.take(key, bool)
            return None
        value = self.take(key, str, default)
        if not value:
            raise ConfigError(f"{self.where}.{key}: it is empty; expected a string, or false")
        return value

    def table(self, key: str) -> Table:
        """Return the table under *key*; an empty one if there is none."""
        return Table(self.take(key, dict, {}), f"{self.where}.{key}")

    def rest(self) -> dict[str, Any]:
        """Return what is left, taken: for tables whose keys are the user's own names."""
        left, self._left = self._left, {}
        return left

    def finish(self) -> None:
        """Raise ConfigError if a key is left that nothing took."""
        for key in self._left:
            raise ConfigError(
                f"{self.where}: unknown key {key!r}{nearest(key, self._known) or '.'} "
                f"Allowed: {', '.join(sorted(self._known))}."
            )

    def _misspelt(self, key: str) -> str:
        close = difflib.get_close_matches(key, self._left, n=1)
        return f"; did you mean it by {close[0]!r}?" if close else ""
