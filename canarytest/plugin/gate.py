"""The mark on disk that says which step is open. Closed by default, read by every worker."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import threading
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from canarytest.core.errors import Inconclusive
from canarytest.core.plan import Plan
from canarytest.core.redaction import Redactor
from canarytest.plugin.steps import label_of

INCONCLUSIVE = "canary_inconclusive"  # the user property of a report that says so
GATE = pytest.StashKey["Gate"]()
IS_OVER = pytest.StashKey[bool]()  # of an item: what it does now is to clean up


@dataclass(frozen=True, slots=True)
class _State:
    open: int = -1  # the index of the last step that was opened
    shut: str | None = None  # why nothing runs any more


class Gate:
    """Written by whoever drives the rollout, asked before each test."""

    def __init__(self, path: Path, plan: Plan, redactor: Redactor = Redactor()) -> None:  # noqa: B008  frozen
        self._path = path
        self._redactor = redactor
        self._indices = {step.label: step.index for step in plan.steps}
        self._writing = threading.Lock()  # an abort shuts it while a step is being opened
        self._seen: tuple[int, int, int] | None = None  # the file that was read last
        self._state = _State()

    def open(self, label: str) -> None:
        """Let the tests of step *label* run, and none of a later one."""
        self._write(open=self._indices[label])

    def shut(self, reason: str) -> None:
        """Let no test run any more, whatever is opened: the rollout was aborted for *reason*."""
        self._write(shut=self._redactor.text(reason))

    def refusal(self, label: str) -> str | None:
        """Return why a test of step *label* may not run now; None if it may."""
        state = self._read()
        if self._indices[label] > state.open:
            return f"step {label} was never opened"
        return state.shut

    def _write(self, **changes: Any) -> None:
        with self._writing:
            state = replace(self._read(), **changes)
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(asdict(state)), "utf-8")
            fresh.replace(self._path)  # a reader sees the old or the new one, never half of one

    def _read(self) -> _State:
        """Return what is written. Each test asks, so the file is read only if it is another."""
        try:
            stat = os.stat(self._path)  # noqa: PTH116  a third of the time of Path.stat
            seen = stat.st_ino, stat.st_mtime_ns, stat.st_size
            if seen != self._seen:
                self._state = _State(**json.loads(self._path.read_text("utf-8")))
                self._seen = seen
        except FileNotFoundError:
            return _State()
        return self._state


class Gatekeeper:
    """The hooks of the process that runs tests: a worker, or the only one."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def pytest_collection_finish(self) -> None:
        """
        Let `inspect` learn which modules there are, while the rollout begins.

        It does so when it is first asked for a source, as pytest does for the first failure: 20 to
        50 ms in which the abort has to wait for the report, and users meet the canary.
        """
        threading.Thread(target=_learn_modules, name="canarytest-inspect", daemon=True).start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip a test whose step is not open, before any fixture of its own."""
        reason = self._gate.refusal(label_of(item))
        if reason:
            pytest.skip(reason)
        item.stash[IS_OVER] = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Remember that the test is over: what is asked from now on is not to test anything."""
        item.stash[IS_OVER] = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """
        Mark the report of a test that said that it saw too little.

        If its step was aborted meanwhile, that is why, and it is skipped like the rest.
        """
        report = yield
        if call.excinfo is None or not isinstance(call.excinfo.value, Inconclusive):
            return report
        reason = self._gate.refusal(label_of(item))
        if reason is not None:
            report.outcome = "skipped"
            report.longrepr = (str(item.path), item.location[1] or 0, f"Skipped: {reason}")
        else:
            report.user_properties.append((INCONCLUSIVE, str(call.excinfo.value)))
        return report


def _learn_modules() -> None:
    with contextlib.suppress(Exception):  # of modules that dislike to be looked at
        inspect.getmodule(_learn_modules.__code__)
