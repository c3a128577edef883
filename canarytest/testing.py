"""
Fakes for tests of rollouts: a clock, a platform, an edge, and all of them around a driver.

Plain classes and public: whoever writes a platform or a reporter can rehearse a run with them.

    rehearsal = Rehearsal(plan)
    rehearsal.platform.next("abort", fails(PlatformError("503")), fails(PlatformError("503")))
    rehearsal.clock.at(30, lambda: rehearsal.driver.see_test(TestOutcome.FAILED, "test_login"))
    rehearsal.walk()

    assert rehearsal.platform.calls == ["begin", "open 10%", "abort", "abort", "abort"]
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from canarytest.core import events
from canarytest.core.bands import DEFAULT_BANDS, Policy
from canarytest.core.driver import Driver, Limits
from canarytest.core.evidence import TestOutcome
from canarytest.core.plan import STEP_KINDS, Plan, Step
from canarytest.core.ports import Exposure, Facts, Incident, State
from canarytest.core.proof import ProbeSample
from canarytest.core.reach import Endpoint, Identity, Reach, Version

__all__ = ["FACTS", "FakeClock", "FakeEdge", "FakePlatform", "Hang", "Rehearsal", "fails", "says"]

START = 1000.0  # what `now` says first: neither 0 nor near the epoch, to be mistaken for neither
EPOCH = 1_768_209_123.0
FACTS = Facts(
    platform="fake",
    stable="v100",
    canary="v101",
    images={"stable": "was:v100", "canary": "was:v101"},
    reach=Reach(
        edge=Endpoint("http://edge.invalid"),
        canary=Endpoint("http://canary.invalid"),
        stable=Endpoint("http://stable.invalid"),
        identity=Identity(canary="v101", stable="v100", header="x-version"),
    ),
)

Act = Callable[[], object]
E = TypeVar("E", bound=events.Event)


class FakeClock:
    """
    Virtual time: it passes when somebody waits, and takes no time to do so.

    `wait` goes on to the next callback that is due, or by all its seconds if there is none. It
    runs the callback in the waiting thread, the condition released as in a real wait, and returns:
    like a real condition it may wake before its time, so wait in a loop. Time is one for all
    threads and never goes back. Callbacks begin in the order of their times, each once, by
    whichever thread waits first; one that is itself waiting for another thread does not keep that
    one from waiting on. Who waits while another thread is still at work passes time over its
    head: let a test's events come from callbacks, not from a thread that runs beside.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = START
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        """Return the virtual seconds, of which a new clock has 1000."""
        return self._now

    def time(self) -> float:
        """Return the virtual seconds since the epoch."""
        return EPOCH + self.elapsed

    @property
    def elapsed(self) -> float:
        """Seconds since the clock was made."""
        return self._now - START

    def at(self, seconds: float, callback: Callable[[], object]) -> None:
        """Have *callback* run *seconds* after the clock was made, or late if that is past."""
        with self._lock:
            heapq.heappush(self._due, (START + seconds, next(self._numbers), callback))

    def every(self, seconds: float, callback: Callable[[], object]) -> None:
        """Have *callback* run every *seconds* from now on."""

        def again() -> None:
            self.every(seconds, callback)
            callback()

        self.at(self.elapsed + seconds, again)

    def advance(self, seconds: float) -> None:
        """Pass *seconds*, with all that is due in them."""
        until = self._now + seconds
        while self._now < until:
            self._pass(until)

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Pass the time to the next callback, at most *seconds*; *condition* is held once."""
        condition.release()
        try:
            self._pass(self._now + max(seconds, 0.0))
        finally:
            condition.acquire()

    def _pass(self, until: float) -> None:
        with self._lock:
            moment = min(until, self._due[0][0]) if self._due else until
            self._now = max(self._now, moment)
        while (callback := self._take()) is not None:
            callback()

    def _take(self) -> Callable[[], object] | None:
        with self._lock:
            if self._due and self._due[0][0] <= self._now:
                return heapq.heappop(self._due)[2]
            return None


class Hang:
    """An act that hangs until it is released."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._released = threading.Event()

    def __call__(self) -> None:
        """Hang."""
        self.entered.set()
        self._released.wait()

    def release(self) -> None:
        """Let whoever hangs here, now or later, go on."""
        self._released.set()


def fails(error: BaseException) -> Act:
    """Return an act that raises *error*."""

    def act() -> None:
        raise error

    return act


def says(value: object) -> Act:
    """Return an act that gives *value* instead of what the platform would say."""
    return lambda: value


