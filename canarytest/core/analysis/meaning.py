"""What an analysis that canarytest runs means for the open step."""

from __future__ import annotations

from canarytest.core.analysis.assessment import Assessment
from canarytest.core.analysis.measurement import Phase, Progress
from canarytest.core.analysis.metric import Metric
from canarytest.core.finding import Finding, Zone

STEP, BACKGROUND = "step", "background"  # what an analysis is to the rollout
_ENDED = {
    Phase.SUCCESSFUL: Zone.NORMAL,
    Phase.FAILED: Zone.ROLL_BACK,
    Phase.ERROR: Zone.UNTRUSTED,  # nobody could look: that is not the canary's fault
    Phase.INCONCLUSIVE: Zone.UNTRUSTED,
}


def finding_of(name: str, part: str, at: Assessment, *, is_last_step: bool) -> Finding:
    """
    Say how the analysis *name* stands; *part* is `STEP` or `BACKGROUND`.

    A step's is waited for, one in the background is shown while it runs, but nothing is promoted
    by one that has measured nothing: Argo calls it successful. Where all its metrics are dry runs
    it decides nothing, as it says.
    """
    metric = f"analysis {name}"
    words = ": ".join(filter(None, (at.phase, at.message)))
    sentence = f"{metric} ({part}): {words}{_measured(at)}"
    if all(each.is_dry_run for each in at.run.metrics) and at.phase is not Phase.RUNNING:
        return Finding(metric, Zone.SHOWN, f"{sentence}: dry runs decide nothing", at.measured)
    if at.phase.is_completed:
        zone = _ENDED[at.phase]
        if zone is Zone.NORMAL and not at.measured:
            zone, sentence = Zone.UNTRUSTED, f"{sentence}: nothing was measured"
    elif part == STEP:
        zone = Zone.UNDER_WAY
    elif is_last_step and not at.measured:
        zone, sentence = Zone.TOO_LITTLE, f"{sentence}: nothing was measured yet"
    else:
        zone = Zone.SHOWN
    return Finding(metric, zone, sentence, at.measured)


def _measured(at: Assessment) -> str:
    told = [
        f"{metric.name}: {_counts(progress)}{_wanted(metric) if progress.phase.is_bad else ''}"
        for metric, progress in zip(at.run.metrics, at.run.progress, strict=True)
        if progress.last is not None
    ]
    return f" ({'; '.join(told)})" if told else ""


def _wanted(metric: Metric) -> str:
    """Return what would have been good or bad: whoever is paged has not the template at hand."""
    success = f", successful if {metric.success.text}" if metric.success else ""
    return success + (f", failed if {metric.failure.text}" if metric.failure else "")


def _counts(progress: Progress) -> str:
    counts = {
        Phase.SUCCESSFUL: progress.successful,
        Phase.FAILED: progress.failed,
        Phase.INCONCLUSIVE: progress.inconclusive,
        Phase.ERROR: progress.error,
    }
    said = ", ".join(f"{count} {phase}" for phase, count in counts.items() if count)
    value = progress.last.value if progress.last else ""
    return f"{said}, the last {value}" if value else said
