"""What the platform's controller measures by itself, brought to the driver and into the events."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import cast

from canarytest.core import events
from canarytest.core.driver import Driver
from canarytest.core.ports import Analysis, Analyst, Platform

LOG = logging.getLogger(__name__)


class ControlledAnalyses:
    """Asked each second, and as soon as a step opens: what stands then holds the step."""

    def __init__(self, platform: Platform, driver: Driver) -> None:
        self._platform, self._driver = platform, driver

    def look(self) -> None:
        """Tell what is new, and what each analysis means for the open step."""
        step = self._driver.step
        for analysis in self._ask():
            for values in analysis.news:
                self._driver.emit(
                    events.MeasurementTaken(
                        self._driver.clock.time(),
                        step=step.index if step else 0,
                        source="analysis",
                        values=values,
                    )
                )
            self._driver.see_finding(analysis.finding)

    def _ask(self) -> Sequence[Analysis]:
        if "analysis" not in self._platform.abilities:
            return ()
        try:
            return cast("Analyst", self._platform).analyses()
        except Exception:
            LOG.exception("the platform's analyses are not known")
            return ()
