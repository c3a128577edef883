"""The rules of deploy/rbac.yaml: each that is missing is named before anything is touched."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.cluster.stage import (
    BY_PROXY,
    EDGE,
    SUITE,
    TRAEFIK,
    Object,
    Stage,
    good_image,
    image,
)

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(240)]


UNUSED: Object = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "AnalysisTemplate",
    "metadata": {"name": "unused"},
    "spec": {"metrics": [{"name": "none", "provider": {"web": {"url": EDGE, "jsonPath": "{$}"}}}]},
}


@contextlib.contextmanager
def without(stage: Stage, resource: str, verb: str) -> Iterator[None]:
    """Take the rule for *verb* on *resource* away."""
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{stage.namespace}/roles/canarytest"
    role = stage.api.get(path)
    rules: list[Object] = [rule for rule in role["rules"] if not _is_for(rule, resource, verb)]
    assert len(rules) == len(role["rules"]) - 1
    less = stage.api.replace(path, {**role, "rules": rules})
    try:
        yield
    finally:
        stage.api.replace(path, {**less, "rules": role["rules"]})


def _is_for(rule: Object, resource: str, verb: str) -> bool:
    return resource in rule["resources"] and verb in rule["verbs"]


def assert_refused(stage: Stage, option: str, resource: str, verb: str) -> None:
    before = stage.read()["metadata"]["generation"]
    with without(stage, resource, verb):
        status, output = stage.end_early(option)
    said = " ".join(output.split())

    assert status == 12, output
    assert "rights are missing in the namespace" in said
    assert f"{verb}" in said.partition(f" {resource} (")[0]
    assert f"resources: [{resource}]" in said
    assert stage.read()["metadata"]["generation"] == before


@pytest.mark.parametrize(
    ("resource", "verb"),
    [
        ("rollouts", "get"),
        ("rollouts/status", "patch"),
        ("replicasets", "list"),
        ("pods", "watch"),
        ("pods/log", "get"),
        ("events", "watch"),
        ("leases", "create"),
        ("leases", "update"),
    ],
)
def test_each_rule_is_needed_and_named(behind_traefik: Stage, resource: str, verb: str) -> None:
    assert_refused(behind_traefik, good_image(behind_traefik), resource, verb)


def test_the_rule_for_the_proxy_is_named(behind_traefik: Stage) -> None:
    behind_traefik.write_project(BY_PROXY, SUITE)
    try:
        assert_refused(behind_traefik, good_image(behind_traefik), "services/proxy", "get")
    finally:
        behind_traefik.write_project(TRAEFIK, SUITE)


def test_the_rule_for_a_port_forward_is_named(without_router: Stage) -> None:
    assert_refused(without_router, image("v102"), "pods/portforward", "create")


def test_the_rule_for_analyses_is_named(behind_traefik: Stage) -> None:
    steps = behind_traefik.read()["spec"]["strategy"]["canary"]["steps"]
    behind_traefik.create(UNUSED)
    behind_traefik.plan([*steps, {"analysis": {"templates": [{"templateName": "unused"}]}}])
    try:
        assert_refused(behind_traefik, good_image(behind_traefik), "analysisruns", "list")
    finally:
        behind_traefik.plan(steps)


def test_the_router_need_not_be_read(behind_traefik: Stage) -> None:
    with without(behind_traefik, "traefikservices", "get"):
        ran = behind_traefik.run(good_image(behind_traefik), "-k", "login")

    assert ran.status == 0, ran.output
