"""What was served in a step, second by second: by version, by endpoint, and side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from canarytest.core import versus
from canarytest.core.bands import ERROR_RATE, Policy
from canarytest.core.measure import EndpointTally, Tally, total
from canarytest.core.reach import Version
from canarytest.core.series import Series, quantile_of
from canarytest.core.versus import Pair, Versus

# Endpoints that are told apart; the rest are one. A locustfile that names a request by its URL,
# with the id in it, has no end of them.
MOST_ENDPOINTS = 100
OTHERS = "other endpoints"
# The first second closes a little early or late: generators tick by their own clocks.
SECOND_S = 0.75
PROBE_SECOND_S = 1.5  # where load comes too, the probe does not cut its seconds in two


@dataclass(frozen=True, slots=True)
class At:
    """One endpoint: both versions there, and the canary's errors against stable's."""

    series: Mapping[Version, Series] = field(default_factory=dict)
    errors: Versus = field(default_factory=Versus)

    def of(self, version: Version) -> Series:
        """Return the series of *version*, empty if it served nothing here."""
        return self.series.get(version, Series())


@dataclass(frozen=True, slots=True)
class Served:
    """All seconds that are over, and the one that is under way."""

    series: Mapping[Version, Series] = field(default_factory=dict)
    endpoints: Mapping[str, At] = field(default_factory=dict)  # in the order they were first seen
    versus: Mapping[str, Versus] = field(default_factory=dict)  # by metric
    unanswered: Series = field(default_factory=Series)  # of all requests at the edge
    began_s: float = 0.0  # the second under way
    open: tuple[EndpointTally, ...] = ()
    has_load: bool = False

    def of(self, version: Version) -> Series:
        """Return the series of *version*."""
        return self.series.get(version, Series())

    def with_load(
        self, tallies: Iterable[EndpointTally], at_s: float, policy: Policy, *, is_dark: bool
    ) -> Served:
        """Return this and a second of load, *at_s* seconds after the step opened."""
        added = replace(self, open=(*self.open, *tallies), has_load=True)
        is_over = at_s - self.began_s >= SECOND_S
        return added.closed(at_s, policy, is_dark=is_dark) if is_over else added

    def with_probe(
        self, tally: EndpointTally, at_s: float, policy: Policy, *, is_dark: bool
    ) -> Served:
        """Return this and what the probe saw, *at_s* seconds after the step opened."""
        length_s = PROBE_SECOND_S if self.has_load else 1.0
        is_over = at_s - self.began_s >= length_s
        served = self.closed(at_s, policy, is_dark=is_dark) if is_over else self
        return replace(served, open=(*served.open, tally))

    def closed(self, at_s: float, policy: Policy, *, is_dark: bool) -> Served:
        """Return this with the second under way over."""
        seconds = _by_endpoint(self.open, is_dark=is_dark, known=self.endpoints)
        counted = self._counted(seconds)
        band = policy.bands.get(ERROR_RATE)
        lost = _lost(self.open, is_dark=is_dark)
        return replace(
            self,
            series=dict(self._series(counted, policy)),
            versus=dict(self._versus(counted, policy)),
            endpoints={**self.endpoints, **dict(self._endpoints(seconds, policy))},
            unanswered=self.unanswered.after(lost, {ERROR_RATE: band}) if band else Series(),
            began_s=at_s,
            open=(),
        )

    def _series(self, counted: _Seconds, policy: Policy) -> Iterator[tuple[Version, Series]]:
        for version in Version:
            second = total(by.get(version, Tally()) for by in counted.values())
            yield version, self.of(version).after(second, policy.requests)

    def _counted(self, seconds: _Seconds) -> _Seconds:
        """
        Return the endpoints that metrics are made of: of the load, or without one of the probe.

        What the probe asks for is no user's request, and would water the load's failures down.
        """
        return {name: by for name, by in seconds.items() if name != PROBE or not self.has_load}

    def _versus(self, counted: _Seconds, policy: Policy) -> Iterator[tuple[str, Versus]]:
        for metric in policy.requests:
            pairs = [
                pair
                for endpoint, by in counted.items()
                if (pair := self._pair(metric, endpoint, by, policy)) is not None
            ]
            yield metric, self.versus.get(metric, Versus()).after(pairs)

    def _pair(
        self, metric: str, endpoint: str, by: Mapping[Version, Tally], policy: Policy
    ) -> Pair | None:
        canary, stable = (by.get(version, Tally()) for version in Version)
        if metric == ERROR_RATE:
            return versus.failed(canary, stable)
        before = self.endpoints.get(endpoint, At()).of(Version.STABLE).total
        limit = versus.limit_of(before, quantile_of(metric))
        if limit is None:
            return None
        return versus.slow(canary, stable, limit, policy.worse_latency)

    def _endpoints(self, seconds: _Seconds, policy: Policy) -> Iterator[tuple[str, At]]:
        bands = {name: band for name, band in policy.bands.items() if name == ERROR_RATE}
        for endpoint, by in seconds.items():
            before = self.endpoints.get(endpoint, At())
            pair = versus.failed(*(by.get(version, Tally()) for version in Version))
            yield (
                endpoint,
                At(
                    {
                        version: before.of(version).after(by.get(version, Tally()), bands)
                        for version in Version
                    },
                    before.errors.after([pair]),
                ),
            )


PROBE = "edge probe"  # the endpoint that the probe's requests count for

_Seconds = Mapping[str, Mapping[Version, Tally]]


def _is_of_canary_alone(entry: EndpointTally, *, is_dark: bool) -> bool:
    """Whether it was asked of the canary, past the edge: the load of a dark step is."""
    return is_dark and entry.endpoint != PROBE


def _lost(entries: Iterable[EndpointTally], *, is_dark: bool) -> Tally:
    """Count the requests at the edge, and as failures those that neither version answered."""
    edge = [entry for entry in entries if not _is_of_canary_alone(entry, is_dark=is_dark)]
    return Tally(
        sum(entry.tally.requests for entry in edge),
        sum(entry.tally.requests for entry in edge if entry.version is None),
    )


def _by_endpoint(
    entries: Iterable[EndpointTally], *, is_dark: bool, known: Mapping[str, At]
) -> _Seconds:
    """Sort a second; in the dark a load's request that nobody answered is the canary's."""
    seconds: dict[str, dict[Version, Tally]] = {}
    for entry in entries:
        version = entry.version
        if version is None and _is_of_canary_alone(entry, is_dark=is_dark):
            version = Version.CANARY
        if version is None:
            continue
        is_new = entry.endpoint not in known and entry.endpoint not in seconds
        is_full = is_new and len({*known, *seconds}) >= MOST_ENDPOINTS
        here = seconds.setdefault(OTHERS if is_full else entry.endpoint, {})
        here[version] = here.get(version, Tally()) + entry.tally
    return seconds
