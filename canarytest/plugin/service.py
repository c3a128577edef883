"""
What a test may ask about its step: the load, the split, who is where.

Each exists once per step, not once per process, so it is answered by the process that drives.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from canarytest.core.bands import Band, Policy
from canarytest.core.errors import Inconclusive
from canarytest.core.finding import Finding, Zone
from canarytest.core.measure import LoadSecond, Tally, total
from canarytest.core.metric import judge_metric
from canarytest.core.ports import Facts
from canarytest.core.reach import Version
from canarytest.core.series import Series
from canarytest.core.sketch import Sketch
from canarytest.core.split import SplitVerdict

LOAD_WITHIN_S = 120.0  # the longest that a test waits for its load to be decided


@dataclass(frozen=True, slots=True)
class LoadView:
    """The load of a step so far, by the version that answered."""

    canary: Tally
    stable: Tally
    unanswered: Tally
    seconds: int  # whole seconds counted
    trouble: str | None = None  # why it cannot be trusted


class Service(Protocol):
    """What fixtures ask; answered in this process or, from a worker, by the controller."""

    def facts(self) -> Facts:
        """Return what the rollout is, and how its versions are reached."""

    def check_load(self, key: str, bounds: Mapping[str, float]) -> tuple[Finding, ...]:
        """Wait until the load *key* is decided against *bounds* (metric -> most allowed)."""

    def load(self, key: str) -> LoadView:
        """Wait for the first requests of the load *key*, and return it so far."""

    def split(self) -> SplitVerdict:
        """Observe the edge of the open step, once, and return what was seen."""


@dataclass(slots=True)
class LoadBoard:
    """Where the seconds of one load arrive, and where tests wait for them."""

    by_version: dict[Version | None, Tally] = field(default_factory=dict)
    is_dark: bool = False
    seconds: int = 0
    of_canary: list[Tally] = field(default_factory=list)  # second by second
    pending: Sketch | None = None  # the ages of requests that have no answer yet
    trouble: str | None = None
    is_over: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, second: LoadSecond) -> None:
        """Take one more second."""
        with self.changed:
            for version in {entry.version for entry in second.tallies}:
                self.by_version[version] = total(
                    [self.by_version.get(version, Tally()), second.of(version)]
                )
            self.seconds += 1
            self.of_canary.append(self._canary_of(second))
            self.pending = self.pending if second.pending is None else second.pending
            self.changed.notify_all()

    def spoil(self, trouble: str) -> None:
        """Take the reason why this load cannot be trusted."""
        with self.changed:
            self.trouble = self.trouble or trouble
            self.changed.notify_all()

    def end(self) -> None:
        """Let nobody wait any longer."""
        with self.changed:
            self.is_over = True
            self.changed.notify_all()

    def view(self) -> LoadView:
        """Return what was counted so far."""
        with self.changed:
            of = {v: self.by_version.get(v, Tally()) for v in (*Version, None)}
            unanswered = Tally() if self.is_dark else of[None]
            canary = total(self.of_canary)
            return LoadView(canary, of[Version.STABLE], unanswered, self.seconds, self.trouble)

    def _canary_of(self, second: LoadSecond) -> Tally:
        """In the dark the canary alone is asked: what nobody answered is its failure."""
        unanswered = second.of(None) if self.is_dark else Tally()
        return second.of(Version.CANARY) + unanswered

    def wait_until(self, is_decided: Callable[[LoadView], bool]) -> LoadView:
        """
        Return the first view that *is_decided*, or the last one there is.

        Raises Inconclusive when the load cannot be trusted.
        """
        with self.changed:
            self.changed.wait_for(
                lambda: self.trouble or self.is_over or is_decided(self.view()), LOAD_WITHIN_S
            )
        view = self.view()
        if view.trouble:
            raise Inconclusive(view.trouble)
        return view

    def check(self, bounds: Mapping[str, float], policy: Policy) -> tuple[Finding, ...]:
        """Wait until each of *bounds* is kept or broken for sure, and say so."""
        bands = {metric: Band(bound, bound) for metric, bound in bounds.items()}
        canary, counted = Series(), 0

        def findings() -> tuple[Finding, ...]:
            nonlocal canary, counted
            with self.changed:
                for second in self.of_canary[counted:]:
                    canary = canary.after(second, bands)
                counted = len(self.of_canary)
            return tuple(
                judge_metric(metric, band, canary, policy, self.pending)
                for metric, band in bands.items()
            )

        def is_decided(_: LoadView) -> bool:
            zones = [finding.zone for finding in findings()]
            return Zone.ROLL_BACK in zones or all(zone is Zone.NORMAL for zone in zones)

        self.wait_until(is_decided)
        return findings()
