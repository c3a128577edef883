"""What the controller can be taught beside: kinds of Istio's, without an Istio behind them."""

from tests.cluster.stage import Object, Stage, order

_GROUP = "networking.istio.io"
ROUTES = {"managedRoutes": [{"name": "to-canary"}, {"name": "mirrored"}]}
ISTIO = {"virtualService": {"name": "was", "routes": ["users"]}}


def virtual_service() -> Object:
    """Return one whose weights the controller writes, and nobody reads."""
    services = ("was-stable", "was-canary")
    split = [
        {"destination": {"host": s}, "weight": w} for s, w in zip(services, (100, 0), strict=True)
    ]
    return {
        "apiVersion": f"{_GROUP}/v1alpha3",
        "kind": "VirtualService",
        "metadata": {"name": "was"},
        "spec": {"hosts": ["petclinic"], "http": [{"name": "users", "route": split}]},
    }


def teach_istio(stage: Stage) -> None:
    """Have the controller find Istio's kinds, and give the stage a VirtualService."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    known = {item["metadata"]["name"] for item in stage.api.get(path)["items"]}
    wanted = [_kind("VirtualService"), _kind("DestinationRule")]
    missing = [kind for kind in wanted if kind["metadata"]["name"] not in known]
    for kind in missing:
        stage.api.create(path, kind)
    if missing:
        order("kill", "rollouts")  # it looks for them once, at its start
        order("start", "rollouts")
    stage.create(virtual_service())


def has_step_plugin(stage: Stage, name: str) -> bool:
    """Whether the controller's configuration names the step plugin *name*."""
    path = "/api/v1/namespaces/argo-rollouts/configmaps"
    found = [m for m in stage.api.get(path)["items"] if m["metadata"]["name"].endswith("-config")]
    return any(name in (made.get("data") or {}).get("stepPlugins", "") for made in found)


def _kind(name: str) -> Object:
    plural = f"{name.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1alpha3", "served": True, "storage": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{_GROUP}"},
        "spec": {
            "group": _GROUP,
            "names": {"kind": name, "plural": plural},
            "scope": "Namespaced",
            "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
        },
    }
