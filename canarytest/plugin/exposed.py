"""How many requests of users the canary answered, where a router's counters are in a Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple

from canarytest.core.ports import Exposure
from canarytest.core.query import Kind, filled
from canarytest.plugin.metrics import Counters
from canarytest.plugin.queries import look_or_why
from canarytest.signals.prometheus import Server

_KNOWN = (Kind.NUMBER, Kind.NO_DATA)  # none yet: nobody was counted


class Exposed:
    """
    Counts from `begin` on, by what was scraped last; nothing where no *counters* are configured.

    The difference of two looks: `increase` would guess, and miss the requests that a series begins
    with.
    """

    def __init__(self, counters: Counters | None, server: Server | None) -> None:
        self._texts: tuple[str, ...] = astuple(counters) if counters is not None else ()
        self._server = server
        self._before: list[float] | None = None

    def begin(self, tags: Mapping[str, str]) -> None:
        """Look at the counters before the canary has a user; *tags* are for the queries."""
        self._texts = tuple(filled(text, tags) for text in self._texts)
        self._before = self._look()

    def count(self) -> Exposure | None:
        """Return what was counted; None where nobody can say, as if a counter began again."""
        now = self._look() if self._before else None
        if self._before is None or now is None:
            return None
        requests, failures = (round(b - a) for a, b in zip(self._before, now, strict=True))
        return Exposure(requests, failures) if min(requests, failures) >= 0 else None

    def _look(self) -> list[float] | None:
        if self._server is None or not self._texts:
            return None
        looks = [look_or_why(self._server, text) for text in self._texts]
        is_known = all(look.kind in _KNOWN for look in looks)
        return [look.value or 0.0 for look in looks] if is_known else None
