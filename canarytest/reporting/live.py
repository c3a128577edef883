"""The rollout in one line that is rewritten as it goes: how far it is, and what is seen now."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from canarytest.core import events as e
from canarytest.core.measure import Tally, total
from canarytest.core.plan import PROMOTED
from canarytest.core.reach import Version
from canarytest.reporting.words import share

WINDOW_S = 5.0  # over which requests a second are told
SEPARATOR = "  "
_LAST: Mapping[type[e.Event], str] = {  # what is to be told between these and the end
    e.RollbackProven: "rollback proven, until the canary is gone",
    e.RollbackNotProven: "taking all down",
    e.RolloutPromoted: "promoted, taking all down",
    e.RolloutLeft: "left paused, taking all down",
}


@dataclass(slots=True)
class _Seen:
    """What was seen at a step so far, or since an abort was decided."""

    tests: int = 0
    canary: Tally = field(default_factory=Tally)  # of load and probe together
    probes: dict[str | None, int] = field(default_factory=dict)  # responses at the edge, by version
    seconds: deque[tuple[float, int]] = field(default_factory=deque)  # (end, requests)


class Live:
    """A reporter that has a line for any moment; it is asked for from another thread."""

    def __init__(self, show: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._show = show
        self._clock = clock  # seconds since the epoch
        self._lock = threading.Lock()
        self._plan: Mapping[int, Mapping[str, Any]] = {}
        self._collected: Mapping[str, int] = {}
        self._opened: e.StepOpened | None = None
        self._said = ""  # instead of what is seen at a step
        self._decided: float | None = None  # epoch, when an abort was
        self._seen = _Seen()

    def __call__(self, event: e.Event) -> None:
        """Take *event*, and show the line that follows from it."""
        with self._lock:
            self._take(event)
        self.refresh()

    def refresh(self) -> None:
        """Show the line of this moment; an empty one if there is nothing to tell."""
        now = self._clock()
        with self._lock:
            line = SEPARATOR.join(self._parts(now))
        self._show(line)

    def _take(self, event: e.Event) -> None:
        match event:
            case e.RolloutStarted():
                self._plan = {step["index"]: step for step in event.steps}
                self._collected = event.tests
                self._said = self._opening(0)
            case e.StepOpened():
                self._opened, self._said, self._seen = event, "", _Seen()
            case e.TestFinished():
                self._seen.tests += 1
            case e.MeasurementTaken():
                self._count(event)
            case e.StepJudged():
                self._said = self._opening(event.step + 1)
            case e.AbortSent():
                self._decided, self._said, self._seen = event.decided, "", _Seen()
            case e.RolloutPromoted() if self._label(len(self._plan) - 1) == PROMOTED:
                self._said = f"opening {PROMOTED}"
            case e.RunEnded():
                self._said, self._opened, self._decided = "", None, None
            case _:
                self._said = _LAST.get(type(event), self._said)

    def _opening(self, step: int) -> str:
        label = self._label(step)
        if label in (None, PROMOTED):
            is_over = self._label(step - 1) == PROMOTED
            return _LAST[e.RolloutPromoted] if is_over else "promoting"
        return f"opening {label}"

    def _label(self, step: int) -> str | None:
        label: str | None = self._plan.get(step, {}).get("label")
        return label

    def _count(self, event: e.MeasurementTaken) -> None:
        entries = event.values.get("tallies") or []
        tallies = [(version, Tally.from_json(tally)) for version, _, tally in entries]
        seen = self._seen
        seen.canary += total(tally for version, tally in tallies if version == Version.CANARY)
        if event.source == "probe":
            for version, tally in tallies:
                seen.probes[version] = seen.probes.get(version, 0) + tally.requests
        seen.seconds.append((event.time, sum(tally.requests for _, tally in tallies)))

    def _parts(self, now: float) -> Iterator[str]:
        if self._said:
            yield self._said
        elif self._decided is not None:
            yield from self._back(now - self._decided)
        elif self._opened is not None:
            yield from self._at_step(self._opened, now)

    def _back(self, seconds: float) -> Iterator[str]:
        yield f"aborted{f' at {self._opened.label}' if self._opened else ''}"
        yield f"proving the rollback for {_counting(seconds)}"
        answered = sum(self._seen.probes.values())
        of_canary = self._seen.probes.get(Version.CANARY, 0)
        yield f"{of_canary} of {answered} responses from the canary"

    def _at_step(self, opened: e.StepOpened, now: float) -> Iterator[str]:
        seen, plan = self._seen, self._plan.get(opened.step, {})
        yield opened.label
        if bake := plan.get("bake_s", 0.0):
            left = opened.time + bake - now
            yield f"{_counting(left)} left" if left > 0 else "baked"
        collected = self._collected.get(opened.label)
        yield f"{seen.tests}{f'/{collected}' if collected else ''} tests"
        yield f"{self._rate(now):.0f} req/s"
        yield from _of_canary(seen.canary)
        answered = sum(seen.probes.values())
        if answered:
            found = seen.probes.get(Version.CANARY, 0) / answered
            is_as_labelled = round(100 * opened.share) == opened.weight
            yield f"canary {share(found)}" + ("" if is_as_labelled else f" of {opened.share:.0%}")

    def _rate(self, now: float) -> float:
        seconds = self._seen.seconds
        while seconds and seconds[0][0] < now - WINDOW_S:
            seconds.popleft()
        began = self._opened.time if self._opened else now
        return sum(requests for _, requests in seconds) / max(1.0, min(WINDOW_S, now - began))


def _counting(seconds: float) -> str:
    """Return a duration in whole seconds, as a clock that is looked at."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _of_canary(tally: Tally) -> Iterator[str]:
    """Yield what the canary answered at this step so far, if it answered anything."""
    rate, p95 = tally.error_rate, tally.latency.quantile(0.95)
    if rate is not None:
        yield f"errors {share(rate)}"
    if p95 is not None:
        yield f"p95 {p95:.0f} ms"
