"""The judge: each zone of each metric, and what the verdict makes of them."""

import json
import math
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core.bands import DEFAULT_BANDS, ERROR_RATE, Band, Policy
from canarytest.core.evidence import Evidence, TestOutcome
from canarytest.core.finding import Finding, Verdict, Zone
from canarytest.core.judge import Judgement, judge
from canarytest.core.measure import Tally
from canarytest.core.metric import judge_metric
from canarytest.core.reach import Version
from canarytest.core.series import Series
from canarytest.core.sketch import Sketch
from tests.core.steps import POLICY, step, tally

CANARY, STABLE = Version.CANARY, Version.STABLE
P95 = "latency_p95_ms"


def ages(*latencies_ms: float) -> Sketch:
    return Sketch.of(latencies_ms)


LOAD = {CANARY: tally(2000), STABLE: tally(18000)}
PROBE = {CANARY: tally(100), STABLE: tally(900)}
OTHERS = {
    "load_expected": True,
    "tests": {TestOutcome.PASSED: 5},
    "tests_over": True,
    "gauges": {"cpu": (0.1,) * 5, "memory": (0.5,) * 5},
}


def good(**given: Any) -> Evidence:
    return step(**{"load": LOAD, "probe": PROBE, **OTHERS, **given})


GOOD = good()


def finding(evidence: Evidence, metric: str) -> Finding:
    return next(f for f in judge(evidence).findings if f.metric == metric)


def with_canary(seen: Tally, **given: Any) -> Evidence:
    load = {CANARY: seen, STABLE: tally(18000)}
    return good(**{"load": load, "probe": {STABLE: tally(90)}, **given})


def test_all_normal_is_successful() -> None:
    judgement = judge(GOOD)

    assert judgement.verdict is Verdict.SUCCESSFUL
    assert not judgement.is_final
    assert not judgement.may_change
    assert judgement.reason.startswith("tests: 5 passed; error rate 0.0% (0 of 2000 requests")


@pytest.mark.parametrize(
    ("seen", "zone", "said"),
    [
        pytest.param(tally(2000), Zone.NORMAL, "normal, below 1.0%", id="none-of-many-fails"),
        pytest.param(tally(2000, 5), Zone.NORMAL, "normal, below 1.0%", id="a-few-fail"),
        pytest.param(tally(2000, 60), Zone.WARNING, "nor over 5.0%", id="three-percent"),
        pytest.param(tally(2000, 200), Zone.ROLL_BACK, "over 5.0%, roll back", id="ten-percent"),
        pytest.param(tally(8, 8), Zone.ROLL_BACK, "over 5.0%, roll back", id="all-of-eight"),
        pytest.param(
            tally(20), Zone.TOO_LITTLE, "too little to decide, 20 of at least 77", id="too-few"
        ),
        pytest.param(tally(3, 1), Zone.TOO_LITTLE, "3 of at least 77", id="one-of-three"),
        pytest.param(Tally(), Zone.TOO_LITTLE, "0 of at least 77 requests", id="zero-requests"),
    ],
)
def test_the_zones_of_the_error_rate(seen: Tally, zone: Zone, said: str) -> None:
    found = finding(with_canary(seen), ERROR_RATE)

    assert found.zone is zone
    assert said in found.sentence


@pytest.mark.parametrize("steps", [1, 4, 5])
def test_a_canary_that_fails_wholly_is_found_in_its_second_second(steps: int) -> None:
    policy = Policy(DEFAULT_BANDS).shared_by(steps)
    series = Series().after(tally(5, 5), policy.requests)
    band = policy.bands[ERROR_RATE]

    assert judge_metric(ERROR_RATE, band, series, policy).zone is not Zone.ROLL_BACK
    series = series.after(tally(5, 5), policy.requests)
    assert judge_metric(ERROR_RATE, band, series, policy).zone is Zone.ROLL_BACK


@pytest.mark.parametrize(
    ("seen", "zone", "said"),
    [
        pytest.param(tally(2000), Zone.NORMAL, "normal, below 500 ms", id="fast"),
        pytest.param(tally(2000, slow=40), Zone.NORMAL, "(40 of 2000", id="two-percent-slow"),
        pytest.param(tally(2000, fast=700.0), Zone.WARNING, "warning, not", id="between"),
        pytest.param(
            tally(2000, slow=300), Zone.ROLL_BACK, "over 1000 ms, roll back", id="15-percent-slow"
        ),
        pytest.param(tally(30), Zone.TOO_LITTLE, "30 of at least 77 requests", id="too-few"),
        pytest.param(Tally(), Zone.TOO_LITTLE, "p95 0 ms (0 of 0 requests", id="zero-requests"),
    ],
)
def test_the_zones_of_a_latency(seen: Tally, zone: Zone, said: str) -> None:
    found = finding(with_canary(seen), P95)

    assert found.zone is zone
    assert said in found.sentence


