"""Rollouts that are simulated second by second, and looked at by the real judge all the time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from canarytest.core.bands import DEFAULT_BANDS, Band, Policy, Test
from canarytest.core.evidence import Evidence, TestOutcome
from canarytest.core.finding import Verdict
from canarytest.core.judge import Judgement, judge
from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.reach import Version
from canarytest.core.sketch import LOG_GAMMA, Sketch
from canarytest.core.split import contradicts

PROBE_RATE = 20  # responses a second, as is the default
BUCKETS = np.arange(-100, 700)


@dataclass(frozen=True, slots=True)
class Health:
    """How one version does in one second."""

    errors: float  # share of its requests
    slower: float = 1.0  # by which factor than usual


World = Callable[[int, np.random.Generator], tuple[Health, Health]]  # second -> canary, stable


@dataclass(frozen=True, slots=True)
class Scenario:
    """A rollout of one plan."""

    world: World
    rate: Callable[[int], float] = lambda _: 50.0  # requests a second at the edge
    shares: tuple[float, ...] = (0.1, 0.3, 0.5)
    seconds: int = 60  # of each step
    bands: Mapping[str, Band] = field(default_factory=lambda: DEFAULT_BANDS)
    split: float | None = None  # the share in truth; None: what is expected
    p95_ms: float = 120.0  # of a request, as usual
    sigma: float = 0.8  # of its logarithm
    looks_like: int | None = None  # steps that share the false alarms; None: these and a dark one


@dataclass(frozen=True, slots=True)
class End:
    """How a simulated rollout ended."""

    judgement: Judgement
    canary: int  # requests it served until then
    responses: int  # of the probe
    seconds: int


def run(scenario: Scenario, seed: int) -> End:
    """Walk *scenario* until it is aborted, or through its last step; judged at each arrival."""
    random = np.random.default_rng(seed)
    policy = Policy(scenario.bands).shared_by(scenario.looks_like or len(scenario.shares) + 1)
    second, canary, responses = 0, 0, 0
    judgement = None
    for share in scenario.shares:
        evidence = replace(
            Evidence(share, policy, load_expected=True), tests={TestOutcome.PASSED: 1}
        )
        for _ in range(scenario.seconds):
            second += 1
            for evidence, asked in _arrivals(evidence, scenario, second, random):  # noqa: B020  it grows
                responses += asked
                if asked and not contradicts(evidence.split, alpha=policy.alpha(Test.SPLIT)):
                    continue  # a response changes nothing else before its second is over
                judgement = judge(evidence)
                if judgement.is_final:
                    canary += evidence.served.of(Version.CANARY).total.requests
                    return End(judgement, canary, responses, second)
        canary += evidence.served.of(Version.CANARY).total.requests
    if judgement is None:
        raise ValueError("a scenario without a step")
    return End(judgement, canary, responses, second)


@dataclass(frozen=True, slots=True)
class Seen:
    """One version in one second, as a dashboard has it."""

    tally: Tally

    def errors(self) -> float:
        """The share of failures; 0 where nothing was asked."""
        return self.tally.error_rate or 0.0

    def mean_ms(self) -> float:
        """The mean latency; 0 where nothing was asked."""
        buckets = self.tally.latency.buckets
        whole = sum(count * math.exp(bucket * LOG_GAMMA) for bucket, count in buckets.items())
        return whole / self.tally.requests if self.tally.requests else 0.0


def watch(scenario: Scenario, seed: int) -> Iterator[tuple[Seen, Seen]]:
    """Yield each second of *scenario*, of the canary and of stable, and judge nothing."""
    random = np.random.default_rng(seed)
    for number, share in enumerate(scenario.shares):
        for second in range(scenario.seconds):
            at = 1 + number * scenario.seconds + second
            canary, stable = _served(scenario, share, at, random)
            yield Seen(canary.tally), Seen(stable.tally)


def is_alarm(end: End) -> bool:
    """Whether the canary was blamed."""
    return end.judgement.verdict is Verdict.FAILED


def _arrivals(
    evidence: Evidence, scenario: Scenario, second: int, random: np.random.Generator
) -> Iterator[tuple[Evidence, int]]:
    """Yield the evidence after each response of the probe, and after the second of load."""
    at_s = float((second - 1) % scenario.seconds)
    share = evidence.share if scenario.split is None else scenario.split
    for index, is_canary in enumerate(random.random(PROBE_RATE) < share):
        version = Version.CANARY if is_canary else Version.STABLE
        tally = Tally(1, 0, Sketch({0: 1}))
        evidence = evidence.with_probe(version, tally, at_s + (index + 0.5) / PROBE_RATE)
        yield evidence, 1
    load = LoadSecond(0.0, 1, 0.0, 0.0, tuple(_served(scenario, share, second, random)))
    yield evidence.with_load(load, at_s + 1), 0


def _served(
    scenario: Scenario, share: float, second: int, random: np.random.Generator
) -> Iterator[EndpointTally]:
    total = random.poisson(scenario.rate(second))
    canary = random.binomial(total, share)
    healths = scenario.world(second, random)
    counts = (canary, total - canary)
    for version, health, count in zip(Version, healths, counts, strict=True):
        failures = int(random.binomial(count, health.errors))
        parts = _latencies(scenario.p95_ms * health.slower, scenario.sigma)
        drawn = random.multinomial(count, parts)
        buckets = {int(BUCKETS[i]): int(drawn[i]) for i in np.flatnonzero(drawn)}
        yield EndpointTally(version, "GET /", Tally(int(count), failures, Sketch(buckets)))


_KNOWN: dict[tuple[float, float], NDArray[np.float64]] = {}


def _latencies(p95_ms: float, sigma: float) -> NDArray[np.float64]:
    """Return the share of each bucket where latencies are log-normal."""
    key = (p95_ms, sigma)
    if key not in _KNOWN:
        middle = math.log(p95_ms) - 1.6448536 * sigma
        ends = (np.arange(BUCKETS[0] - 1, BUCKETS[-1] + 1) * LOG_GAMMA - middle) / sigma
        below = np.array([0.5 * math.erfc(-end / math.sqrt(2)) for end in ends])
        parts = np.diff(below)
        _KNOWN[key] = parts / parts.sum()
    return _KNOWN[key]
