"""PetClinic behind Traefik on a real cluster, and a client of it that knows nothing of us."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import yaml

from benchmarks import client
from benchmarks.figures import Figure
from canarytest.core.errors import CanaryError
from canarytest.platforms.argo.api import connect
from tests.cluster import stage as stages
from tests.cluster.stage import EDGE, SUITE, TRAEFIK, Object, Stage

Measure = Callable[[Stage], Iterable[Figure]]


class Skipped(Exception):
    """There is no cluster to measure on."""


def measured(measure: Measure) -> list[Figure]:
    """Return the figures of *measure*; say why not, where there is no cluster."""
    try:
        with _stage() as made:
            return list(measure(made))
    except Skipped as reason:
        print(f"not measured: {reason}", end=" ")
        return []


def stream(made: Stage, rate: float, what: str = "version") -> Any:
    """Ask for *what* at the edge, *rate* times a second, and note each answer."""
    return client.stream(urlsplit(EDGE).port or 80, rate, notes(made), what)


def notes(made: Stage) -> Path:
    """Return where the client notes its answers."""
    return made.project / "notes"


def steps_of(made: Stage) -> list[Object]:
    """Return the steps of the Rollout."""
    found: list[Object] = made.read()["spec"]["strategy"]["canary"]["steps"]
    return found


@contextmanager
def _stage() -> Iterator[Stage]:
    path = os.environ.get("KUBECONFIG")
    if not path or not stages.CLUSTER.exists():
        raise Skipped(f"KUBECONFIG has to name a cluster, made by {stages.CLUSTER}")
    kubeconfig = yaml.safe_load(Path(path).read_text())
    api = connect(kubeconfig["current-context"], "KUBECONFIG")
    try:
        api.get("/apis/argoproj.io/v1alpha1", patience_s=0)
        requests.get(EDGE, timeout=2)
    except (CanaryError, requests.RequestException) as error:
        raise Skipped(f"Argo Rollouts, and Traefik at {EDGE}, have to answer: {error}") from error
    stages.images()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.callback(api.close)
        made = Stage(api, kubeconfig, f"canarytest-{secrets.token_hex(3)}", folder)
        stack.callback(made.remove)
        made.build(stages.rollout(), *stages.routes())
        made.write_project(TRAEFIK, SUITE)
        yield made