def test_sentences_are_whole() -> None:
    judgement = judge(with_canary(tally(2000, 200)))

    assert judgement.verdict is Verdict.FAILED
    assert judgement.is_final
    assert judgement.reason == (
        "error rate 10.0% (200 of 2000 requests, between 7.7% and 12.7%): over 5.0%, roll back"
    )
    assert finding(GOOD, P95).sentence == (
        "latency p95 20 ms, between 20 and 20 (0 of 2000 requests over 1000 ms): normal, "
        "below 500 ms"
    )
    assert finding(GOOD, "cpu").sentence == (
        "cpu 10% of its limit: normal (warning from 70%, roll back from 90%)"
    )


def test_a_gauge_that_nobody_measures_is_not_judged() -> None:
    judgement = judge(replace(GOOD, gauges={}))

    assert "cpu" not in {f.metric for f in judgement.findings}


def outcomes(**counts: int) -> dict[TestOutcome, int]:
    return {TestOutcome[name.upper()]: count for name, count in counts.items()}


@pytest.mark.parametrize(
    ("tests", "over", "zone", "sentence"),
    [
        pytest.param(outcomes(passed=2), True, Zone.NORMAL, "tests: 2 passed", id="passed"),
        pytest.param(outcomes(xpassed=1), True, Zone.NORMAL, "tests: 1 xpassed", id="xpassed"),
        pytest.param(
            outcomes(passed=2, failed=1), False, Zone.ROLL_BACK, "tests: 2 passed, 1 failed",
            id="failed",
        ),
        pytest.param(outcomes(error=1), False, Zone.ROLL_BACK, "tests: 1 error", id="error"),
        pytest.param(
            outcomes(passed=1, inconclusive=1), True, Zone.UNTRUSTED,
            "tests: 1 passed, 1 inconclusive", id="inconclusive",
        ),
        pytest.param(
            {}, False, Zone.TOO_LITTLE, "no test has passed yet (none ran)", id="none-yet"
        ),
        pytest.param(
            {}, True, Zone.UNTRUSTED,
            "no test passed at this step (none ran): nothing was verified", id="none",
        ),
        pytest.param(
            outcomes(skipped=3, xfailed=1), True, Zone.UNTRUSTED,
            "no test passed at this step (3 skipped, 1 xfailed): nothing was verified",
            id="only-skipped",
        ),
    ],
)  # fmt: skip
def test_the_zones_of_the_tests(
    tests: dict[TestOutcome, int], over: bool, zone: Zone, sentence: str
) -> None:
    found = finding(replace(GOOD, tests=tests, tests_over=over), "tests")

    assert (found.zone, found.sentence) == (zone, sentence)


@pytest.mark.parametrize(
    ("share", "canary", "stable", "zone", "verdict"),
    [
        pytest.param(0.1, 30, 270, Zone.NORMAL, Verdict.SUCCESSFUL, id="as-set"),
        pytest.param(0.1, 100, 200, Zone.ROLL_BACK, Verdict.FAILED, id="one-in-three"),
        pytest.param(0.1, 0, 300, Zone.ROLL_BACK, Verdict.FAILED, id="no-canary-at-all"),
        pytest.param(0.1, 0, 0, Zone.TOO_LITTLE, Verdict.INCONCLUSIVE, id="no-answer"),
        pytest.param(0.0, 0, 300, Zone.NORMAL, Verdict.SUCCESSFUL, id="dark"),
        pytest.param(0.0, 1, 300, Zone.ROLL_BACK, Verdict.FAILED, id="a-leak-in-the-dark"),
        pytest.param(1.0, 300, 0, Zone.NORMAL, Verdict.SUCCESSFUL, id="all"),
        pytest.param(1.0, 299, 1, Zone.ROLL_BACK, Verdict.FAILED, id="stable-at-100-percent"),
    ],
)
def test_the_zones_of_the_split(
    share: float, canary: int, stable: int, zone: Zone, verdict: Verdict
) -> None:
    probe = {CANARY: tally(canary), STABLE: tally(stable), None: tally(3, 3)}
    judgement = judge(good(share=share, probe=probe))

    assert judgement.verdict is verdict
    assert next(f for f in judgement.findings if f.metric == "split").zone is zone


