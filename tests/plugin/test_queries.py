"""Runs whose metrics a Prometheus answers, well or badly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.plugin.project import STEPS, Project
from tests.signals.server import Asked, Said, Server, prometheus_says, serving, vector

SUITE = """
    def test_it(canary):
        assert canary.get("/").status_code == 200
"""
QUERY = {"query": 'lag{v="{{canary}}"}', "band": [1, 2], "interval": 0.1, "window": 0}
REFUSAL = Said('{"status": "error", "errorType": "bad_data", "error": "1:5: parse error"}', 400)


@pytest.fixture
def prometheus() -> Iterator[Server]:
    with serving(lambda _: vector("0.5")) as server:
        yield server


def judged(project: Project, server: Server, **query: Any) -> None:
    project.configure(
        metrics={"lag": {**QUERY, **query}},
        judge={"look_longer": 0.2},
        t={"prometheus": server.url},
    )
    project.suite(SUITE)


def once_begun(answer: Callable[[Asked], Said]) -> Callable[[Asked], Said]:
    """Answer well before the rollout begins, when any version is asked for."""
    return lambda asked: vector("0.5") if "=~" in asked.query else answer(asked)


def test_a_good_canary_is_promoted_once_every_step_was_looked_at(
    project: Project, prometheus: Server
) -> None:
    judged(project, prometheus)
    result = project.run()
    looks = [
        event["step"]
        for event in project.events_of("MeasurementTaken")
        if event["source"] == "prometheus"
    ]

    assert result.ret == 0
    assert {looks.count(step) >= 3 for step in range(3)} == {True}
    assert {asked.query for asked in prometheus.asked} == {'lag{v=~".*"}', 'lag{v="v2"}'}
    findings = project.events_of("StepJudged")[0]["findings"]
    assert "lag 0.5: normal (warning from 1, roll back from 2)" in [
        finding["sentence"] for finding in findings
    ]


def test_what_was_measured_is_in_the_events(project: Project, prometheus: Server) -> None:
    prometheus.answer = once_begun(lambda _: vector("3", "4"))
    judged(project, prometheus)
    project.run()
    values = [
        event["values"]
        for event in project.events_of("MeasurementTaken")
        if event["source"] == "prometheus"
    ]

    assert values[0] == {
        "metric": "lag",
        "kind": "several series",
        "value": None,
        "why": "it returned 2 series (pod=p0; pod=p1), expected one",
        "query": 'lag{v="v2"}',
    }


def test_nothing_is_asked_before_its_window_lies_in_the_step(
    project: Project, prometheus: Server
) -> None:
    judged(project, prometheus, window="1h")
    project.suite("""
        def test_it(canary):
            for _ in range(100):
                canary.get("/")
            assert False
    """)

    assert project.run().ret == 1
    assert [asked.query for asked in prometheus.asked] == ['lag{v=~".*"}']  # by the preflight


DOWN = Said("", 503)


@pytest.mark.parametrize(
    ("said", "no_data", "status", "reason"),
    [
        (vector("3"), "inconclusive", 1, "lag 3: roll back (warning from 1, roll back from 2)"),
        (vector("1.5"), "inconclusive", 10, "lag 1.5: warning"),
        (vector("1", "1"), "ignore", 10, "lag: it returned 2 series"),
        (DOWN, "ignore", 10, "HTTP 503"),
        (DOWN, "roll back", 10, "HTTP 503"),
        (vector(), "inconclusive", 10, "lag: it returned nothing: there is no such series"),
        (vector("NaN"), "inconclusive", 10, "lag: it is NaN, as 0/0 is without a request"),
        (vector("NaN"), "roll back", 1, 'roll back, as no_data = "roll back" says'),
        (vector("NaN"), "ignore", 0, "every step was successful"),
        (prometheus_says("string", [1, "x"]), "ignore", 10, "metric type not supported"),
    ],
)
def test_each_answer_has_its_end(
    project: Project, prometheus: Server, said: Said, no_data: str, status: int, reason: str
) -> None:
    prometheus.answer = once_begun(lambda _: said)
    judged(project, prometheus, no_data=no_data)
    project.rollout([{"setWeight": 10}, {"pause": {"duration": "0s"}}])

    assert project.run().ret == status
    assert reason in project.summary["reason"]


def test_in_the_dark_no_data_decides_nothing(project: Project, prometheus: Server) -> None:
    prometheus.answer = once_begun(lambda _: vector())
    judged(project, prometheus)

    assert project.run().ret == 10
    assert [step["label"] for step in project.summary["steps"] if step["verdict"]] == [
        "dark",
        "10%",
    ]


def test_a_query_that_cannot_be_asked_is_a_usage_error(
    project: Project, prometheus: Server
) -> None:
    prometheus.answer = lambda _: REFUSAL
    judged(project, prometheus)
    result = project.run_apart()

    assert result.ret == 4
    assert project.is_untouched
    result.stderr.fnmatch_lines(["*metrics.lag.query: 'lag{v=~\".*\"}' cannot be asked: 1:5: par*"])


def test_without_its_server_a_run_does_not_begin(project: Project, prometheus: Server) -> None:
    prometheus.answer = lambda _: DOWN
    judged(project, prometheus)
    result = project.run_apart()

    assert result.ret == 12
    assert project.is_untouched
    result.stderr.fnmatch_lines(["*nothing was touched: *metrics.lag.query: *HTTP 503*"])


@pytest.mark.parametrize(
    ("query", "said", "words"),
    [
        ({"query": "lag"}, vector("1"), "the query does not say {{canary}}"),
        ({"query": 'a{v="{{canary}}"} / b{x="1"}'}, vector("1"), '{x="1"} selects the canary and'),
        ({}, vector(), "asked for any version, it returned nothing"),
        ({"window": "1m", "interval": "5s"}, vector("1"), "take 70 s: the pause at 10%, 50% is"),
        ({}, DOWN, "HTTP 503"),
    ],
)
def test_lint_says_what_is_doubtful(
    project: Project, prometheus: Server, query: dict[str, Any], said: Said, words: str
) -> None:
    prometheus.answer = lambda _: said
    judged(project, prometheus, **query)
    result = project.pytester.runpytest_inprocess("--canary-lint")

    assert result.ret == 0
    assert words in result.stdout.str()


def test_a_query_that_names_the_canary_s_service_is_not_doubted(
    project: Project, prometheus: Server
) -> None:
    judged(project, prometheus, query='rate(requests_total{service="was-canary-80"}[1m])')
    result = project.pytester.runpytest_inprocess("--canary-lint")

    assert result.ret == 0
    assert "the query does not say" not in result.stdout.str()


def test_a_target_without_a_server_says_what_is_not_judged(project: Project) -> None:
    project.configure(metrics={"lag": QUERY})
    project.suite(SUITE)
    project.rollout(STEPS)
    result = project.run()

    assert result.ret == 0
    assert (
        "not judged here: lag; tool.canarytest.targets.t names no Prometheus"
        in (project.events_of("RolloutStarted")[0]["warnings"][-1])
    )
