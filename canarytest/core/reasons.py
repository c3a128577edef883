"""Why a rollout was aborted, and the exit status that says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

EXIT_PROMOTED = 0
EXIT_NOT_PROVEN = 11


class Cause(StrEnum):
    """What kind of reason ended a rollout."""

    TEST = "a test failed"
    BREACH = "a metric is over its band"
    NOT_READY = "the canary did not become ready"
    RESTARTED = "the canary restarted"
    CONDEMNED = "the platform found the canary bad"
    INCONCLUSIVE = "too little could be seen"
    WORLD = "the world failed"
    INTERRUPTED = "the run was interrupted"
    INTERNAL = "canarytest or pytest failed"
    DRILL = "a drill"
    NOT_APPROVED = "nobody approved"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a rollout was aborted."""

    cause: Cause
    sentence: str
    step: str | None  # the label of the open step; None before the first

    def __str__(self) -> str:
        """Return it as tests that do not run any more are told."""
        where = f"aborted at {self.step}" if self.step else "aborted before the first step"
        return f"{where}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    outcome: str  # promoted | paused | aborted | inconclusive | error
    exit_status: int
    reason: str


_OUTCOMES = {
    Cause.TEST: ("aborted", 1),
    Cause.BREACH: ("aborted", 1),
    Cause.NOT_READY: ("aborted", 1),
    Cause.RESTARTED: ("aborted", 1),
    Cause.CONDEMNED: ("aborted", 1),
    Cause.INCONCLUSIVE: ("inconclusive", 10),
    Cause.WORLD: ("error", 12),
    Cause.INTERRUPTED: ("error", 2),
    Cause.INTERNAL: ("error", 3),
    Cause.DRILL: ("aborted", 0),
    Cause.NOT_APPROVED: ("inconclusive", 10),
}


def left_at(label: str) -> Outcome:
    """Return how a run ended that left the rollout paused at the step *label*, as asked."""
    sentence = f"left paused at {label}, as --canary-until asks; --canary-resume goes on from there"
    return Outcome("paused", EXIT_PROMOTED, sentence)


def outcome_of(reason: Reason | None, *, proven: bool) -> Outcome:
    """Return how a run ended that was aborted for *reason*, or promoted if there is none."""
    if reason is None:
        return Outcome("promoted", EXIT_PROMOTED, "every step was successful")
    outcome, exit_status = _OUTCOMES[reason.cause]
    if proven:
        return Outcome(outcome, exit_status, reason.sentence)
    sentence = f"THE ROLLBACK IS NOT PROVEN, somebody must look now. Aborted: {reason.sentence}"
    return Outcome("error", EXIT_NOT_PROVEN, sentence)
