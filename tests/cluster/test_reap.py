"""What a run leaves that was killed outright, and who sends it back."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from canarytest.platforms.argo import watch
from canarytest.platforms.argo.lease import LASTS_S
from canarytest.platforms.argo.view import rollout_view
from tests.cluster import in_pod
from tests.cluster.kubectl import Kubectl
from tests.cluster.moments import at_ten_percent, in_the_dark
from tests.cluster.stage import DEPLOY, Beside, Stage, good_image

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(240)]
QUICK = ("-k", "login")
LEASE = "canarytest-was"


def read_lease(stage: Stage) -> Any:
    return stage.api.get(f"{watch.leases(stage.namespace)}/{LEASE}")


def grow_old(stage: Stage) -> None:
    """Let the Lease have been renewed longer ago than it lasts."""
    lease = read_lease(stage)
    before = datetime.now(UTC) - timedelta(seconds=LASTS_S + 1)
    lease["spec"]["renewTime"] = before.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    stage.api.replace(f"{watch.leases(stage.namespace)}/{LEASE}", lease)


def reap(stage: Stage, *options: str) -> str:
    command = [sys.executable, "-m", "canarytest", "reap", "--context", "staging"]
    environ = {**os.environ, "KUBECONFIG": str(stage.kubeconfig_of("canarytest-reap"))}
    ran = subprocess.run(
        [*command, "--namespace", stage.namespace, *options],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def killed(stage: Stage) -> None:
    """Leave behind what a run leaves that is killed at 10 %."""
    stage.rest()
    running = stage.start(good_image(stage), *QUICK)
    with Beside(stage, at_ten_percent, lambda _: running.send_signal(signal.SIGKILL)) as beside:
        running.communicate()
    assert beside.is_done


def test_what_a_killed_run_left_is_reaped(behind_traefik: Stage) -> None:
    behind_traefik.allow_reaping(DEPLOY / "reap.yaml")
    killed(behind_traefik)
    alive = reap(behind_traefik)  # it may yet be renewed
    exposed = rollout_view(behind_traefik.read())
    grow_old(behind_traefik)
    dry = reap(behind_traefik, "--dry-run")
    after_dry = rollout_view(behind_traefik.read())
    done = reap(behind_traefik)
    behind_traefik.wait_for(lambda view: view.weight == 0)
    view = rollout_view(behind_traefik.read())

    assert alive == ""
    assert exposed.weight == 10
    assert "/was: would be aborted: driven by" in dry
    assert not after_dry.is_aborted
    assert "/was: aborted: driven by" in done
    assert (view.is_aborted, view.is_held, view.weight) == (True, False, 0)
    assert reap(behind_traefik) == ""
    assert not read_lease(behind_traefik)["spec"].get("holderIdentity")


def test_what_somebody_else_began_is_not_reaped(behind_traefik: Stage) -> None:
    behind_traefik.allow_reaping(DEPLOY / "reap.yaml")
    killed(behind_traefik)
    where = "/spec/template/spec/containers/0/image"
    behind_traefik.patch([{"op": "replace", "path": where, "value": "local/petclinic:v103-slow"}])
    behind_traefik.patch([{"op": "remove", "path": "/spec/paused"}])
    behind_traefik.wait_for(in_the_dark)
    grow_old(behind_traefik)
    done = reap(behind_traefik)

    assert "left alone: what is under way was not begun by that run" in done
    assert not rollout_view(behind_traefik.read()).is_aborted
    behind_traefik.rest()


@pytest.mark.nightly
def test_a_pod_reaps_by_the_cron_job(behind_traefik: Stage) -> None:
    in_pod.make_image()
    killed(behind_traefik)
    cluster = Kubectl(behind_traefik.namespace)
    cluster("apply", "-f", "-", given=in_pod.manifest(DEPLOY / "reap.yaml", behind_traefik))
    grow_old(behind_traefik)
    cluster("create", "job", "now", "--from=cronjob/canarytest-reap")
    cluster("wait", "--for=condition=complete", "job/now", "--timeout=90s")
    said = cluster("logs", "job/now")
    behind_traefik.wait_for(lambda view: view.weight == 0)
    view = rollout_view(behind_traefik.read())

    assert f"{behind_traefik.namespace}/was: aborted: driven by" in said
    assert (view.is_aborted, view.is_held, view.weight) == (True, False, 0)
    assert not read_lease(behind_traefik)["spec"].get("holderIdentity")
