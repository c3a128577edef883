"""`canarytest reap`: send rollouts back whose run died without a word."""

from __future__ import annotations

import argparse
import sys

from canarytest.core.errors import ConfigError, PlatformError

EXIT_WORLD = 12  # as of a run


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the arguments."""
    parser = commands.add_parser(
        "reap",
        help="abort rollouts on a cluster whose run died",
        description="Abort the rollouts of a namespace that a run began and did not end: its "
        "Lease ran out, 150 s after it was renewed last. What another one began, and what "
        "--canary-until left, is left alone.",
    )
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--context", help="a context of the kubeconfig; never the current one")
    place.add_argument(
        "--in-cluster", action="store_true", help="the cluster and the account of this pod"
    )
    parser.add_argument("--namespace", required=True, help="where the rollouts are")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be aborted")
    parser.set_defaults(command=run)


def run(chosen: argparse.Namespace) -> int:
    """Reap, and tell of each Lease that ran out; 12 if the cluster could not be asked."""
    try:
        from canarytest.platforms.argo import api, reaping  # noqa: PLC0415  the extra argo
    except ImportError as error:
        raise ConfigError(f"{error}: reap needs the extra 'argo'") from None
    namespace = chosen.namespace
    if chosen.in_cluster:
        server = api.connect_in_cluster(namespace)
    else:
        server = api.connect(chosen.context, "--context", namespace)
    try:
        for found in reaping.reap(server, namespace, is_dry=chosen.dry_run):
            sys.stdout.write(f"{reaping.told(found, namespace)}\n")
    except PlatformError as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return EXIT_WORLD
    return 0
