"""
What fills the bands of CPU and memory on a cluster: the kubelet's cAdvisor, asked by Prometheus.

Each is the share of its limit of the fullest container of the canary; a container without a limit
has no share. https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md

Limits are kube-state-metrics' where cAdvisor's are not kept: kube-prometheus-stack drops them.
"""

from __future__ import annotations

from collections.abc import Mapping

_PODS = 'namespace="{{namespace}}",pod=~"{{rollout}}-{{canary}}-.+"'
_USED = f'{{{_PODS},container!~"|POD"}}'
# A container that was started again has two series for a while, with the same limit: not the sum.
_EACH = "max by (namespace, pod, container)"


def _share(used: str, limit: str, resource: str) -> str:
    kept = f'kube_pod_container_resource_limits{{{_PODS},resource="{resource}"}}'
    return f"max({_EACH} ({used}) / ({_EACH} ({limit}) or {_EACH} ({kept})))"


# Of memory the last minute too, and not what Prometheus still has of a container that is gone: it
# keeps cAdvisor's samples for five, since they come with times of their own.
QUERIES: Mapping[str, str] = {
    "cpu": _share(
        f"rate(container_cpu_usage_seconds_total{_USED}[1m])",
        f"container_spec_cpu_quota{_USED} / container_spec_cpu_period{_USED}",
        "cpu",
    ),
    "memory": _share(
        f"last_over_time(container_memory_working_set_bytes{_USED}[1m])",
        f"container_spec_memory_limit_bytes{_USED} > 0",
        "memory",
    ),
}
