"""What a run needs, and what is said where it is missing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from canarytest.config import Table
from canarytest.core.errors import NotBegun
from canarytest.platforms.argo import settings
from canarytest.platforms.argo.rights import Right, _allows, needed, refuse_missing, to_read
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
    """
    An API server that allows all but what is named.

    With *is_rbac_known* it tells its rules, each for any object and one right.
    """

    def __init__(self, *denied: tuple[str, str], is_rbac_known: bool = False) -> None:
        self.denied = denied
        self.is_rbac_known = is_rbac_known
        self.asked: list[Mapping[str, str]] = []
        self.calls = 0

    def create(self, path: str, review: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a review."""
        self.calls += 1
        if path == "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews":
            assert review["spec"] == {"namespace": "petclinic"}
            return {"status": {"resourceRules": self._rules(), "incomplete": True}}
        assert path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        asked = review["spec"]["resourceAttributes"]
        self.asked.append(asked)
        resource = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
        return {"status": {"allowed": (asked["verb"], resource) not in self.denied}}

    def _rules(self) -> list[dict[str, Any]]:
        return [
            {"verbs": [verb], "apiGroups": [right.group], "resources": [right.resource]}
            for right in (rights() if self.is_rbac_known else ())
            for verb in right.verbs
            if (verb, right.resource) not in self.denied
        ]


def rights(spec: dict[str, Any] = SPEC, **keys: Any) -> tuple[Right, ...]:
    return needed(settings.read(Table({**GOOD, **keys}, "target")), spec)


def names(found: tuple[Right, ...]) -> list[str]:
    return [right.resource for right in found]


ALWAYS = [
    *("rollouts", "rollouts/status", "replicasets", "pods", "pods/log", "events"),
    *("leases", "leases"),
]


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


@pytest.mark.parametrize("is_rbac_known", [True, False])
def test_all_rights_are_enough(*, is_rbac_known: bool) -> None:
    api = FakeApi(is_rbac_known=is_rbac_known)
    refuse_missing(api, "petclinic", rights())  # type: ignore[arg-type]

    assert (api.calls == 1) is is_rbac_known  # one call for all rules


def test_only_what_no_rule_allows_is_asked_for_by_itself() -> None:
    api = FakeApi(("watch", "pods"), is_rbac_known=True)
    with pytest.raises(NotBegun, match=r"watch pods \("):
        refuse_missing(api, "petclinic", rights())  # type: ignore[arg-type]

    assert [(asked["verb"], asked["resource"]) for asked in api.asked] == [("watch", "pods")]


RULE = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods/log"]}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (RULE, True),
        ({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, True),
        ({**RULE, "resources": ["*/log"]}, True),
        ({**RULE, "resources": ["pods"]}, False),
        ({**RULE, "apiGroups": ["apps"]}, False),
        ({**RULE, "verbs": ["list"]}, False),
        ({**RULE, "resourceNames": ["was-1"]}, False),  # of one pod only
    ],
)
def test_what_a_rule_allows(rule: dict[str, Any], *, expected: bool) -> None:
    assert _allows(rule, Right("", "pods/log", ("get",), "why"), "get") is expected


@pytest.mark.parametrize(("name", "expected"), [("was", True), ("other", False)])
def test_a_rule_for_one_object_allows_that_one(name: str, *, expected: bool) -> None:
    rule = {**RULE, "resourceNames": ["was"]}

    assert _allows(rule, Right("", "pods/log", ("get",), "why", name), "get") is expected


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
