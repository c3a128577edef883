"""From pytest's reports of the phases of a test to the outcome of the test."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from canarytest.core.evidence import TestOutcome
from canarytest.plugin.gate import INCONCLUSIVE

_NAME = re.compile(r"::([^:\[]+)(?:\[|$)")  # the first one: parameters may have any text in them
ABOUT = "canarytest_about"  # what Allure is told, on a teardown's report; xdist carries it along
EXCHANGES = "canarytest_exchanges"  # of a test that failed, on a teardown's report too
MOST_CHARACTERS = 20_000  # of a message or a captured section in an event
_BAD = (TestOutcome.FAILED, TestOutcome.ERROR, TestOutcome.INCONCLUSIVE)


@dataclass(slots=True)
class TestSoFar:
    """One test, while its phases come in."""

    __test__ = False

    outcome: TestOutcome | None = None  # None: nothing decided yet
    worker: str = ""  # of xdist; empty without
    is_to_be_rerun: bool = False  # what comes of this attempt decides nothing
    seconds: float = 0.0
    decided_by: pytest.TestReport | None = None  # its texts are taken last: it is redacted first
    about: Mapping[str, Any] = field(default_factory=dict)  # what Allure was told
    exchanges: tuple[Mapping[str, Any], ...] = ()  # the last ones of a test that failed

    @property
    def message(self) -> str:
        """Why it failed or was skipped; empty if it passed."""
        return _message(self.decided_by) if self.decided_by else ""

    @property
    def sections(self) -> tuple[tuple[str, str], ...]:
        """What it wrote, where it is bad."""
        if self.decided_by is None or self.outcome not in _BAD:
            return ()
        told = self.decided_by.sections
        return tuple((title, text[-MOST_CHARACTERS:]) for title, text in told if text)


class Outcomes:
    """The tests under way, by worker and node id."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, str], TestSoFar] = {}
        self._attempts: dict[str, list[Mapping[str, Any]]] = {}  # that were to be repeated

    def take(self, report: pytest.TestReport) -> tuple[TestSoFar, bool, bool]:
        """
        Take a report; return the test so far, whether it just turned bad, whether it is over.

        A crashed worker's report has the phase "???" and is all there is of its test.
        """
        worker = _worker_of(report)
        key = (worker, report.nodeid)
        is_first = report.when in ("setup", "???")
        test = None if is_first else self._running.get(key)
        if test is None:
            test = self._running[key] = TestSoFar(worker=worker)
        test.seconds += report.duration
        if report.outcome == "passed" and report.when != "call":
            is_new = False  # most reports, and none of them decides
        else:
            # pytest-rerunfailures: it begins again
            test.is_to_be_rerun = test.is_to_be_rerun or str(report.outcome) == "rerun"
            is_new = self._decide(test, report)
        if report.when not in ("teardown", "???"):
            return test, is_new, False
        self._running.pop(key)
        is_over = is_new or not test.is_to_be_rerun
        self._remember(test, report, is_over=is_over)
        return test, is_new, is_over

    def _remember(self, test: TestSoFar, report: pytest.TestReport, *, is_over: bool) -> None:
        """Keep what Allure was told of an attempt: the last one has those before it."""
        test.about = _once(getattr(report, ABOUT, {}), test.message)
        test.exchanges = tuple(getattr(report, EXCHANGES, ()))
        if not is_over:
            self._attempts.setdefault(report.nodeid, []).append(test.about)
        elif before := self._attempts.pop(report.nodeid, None):
            test.about = {**test.about, "retries": before}

    def _decide(self, test: TestSoFar, report: pytest.TestReport) -> bool:
        """Let *report* decide about *test*; True if it turned bad by it."""
        outcome = _outcome(report)
        if outcome is None or test.outcome in _BAD:
            return False
        test.outcome, test.decided_by = outcome, report
        return outcome in _BAD


def short_reason(report: pytest.TestReport, clean: Callable[[str], str] = str) -> str:
    """Return one line that names the test and says why it failed; *clean* takes secrets out."""
    match = _NAME.search(report.nodeid)
    name = match[1] if match else report.nodeid
    crash = getattr(report.longrepr, "reprcrash", None)
    text = clean((crash.message if crash else report.longreprtext)[:MOST_CHARACTERS])
    first = next((line for line in text.splitlines() if line.strip()), "")
    what = {"setup": "could not be set up", "teardown": "failed in teardown", "???": "crashed"}
    return f"{name} {what.get(report.when or '', 'failed')}" + (f": {first[:300]}" if first else "")


def _once(about: Mapping[str, Any], message: str) -> Mapping[str, Any]:
    """Return *about* without the traceback that the event's *message* is already."""
    details = about.get("statusDetails") or {}
    if not message or details.get("trace") != message:
        return about
    told = {key: value for key, value in details.items() if key != "trace"}
    return {**about, "statusDetails": told}


def _worker_of(report: pytest.TestReport) -> str:
    """Return the worker that *report* is from, or of, if it crashed; empty without xdist."""
    worker: str | None = getattr(report, "worker_id", None)
    if worker is None:
        gateway = getattr(getattr(report, "node", None), "gateway", None)
        worker = getattr(gateway, "id", "")
    return worker


def _outcome(report: pytest.TestReport) -> TestOutcome | None:
    if report.failed:
        if any(name == INCONCLUSIVE for name, _ in report.user_properties):
            return TestOutcome.INCONCLUSIVE
        return TestOutcome.FAILED if report.when == "call" else TestOutcome.ERROR
    if report.skipped:
        return TestOutcome.XFAILED if hasattr(report, "wasxfail") else TestOutcome.SKIPPED
    if report.when == "call" and report.passed:
        return TestOutcome.XPASSED if hasattr(report, "wasxfail") else TestOutcome.PASSED
    return None


def _message(report: pytest.TestReport) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return report.longreprtext[-MOST_CHARACTERS:] if not report.passed else ""
