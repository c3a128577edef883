"""Every kind of step on a real cluster: what the controller measures is ours to report."""

from collections.abc import Iterator
from typing import Any

import pytest

from canarytest.platforms.argo import routers
from tests.cluster import extras, stage
from tests.cluster.moments import at_ten_percent
from tests.cluster.stage import (
    EDGE,
    PROMETHEUS,
    SUITE,
    TRAEFIK,
    Beside,
    Object,
    Ran,
    Stage,
    assert_proven_back,
    good_image,
    image,
)

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(240)]
DARK: list[Object] = [{"setCanaryScale": {"replicas": 1}}, {"pause": {}}]
TEN: list[Object] = [
    {"setWeight": 10},
    {"setCanaryScale": {"matchTrafficWeight": True}},
    {"pause": {"duration": "1s"}},
]
QUICK = ("-k", "login")


def web(name: str, condition: str, **metric: Any) -> Object:
    """Return an AnalysisTemplate that asks PetClinic for its version."""
    provider = {"web": {"url": f"{EDGE}/petclinic/actuator/info", "jsonPath": "{$.version}"}}
    made = {"name": "version", "successCondition": condition, "provider": provider, **metric}
    return template(name, made)


def template(name: str, *metrics: Object) -> Object:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": name},
        "spec": {"metrics": list(metrics)},
    }


PROMISED = {
    "name": "promised",
    "successCondition": "result[0] == 1",
    "provider": {"prometheus": {"address": PROMETHEUS, "query": "vector(1)"}},
}
TEMPLATES = (
    web("good", 'result startsWith "v"', count=3, interval="1s"),
    web("bad", 'result == "never"', count=3, interval="1s"),
    web("unsure", 'result == "never"', failureCondition='result == "ever"'),
    web("erring", "result.no.such.thing > 1", consecutiveErrorLimit=0),
    web("endless", 'result startsWith "v"', interval="1s"),
    web("worsening", 'result == "never"', interval="1s", failureLimit=4),
    template("promised", PROMISED),
)


@pytest.fixture(scope="module")
def analysed(behind_traefik: Stage) -> Iterator[Stage]:
    """The Rollout behind Traefik with templates beside it; its own steps are given back."""
    for made in TEMPLATES:
        behind_traefik.create(made)
    yield behind_traefik
    behind_traefik.plan(stage.rollout()["spec"]["strategy"]["canary"]["steps"])


def analysis(*names: str) -> Object:
    return {"analysis": {"templates": [{"templateName": name} for name in names]}}


def measured(stage: Stage) -> list[Object]:
    events = stage.events("MeasurementTaken")
    return [event["values"] for event in events if event["source"] == "analysis"]


def test_what_an_analysis_measured_is_told_and_it_is_waited_for(analysed: Stage) -> None:
    analysed.plan([*DARK, *TEN, analysis("good", "promised")], analysis("endless")["analysis"])
    ran = analysed.run(good_image(analysed), *QUICK)
    found = measured(analysed)
    steps = [values for values in found if values["part"] == "step"]
    judged = analysed.events("StepJudged")[-1]

    assert ran.status == 0, ran.output
    assert ran.steps == ["dark", "10%", "10%#2"]
    assert [v["metric"] for v in steps if "metric" in v].count("version") == 3
    assert {v["phase"] for v in steps} == {"Successful"}
    assert any(v["part"] == "background" and v["value"] for v in found if "metric" in v)
    assert judged["seconds"] > 1.5
    assert "Successful (promised: 1 Successful; version: 3 Successful)" in judged["reason"]


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("bad", 1, 'Metric "version" assessed Failed due to failed (1) > failureLimit (0)'),
        ("unsure", 10, "InconclusiveAnalysisRun"),
        ("erring", 10, 'Metric "version" assessed Error'),
    ],
)
def test_an_analysis_that_is_not_successful_is_the_reason(
    analysed: Stage, name: str, status: int, reason: str
) -> None:
    analysed.plan([*DARK, {"setWeight": 10}, analysis(name), {"pause": {"duration": "1s"}}])
    ran = analysed.run(image("v103-slow"), *QUICK)

    assert ran.status == status, ran.output
    assert reason in ran.summary["reason"]
    assert ran.steps in (["dark", "10%"], ["dark"])  # it may be over before we have looked
    assert measured(analysed)
    assert_proven_back(ran, analysed)


