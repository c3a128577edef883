"""Rollouts of PetClinic on a real cluster, under the rights of deploy/rbac.yaml."""

import pytest

from canarytest.platforms.argo import orders, watch
from canarytest.platforms.argo.view import rollout_view
from tests.cluster.stage import (
    BY_PROXY,
    SUITE,
    TRAEFIK,
    Beside,
    Object,
    Stage,
    assert_proven_back,
    good_image,
    image,
)

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_good_version_is_promoted(behind_traefik: Stage) -> None:
    ran = behind_traefik.run(good_image(behind_traefik))
    view = rollout_view(behind_traefik.read())

    assert ran.status == 0, ran.output
    assert ran.steps == ["dark", "10%", "30%", "50%"]
    assert view.stable == view.canary
    assert not view.is_held


def test_a_login_bug_is_found_before_a_user_meets_it(behind_traefik: Stage) -> None:
    ran = behind_traefik.run(image("v103-login"))

    assert ran.status == 1, ran.output
    assert ran.steps == ["dark"]
    assert ran.summary["exposure"]["requests"] == 0
    assert "test_login failed" in ran.summary["reason"]
    assert_proven_back(ran, behind_traefik)


def test_what_only_load_can_see_goes_back_at_ten_percent(behind_traefik: Stage) -> None:
    ran = behind_traefik.run(image("v103-slow"))

    assert ran.status == 1, ran.output
    assert ran.steps == ["dark", "10%"]
    assert "latency" in ran.summary["reason"]
    assert_proven_back(ran, behind_traefik)
    assert_flapping_is_told_once(behind_traefik)


def assert_flapping_is_told_once(stage: Stage) -> None:
    """Assert that the canary Service of an abort was seen to be re-pointed, as upstream has it."""
    measured = [event["values"] for event in stage.events("MeasurementTaken")]
    noted = [values["message"] for values in measured if values.get("incident") == "noted"]
    (note,) = [message for message in noted if "#3078" in message]
    assert "times (argoproj/argo-rollouts#3078): users are not concerned" in note


def test_a_crash_at_start_is_told_with_its_last_words(behind_traefik: Stage) -> None:
    ran = behind_traefik.run(image("v103-crash"))

    assert ran.status == 1, ran.output
    assert ran.steps == []
    assert "exit 3; last log line: petclinic: cannot start" in ran.summary["reason"]
    assert_proven_back(ran, behind_traefik)


def test_an_image_that_there_is_not_is_told(behind_traefik: Stage) -> None:
    ran = behind_traefik.run(image("v999"))

    assert ran.status == 1, ran.output
    assert "ErrImagePull" in ran.summary["reason"]
    assert_proven_back(ran, behind_traefik)


def test_a_version_that_is_never_ready_is_told(behind_traefik: Stage) -> None:
    ran = behind_traefik.run(image("v103-never"))

    assert ran.status == 1, ran.output
    assert "was not ready within 20 s" in ran.summary["reason"]
    assert "; Unhealthy: Readiness probe failed" in ran.summary["reason"]
    assert_proven_back(ran, behind_traefik)


def test_a_quota_that_forbids_the_canary_s_pod_is_told_and_not_waited_out(
    behind_traefik: Stage,
) -> None:
    behind_traefik.rest()
    path = f"/api/v1/namespaces/{behind_traefik.namespace}/resourcequotas"
    stable = {"spec": {"hard": {"pods": str(behind_traefik.read()["spec"]["replicas"])}}}
    behind_traefik.api.create(path, {"metadata": {"name": "full"}, **stable})
    try:
        ran = behind_traefik.run(good_image(behind_traefik))
    finally:
        behind_traefik.api.delete(f"{path}/full")

    assert ran.status == 1, ran.output
    assert "can make no pod: FailedCreate: Error creating: pods" in ran.summary["reason"]
    assert "is forbidden: exceeded quota: full" in ran.summary["reason"]
    assert_proven_back(ran, behind_traefik)


def test_a_rollout_that_another_run_drives_is_left_alone(behind_traefik: Stage) -> None:
    path = f"{watch.leases(behind_traefik.namespace)}/canarytest-was"
    before = behind_traefik.api.get(path)
    before["spec"] |= {
        "holderIdentity": "another-run@host",
        "renewTime": "2999-01-01T00:00:00.000000Z",
    }
    held = behind_traefik.api.replace(path, before)
    generation = behind_traefik.read()["metadata"]["generation"]
    ran = behind_traefik.run(good_image(behind_traefik))
    held["spec"] |= {"holderIdentity": None}
    behind_traefik.api.replace(path, held)

    assert ran.status == 12, ran.output
    assert "another-run@host" in ran.summary["reason"]
    assert behind_traefik.read()["metadata"]["generation"] == generation


def give_another_image(stage: Stage) -> None:
    rollout: Object = stage.read()
    order = orders.set_image(
        rollout["metadata"]["generation"], 0, "petclinic", "local/petclinic:v103-slow"
    )
    stage.api.patch(f"{watch.rollouts(stage.namespace)}/was", order)


def test_a_third_revision_is_not_driven(behind_traefik: Stage) -> None:
    with Beside(behind_traefik, lambda view: view.is_held, give_another_image) as beside:
        ran = behind_traefik.run(good_image(behind_traefik))
    view = rollout_view(behind_traefik.read())

    assert beside.is_done
    assert ran.status == 12, ran.output
    assert "another revision" in ran.summary["reason"]
    assert not view.is_aborted
    assert not view.is_held


def test_the_canary_is_reached_by_the_api_server_s_proxy(behind_traefik: Stage) -> None:
    behind_traefik.write_project(BY_PROXY, SUITE)
    good = behind_traefik.run(good_image(behind_traefik))
    bad = behind_traefik.run(image("v103-login"))
    behind_traefik.write_project(TRAEFIK, SUITE)

    assert good.status == 0, good.output
    assert bad.status == 1, bad.output
    assert "test_login failed" in bad.summary["reason"]
    assert_proven_back(bad, behind_traefik)


def test_without_a_router_the_pods_are_the_split(without_router: Stage) -> None:
    ran = without_router.run(image("v101"))

    assert ran.status == 0, ran.output
    assert ran.steps == ["10%"]
    assert "33.3 % of users expected" in ran.output


def test_without_a_router_the_way_back_is_proven_too(without_router: Stage) -> None:
    ran = without_router.run(image("v103-login"))

    assert ran.status == 1, ran.output
    assert ran.summary["rollback"]["proven"], ran.output
