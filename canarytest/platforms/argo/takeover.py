"""How a rollout becomes ours: the one in progress is attached to, or an image begins one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from canarytest.core.errors import NotBegun, PlatformError
from canarytest.core.plan import Plan
from canarytest.platforms.argo import orders, watch
from canarytest.platforms.argo.api import Api
from canarytest.platforms.argo.mirror import Mirror
from canarytest.platforms.argo.view import HASH_LABEL, REVISION, RolloutView

SEEN_WITHIN_S = 60.0  # by the controller
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Image:
    """The image that a container is to be given."""

    container: str
    image: str


def settled(mirror: Mirror, api: Api, namespace: str, *, other_than: str = "") -> RolloutView:
    """
    Return the Rollout once its status speaks of its spec, and its canary is the newest revision.

    With *other_than*, once that revision is no longer the newest one.
    """
    give_up = time.monotonic() + SEEN_WITHIN_S
    while (left := give_up - time.monotonic()) > 0:
        view = mirror.wait(lambda: _fresh(mirror.rollout, other_than), left)
        if view is None:
            break
        if newest(replica_sets(api, namespace, view.name)) == view.canary:
            return view
        mirror.wait(lambda seen=view: mirror.rollout.version > seen.version or None, 1.0)  # type: ignore[misc]
    raise PlatformError(_not_taken_up(mirror.rollout))


def _not_taken_up(view: RolloutView) -> str:
    begin = f"the controller did not take up the Rollout within {SEEN_WITHIN_S:g} s"
    if view.is_fresh and view.phase == "Degraded":
        return f"{begin}: it is Degraded: {view.message}"
    return (
        f"{begin}: it observed generation {view.observed_generation} of {view.generation}; "
        "is Argo Rollouts running?"
    )


def attachable(view: RolloutView, plan: Plan, *, may_retry: bool) -> None:
    """
    Raise NotBegun if there is no rollout in progress that has yet to be verified.

    With *may_retry* an aborted one will do: it begins again.
    """
    where = f"the Rollout {view.name} (revision {view.revision})"
    if plan.is_first:
        if view.is_rolling:
            raise NotBegun(f"{where} was given a second revision just now; begin again")
        return
    if view.revision == "1" and not view.is_rolling:
        raise NotBegun(
            f"{where} is deployed for the first time: there is no stable version that it could be "
            "compared with, or go back to, and Argo takes no steps; expected a second revision; "
            'with on_first_deploy = "smoke" in the target the tests run once against what came up'
        )
    if not view.is_rolling:
        raise NotBegun(
            f"{where} has no rollout in progress to attach to: it is {view.phase}; give the new "
            "image by --canary-image CONTAINER=IMAGE, or change the Rollout first"
        )
    if view.is_aborted and may_retry:
        return
    if view.is_aborted:
        raise NotBegun(
            f"{where} is aborted; nothing was touched; begin again with "
            f"`kubectl argo rollouts retry rollout {view.name}`, or give another image"
        )
    first = plan.steps[0]
    if view.index > first.spec_index:
        raise NotBegun(
            f"{where} is at step {view.index} already, past the stop {first.label} at step "
            f"{first.spec_index}, which was not verified; nothing was touched; "
            + ("go on by --canary-resume" if view.left else "abort it and begin again")
        )
    if plan.left is not None and (view.canary, view.index) != (plan.left.canary, plan.left.step):
        raise NotBegun(
            f"{where} is no longer where run {plan.left.run} left it: at step {view.index} with "
            f"pod hash {view.canary}, not at step {plan.left.step} with {plan.left.canary}; "
            "nothing was touched"
        )


def refuse_unselected(spec: Object) -> None:
    """Raise NotBegun if the Rollout's *spec* does not say which pods are its own."""
    if not spec.get("selector"):
        raise NotBegun(
            f"the Rollout has no spec.selector: it takes it of {_referred(spec)}, by workloadRef; "
            "expected one of its own, by which its pods are found; copy it from there, it may be "
            "beside workloadRef"
        )


def placed(rollout: Object, image: Image) -> tuple[int, str]:
    """Return which container *image* is for, and the image that it has; raises NotBegun."""
    spec = rollout["spec"]
    if not spec.get("template"):
        raise NotBegun(
            f"--canary-image: the Rollout takes its template of {_referred(spec)}, by workloadRef; "
            "expected one of its own, in spec.template, to put the image into; change the image "
            "there, and begin without --canary-image"
        )
    containers = spec["template"]["spec"]["containers"]
    names = [container["name"] for container in containers]
    if image.container not in names:
        raise NotBegun(
            f"--canary-image: the Rollout has no container {image.container!r}; expected one of "
            f"{', '.join(names)}"
        )
    number = names.index(image.container)
    return number, str(containers[number].get("image", ""))


def image_orders(
    rollout: Object, image: Image
) -> tuple[list[orders.Operation], list[orders.Operation]]:
    """Return the orders that give *rollout* the *image*, and that take it back."""
    number, before = placed(rollout, image)
    generation = rollout["metadata"]["generation"]
    where = f"/spec/template/spec/containers/{number}/image"
    undo = [
        {"op": "test", "path": where, "value": image.image},
        {"op": "replace", "path": where, "value": before},
    ]
    return orders.set_image(generation, number, image.container, image.image), undo


def replica_sets(api: Api, namespace: str, rollout: str) -> list[Object]:
    """Return the ReplicaSets of *rollout*."""
    found: list[Object] = api.get(watch.replica_sets(namespace), {"labelSelector": HASH_LABEL})[
        "items"
    ]
    return [item for item in found if _owner(item) == rollout]


def newest(found: Sequence[Object]) -> str:
    """Return the pod hash of the newest revision of the ReplicaSets *found*."""
    latest = max(found, key=_revision, default=None)
    return latest["metadata"]["labels"][HASH_LABEL] if latest else ""


def image_of(found: Sequence[Object], hash_: str) -> str:
    """Return the image of the first container of the revision *hash_*."""
    item = revision(found, hash_)
    return str(item["spec"]["template"]["spec"]["containers"][0].get("image", "")) if item else ""


def revision(found: Sequence[Object], hash_: str) -> Object | None:
    """Return the ReplicaSet of the revision *hash_* among those *found*; None if it is gone."""
    return next((i for i in found if i["metadata"]["labels"][HASH_LABEL] == hash_), None)


def _fresh(view: RolloutView, other_than: str) -> RolloutView | None:
    return view if view.is_fresh and view.canary and view.canary != other_than else None


def _referred(spec: Object) -> str:
    reference = spec.get("workloadRef") or {}
    return f"{reference.get('kind', 'a workload')} {reference.get('name', 'without a name')}"


def _owner(item: Object) -> str:
    owners = item["metadata"].get("ownerReferences") or ()
    return next((o["name"] for o in owners if o.get("kind") == "Rollout"), "")


def _revision(item: Object) -> int:
    return int((item["metadata"].get("annotations") or {}).get(REVISION, 0))
