"""Each fault of the sample, and how its run ends; those that only users' traffic shows too."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from tests.end_to_end.project import APP, HEALTH, LOAD, Case, Ended

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

LOAD_ALWAYS = LOAD.format(min_weight=0)
LOAD_AT_10 = LOAD.format(min_weight=10)
SMALL = "            limits: {memory: 128Mi}\n"


@dataclass(frozen=True)
class Expected:
    status: int
    outcome: str
    step: str | None  # where the abort came; None: before the first was open
    reason: str


DARK = "dark"
FAULTS = {
    Case("login", ("smoke",), "login"): Expected(1, "aborted", DARK, r"test_login\b.*401"),
    Case("errors", (LOAD_ALWAYS,), "errors=0.2"): Expected(
        1, "aborted", DARK, "error rate .* over 5.0%, roll back"
    ),
    Case("slow", (LOAD_ALWAYS,), "slow=2"): Expected(1, "aborted", DARK, "latency p95 20.. ms"),
    Case("slow-some", (LOAD_ALWAYS,), "slow-some=0.2:2"): Expected(
        1, "aborted", DARK, "latency p95 20.. ms"
    ),
    Case("leak", (LOAD_ALWAYS,), "leak=200", limits=SMALL): Expected(
        1, "aborted", DARK, "memory .* of its limit"
    ),
    # Under load alone: a test that meets the 503 in between may be first to say so.
    Case("crash-after", (LOAD_ALWAYS,), "crash-after=20"): Expected(
        1, "aborted", DARK, "v101 ended with status 3"
    ),
    Case("crash-at-start", fault="crash-at-start"): Expected(
        1, "aborted", None, "the canary ended with status 3 before it was ready"
    ),
    Case("never-ready", fault="never-ready", ready_within="2s"): Expected(
        1, "aborted", None, "the canary was not ready within 2 s: HTTP 503"
    ),
    Case("health-lies", ("smoke",), "health-lies"): Expected(1, "aborted", DARK, "test_.* 500"),
    Case("masquerade", fault="masquerade=v100"): Expected(
        10, "inconclusive", None, "both versions answer 'v100'"
    ),
}
SHOWN_BY_USERS = {
    Case("errors under load", (HEALTH, LOAD_AT_10), "errors=0.3"): Expected(
        1, "aborted", "10%", "error rate .* over 5.0%, roll back"
    ),
    Case("crash under load", (HEALTH, LOAD_AT_10), "crash-after=20"): Expected(
        1, "aborted", "10%", "v101 ended with status 3"
    ),
    Case("slow under load", (HEALTH, LOAD_AT_10), "slow=2"): Expected(
        1, "aborted", "10%", "latency p95 20.. ms"
    ),
}
# No fault of the canary: it cannot be tried at all.
NOT_BEGUN = Case("no stable version", stable=f"{APP} v100 --fault crash-at-start")


def check(ended: Ended, expected: Expected) -> None:
    assert ended.seen == (expected.status, expected.outcome, expected.step), ended.output
    assert re.search(expected.reason, ended.summary["reason"])
    assert ended.is_proven
    assert ended.summary["rollback"]["proven"]
    assert ended.canary_answers_after("AbortSent") == []
    assert ended.left == ()


@pytest.mark.parametrize("ended", FAULTS, indirect=True, ids=repr)
def test_a_fault_that_the_tests_show_is_met_by_no_user(ended: Ended) -> None:
    check(ended, FAULTS[ended.case])

    assert ended.summary["exposure"] == {"requests": 0, "failures": 0, "counted_by": "router"}
    assert [line["label"] for line in ended.of("StepOpened")] in ([], [DARK])


@pytest.mark.parametrize("ended", SHOWN_BY_USERS, indirect=True, ids=repr)
def test_a_fault_that_only_users_traffic_shows_is_counted(ended: Ended) -> None:
    check(ended, SHOWN_BY_USERS[ended.case])

    assert [line["label"] for line in ended.of("StepOpened")] == [DARK, "10%"]
    assert ended.summary["exposure"]["requests"] > 0


@pytest.mark.parametrize("ended", [NOT_BEGUN], indirect=True, ids=repr)
def test_a_stable_version_that_does_not_start_ends_the_run_at_once(ended: Ended) -> None:
    assert ended.seen == (12, "error", None), ended.output
    assert ended.story == ["RolloutStarted", "AbortSent", "RolloutAborted", "RunEnded"]
    assert "the stable version ended with status 3" in ended.summary["reason"]
    assert ended.summary["rollback"] is None
    assert ended.left == ()
