"""Runs that stop on purpose, go on later, ask a person, or have nothing to go back to."""

import os
import pty
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from canarytest.core.stretch import LEFT, left_of
from canarytest.platforms.argo.api import Api
from canarytest.platforms.argo.view import rollout_view
from tests.cluster import stage as stages
from tests.cluster.stage import (
    SUITE,
    Object,
    Stage,
    assert_proven_back,
    good_image,
    image,
)

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(240)]
QUICK = ("-k", "login")


def test_a_rollout_is_left_paused_and_gone_on_with(behind_traefik: Stage) -> None:
    left = behind_traefik.run(good_image(behind_traefik), "--canary-until=10", *QUICK)
    between = behind_traefik.read()
    view = rollout_view(between)
    attached = behind_traefik.run(*QUICK)
    resumed = behind_traefik.run("--canary-resume", *QUICK)
    after = behind_traefik.read()

    assert (left.status, left.summary["outcome"]) == (0, "paused"), left.output
    assert left.steps == ["dark", "10%"]
    assert "--canary-resume goes on from 10%" in left.output
    assert (view.is_held, view.weight, view.is_aborted) == (True, 10, False)
    assert (found := left_of(between)) is not None
    assert (found.run, found.label) == (left.summary["run_id"], "10%")
    assert attached.status == 12, attached.output
    assert "go on by --canary-resume" in attached.summary["reason"]
    assert resumed.status == 0, resumed.output
    assert resumed.steps == ["10%", "30%", "50%"]
    assert resumed.summary["outcome"] == "promoted"
    assert LEFT not in after["metadata"]["annotations"]
    assert not rollout_view(after).is_held


def test_a_rollout_is_left_in_the_dark_and_aborted_later(behind_traefik: Stage) -> None:
    left = behind_traefik.run(image("v103-slow"), "--canary-until=0", *QUICK)
    resumed = behind_traefik.run("--canary-resume")

    assert left.status == 0, left.output
    assert resumed.status == 1, resumed.output
    assert resumed.steps == ["dark", "10%"]
    assert_proven_back(resumed, behind_traefik)


def test_what_cannot_be_resumed_is_refused(behind_traefik: Stage) -> None:
    nothing = behind_traefik.end_early("--canary-resume")
    left = behind_traefik.run(good_image(behind_traefik), "--canary-until=0", *QUICK)
    behind_traefik.patch([{"op": "add", "path": "/status/abort", "value": True}], "/status")
    aborted = behind_traefik.end_early("--canary-resume")
    behind_traefik.rest()

    assert nothing[0] == 4
    assert "there is nothing to resume" in nothing[1]
    assert left.status == 0, left.output
    assert aborted[0] == 4
    assert "but it was aborted since" in aborted[1]


def test_a_drill_goes_back_on_purpose(behind_traefik: Stage) -> None:
    ran = behind_traefik.run(good_image(behind_traefik), "--canary-drill=10", *QUICK)

    assert ran.status == 0, ran.output
    assert ran.steps == ["dark", "10%"]
    assert_proven_back(ran, behind_traefik)


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 10)])
def test_a_person_is_asked_at_an_indefinite_pause_and_before_the_promotion(
    behind_traefik: Stage, answer: str, status: int
) -> None:
    ours, theirs = pty.openpty()
    running = behind_traefik.start(
        good_image(behind_traefik), "--canary-approve=ask", *QUICK, stdin=theirs
    )
    os.write(ours, f"{answer}\n{answer}\n".encode())  # each is read when it is asked
    ran = behind_traefik.end(running)
    os.close(theirs)
    os.close(ours)

    assert ran.status == status, ran.output
    assert "Step dark was successful. Go on? [y/N]" in ran.output
    assert ran.output.count("Go on? [y/N]") == (2 if status == 0 else 1)


FIRST = """
edge = "{edge}"
identity = {{ path = "/petclinic/actuator/info", json = "version" }}
allow = ["no-traffic-routing"]
timeouts.ready = "20s"
"""
SMOKE = 'on_first_deploy = "smoke"\n'


@pytest.fixture
def first(api: Api, images: None, kubeconfig: Object, tmp_path: Path) -> Iterator[Stage]:
    """A Rollout that was never there before, just applied."""
    name = f"canarytest-{secrets.token_hex(3)}"
    made = Stage(api, kubeconfig, name, tmp_path)
    yield made
    made.remove()


def deploy(stage: Stage, tag: str) -> None:
    steps: list[Object] = [{"setWeight": 10}, {"pause": {"duration": "2s"}}]
    made = stages.rollout(steps, has_router=False)
    made["spec"]["template"]["spec"]["containers"][0]["image"] = f"local/petclinic:{tag}"
    stage.build(made, stages.service(), is_healthy=False)
    while not rollout_view(stage.read()).canary:
        time.sleep(0.05)


def run_first(stage: Stage, more: str = "") -> stages.Ran:
    stage.write_project(FIRST.format(edge=stage.service_url("was")) + more, SUITE)
    return stage.run()


def test_a_first_deploy_is_refused_unless_it_is_wanted(first: Stage) -> None:
    deploy(first, "v100")
    ran = run_first(first)

    assert ran.status == 12, ran.output
    assert "is deployed for the first time" in ran.summary["reason"]


def test_a_first_deploy_is_smoked(first: Stage) -> None:
    deploy(first, "v100")
    ran = run_first(first, SMOKE)

    assert ran.status == 0, ran.output
    assert ran.steps == ["first"]
    assert "2 passed, 1 skipped" in ran.output  # the one that asks the stable version


@pytest.mark.parametrize(
    ("tag", "reason"),
    [("v103-login", "test_login failed"), ("v103-crash", "exit 3; last log line")],
)
def test_a_first_deploy_that_is_bad_is_told(first: Stage, tag: str, reason: str) -> None:
    deploy(first, tag)
    ran = run_first(first, SMOKE)

    assert ran.status == 1, ran.output
    assert reason in ran.summary["reason"]
    assert ran.summary["rollback"] is None
