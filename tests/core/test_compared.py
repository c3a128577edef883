"""Canary against stable, as findings: worse, excused, and the endpoint that fails alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core.bands import DEFAULT_BANDS, ERROR_RATE, AgainstStable, Band, Policy
from canarytest.core.compared import (
    compare,
    difference_interval,
    is_excused,
    judge_endpoints,
    superiority,
)
from canarytest.core.evidence import Evidence
from canarytest.core.finding import Finding, Zone
from canarytest.core.measure import Tally
from canarytest.core.reach import Version
from canarytest.core.served import Served
from canarytest.core.sketch import Sketch
from canarytest.core.versus import Pair
from tests.core.steps import POLICY, Seen, load_second, tally, with_seconds

CANARY, STABLE = Version.CANARY, Version.STABLE
P95 = "latency_p95_ms"


def served(canary: Tally, stable: Tally, *, seconds: int = 20) -> Served:
    load: Seen = {CANARY: canary, STABLE: stable}
    return with_seconds(Evidence(0.1, POLICY), load, seconds=seconds).served


MEDIAN = replace(POLICY, bands={"latency_p50_ms": Band(400, 2000)})


def compared(canary: Tally, stable: Tally, metric: str, policy: Policy = POLICY) -> Finding:
    (finding,) = compare(metric, served(canary, stable), policy)
    return finding


@pytest.mark.parametrize(
    ("canary", "stable", "zone", "said"),
    [
        pytest.param(tally(2000, 40), tally(18000), Zone.ROLL_BACK, "worse, roll back", id="worse"),
        pytest.param(tally(2000, 40), tally(18000, 360), Zone.SHOWN, "not shown", id="the-same"),
        pytest.param(tally(2000), tally(18000, 900), Zone.SHOWN, "not shown", id="better"),
        pytest.param(
            tally(20000, 120), tally(20000), Zone.SHOWN, "worse, yet below the warning",
            id="normal",
        ),
        pytest.param(
            tally(20000, 20), tally(180000), Zone.SHOWN, "not shown to be worse",
            id="by-a-tenth-of-a-point",
        ),
        pytest.param(tally(10, 2), tally(90), Zone.SHOWN, "not shown", id="too-little"),
    ],
)  # fmt: skip
def test_the_error_rate_against_stable(canary: Tally, stable: Tally, zone: Zone, said: str) -> None:
    finding = compared(canary, stable, ERROR_RATE)

    assert finding.zone is zone
    assert said in finding.sentence


@pytest.mark.parametrize(
    ("canary", "stable", "zone", "said"),
    [
        pytest.param(
            tally(2000, fast=700.0), tally(18000, fast=100.0), Zone.ROLL_BACK, "worse, roll back",
            id="sevenfold",
        ),
        pytest.param(
            tally(2000, fast=700.0), tally(18000, fast=700.0), Zone.SHOWN, "not shown",
            id="both-alike",
        ),
        pytest.param(
            tally(2000, fast=624.0), tally(18000, fast=600.0), Zone.SHOWN, "not shown",
            id="within-the-tolerance",
        ),
        pytest.param(
            tally(2000, fast=200.0), tally(18000, fast=100.0), Zone.SHOWN, "yet below the warning",
            id="twice-what-nobody-feels",
        ),
    ],
)  # fmt: skip
def test_a_latency_against_stable(canary: Tally, stable: Tally, zone: Zone, said: str) -> None:
    finding = compared(canary, stable, P95)

    assert finding.zone is zone
    assert said in finding.sentence


def test_a_canary_that_is_slower_at_each_endpoint_is_worse_whatever_it_is_asked() -> None:
    """The canary is asked the fast endpoint most, so that all its requests look the faster ones."""
    evidence = Evidence(0.5, MEDIAN)
    for second in range(60):
        fast: Seen = {CANARY: tally(90, fast=450.0), STABLE: tally(10, fast=300.0)}
        slow: Seen = {CANARY: tally(10, fast=1400.0), STABLE: tally(90, fast=900.0)}
        evidence = evidence.with_load(load_second(fast, "GET /fast"), second + 0.9)
        evidence = evidence.with_load(load_second(slow, "GET /slow"), second + 1.0)
    (finding,) = compare("latency_p50_ms", evidence.served, MEDIAN)

    assert finding.zone is Zone.ROLL_BACK
    assert "450 to 9" in finding.sentence


ALWAYS, NEVER, WARNING = AgainstStable.ALWAYS, AgainstStable.NEVER, AgainstStable.WARNING
NORMAL_RATE, WARNING_RATE = 120, 400  # failures of 20000


@pytest.mark.parametrize(
    ("mode", "failures", "lenient", "zone", "said"),
    [
        (WARNING, WARNING_RATE, False, Zone.ROLL_BACK, "worse, roll back"),
        (WARNING, WARNING_RATE, True, Zone.SHOWN, "worse; warnings are promoted"),
        (WARNING, NORMAL_RATE, False, Zone.SHOWN, "worse, yet below the warning bound"),
        (ALWAYS, NORMAL_RATE, False, Zone.ROLL_BACK, "worse, roll back"),
        (ALWAYS, WARNING_RATE, True, Zone.ROLL_BACK, "worse, roll back"),
        (NEVER, WARNING_RATE, False, Zone.SHOWN, "worse; shown only"),
    ],
)
def test_what_worse_means_is_the_users_to_say(
    mode: AgainstStable, failures: int, lenient: bool, zone: Zone, said: str
) -> None:
    policy = replace(POLICY, against_stable=mode, promote_on_warning=lenient)
    finding = compared(tally(20000, failures), tally(20000), ERROR_RATE, policy)

    assert finding.zone is zone
    assert finding.sentence.endswith(said)


def test_the_tolerance_is_the_users_to_say() -> None:
    policy = replace(POLICY, worse_error_rate=0.1)

    assert compared(tally(2000, 40), tally(18000), ERROR_RATE, policy).zone is Zone.SHOWN


def test_where_they_never_met_nothing_is_compared() -> None:
    alone = with_seconds(Evidence(0.1, POLICY), {CANARY: tally(100)})
    apart = with_seconds(alone, {STABLE: tally(900)}, begin=20)

    for metric in (ERROR_RATE, P95):
        assert list(compare(metric, alone.served, POLICY)) == []
        assert list(compare(metric, apart.served, POLICY)) == []


def test_the_sentences_are_whole() -> None:
    assert compared(tally(2000, 40), tally(18000, 18), ERROR_RATE).sentence == (
        "error rate against stable 2.0% to 0.1% in the same seconds (40 of 2000 to 18 of 18000; "
        "difference +1.9 points, between +0.8 points and +3.5 points): worse, roll back"
    )
    assert compared(tally(2000, fast=700.0), tally(18000, fast=100.0), P95).sentence == (
        "latency p95 against stable 699 to 100 ms (+596%, between +582% and +610%; slower in 100% "
        "of pairs; in the same seconds 1900 of 1900 requests took longer than stable's p95, of its "
        "own 0 of 17100): worse, roll back"
    )


BAD = tally(2000, 200)


@pytest.mark.parametrize(
    ("stable", "excused"),
    [
        pytest.param(tally(2000, 200), True, id="as-bad"),
        pytest.param(tally(2000, 260), True, id="worse"),
        pytest.param(tally(2000, 30), False, id="bad-too-yet-much-less"),
        pytest.param(tally(2000, 15), False, id="good"),
        pytest.param(Tally(), False, id="served-nothing"),
    ],
)
def test_a_stable_version_that_is_as_bad_excuses_the_canary(stable: Tally, excused: bool) -> None:
    assert is_excused(ERROR_RATE, served(BAD, stable), POLICY) is excused


@pytest.mark.parametrize(
    ("canary", "stable", "excused"),
    [
        pytest.param(tally(900, fast=1200.0), tally(900, fast=1200.0), True, id="as-slow"),
        pytest.param(tally(900, fast=700.0), tally(900, fast=900.0), True, id="slower"),
        pytest.param(tally(900, slow=90), tally(900, fast=900.0), False, id="slow-yet-much-less"),
        pytest.param(tally(900, slow=90), tally(900, fast=400.0), False, id="fast"),
    ],
)
def test_so_it_is_with_latency(canary: Tally, stable: Tally, excused: bool) -> None:
    assert is_excused(P95, served(canary, stable), POLICY) is excused


def test_one_second_that_hits_both_does_not_excuse_what_the_canary_does_alone() -> None:
    evidence = with_seconds(
        Evidence(0.1, POLICY), {CANARY: tally(10, 10), STABLE: tally(90, 90)}, seconds=1
    )
    assert is_excused(ERROR_RATE, evidence.served, POLICY)

    evidence = with_seconds(evidence, {CANARY: tally(200, 40), STABLE: tally(1800)}, begin=1)
    assert not is_excused(ERROR_RATE, evidence.served, POLICY)


def endpoints(*loads: tuple[str, Tally, Tally], policy: Policy = POLICY) -> list[Finding]:
    evidence = Evidence(0.1, policy)
    for number, (endpoint, canary, stable) in enumerate(loads):
        evidence = with_seconds(
            evidence, {CANARY: canary, STABLE: stable}, endpoint=endpoint, begin=20 * number
        )
    return list(judge_endpoints(evidence.served, policy))


LARGE = ("GET /", tally(2000), tally(18000))


def test_a_small_endpoint_that_fails_wholly_is_not_drowned() -> None:
    (finding,) = endpoints(LARGE, ("POST /login", tally(20, 20), tally(180)))

    assert (finding.metric, finding.zone) == ("error_rate of POST /login", Zone.ROLL_BACK)
    assert finding.sentence == (
        "error rate of POST /login 100.0% (20 of 20 requests, between 77.6% and 100.0%; stable "
        "0.0%, 0 of 180): over 5.0%, roll back"
    )


@pytest.mark.parametrize(
    ("canary", "stable", "found"),
    [
        pytest.param(tally(20, 20), Tally(), True, id="that-stable-never-served"),
        pytest.param(tally(20, 20), tally(180, 180), False, id="that-fails-in-both"),
        pytest.param(tally(200, 100), tally(1800, 90), True, id="that-fails-in-both-but-more"),
        pytest.param(tally(20, 1), tally(180), False, id="one-failure"),
        pytest.param(tally(200, 8), tally(1800), False, id="in-the-warning-band"),
        pytest.param(tally(20), tally(180), False, id="that-is-good"),
        pytest.param(Tally(), tally(180, 180), False, id="that-the-canary-never-served"),
    ],
)
def test_which_small_endpoints_are_bad(canary: Tally, stable: Tally, found: bool) -> None:
    assert bool(endpoints(LARGE, ("POST /login", canary, stable))) is found


def test_an_endpoint_that_only_the_canary_served_says_so() -> None:
    (finding,) = endpoints(("GET /new", tally(20, 20), Tally()))

    assert "; stable served none)" in finding.sentence


def test_endpoints_have_no_band_where_the_error_rate_has_none() -> None:
    bands = {name: band for name, band in DEFAULT_BANDS.items() if name != ERROR_RATE}

    assert endpoints(("GET /", tally(20, 20), tally(180)), policy=Policy(bands)) == []


def test_the_later_an_endpoint_is_seen_the_more_it_takes() -> None:
    """The k-th has 1/(k(k+1)) of the false alarms: what convicts the first may not the tenth."""
    bad = ("GET /bad", tally(3, 3), Tally())
    good = [(f"GET /{number}", tally(20), tally(180)) for number in range(30)]

    assert [f.metric for f in endpoints(bad, *good)] == ["error_rate of GET /bad"]
    assert endpoints(*good, bad) == []


counts = st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts)
def test_the_interval_of_a_difference_holds_it(
    canary: tuple[int, int], stable: tuple[int, int]
) -> None:
    low, high = difference_interval(Pair(*canary, *stable), 0.05)

    assert -1 <= low <= high <= 1
    if canary[1] and stable[1]:
        assert low <= canary[0] / canary[1] - stable[0] / stable[1] <= high


latencies = st.lists(st.sampled_from([1.0, 10.0, 100.0, 1000.0]), max_size=20)


def of(latencies_ms: list[float]) -> Tally:
    return Tally(len(latencies_ms), 0, Sketch.of(latencies_ms))


@given(latencies, latencies)
def test_superiority_is_how_many_of_all_pairs_are_slower(
    canary: list[float], stable: list[float]
) -> None:
    slower = [(ours > theirs) + (ours == theirs) / 2 for ours in canary for theirs in stable]
    expected = sum(slower) / len(slower) if slower else 0.5

    assert superiority(of(canary), of(stable)) == pytest.approx(expected)
    assert superiority(of(stable), of(canary)) == pytest.approx(1 - expected)
