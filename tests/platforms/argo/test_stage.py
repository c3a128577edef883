"""Where a rollout stands: when a step is in force, and when it is no longer ours."""

from dataclasses import replace
from typing import Any

import pytest

from canarytest.core.plan import plan_of
from canarytest.core.ports import IncidentKind
from canarytest.core.reach import Version
from canarytest.platforms.argo.stage import missing, trespass
from canarytest.platforms.argo.watchman import loss
from tests.platforms.argo import objects
from tests.platforms.argo.objects import CANARY, OURS, TEN_AT, plan, pods, view, weights

KINDS = plan().kinds
AT_TEN = {"currentStepIndex": TEN_AT, "canary": {"weights": weights(10)}}


def test_the_dark_step_is_in_force() -> None:
    assert missing(view(), pods(1, 2), plan().steps[0], plan()) == ""


def test_a_timed_pause_is_in_force_once_it_is_held() -> None:
    ten = plan().steps[1]

    assert missing(view(AT_TEN), pods(1, 2), ten, plan()) == "step 4 is not held"
    assert missing(view(AT_TEN, paused=True), pods(1, 2), ten, plan()) == ""


@pytest.mark.parametrize(
    ("status", "canary", "expected"),
    [
        ({"currentStepIndex": 3}, 1, "the controller is at step 3, not at 4"),
        ({"pauseConditions": None}, 1, "the controller has not begun the pause at step 4"),
        ({"canary": {"weights": weights(0)}}, 1, "the router has the weight 0 instead of 10"),
        ({"canary": {}}, 1, "the router has the weight None instead of 10"),
        (
            {"canary": {"weights": weights(10, verified=False)}},
            1,
            "the router did not take the weight 10",
        ),
        (
            {"currentPodHash": "another"},
            1,
            "the router has the weight 10 instead of 10",
        ),
        ({}, 0, "0 of 1 canary pods are ready"),
    ],
)
def test_what_keeps_ten_percent_from_being_in_force(
    status: dict[str, Any], canary: int, expected: str
) -> None:
    found = view({**AT_TEN, **status}, paused=True)

    assert missing(found, pods(canary, 2), plan().steps[1], plan()) == expected


@pytest.mark.parametrize(
    ("canary", "stable", "expected"),
    [
        (1, 2, ""),
        (1, 1, "1 canary and 1 stable pods are ready instead of 1 and 2"),
        (2, 2, "2 canary and 2 stable pods are ready instead of 1 and 2"),
    ],
)
def test_without_a_router_the_pods_are_the_split(canary: int, stable: int, expected: str) -> None:
    basic = plan(has_router=False)
    found = view({"currentStepIndex": 1, "canary": {}}, paused=True)

    assert missing(found, pods(canary, stable), basic.steps[0], basic) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, ""),
        ({"currentStepIndex": 0}, ""),
        ({"currentPodHash": "third"}, "was given another revision"),
        ({"stableRS": "third"}, "the stable revision changed"),
        ({"currentStepIndex": 2}, "go on from step 1 (pause) to step 2"),
        ({"currentStepIndex": 2, "observedGeneration": "6"}, ""),
    ],
)
def test_what_somebody_else_did(status: dict[str, Any], expected: str) -> None:
    found = trespass(view(status), OURS, KINDS)

    assert expected in found if expected else not found


def test_a_rollout_sent_back_while_a_step_is_open_is_not_ours() -> None:
    at_ten = replace(OURS, floor=TEN_AT, ceiling=TEN_AT)

    assert "sent back from step 4 to step 1" in trespass(view(), at_ten, KINDS)


def test_a_hold_that_somebody_else_ended_is_noticed_before_the_step_is_left() -> None:
    holding = replace(OURS, floor=TEN_AT, ceiling=TEN_AT, is_holding=True)

    assert "set spec.paused to false" in trespass(view(AT_TEN), holding, KINDS)
    assert trespass(view(AT_TEN, paused=True), holding, KINDS) == ""


def test_a_promotion_of_our_own_is_none_of_somebody_else() -> None:
    ours = replace(OURS, ceiling=len(KINDS), is_promoting=True)

    assert trespass(view({"stableRS": CANARY, "currentStepIndex": 5}), ours, KINDS) == ""


ABORTED = "Rollout aborted update to revision 2"
JUDGED = f'{ABORTED}: Metric "errors" assessed Failed due to failed (1) > failureLimit (0)'


