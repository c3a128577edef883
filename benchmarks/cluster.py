"""
What a rollout on a real cluster with Argo Rollouts and Traefik costs its users, and its API server.

`python -m benchmarks cluster` with KUBECONFIG set takes a quarter of an hour and more;
`cluster_abort`, `cluster_users` and `cluster_calls` are its parts, each in a namespace of its own.
"""

from __future__ import annotations

from benchmarks import cluster_abort, cluster_calls, cluster_users
from benchmarks.figures import Figure

PARTS = (cluster_abort, cluster_users, cluster_calls)


def main(*, quick: bool = False) -> list[Figure]:
    """Measure one part after the other."""
    return [figure for part in PARTS for figure in part.main(quick=quick)]
