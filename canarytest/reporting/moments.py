"""The order of things around an abort, to the millisecond, from the moment it was decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from canarytest.core import events as e
from canarytest.reporting.story import Story, of_type

BEFORE_S = 5.0  # what came earlier than this has not led to it
_BAD = ("failed", "error", "inconclusive")


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, *at* seconds after the decision; before it if negative."""

    at: float
    what: str

    @property
    def sentence(self) -> str:
        """What happened, with its offset: "+4 ms: abort sent"."""
        offset = f"{1000 * self.at:+,.0f}".replace(",", " ")
        return f"{offset} ms: {self.what}"


def moments_of(story: Story) -> tuple[Moment, ...]:
    """Return what happened around the abort, in order; nothing where no order was sent."""
    if story.sent is None:
        return ()
    decided = story.sent.decided
    found = [Moment(at - decided, what) for at, what in _told(story, story.sent)]
    return tuple(sorted((m for m in found if m.at >= -BEFORE_S), key=lambda moment: moment.at))


def _told(story: Story, sent: e.AbortSent) -> Iterator[tuple[float, str]]:
    yield sent.decided, f"decided: {sent.reason}"
    attempts = "" if sent.attempts == 1 else f" at attempt {sent.attempts}"
    yield sent.decided + sent.seconds, f"abort sent, and taken{attempts}"
    yield from _measured(story)
    for test in of_type(story.events, e.TestFinished):
        if test.outcome in _BAD:
            yield test.time, f"test over, {test.outcome}: {test.nodeid}"
    for collected in of_type(story.events, e.EvidenceCollected):
        yield collected.time, f"evidence collected: {collected.source}, {collected.name}"
    yield from _way_back(story, sent.decided)


def _measured(story: Story) -> Iterator[tuple[float, str]]:
    for event in of_type(story.events, e.MeasurementTaken):
        if event.source == "gate":
            yield event.time, "gate shut: no further test begins"
        elif "incident" in event.values:
            values = event.values
            yield event.time, f"incident, {values['incident']}: {values.get('message', '')}"


def _way_back(story: Story, decided: float) -> Iterator[tuple[float, str]]:
    last = story.proven or story.not_proven
    if last is not None and last.last_canary is not None:
        yield decided + last.last_canary, "last response of the canary at the edge"
    if story.proven:
        yield (
            story.proven.time - story.proven.window,
            "the window of the proof begins, at the latest",
        )
        yield story.proven.time, "rollback proven"
    if story.not_proven:
        yield story.not_proven.time, "ROLLBACK NOT PROVEN"
