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
    except (ImportError, OSError) as error:  # OSError: a file of a library's own
        raise ConfigError(not_loaded(error)) from error
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


def not_loaded(error: ImportError | OSError) -> str:
    """Return what to do about *error*, with which the platform argo could not be imported."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and missing.partition(".")[0] == "kubernetes":
        return (
            "reap needs the Kubernetes client, and it is not installed; "
            "pip install 'canarytest[argo]'"
        )
    return (
        f"what reap needs cannot be loaded: {type(error).__name__}: {error}; expected "
        "canarytest[argo] with all that its libraries link to; correct this Python, or the image"
    )
