"""Analyses: templates read, results judged, runs scheduled and assessed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core.analysis import (
    Measurement,
    Metric,
    Phase,
    Progress,
    Run,
    Summary,
    assess,
    due,
    measured_phase,
    metric_phase,
    metrics_of,
    next_at_s,
    read_metric,
)
from canarytest.core.errors import ConfigError

PROMETHEUS = {"prometheus": {"query": "up"}}
NAN = float("nan")


def metric(**raw: Any) -> Metric:
    return read_metric({"name": "rate", "provider": PROMETHEUS, **raw})


def template(*metrics: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metrics": [{"name": "rate", "provider": PROMETHEUS, **raw} for raw in metrics], **spec}


def taken(phase: Phase, at_s: float = 0.0, message: str = "") -> Measurement:
    return Measurement(phase, at_s, at_s, message=message)


# Templates


def test_a_template_becomes_metrics() -> None:
    spec = {
        "args": [{"name": "service"}, {"name": "count", "value": "5"}, {"name": "limit"}],
        "metrics": [
            {
                "name": "{{args.service}}-rate",
                "interval": "1m30s",
                "initialDelay": "500ms",
                "count": "{{ args.count }}",
                "failureLimit": "2",
                "inconclusiveLimit": 1,
                "successCondition": "result[0] < {{args.limit}}",
                "provider": {
                    "prometheus": {"query": 'up{service="{{args.service}}"}'},
                    "web": None,
                },
            },
            {"name": "other", "provider": {"web": {"url": "http://{{args.service}}/"}}},
        ],
        "dryRun": [{"metricName": "oth"}],
    }

    first, second = metrics_of(spec, {"service": "was", "limit": "0.05", "unknown": "x"})

    assert first.name == "was-rate"
    assert (first.interval_s, first.initial_delay_s, first.count) == (90.0, 0.5, 5)
    assert (first.failure_limit, first.inconclusive_limit) == (2, 1)
    assert (first.consecutive_error_limit, first.consecutive_success_limit) == (4, 0)
    assert first.success is not None
    assert first.success.text == "result[0] < 0.05"
    assert first.provider == {"prometheus": {"query": 'up{service="was"}'}}
    assert second.provider == {"web": {"url": "http://was/"}}
    assert (first.is_dry_run, second.is_dry_run) == (False, True)
    assert (second.interval_s, second.effective_count) == (None, 1)


@pytest.mark.parametrize("value", ['say "hi"', "a\nb", "back\\slash", "{{args.other}}", "<&>"])
def test_an_argument_is_filled_in_as_it_is(value: str) -> None:
    spec = template({"provider": {"web": {"body": "[{{args.text}}]"}}}, args=[{"name": "text"}])

    (read,) = metrics_of(spec, {"text": value})

    assert read.provider == {"web": {"body": f"[{value}]"}}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (template(), "no metrics specified"),
        (template({}, {}), "metric 'rate': duplicate name 'rate'"),
        ({"metrics": "rate"}, "metrics 'rate' is not a list of mappings"),
        (template({"successCondtion": "true"}), "unknown key 'successCondtion'; did you mean"),
        (template({"zzz": 1}), "unknown key 'zzz'; expected one of name, interval"),
        (template({"count": "many"}), "count 'many' is not a whole number"),
        (template({"count": True}), "count True is not a whole number"),
        (template({"count": 1.5}), "count 1.5 is not a whole number"),
        (template({"interval": "30"}), "invalid interval string: '30'; expected e.g. '30s'"),
        (template({"interval": 30}), "invalid interval string: 30"),
        (template({"interval": "-5s"}), "invalid interval string: '-5s'"),
        (template({"initialDelay": "5 s"}), "invalid initialDelay string: '5 s'"),
        (template({"count": 2}), "interval must be specified when count > 1"),
        (template({"failureLimit": -1}), "cannot both be disabled"),
        (
            template({"failureLimit": -1, "consecutiveSuccessLimit": 3, "count": 1}),
            "count must be >= consecutiveSuccessLimit",
        ),
        (
            template({"successCondition": "resul > 1"}),
            "metric 'rate': successCondition: condition 'resul > 1', character 1: unknown name",
        ),
        (
            template({"failureCondition": "result | len()"}),
            "failureCondition: condition 'result | len()', character 8: a pipe",
        ),
        (template({"successCondition": 1}), "successCondition 1 is not a string"),
        (template({"provider": {}}), "no provider specified"),
        (template({"provider": "web"}), "provider 'web' is not a mapping"),
        (template({"provider": {"web": {}, "job": {}}}), "multiple providers specified"),
        (
            template({"provider": {"job": {}}}),
            "does not run the provider 'job', only prometheus and web",
        ),
        (template({"name": "{{args.x}}"}), "failed to resolve {{args.x}} in '{{args.x}}'; known"),
        (template({"name": "{{ rate }}"}), "failed to resolve {{ rate }}"),
        (template({"name": "{{args.x"}), "is not closed"),
        (template({}, args=[{"name": "x"}]), "argument 'x' was not supplied"),
        (template({}, args=[{"name": "x", "value": 5}]), "argument 'x': 5 is not a string"),
        (
            template({}, args=[{"name": "x", "valueFrom": {"secretKeyRef": {"name": "s"}}}]),
            "is read from a cluster; give the argument a value",
        ),
        (template({}, dryRun=[{"metricName": "latency"}]), "dryRun[0]: Rule didn't match any"),
        (template({}, dryRun=[{"metricName": "("}]), "dryRun[0]:"),
        (
            template({}, measurementRetention=[{"metricName": "x", "limit": 5}]),
            "measurementRetention[0]: Rule didn't match",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_before_it_begins(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        metrics_of(spec, {})

    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("1h30m", 5400), ("1.5h", 5400), ("100ms", 0.1), ("0", 0), ("", None)],
)
def test_durations_are_gos(text: str, seconds: float | None) -> None:
    assert metric(interval=text).interval_s == seconds


# Results


@pytest.mark.parametrize(
    ("success", "failure", "result", "phase"),
    [
        ("", "", None, "Successful"),
        ("result < 1", "", 0.5, "Successful"),
        ("result < 1", "", 1.5, "Failed"),
        ("", "result > 1", 0.5, "Successful"),
        ("", "result > 1", 1.5, "Failed"),
        ("result < 1", "result > 2", 1.5, "Inconclusive"),
        ("result < 2", "result > 1", 1.5, "Failed"),
        ("result < 1", "result >= 1", NAN, "Inconclusive"),
        ("result < 1", "", NAN, "Failed"),
        ("", "result >= 1", NAN, "Successful"),
        ("result[0] < 1", "", (), "Error"),
        ("result < 1", "result.a > 1", 0.5, "Error"),
        ("result.a < 1", "true", 0.5, "Error"),
    ],
)
def test_a_result_has_a_phase(success: str, failure: str, result: Any, phase: str) -> None:
    read = metric(successCondition=success, failureCondition=failure)

    assert measured_phase(read, result)[0] == phase


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ((), 'failureCondition "result[0] > 1": metric result is nil or empty: no data returned'),
        (None, "metric result is nil or empty"),
        (
            {},
            'could not evaluate failureCondition "result[0] > 1": a key of a map cannot be an int',
        ),
    ],
)
def test_an_error_says_of_what(result: Any, said: str) -> None:
    phase, message = measured_phase(metric(failureCondition="result[0] > 1"), result)

    assert phase is Phase.ERROR
    assert said in message


# Metrics


def after(*phases: Phase) -> Progress:
    progress = Progress()
    for phase in phases:
        progress = progress.with_measurement(taken(phase))
    return progress


S, F, E, I = Phase.SUCCESSFUL, Phase.FAILED, Phase.ERROR, Phase.INCONCLUSIVE  # noqa: E741  as phases


def test_an_error_is_no_count_and_ends_what_was_in_a_row() -> None:
    progress = after(S, S, E, E)

    assert (progress.count, progress.successful, progress.error) == (2, 2, 2)
    assert (progress.consecutive_success, progress.consecutive_error) == (0, 2)
    assert after(E, E, F).consecutive_error == 0


def test_a_measurement_takes_the_place_of_the_one_under_way() -> None:
    progress = Progress().with_measurement(Measurement(Phase.RUNNING, 1.0))

    assert (progress.phase, progress.count) == (Phase.RUNNING, 0)
    assert progress.with_measurement(taken(S)).count == 1


@pytest.mark.parametrize(
    ("raw", "phases", "expected"),
    [
        ({}, [E, E, E, E], "Running"),
        ({}, [E, E, E, E, E], "Error"),
        ({}, [E, E, E, E, S], "Successful"),
        ({"consecutiveErrorLimit": 0}, [E], "Error"),
        ({"failureLimit": 1, "inconclusiveLimit": 1, "interval": "1s"}, [F, I, S], "Running"),
        ({"failureLimit": 1, "interval": "1s"}, [F, F], "Failed"),
        ({"interval": "1s"}, [F, I], "Inconclusive"),  # the later rule overrides
        ({"interval": "1s", "consecutiveErrorLimit": 0}, [F, I, E], "Error"),
        ({"interval": "1s", "consecutiveSuccessLimit": 2}, [S, E, S], "Running"),
        ({"interval": "1s", "consecutiveSuccessLimit": 2}, [S, S], "Successful"),
        ({"interval": "1s", "consecutiveSuccessLimit": 2, "count": 2}, [S, E, S], "Inconclusive"),
        ({"interval": "1s", "count": 3, "failureLimit": 2}, [F, F, S], "Successful"),
    ],
)
def test_a_metric_has_a_phase(raw: dict[str, Any], phases: list[Phase], expected: str) -> None:
    assert metric_phase(metric(**raw), after(*phases), is_terminating=False) == expected


def test_a_phase_that_ends_a_metric_stays() -> None:
    ended = replace(after(F, S, S), phase=F)

    assert metric_phase(metric(interval="1s", failureLimit=5), ended, is_terminating=True) is F


# Runs


def run_of(*raws: Mapping[str, Any], started_at_s: float = 0.0) -> Run:
    return Run.of(
        [metric(**{"name": f"m{index}", **raw}) for index, raw in enumerate(raws)], started_at_s
    )


def test_one_bad_metric_ends_the_run_and_the_rest_counts_as_successful() -> None:
    run = run_of({"interval": "60s"}, {"interval": "60s"}, {"initialDelay": "1h"})
    run = run.with_measurement("m0", taken(S)).with_measurement("m1", taken(F, message="HTTP 500"))

    first = assess(run)
    second = assess(first.run)

    assert (first.phase, first.message) == (Phase.RUNNING, "")  # it takes note of the failure
    assert due(first.run, 3600.0) == ()
    assert next_at_s(first.run, 0.0) is None
    assert second.phase is F
    assert second.message == (
        'Metric "m1" assessed Failed due to failed (1) > failureLimit (0): '
        '"Error Message: HTTP 500"'
    )
    assert second.summary == Summary(count=3, successful=1, failed=1)
    assert second.measured == 2


def test_what_a_dry_run_measures_decides_nothing() -> None:
    dry, real = replace(metric(name="dry"), is_dry_run=True), metric(name="real")
    run = Run.of([dry, real], 0.0).with_measurement("dry", taken(F))

    assert assess(run).phase is Phase.RUNNING
    assert not assess(run).run.is_terminating

    ended = assess(run.with_measurement("real", taken(S)))

    assert (ended.phase, ended.message, ended.measured) == (S, "", 1)
    assert ended.dry_run_summary == Summary(count=1, failed=1)


def test_a_run_that_was_stopped_before_it_measured_says_that_it_measured_nothing() -> None:
    stopped = assess(replace(run_of({"initialDelay": "20s"}), is_stopped=True))

    assert (stopped.phase, stopped.message, stopped.measured) == (S, "Run Terminated", 0)


def test_only_dry_runs_measure_nothing_either() -> None:
    run = Run.of([replace(metric(), is_dry_run=True)], 0.0).with_measurement("rate", taken(S))

    assert (assess(run).phase, assess(run).measured) == (S, 0)


# Times


def test_a_run_is_measured_at_its_times() -> None:
    run = run_of({"interval": "60s", "count": 3, "initialDelay": "20s"}, started_at_s=100.0)
    seen, now_s = [], 100.0
    outcomes = iter([S, E, S, S])

    while (at_s := next_at_s(run, now_s)) is not None:
        assert due(run, at_s - 0.5) == ()
        assert due(run, at_s) == ("m0",)
        seen.append(at_s)
        now_s = at_s + 1  # a measurement takes its time
        run = run.with_measurement("m0", Measurement(next(outcomes), at_s, now_s))
        run = assess(run).run

    assert seen == [120, 181, 192, 253]  # 60 s after it has finished, 10 s after an error
    assert run.progress[0].phase is S


def test_one_under_way_is_looked_after_when_it_said_and_at_once_when_the_run_ends() -> None:
    run = run_of({}).with_measurement("m0", Measurement(Phase.RUNNING, 0.0, resume_at_s=30.0))

    assert (due(run, 29.0), due(run, 30.0), next_at_s(run, 5.0)) == ((), ("m0",), 30.0)

    ending = replace(run, is_stopped=True)

    assert (due(ending, 5.0), next_at_s(ending, 5.0)) == (("m0",), 5.0)


@given(
    st.lists(st.sampled_from([S, F, E, I]), max_size=30),
    st.integers(-1, 3),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 8),
)
def test_any_metric_ends_once_and_is_then_left_alone(
    phases: list[Phase], failures: int, inconclusive: int, successes: int, count: int
) -> None:
    read = metric(
        interval="1s", failureLimit=failures, inconclusiveLimit=inconclusive,
        consecutiveSuccessLimit=successes, count=count,
    )  # fmt: skip
    run = Run.of([read], 0.0)

    for number, phase in enumerate(phases):
        run = assess(run.with_measurement("rate", taken(phase, float(number)))).run
        if run.progress[0].phase.is_completed:
            break

    progress = run.progress[0]
    is_ended = progress.phase.is_completed
    assert (due(run, 1e6) == ()) is is_ended
    assert (next_at_s(run, 0.0) is None) is is_ended
    assert count == 0 or progress.count <= count
    if progress.phase is S:
        assert progress.successful or failures > 0 or inconclusive > 0 or failures == -1
