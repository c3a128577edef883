"""From a result to a phase, and what a metric remembers of its measurements."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from canarytest.core.analysis.metric import Metric
from canarytest.core.expressions import EvaluationError, Expression, Value, evaluate


class Phase(StrEnum):
    """Argo's phases, from the best to the worst."""

    SUCCESSFUL = "Successful"
    RUNNING = "Running"
    PENDING = "Pending"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"
    FAILED = "Failed"

    @property
    def is_completed(self) -> bool:
        return self not in (Phase.RUNNING, Phase.PENDING)

    @property
    def is_bad(self) -> bool:
        """Whether it ends the run that it is seen in."""
        return self in (Phase.INCONCLUSIVE, Phase.ERROR, Phase.FAILED)

    def is_worse_than(self, other: Phase) -> bool:
        order = list(Phase)
        return order.index(self) > order.index(other)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One look at a metric. Times are seconds of whatever clock the caller has."""

    phase: Phase
    started_at_s: float
    finished_at_s: float | None = None  # None: it is under way
    resume_at_s: float | None = None  # when to look after one that is under way
    value: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a metric stands: its phase as last assessed, and what it has counted."""

    phase: Phase = Phase.PENDING
    message: str = ""
    last: Measurement | None = None
    count: int = 0  # an error is no count
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0
    consecutive_error: int = 0
    consecutive_success: int = 0

    def with_measurement(self, measurement: Measurement) -> Progress:
        """Return what is known after *measurement*, which takes the place of one under way."""
        started = replace(
            self,
            last=measurement,
            phase=Phase.RUNNING if self.phase is Phase.PENDING else self.phase,
        )
        if measurement.finished_at_s is None:
            return started
        return _counted(started, measurement.phase)


def _counted(progress: Progress, phase: Phase) -> Progress:
    if phase is Phase.ERROR:
        return replace(
            progress,
            error=progress.error + 1,
            consecutive_error=progress.consecutive_error + 1,
            consecutive_success=0,
        )
    is_success = phase is Phase.SUCCESSFUL
    return replace(
        progress,
        count=progress.count + 1,
        successful=progress.successful + is_success,
        failed=progress.failed + (phase is Phase.FAILED),
        inconclusive=progress.inconclusive + (phase is Phase.INCONCLUSIVE),
        consecutive_error=0,
        consecutive_success=progress.consecutive_success + 1 if is_success else 0,
    )


def measured_phase(metric: Metric, result: Value) -> tuple[Phase, str]:
    """
    Say what *result* is worth, and why where it is an error.

    A failure condition that is met wins. With one condition its contrary is the other; with both
    and neither met it is inconclusive; with none everything is a success.
    """
    try:
        is_success = _holds("successCondition", metric.success, result)
        is_failure = _holds("failureCondition", metric.failure, result)
    except EvaluationError as error:
        return Phase.ERROR, str(error)
    if is_failure or (is_failure is None and is_success is False):
        return Phase.FAILED, ""
    if is_success is False:
        return Phase.INCONCLUSIVE, ""
    return Phase.SUCCESSFUL, ""


def _holds(key: str, condition: Expression | None, result: Value) -> bool | None:
    if condition is None:
        return None
    try:
        return evaluate(condition, result)
    except EvaluationError as error:
        is_nothing = result is None or (isinstance(result, list | tuple) and not result)
        said = (
            "metric result is nil or empty: no data returned from the metric provider"
            if is_nothing
            else error
        )
        raise EvaluationError(f'could not evaluate {key} "{condition.text}": {said}') from None
