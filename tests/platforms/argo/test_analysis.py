"""What an AnalysisRun measured, and what it means for the step that waits for it."""

from typing import Any

import pytest

from canarytest.core.finding import Zone
from canarytest.platforms.argo.analysis import Part, analysis_view, finding, verdict


def measurement(phase: str, at: int, value: str = "3") -> dict[str, Any]:
    return {
        "phase": phase,
        "value": value,
        "startedAt": f"2026-01-01T00:00:0{at}Z",
        "finishedAt": f"2026-01-01T00:00:0{at}Z",
    }


def analysed(phase: str, *measurements: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    result = {"name": "errors", "phase": phase, "measurements": list(measurements)}
    return {
        "metadata": {"name": "was-8dd88c859-2-4", **metadata},
        "status": {"phase": phase, "metricResults": [result]},
    }


def test_only_measurements_that_are_over_are_told() -> None:
    under_way = {"phase": "Running", "startedAt": "2026-01-01T00:00:05Z"}
    found = analysis_view(analysed("Running", measurement("Successful", 1), under_way))

    assert [m["metric"] for m in found.measurements] == ["errors"]
    assert found.measurements[0] == {
        "metric": "errors",
        "phase": "Successful",
        "value": "3",
        "message": "",
        "dry_run": False,
        "started": "2026-01-01T00:00:01Z",
        "finished": "2026-01-01T00:00:01Z",
    }
    assert not found.is_over


def test_a_run_that_nobody_has_begun_is_pending() -> None:
    found = analysis_view({"metadata": {"name": "was-1"}})

    assert (found.phase, found.is_over, found.measurements) == ("Pending", False, ())


def test_a_run_knows_whose_it_is() -> None:
    owners = [{"kind": "Experiment", "name": "was-2-1"}]

    assert analysis_view(analysed("Running", ownerReferences=owners)).experiment == "was-2-1"


@pytest.mark.parametrize(
    ("part", "phase", "obeyed", "not_obeyed"),
    [
        (Part.STEP, "Pending", Zone.UNDER_WAY, Zone.UNDER_WAY),
        (Part.STEP, "Running", Zone.UNDER_WAY, Zone.UNDER_WAY),
        (Part.STEP, "Successful", Zone.NORMAL, Zone.NORMAL),
        (Part.STEP, "Failed", Zone.UNDER_WAY, Zone.ROLL_BACK),
        (Part.STEP, "Error", Zone.UNDER_WAY, Zone.UNTRUSTED),
        (Part.STEP, "Inconclusive", Zone.UNDER_WAY, Zone.UNTRUSTED),
        (Part.BACKGROUND, "Running", Zone.SHOWN, Zone.SHOWN),
        (Part.BACKGROUND, "Successful", Zone.NORMAL, Zone.NORMAL),
        (Part.BACKGROUND, "Failed", Zone.UNDER_WAY, Zone.ROLL_BACK),
        (Part.EXPERIMENT, "Running", Zone.SHOWN, Zone.SHOWN),
        (Part.EXPERIMENT, "Failed", Zone.SHOWN, Zone.SHOWN),
    ],
)
def test_what_a_phase_means_for_the_open_step(
    part: Part, phase: str, obeyed: Zone, not_obeyed: Zone
) -> None:
    run = analysis_view(analysed(phase))

    assert finding(run, part, is_obeyed=True).zone is obeyed
    assert finding(run, part, is_obeyed=False).zone is not_obeyed


def test_it_is_said_what_was_measured_how_often() -> None:
    run = analysis_view(analysed("Successful", *(measurement("Successful", i) for i in range(3))))
    found = finding(run, Part.STEP, is_obeyed=True)

    assert found.n == 3
    assert found.sentence == (
        "analysis was-8dd88c859-2-4 (step): Successful (errors: 3 Successful)"
    )
    assert verdict(run, Part.STEP)["phase"] == "Successful"
