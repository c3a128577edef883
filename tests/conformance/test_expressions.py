"""Conditions: what Argo's own tests and documentation expect of them."""

import json
import math
from collections import Counter
from typing import Any

import pytest

from canarytest.core.analysis import measured_phase, read_metric
from canarytest.core.errors import ConfigError, MeasurementError
from canarytest.core.expressions import EvaluationError, evaluate, parse
from canarytest.signals.providers import read_provider
from tests.conformance.cases import MISSING, cases
from tests.signals.server import Said, prometheus_says, serving

CASES = cases("expressions")
SPECIAL = {"NaN": math.nan, "Inf": math.inf, "-Inf": -math.inf}

# Argo finds these out at each measurement, which is then an Error; here they are refused before
# the first, in these words.
REFUSED = {
    "expr-003": "this is an integer",
    "expr-004": "unknown name 'invalidVariable'",
    "expr-005": "unknown name 'a'",
    "expr-009": "the method 'Name'",
    "expr-015": "== of a float and a string is not defined",
    "expr-045": "successCondition: condition 'a == true', character 1: unknown name 'a'",
    "expr-046": "failureCondition: condition 'a == true', character 1: unknown name 'a'",
    "expr-047": "failureCondition: condition 'invalidVar == true', character 1: unknown name",
    "expr-108": "unexpected '10.000000'",
}
# No condition is asked: the provider itself makes the measurement an Error. What a server would
# have to say for it, and what is asked of it.
OF_THE_PROVIDER: dict[str, tuple[Said, dict[str, dict[str, str]]]] = {
    "unsupported": (prometheus_says("string", [0, "x"]), {"prometheus": {"query": "x"}}),
    "query-error": (Said('{"status": "error", "error": "x"}', 503), {"prometheus": {"query": "x"}}),
    "http-300": (Said("true", 300), {"web": {}}),
    "http-400": (Said("", 400), {"web": {}}),
    "jsonpath-no-match": (Said('{"key": 1}'), {"web": {"jsonPath": "{$.other}"}}),
}

pytestmark = pytest.mark.skipif(not CASES, reason=MISSING)


def result_of(case: dict[str, Any]) -> Any:
    """Return the result as Go has it: numbers of JSON are floats, a vector is no list of JSON."""
    raw, kind = case["result"], case["type"]
    if kind == "float-special":
        return SPECIAL[raw]
    if kind == "float-list":
        return tuple(float(value) for value in raw)
    return raw if kind == "int" else json.loads(json.dumps(raw), parse_int=float)


def outcome_of(case: dict[str, Any]) -> bool | str:
    """Return what canarytest makes of *case*: true, false, a phase, an error or a refusal."""
    if case["type"] in OF_THE_PROVIDER:
        return "of the provider" if cannot_be_measured(case) else "measured"
    try:
        if case["kind"] == "condition":
            return evaluate(parse(case["expression"]), result_of(case))
        metric = read_metric(
            {"successCondition": case["success"], "failureCondition": case["failure"]}
        )
    except EvaluationError:
        return "error"
    except ConfigError as refusal:
        return f"refused: {refusal}"
    return measured_phase(metric, result_of(case))[0].value


def cannot_be_measured(case: dict[str, Any]) -> bool:
    """Say whether a real answer of this type is an Error before any condition is read."""
    said, provider = OF_THE_PROVIDER[case["type"]]
    with serving(lambda _: said) as server:
        where = {"address" if "prometheus" in provider else "url": server.url}
        ask = read_provider({kind: {**spec, **where} for kind, spec in provider.items()}, None)
        try:
            ask()
        except MeasurementError:
            return bool(server.asked)
    return False


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_a_condition_says_what_argo_says(case: dict[str, Any]) -> None:
    outcome = outcome_of(case)

    if case["id"] in REFUSED:
        assert case["expected"] in ("error", "Error")
        assert isinstance(outcome, str)
        assert outcome.startswith("refused: ")
        assert REFUSED[case["id"]] in outcome
    elif case["type"] in OF_THE_PROVIDER:
        assert (case["expected"], outcome) == ("Error", "of the provider")
    else:
        assert outcome == case["expected"]


def test_every_condition_is_accounted_for() -> None:
    kinds = Counter(str(outcome_of(case)).partition(":")[0] for case in CASES)

    assert kinds == {
        "True": 21, "False": 6, "error": 6, "Successful": 41, "Failed": 24, "Inconclusive": 5,
        "Error": 4, "refused": len(REFUSED), "of the provider": 6,
    }  # fmt: skip
    assert kinds.total() == 122


@pytest.mark.parametrize("name", ["expr-037", "expr-048"])
def test_no_data_is_said_in_argos_words(name: str) -> None:
    case = next(case for case in CASES if case["id"] == name)
    metric = read_metric({"successCondition": case.get("expression") or case["success"]})

    phase, message = measured_phase(metric, result_of(case))

    assert phase == "Error"
    assert message == (
        'could not evaluate successCondition "result[0] >= 0.95": metric result is nil or empty: '
        "no data returned from the metric provider"
    )
