"""What explains an abort is collected beside it, and never waited for beyond its time."""

from canarytest.clock import SystemClock
from canarytest.core import events
from canarytest.core.errors import PlatformError
from canarytest.core.reach import Version
from canarytest.plugin.aftermath import MOST_LINES, Aftermath
from canarytest.testing import FakePlatform, Hang, fails


class Witnessing(FakePlatform):
    """A platform that has more to tell."""

    def evidence(self) -> dict[str, str]:
        """Return an object and its events."""
        return {"pod": "kind: Pod", "nothing": " "}


def collected(platform: FakePlatform, within_s: float = 20.0) -> list[events.Event]:
    told: list[events.Event] = []
    aftermath = Aftermath(platform, SystemClock(), told.append, within_s)
    aftermath.begin(2, 1000.5)
    aftermath.begin(3, 2000.5)  # there is one abort
    aftermath.end()
    return told


def texts(told: list[events.Event]) -> list[tuple[str, str, str]]:
    found = [event for event in told if isinstance(event, events.EvidenceCollected)]
    return [(event.source, event.name, event.text) for event in found]


def test_the_log_and_what_else_the_platform_has() -> None:
    platform = Witnessing()
    lines = [f"line {number}" for number in range(2 * MOST_LINES)]
    platform.log_lines[Version.CANARY] = "\n".join(lines)
    told = collected(platform)

    assert told[0] == events.MeasurementTaken(1000.5, 2, "gate", {"shut": True})
    assert texts(told) == [
        ("canary", "log", "\n".join(lines[-MOST_LINES:])),
        ("platform", "pod", "kind: Pod"),
    ]


def test_a_platform_that_has_nothing_says_nothing() -> None:
    assert texts(collected(FakePlatform())) == []


def test_what_cannot_be_had_is_told_and_keeps_nothing_else_from_it() -> None:
    platform = Witnessing()
    platform.next("logs", fails(PlatformError("503")))

    assert texts(collected(platform)) == [
        ("canary", "log", "could not be had: PlatformError: 503"),
        ("platform", "pod", "kind: Pod"),
    ]


def test_a_log_that_hangs_is_not_waited_for_and_not_told_later() -> None:
    platform, hang = Witnessing(), Hang()
    platform.next("logs", hang)
    told: list[events.Event] = []
    aftermath = Aftermath(platform, SystemClock(), told.append, 0.0)
    aftermath.begin(0, 1.0)
    hang.entered.wait()
    aftermath.end()
    before = list(told)
    hang.release()
    assert aftermath._thread is not None
    aftermath._thread.join()

    assert texts(told) == []
    assert told == before
