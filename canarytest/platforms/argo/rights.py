"""The rights that a run needs, asked for at the begin: later would be too late."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from canarytest.core.errors import NotBegun
from canarytest.platforms.argo.analyses import is_analysed
from canarytest.platforms.argo.api import Api
from canarytest.platforms.argo.lease import lease_name
from canarytest.platforms.argo.settings import Proxy, Settings, Way

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubject"

Rules = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Right:
    """One rule of a Role."""

    group: str
    resource: str  # with its subresource, as a Role has it: "rollouts/status"
    verbs: tuple[str, ...]
    why: str
    name: str = ""  # the only object that it is for; empty: any

    @property
    def rule(self) -> str:
        """The rule, in a line of YAML."""
        place = f"apiGroups: ['{self.group}'], resources: [{self.resource}]"
        names = f", resourceNames: ['{self.name}']" if self.name else ""
        return f"{{{place}{names}, verbs: [{', '.join(self.verbs)}]}}"


def needed(
    found: Settings, spec: Mapping[str, Any], *, may_undo: bool = False
) -> tuple[Right, ...]:
    """Return what a run needs to drive the Rollout of *spec* as *found* says."""
    ways = _of_ways(found, spec, may_undo=may_undo)
    return (*_always(found.rollout), *ways, *_of_analysis(spec))


def to_read(rollout: str) -> Right:
    """Return what it takes to know the plan."""
    return Right("argoproj.io", "rollouts", ("get",), "the plan is read of it", rollout)


def refuse_missing(api: Api, namespace: str, rights: Iterable[Right]) -> None:
    """Raise NotBegun if any of *rights* is not ours in *namespace*; it names each, and its rule."""
    rules = _rules(api, namespace)
    missing = [
        Right(right.group, right.resource, verbs, right.why, right.name)
        for right in rights
        if (verbs := tuple(v for v in right.verbs if not _is_ours(api, namespace, rules, right, v)))
    ]
    if missing:
        raise NotBegun(refusal(namespace, missing))


def refusal(namespace: str, missing: Iterable[Right]) -> str:
    """Return what is said of *missing* rights."""
    told = "; ".join(
        f"{', '.join(right.verbs)} {right.resource} ({right.why}), by the rule {right.rule}"
        for right in missing
    )
    return (
        f"rights are missing in the namespace {namespace!r}: {told}; expected those of "
        "deploy/rbac.yaml; add the rules to a Role that is bound to the user of the context"
    )


def _always(rollout: str) -> Iterator[Right]:
    follow = ("get", "list", "watch", "patch")
    yield Right("argoproj.io", "rollouts", follow, "it is followed, held and let go", rollout)
    yield Right(
        "argoproj.io", "rollouts/status", ("patch",), "to leave a pause, and to abort", rollout
    )
    yield Right("apps", "replicasets", ("list",), "which revision is the newest")
    yield Right("", "pods", ("list", "watch"), "which are ready, restart or do not come up")
    yield Right("", "pods/log", ("get",), "the last line before a crash")
    yield Right("", "events", ("list", "watch"), "why a pod or a ReplicaSet does not come up")
    group, why = "coordination.k8s.io", "no two runs drive one rollout"
    yield Right(group, "leases", ("create",), why)
    yield Right(group, "leases", ("get", "update"), why, lease_name(rollout))


def _of_ways(found: Settings, spec: Mapping[str, Any], *, may_undo: bool) -> Iterator[Right]:
    ways: dict[str, Way] = {"canary": found.canary, "stable": found.stable}
    if None in ways.values() or may_undo:  # no Service selects what was replaced
        # A websocket is opened by a GET; newer API servers ask for create besides.
        yield Right("", "pods/portforward", ("get", "create"), "a version is reached by it")
    for version, way in ways.items():
        service = spec["strategy"]["canary"].get(f"{version}Service")
        if isinstance(way, Proxy) and service:
            name = f"{service}:{way.port}" if way.port else service
            why = f"the {version} version is reached by it"
            yield Right("", "services/proxy", ("get",), why, name)


def _of_analysis(spec: Mapping[str, Any]) -> Iterator[Right]:
    if is_analysed(spec):
        why = "what the controller measured"
        yield Right("argoproj.io", "analysisruns", ("list", "watch"), why)


def _rules(api: Api, namespace: str) -> Rules:
    """Return the rules that are ours, as far as the server knows: one call for all rights."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    rules: Rules = api.create(f"{_REVIEWS}rulesreviews", review)["status"]["resourceRules"]
    return rules


def _is_ours(api: Api, namespace: str, rules: Rules, right: Right, verb: str) -> bool:
    """Whether one of *rules* allows it, or the server: authorizers beside RBAC tell no rules."""
    return any(_allows(rule, right, verb) for rule in rules) or _has(api, namespace, right, verb)


def _allows(rule: Mapping[str, Any], right: Right, verb: str) -> bool:
    subresource = f"*/{right.resource.partition('/')[2]}"
    return (
        not {"*", right.group}.isdisjoint(rule.get("apiGroups") or ())
        and not {"*", right.resource, subresource}.isdisjoint(rule.get("resources") or ())
        and not {"*", verb}.isdisjoint(rule["verbs"])
        and (not rule.get("resourceNames") or right.name in rule["resourceNames"])
    )


def _has(api: Api, namespace: str, right: Right, verb: str) -> bool:
    resource, _, subresource = right.resource.partition("/")
    asked = {
        "namespace": namespace,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "verb": verb,
        "name": right.name,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
    }
    return bool(api.create(f"{_REVIEWS}accessreviews", review)["status"]["allowed"])