@pytest.mark.parametrize(
    ("message", "kind", "version"),
    [
        (ABORTED, IncidentKind.TAKEN_OVER, None),
        ("", IncidentKind.TAKEN_OVER, None),
        (JUDGED, IncidentKind.CONDEMNED, Version.CANARY),
    ],
)
def test_an_abort_that_is_not_ours_is_blamed_on_whoever_gave_it(
    message: str, kind: IncidentKind, version: Version | None
) -> None:
    progressing = {"type": "Progressing", "reason": "RolloutAborted", "message": message}
    incident = loss(
        view({"abort": True, "currentStepIndex": 0, "conditions": [progressing]}), OURS, KINDS
    )

    assert incident is not None
    assert (incident.kind, incident.version) == (kind, version)


def run(phase: str, message: str = "", *, step: int = 1) -> dict[str, Any]:
    return {"name": f"was-{CANARY}-2-{step}", "status": phase, "message": message}


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (
            {"pauseConditions": [{"reason": "InconclusiveAnalysisRun"}]},
            "Argo Rollouts could not judge: InconclusiveAnalysisRun",
        ),
        (
            {
                "pauseConditions": [{"reason": "InconclusiveAnalysisRun"}],
                "canary": {"currentStepAnalysisRunStatus": run("Inconclusive", "why")},
            },
            "Argo Rollouts could not judge: InconclusiveAnalysisRun: why",
        ),
        (
            {
                "abort": True,
                "conditions": [
                    {
                        "type": "Progressing",
                        "reason": "RolloutAborted",
                        "message": f'{ABORTED}: Metric "errors" assessed Error',
                    }
                ],
            },
            f'Argo Rollouts could not judge: {ABORTED}: Metric "errors" assessed Error',
        ),
    ],
)
def test_what_the_controller_could_not_judge_is_not_the_canary_s_fault(
    status: dict[str, Any], message: str
) -> None:
    incident = loss(view(status), OURS, KINDS)

    assert incident is not None
    assert (incident.kind, incident.version) == (IncidentKind.UNJUDGED, None)
    assert incident.message == message


ANALYSED_AT_ONE = [{"setWeight": 10}, {"analysis": {}}, {"setWeight": 20}]
STRATEGY = {"canary": {"steps": ANALYSED_AT_ONE, "trafficRouting": {"smi": {}}}}
ANALYSED = plan_of(objects.rollout(strategy=STRATEGY))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, "the controller has not begun the analysis at step 1"),
        (run("Successful", step=0), "the controller has not begun the analysis at step 1"),
        (run("Running"), ""),
        ({**run("Running"), "name": f"was-{CANARY}-2-1.1"}, ""),
    ],
)
def test_a_step_that_is_analysed_is_in_force_with_its_own_analysis(
    found: dict[str, Any] | None, expected: str
) -> None:
    canary = {"weights": weights(10), "currentStepAnalysisRunStatus": found}
    seen = view({"pauseConditions": None, "canary": canary}, paused=True)

    assert missing(seen, pods(1, 1), ANALYSED.steps[0], ANALYSED) == expected


def test_an_analysis_that_was_over_too_soon_is_nobody_s_trespass() -> None:
    gone = view({"currentStepIndex": 2})

    assert "was over before" in trespass(gone, OURS, ANALYSED.kinds)


@pytest.mark.parametrize("status", [{"stableRS": CANARY}, {"promoteFull": True}])
def test_a_rollout_that_somebody_else_promoted_is_not_ours(status: dict[str, Any]) -> None:
    incident = loss(view(status), OURS, KINDS)

    assert incident is not None
    assert incident.kind is IncidentKind.NOT_OURS
    assert incident.message == "somebody else promoted the rollout in full"
    assert loss(view(status), replace(OURS, is_promoting=True), KINDS) is None


def test_a_revision_that_comes_after_the_promotion_gets_no_order_of_ours() -> None:
    found = view({"stableRS": CANARY, "currentPodHash": "third"})
    incident = loss(found, replace(OURS, is_promoting=True), KINDS)

    assert incident is not None
    assert incident.kind is IncidentKind.NOT_OURS
    assert incident.message == "the Rollout was given another revision after the promotion"


def test_a_rollout_that_is_ours_is_not_lost() -> None:
    assert loss(view(), OURS, KINDS) is None
