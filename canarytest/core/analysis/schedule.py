"""What of a run is measured now, and when to look again."""

from __future__ import annotations

from canarytest.core.analysis.assessment import Run
from canarytest.core.analysis.measurement import Phase, Progress
from canarytest.core.analysis.metric import Metric

RETRY_S = 10.0  # after an error, whatever the interval


def due(run: Run, now_s: float) -> tuple[str, ...]:
    """Return the names of the metrics to measure now; one under way is resumed, or ended."""
    return tuple(
        metric.name
        for metric, progress in zip(run.metrics, run.progress, strict=True)
        if not progress.phase.is_completed and _is_due(run, metric, progress, now_s)
    )


def next_at_s(run: Run, now_s: float) -> float | None:
    """Return when to look again; None: nothing is to be measured any more."""
    times = [
        _next_at_s(run, metric, progress, now_s)
        for metric, progress in zip(run.metrics, run.progress, strict=True)
        if not progress.phase.is_completed
    ]
    return min((time_s for time_s in times if time_s is not None), default=None)


def _is_due(run: Run, metric: Metric, progress: Progress, now_s: float) -> bool:
    last = progress.last
    if last is not None and last.finished_at_s is None:
        return run.is_terminating or last.resume_at_s is None or last.resume_at_s <= now_s
    if run.is_terminating:
        return False
    if last is None:
        return metric.initial_delay_s is None or (
            run.started_at_s is not None and run.started_at_s + metric.initial_delay_s <= now_s
        )
    again_s = _again_at_s(metric, progress)
    return again_s is not None and again_s <= now_s


def _next_at_s(run: Run, metric: Metric, progress: Progress, now_s: float) -> float | None:
    last = progress.last
    if last is not None and last.finished_at_s is None:
        return now_s if run.is_terminating else last.resume_at_s
    if run.is_terminating:
        return None
    if last is not None:
        return _again_at_s(metric, progress)
    started_s = now_s if run.started_at_s is None else run.started_at_s
    return started_s + (metric.initial_delay_s or 0.0)


def _again_at_s(metric: Metric, progress: Progress) -> float | None:
    """Return when a metric that was measured is measured again."""
    last, count = progress.last, metric.effective_count
    if last is None or last.finished_at_s is None:
        return None
    if count is not None and progress.count >= count:
        return None
    if last.phase is Phase.ERROR or metric.interval_s is None:
        return last.finished_at_s + RETRY_S
    return last.finished_at_s + metric.interval_s
