"""All that was seen in one step, as the judge is given it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from canarytest.core.bands import Policy
from canarytest.core.finding import Finding
from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.proof import ProbeSample
from canarytest.core.reach import Version
from canarytest.core.served import PROBE, Served
from canarytest.core.sketch import Sketch
from canarytest.core.split import Split

GAUGE_SAMPLES = 5  # the last ones; their median is judged, so that one peak does not decide


class TestOutcome(StrEnum):
    """How a test ended, setup and teardown included."""

    __test__ = False

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"  # in a fixture, or the worker crashed
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    INCONCLUSIVE = "inconclusive"  # the test said itself that it saw too little


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen so far; a new one for each thing seen."""

    share: float  # the expected one
    policy: Policy  # what it is going to be judged by
    tests: Mapping[TestOutcome, int] = field(default_factory=dict)
    tests_over: bool = False  # whether more tests may come
    load_expected: bool = False
    load_pending: Sketch = field(default_factory=Sketch)  # ages of requests without an answer yet
    load_trouble: str | None = None  # why the load cannot be trusted
    probed: Mapping[Version | None, int] = field(default_factory=dict)  # who answered the probe
    served: Served = field(default_factory=Served)
    gauges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # the last samples
    assessed: Mapping[str, Finding] = field(default_factory=dict)  # by metric: what others judge

    @property
    def is_dark(self) -> bool:
        """Whether the canary is asked alone, and by no user."""
        return self.share == 0

    def with_test(self, outcome: TestOutcome) -> Evidence:
        """Return this and one more test."""
        return replace(self, tests={**self.tests, outcome: self.tests.get(outcome, 0) + 1})

    def with_tests_over(self) -> Evidence:
        """Return this, with no more tests to come."""
        return replace(self, tests_over=True)

    def with_load_trouble(self, sentence: str) -> Evidence:
        """Return this, with the first reason why the load cannot be trusted."""
        return replace(self, load_trouble=self.load_trouble or sentence)

    def with_load(self, second: LoadSecond, at_s: float) -> Evidence:
        """Return this and one more second of load, told *at_s* seconds after the step opened."""
        pending = self.load_pending if second.pending is None else second.pending
        served = self.served.with_load(second.tallies, at_s, self.policy, is_dark=self.is_dark)
        return replace(self, served=served, load_pending=pending)

    def with_probe(self, version: Version | None, tally: Tally, at_s: float) -> Evidence:
        """Return this and what the edge probe saw of *version*."""
        probed = {**self.probed, version: self.probed.get(version, 0) + tally.requests}
        entry = EndpointTally(version, PROBE, tally)
        served = self.served.with_probe(entry, at_s, self.policy, is_dark=self.is_dark)
        return replace(self, probed=probed, served=served)

    def with_samples(self, samples: Sequence[ProbeSample], opened_at: float) -> Evidence:
        """Return this and what the edge probe saw since *opened_at*, by the clock's `now`."""
        evidence = self
        for sample in samples:
            sent = sample.at - sample.latency_ms / 1000
            if sent >= opened_at:  # what was under way before belongs to no step
                tally = Tally(1, int(not sample.is_ok), Sketch.of([sample.latency_ms]))
                evidence = evidence.with_probe(sample.version, tally, sample.at - opened_at)
        return evidence

    def with_gauges(self, values: Mapping[str, float]) -> Evidence:
        """Return this and one more sample of each gauge; a value that is no number is none."""
        samples = {
            name: (*self.gauges.get(name, ()), value)[-GAUGE_SAMPLES:]
            for name, value in values.items()
            if not math.isnan(value)
        }
        return replace(self, gauges={**self.gauges, **samples})

    def with_finding(self, finding: Finding) -> Evidence:
        """Return this and how a metric stands that is judged elsewhere: an analysis, a query."""
        return replace(self, assessed={**self.assessed, finding.metric: finding})

    def closed(self, at_s: float) -> Evidence:
        """Return this with the second under way over: the step is being closed."""
        return replace(self, served=self.served.closed(at_s, self.policy, is_dark=self.is_dark))

    @property
    def split(self) -> Split:
        """Who answered the edge probe."""
        canary = self.probed.get(Version.CANARY, 0)
        return Split(canary, canary + self.probed.get(Version.STABLE, 0), self.share)
