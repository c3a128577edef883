"""`kubectl argo rollouts get rollout` and our report say the same, at each step and at the end."""

import contextlib
import math
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import told
from tests.cluster.kubectl import BUILT
from tests.cluster.stage import SUITE, Object, Ran, Stage, good_image, image
from tests.cluster.told import Told

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(240)]
TOLD_SUITE = Path(__file__).parent / "told_suite.py"
BY_PODS: list[Object] = [
    {"setWeight": 10},
    {"pause": {"duration": "1s"}},
    {"setWeight": 50},
    {"pause": {"duration": "1s"}},
]
PROMOTED, ABORTED = "-k=kubectl", "-k=kubectl or thirty"


@pytest.fixture(scope="module")
def plugin() -> str:
    """The kubectl plugin of Argo Rollouts."""
    found = shutil.which("kubectl-argo-rollouts", path=f"{os.environ['PATH']}:{BUILT}")
    if not found:
        pytest.skip("there is no kubectl-argo-rollouts: it comes with Argo Rollouts")
    return found


@contextlib.contextmanager
def told_at_each_step(
    stage: Stage, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """Have the suite ask at each step; the command that it asks by is the value."""
    admin = ["--kubeconfig", os.environ["KUBECONFIG"], "--namespace", stage.namespace]
    command = [plugin, "get", "rollout", "was", "--no-color", *admin]
    monkeypatch.setenv("CANARYTEST_TOLD", shlex.join(command))
    suite = stage.project / "suites" / "test_petclinic.py"
    shutil.copy(TOLD_SUITE, suite)
    try:
        yield command
    finally:
        shutil.copy(SUITE, suite)


def at_the_end(command: list[str]) -> Told:
    return told.read(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def assert_agreed_at_each_step(stage: Stage, kinds: int) -> Object:
    """Assert that at each step kubectl said what our events say; return the images."""
    (started,) = stage.events("RolloutStarted")
    opened = stage.events("StepOpened")
    for event in opened:
        planned = started["steps"][event["step"]]
        said = told.read((stage.project / f"told-{event['step']}.txt").read_text())
        assert said == Told(
            status="Paused",
            step=f"{planned['spec_index']}/{kinds}",
            set_weight=event["weight"],
            actual_weight=math.floor(event["share"] * 100),
            images=started["images"],
            ready={"canary": planned["canary_pods"], "stable": planned["stable_pods"]},
        )
    images: Object = started["images"]
    return images


def assert_agreed_on_the_promotion(stage: Stage, ran: Ran, said: Told) -> None:
    made = stage.read()["spec"]
    kinds = len(made["strategy"]["canary"]["steps"])
    images = assert_agreed_at_each_step(stage, kinds)

    assert (ran.status, ran.summary["outcome"]) == (0, "promoted"), ran.output
    assert said == Told(
        status="Healthy",
        step=f"{kinds}/{kinds}",
        set_weight=100,
        actual_weight=100,
        images={"stable": images["canary"]},
        ready={"stable": made["replicas"]},
    )


def assert_agreed_on_the_abort(stage: Stage, ran: Ran, said: Told) -> None:
    made = stage.read()["spec"]
    kinds = len(made["strategy"]["canary"]["steps"])
    images = assert_agreed_at_each_step(stage, kinds)

    assert (ran.status, ran.summary["outcome"]) == (1, "aborted"), ran.output
    assert ran.summary["rollback"]["proven"]
    assert said == Told(
        status="Degraded",
        step=f"0/{kinds}",
        set_weight=0,
        actual_weight=0,
        images={"stable": images["stable"]},
        ready={"canary": 0, "stable": made["replicas"]},
    )


def test_behind_traefik(
    behind_traefik: Stage, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind_traefik.rest()
    with told_at_each_step(behind_traefik, plugin, monkeypatch) as command:
        ran = behind_traefik.run(good_image(behind_traefik), PROMOTED)
        assert_agreed_on_the_promotion(behind_traefik, ran, at_the_end(command))
        ran = behind_traefik.run(image("v103-slow"), ABORTED)
        assert_agreed_on_the_abort(behind_traefik, ran, at_the_end(command))

    assert ran.steps == ["dark", "10%", "30%"]


def test_without_a_router(
    without_router: Stage, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = without_router.read()["spec"]["strategy"]["canary"]["steps"]
    without_router.plan(BY_PODS)
    with told_at_each_step(without_router, plugin, monkeypatch) as command:
        ran = without_router.run(good_image(without_router), PROMOTED)
        assert_agreed_on_the_promotion(without_router, ran, at_the_end(command))
        ran = without_router.run(image("v103-slow"), ABORTED)
        assert_agreed_on_the_abort(without_router, ran, at_the_end(command))
    without_router.plan(steps)

    assert ran.steps == ["10%", "50%"]
