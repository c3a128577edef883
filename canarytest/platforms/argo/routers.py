"""
The weight that a router was given, read from the object that the controller writes. Pure.

The shapes are those of Argo Rollouts' documentation (features/traffic-management) and of the
routers' own. A weight is percent of what one route gives to all its destinations.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

Object = Mapping[str, Any]
FULL = 100.0
_ALB, _NGINX = "alb.ingress.kubernetes.io", "nginx.ingress.kubernetes.io"
_GATEWAY_API = "argoproj-labs/gatewayAPI"
_INGRESSES = "networking.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a weight stands."""

    kind: str
    name: str
    path: str  # at the API server
    read: Callable[[Object], float | None]  # the object's weight for the canary; None: it has none

    def __str__(self) -> str:
        """Return it as it is named in messages."""
        return f"{self.kind} {self.name}"


def sources(rollout: Object) -> tuple[Source, ...]:
    """Return where *rollout* has its weights written; nothing without a router that is known."""
    canary = rollout["spec"]["strategy"]["canary"]
    routing = canary.get("trafficRouting") or {}
    names = canary.get("canaryService") or "", canary.get("stableService") or ""
    place = _Place(rollout["metadata"]["namespace"], rollout["metadata"]["name"], *names)
    found: list[Source] = []
    for key, read in _ROUTERS.items():
        if isinstance(router := routing.get(key), Mapping):
            found += read(place, router)
    plugins = routing.get("plugins") or {}
    if isinstance(plugin := plugins.get(_GATEWAY_API), Mapping):
        found += _gateway(place, plugin)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Place:
    namespace: str
    rollout: str
    canary: str  # Services
    stable: str

    def source(
        self, kind: str, group: str, name: str, read: Callable[[Object], float | None]
    ) -> Source:
        plural = "ingresses" if kind == "Ingress" else f"{kind.lower()}s"
        where = f"/apis/{group}/namespaces/{quote(self.namespace, safe='')}"
        return Source(kind, name, f"{where}/{plural}/{quote(name, safe='')}", read)

    def share(self, weights: Mapping[str, float]) -> float | None:
        """Return the canary's percent of *weights* by Service; None if it is not among them."""
        total = sum(weights.values())
        if self.canary not in weights or not total:
            return None
        return FULL * weights[self.canary] / total


def _alb(place: _Place, router: Object) -> Iterator[Source]:
    prefix = router.get("annotationPrefix") or _ALB
    key = f"{prefix}/actions.{router.get('rootService') or place.stable}"

    def read(ingress: Object) -> float | None:
        try:
            groups = json.loads(_annotations(ingress)[key])["ForwardConfig"]["TargetGroups"]
            weights = {g["ServiceName"]: float(g.get("Weight", 0)) for g in groups}
        except (KeyError, TypeError, ValueError):
            return None
        return place.share(weights)

    for name in _names(router, "ingress", "ingresses"):
        yield place.source("Ingress", _INGRESSES, name, read)


def _nginx(place: _Place, router: Object) -> Iterator[Source]:
    prefix = router.get("annotationPrefix") or _NGINX

    def read(ingress: Object) -> float | None:
        annotations = _annotations(ingress)
        if annotations.get(f"{prefix}/canary") != "true":
            return None
        try:
            weight = float(annotations[f"{prefix}/canary-weight"])
            return FULL * weight / float(annotations.get(f"{prefix}/canary-weight-total", FULL))
        except (KeyError, ValueError, ZeroDivisionError):
            return None

    for stable in _names(router, "stableIngress", "stableIngresses"):
        name = f"{place.rollout}-{stable}-canary"[:253]  # as the controller cuts it
        yield place.source("Ingress", _INGRESSES, name, read)


