"""The weight in each router's own object, as the documentation of Argo Rollouts shows them."""

import json
from typing import Any

import pytest

from canarytest.platforms.argo.routers import sources

Object = dict[str, Any]


def rollout(routing: Object, **canary: Any) -> Object:
    services = {"canaryService": "canary-svc", "stableService": "stable-svc"}
    return {
        "metadata": {"name": "example", "namespace": "default"},
        "spec": {"strategy": {"canary": {**services, **canary, "trafficRouting": routing}}},
    }


def alb(canary: int, key: str = "alb.ingress.kubernetes.io/actions.stable-svc") -> Object:
    groups = [
        {"ServiceName": "canary-svc", "ServicePort": "80", "Weight": canary},
        {"ServiceName": "stable-svc", "ServicePort": "80", "Weight": 100 - canary},
    ]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
    return {"metadata": {"annotations": {key: json.dumps(action)}}}


def nginx(weight: str, prefix: str = "nginx.ingress.kubernetes.io", **more: str) -> Object:
    annotations = {f"{prefix}/canary": "true", f"{prefix}/canary-weight": weight}
    return {
        "metadata": {"annotations": annotations | {f"{prefix}/{k}": v for k, v in more.items()}}
    }


def virtual_service(*routes: Object, kind: str = "http") -> Object:
    return {"metadata": {}, "spec": {kind: list(routes)}}


def to(*destinations: tuple[Object, int], name: str = "primary") -> Object:
    return {"name": name, "route": [{"destination": d, "weight": w} for d, w in destinations]}


STABLE_HOST, CANARY_HOST = {"host": "stable-svc"}, {"host": "canary-svc.default.svc"}
SUBSETS = {"name": "rule", "canarySubsetName": "canary", "stableSubsetName": "stable"}
ISTIO = {"virtualService": {"name": "vsvc", "routes": ["primary"]}}


def subset(name: str) -> Object:
    return {"host": "example", "subset": name}


def split(*backends: Object) -> Object:
    return {"metadata": {}, "spec": {"backends": list(backends)}}


def http_route(*rules: list[Object]) -> Object:
    return {"metadata": {}, "spec": {"rules": [{"backendRefs": refs} for refs in rules]}}


