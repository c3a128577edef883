"""
What happens in a run, in the order in which it happens.

Each event carries what a report needs; no report asks anything else. On disk an event is one line
of JSON: `{"time": "2026-01-12T09:12:03.412Z", "event": "StepOpened", ...}`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from canarytest.core.finding import Finding, Zone


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; *time* in seconds since the epoch."""

    time: float


@dataclass(frozen=True, slots=True)
class RolloutStarted(Event):
    """The rollout is taken over, from *time* on; without names where that failed."""

    run_id: str
    rollout: str
    namespace: str
    platform: str
    target: str
    stable: str
    canary: str
    images: Mapping[str, str]
    steps: tuple[Mapping[str, Any], ...]  # the plan's, as `Step` has them
    bands: Mapping[str, tuple[float, float]]
    warnings: tuple[str, ...]  # of the preflight
    versions: Mapping[str, str]  # of canarytest and what it runs on
    tests: Mapping[str, int] = field(default_factory=dict)  # collected, by label of the step
    surroundings: Mapping[str, Any] = field(default_factory=dict)  # executor, context, links
    needs: tuple[Mapping[str, Any], ...] = ()  # what each step with a load takes to be decided
    judging: Mapping[str, Any] = field(default_factory=dict)  # how sure the judge has to be
    aa: bool = False  # both versions are the same build: an alarm is a false one


@dataclass(frozen=True, slots=True)
class StepOpened(Event):
    """The step's weight is in force; its tests begin."""

    step: int
    label: str
    weight: int
    share: float  # expected at the edge
    seconds: float  # from the order to the weight in force
    canary: str  # what the canary calls itself


@dataclass(frozen=True, slots=True)
class TestFinished(Event):
    """A test ended, its teardown included; `skipped` too is told, with the reason."""

    __test__ = False

    step: int
    label: str
    nodeid: str
    outcome: str
    seconds: float
    message: str  # why it failed or was skipped; empty if it passed
    worker: str  # of xdist; empty without
    sections: tuple[tuple[str, str], ...] = ()  # captured output of a failed test
    about: Mapping[str, Any] = field(default_factory=dict)  # its Allure result, attachments in it
    exchanges: tuple[Mapping[str, Any], ...] = ()  # its last requests and answers, if it failed


@dataclass(frozen=True, slots=True)
class MeasurementTaken(Event):
    """Something was measured: one second of load, of the probe, of a gauge; or an incident."""

    step: int
    source: str  # load | probe | platform
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StepJudged(Event):
    """The step is over."""

    step: int
    label: str
    verdict: str
    reason: str
    seconds: float  # since it was opened
    tests: Mapping[str, int]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class AbortSent(Event):
    """The platform took the order to send all traffic back."""

    reason: str
    decided: float  # epoch, when the reason arose
    seconds: float  # from the decision until the order was taken
    attempts: int


@dataclass(frozen=True, slots=True)
class RolloutAborted(Event):
    """The rollout ends here: why, and at which step."""

    cause: str
    reason: str
    step: str | None  # label; None before the first
    findings: tuple[Finding, ...] = ()  # of the open step when the reason arose, what decided it


@dataclass(frozen=True, slots=True)
class EvidenceCollected(Event):
    """What may explain an abort, fetched once the order to go back was sent."""

    source: str  # canary | platform
    name: str  # of what it is, e.g. "log"
    text: str


@dataclass(frozen=True, slots=True)
class RollbackProven(Event):
    """Responses show that the traffic is back."""

    window: float  # seconds without a canary response, without an error
    responses: int  # in the window
    bound: float  # share of canary responses that they exclude, with 95 % confidence
    last_canary: float | None  # seconds from the decision to its last response; None: none since
    errors: int  # at the edge, from the decision to the end of the window
    restarts: int  # times the window began again
    probes: int  # from the decision on
    sentence: str


@dataclass(frozen=True, slots=True)
class RollbackNotProven(Event):
    """The traffic may still reach the canary: somebody must look now."""

    reason: str
    last_canary: float | None
    errors: int
    probes: int


@dataclass(frozen=True, slots=True)
class RolloutPromoted(Event):
    """
    The canary is the stable version now.

    Where the promotion is watched, an abort may undo it yet: how it ended `RunEnded` says.
    """

    canary: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RolloutLeft(Event):
    """The rollout stays paused at a step, as asked; another run goes on from there."""

    step: int
    label: str
    canary: str


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """The last event of a run."""

    outcome: str  # promoted | paused | aborted | inconclusive | error
    exit_status: int
    reason: str
    seconds: float
    exposure: Mapping[str, Any]  # requests, failures, counted_by


@dataclass(frozen=True, slots=True)
class Unknown(Event):
    """An event of another version of canarytest, kept as it is."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)


_TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        RolloutStarted,
        StepOpened,
        TestFinished,
        MeasurementTaken,
        StepJudged,
        AbortSent,
        RolloutAborted,
        EvidenceCollected,
        RollbackProven,
        RollbackNotProven,
        RolloutPromoted,
        RolloutLeft,
        RunEnded,
    )
}


def as_json(event: Event) -> dict[str, Any]:
    """Return *event* as plain data, its time as text and its name first."""
    if isinstance(event, Unknown):
        return {"time": timestamp(event.time), "event": event.name, **event.values}
    names: tuple[str, ...] = type(event).__match_args__[1:]
    values = {name: getattr(event, name) for name in names}  # `asdict` takes ten times as long
    if "findings" in values:  # all other fields are plain data
        values["findings"] = tuple(map(dataclasses.asdict, values["findings"]))
    return {"time": timestamp(event.time), "event": type(event).__name__, **values}


def from_json(data: Mapping[str, Any]) -> Event:
    """Return the event that `as_json` gave, to the millisecond."""
    values = dict(data)
    time = datetime.fromisoformat(values.pop("time")).timestamp()
    name = values.pop("event")
    kind = _TYPES.get(name)
    if kind is None:
        return Unknown(time, name, values)
    if "findings" in values:
        values["findings"] = tuple(
            Finding(**{**finding, "zone": Zone(finding["zone"])}) for finding in values["findings"]
        )
    for key in ("steps", "warnings", "needs", "exchanges"):
        if key in values and isinstance(values[key], list):
            values[key] = tuple(values[key])
    if "sections" in values:
        values["sections"] = tuple((title, text) for title, text in values["sections"])
    if "bands" in values:
        values["bands"] = {name: tuple(band) for name, band in values["bands"].items()}
    return kind(time, **values)


def timestamp(seconds: float) -> str:
    """Return *seconds* since the epoch as ISO 8601 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
