"""The ways in which a version can be bad, each by one option."""

from __future__ import annotations

import asyncio
import difflib
import math
import os
import sys
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

CRASHED = 3  # exit status
LEAK_EVERY_S = 0.1
LEAK_AT_MOST_MB = 2048.0  # one that was forgotten must not take the machine with it


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with this version; the default is nothing."""

    login: bool = False
    errors: float = 0.0  # share of the business answers
    slow_s: float = 0.0
    slow_some: tuple[float, float] = (0.0, 0.0)  # share of the business answers, seconds
    leak_mb_s: float = 0.0
    crash_after: int | None = None  # business requests; None: never
    crash_at_start: bool = False
    never_ready: bool = False
    health_lies: bool = False
    masquerade: str | None = None  # the version it says it is; None: its own

    def fails(self, random: Random) -> bool:
        """Whether the next business answer is an error."""
        return self.health_lies or random.random() < self.errors

    def delay_s(self, random: Random) -> float:
        """How long the next business answer is held back."""
        share, seconds = self.slow_some
        return self.slow_s + (seconds if random.random() < share else 0.0)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: how it is written, and what it sets."""

    name: str
    metavar: str  # empty where it takes no value
    help: str
    field: str
    parse: Callable[[str], Any] = bool

    @property
    def usage(self) -> str:
        """The fault as it is written on the command line."""
        return f"{self.name}={self.metavar}" if self.metavar else self.name


def _number(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(text)
    return number


def _share(text: str) -> float:
    share = _number(text)
    if share > 1:
        raise ValueError(text)
    return share


def _share_and_seconds(text: str) -> tuple[float, float]:
    share, _, seconds = text.partition(":")
    return _share(share), _number(seconds)


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError(text)
    return count


def _name(text: str) -> str:
    if not text.isascii() or not text.isprintable():  # it goes into a header
        raise ValueError(text)
    return text


KINDS = {
    kind.name: kind
    for kind in (
        Kind("login", "", "every password is wrong: 401", "login"),
        Kind("errors", "SHARE", "this share of business answers is a 500", "errors", _share),
        Kind("slow", "SECONDS", "business answers come so much later", "slow_s", _number),
        Kind(
            "slow-some",
            "SHARE:SECONDS",
            "this share of business answers comes so much later",
            "slow_some",
            _share_and_seconds,
        ),
        Kind(
            "leak",
            "MB",
            f"memory grows by so much each second, up to {LEAK_AT_MOST_MB:.0f} MB; 20 shows soon",
            "leak_mb_s",
            _number,
        ),
        Kind(
            "crash-after",
            "N",
            f"exits {CRASHED} once it has answered N business requests",
            "crash_after",
            _count,
        ),
        Kind("crash-at-start", "", f"exits {CRASHED} instead of coming up", "crash_at_start"),
        Kind("never-ready", "", "health answers 503 for ever", "never_ready"),
        Kind("health-lies", "", "health says UP, all business answers are 500", "health_lies"),
        Kind(
            "masquerade",
            "VERSION",
            "info and x-version name another version",
            "masquerade",
            _name,
        ),
    )
}


def parse(texts: Iterable[str]) -> Faults:
    """
    Return the faults of *texts*, each NAME or NAME=VALUE; of one given twice, the last counts.

    Raises ValueError with a message for the person who wrote them.
    """
    return Faults(**dict(_parse(text) for text in texts))


def _parse(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    kind = KINDS.get(name)
    if kind is None:
        near = difflib.get_close_matches(name, KINDS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown fault {name!r}; known: {', '.join(KINDS)}.{hint}")
    if bool(equals) != bool(kind.metavar):
        raise ValueError(f"fault {text!r} is written {kind.usage}")
    if not kind.metavar:
        return kind.field, True
    try:
        return kind.field, kind.parse(value)
    except ValueError:
        raise ValueError(f"{value!r} is no value for the fault {kind.usage}") from None


@dataclass(slots=True)
class Leak:
    """
    Memory that is never given back.

    By time and not by request, so that it shows at every step, whatever the load.
    """

    mb_s: float
    _kept: list[bytes] = field(default_factory=list)
    _mb: float = 0.0

    def start(self) -> None:
        """Grow, from now on, as long as the event loop runs."""
        self.grow(self.mb_s * LEAK_EVERY_S)
        if self._mb < LEAK_AT_MOST_MB:
            asyncio.get_running_loop().call_later(LEAK_EVERY_S, self.start)

    def grow(self, mb: float) -> None:
        """Keep *mb* more."""
        self._kept.append(b"\x01" * int(mb * 1024 * 1024))  # zeros would take no real memory
        self._mb += mb


def crash(reason: str) -> NoReturn:
    """End the process as a crash does: nothing is finished, nothing is tidied."""
    sys.stderr.write(f"petclinic: {reason}\n")
    sys.stderr.flush()
    os._exit(CRASHED)


def crash_after(count: int) -> Callable[[], NoReturn]:
    """Return what crashes the process when it is called, after *count* requests."""
    return partial(crash, f"crashed after {count} business requests, as it was told to")