GATEWAY = {"plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "route", "namespace": "edge"}}}
NETWORKING = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
VIRTUAL = "/apis/networking.istio.io/v1alpha3/namespaces/default/virtualservices/vsvc"


@pytest.mark.parametrize(
    ("routing", "path", "found", "expected"),
    [
        ({"alb": {"ingress": "ing"}}, f"{NETWORKING}/ing", alb(10), 10.0),
        (
            {"alb": {"ingress": "ing", "rootService": "root"}},
            f"{NETWORKING}/ing",
            alb(25, "alb.ingress.kubernetes.io/actions.root"),
            25.0,
        ),
        (
            {"alb": {"ingresses": ["ing"], "annotationPrefix": "mine"}},
            f"{NETWORKING}/ing",
            alb(5, "mine/actions.stable-svc"),
            5.0,
        ),
        ({"nginx": {"stableIngress": "ing"}}, f"{NETWORKING}/example-ing-canary", nginx("5"), 5.0),
        (
            {"nginx": {"stableIngresses": ["ing"], "annotationPrefix": "mine"}},
            f"{NETWORKING}/example-ing-canary",
            nginx("5", "mine", **{"canary-weight-total": "1000"}),
            0.5,
        ),
        ({"istio": ISTIO}, VIRTUAL, virtual_service(to((STABLE_HOST, 95), (CANARY_HOST, 5))), 5.0),
        (
            {"istio": ISTIO},
            VIRTUAL,
            virtual_service(
                to((STABLE_HOST, 0), (CANARY_HOST, 100), name="header"),
                to((STABLE_HOST, 80), (CANARY_HOST, 20)),
            ),
            20.0,
        ),
        (
            {"istio": {**ISTIO, "destinationRule": SUBSETS}},
            VIRTUAL,
            virtual_service(
                to((subset("stable"), 64), (subset("canary"), 16), (subset("experiment"), 20))
            ),
            16.0,
        ),
        (
            {"istio": {"virtualServices": [{"name": "vsvc.other"}]}},
            VIRTUAL.replace("/default/", "/other/"),
            virtual_service(to((STABLE_HOST, 70), (CANARY_HOST, 30)), kind="tcp"),
            30.0,
        ),
        (
            {"smi": {"trafficSplitName": "ts"}},
            "/apis/split.smi-spec.io/v1alpha1/namespaces/default/trafficsplits/ts",
            split({"service": "stable-svc", "weight": 95}, {"service": "canary-svc", "weight": 5}),
            5.0,
        ),
        (
            {"smi": {}},
            "/apis/split.smi-spec.io/v1alpha1/namespaces/default/trafficsplits/example",
            split(
                {"service": "stable-svc", "weight": "3"}, {"service": "canary-svc", "weight": "1"}
            ),
            25.0,
        ),
        (
            {"traefik": {"weightedTraefikServiceName": "ts"}},
            "/apis/traefik.io/v1alpha1/namespaces/default/traefikservices/ts",
            {
                "spec": {
                    "weighted": {
                        "services": [
                            {"name": "stable-svc", "port": 80, "weight": 90},
                            {"name": "canary-svc", "port": 80, "weight": 10},
                        ]
                    }
                }
            },
            10.0,
        ),
        (
            GATEWAY,
            "/apis/gateway.networking.k8s.io/v1/namespaces/edge/httproutes/route",
            http_route(
                [{"name": "other"}],
                [{"name": "stable-svc", "weight": 70}, {"name": "canary-svc", "weight": 30}],
            ),
            30.0,
        ),
        (
            GATEWAY,
            "/apis/gateway.networking.k8s.io/v1/namespaces/edge/httproutes/route",
            http_route([{"name": "stable-svc"}, {"name": "canary-svc"}]),  # each weighs 1
            50.0,
        ),
    ],
)
def test_the_weight_of_each_router(
    routing: Object, path: str, found: Object, expected: float
) -> None:
    (source,) = sources(rollout(routing))

    assert source.path == path
    assert source.read(found) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("routing", "found"),
    [
        ({"alb": {"ingress": "ing"}}, {"metadata": {}}),
        ({"alb": {"ingress": "ing"}}, alb(10, "alb.ingress.kubernetes.io/actions.other")),
        (
            {"alb": {"ingress": "ing"}},
            {"metadata": {"annotations": {"alb.ingress.kubernetes.io/actions.stable-svc": "{"}}},
        ),
        ({"nginx": {"stableIngress": "ing"}}, {"metadata": {"annotations": None}}),
        ({"nginx": {"stableIngress": "ing"}}, nginx("many")),
        ({"istio": ISTIO}, virtual_service(to((STABLE_HOST, 50), (CANARY_HOST, 50), name="other"))),
        ({"istio": ISTIO}, {"spec": {}}),
        ({"smi": {}}, split()),
        ({"smi": {}}, split({"service": "canary-svc", "weight": "500m"})),
        ({"traefik": {"weightedTraefikServiceName": "ts"}}, {"spec": {}}),
        (GATEWAY, http_route([{"name": "other", "weight": 1}])),
    ],
)
def test_an_object_without_a_weight_for_the_canary_says_nothing(
    routing: Object, found: Object
) -> None:
    (source,) = sources(rollout(routing))

    assert source.read(found) is None


@pytest.mark.parametrize(
    "routing", [{}, {"ambassador": {"mappings": ["m"]}}, {"plugins": {"x": {}}}]
)
def test_a_router_that_is_not_known_has_no_source(routing: Object) -> None:
    assert sources(rollout(routing)) == ()


def test_several_routers_are_all_read() -> None:
    found = sources(rollout({"istio": ISTIO, "traefik": {"weightedTraefikServiceName": "ts"}}))

    assert [str(source) for source in found] == ["VirtualService vsvc", "TraefikService ts"]


def test_subsets_need_no_service_of_their_own() -> None:
    made = rollout({"istio": {**ISTIO, "destinationRule": SUBSETS}})
    for key in ("canaryService", "stableService"):
        del made["spec"]["strategy"]["canary"][key]
    (source,) = sources(made)
    found = virtual_service(to((subset("stable"), 90), (subset("canary"), 10)))

    assert source.read(found) == 10