def test_an_analysis_beside_the_steps_aborts_the_open_one(analysed: Stage) -> None:
    beside = {**analysis("worsening")["analysis"], "startingStep": 2}
    analysed.plan([*DARK, *TEN[:2], {"pause": {"duration": "1m"}}], beside)
    ran = analysed.run(image("v103-slow"), *QUICK)

    assert ran.status == 1, ran.output
    assert ran.steps == ["dark", "10%"]
    assert "Background analysis" in ran.summary["reason"]
    assert "failed (5) > failureLimit (4)" in ran.summary["reason"]
    assert [v["phase"] for v in measured(analysed) if "metric" in v] == ["Failed"] * 5
    assert_proven_back(ran, analysed)


def experiment(name: str) -> Object:
    measures = {"name": "measured", "templateName": name, "requiredForCompletion": True}
    return {
        "experiment": {
            "duration": "20s",
            "templates": [{"name": "canary", "specRef": "canary", "replicas": 1}],
            "analyses": [measures],
        }
    }


def run_experiment(stage: Stage, name: str, image: str) -> Ran:
    stage.plan([*DARK, experiment(name), *TEN])
    return stage.run(image, *QUICK)


def test_an_experiment_is_walked_over_and_told(analysed: Stage) -> None:
    ran = run_experiment(analysed, "good", good_image(analysed))
    found = measured(analysed)

    assert ran.status == 0, ran.output
    assert ran.steps == ["dark", "10%"]
    assert {v["part"] for v in found} == {"experiment"}
    assert len([v for v in found if v.get("metric") == "version"]) == 3


def test_an_experiment_that_fails_is_the_reason(analysed: Stage) -> None:
    ran = run_experiment(analysed, "bad", image("v103-slow"))

    assert ran.status == 1, ran.output
    assert ran.steps == ["dark"]
    assert "Experiment analysis" in ran.summary["reason"]
    assert_proven_back(ran, analysed)


def test_header_and_mirror_routes_are_walked_over(analysed: Stage) -> None:
    extras.teach_istio(analysed)
    routing = analysed.read()["spec"]["strategy"]["canary"]["trafficRouting"]
    exact = {"headerName": "x-canary", "headerValue": {"exact": "always"}}
    get = {"method": {"exact": "GET"}}
    steps: list[Object] = [
        *DARK,
        {"setHeaderRoute": {"name": "to-canary", "match": [exact]}},
        {"setMirrorRoute": {"name": "mirrored", "percentage": 5, "match": [get]}},
        *TEN,
        {"setMirrorRoute": {"name": "mirrored"}},
        {"setHeaderRoute": {"name": "to-canary"}},
    ]
    analysed.plan(steps, routing={**routing, "istio": extras.ISTIO, **extras.ROUTES})
    seen: list[float | None] = []
    with Beside(analysed, at_ten_percent, lambda stage: seen.extend(weights(stage))):
        ran = analysed.run(good_image(analysed), *QUICK)
    analysed.plan(steps[:2], routing=routing)

    assert ran.status == 0, ran.output
    assert ran.steps == ["dark", "10%"]
    assert seen == [10, 10]  # of the VirtualService and the TraefikService


def weights(stage: Stage) -> list[float | None]:
    """Return what each router was told."""
    found = routers.sources(stage.read())
    return [source.read(stage.api.get(source.path)) for source in found]


PLUGIN = "canarytest/sample"  # Argo's own sample: at once, or after a minute


@pytest.fixture(scope="module")
def plugged(analysed: Stage) -> Stage:
    """Where the controller has the sample of a step plugin."""
    if not extras.has_step_plugin(analysed, PLUGIN):
        pytest.skip(f"the controller has no step plugin {PLUGIN} (test/cmd/step-plugin-sample)")
    return analysed


def plugin(**config: bool) -> Object:
    return {"plugin": {"name": PLUGIN, "config": config}}


def test_a_plugin_step_is_walked_over(plugged: Stage) -> None:
    plugged.plan([*DARK, plugin(), *TEN])
    ran = plugged.run(good_image(plugged), *QUICK)

    assert ran.status == 0, ran.output
    assert ran.steps == ["dark", "10%"]


def test_a_plugin_step_that_does_not_end_is_waited_for_with_a_limit(plugged: Stage) -> None:
    plugged.plan([*DARK, plugin(Async=True), *TEN])
    plugged.write_project(f'{TRAEFIK}timeouts.controller = "3s"', SUITE)
    ran = plugged.run(good_image(plugged), *QUICK)
    plugged.write_project(TRAEFIK, SUITE)

    assert ran.status == 12, ran.output
    assert "step 2 (plugin) is not over: canarytest/sample: Running" in ran.summary["reason"]
    assert_proven_back(ran, plugged)
