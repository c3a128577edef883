"""Runs whose manifest has analyses, with templates beside the Rollout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.plugin.project import Project, manifest
from tests.signals.server import Said, Server, serving

SUITE = """
    def test_it(canary):
        assert canary.get("/").status_code == 200
"""
GOOD, BAD, DOUBTFUL = (Said(f'{{"share": {share}}}') for share in (0.99, 0.5, 0.9))
CONDITIONS = {"successCondition": "result > 0.95", "failureCondition": "result < 0.8"}
LATEST = {"name": "version", "valueFrom": {"podTemplateHashValue": "Latest"}}
STEP = {"analysis": {"templates": [{"templateName": "judge"}], "args": [LATEST]}}
TEN: list[Any] = [{"setWeight": 10}, {"pause": {"duration": "0s"}}]


@pytest.fixture
def judge() -> Iterator[Server]:
    with serving(lambda _: GOOD) as server:
        yield server


def template(server: Server, kind: str = "AnalysisTemplate", **metric: Any) -> dict[str, Any]:
    web = {"url": f"{server.url}/judge?v={{{{args.version}}}}", "jsonPath": "{$.share}"}
    metric = {"name": "share", "count": 1, "provider": {"web": web}, **CONDITIONS, **metric}
    spec = {"args": [{"name": "version"}], "metrics": [metric]}
    return {"kind": kind, "metadata": {"name": "judge"}, "spec": spec}


def written(project: Project, steps: list[Any], *templates: dict[str, Any], **canary: Any) -> None:
    documents = [manifest(steps, **canary), *templates]
    project.write("rollout.yaml", "\n---\n".join(json.dumps(each) for each in documents))
    project.configure(judge={"look_longer": 0.2})
    project.suite(SUITE)


def measured(project: Project) -> list[dict[str, Any]]:
    return [
        event["values"]
        for event in project.events_of("MeasurementTaken")
        if event["source"] == "analysis"
    ]


def test_a_step_is_left_when_its_analysis_is_successful(project: Project, judge: Server) -> None:
    written(project, [*TEN, STEP], template(judge, count=3, interval="50ms"))
    result = project.run()
    taken = measured(project)

    assert result.ret == 0
    assert [asked.path for asked in judge.asked] == ["/judge?v=v2"] * 3
    assert [values["phase"] for values in taken] == ["Successful"] * 4
    assert taken[0].keys() >= {"name", "part", "metric", "value", "started", "finished"}
    assert (taken[0]["value"], taken[-1].get("metric")) == ("0.99", None)
    assert [step["label"] for step in project.summary["steps"]] == ["10%", "10%#2"]


@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        (BAD, 1, 'Failed: Metric "share" assessed Failed due to failed (1) > failureLimit (0)'),
        (DOUBTFUL, 10, "Inconclusive: Metric"),
        (Said("", 503), 10, "received non 2xx response code: 503"),
        (Said("{}"), 10, "Could not find JSONPath in body"),
        (Said("down"), 10, "could not evaluate"),
    ],
)
@pytest.mark.parametrize("part", ["step", "background"])
def test_a_bad_end_is_the_rollouts(
    project: Project, judge: Server, said: Said, status: int, reason: str, part: str
) -> None:
    judge.answer = lambda _: said
    beside = template(judge, consecutiveErrorLimit=0)
    if part == "step":
        written(project, [*TEN, STEP], beside)
    else:
        slow = [TEN[0], {"pause": {"duration": "10s"}}]  # it is aborted meanwhile
        written(project, slow, beside, analysis=STEP["analysis"])

    assert project.run().ret == status
    assert reason in project.summary["reason"]
    assert f"analysis judge{'-2' if part == 'step' else ''} ({part})" in project.summary["reason"]


def test_one_in_the_background_goes_on_over_the_steps(project: Project, judge: Server) -> None:
    endless = template(judge, count=0, interval="20ms", failureLimit=2)
    pause = {"pause": {"duration": "300ms"}}
    written(
        project,
        [{"setWeight": 5}, pause, {"setWeight": 10}, pause, {"setWeight": 20}, pause],
        endless,
        analysis={**STEP["analysis"], "startingStep": 2},
    )
    result = project.run()
    steps = {
        event["step"]
        for event in project.events_of("MeasurementTaken")
        if event["source"] == "analysis"
    }

    assert result.ret == 0
    assert steps == {1, 2}
    assert {values["part"] for values in measured(project)} == {"background"}


def test_nothing_is_promoted_by_one_that_has_measured_nothing(
    project: Project, judge: Server
) -> None:
    late = template(judge, count=0, interval="1s", initialDelay="1h")
    written(project, TEN, late, analysis=STEP["analysis"])

    assert project.run().ret == 10
    assert "nothing was measured yet" in project.summary["reason"]
    assert not judge.asked


def test_dry_runs_decide_nothing(project: Project, judge: Server) -> None:
    judge.answer = lambda _: BAD
    dry = {**STEP["analysis"], "dryRun": [{"metricName": "share"}]}
    written(project, [*TEN, {"analysis": dry}], template(judge))

    assert project.run().ret == 0
    assert measured(project)[0]["dry_run"]


def test_several_templates_are_one_analysis(project: Project, judge: Server) -> None:
    other = template(judge, "ClusterAnalysisTemplate", name="other")
    both = [{"templateName": "judge"}, {"templateName": "judge", "clusterScope": True}]
    step = {"analysis": {"templates": both, "args": [LATEST]}}
    written(project, [*TEN, step], template(judge), other)

    assert project.run().ret == 0
    assert {values.get("metric") for values in measured(project)} == {"share", "other", None}


@pytest.mark.parametrize(
    ("step", "metric", "words"),
    [
        ({"args": []}, {}, "argument 'version' was not supplied"),
        ({"templates": []}, {}, "the analysis names no template"),
        ({"templates": [{"templateName": "jugde"}]}, {}, "no AnalysisTemplate 'jugde' beside"),
        ({"templates": [{"templateName": "judge", "clusterScope": True}]}, {}, "no ClusterAn"),
        ({}, {"count": 0, "interval": "1s"}, "metric 'share' runs indefinitely"),
        ({}, {"provider": {"datadog": {}}}, "does not run the provider 'datadog'"),
        ({}, {"provider": {"web": {"url": "x"}}}, "metric 'share': provider.web.url: 'x' is no"),
        ({}, {"successCondition": "let x = 1; x"}, "successCondition: condition 'let x = 1; x'"),
        ({"dryRun": [{"metricName": "nope"}]}, {}, "Rule didn't match any metric name"),
    ],
)
@pytest.mark.parametrize("option", ["--canary", "--canary-lint", "--collect-only"])
def test_what_cannot_be_run_is_refused_with_its_place(
    project: Project,
    judge: Server,
    step: dict[str, Any],
    metric: dict[str, Any],
    words: str,
    option: str,
) -> None:
    written(project, [*TEN, {"analysis": {**STEP["analysis"], **step}}], template(judge, **metric))
    args = ("--canary", option) if option == "--collect-only" else (option,)
    result = project.pytester.runpytest_inprocess(*args)

    assert result.ret == 4
    assert project.is_untouched
    assert words in result.stderr.str()
    assert "rollout.yaml:1: " in result.stderr.str()


def test_an_analysis_where_no_canary_runs_is_refused(project: Project, judge: Server) -> None:
    written(project, [STEP, *TEN], template(judge))
    result = project.run()

    assert result.ret == 4
    assert "steps[0] is an analysis at which no pod of the canary runs" in result.stderr.str()
