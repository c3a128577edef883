"""Evidence of a step in which so much was seen, spread evenly over its seconds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from canarytest.core.bands import DEFAULT_BANDS, Policy
from canarytest.core.evidence import Evidence
from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.reach import Version
from canarytest.core.sketch import Sketch

POLICY = Policy(DEFAULT_BANDS).shared_by(4)
Seen = Mapping[Version, Tally] | Mapping[Version | None, Tally]


def tally(requests: int, failures: int = 0, fast: float = 20.0, slow: int = 0) -> Tally:
    """Return requests, *slow* of which took three seconds."""
    return Tally(requests, failures, Sketch.of([fast] * (requests - slow) + [3000.0] * slow))


def part(whole: int, index: int, of: int) -> int:
    """Return the *index*-th of as many parts, as equal as they can be, that add up to *whole*."""
    return whole * (index + 1) // of - whole * index // of


def second_of(whole: Tally, index: int, of: int) -> Tally:
    """Return the *index*-th second; failures are spread over the requests, none is without one."""
    before, after = (whole.requests * (index + end) // of for end in (0, 1))
    failures = [whole.failures * done // (whole.requests or 1) for done in (before, after)]
    buckets = {b: part(count, index, of) for b, count in whole.latency.buckets.items()}
    return Tally(
        after - before,
        failures[1] - failures[0],
        Sketch({b: count for b, count in buckets.items() if count}),
    )


def load_second(seen: Seen, endpoint: str = "GET /") -> LoadSecond:
    entries = tuple(EndpointTally(version, endpoint, tally) for version, tally in seen.items())
    return LoadSecond(at=1.0, users=10, cpu=0.1, lag_s=0.0, tallies=entries)


def with_seconds(
    evidence: Evidence, load: Seen, *, seconds: int = 20, endpoint: str = "GET /", begin: int = 0
) -> Evidence:
    """Return *evidence* and *load*, spread over *seconds*."""
    for index in range(seconds):
        here = {version: second_of(whole, index, seconds) for version, whole in load.items()}
        evidence = evidence.with_load(load_second(here, endpoint), begin + index + 1.0)
    return evidence


def step(
    load: Seen, probe: Seen, *, share: float = 0.1, policy: Policy = POLICY, **given: Any
) -> Evidence:
    """Return the evidence of a step with that *load* and *probe* in twenty seconds."""
    evidence = Evidence(share, policy)
    for index in range(20):
        for version, whole in probe.items():
            seen = second_of(whole, index, 20)
            if seen.requests:
                evidence = evidence.with_probe(version, seen, index + 0.5)
        here = {version: second_of(whole, index, 20) for version, whole in load.items()}
        if here:
            evidence = evidence.with_load(load_second(here), index + 1.0)
    return replace(evidence.closed(20.0), **given)