def _istio(place: _Place, router: Object) -> Iterator[Source]:
    # With subsets alone neither version need have a Service.
    place = replace(place, canary=place.canary or "canary", stable=place.stable or "stable")
    rule = router.get("destinationRule") or {}
    subsets = {
        rule.get("canarySubsetName"): place.canary,
        rule.get("stableSubsetName"): place.stable,
    }
    one = router.get("virtualService")
    for service in [one] if one else router.get("virtualServices") or ():
        routes = tuple(service.get("routes") or ())

        def read(found: Object, routes: tuple[str, ...] = routes) -> float | None:
            return _of_virtual_service(found, routes, place, subsets)

        name, _, other = str(service["name"]).partition(".")  # "NAME.NAMESPACE", as Argo has it
        there = replace(place, namespace=other or place.namespace)
        yield there.source("VirtualService", "networking.istio.io/v1alpha3", name, read)


def _of_virtual_service(
    found: Object, routes: Sequence[str], place: _Place, subsets: Mapping[Any, str]
) -> float | None:
    for route in _virtual_routes(found.get("spec") or {}, routes):
        weights: dict[str, float] = {}
        for entry in route.get("route") or ():
            destination = entry.get("destination") or {}
            subset = destination.get("subset")
            service = subsets.get(subset, subset) if subset else _host(destination)
            weights[service] = float(entry.get("weight", 0))
        if (share := place.share(weights)) is not None:
            return share
    return None


def _virtual_routes(spec: Object, routes: Sequence[str]) -> Iterator[Object]:
    for kind in ("http", "tls", "tcp"):
        for route in spec.get(kind) or ():
            if not routes or kind != "http" or route.get("name") in routes:
                yield route


def _host(destination: Object) -> str:
    """Return the Service of *destination*: its host may be the full name."""
    return str(destination.get("host", "")).partition(".")[0]


def _smi(place: _Place, router: Object) -> Iterator[Source]:
    def read(split: Object) -> float | None:
        return place.share(_listed((split.get("spec") or {}).get("backends"), "service", 0))

    name = router.get("trafficSplitName") or place.rollout
    yield place.source("TrafficSplit", "split.smi-spec.io/v1alpha1", name, read)


def _traefik(place: _Place, router: Object) -> Iterator[Source]:
    def read(service: Object) -> float | None:
        weighted = (service.get("spec") or {}).get("weighted") or {}
        return place.share(_listed(weighted.get("services"), "name", 0))

    name = router.get("weightedTraefikServiceName")
    if name:
        yield place.source("TraefikService", "traefik.io/v1alpha1", name, read)


def _gateway(place: _Place, plugin: Object) -> Iterator[Source]:
    def read(route: Object) -> float | None:
        rules = (route.get("spec") or {}).get("rules") or ()
        shares = (place.share(_listed(rule.get("backendRefs"), "name", 1)) for rule in rules)
        return next((share for share in shares if share is not None), None)

    names = [plugin["httpRoute"]] if plugin.get("httpRoute") else []
    names += [route["name"] for route in plugin.get("httpRoutes") or ()]
    there = replace(place, namespace=plugin.get("namespace") or place.namespace)
    for name in names:
        yield there.source("HTTPRoute", "gateway.networking.k8s.io/v1", name, read)


def _listed(entries: Sequence[Object] | None, key: str, default: int) -> Mapping[str, float]:
    """Return the weights of *entries* by the Service that *key* names."""
    found: dict[str, float] = {}
    for entry in entries or ():
        try:
            weight = float(entry.get("weight", default))
        except ValueError:
            return {}
        found[str(entry.get(key))] = found.get(str(entry.get(key)), 0.0) + weight
    return found


def _annotations(found: Object) -> Mapping[str, str]:
    return found["metadata"].get("annotations") or {}


def _names(router: Object, one: str, many: str) -> list[str]:
    return [router[one]] if router.get(one) else list(router.get(many) or ())


_ROUTERS: Mapping[str, Callable[[_Place, Object], Iterator[Source]]] = {
    "alb": _alb,
    "nginx": _nginx,
    "istio": _istio,
    "smi": _smi,
    "traefik": _traefik,
}
