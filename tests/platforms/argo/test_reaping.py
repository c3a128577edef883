"""Which rollouts are sent back for a run that died."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from canarytest.core.stretch import LEFT
from canarytest.platforms.argo.lease import DRIVES, SETS, written
from canarytest.platforms.argo.reaping import died, spared
from tests.platforms.argo import objects
from tests.platforms.argo.objects import CANARY

NOW = datetime(2026, 1, 12, 9, 0, tzinfo=UTC)
BLANK: dict[str, Any] = {"metadata": {"name": "canarytest-was", "resourceVersion": "7"}}


def lease(holder: str = "run@host", **marks: str) -> dict[str, Any]:
    return written(BLANK, NOW, holder, marks)


@pytest.mark.parametrize(
    ("holder", "seconds", "expected"),
    [("run@host", 149, False), ("run@host", 151, True), ("", 151, False)],
)
def test_a_holder_that_neither_renewed_nor_gave_back_is_dead(
    holder: str, seconds: int, *, expected: bool
) -> None:
    assert died(lease(holder), NOW + timedelta(seconds=seconds)) is expected


def rollout(annotations: dict[str, str] | None = None, **status: Any) -> dict[str, Any]:
    container = {"name": "petclinic", "image": "petclinic:v101"}
    made = objects.rollout(status, template={"spec": {"containers": [container]}})
    made["metadata"]["annotations"] |= annotations or {}
    return made


@pytest.mark.parametrize(
    ("marks", "annotations", "status", "expected"),
    [
        ({DRIVES: CANARY}, {}, {}, ""),
        ({SETS: "petclinic=petclinic:v101"}, {}, {}, ""),
        ({SETS: "petclinic=petclinic:v102"}, {}, {}, "was not begun by that run"),
        ({DRIVES: "other"}, {}, {}, "was not begun by that run"),
        ({}, {}, {}, "was not begun by that run"),
        ({DRIVES: CANARY}, {}, {"abort": True}, "it is aborted already"),
        ({DRIVES: CANARY}, {}, {"stableRS": CANARY}, "it is not under way"),
        ({DRIVES: CANARY}, {LEFT: "{}"}, {}, "it was left paused, as asked"),
    ],
)
def test_only_what_the_dead_run_began_is_sent_back(
    marks: dict[str, str], annotations: dict[str, str], status: dict[str, Any], expected: str
) -> None:
    why = spared(lease(**marks), rollout(annotations, **status))

    assert expected in why if expected else not why


def test_what_others_wrote_on_a_lease_stays() -> None:
    theirs = {"metadata": {"name": "canarytest-was", "annotations": {"team": "a", DRIVES: "old"}}}

    assert written(theirs, NOW, "run", {})["metadata"]["annotations"] == {"team": "a"}
