"""What is read of an AnalysisRun, and what it means for the step that waits for it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from canarytest.core.finding import Finding, Zone

Object = Mapping[str, Any]


class Part(StrEnum):
    """What an AnalysisRun is to the rollout."""

    STEP = "step"
    BACKGROUND = "background"
    EXPERIMENT = "experiment"


@dataclass(frozen=True, slots=True)
class AnalysisView:
    """An AnalysisRun at one moment."""

    name: str
    experiment: str  # that owns it; empty if the Rollout does
    phase: str
    message: str
    measurements: tuple[Mapping[str, Any], ...]  # in the order of their metrics, then of time

    @property
    def is_over(self) -> bool:
        """Whether its phase is its last one."""
        return self.phase in _ZONES


_ZONES = {
    "Successful": Zone.NORMAL,
    "Failed": Zone.ROLL_BACK,
    "Error": Zone.UNTRUSTED,
    "Inconclusive": Zone.UNTRUSTED,
}


def analysis_view(run: Object) -> AnalysisView:
    """Read *run*."""
    metadata, status = run["metadata"], run.get("status") or {}
    owners = metadata.get("ownerReferences") or ()
    experiments = (o.get("name", "") for o in owners if o.get("kind") == "Experiment")
    return AnalysisView(
        name=metadata["name"],
        experiment=next(experiments, ""),
        phase=status.get("phase") or "Pending",
        message=status.get("message", ""),
        measurements=tuple(_measurements(status)),
    )


def finding(run: AnalysisView, part: Part, *, is_obeyed: bool) -> Finding:
    """
    Return what *run* means for the open step.

    A bad end has the controller abort or pause the rollout: that is the reason in its own words,
    and is waited for unless it had its time (*is_obeyed* is false).
    """
    words = ": ".join(filter(None, (run.phase, run.message))) or "Pending"
    sentence = f"analysis {run.name} ({part}): {words}{_counted(run)}"
    zone = _ZONES.get(run.phase, Zone.UNDER_WAY)
    if part is Part.EXPERIMENT or (part is Part.BACKGROUND and zone is Zone.UNDER_WAY):
        zone = Zone.SHOWN  # the one was walked over, the other does not end by itself
    elif zone in (Zone.ROLL_BACK, Zone.UNTRUSTED) and is_obeyed:
        zone = Zone.UNDER_WAY
    return Finding(f"analysis {run.name}", zone, sentence, n=len(run.measurements))


def verdict(run: AnalysisView, part: Part) -> Mapping[str, Any]:
    """Return how *run* ended, as an event has it."""
    return {"name": run.name, "part": str(part), "phase": run.phase, "message": run.message}


def _counted(run: AnalysisView) -> str:
    counts: dict[str, dict[str, int]] = {}
    for measurement in run.measurements:
        of_metric = counts.setdefault(measurement["metric"], {})
        of_metric[measurement["phase"]] = of_metric.get(measurement["phase"], 0) + 1
    told = [
        f"{metric}: {', '.join(f'{n} {phase}' for phase, n in of_metric.items())}"
        for metric, of_metric in sorted(counts.items())  # the controller's order is any
    ]
    return f" ({'; '.join(told)})" if told else ""


def _measurements(status: Object) -> Iterator[Mapping[str, Any]]:
    for result in status.get("metricResults") or ():
        for measurement in result.get("measurements") or ():
            if not measurement.get("finishedAt"):
                continue  # it is under way
            yield {
                "metric": result.get("name", ""),
                "phase": measurement.get("phase", ""),
                "value": measurement.get("value", ""),
                "message": measurement.get("message", ""),
                "dry_run": bool(result.get("dryRun")),
                "started": measurement.get("startedAt", ""),
                "finished": measurement["finishedAt"],
            }
