"""
The statistics against scipy, by exact enumeration, and against the papers' own formulas.

Nothing here is simulated: where a test stops is summed up over all that could have been seen, as in
Aroian, Sequential analysis, direct method (Technometrics 10, 1968).
"""

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from canarytest.core.betting import PARTS, STAKES, Bets
from canarytest.core.compared import difference_interval, superiority
from canarytest.core.measure import Tally
from canarytest.core.metric import latency_interval
from canarytest.core.sequential import (
    counts_around,
    interval,
    log_e_above,
    log_e_below,
    needed_to_clear,
    upper_bound_of_none,
)
from canarytest.core.sketch import ACCURACY, Sketch
from canarytest.core.versus import Pair, Versus

ALPHA = 0.05
LIMIT = math.log(1 / ALPHA)
Evidence = Callable[[int, int], float]  # of hits and how many were seen


def stops(evidence: Evidence, share: float, looks: int) -> Iterator[tuple[int, int, float]]:
    """Yield how many were seen, how many of them hits, and how probable it is to stop there."""
    alive = {0: 1.0}
    for n in range(1, looks + 1):
        after = dict.fromkeys(range(n + 1), 0.0)
        for hits, mass in alive.items():
            after[hits] += mass * (1 - share)
            after[hits + 1] += mass * share
        stopped = [hits for hits, mass in after.items() if mass and evidence(hits, n) >= LIMIT]
        yield from ((n, hits, after.pop(hits)) for hits in stopped)
        alive = {hits: mass for hits, mass in after.items() if mass > 1e-15}


def all_or_nothing(bound: float) -> Evidence:
    """Return the evidence of bets on seconds in which all fail or none."""

    def evidence(hits: int, n: int) -> float:
        hit, miss = Bets().after(1.0, bound).logs, Bets().after(0.0, bound).logs
        pairs = zip(hit, miss, strict=True)
        return Bets(tuple(hits * one + (n - hits) * none for one, none in pairs)).log_e

    return evidence


@pytest.mark.parametrize("bound", [0.02, 0.05, 0.3])
@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda bound: partial(log_e_above, bound=bound), id="above"),
        pytest.param(lambda bound: partial(log_e_below, bound=bound), id="below"),
        pytest.param(all_or_nothing, id="bets"),
    ],
)
def test_the_false_alarms_of_all_looks_together(
    made: Callable[[float], Evidence], bound: float
) -> None:
    """Ville's inequality: looked at after each of 300, at the very bound."""
    alarm = sum(mass for _, _, mass in stops(made(bound), bound, 300))

    assert 0 < alarm <= ALPHA


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_the_interval_misses_the_truth_at_any_look_no_more_often_than_stated(share: float) -> None:
    def missed(hits: int, n: int) -> float:
        low, high = interval(hits, n, ALPHA)
        return 0.0 if low <= share <= high else math.inf

    assert 0 < sum(mass for _, _, mass in stops(missed, share, 100)) <= ALPHA


BOUND, TRUTH = 0.1, 0.3
KL = TRUTH * math.log(TRUTH / BOUND) + (1 - TRUTH) * math.log((1 - TRUTH) / (1 - BOUND))
STRIDE = (TRUTH - BOUND) / (1 - BOUND)
OVERSHOOT = math.log(TRUTH / BOUND)  # the most that one observation can add


def test_one_alternative_is_walds_own_test() -> None:
    """E(n) = E(Z_n) / E(z): Wald, On cumulative sums of random variables (1944)."""
    walds = partial(log_e_above, bound=BOUND, strides=(STRIDE,))
    ends = list(stops(walds, TRUTH, 400))
    expected_n = sum(n * mass for n, _, mass in ends)
    expected_z = sum(walds(hits, n) * mass for n, hits, mass in ends)

    assert sum(mass for _, _, mass in ends) == pytest.approx(1)
    assert expected_n == pytest.approx(expected_z / KL)
    assert LIMIT / KL <= expected_n <= (LIMIT + OVERSHOOT) / KL


def test_a_mixture_costs_the_log_of_its_size_at_most() -> None:
    """And is within a factor of two of the test that was told the truth."""
    strides = (STRIDE / 4, STRIDE, 2 * STRIDE, 3 * STRIDE)
    mixed = partial(log_e_above, bound=BOUND, strides=strides)
    expected_n = sum(n * mass for n, _, mass in stops(mixed, TRUTH, 400))

    assert LIMIT / KL <= expected_n <= (LIMIT + math.log(len(strides)) + OVERSHOOT) / KL
    assert expected_n <= 2 * (LIMIT + OVERSHOOT) / KL


