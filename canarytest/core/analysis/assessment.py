"""From measurements to the phase of a metric, and from metrics to the phase of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from canarytest.core.analysis.measurement import Measurement, Phase, Progress
from canarytest.core.analysis.metric import Metric


@dataclass(frozen=True, slots=True)
class Run:
    """The metrics that are measured together, and how each stands."""

    metrics: tuple[Metric, ...]
    progress: tuple[Progress, ...]  # of each metric, in its place
    started_at_s: float | None = None
    is_stopped: bool = False  # it was told to end: the step is over, or the rollout

    @classmethod
    def of(cls, metrics: Sequence[Metric], started_at_s: float | None) -> Run:
        """Begin a run in which nothing has been measured yet."""
        return cls(tuple(metrics), tuple(Progress() for _ in metrics), started_at_s)

    @property
    def is_terminating(self) -> bool:
        """Whether nothing new is measured: it was told to end, or one metric has ended badly."""
        return self.is_stopped or any(
            progress.phase.is_bad and not metric.is_dry_run
            for metric, progress in zip(self.metrics, self.progress, strict=True)
        )

    def with_measurement(self, name: str, measurement: Measurement) -> Run:
        """Return the run after *measurement* of the metric *name*."""
        return replace(
            self,
            progress=tuple(
                progress.with_measurement(measurement) if metric.name == name else progress
                for metric, progress in zip(self.metrics, self.progress, strict=True)
            ),
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """How many metrics there are, and how many have ended how."""

    count: int = 0
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0


@dataclass(frozen=True, slots=True)
class Assessment:
    """How a run stands."""

    run: Run  # each metric with its phase
    phase: Phase
    message: str
    summary: Summary
    dry_run_summary: Summary
    measured: int  # results that the phase rests on: errors and dry runs are none


def assess(run: Run) -> Assessment:
    """Say how *run* stands: running until each metric has ended, then as bad as the worst."""
    assessed = tuple(
        _assessed(metric, progress, is_terminating=run.is_terminating)
        for metric, progress in zip(run.metrics, run.progress, strict=True)
    )
    pairs = list(zip(run.metrics, assessed, strict=True))
    deciding = [(metric, progress) for metric, progress in pairs if not metric.is_dry_run]
    worst, message = _worst(deciding, "Run Terminated" if run.is_stopped else "")
    if worst is None and any(progress.phase.is_completed for progress in assessed):
        worst = Phase.SUCCESSFUL  # nothing but dry runs have ended: they decide nothing
    is_complete = all(progress.phase.is_completed for progress in assessed)
    if run.is_terminating:
        worst = worst or Phase.SUCCESSFUL
    elif not is_complete or worst is None:
        worst, message = Phase.RUNNING, ""
    return Assessment(
        run=replace(run, progress=assessed),
        phase=worst,
        message=message,
        summary=_summary([progress for _, progress in deciding]),
        dry_run_summary=_summary([progress for metric, progress in pairs if metric.is_dry_run]),
        measured=sum(progress.count for _, progress in deciding),
    )


def metric_phase(metric: Metric, progress: Progress, *, is_terminating: bool) -> Phase:
    """Say how a metric stands; a phase that ends it stays."""
    if progress.phase.is_completed:
        return progress.phase
    if progress.last is None:
        return Phase.SUCCESSFUL if is_terminating else Phase.PENDING
    if not progress.last.phase.is_completed:
        return Phase.RUNNING
    broken = limit_broken(metric, progress)
    ended = broken[0] if broken else _ended(metric, progress)
    if ended is not None:
        return ended
    return Phase.SUCCESSFUL if is_terminating else Phase.RUNNING


def _ended(metric: Metric, progress: Progress) -> Phase | None:
    """Return how a metric ends that broke no limit; None: it has not been measured enough."""
    wanted, count = metric.consecutive_success_limit, metric.effective_count
    if 0 < wanted <= progress.consecutive_success:
        return Phase.SUCCESSFUL
    if count is None or progress.count < count:
        return None
    if wanted <= 0:
        return Phase.SUCCESSFUL
    return Phase.INCONCLUSIVE if metric.failure_limit >= 0 else Phase.FAILED


def limit_broken(metric: Metric, progress: Progress) -> tuple[Phase, str] | None:
    """Return the phase and the reason where more was seen than is borne; of several, the last."""
    rules = (
        (Phase.FAILED, "failed", progress.failed, "failureLimit", metric.failure_limit),
        (
            Phase.INCONCLUSIVE, "inconclusive", progress.inconclusive,
            "inconclusiveLimit", metric.inconclusive_limit,
        ),
        (
            Phase.ERROR, "consecutiveErrors", progress.consecutive_error,
            "consecutiveErrorLimit", metric.consecutive_error_limit,
        ),
    )  # fmt: skip
    broken = None
    for phase, what, seen, limit, borne in rules:
        if 0 <= borne < seen:  # -1: any number is borne
            broken = phase, f"{what} ({seen}) > {limit} ({borne})"
    return broken


def _assessed(metric: Metric, progress: Progress, *, is_terminating: bool) -> Progress:
    if progress.last is None:
        return progress  # not begun: a delay, or the run ended before
    phase = metric_phase(metric, progress, is_terminating=is_terminating)
    if phase is progress.phase:
        return progress
    return replace(progress, phase=phase, message=progress.last.message)


def _worst(pairs: Sequence[tuple[Metric, Progress]], message: str) -> tuple[Phase | None, str]:
    worst: Phase | None = None
    for metric, progress in pairs:
        phase = progress.phase
        if not phase.is_completed or (worst and not phase.is_worse_than(worst)):
            continue
        worst, broken = phase, limit_broken(metric, progress)
        if broken:
            message = f'Metric "{metric.name}" assessed {phase} due to {broken[1]}'
            if progress.message:
                message += f': "Error Message: {progress.message}"'
    return worst, message


def _summary(all_progress: Sequence[Progress]) -> Summary:
    ended = [progress.phase for progress in all_progress]
    return Summary(
        count=len(ended),
        successful=ended.count(Phase.SUCCESSFUL),
        failed=ended.count(Phase.FAILED),
        inconclusive=ended.count(Phase.INCONCLUSIVE),
        error=ended.count(Phase.ERROR),
    )