def test_a_stable_version_that_is_bad_too_leaves_the_canary_unjudged() -> None:
    evidence = good(load={CANARY: tally(2000, 200), STABLE: tally(2000, 200)})
    judgement = judge(evidence)

    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.is_final
    assert judgement.reason.startswith("the stable version is bad too: error rate 10.0%")


def test_a_stable_version_that_is_a_little_bad_does_not_excuse_the_canary() -> None:
    evidence = good(load={CANARY: tally(2000, 200), STABLE: tally(2000, 60)})

    assert judge(evidence).verdict is Verdict.FAILED


def test_load_that_cannot_be_trusted_is_inconclusive_at_once() -> None:
    judgement = judge(GOOD.with_load_trouble("the generator could not keep up"))

    assert (judgement.verdict, judgement.is_final) == (Verdict.INCONCLUSIVE, True)
    assert judgement.reason == "the generator could not keep up"


def test_without_load_the_metrics_are_shown_and_do_not_decide() -> None:
    judgement = judge(with_canary(Tally(), load_expected=False, load={}))
    shown = [f for f in judgement.findings if f.zone is Zone.SHOWN]

    assert judgement.verdict is Verdict.SUCCESSFUL
    assert [f.metric for f in shown] == [ERROR_RATE, P95]
    assert shown[0].sentence.endswith(
        "0 of at least 77 requests: no load is configured for this step"
    )


def test_load_that_was_configured_and_did_nothing_is_inconclusive() -> None:
    judgement = judge(with_canary(Tally()))

    assert (judgement.verdict, judgement.may_change) == (Verdict.INCONCLUSIVE, True)


def test_without_load_what_little_was_seen_may_still_be_too_bad_to_promote() -> None:
    judgement = judge(with_canary(tally(10, 2), load={CANARY: tally(10, 2)}, load_expected=False))

    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "error rate 20.0% (2 of 10 requests" in judgement.reason


@pytest.mark.parametrize("seen", [tally(100, 5), tally(90, slow=7)])
def test_what_lies_in_the_band_of_bad_canaries_is_no_warning(seen: Tally) -> None:
    lenient = replace(POLICY, promote_on_warning=True)
    judgement = judge(with_canary(seen, load={CANARY: seen}, policy=lenient))

    assert (judgement.verdict, judgement.may_change) == (Verdict.INCONCLUSIVE, True)


def test_a_warning_promotes_only_where_that_is_wanted() -> None:
    evidence = good(load={CANARY: tally(2000, 60), STABLE: tally(18000, 540)})

    assert judge(evidence).verdict is Verdict.INCONCLUSIVE
    assert judge(evidence).may_change
    lenient = replace(POLICY, promote_on_warning=True)
    assert judge(replace(evidence, policy=lenient)).verdict is Verdict.SUCCESSFUL


def test_the_worst_finding_gives_the_reason() -> None:
    evidence = good(
        load={CANARY: tally(2000, 60), STABLE: tally(18000, 540)},
        tests={TestOutcome.FAILED: 1},
        load_trouble="too slow",
    )

    assert judge(evidence).reason == "tests: 1 failed"
    assert judge(replace(evidence, tests=GOOD.tests)).reason == "too slow"


def test_a_request_that_nobody_answered_in_the_dark_is_the_canarys() -> None:
    load = {CANARY: tally(100), None: tally(100, 100)}
    dark, open_ = (good(share=share, load=load, probe={STABLE: tally(300)}) for share in (0.0, 0.1))

    assert judge(dark).verdict is Verdict.FAILED
    assert finding(open_, ERROR_RATE).estimate == 0


def test_a_gauge_that_is_no_number_is_no_sample() -> None:
    evidence = replace(GOOD, gauges={})
    for value in (math.nan, 0.1, math.nan, 0.2):
        evidence = evidence.with_gauges({"cpu": value})

    assert evidence.gauges == {"cpu": (0.1, 0.2)}
    assert finding(evidence, "cpu").zone is Zone.TOO_LITTLE


def test_an_unknown_metric_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="latency_p0_ms"):
        judge_metric("latency_p0_ms", Band(1, 2), Series(), POLICY)


