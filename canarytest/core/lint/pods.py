"""What the pods must say of themselves, so that they can be trusted and judged."""

from __future__ import annotations

from collections.abc import Iterator

from canarytest.core.lint.rule import Flaw, error, warning
from canarytest.core.lint.view import View, at, mapping, sequence


@error(
    "no-readiness-probe",
    because="users meet the canary before it can answer",
    why="Without it a pod is ready when its process starts: each step, and each way back, begins "
    "with errors to users.",
)
def no_readiness_probe(view: View) -> Iterator[Flaw]:
    if not view.pod_template:
        return
    index, path, pods = view.pod_template
    containers = [mapping(container) for container in sequence(pods.get("containers"))]
    serving = [i for i, container in enumerate(containers) if container.get("ports")]
    for i in serving or range(len(containers))[:1]:
        if not containers[i].get("readinessProbe"):
            yield Flaw(
                (*path, "containers", i),
                f"container {containers[i].get('name')!r} has no readinessProbe",
                "readinessProbe:\n  httpGet: {path: /petclinic/actuator/health, port: 8080}",
                index=index,
            )


@warning(
    "no-limits",
    because="only the bands of CPU and memory are lost",
    why="CPU and memory are judged against the limits of the pod: without them a leak is seen "
    "when the node is full.",
)
def no_limits(view: View) -> Iterator[Flaw]:
    if not view.pod_template:
        return
    index, path, pods = view.pod_template
    container = at(pods, "containers", 0)
    limits = mapping(at(container, "resources", "limits"))
    missing = [name for name in ("cpu", "memory") if not limits.get(name)]
    if container and missing:
        yield Flaw(
            (*path, "containers", 0, "resources", "limits"),
            f"container {mapping(container).get('name')!r} has no limit of {' and '.join(missing)}",
            "resources:\n  limits: {cpu: 500m, memory: 1Gi}",
            index=index,
        )
