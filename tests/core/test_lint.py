"""Each rule by a table: what triggers it, what it says, and the corrected form that does not."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from canarytest.core import lint as module
from canarytest.core.lint import RULES, Finding, lint
from canarytest.core.lint.samples import error_rate, needed

GOOD = """
kind: Rollout
metadata: {name: was}
spec:
  replicas: 2
  progressDeadlineAbort: true
  strategy:
    canary:
      canaryService: was-canary
      stableService: was-stable
      trafficRouting: {traefik: {weightedTraefikServiceName: was}}
      maxSurge: 1
      maxUnavailable: 0
      steps:
        - setCanaryScale: {replicas: 1}
        - pause: {}
        - setWeight: 10
        - setCanaryScale: {matchTrafficWeight: true}
        - pause: {duration: 2m}
        - setWeight: 100
  template:
    spec:
      containers:
        - name: petclinic
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: 8080}}
          resources: {limits: {cpu: 500m, memory: 1Gi}}
"""
BY_CANARY = 'rate(x{hash="{{args.hash}}",status=~"5.."}[1m])'
OF_CANARY = 'rate(x{hash="{{args.hash}}"}[1m])'
GOOD_METRIC = {
    "name": "errors",
    "interval": "10s",
    "failureLimit": 0,
    "successCondition": "len(result) == 0 || isNaN(result[0]) || result[0] < 0.05",
    "provider": {"prometheus": {"query": f"(sum({BY_CANARY}) or vector(0)) / sum({OF_CANARY})"}},
}
WEIGHTED = (
    '{"type":"forward","forwardConfig":{"targetGroups":['
    '{"serviceName":"was-stable","weight":90},{"serviceName":"was-canary","weight":10}]}}'
)
AS_ARGO_WRITES_IT = (
    '{"Type":"forward","ForwardConfig":{"TargetGroups":['
    '{"ServiceName":"c","ServicePort":"80","Weight":10},'
    '{"ServiceName":"s","ServicePort":"80","Weight":90}]}}'
)
ACTION = "alb.ingress.kubernetes.io/actions.canary-action"
CURLS = "for i in $(seq {}); do curl -s /info; done | grep -c v101"

Documents = tuple[dict[str, Any], list[dict[str, Any]]]
Change = Callable[[dict[str, Any], list[dict[str, Any]]], object]


def good() -> Documents:
    return yaml.safe_load(GOOD), []


def canary_of(rollout: dict[str, Any]) -> dict[str, Any]:
    canary: dict[str, Any] = rollout["spec"]["strategy"]["canary"]
    return canary


def container_of(rollout: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = rollout["spec"]["template"]["spec"]["containers"][0]
    return container


def put(**values: object) -> Change:
    """Set keys of spec.strategy.canary; None removes one."""

    def change(rollout: dict[str, Any], others: list[dict[str, Any]]) -> None:
        canary = canary_of(rollout)
        canary.update(values)
        for key in [key for key, value in values.items() if value is None]:
            del canary[key]

    return change


def spec(**values: object) -> Change:
    return lambda rollout, others: rollout["spec"].update(values)


def container(**values: object) -> Change:
    return lambda rollout, others: container_of(rollout).update(values)


def steps(*entries: object) -> Change:
    return put(steps=list(entries))


def metric(**values: object) -> Change:
    """Put a template beside the Rollout, with the good metric changed so."""

    def change(rollout: dict[str, Any], others: list[dict[str, Any]]) -> None:
        others.append(template({**GOOD_METRIC, **values}))

    return change


def template(*metrics: dict[str, Any], **more: object) -> dict[str, Any]:
    return {
        "kind": "AnalysisTemplate",
        "metadata": {"name": "errors"},
        "spec": {"metrics": list(metrics), **more},
    }


def query(text: str) -> Change:
    return metric(provider={"prometheus": {"query": text}})


def ingress(action: str, **router: object) -> Change:
    def change(rollout: dict[str, Any], others: list[dict[str, Any]]) -> None:
        others.append({"kind": "Ingress", "metadata": {"annotations": {ACTION: action}}})
        if router:
            canary_of(rollout)["trafficRouting"] = router

    return change


def job(script: str) -> Change:
    containers = [{"command": ["sh", "-c"], "args": [script]}]
    return metric(provider={"job": {"spec": {"template": {"spec": {"containers": containers}}}}})


def without_router(replicas: int = 2, *, weight: int = 10) -> Change:
    def change(rollout: dict[str, Any], others: list[dict[str, Any]]) -> None:
        rollout["spec"]["replicas"] = replicas
        del canary_of(rollout)["trafficRouting"]
        canary_of(rollout)["steps"] = [{"setWeight": weight}, {"pause": {}}, {"setWeight": 100}]

    return change


def findings(change: Change) -> tuple[Finding, ...]:
    rollout, others = good()
    change(rollout, others)
    return lint(rollout, others)


DARK = [{"setCanaryScale": {"replicas": 1}}, {"pause": {}}]
MATCH = {"setCanaryScale": {"matchTrafficWeight": True}}
SCALED = [*DARK, {"setWeight": 10}, MATCH]

# rule, severity, what triggers it, what the message says
TRIGGERS: list[tuple[str, str, Change, str]] = [
    (
        "auto-promotion-under-canary",
        "error",
        put(autoPromotionEnabled=False),
        "pauses are timed (2m), so the rollout goes on by itself",
    ),
    (
        "no-traffic-routing",
        "error",
        without_router(),
        "10 % asked, 33 % by 1 of 3 pods",
    ),
    ("no-traffic-routing", "warning", without_router(10), "10 % asked, 10 % by 1 of 10 pods"),
    ("unowned-alb-weights", "error", ingress(WEIGHTED), "(was-stable 90, was-canary 10)"),
    ("unowned-alb-weights", "error", ingress(AS_ARGO_WRITES_IT), "(c 10, s 90)"),
    (
        "unowned-alb-weights",
        "error",
        ingress(WEIGHTED, alb={"ingress": "i", "servicePort": 80, "rootService": "root"}),
        "which is 'root'",
    ),
    ("too-few-samples", "warning", job(CURLS.format(10)), "10% from 33%: one hit has a chance of"),
    (
        "too-few-samples",
        "warning",
        metric(provider={"web": {"url": "/info", "jsonPath": "{$.version}"}}, count=10),
        "10 responses",
    ),
    ("no-progress-deadline-abort", "warning", spec(progressDeadlineAbort=False), "is false"),
    (
        "query-mixes-versions",
        "warning",
        query('(sum(rate(x{job="was"}[1m])) or vector(0)) / sum(rate(x{job="was"}[1m]))'),
        "40 % of its requests shows as 4 %, and it may fail 50 % of them before the sum shows 5 %",
    ),
    ("query-mixes-versions", "warning", query("sum(rate(errors[1m]))"), "sum(rate(errors[1m]))"),
    (
        "query-without-data",
        "warning",
        metric(successCondition="result[0] < 0.05"),
        "0/0 = NaN",
    ),
    (
        "query-without-data",
        "warning",
        metric(
            successCondition="isNaN(result[0]) || result[0] < 0.05",
            provider={"prometheus": {"query": f"{BY_CANARY} / {OF_CANARY}"}},
        ),
        "provided for: without one error the numerator, and so it, is empty",
    ),
    (
        "condition-compares-vector",
        "warning",
        metric(successCondition="result < 0.05"),
        "compares a vector",
    ),
    ("condition-compares-vector", "warning", metric(failureCondition="0.1 <= result"), "failure"),
    (
        "failure-limit-acts-late",
        "warning",
        metric(failureLimit=3, interval="30s"),
        "fourth failure: 90 s after the first, plus the 60 s that the query looks back; the pause",
    ),
    ("needs-traffic-routing", "error", put(trafficRouting=None), "setCanaryScale without"),
    (
        "needs-traffic-routing",
        "error",
        put(trafficRouting=None, scaleDownDelaySeconds=30),
        "scaleDownDelaySeconds without",
    ),
    ("router-without-services", "error", put(canaryService=None), "canaryService is missing"),
    ("router-without-services", "error", put(canaryService="was-stable"), "both 'was-stable'"),
    (
        "unknown-step",
        "error",
        steps(*SCALED, {"pause": {}}, {"setWieght": 30}),
        "did you mean 'setWeight'?",
    ),
    ("unknown-step", "error", steps(*SCALED, {"pause": None}), "to Argo the step is empty"),
    ("unknown-step", "error", steps(*SCALED, {"setWeight": 30, "pause": {}}), "in one step"),
    ("unknown-canary-key", "error", put(maxSurges=1), "did you mean 'maxSurge'?"),
    ("unknown-canary-key", "error", put(progressDeadlineAbort=True), "it belongs to spec"),
    ("unknown-canary-key", "error", put(previewService="x"), "it belongs to blueGreen"),
    ("unknown-canary-key", "warning", put(zebra=1), "nothing known is near it"),
    ("deadline-not-above-min-ready", "error", spec(minReadySeconds=600), "600 is not above"),
    ("count-is-percent", "warning", put(maxSurge="1"), "Argo reads as 1 %"),
    ("no-readiness-probe", "error", container(readinessProbe=None), "'petclinic'"),
    ("no-dark-step", "warning", steps({"setWeight": 10}, {"pause": {}}), "at 10 % before any test"),
    (
        "canary-scale-held",
        "warning",
        steps(*DARK, {"setWeight": 10}, {"pause": {}}, {"setWeight": 100}),
        "1 of 2 pods by setCanaryScale are still in force at 100 %, which wants 2",
    ),
    (
        "canary-scale-held",
        "warning",
        steps({"setCanaryScale": {"weight": 10}}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}),
        "at 60 %, which wants 2",
    ),
    (
        "dark-pods-dropped",
        "warning",
        steps(*DARK, MATCH, {"setWeight": 10}, {"pause": {}}),
        "the pods of steps[0] are scaled down to 0",
    ),
    (
        "weight-without-stop",
        "warning",
        steps(*SCALED, {"setWeight": 30}, {"pause": {}}),
        "setWeight 10 has no pause",
    ),
    (
        "weight-not-rising",
        "warning",
        steps(*SCALED, {"pause": {}}, {"setWeight": 5}, {"pause": {}}),
        "setWeight 5 after 10: it goes down",
    ),
    (
        "consecutive-pauses",
        "warning",
        steps(*SCALED, {"pause": {"duration": 1}}, {"pause": {}}),
        "steps[4] and steps[5]",
    ),
    ("no-limits", "warning", container(resources={"limits": {"cpu": 1}}), "no limit of memory"),
    ("scale-down-delay-zero", "warning", put(scaleDownDelaySeconds=0), "never scaled down"),
    ("abort-scale-down-delay-zero", "warning", put(abortScaleDownDelaySeconds=0), "setCanaryScale"),
]

# What looks like a flaw and is none.
CORRECT: dict[str, Change] = {
    "the-good-rollout": lambda rollout, others: None,
    "a-good-metric": metric(),
    "an-alb-action-that-argo-writes": ingress(
        WEIGHTED, alb={"ingress": "i", "servicePort": 80, "rootService": "canary-action"}
    ),
    "a-redirect": ingress('{"type":"redirect","redirectConfig":{"port":"443"}}'),
    "an-action-that-is-no-json": ingress("{"),
    "fifty-curls": job(CURLS.format(50)),
    "a-smoke-test-that-retries": job("for i in $(seq 10); do curl -f /health && exit 0; done"),
    "a-scalar-query": metric(
        provider={"prometheus": {"query": "scalar(canary:errors)"}}, successCondition="result < 1"
    ),
    "a-brace-in-a-label": metric(
        provider={"prometheus": {"query": 'sum(x{hash="canary",path=~"/v{1,2}/a"})'}}
    ),
    "a-join-on-the-hash": metric(
        provider={"prometheus": {"query": 'rate(x[1m]) * on(pod) y{hash="1"} * z{job="was"}'}}
    ),
    "one-failure-borne-for-ten-seconds": metric(
        failureLimit=1, provider={"prometheus": {"query": 'x{service="was-canary"}'}}
    ),
    "istio-by-subsets": put(
        canaryService=None,
        stableService=None,
        trafficRouting={"istio": {"destinationRule": {"a": 1}}},
    ),
    "an-analysis-as-stop": steps(*SCALED, {"analysis": {"templates": []}}),
    "a-surge-in-percent": put(maxSurge="25%"),
    "a-sidecar-without-ports": lambda rollout, others: rollout["spec"]["template"]["spec"][
        "containers"
    ].append({"name": "sidecar"}),
    "pods-of-a-deployment-elsewhere": spec(
        template=None, workloadRef={"kind": "Deployment", "name": "was"}
    ),
}


def ids(cases: list[tuple[str, str, Change, str]]) -> list[str]:
    return [f"{rule}-{i}" for i, (rule, *_) in enumerate(cases)]


@pytest.mark.parametrize(("rule", "severity", "change", "says"), TRIGGERS, ids=ids(TRIGGERS))
def test_a_flaw_is_found_with_its_value(
    rule: str, severity: str, change: Change, says: str
) -> None:
    found = [finding for finding in findings(change) if finding.rule == rule]

    assert any(says in finding.message for finding in found)
    assert {finding.severity for finding in found} == {severity}
    assert all(finding.why and finding.fix for finding in found)


@pytest.mark.parametrize("change", CORRECT.values(), ids=CORRECT)
def test_what_is_correct_is_left_alone(change: Change) -> None:
    assert findings(change) == ()


def test_every_rule_has_a_trigger() -> None:
    assert {rule.id for rule in RULES} == {rule for rule, *_ in TRIGGERS}


def test_the_table_in_the_docstring_is_the_registry() -> None:
    rows = [line.split(maxsplit=2) for line in (module.__doc__ or "").splitlines() if "  " in line]
    written = [(row[0], row[1].rstrip("*"), row[2]) for row in rows if row[0] != "=" * len(row[0])]

    assert written == [(rule.id, rule.severity, rule.because) for rule in RULES]


@pytest.mark.parametrize(
    "run",
    [
        put(analysis={"templates": [{"templateName": "errors"}]}),
        steps(*SCALED, {"analysis": {"templates": [{"templateName": "errors"}]}}),
        steps(*SCALED, {"pause": {}}, {"experiment": {"analyses": [{"templateName": "errors"}]}}),
    ],
    ids=["in-the-background", "as-a-step", "in-an-experiment"],
)
def test_a_template_that_the_rollout_runs_makes_errors(run: Change) -> None:
    def change(rollout: dict[str, Any], others: list[dict[str, Any]]) -> None:
        metric(successCondition="result < 0.05")(rollout, others)
        run(rollout, others)

    assert {finding.severity for finding in findings(change)} == {"error"}


@pytest.mark.parametrize(
    ("argument", "is_mixed"),
    [
        ({"name": "service", "value": "was"}, True),
        ({"name": "service", "value": "was-canary"}, False),
        ({"name": "service", "valueFrom": {"podTemplateHashValue": "Latest"}}, False),
    ],
    ids=["a-service-of-both", "the-canary's-service", "the-hash"],
)
def test_arguments_are_filled_in_before_the_query_is_judged(
    argument: dict[str, Any], is_mixed: bool
) -> None:
    def change(rollout: dict[str, Any], others: list[dict[str, Any]]) -> None:
        bare = {**GOOD_METRIC, "provider": {"prometheus": {"query": 'x{s="{{args.service}}"}'}}}
        others.append(template(bare, args=[{"name": "service"}]))
        canary_of(rollout)["analysis"] = {
            "templates": [{"templateName": "errors"}],
            "args": [argument],
        }

    assert any(f.rule == "query-mixes-versions" for f in findings(change)) == is_mixed


def test_the_fix_of_a_condition_leaves_its_other_uses_alone() -> None:
    found = findings(metric(successCondition="len(result) == 0 || result < 0.05"))

    assert 'successCondition: "len(result) == 0 || result[0] < 0.05"' in [f.fix for f in found]


def test_a_finding_names_its_document() -> None:
    found = findings(metric(successCondition="result < 0.05"))

    assert {(f.document, f.index) for f in found} == {("AnalysisTemplate/errors", 1)}


def test_pods_of_a_workload_beside_the_rollout_are_judged_there() -> None:
    def change(rollout: dict[str, Any], others: list[dict[str, Any]]) -> None:
        pods = rollout["spec"].pop("template")
        del pods["spec"]["containers"][0]["readinessProbe"]
        rollout["spec"]["workloadRef"] = {"kind": "Deployment", "name": "was"}
        others.append(
            {"kind": "Deployment", "metadata": {"name": "was"}, "spec": {"template": pods}}
        )

    assert [(f.rule, f.document) for f in findings(change)] == [
        ("no-readiness-probe", "Deployment/was")
    ]


@pytest.mark.parametrize(
    ("count", "low", "high", "expected"),
    [(10, 0.1, 1 / 3, 0.2639), (10, 0.0, 0.1, 0.3487), (1, 0.0, 1.0, 0.0), (3, 0.5, 0.5, 0.5)],
    ids=["ten-curls", "ten-curls-no-split", "all-or-nothing", "the-same-share"],
)
def test_error_rate_is_that_of_the_binomial(
    count: int, low: float, high: float, expected: float
) -> None:
    assert error_rate(count, low, high) == pytest.approx(expected, abs=1e-4)


def test_needed_is_the_first_count_that_is_right_often_enough() -> None:
    n = needed(0.1, 1 / 3)

    assert error_rate(n, 0.1, 1 / 3) <= 0.05 < error_rate(n - 1, 0.1, 1 / 3)


# Arbitrary values, but under the keys that the rules look at: else none would look far.
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=8)
    | st.sampled_from(
        ["1", "10", "²", "25%", "%", "2m", "result < 1", "{{args.x}}", ACTION, WEIGHTED]
    )
)
NAMES = st.sampled_from(
    [
        "kind", "metadata", "name", "spec", "replicas", "strategy", "canary", "steps", "pause",
        "setWeight", "setCanaryScale", "duration", "analysis", "experiment", "templates",
        "templateName", "trafficRouting", "alb", "traefik", "template", "containers", "resources",
        "limits", "metrics", "provider", "prometheus", "query", "web", "job", "count", "interval",
        "failureLimit", "successCondition", "args", "value", "annotations", "maxSurge",
        "minReadySeconds", "workloadRef", "command", ACTION,
    ]
) | st.text(max_size=4)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5)
)
MAPPINGS = st.dictionaries(NAMES, JSON, max_size=6)


@given(MAPPINGS, st.lists(MAPPINGS, max_size=3))
@settings(max_examples=200, deadline=None)
def test_lint_never_raises_whatever_it_is_given(
    rollout: dict[str, Any], others: list[dict[str, Any]]
) -> None:
    assert isinstance(lint(rollout, others), tuple)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_lint_never_raises_on_a_manifest_with_a_part_replaced(data: st.DataObject) -> None:
    rollout, others = good()
    canary_of(rollout)["analysis"] = {"templates": [{"templateName": "errors"}]}
    for change in (metric(failureLimit=3), job(CURLS.format(10)), ingress(WEIGHTED)):
        change(rollout, others)
    documents = deepcopy([rollout, *others])
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = documents
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = data.draw(st.sampled_from(keys))
            inner = place[key]
            if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
                break
            place = inner
        if place is not documents:
            place[key] = data.draw(JSON)

    assert isinstance(lint(documents[0], documents[1:]), tuple)
