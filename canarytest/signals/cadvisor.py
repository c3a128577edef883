"""
What fills the bands of CPU and memory on a cluster: the kubelet's cAdvisor, asked by Prometheus.

Each is the share of its limit of the fullest container of the canary; a container without a limit
has no share. https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md
"""

from __future__ import annotations

from collections.abc import Mapping

_CONTAINERS = '{namespace="{{namespace}}",pod=~"{{rollout}}-{{canary}}-.+",container!~"|POD"}'
_BY = "sum by (namespace, pod, container)"

QUERIES: Mapping[str, str] = {
    "cpu": (
        f"max({_BY} (rate(container_cpu_usage_seconds_total{_CONTAINERS}[1m])) / "
        f"({_BY} (container_spec_cpu_quota{_CONTAINERS}) / "
        f"{_BY} (container_spec_cpu_period{_CONTAINERS})))"
    ),
    "memory": (
        f"max({_BY} (container_memory_working_set_bytes{_CONTAINERS}) / "
        f"({_BY} (container_spec_memory_limit_bytes{_CONTAINERS}) > 0))"
    ),
}
