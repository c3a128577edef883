"""The rights that would be missed only when it is too late, asked for at the begin."""

from __future__ import annotations

from collections.abc import Mapping

from canarytest.core.errors import NotBegun
from canarytest.platforms.argo.api import Api

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def refuse_missing(api: Api, namespace: str, rollout: str, *, forwards: bool) -> None:
    """
    Raise NotBegun if the rights to go on, to hold or to abort *rollout* are not ours.

    What is only read is read at once, and needs no asking. *forwards* is whether a version is
    reached by a port-forward.
    """
    of_rollout = {"group": "argoproj.io", "resource": "rollouts", "verb": "patch", "name": rollout}
    asked: list[Mapping[str, str]] = [of_rollout, {**of_rollout, "subresource": "status"}]
    if forwards:
        asked.append({"resource": "pods", "subresource": "portforward", "verb": "create"})
    missing = [_said(wish) for wish in asked if not _has(api, {**wish, "namespace": namespace})]
    if missing:
        raise NotBegun(
            f"rights are missing in the namespace {namespace!r}: {', '.join(missing)}; expected "
            "those of deploy/rbac.yaml; bind that Role to the user of the context"
        )


def _has(api: Api, wish: Mapping[str, str]) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": dict(wish)},
    }
    return bool(api.create(_REVIEWS, review)["status"]["allowed"])


def _said(wish: Mapping[str, str]) -> str:
    resource = "/".join(filter(None, (wish["resource"], wish.get("subresource"))))
    return f"{wish['verb']} {resource}"