def robbins(share: float, hits: int, n: int) -> float:
    """Return the likelihoods' mean under Beta(1/2, 1/2), in parts of that of *share*."""

    def ratio(t: float) -> float:
        there, not_there = math.sin(t) ** 2 / share, math.cos(t) ** 2 / (1 - share)
        return math.exp(hits * math.log(there) + (n - hits) * math.log(not_there))

    # A share of sin²t makes the density of Beta(1/2, 1/2) uniform over 0 < t < pi/2.
    peak = [math.asin(math.sqrt(hits / n))]
    area, _ = integrate.quad(ratio, 1e-12, math.pi / 2 - 1e-12, points=peak)
    return float(area / (math.pi / 2))


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (1, 20), (5, 50), (25, 50), (49, 50), (30, 300)])
def test_the_interval_is_robbins(hits: int, n: int) -> None:
    """The confidence sequence of the mixture, integrated: Robbins (Ann. Math. Stat. 41, 1970)."""
    low, high = interval(hits, n, ALPHA)

    assert robbins(high, hits, n) == pytest.approx(1 / ALPHA, rel=1e-6)
    assert low == 0 if hits == 0 else robbins(low, hits, n) == pytest.approx(1 / ALPHA, rel=1e-6)


counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.sampled_from([0.001, 0.01, 0.05]))
def test_the_interval_holds_that_of_one_look_and_is_about_twice_as_wide_at_most(
    seen: tuple[int, int], alpha: float
) -> None:
    """Clopper and Pearson's; the price grows with the number of looks, here up to 3000."""
    low, high = interval(*seen, alpha)
    exact = stats.binomtest(*seen).proportion_ci(1 - alpha, method="exact")

    assert low <= exact.low + 1e-9
    assert exact.high - 1e-9 <= high
    assert high - low <= 2.1 * (exact.high - exact.low)


def newcombe(pair: Pair, alpha: float) -> tuple[float, float]:
    """Return method 10 of Newcombe, Interval estimation for the difference (Stat. Med. 1998)."""
    canary, stable = pair.canary_bad / pair.canary, pair.stable_bad / pair.stable
    ours = stats.binomtest(pair.canary_bad, pair.canary).proportion_ci(1 - alpha, method="wilson")
    theirs = stats.binomtest(pair.stable_bad, pair.stable).proportion_ci(1 - alpha, method="wilson")
    difference = canary - stable
    return (
        difference - math.hypot(canary - ours.low, theirs.high - stable),
        difference + math.hypot(ours.high - canary, stable - theirs.low),
    )


@given(counts, counts)
def test_the_interval_of_a_difference_holds_newcombes(
    canary: tuple[int, int], stable: tuple[int, int]
) -> None:
    low, high = difference_interval(Pair(*canary, *stable), ALPHA)
    one_look = newcombe(Pair(*canary, *stable), ALPHA)

    assert low <= one_look[0] + 1e-9
    assert one_look[1] - 1e-9 <= high


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 7, 60, 300])
def test_counts_around_are_those_whose_interval_holds_the_share(share: float, n: int) -> None:
    fitting = [
        hits for hits in range(n + 1)
        if interval(hits, n, ALPHA)[0] < share < interval(hits, n, ALPHA)[1]
    ]  # fmt: skip

    assert counts_around(share, n, ALPHA) == (fitting[0], fitting[-1])
    assert fitting == list(range(fitting[0], fitting[-1] + 1))


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95])
def test_the_interval_of_a_quantile_holds_that_of_one_look(quantile: float) -> None:
    """The order statistics of Conover, as scipy's `quantile_test` has them."""
    latencies = np.random.default_rng(5).lognormal(4, 1, 2000)
    low, high = latency_interval(Tally(2000, 0, Sketch.of(latencies)), quantile, ALPHA)
    fixed = stats.quantile_test(latencies, p=quantile).confidence_interval(1 - ALPHA)

    assert low is not None
    assert high is not None
    assert low <= fixed.low * (1 + ACCURACY)
    assert fixed.high * (1 - ACCURACY) <= high


@pytest.mark.parametrize(("bound", "miss"), [(0.05, 0.05), (0.01, 0.05), (0.001, 0.01)])
def test_clearing_takes_at_most_half_as_many_again_as_of_a_fixed_number(
    bound: float, miss: float
) -> None:
    """A fixed number is enough once (1 - bound)^n <= miss: 59 for 5 % at 95 % (peers.md, 3.2)."""
    fixed = math.ceil(math.log(miss) / math.log1p(-bound))

    assert fixed <= needed_to_clear(bound, miss) <= 1.5 * fixed


