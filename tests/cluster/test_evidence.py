"""What explains an abort, read on a real cluster while the canary's pods live."""

import pytest

from canarytest.platforms.argo import watch
from canarytest.platforms.argo.logs import Logs
from canarytest.platforms.argo.view import RolloutView, pod_view, rollout_view
from canarytest.platforms.argo.witness import Witness
from tests.cluster.stage import EDGE, Beside, Object, Stage, image, rollout

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(240)]
ENDLESS: Object = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "AnalysisTemplate",
    "metadata": {"name": "looks-on"},
    "spec": {
        "metrics": [
            {
                "name": "version",
                "interval": "1s",
                "provider": {
                    "web": {"url": f"{EDGE}/petclinic/actuator/info", "jsonPath": "{$.version}"}
                },
            }
        ]
    },
}


def is_back(view: RolloutView) -> bool:
    """Whether the controller has obeyed, too: it tells of it by an event."""
    return view.is_aborted and view.phase == "Degraded"


def test_a_crash_at_start_is_explained(behind_traefik: Stage) -> None:
    told: dict[str, str] = {}

    def collect(stage: Stage) -> None:
        pods = stage.api.get(watch.pods(stage.namespace))["items"]
        witness = Witness(stage.api, stage.namespace, "was", Logs(stage.api, stage.namespace))
        canary = rollout_view(stage.read()).canary
        told.update(witness.tell(canary, map(pod_view, pods), is_analysed=True))

    behind_traefik.rest()
    with Beside(behind_traefik, is_back, collect):
        ran = behind_traefik.run(image("v103-crash"))
    logs = [text for name, text in told.items() if name.startswith("log of was-")]

    assert ran.status == 1, ran.output
    assert any("cannot start" in text for text in logs), told
    assert "RolloutAborted" in told["events"]
    assert "exitCode: 3" in told["pods"]
    assert "abort: true" in told["rollout"]


def test_the_rights_of_a_run_are_enough_to_read_all_of_it(behind_traefik: Stage) -> None:
    steps = rollout()["spec"]["strategy"]["canary"]["steps"]
    behind_traefik.create(ENDLESS)
    behind_traefik.plan(steps, {"templates": [{"templateName": "looks-on"}]})
    ran = behind_traefik.run(image("v103-login"), "-k", "login")
    collected = behind_traefik.events("EvidenceCollected")
    told = {event["name"]: event["text"] for event in collected if event["source"] == "platform"}
    behind_traefik.plan(steps)

    assert ran.status == 1, ran.output
    assert {"events", "pods", "rollout", "analysis runs"} <= told.keys()
    assert any(name.startswith("log of was-") for name in told), told.keys()
    assert not [text for text in told.values() if text.startswith("not read:")]
