"""
The judge: how often it blames a good canary, and how soon it finds a bad one.

Everything is simulated with seeds, and judged by the same code as in a run. A false alarm is a
rollout of a canary that is as good as the stable version and was blamed for something all the same.
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
from scipy import stats

from benchmarks import peer_rules
from benchmarks.figures import Figure
from benchmarks.simulated import Health, Scenario, Seen, is_alarm, run, watch
from canarytest.core.bands import DEFAULT_BANDS, Band, Policy, Test
from canarytest.core.split import tolerated

PEERS_EVERY_S = 10  # how often the peers' judges are asked

Random = np.random.Generator


def main(*, quick: bool = False) -> list[Figure]:
    """Return the figures of the judge."""
    rollouts, detections = (40, 40) if quick else (600, 200)
    seeds = range(detections)
    with ProcessPoolExecutor() as pool:
        alarms = [
            _false_alarms(name, list(pool.map(functools.partial(_alarm, name), range(rollouts))))
            for name in GOOD
        ]
        found = []
        for name in BAD:
            needed = list(pool.map(functools.partial(_detected, name), seeds))
            found += _detection(name, needed)
        peers = [
            _peer_figure(rule, name, list(pool.map(functools.partial(_peer, rule, name), seeds)))
            for rule in PEERS
            for name in WATCHED
        ]
    return [*alarms, *found, *peers]


# --- good canaries


def _alike(health: Health) -> tuple[Health, Health]:
    return health, health


def _as_ever(second: int, random: Random) -> tuple[Health, Health]:  # noqa: ARG001  a world's arguments
    return _alike(Health(0.002))


def _at_the_warning_bound(second: int, random: Random) -> tuple[Health, Health]:  # noqa: ARG001
    return _alike(Health(0.0099))


def _bursts(second: int, random: Random) -> tuple[Health, Health]:  # noqa: ARG001
    """One version or the other, as its luck is: in one second of 200 half of its requests fail."""
    return Health(0.5 * (random.random() < 1 / 200)), Health(0.5 * (random.random() < 1 / 200))


def _trouble_of_both(second: int, random: Random) -> tuple[Health, Health]:  # noqa: ARG001
    """A noisy neighbour: in one second of 20 both fail much and are slow."""
    return _alike(Health(0.3, 4.0) if random.random() < 1 / 20 else Health(0.002))


def _slow_database(second: int, random: Random) -> tuple[Health, Health]:  # noqa: ARG001
    """For twenty seconds of each hundred both are ten times as slow, which is over the band."""
    return _alike(Health(0.002, 10.0 if second % 100 < 20 else 1.0))


def _by_day_and_night(second: int) -> float:
    return 50 * (1 + 0.9 * math.sin(second / 30))


TEN = {
    **DEFAULT_BANDS,
    **{f"latency_p{q}_ms": Band(500, 1000) for q in (50, 60, 70, 75, 80, 85, 90, 99)},
}
TEN = {name: band for name, band in TEN.items() if name not in ("cpu", "memory")}

GOOD: Mapping[str, Scenario] = {
    "as ever": Scenario(_as_ever),
    "at the warning bound": Scenario(_at_the_warning_bound),
    "latency at the band": Scenario(_as_ever, p95_ms=990.0),
    "bursts of one version": Scenario(_bursts),
    "trouble of both": Scenario(_trouble_of_both),
    "slow database": Scenario(_slow_database),
    "day and night": Scenario(_as_ever, rate=_by_day_and_night),
    "few requests": Scenario(_as_ever, rate=lambda _: 3.0),
    "10 metrics": Scenario(_trouble_of_both, bands=TEN),
}


def _alarm(name: str, seed: int) -> tuple[bool, bool]:
    end = run(GOOD[name], seed)
    return is_alarm(end), not is_alarm(end) and end.judgement.is_final


def _false_alarms(name: str, ends: Sequence[tuple[bool, bool]]) -> Figure:
    alarms = sum(alarm for alarm, _ in ends)
    unsure = sum(is_unsure for _, is_unsure in ends)
    most = stats.binomtest(alarms, len(ends)).proportion_ci(0.95, "exact").high
    return Figure(
        f"false alarms per rollout: {name}", "", [alarms / len(ends)], at_most=0.01,
        note=f"{alarms} of {len(ends)}, below {most:.2%} with 97.5 % confidence; "
        f"{unsure} more were aborted as inconclusive",
    )  # fmt: skip


# --- bad canaries


def _more_errors(good: float, bad: float) -> Callable[[int, Random], tuple[Health, Health]]:
    return lambda second, random: (Health(bad), Health(good))  # noqa: ARG005  a world's arguments


def _slower(factor: float) -> Callable[[int, Random], tuple[Health, Health]]:
    return lambda second, random: (Health(0.0, factor), Health(0.0))  # noqa: ARG005


# One step that is long enough for any of them, with its part of a usual plan's false alarms.
LONG = Scenario(_as_ever, shares=(0.1,), seconds=3000, looks_like=4)
BAD: Mapping[str, Scenario] = {
    "errors 1 % → 5 %": replace(LONG, world=_more_errors(0.01, 0.05)),
    "errors 0.1 % → 1 %": replace(LONG, world=_more_errors(0.001, 0.01)),
    "p95 500 → 700 ms": replace(LONG, world=_slower(1.4), p95_ms=500.0),
    "split 33 % for 10 %": replace(LONG, split=1 / 3),
}
POLICY = Policy(DEFAULT_BANDS).shared_by(4)  # a dark step and three more, as of a usual plan


def _detected(name: str, seed: int) -> float:
    end = run(BAD[name], seed)
    if not is_alarm(end):
        return math.inf
    return float(end.responses if name.startswith("split") else end.canary)


def _detection(name: str, needed: Sequence[float]) -> list[Figure]:
    wald, fixed = OPTIMUM[name]()
    is_split = name.startswith("split")
    what = f"{'responses' if is_split else 'requests of the canary'} until found: {name}"
    slow = float(np.quantile(needed, 0.95, method="higher"))
    return [
        Figure(
            f"{what}, median", "", [statistics.median(needed)], baseline=[wald],
            at_most=min(60.0, 2 * wald) if is_split else 2 * wald,
            note="baseline: Wald's bound at the same false alarms",
        ),
        Figure(
            f"{what}, p95", "", [slow], baseline=[fixed], at_most=2 * fixed,
            note="baseline: the sample of a fixed size that finds 95 of 100",
        ),
    ]  # fmt: skip


def _kl(one: float, other: float) -> float:
    """Return the relative entropy of two shares, in nats a request."""
    return one * math.log(one / other) + (1 - one) * math.log((1 - one) / (1 - other))


def _one_share(bad: float, bound: float, alpha: float) -> tuple[float, float]:
    """Wald's bound and the fixed sample (Wald, Sequential Analysis, 1947, A.3)."""
    low, high = stats.norm.isf(alpha), stats.norm.isf(0.05)
    root = low * math.sqrt(bound * (1 - bound)) + high * math.sqrt(bad * (1 - bad))
    return math.log(1 / alpha) / _kl(bad, bound), (root / (bad - bound)) ** 2


