"""What explains an abort, read on a real cluster while the canary's pods live."""

import pytest

from canarytest.platforms.argo import watch
from canarytest.platforms.argo.logs import Logs
from canarytest.platforms.argo.view import pod_view, rollout_view
from canarytest.platforms.argo.witness import Witness
from tests.cluster.stage import Beside, Stage, image

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_crash_at_start_is_explained(behind_traefik: Stage) -> None:
    told: dict[str, str] = {}

    def collect(stage: Stage) -> None:
        pods = stage.api.get(watch.pods(stage.namespace))["items"]
        witness = Witness(stage.api, stage.namespace, "was", Logs(stage.api, stage.namespace))
        canary = rollout_view(stage.read()).canary
        told.update(witness.tell(canary, map(pod_view, pods), is_analysed=True))

    behind_traefik.rest()
    with Beside(behind_traefik, lambda view: view.is_aborted, collect):
        ran = behind_traefik.run(image("v103-crash"))
    logs = [text for name, text in told.items() if name.startswith("log of was-")]

    assert ran.status == 1, ran.output
    assert any("cannot start" in text for text in logs), told
    assert "RolloutAborted" in told["events"]
    assert "exitCode: 3" in told["pods"]
    assert "abort: true" in told["rollout"]