class FakePlatform:
    """
    A platform in memory, whose calls can be scripted.

    `next(method, act, ...)` has the next call of *method* run the first act, the call after that
    the second, and so on; `always` has all further ones run it. An act raises (`fails`), hangs
    (`Hang`), answers (`says`) or does anything at all, such as aborting from another thread. If it
    returns None, the call then does what it would have done. `calls` has every call in order,
    noted when it begins.
    """

    supports = frozenset(STEP_KINDS)
    abilities = frozenset({"image", "resume", "undo"})

    def __init__(self, facts: Facts = FACTS) -> None:
        self.facts = facts
        self.calls: list[str] = []
        self.share = 0.0  # of the traffic that the canary gets
        self.stable_complete = True
        self.lingers = False  # what was sent back is still up
        self.users: Exposure | None = None
        self.gauge_values: Mapping[str, float] = {}
        self.log_lines: dict[Version, str] = {}
        self.on_incident: Callable[[Incident], None] = lambda _: None
        self._lock = threading.Lock()
        self._next: dict[str, list[Act]] = {}
        self._always: dict[str, Act] = {}

    def next(self, method: str, *acts: Act) -> None:
        """Have the next calls of *method* run *acts*, one each."""
        self._next.setdefault(method, []).extend(acts)

    def always(self, method: str, act: Act) -> None:
        """Have every call of *method* run *act*, once those of `next` are through."""
        self._always[method] = act

    def begin(self, plan: Plan, on_incident: Callable[[Incident], None]) -> Facts:  # noqa: ARG002  the port's
        """Take the rollout over."""
        self.on_incident = on_incident
        return self._call("begin") or self.facts

    def open(self, step: Step) -> Facts:
        """Give the canary the share of *step*."""
        said = self._call("open", step.label)
        self.share = step.share
        return said or self.facts

    def leave(self, step: Step) -> None:
        """Let the rollout stay where it is."""
        self._call("leave", step.label)

    def abort(self) -> None:
        """Take the canary's share away."""
        self._call("abort")
        self.share = 0.0

    def promote(self) -> None:
        """Give the canary all traffic."""
        self._call("promote")
        self.share = 1.0

    def retire(self) -> None:
        """Let the previous revision go: here it takes nothing to keep it."""
        self._call("retire")

    def state(self) -> State:
        """Return what is in force."""
        return self._call("state") or State(self.share, self.stable_complete, self.lingers)

    def exposure(self) -> Exposure | None:
        """Return `users`."""
        return self._call("exposure") or self.users

    def gauges(self) -> Mapping[str, float]:
        """Return `gauge_values`."""
        return self._call("gauges") or self.gauge_values

    def logs(self, version: Version) -> str:
        """Return the `log_lines` of *version*."""
        return self._call("logs", version) or self.log_lines.get(version, "")

    def close(self) -> None:
        """End nothing: nothing was started."""
        self._call("close")

    def orders(self) -> list[str]:
        """Return the calls that change something: all but the questions."""
        questions = ("state", "exposure", "gauges", "logs")
        return [call for call in self.calls if not call.startswith(questions)]

    def _call(self, method: str, what: str = "") -> Any:
        with self._lock:
            self.calls.append(f"{method} {what}".rstrip())
            waiting = self._next.get(method)
            act = waiting.pop(0) if waiting else self._always.get(method)
        return act() if act else None


class FakeEdge:
    """
    Where users come in: answers by the platform's share, evenly, and tells the driver.

    `next(answer, ...)` has the next requests answered so: by a version, or with None by nobody.
    """

    def __init__(self, platform: FakePlatform, clock: FakeClock) -> None:
        self.samples: list[ProbeSample] = []  # all, in order
        self._platform = platform
        self._clock = clock
        self._next: list[Version | None] = []
        self._owed = 0.0  # of a response, to the canary

    def next(self, *answers: Version | None) -> None:
        """Have the next requests answered by *answers*, one each."""
        self._next.extend(answers)

    def ask(self, requests: int) -> list[ProbeSample]:
        """Return the answers to so many *requests*, all made now."""
        samples = [self._sample() for _ in range(requests)]
        self.samples += samples
        return samples

    def _sample(self) -> ProbeSample:
        if self._next:
            version = self._next.pop(0)
        else:
            self._owed += self._platform.share
            version = Version.CANARY if self._owed >= 1 else Version.STABLE
            self._owed -= version is Version.CANARY
        error = "" if version else "connection refused"
        return ProbeSample(self._clock.now(), version, version is not None, 0.0, error)


def pass_one_test(driver: Driver, step: Step) -> None:
    """Verify *step* by one test, which passes."""
    driver.see_test(TestOutcome.PASSED, f"test_it[{step.label}]")


class Rehearsal:
    """
    A driver among fakes, and the edge that is probed while time passes.

    Once per `every_s` the edge is asked *requests* times: with the defaults that is enough for a
    proof on the terms of `Limits`.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        policy: Policy | None = None,
        limits: Limits | None = None,
        every_s: float = 0.5,
        requests: int = 40,
        emit: Callable[[events.Event], None] = lambda _: None,
    ) -> None:
        self.plan = plan
        self.clock = FakeClock()
        self.platform = FakePlatform()
        self.edge = FakeEdge(self.platform, self.clock)
        self.events: list[events.Event] = []
        self.driver = Driver(
            plan,
            self.platform,
            policy or Policy(DEFAULT_BANDS),
            clock=self.clock,
            emit=self._hear,
            limits=limits,
        )
        self._emit = emit
        if requests:
            self.clock.every(every_s, lambda: self.driver.see_probe(self.edge.ask(requests)))

    @property
    def names(self) -> list[str]:
        """The names of the events so far."""
        return [type(event).__name__ for event in self.events]

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one *kind*."""
        return [event for event in self.events if isinstance(event, kind)]

    def walk(self, verify: Callable[[Driver, Step], None] = pass_one_test) -> bool:
        """Go the whole way, *verify* each step; True if promoted, else after the proof."""
        if self.driver.begin() is not None and all(self._walked(verify)):
            self.driver.promote()
        if not self.driver.is_promoted:
            self.driver.settle()
        return self.driver.is_promoted

    def _walked(self, verify: Callable[[Driver, Step], None]) -> Iterable[bool]:
        for step in self.plan.steps:
            is_open = self.driver.open(step)
            if is_open:
                verify(self.driver, step)
            yield is_open and self.driver.close() is not None

    def _hear(self, event: events.Event) -> None:
        self.events.append(event)
        self._emit(event)
