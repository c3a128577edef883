"""Whether the share that is asked is the share that users get."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from canarytest.core.lint.rule import Flaw, error
from canarytest.core.lint.view import CANARY, View, at, mapping, sequence

TOLERANCE = 2  # percentage points between the weight asked and the pods' share
ALB_PREFIX = "alb.ingress.kubernetes.io"
NEEDS_BOTH_SERVICES = ("alb", "nginx", "smi", "traefik", "ambassador", "appMesh", "apisix", "istio")
STEPS_OF_ROUTERS = ("setCanaryScale", "setHeaderRoute", "setMirrorRoute")


@error(
    "no-traffic-routing",
    because="users get another share than the one written",
    why="The first step is meant to meet few users. By pods it meets as many as one pod serves, "
    "and the way back waits for pods to start.",
)
def no_traffic_routing(view: View) -> Iterator[Flaw]:
    weights = [weight for _, weight in view.weights if 0 < weight < 100]  # noqa: PLR2004  percent
    if view.router or not weights:
        return
    shares = {weight: pods for weight in weights if (pods := view.pods(weight))}
    said = [
        f"{weight} % asked, {100 * canary / (canary + stable):.0f} % by {canary} of "
        f"{canary + stable} pods"
        for weight, (canary, stable) in shares.items()
    ]
    is_off = any(abs(100 * c / (c + s) - w) > TOLERANCE for w, (c, s) in shares.items())
    yield Flaw(
        CANARY,
        "no trafficRouting: the pods themselves are the split"
        + (f": {'; '.join(said)}" if said else ""),
        "canaryService: was-canary\nstableService: was-stable\n"
        "trafficRouting:\n  traefik:\n    weightedTraefikServiceName: was",
        severity=None if is_off or not shares else "warning",  # some counts of pods do give it
    )


@error(
    "unowned-alb-weights",
    because="no abort of ours or Argo's takes this share back",
    why="The load balancer goes on sending this share wherever the annotation says, after an "
    "abort as before it.",
)
def unowned_alb_weights(view: View) -> Iterator[Flaw]:
    alb = mapping(view.router.get("alb"))
    prefix = f"{alb.get('annotationPrefix') or ALB_PREFIX}/actions."
    owned = alb and (alb.get("rootService") or view.canary.get("stableService"))
    for index, ingress in view.of_kind("Ingress"):
        annotations = mapping(at(ingress, "metadata", "annotations"))
        for key, value in annotations.items():
            groups = _weighted_groups(value) if str(key).startswith(prefix) else ()
            if len(groups) > 1 and key != f"{prefix}{owned}":
                yield Flaw(
                    ("metadata", "annotations", key),
                    f"{key} splits by hand ({', '.join(groups)}), and it is nobody's to change: "
                    "Argo writes the action of trafficRouting.alb only"
                    + (f", which is {owned!r}" if owned else ", and there is none"),
                    "trafficRouting:\n  alb:\n"
                    f"    ingress: {at(ingress, 'metadata', 'name')}\n"
                    f"    rootService: {str(key).removeprefix(prefix)}\n    servicePort: 80",
                    index=index,
                )


@error(
    "router-without-services",
    because="Argo refuses the Rollout (InvalidSpec)",
    why="A refused Rollout does nothing at all: the old version runs on, and the deployment "
    "seems to hang.",
)
def router_without_services(view: View) -> Iterator[Flaw]:
    canary, stable = view.canary.get("canaryService"), view.canary.get("stableService")
    missing = [key for key in ("canaryService", "stableService") if not view.canary.get(key)]
    needing = [kind for kind in NEEDS_BOTH_SERVICES if _needs_services(view, kind)]
    if needing and missing:
        yield Flaw(
            (*CANARY, "trafficRouting"),
            f"trafficRouting.{needing[0]} needs a Service for each version; "
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
            "\n".join(f"{key}: was-{key.removesuffix('Service')}" for key in missing),
        )
    elif canary and canary == stable:
        yield Flaw(
            (*CANARY, "canaryService"),
            f"canaryService and stableService are both {canary!r}",
            "canaryService: was-canary\nstableService: was-stable",
        )


@error(
    "needs-traffic-routing",
    because="Argo refuses the Rollout (InvalidSpec)",
    why="A refused Rollout does nothing at all: the old version runs on, and the deployment "
    "seems to hang.",
)
def needs_traffic_routing(view: View) -> Iterator[Flaw]:
    if view.router:
        return
    places = [((*e.where, e.kind), e.kind) for e in view.entries if e.kind in STEPS_OF_ROUTERS]
    if view.canary.get("scaleDownDelaySeconds") is not None:
        places.append(((*CANARY, "scaleDownDelaySeconds"), "scaleDownDelaySeconds"))
    if view.canary.get("dynamicStableScale") is True:
        places.append(((*CANARY, "dynamicStableScale"), "dynamicStableScale"))
    for where, name in places:
        yield Flaw(
            where,
            f"{name} without trafficRouting",
            f"add trafficRouting (with canaryService and stableService), or remove {name}",
        )


def _needs_services(view: View, kind: str) -> bool:
    router = view.router.get(kind)
    if router is None or (kind in ("alb", "istio") and view.canary.get("pingPong")):
        return False
    return kind != "istio" or not mapping(router).get("destinationRule")


def _weighted_groups(action: object) -> list[str]:
    try:
        parsed = json.loads(action) if isinstance(action, str) else None
    except (ValueError, RecursionError):  # the load balancer's controller will say so
        return []
    forward = _lower(_lower(parsed).get("forwardconfig"))
    groups = [_lower(group) for group in sequence(forward.get("targetgroups"))]
    return [
        f"{group.get('servicename', 'a target group')} {group['weight']}"
        for group in groups
        if "weight" in group
    ]


def _lower(value: object) -> Mapping[str, Any]:
    # The controller takes both spellings: its own camelCase and the Go names that Argo writes.
    return {key.lower(): item for key, item in mapping(value).items()}
