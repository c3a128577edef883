"""What a run needs, and what is said where it is missing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from canarytest.config import Table
from canarytest.core.errors import NotBegun
from canarytest.platforms.argo import settings
from canarytest.platforms.argo.rights import Right, needed, refuse_missing, to_read
from tests.platforms.argo.test_settings import GOOD

ROLE = Path(__file__).parents[3] / "deploy" / "rbac.yaml"
SPEC: dict[str, Any] = {
    "strategy": {
        "canary": {
            "canaryService": "was-canary",
            "stableService": "was-stable",
            "steps": [{"setWeight": 10}, {"pause": {}}],
        }
    }
}


class FakeApi:
    """An API server that allows all but what is named."""

    def __init__(self, *denied: tuple[str, str]) -> None:
        self.denied = denied
        self.asked: list[Mapping[str, str]] = []

    def create(self, path: str, review: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a review."""
        assert path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        asked = review["spec"]["resourceAttributes"]
        self.asked.append(asked)
        resource = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
        return {"status": {"allowed": (asked["verb"], resource) not in self.denied}}


def rights(spec: dict[str, Any] = SPEC, **keys: Any) -> tuple[Right, ...]:
    return needed(settings.read(Table({**GOOD, **keys}, "target")), spec)


def names(found: tuple[Right, ...]) -> list[str]:
    return [right.resource for right in found]


ALWAYS = ["rollouts", "rollouts/status", "replicasets", "pods", "pods/log", "leases", "leases"]


@pytest.mark.parametrize(
    ("keys", "more"),
    [
        ({}, []),
        ({"canary_via": "port-forward"}, ["pods/portforward"]),
        ({"canary_via": {"url": "http://canary"}}, ["pods/portforward"]),
        ({"canary_via": "proxy"}, ["services/proxy", "services/proxy"]),
    ],
)
def test_what_is_needed_depends_on_the_way(keys: dict[str, Any], more: list[str]) -> None:
    assert names(rights(**keys)) == [*ALWAYS, *more]


@pytest.mark.parametrize(
    "canary",
    [{"steps": [{"analysis": {}}]}, {"steps": [{"experiment": {}}]}, {"analysis": {}}],
)
def test_what_is_analysed_is_read(canary: dict[str, Any]) -> None:
    assert names(rights({"strategy": {"canary": canary}})) == [*ALWAYS, "analysisruns"]


def test_each_missing_right_is_named_with_its_rule() -> None:
    api = FakeApi(("patch", "rollouts/status"), ("watch", "pods"))
    with pytest.raises(NotBegun) as caught:
        refuse_missing(api, "petclinic", rights())  # type: ignore[arg-type]

    said = str(caught.value)
    assert "rights are missing in the namespace 'petclinic'" in said
    assert "patch rollouts/status (to leave a pause, and to abort)" in said
    assert (
        "{apiGroups: ['argoproj.io'], resources: [rollouts/status], resourceNames: ['was'], "
        "verbs: [patch]}"
    ) in said
    assert "{apiGroups: [''], resources: [pods], verbs: [watch]}" in said
    assert all(asked["namespace"] == "petclinic" for asked in api.asked)


def test_all_rights_are_enough() -> None:
    refuse_missing(FakeApi(), "petclinic", rights())  # type: ignore[arg-type]


def test_the_role_has_what_is_needed_and_its_rules_are_yaml() -> None:
    role = next(d for d in yaml.safe_load_all(ROLE.read_text()) if d["kind"] == "Role")
    analysed = {"strategy": {"canary": {**SPEC["strategy"]["canary"], "analysis": {}}}}
    wanted = {
        *rights(analysed, canary_via={"proxy": 80}),
        *rights(canary_via="port-forward"),
        to_read("was"),
    }
    for right in wanted:
        rule = yaml.safe_load(right.rule)
        assert any(_covers(given, rule) for given in role["rules"]), right.rule


def _covers(given: dict[str, Any], rule: dict[str, Any]) -> bool:
    same = all(set(rule[key]) <= set(given[key]) for key in ("apiGroups", "resources", "verbs"))
    return same and set(rule.get("resourceNames", ())) <= set(given.get("resourceNames", ()))