def _two_shares(bad: float, good: float, per_canary: float, alpha: float) -> tuple[float, float]:
    """Return the same for a difference, with *per_canary* requests of stable to one."""
    both = (bad + per_canary * good) / (1 + per_canary)
    nats = _kl(bad, both) + per_canary * _kl(good, both)
    low, high = stats.norm.isf(alpha), stats.norm.isf(0.05)
    root = low * math.sqrt(both * (1 - both) * (1 + 1 / per_canary)) + high * math.sqrt(
        bad * (1 - bad) + good * (1 - good) / per_canary
    )
    return math.log(1 / alpha) / nats, (root / (bad - good)) ** 2


def _slow_share() -> float:
    """Return the share of the canary that is slower than 500 ms by more than what is borne."""
    return float(stats.norm.sf(1.6448536 - math.log(1.4 / (1 + POLICY.worse_latency)) / 0.8))


OPTIMUM: Mapping[str, Callable[[], tuple[float, float]]] = {
    "errors 1 % → 5 %": lambda: _one_share(0.05, 0.01, POLICY.alpha(Test.BAND)),
    "errors 0.1 % → 1 %": lambda: _two_shares(0.01, 0.001, 9, POLICY.alpha(Test.STABLE)),
    "p95 500 → 700 ms": lambda: _two_shares(_slow_share(), 0.05, 9, POLICY.alpha(Test.STABLE)),
    "split 33 % for 10 %": lambda: _one_share(1 / 3, tolerated(0.1)[1], POLICY.alpha(Test.SPLIT)),
}


# --- the peers


PEERS: Mapping[str, Callable[[Sequence[float], Sequence[float]], bool]] = {
    "Kayenta": peer_rules.kayenta,
    "PipeCD": peer_rules.pipecd,
}


# What they are asked of: good canaries, which they should leave alone, and bad ones.
WATCHED: Mapping[str, Scenario] = {
    **{name: GOOD[name] for name in ("as ever", "trouble of both")},
    **{
        name: replace(scenario, shares=(0.1,), seconds=300)
        for name, scenario in BAD.items()
        if not name.startswith("split")
    },
}


def _peer(rule: str, name: str, seed: int) -> float:
    """Return how many requests the canary served until *rule* found it bad, infinite if never."""
    seconds = list(watch(WATCHED[name], seed))
    for until in range(PEERS_EVERY_S, len(seconds) + 1, PEERS_EVERY_S):
        for what in (Seen.errors, Seen.mean_ms):
            if PEERS[rule](*_points(seconds[:until], what)):
                return sum(canary.tally.requests for canary, _ in seconds[:until])
    return math.inf


def _peer_figure(rule: str, name: str, needed: Sequence[float]) -> Figure:
    if name in GOOD:
        alarms = sum(math.isfinite(requests) for requests in needed)
        return Figure(
            f"{rule}, false alarms per rollout: {name}", "", [alarms / len(needed)],
            note=f"on error share and mean latency by the second, every {PEERS_EVERY_S} s",
        )  # fmt: skip
    return Figure(
        f"{rule}, requests of the canary until found: {name}, median", "",
        [statistics.median(needed)], baseline=[OPTIMUM[name]()[0]],
        note="of 300 s; inf: not found in half of them",
    )  # fmt: skip


def _points(
    seconds: Sequence[tuple[Seen, Seen]], what: Callable[[Seen], float]
) -> tuple[list[float], list[float]]:
    return [what(canary) for canary, _ in seconds], [what(stable) for _, stable in seconds]
