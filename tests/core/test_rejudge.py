"""Judging again: the same by the same bands, otherwise by others, and by nothing but events."""

from dataclasses import replace

import pytest

from canarytest.core import events as e
from canarytest.core.bands import DEFAULT_BANDS, ERROR_RATE, AgainstStable, Band, Policy
from canarytest.core.finding import Finding, Verdict, Zone
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause
from canarytest.core.rejudge import ABORTED, Rejudged, policy_of, rejudge
from canarytest.plugin.power import judging
from tests.core.steps import POLICY, load_second, tally
from tests.core.told import GOOD, STARTED, measured, step

CANARY, STABLE = Version.CANARY, Version.STABLE


def only(told: list[e.Event], policy: Policy = POLICY) -> Rejudged:
    (found,) = rejudge(told, policy)
    return found


def test_a_good_step_is_successful_again() -> None:
    found = only(step(GOOD))

    assert (found.label, found.was, found.verdict) == ("10%", "successful", Verdict.SUCCESSFUL)
    assert found.decided_s is None
    assert {f.metric: f.n for f in found.judgement.findings}[ERROR_RATE] == 400


def test_other_bands_say_otherwise_and_from_when_on() -> None:
    told = step({CANARY: tally(400, 16), STABLE: tally(3600, 144)})

    lenient = replace(POLICY, bands={ERROR_RATE: Band(0.08, 0.2)})
    assert only(told, lenient).verdict is Verdict.SUCCESSFUL
    strict = only(told, replace(POLICY, bands={ERROR_RATE: Band(0.001, 0.002)}))
    assert strict.verdict is Verdict.INCONCLUSIVE  # stable is as bad
    alone = only(step({CANARY: tally(400, 16)}), POLICY)
    assert alone.verdict is Verdict.FAILED
    assert alone.decided_s is not None
    assert 0 < alone.decided_s <= 20


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (Finding("load", Zone.UNTRUSTED, "the generator was too slow"), Verdict.INCONCLUSIVE),
        (Finding("success-rate", Zone.ROLL_BACK, "Failed 1 of 3"), Verdict.FAILED),
        (Finding(ERROR_RATE, Zone.ROLL_BACK, "by other bands"), Verdict.SUCCESSFUL),
        (Finding("error_rate against stable", Zone.ROLL_BACK, "worse"), Verdict.SUCCESSFUL),
        (Finding("error_rate of GET /", Zone.ROLL_BACK, "over"), Verdict.SUCCESSFUL),
    ],
)
def test_what_others_judged_is_taken_as_found_ours_is_not(
    finding: Finding, verdict: Verdict
) -> None:
    aborted = e.RolloutAborted(120.5, "a metric is over its band", "so", "10%", (finding,))
    found = only(step(GOOD, aborted))

    assert (found.was, found.was_reason, found.verdict) == (ABORTED, "so", verdict)


def test_queries_are_judged_again_by_their_samples() -> None:
    answers = [
        measured(second, "prometheus", {"metric": "cpu", "value": value})
        for second, value in ((5, 0.5), (10, None), (15, 0.6), (20, 0.7))
    ]
    then = Finding("cpu", Zone.ROLL_BACK, "cpu 60%: roll back")
    aborted = e.RolloutAborted(120.5, "a metric is over its band", "cpu", "10%", (then,))
    found = only(step(GOOD, *answers, aborted))

    assert found.verdict is Verdict.SUCCESSFUL
    assert {f.metric: f.estimate for f in found.judgement.findings}["cpu"] == 0.6


def test_a_failed_test_is_a_failure_by_any_bands() -> None:
    failed = e.TestFinished(110.0, 0, "10%", "test_login[10%]", "failed", 0.1, "assert", "")

    assert only(step(GOOD, failed)).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("cause", "verdict"),
    [
        (Cause.TEST, Verdict.FAILED),
        (Cause.RESTARTED, Verdict.FAILED),
        (Cause.NOT_READY, Verdict.FAILED),
        (Cause.CONDEMNED, Verdict.FAILED),
        (Cause.BREACH, Verdict.SUCCESSFUL),  # of other bands
        (Cause.DRILL, Verdict.SUCCESSFUL),
    ],
)
def test_what_no_bands_excuse_stays_the_reason(cause: Cause, verdict: Verdict) -> None:
    """As a run writes it: the test that failed is told after the abort it caused."""
    aborted = e.RolloutAborted(120.5, cause, "test_login failed: assert 401 == 200", "10%")
    failed = e.TestFinished(120.6, 0, "10%", "test_login[10%]", "failed", 0.1, "assert", "")
    judgement = only(step(GOOD, aborted, failed)).judgement

    assert judgement.verdict is verdict
    assert (judgement.reason == aborted.reason) is (verdict is Verdict.FAILED)


def test_what_comes_after_the_end_of_a_step_is_not_of_it() -> None:
    told = step(GOOD)
    late = measured(29, "load", load_second({CANARY: tally(500, 500)}).as_json())

    assert only([*told, late]) == only(told)


def test_a_run_says_by_what_it_was_judged() -> None:
    policy = Policy(
        DEFAULT_BANDS, 0.02, 0.1, against_stable=AgainstStable.ALWAYS, worse_latency=0.2,
        promote_on_warning=True,
    ).shared_by(2)  # fmt: skip

    assert policy_of(replace(STARTED, judging=judging(policy))) == policy
    assert policy_of(STARTED) == Policy(DEFAULT_BANDS).shared_by(2)
