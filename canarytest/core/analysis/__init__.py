"""
Argo's AnalysisTemplates without Argo: what is measured, when, and what comes of it.

A template is read and refused as a whole before anything is measured (`metrics_of`). Then a run of
its metrics goes round: `due` says which to measure now, `measured_phase` what a result is worth,
`Run.with_measurement` writes it down, `assess` says how the run stands, `next_at_s` when to look
again. Nothing here asks a server or a clock: results and times are passed in.

Where Argo counts in favour of a canary that nobody looked at, this does not hide it:
`Assessment.measured` is the number of results that the phase rests on, and 0 of them prove nothing.
"""

from canarytest.core.analysis.assessment import Assessment, Run, Summary, assess, metric_phase
from canarytest.core.analysis.measurement import Measurement, Phase, Progress, measured_phase
from canarytest.core.analysis.metric import Metric, read_metric
from canarytest.core.analysis.schedule import due, next_at_s
from canarytest.core.analysis.template import metrics_of, validate

__all__ = [
    "Assessment",
    "Measurement",
    "Metric",
    "Phase",
    "Progress",
    "Run",
    "Summary",
    "assess",
    "due",
    "measured_phase",
    "metric_phase",
    "metrics_of",
    "next_at_s",
    "read_metric",
    "validate",
]