def some_tally() -> st.SearchStrategy[Tally]:
    latencies = st.lists(st.floats(0, 1e5), max_size=20)
    return st.builds(
        lambda ms, share: Tally(len(ms), int(share * len(ms)), Sketch.of(ms)),
        latencies,
        st.floats(0, 1),
    )


versions = st.sampled_from([CANARY, STABLE, None])
some_evidence = st.builds(
    step,
    share=st.sampled_from([0.0, 0.1, 1 / 3, 0.5, 1.0]),
    load_expected=st.booleans(),
    tests=st.dictionaries(st.sampled_from(TestOutcome), st.integers(1, 5)),
    tests_over=st.booleans(),
    load=st.dictionaries(versions, some_tally()),
    probe=st.dictionaries(versions, some_tally()),
    gauges=st.dictionaries(
        st.sampled_from(["cpu", "memory"]), st.lists(st.floats(0, 2), max_size=5).map(tuple)
    ),
)


@given(some_evidence)
def test_every_number_is_one(evidence: Evidence) -> None:
    judgement = judge(evidence)

    json.dumps([asdict(f) for f in judgement.findings], allow_nan=False)
    assert judgement.reason


@given(some_evidence)
def test_success_takes_a_passed_test_no_bad_one_and_a_probed_edge(evidence: Evidence) -> None:
    judgement: Judgement = judge(evidence)
    passed = {TestOutcome.PASSED, TestOutcome.XPASSED} & set(evidence.tests)
    bad = {TestOutcome.FAILED, TestOutcome.ERROR, TestOutcome.INCONCLUSIVE} & set(evidence.tests)

    if judgement.verdict is Verdict.SUCCESSFUL:
        assert passed
        assert not bad
        assert evidence.split.total
        assert not judgement.may_change
        assert not judgement.is_final
    if judgement.is_final:
        assert judgement.verdict is not Verdict.SUCCESSFUL


@pytest.mark.parametrize(
    ("share", "none", "answered", "zone"),
    [
        pytest.param(0.1, 50, 950, Zone.UNTRUSTED, id="a-twentieth-is-not-answered"),
        pytest.param(0.1, 20, 980, Zone.SHOWN, id="in-the-warning-band"),
        pytest.param(0.1, 9, 0, Zone.SHOWN, id="a-blink-of-the-router"),
        pytest.param(0.1, 10, 0, Zone.UNTRUSTED, id="an-outage"),
        pytest.param(0.0, 50, 950, Zone.UNTRUSTED, id="at-the-edge-in-the-dark-too"),
    ],
)
def test_what_neither_version_answers_speaks_against_going_on(
    share: float, none: int, answered: int, zone: Zone
) -> None:
    evidence = step(
        load={}, probe={None: tally(none, none), Version.STABLE: tally(answered)}, share=share
    )
    findings = {finding.metric: finding for finding in judge(evidence).findings}

    assert findings["unanswered"].zone is zone
    assert f"{none} of {none + answered} requests at the edge" in findings["unanswered"].sentence


def test_nothing_is_said_of_requests_that_were_all_answered() -> None:
    evidence = step(load={}, probe={Version.STABLE: tally(100)})

    assert "unanswered" not in {finding.metric for finding in judge(evidence).findings}


@pytest.mark.parametrize(
    ("pending", "zone"),
    [
        pytest.param(ages(), Zone.NORMAL, id="nobody waits"),
        pytest.param(ages(1.0, 5.0, 15.0), Zone.NORMAL, id="as long as for the others"),
        pytest.param(ages(*[300.0] * 16), Zone.TOO_LITTLE, id="most users wait"),
    ],
)
def test_a_latency_is_not_cleared_while_users_wait_longer(pending: Sketch, zone: Zone) -> None:
    """One in five takes two seconds: of the first second's requests only the fast have ended."""
    seen = with_canary(tally(120), load_pending=pending)

    assert finding(seen, P95).zone is zone
    assert finding(with_canary(tally(120, slow=24), load_pending=pending), P95).zone is (
        Zone.ROLL_BACK
    )


def test_who_waits_blames_nobody() -> None:
    """At the edge it is not known whose the requests under way are."""
    seen = finding(with_canary(tally(120), load_pending=ages(*[9000.0] * 500)), P95)

    assert seen.zone is Zone.TOO_LITTLE
    assert seen.sentence.endswith("; 500 more wait for their answer")