@given(st.integers(1, 5000), st.sampled_from([0.9, 0.95, 0.99]))
def test_what_none_excludes_is_clopper_and_pearsons(n: int, confidence: float) -> None:
    one_sided = stats.binomtest(0, n, alternative="less").proportion_ci(confidence)

    assert upper_bound_of_none(n, confidence) == pytest.approx(one_sided.high)


shares = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@given(shares, st.floats(0.01, 0.9))
def test_the_capital_is_the_papers(seen: list[float], bound: float) -> None:
    """K_t = prod(1 + lambda_i (X_i - m)), Waudby-Smith and Ramdas, with lambda = stake / m."""
    capitals = [math.prod(1 + stake / bound * (x - bound) for x in seen) for stake in STAKES]
    bets = Bets()
    for share in seen:
        bets = bets.after(share, bound)

    mean = sum(part * capital for part, capital in zip(PARTS, capitals, strict=True))
    assert math.exp(bets.log_e) == pytest.approx(mean)


@pytest.mark.parametrize("factor", [2, 5, 20])
def test_the_stakes_are_near_the_best_of_a_fine_grid(factor: int) -> None:
    """Not behind the best fixed stake in hindsight by more than a part's log and a tenth."""
    bound = 0.01
    shares_ = [factor * bound * one for one in (0.5, 1.0, 1.5)] * 100
    grid = np.linspace(0.001, 0.999, 999)
    best = max(sum(math.log1p(stake * (x / bound - 1)) for x in shares_) for stake in grid)
    bets = Bets()
    for share in shares_:
        bets = bets.after(share, bound)

    assert best * 0.9 - math.log(1 / min(PARTS)) <= bets.log_e <= best


pairs = st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(
    lambda n: st.tuples(st.just(n[0]), st.just(n[1]), st.integers(1, n[0] + n[1]))
)


def outcomes(canary: int, stable: int, bad: int) -> Iterator[tuple[Pair, float]]:
    """Yield how *bad* ones may fall upon both, and how probable it is where neither is worse."""
    law = stats.hypergeom(canary + stable, bad, canary)
    for ours in range(max(0, bad - stable), min(bad, canary) + 1):
        yield Pair(ours, canary, bad - ours, stable), float(law.pmf(ours))


@given(pairs, pairs)
def test_while_neither_is_worse_a_comparison_gains_nothing_in_the_mean(
    one: tuple[int, int, int], two: tuple[int, int, int]
) -> None:
    before = Versus().after([Pair(1, 5, 2, 40)])
    mean = sum(
        chance * other_chance * math.exp(before.after([pair, other]).log_e)
        for (pair, chance), (other, other_chance) in itertools.product(
            outcomes(*one), outcomes(*two)
        )
    )

    assert mean == pytest.approx(math.exp(before.log_e))


apart = st.lists(st.sampled_from([1.05**power for power in range(100)]), min_size=1, max_size=60)


@given(apart, apart)
def test_superiority_is_mann_and_whitneys_u(canary: list[float], stable: list[float]) -> None:
    """In parts of all pairs; latencies that are closer than the sketch's buckets are ties here."""
    u = stats.mannwhitneyu(canary, stable, method="asymptotic").statistic
    ours = superiority(*(Tally(len(ms), 0, Sketch.of(ms)) for ms in (canary, stable)))

    assert ours == pytest.approx(u / (len(canary) * len(stable)))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0])
@pytest.mark.parametrize(
    "latencies",
    [
        pytest.param(lambda rng: rng.lognormal(4, 1, 10_000), id="lognormal"),
        pytest.param(lambda rng: rng.exponential(200, 10_000) + 0.01, id="exponential"),
        pytest.param(lambda rng: rng.pareto(1.5, 10_000) + 1, id="pareto"),
        pytest.param(
            lambda rng: np.concatenate([rng.normal(20, 2, 9500), rng.normal(3000, 50, 500)]),
            id="two-humps",
        ),
    ],
)
def test_a_quantile_is_within_one_percent_of_numpys(
    latencies: Callable[[np.random.Generator], np.ndarray], share: float
) -> None:
    seen = latencies(np.random.default_rng(11))

    assert Sketch.of(seen).quantile(share) == pytest.approx(
        np.quantile(seen, share, method="lower"), rel=ACCURACY * (1 + 1e-9)
    )
