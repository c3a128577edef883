"""What the process that drives answers to the fixtures: `Service`, for the step that is open."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TypeVar

from canarytest.core.bands import Test
from canarytest.core.driver import Driver
from canarytest.core.errors import Aborted, CanaryError
from canarytest.core.finding import Finding, Zone
from canarytest.core.ports import Facts
from canarytest.core.proof import ProbeSample
from canarytest.core.split import SplitVerdict
from canarytest.plugin.loads import StepLoads
from canarytest.plugin.service import LoadView
from canarytest.signals.edge import observe_split, settle
from canarytest.signals.probe import ask

NEEDED_VIEW = 50  # requests of the canary before a test is shown figures it did not bound
T = TypeVar("T")


class Answers:
    """
    Answers from what the driver and the loads know.

    A test that waits for what an abort keeps it from seeing is told of the abort (`Aborted`): it
    has not failed, and has not seen too little by itself.
    """

    def __init__(self, driver: Driver) -> None:
        self.loads: StepLoads | None = None  # None before the rollout is begun
        self.probe_path = "/"
        self._driver = driver
        self._split: SplitVerdict | None = None
        self._splitting = threading.Lock()

    def facts(self) -> Facts:
        """Return what the rollout turned out to be."""
        return _begun(self._driver.facts)

    def check_load(self, key: str, bounds: Mapping[str, float]) -> tuple[Finding, ...]:
        """Wait until the load *key* is decided against *bounds*."""
        findings = _begun(self.loads).board(key).check(bounds, self._driver.policy)
        zones = {finding.zone for finding in findings}
        if not zones <= {Zone.NORMAL, Zone.ROLL_BACK}:
            self._tell_of_abort()
        return findings

    def load(self, key: str) -> LoadView:
        """Wait for the first requests of the load *key*, and return it so far."""
        board = _begun(self.loads).board(key)
        return board.wait_until(lambda view: view.canary.requests >= NEEDED_VIEW)

    def split(self) -> SplitVerdict:
        """Observe the edge of the open step, once."""
        with self._splitting:
            if self._split is None:
                self._split = self._observe()
        if self._split.matches is None:
            self._tell_of_abort()
        return self._split

    def forget_split(self) -> None:
        """Let the split be observed anew: another step opens."""
        self._split = None

    def _observe(self) -> SplitVerdict:
        driver, reach, step = self._driver, self.facts().reach, _begun(self._driver.step)

        def ask_edge() -> ProbeSample:
            return ask(reach.edge, reach.identity, self.probe_path)

        if 0 < step.share < 1:
            settle(ask_edge, lambda: driver.reason is not None)
        return observe_split(
            ask_edge,
            step.share,
            alpha=driver.policy.alpha(Test.SPLIT),
            miss=driver.policy.miss,
            is_over=lambda: driver.reason is not None,
        )

    def _tell_of_abort(self) -> None:
        if self._driver.reason is not None:
            raise Aborted(str(self._driver.reason))


def _begun(value: T | None) -> T:
    if value is None:
        raise CanaryError("the rollout has not begun")
    return value
