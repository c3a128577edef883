"""From the reports of a test's phases to its one outcome."""

from typing import Any

import pytest

from canarytest.core.evidence import TestOutcome
from canarytest.plugin.gate import INCONCLUSIVE
from canarytest.plugin.outcomes import MOST_CHARACTERS, Outcomes, short_reason

NODEID = "suites/test_it.py::test_login[10%]"


def report(when: str, outcome: str, **extra: Any) -> pytest.TestReport:
    given: dict[str, Any] = {"nodeid": NODEID, "longrepr": None, "duration": 0.25, **extra}
    return pytest.TestReport(
        location=("test_it.py", 1, "test_login"),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]  # "rerun" is not pytest's own
        when=when,  # type: ignore[arg-type]  # nor "???", which is xdist's
        **given,
    )


SETUP, TEARDOWN = report("setup", "passed"), report("teardown", "passed")
TOO_LITTLE = [(INCONCLUSIVE, "3 of 77 requests")]


@pytest.mark.parametrize(
    ("reports", "outcome"),
    [
        pytest.param([SETUP, report("call", "passed"), TEARDOWN], "passed", id="passed"),
        pytest.param([SETUP, report("call", "failed"), TEARDOWN], "failed", id="failed"),
        pytest.param([SETUP, report("call", "skipped"), TEARDOWN], "skipped", id="skipped"),
        pytest.param([report("setup", "skipped"), TEARDOWN], "skipped", id="skipped in setup"),
        pytest.param([report("setup", "failed"), TEARDOWN], "error", id="failed in setup"),
        pytest.param(
            [SETUP, report("call", "passed"), report("teardown", "failed")], "error", id="teardown"
        ),
        pytest.param(
            [SETUP, report("call", "skipped"), report("teardown", "failed")], "error", id="both"
        ),
        pytest.param(
            [SETUP, report("call", "failed"), report("teardown", "failed")], "failed", id="first"
        ),
        pytest.param(
            [SETUP, report("call", "skipped", wasxfail="bug"), TEARDOWN], "xfailed", id="xfailed"
        ),
        pytest.param(
            [SETUP, report("call", "passed", wasxfail="bug"), TEARDOWN], "xpassed", id="xpassed"
        ),
        pytest.param(
            [SETUP, report("call", "failed", user_properties=TOO_LITTLE), TEARDOWN],
            "inconclusive",
            id="inconclusive",
        ),
        pytest.param(
            [report("setup", "failed", user_properties=TOO_LITTLE), TEARDOWN],
            "inconclusive",
            id="inconclusive in setup",
        ),
        pytest.param([report("???", "failed")], "error", id="the worker crashed"),
        pytest.param(
            [SETUP, report("call", "rerun"), SETUP, report("call", "passed"), TEARDOWN],
            "passed",
            id="passed at last",
        ),
        pytest.param(
            [SETUP, report("call", "rerun"), SETUP, report("call", "failed"), TEARDOWN],
            "failed",
            id="failed again",
        ),
        pytest.param(
            [report("setup", "rerun"), SETUP, report("call", "passed"), TEARDOWN],
            "passed",
            id="set up at last",
        ),
    ],
)
def test_the_outcome_of_a_test(reports: list[pytest.TestReport], outcome: str) -> None:
    outcomes = Outcomes()
    taken = [outcomes.take(each) for each in reports]
    test, _, is_over = taken[-1]
    bad = [is_bad for _, is_bad, _ in taken]

    assert is_over
    assert [is_over for _, _, is_over in taken[:-1]] == [False] * (len(taken) - 1)
    assert test.outcome == outcome
    assert bad.count(True) == (outcome in ("failed", "error", "inconclusive"))


def test_a_bad_test_is_told_with_its_first_bad_report() -> None:
    outcomes = Outcomes()
    outcomes.take(SETUP)

    test, is_bad, is_over = outcomes.take(report("call", "failed", longrepr="assert 1 == 2"))
    assert (is_bad, is_over, test.message) == (True, False, "assert 1 == 2")

    test, is_bad, is_over = outcomes.take(report("teardown", "failed", longrepr="later"))
    assert (is_bad, is_over, test.message) == (False, True, "assert 1 == 2")


def test_the_time_of_a_test_is_that_of_its_phases() -> None:
    outcomes = Outcomes()
    for each in (SETUP, report("call", "passed")):
        outcomes.take(each)
    test, _, _ = outcomes.take(TEARDOWN)

    assert test.seconds == pytest.approx(0.75)


def test_the_same_test_on_two_workers_is_two() -> None:
    outcomes = Outcomes()
    outcomes.take(report("setup", "passed", worker_id="gw0"))
    outcomes.take(report("call", "failed", worker_id="gw0"))
    outcomes.take(report("setup", "passed", worker_id="gw1"))
    test, is_bad, _ = outcomes.take(report("call", "passed", worker_id="gw1"))

    assert (test.outcome, is_bad) == (TestOutcome.PASSED, False)


def test_what_a_bad_test_wrote_is_kept_up_to_a_length() -> None:
    sections = [("Captured stdout call", "a" + "b" * MOST_CHARACTERS), ("Captured log call", "")]
    test, _, _ = Outcomes().take(report("call", "failed", sections=sections))

    assert test.sections == (("Captured stdout call", "b" * MOST_CHARACTERS),)


def test_why_a_test_was_skipped_is_kept() -> None:
    reason = ("gate.py", 1, "Skipped: step 30% was never opened")
    test, _, _ = Outcomes().take(report("setup", "skipped", longrepr=reason))

    assert test.message == "step 30% was never opened"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (report("call", "failed", longrepr="assert 1 == 2"), "test_login failed: assert 1 == 2"),
        (report("call", "failed", longrepr="\n\n one\ntwo"), "test_login failed: one"),
        (report("call", "failed", longrepr=""), "test_login failed"),
        (report("call", "failed", longrepr="x" * 400), f"test_login failed: {'x' * 300}"),
        (report("setup", "failed", longrepr="E"), "test_login could not be set up: E"),
        (report("teardown", "failed", longrepr="E"), "test_login failed in teardown: E"),
        (
            report("???", "failed", longrepr="worker 'gw0' crashed"),
            "test_login crashed: worker 'gw0' crashed",
        ),
        (report("call", "failed", nodeid="a.py::TestA::test_b[10%-c::d[e]]"), "test_b failed"),
        (report("call", "failed", nodeid="a[b].py::test_b"), "test_b failed"),
        (report("call", "failed", nodeid="a.py"), "a.py failed"),
    ],
)
def test_a_reason_names_the_test_and_says_why(given: pytest.TestReport, reason: str) -> None:
    assert short_reason(given) == reason
