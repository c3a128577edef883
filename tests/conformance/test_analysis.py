"""Analyses: what Argo's own tests expect of metrics, of runs, and of what is measured next."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from canarytest.core.analysis import (
    Assessment,
    Measurement,
    Phase,
    Progress,
    Run,
    assess,
    due,
    metric_phase,
    next_at_s,
    read_metric,
    validate,
)
from canarytest.core.errors import ConfigError
from tests.conformance.cases import MISSING, cases

CASES = cases("analysis")
pytestmark = pytest.mark.skipif(not CASES, reason=MISSING)

# Argo measures nothing of these, and says so in its log; here they are refused before the run.
REFUSED = {
    "analysis-067": "no provider specified",
    "analysis-110": "invalid initialDelay string: 'invalid-start-delay'",
    "analysis-117": "invalid initialDelay string: 'not-valid-start-delay'",
}
# Argo's own message names a field that there is not.
RENAMED = {"invalid startDelay string": "invalid initialDelay string"}
# Argo's test marks this metric as successful though its measurement has failed.
MARKED = {("analysis-076", "success-metric"): Phase.SUCCESSFUL}


def of_kind(*kinds: str) -> list[Any]:
    return [
        pytest.param(case, id=case["id"])
        for case in CASES
        if case["kind"] in kinds and case["id"] not in REFUSED
    ]


def measurement(phase: str, message: str = "") -> Measurement:
    is_under_way = phase in ("Running", "Pending")
    return Measurement(Phase(phase), 0.0, None if is_under_way else 0.0, message=message)


def progress_after(phases: list[str], message: str = "") -> Progress:
    progress = Progress()
    for phase in phases:
        progress = progress.with_measurement(measurement(phase, message))
    return progress


@pytest.mark.parametrize("case", of_kind("metric"))
def test_a_metric_ends_as_in_argo(case: dict[str, Any]) -> None:
    progress = progress_after(case["measurements"])

    phase = metric_phase(read_metric(case["metric"]), progress, is_terminating=case["terminating"])

    assert phase == case["expected_metric_phase"]


@pytest.mark.parametrize("case", of_kind("metric"))
def test_who_looks_after_each_measurement_stops_where_argo_would(case: dict[str, Any]) -> None:
    metric, progress, decided_at = read_metric(case["metric"]), Progress(), None

    for number, phase in enumerate(case["measurements"], 1):
        progress = progress.with_measurement(measurement(phase))
        now = metric_phase(metric, progress, is_terminating=False)
        if now.is_completed:
            decided_at = number
            break
    progress = progress if decided_at is None else replace(progress, phase=now)
    final = metric_phase(metric, progress, is_terminating=case["terminating"])

    assert (final, decided_at) == (case["sequential_phase"], case.get("decided_at"))


@pytest.mark.parametrize("case", of_kind("run"))
def test_a_run_is_as_bad_as_its_worst_metric(case: dict[str, Any]) -> None:
    assessment = assessed(case)

    assert assessment.phase == case["expected_run_phase"]
    assert assessment.message == case.get("expected_message", assessment.message)
    for given, progress in zip(case["metrics"], assessment.run.progress, strict=True):
        expected = given["expected_metric_phase"]
        assert progress.phase == ("Pending" if expected == "none" else expected)
    summary = case.get("expected_dry_run_summary")
    if summary:
        said = assessment.dry_run_summary
        assert {name: getattr(said, name) for name in summary} == summary


def assessed(case: dict[str, Any]) -> Assessment:
    said = case.get("expected_message", "").partition('"Error Message: ')[2].rstrip('"')
    progress = []
    for given in case["metrics"]:
        after = progress_after(given["measurements"], said)
        marked = MARKED.get((case["id"], given["name"]))
        progress.append(replace(after, phase=marked) if marked else after)
    metrics = [
        replace(
            read_metric({"name": given["name"], **given["metric"]}), is_dry_run=given["dry_run"]
        )
        for given in case["metrics"]
    ]
    return assess(Run(tuple(metrics), tuple(progress), 0.0, is_stopped=case["run_terminated"]))


@pytest.mark.parametrize("case", of_kind("terminating"))
def test_a_bad_metric_ends_the_run(case: dict[str, Any]) -> None:
    run = Run(
        tuple(
            replace(read_metric({"name": name}), is_dry_run=is_dry)
            for name, _, is_dry in case["metrics"]
        ),
        tuple(Progress(phase=Phase(phase)) for _, phase, _ in case["metrics"]),
    )

    assert run.is_terminating is case["expected_terminating"]


def scheduled(case: dict[str, Any]) -> Run:
    metrics, all_progress = [], []
    for given in case["metrics"]:
        metrics.append(read_metric({"name": given["name"], **given["metric"]}))
        progress = Progress()
        for raw in given["measurements"]:
            progress = progress.with_measurement(
                Measurement(**{**raw, "phase": Phase(raw["phase"])})
            )
        marked = given.get("phase")
        all_progress.append(replace(progress, phase=Phase(marked)) if marked else progress)
    return Run(tuple(metrics), tuple(all_progress), case["run_started_at_s"])


@pytest.mark.parametrize("case", of_kind("tasks"))
def test_the_same_metrics_are_due(case: dict[str, Any]) -> None:
    assert list(due(scheduled(case), case["now_s"])) == case["expected_tasks"]


@pytest.mark.parametrize("case", of_kind("next"))
def test_the_next_look_is_at_the_same_time(case: dict[str, Any]) -> None:
    assert next_at_s(scheduled(case), case["now_s"]) == case["expected_next_s"]


@pytest.mark.parametrize("case", of_kind("validate"))
def test_the_same_metrics_are_refused(case: dict[str, Any]) -> None:
    expected = case["expected_error"]

    said = refusal_of(case["metrics"])

    assert (said is None) is (expected is None)
    assert RENAMED.get(expected, expected or "") in (said or "")


def refusal_of(metrics: list[dict[str, Any]]) -> str | None:
    try:
        validate([read_metric(with_provider(raw)) for raw in metrics])
    except ConfigError as error:
        return str(error)
    return None


def with_provider(raw: dict[str, Any]) -> dict[str, Any]:
    names = raw.get("provider", "none").split("+")
    return {**raw, "provider": {name: {} for name in names if name != "none"}}


@pytest.mark.parametrize("name", [name for name in REFUSED if CASES])
def test_what_argo_never_measures_is_refused(name: str) -> None:
    case = next(case for case in CASES if case["id"] == name)

    said = refusal_of([{"name": given["name"], **given["metric"]} for given in case["metrics"]])

    assert said is not None
    assert REFUSED[name] in said


def test_every_analysis_is_accounted_for() -> None:
    kinds = Counter("refused" if case["id"] in REFUSED else case["kind"] for case in CASES)

    assert kinds == {
        "metric": 57, "run": 34, "terminating": 8, "tasks": 12, "next": 8, "validate": 17,
        "refused": 3,
    }  # fmt: skip
    assert kinds.total() == 139
