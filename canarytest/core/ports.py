"""
What the driver needs of the world: a platform, a clock, a place for events.

The real ones live in `canarytest.platforms`, `canarytest.clock` and `canarytest.reporting`; the
fakes of `canarytest.testing` are public and serve the tests of other platforms as well.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from canarytest.core.finding import Finding
from canarytest.core.plan import Plan, Step
from canarytest.core.reach import Reach, Version


class IncidentKind(StrEnum):
    """What a platform may notice by itself."""

    RESTARTED = "restarted"  # a process or container of a version ended and was started again
    NOT_READY = "not ready"  # a version that was ready is no longer
    ROUTER = "router"  # what carries users' requests ended, or does not take orders
    CONDEMNED = "condemned"  # the platform's own analysis or deadline found the canary bad
    UNJUDGED = "unjudged"  # the platform's own analysis could not say what the canary is
    TAKEN_OVER = "taken over"  # somebody else gave our revision orders: it goes back
    NOT_OURS = "not ours"  # what we drove is somebody else's now, or gone: no order is sent
    NOTED = "noted"  # told, and nothing is done about it


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that happened on the platform while nobody asked for it."""

    kind: IncidentKind
    version: Version | None  # None: it is neither version's
    message: str  # one sentence, with the last line of the log where there is one


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rollout turned out to be, once begun."""

    platform: str
    stable: str  # what the version calls itself, e.g. "v100"
    canary: str  # empty until it ran
    images: Mapping[str, str]  # version -> image or command
    reach: Reach
    # version -> what selects it in metrics, e.g. the hash of its pods; empty: its name does
    selectors: Mapping[str, str] = field(default_factory=dict)

    def selects(self, version: Version) -> str:
        """Return what selects *version* in metrics; empty while that is not known."""
        name = self.canary if version is Version.CANARY else self.stable
        return self.selectors.get(version, name)


@dataclass(frozen=True, slots=True)
class State:
    """What the platform says of itself. Not a proof: that takes responses."""

    share: float  # of the edge's traffic that is routed to the canary, 0 to 1
    stable_complete: bool  # every pod of the stable version is ready
    # What was sent back is still up, and the platform is about to end it: until then it could
    # answer again, so that the proof is held.
    lingers: bool = False


@dataclass(frozen=True, slots=True)
class Exposure:
    """Users' requests that the canary answered, as the router counted them."""

    requests: int
    failures: int


class Platform(Protocol):
    """
    Where a rollout runs.

    Every method but `abort`, `state`, `exposure` and `logs` is called from one thread; those four
    from any. World trouble is raised as `PlatformError`, a canary that does not come up as
    `CanaryNotReady`. Each call is bounded in time by the platform itself.
    """

    supports: frozenset[str]  # the kinds of steps it can walk
    # Of "image" (sets one), "resume" (a rollout outlives the run), "undo" (a promotion can be
    # taken back), "analysis" (its controller measures too) and "identical" (it can try itself).
    abilities: frozenset[str]

    def begin(self, plan: Plan, on_incident: Callable[[Incident], None]) -> Facts:
        """
        Take the rollout over, with all traffic on the stable version.

        Afterwards `Facts.reach` serves the edge and the stable version; the canary need not run
        yet. *on_incident* is called from the platform's own threads.
        """

    def open(self, step: Step) -> Facts:
        """
        Bring *step* in force: pods ready, the router answering by its weight.

        Returns the facts, the canary's own name among them: once it runs, the two versions are
        told apart, or `Inconclusive` is raised before any user meets it.
        """

    def abort(self) -> None:
        """
        Try once to send all traffic back to the stable version.

        Returns once the order is taken. Idempotent, in any state, from any thread, also while
        another call hangs.
        """

    def promote(self) -> None:
        """
        Make the canary the stable version: all traffic, the other one gone.

        Where `plan.may_undo`, the other one stays: see `Undoer`.
        """

    def state(self) -> State:
        """Return what is in force now."""

    def exposure(self) -> Exposure | None:
        """Return what users' requests met so far; None where the router does not count."""

    def gauges(self) -> Mapping[str, float]:
        """Return the canary's `cpu` and `memory` as shares of its limits, what is known of them."""

    def logs(self, version: Version) -> str:
        """Return the last lines that *version* logged, at most 100; empty when there are none."""

    def close(self) -> None:
        """End whatever this run started. Never raises; safe to call twice and before `begin`."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the platform's controller measures by itself, as it stands."""

    finding: Finding
    news: tuple[Mapping[str, Any], ...]  # measurements and verdicts not told before; plain data


class Analyst(Protocol):
    """What a platform with the ability "analysis" can do besides."""

    def analyses(self) -> Sequence[Analysis]:
        """Return how each analysis stands; may be called from any thread."""


class Witness(Protocol):
    """What a platform may do besides, to explain an abort."""

    def evidence(self) -> Mapping[str, str]:
        """
        Return what may explain it, by name: objects, events, logs of pods that are gone.

        Called from a thread of its own once the order to go back was sent, while the canary may
        still be there. It is not waited for longer than five seconds. Secrets are taken out later.
        """


class Leaver(Protocol):
    """What a platform with the ability "resume" can do besides."""

    def leave(self, step: Step) -> None:
        """
        Let the rollout stay at *step*, the open one, paused, when this run is over.

        Another run may go on from there; until then nobody aborts it.
        """


class Undoer(Protocol):
    """
    What a platform with the ability "undo" can do besides, where `plan.may_undo`.

    Then `promote` keeps the previous revision up, and `open` is called after it with the step that
    `is_promoted`. Until `retire`, "stable" is still the previous revision's name, in `Facts` and
    `State` too, and `abort` goes back to it: from a promotion that hangs or failed halfway as well.
    """

    def retire(self) -> None:
        """
        Let the previous revision go; after this an abort does nothing.

        Called once, when no abort can come any more. What goes wrong is told, and ends nothing.
        """


class ImageTaker(Protocol):
    """What a platform with the ability "image" can do besides."""

    def use_image(self, container: str, image: str) -> None:
        """Let `begin` give *container* the *image*, and thereby start a rollout."""


class Twin(Protocol):
    """What a platform with the ability "identical" can do besides."""

    def use_identical(self) -> None:
        """Let the canary be the same build as the stable version, told apart all the same."""


class Clock(Protocol):
    """Time, passed in."""

    def now(self) -> float:
        """Return seconds that never jump, for differences."""

    def time(self) -> float:
        """Return seconds since the epoch, for people."""

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Wait on *condition*, which the caller holds, until it is notified or *seconds* passed."""
