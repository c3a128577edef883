"""What was seen while a step was open, as plain numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from canarytest.core.reach import Version
from canarytest.core.sketch import Sketch


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests that one version answered, or failed to."""

    requests: int = 0
    failures: int = 0
    latency: Sketch = field(default_factory=Sketch)  # of all requests, failed ones too

    def __add__(self, other: Tally) -> Tally:
        """Return the tally of both together."""
        return Tally(
            self.requests + other.requests,
            self.failures + other.failures,
            self.latency + other.latency,
        )

    @property
    def error_rate(self) -> float | None:
        """The share of failures; None when there was no request."""
        return self.failures / self.requests if self.requests else None

    def as_json(self) -> dict[str, Any]:
        """Return plain data; the sketch as a list of [bucket, count]."""
        pairs = sorted(self.latency.buckets.items())
        return {"requests": self.requests, "failures": self.failures, "latency": pairs}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tally:
        """Return what `as_json` was made of."""
        return cls(
            data["requests"],
            data["failures"],
            Sketch({int(bucket): int(count) for bucket, count in data["latency"]}),
        )


@dataclass(frozen=True, slots=True)
class EndpointTally:
    """One second's tally of one endpoint at one version."""

    version: Version | None  # None: the request failed before anybody answered
    endpoint: str  # the name that the locustfile gives the request, with its method
    tally: Tally


@dataclass(frozen=True, slots=True)
class LoadSecond:
    """What a load generator did in one second."""

    at: float  # its end, seconds since the epoch
    users: int
    cpu: float  # of one core, by the generator; from 0.9 on it measures itself
    lag_s: float  # by which its event loop was late, the worst in this second
    tallies: tuple[EndpointTally, ...]
    pending: Sketch | None = None  # the ages of requests under way; None: not of the canary's load

    def of(self, version: Version | None) -> Tally:
        """Return the tally of *version*, all endpoints together."""
        return total(entry.tally for entry in self.tallies if entry.version is version)

    def as_json(self) -> dict[str, Any]:
        """Return plain data, for one line of a file or a pipe."""
        data = {name: getattr(self, name) for name in ("at", "users", "cpu", "lag_s")}
        tallies = [[e.version, e.endpoint, e.tally.as_json()] for e in self.tallies]
        pending = None if self.pending is None else sorted(self.pending.buckets.items())
        return {**data, "tallies": tallies, "pending": pending}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LoadSecond:
        """Return what `as_json` was made of."""
        tallies = tuple(
            EndpointTally(Version(version) if version else None, endpoint, Tally.from_json(tally))
            for version, endpoint, tally in data["tallies"]
        )
        pairs = data.get("pending")
        pending = None if pairs is None else Sketch({int(b): int(count) for b, count in pairs})
        return cls(data["at"], data["users"], data["cpu"], data["lag_s"], tallies, pending)


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the tally of all *tallies* together."""
    return sum(tallies, Tally())
