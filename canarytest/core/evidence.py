"""All that was seen in one step, as the judge is given it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from canarytest.core.finding import Finding
from canarytest.core.measure import LoadSecond, Tally
from canarytest.core.reach import Version
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
    tests: Mapping[TestOutcome, int] = field(default_factory=dict)
    tests_over: bool = False  # whether more tests may come
    load_expected: bool = False
    load: Mapping[Version | None, Tally] = field(default_factory=dict)
    load_pending: Sketch = field(default_factory=Sketch)  # ages of requests without an answer yet
    load_trouble: str | None = None  # why the load cannot be trusted
    probe: Mapping[Version | None, Tally] = field(default_factory=dict)  # None: nobody answered
    gauges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # the last samples
    assessed: Mapping[str, Finding] = field(default_factory=dict)  # by metric: what others judge

    def with_test(self, outcome: TestOutcome) -> Evidence:
        """Return this and one more test."""
        return replace(self, tests={**self.tests, outcome: self.tests.get(outcome, 0) + 1})

    def with_tests_over(self) -> Evidence:
        """Return this, with no more tests to come."""
        return replace(self, tests_over=True)

    def with_load_trouble(self, sentence: str) -> Evidence:
        """Return this, with the first reason why the load cannot be trusted."""
        return replace(self, load_trouble=self.load_trouble or sentence)

    def with_load(self, second: LoadSecond) -> Evidence:
        """Return this and one more second of load."""
        versions = {entry.version for entry in second.tallies}
        load = {v: self.load.get(v, Tally()) + second.of(v) for v in versions}
        pending = self.load_pending if second.pending is None else second.pending
        return replace(self, load={**self.load, **load}, load_pending=pending)

    def with_probe(self, version: Version | None, tally: Tally) -> Evidence:
        """Return this and what the edge probe saw of *version*."""
        return replace(self, probe={**self.probe, version: self._probed(version) + tally})

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

    def requests_of(self, version: Version) -> Tally:
        """
        Return all requests of *version*: load's and probe's.

        A request that nobody answered is the canary's where it alone was asked: in the dark.
        """
        tally = self.load.get(version, Tally()) + self._probed(version)
        if version is Version.CANARY and self.share == 0:
            tally += self.load.get(None, Tally())
        return tally

    @property
    def unanswered(self) -> tuple[int, int]:
        """How many requests at the edge neither version answered, and how many there were."""
        edge = [self.probe] if self.share == 0 else [self.probe, self.load]
        none = sum(tallies.get(None, Tally()).requests for tallies in edge)
        return none, sum(tally.requests for tallies in edge for tally in tallies.values())

    @property
    def split(self) -> Split:
        """Who answered the edge probe."""
        canary = self._probed(Version.CANARY).requests
        return Split(canary, canary + self._probed(Version.STABLE).requests, self.share)

    def _probed(self, version: Version | None) -> Tally:
        return self.probe.get(version, Tally())
