"""From pytest's reports of the phases of a test to the outcome of the test."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest

from canarytest.core.evidence import TestOutcome
from canarytest.plugin.gate import INCONCLUSIVE

_NAME = re.compile(r"::([^:\[]+)(?:\[|$)")  # the first one: parameters may have any text in them
MOST_CHARACTERS = 20_000  # of a message or a captured section in an event


@dataclass(slots=True)
class TestSoFar:
    """One test, while its phases come in."""

    __test__ = False

    outcome: TestOutcome | None = None  # None: nothing decided yet
    seconds: float = 0.0
    message: str = ""
    sections: list[tuple[str, str]] = field(default_factory=list)


class Outcomes:
    """The tests under way, by worker and node id."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, str], TestSoFar] = {}

    def take(self, report: pytest.TestReport) -> tuple[TestSoFar, bool, bool]:
        """
        Take a report; return the test so far, whether it just turned bad, whether it is over.

        A crashed worker's report has the phase "???" and is all there is of its test.
        """
        key = (getattr(report, "worker_id", ""), report.nodeid)
        test = self._running.setdefault(key, TestSoFar())
        test.seconds += report.duration
        if str(report.outcome) == "rerun":  # pytest-rerunfailures: it begins again
            self._running.pop(key)
            return test, False, False
        is_new = self._decide(test, report)
        if report.when in ("teardown", "???"):
            self._running.pop(key)
            return test, is_new, True
        return test, is_new, False

    def _decide(self, test: TestSoFar, report: pytest.TestReport) -> bool:
        """Let *report* decide about *test*; True if it turned bad by it."""
        outcome = _outcome(report)
        bad = (TestOutcome.FAILED, TestOutcome.ERROR, TestOutcome.INCONCLUSIVE)
        if outcome is None or test.outcome in bad:
            return False
        test.outcome = outcome
        test.message = _message(report)
        if outcome not in bad:
            return False
        test.sections = [
            (title, text[-MOST_CHARACTERS:]) for title, text in report.sections if text
        ]
        return True


def short_reason(report: pytest.TestReport) -> str:
    """Return one line that names the test and says why it failed."""
    match = _NAME.search(report.nodeid)
    name = match[1] if match else report.nodeid
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else report.longreprtext
    first = next((line for line in text.splitlines() if line.strip()), "")
    what = {"setup": "could not be set up", "teardown": "failed in teardown", "???": "crashed"}
    return f"{name} {what.get(report.when or '', 'failed')}" + (f": {first[:300]}" if first else "")


def _outcome(report: pytest.TestReport) -> TestOutcome | None:
    if report.failed:
        if any(name == INCONCLUSIVE for name, _ in report.user_properties):
            return TestOutcome.INCONCLUSIVE
        return TestOutcome.FAILED if report.when == "call" else TestOutcome.ERROR
    if report.skipped:
        return TestOutcome.XFAILED if hasattr(report, "wasxfail") else TestOutcome.SKIPPED
    if report.when == "call":
        return TestOutcome.XPASSED if hasattr(report, "wasxfail") else TestOutcome.PASSED
    return None


def _message(report: pytest.TestReport) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return report.longreprtext[-MOST_CHARACTERS:] if not report.passed else ""
