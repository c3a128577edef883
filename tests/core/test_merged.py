"""Templates as one, and the arguments that a Rollout gives."""

from __future__ import annotations

from typing import Any

import pytest

from canarytest.core.analysis.merged import given_arguments, merged
from canarytest.core.errors import ConfigError

ROLLOUT = {
    "metadata": {"name": "was", "labels": {"app": "petclinic", "k8s.io/x": "y"}},
    "spec": {"replicas": 2, "paused": False, "list": [{"name": "first"}]},
}
HASHES = {"Stable": "abc", "Latest": "def"}


def given(**argument: Any) -> str:
    return given_arguments([{"name": "a", **argument}], ROLLOUT, HASHES)["a"]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ({"podTemplateHashValue": "Latest"}, "def"),
        ({"podTemplateHashValue": "Stable"}, "abc"),
        ({"fieldRef": {"fieldPath": "metadata.name"}}, "was"),
        ({"fieldRef": {"fieldPath": "metadata.labels['app']"}}, "petclinic"),
        ({"fieldRef": {"fieldPath": 'metadata.labels["k8s.io/x"]'}}, "y"),
        ({"fieldRef": {"fieldPath": "spec.replicas"}}, "2"),
        ({"fieldRef": {"fieldPath": "spec.paused"}}, "false"),
        ({"fieldRef": {"fieldPath": "spec.list[0].name"}}, "first"),
    ],
)
def test_a_value_is_read_from_the_rollout(source: dict[str, Any], value: str) -> None:
    assert given(valueFrom=source) == value


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ({"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, "secretKeyRef is read from"),
        ({"valueFrom": {"podTemplateHashValue": "Newest"}}, "Stable or Latest"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "metadata.nmae"}}}, "at 'metadata.nmae'; found"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}}, "found {'app'"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "spec.list[3].name"}}}, "found None"),
        ({"value": 3}, "3 is not a string"),
        ({}, "gives no value"),
    ],
)
def test_an_argument_without_a_value_is_refused(argument: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        given(**argument)

    assert words in str(raised.value)
    assert "'a'" in str(raised.value)


def test_templates_are_put_one_behind_the_other() -> None:
    a, b = {"name": "a"}, {"name": "b"}

    assert merged([{"metrics": [a], "dryRun": [{"metricName": "a"}]}, {"metrics": [b]}]) == {
        "metrics": [a, b],
        "dryRun": [{"metricName": "a"}],
        "measurementRetention": [],
        "args": [],
    }


def test_of_an_argument_that_both_have_the_value_counts() -> None:
    bare, full = {"name": "x"}, {"name": "x", "value": "1"}

    assert merged([{"args": [bare]}, {"args": [full]}, {"args": [bare]}])["args"] == [full]
    with pytest.raises(ConfigError, match=r"Argument `x` .* different values: '1', '2'"):
        merged([{"args": [full]}, {"args": [{"name": "x", "value": "2"}]}])


def test_what_is_no_list_is_refused() -> None:
    with pytest.raises(ConfigError, match="metrics 'x' is not a list"):
        merged([{"metrics": "x"}])
    with pytest.raises(ConfigError, match="args 'x' is not a list"):
        given_arguments("x", ROLLOUT, HASHES)
