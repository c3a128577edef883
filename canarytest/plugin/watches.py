"""What is measured beside tests, load and probe, for as long as a step is open or longer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from canarytest.core.driver import Driver
from canarytest.core.plan import Plan, Step
from canarytest.core.ports import Platform
from canarytest.plugin import templates
from canarytest.plugin.analyses import Analyses
from canarytest.plugin.queries import Queries, asked_of
from canarytest.plugin.settings import Settings


class Watch(Protocol):
    """
    Measures in threads of its own, and tells the driver.

    No call waits for a measurement: a server that hangs keeps nobody from going back.
    """

    def open(self, step: Step) -> None:
        """Hear that *step* is open; the driver is told of it before this returns."""

    def close(self) -> None:
        """Hear that the step is over."""

    def stop(self) -> None:
        """Hear that the rollout is over. May be called twice, and from any thread."""


Watching = Callable[[Driver], Sequence[Watch]]


def watching(settings: Settings, plan: Plan, platform: Platform) -> Watching:
    """Return what begins the watches of a run; raises ConfigError for what cannot be run."""
    queries, server = asked_of(settings), settings.prometheus
    analyses = () if "analysis" in platform.abilities else templates.read(settings, plan)

    def begin(driver: Driver) -> list[Watch]:
        watches: list[Watch] = []
        if queries and server is not None:
            watches.append(Queries(queries, server, driver))
        if analyses:
            watches.append(Analyses(analyses, driver))
        return watches

    return begin
