"""What a platform's controller measures by itself holds the step, and is told."""

from collections.abc import Sequence

from canarytest.core import events
from canarytest.core.errors import PlatformError
from canarytest.core.finding import Finding, Zone
from canarytest.core.plan import Plan, Resources, Step
from canarytest.core.ports import Analysis
from canarytest.plugin.controlled import ControlledAnalyses
from canarytest.testing import FakePlatform, Rehearsal

TEN = Step(0, "10%", 10, 0.1, 1.0, False, 1, 1, 2)
PLAN = Plan(
    "was", "petclinic", 2, True, (TEN,), ("setWeight", "analysis"), "", Resources(None, None)
)
MEASURED = {"name": "was-1", "metric": "errors", "phase": "Successful"}


class Measuring(FakePlatform):
    """A platform whose controller measures."""

    abilities = frozenset({"analysis"})

    def __init__(self) -> None:
        super().__init__()
        self.stands: list[Analysis] = []
        self.trouble: PlatformError | None = None

    def analyses(self) -> Sequence[Analysis]:
        """Return what was set."""
        if self.trouble is not None:
            raise self.trouble
        return self.stands


def opened() -> Rehearsal:
    rehearsal = Rehearsal(PLAN)
    rehearsal.driver.begin()
    rehearsal.driver.open(TEN)
    return rehearsal


def test_a_measurement_is_told_and_the_finding_seen() -> None:
    platform = Measuring()
    rehearsal = opened()
    finding = Finding("analysis was-1", Zone.UNDER_WAY, "Running")
    platform.stands = [Analysis(finding, (MEASURED,))]
    ControlledAnalyses(platform, rehearsal.driver).look()
    told = rehearsal.of(events.MeasurementTaken)

    assert [(event.source, event.values) for event in told] == [("analysis", MEASURED)]
    assert rehearsal.driver.evidence is not None
    assert rehearsal.driver.evidence.assessed == {"analysis was-1": finding}


def test_a_platform_that_cannot_say_ends_nothing() -> None:
    platform = Measuring()
    rehearsal = opened()
    platform.trouble = PlatformError("the Rollout is gone")
    ControlledAnalyses(platform, rehearsal.driver).look()

    assert rehearsal.driver.reason is None


def test_a_platform_without_a_controller_is_not_asked() -> None:
    platform = FakePlatform()
    rehearsal = opened()
    ControlledAnalyses(platform, rehearsal.driver).look()

    assert rehearsal.of(events.MeasurementTaken) == []
