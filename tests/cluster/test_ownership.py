"""Somebody else, or nobody: what becomes of a rollout that is not ours, and of one that is left."""

import json
from typing import Any

import pytest

from canarytest.platforms.argo import watch
from canarytest.platforms.argo.view import rollout_view
from tests.cluster import stage as stages
from tests.cluster.moments import at_ten_percent, in_the_dark
from tests.cluster.stage import Beside, Stage, assert_proven_back, good_image

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(240)]
QUICK = ("-k", "login")


def interfered(stage: Stage, act: Any, condition: Any = at_ten_percent) -> stages.Ran:
    stage.rest()
    with Beside(stage, condition, act) as beside:
        ran = stage.run(good_image(stage), *QUICK)
    assert beside.is_done
    return ran


def promote(stage: Stage) -> None:
    stage.patch([{"op": "add", "path": "/status/promoteFull", "value": True}], "/status")
    stage.patch([{"op": "replace", "path": "/spec/paused", "value": False}])


def test_a_rollout_that_somebody_promotes_is_theirs(behind_traefik: Stage) -> None:
    ran = interfered(behind_traefik, promote)
    behind_traefik.wait_healthy(behind_traefik.read())
    view = rollout_view(behind_traefik.read())

    assert ran.status == 12, ran.output
    assert "somebody else promoted" in ran.summary["reason"]
    assert view.stable == view.canary
    assert not view.is_aborted


def abort(stage: Stage) -> None:
    stage.patch([{"op": "add", "path": "/status/abort", "value": True}], "/status")


def test_an_abort_by_somebody_is_reported_and_proven(behind_traefik: Stage) -> None:
    ran = interfered(behind_traefik, abort)

    assert ran.status == 12, ran.output
    assert "somebody else aborted the rollout" in ran.summary["reason"]
    assert_proven_back(ran, behind_traefik)


def pause(stage: Stage) -> None:
    stage.patch([{"op": "add", "path": "/spec/paused", "value": True}])


def test_a_pause_by_somebody_is_not_ended_by_us(behind_traefik: Stage) -> None:
    ran = interfered(behind_traefik, pause, in_the_dark)
    view = rollout_view(behind_traefik.read())
    behind_traefik.patch([{"op": "remove", "path": "/spec/paused"}])

    assert ran.status == 12, ran.output
    assert "somebody else paused the Rollout" in ran.summary["reason"]
    assert view.is_held
    assert_proven_back(ran, behind_traefik)


def heal(stage: Stage) -> None:
    """Do as Argo CD's self-heal does: the manifest has no spec.paused."""
    stage.patch([{"op": "replace", "path": "/spec/paused", "value": False}])


def test_a_hold_that_is_healed_away_is_noticed(behind_traefik: Stage) -> None:
    ran = interfered(behind_traefik, heal)

    assert ran.status == 12, ran.output
    assert "set spec.paused to false" in ran.summary["reason"]
    assert_proven_back(ran, behind_traefik)


def scale(stage: Stage) -> None:
    stage.patch([{"op": "replace", "path": "/spec/replicas", "value": 3}])


def test_a_rollout_behind_a_router_may_be_scaled(behind_traefik: Stage) -> None:
    ran = interfered(behind_traefik, scale)
    taken = behind_traefik.events("MeasurementTaken")
    behind_traefik.patch([{"op": "replace", "path": "/spec/replicas", "value": 2}])
    behind_traefik.wait_healthy(behind_traefik.read())

    assert ran.status == 0, ran.output
    assert [e["values"]["message"] for e in taken if e["values"].get("incident") == "noted"] == [
        "the Rollout was scaled from 2 to 3 replicas"
    ]


def test_a_rollout_that_somebody_deletes_is_gone(behind_traefik: Stage) -> None:
    """The last one: the Rollout is made anew after it."""
    behind_traefik.rest()
    before = behind_traefik.read()
    path = f"{watch.rollouts(behind_traefik.namespace)}/was"
    with Beside(behind_traefik, at_ten_percent, lambda stage: stage.api.delete(path)):
        ran = behind_traefik.run(good_image(behind_traefik), *QUICK)
    again = {key: before[key] for key in ("apiVersion", "kind", "spec")}
    labels = before["metadata"]["labels"]
    behind_traefik.create({**again, "metadata": {"name": "was", "labels": labels}})
    behind_traefik.wait_healthy(before)

    assert ran.status == 12, ran.output
    assert "is gone" in ran.summary["reason"]
    assert json.dumps(ran.summary["rollback"]) == "null"
