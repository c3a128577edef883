"""A real Kubernetes with Argo Rollouts, or a reason why there is none."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from canarytest.core.errors import PlatformError
from canarytest.platforms.argo.api import Api, connect
from tests.cluster import stage
from tests.cluster.stage import EDGE, SUITE, TRAEFIK, Object, Stage


@pytest.fixture(scope="session")
def kubeconfig() -> Object:
    """The kubeconfig that names the cluster."""
    path = os.environ.get("KUBECONFIG")
    if not path:
        pytest.skip("KUBECONFIG is not set: it names the cluster to test on")
    found: Object = yaml.safe_load(Path(path).read_text())
    return found


@pytest.fixture(scope="session")
def api(kubeconfig: Object) -> Iterator[Api]:
    """The API of the current context."""
    api = connect(kubeconfig["current-context"], "KUBECONFIG")
    try:
        api.get("/apis/argoproj.io/v1alpha1", patience_s=0)
    except PlatformError as error:
        pytest.skip(f"the cluster has no Argo Rollouts, or does not answer: {error}")
    yield api
    api.close()


@pytest.fixture(scope="session")
def images(api: Api) -> None:
    """The images of PetClinic, on the cluster's node."""
    if not stage.CLUSTER.exists():
        pytest.skip(f"{stage.CLUSTER} is not there, which makes the images of PetClinic")
    stage.images()


@pytest.fixture(scope="session")  # the edge has one path: what is removed serves on for a while
def behind_traefik(
    api: Api, images: None, kubeconfig: Object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """PetClinic as deploy/petclinic has it."""
    try:
        requests.get(EDGE, timeout=2)
    except requests.RequestException:
        pytest.skip(f"no Traefik answers at {EDGE}; CANARYTEST_EDGE names another place")
    name = f"canarytest-{secrets.token_hex(3)}"
    made = Stage(api, kubeconfig, name, tmp_path_factory.mktemp(name))
    made.build(stage.rollout(), *stage.routes())
    made.write_project(TRAEFIK, SUITE)
    yield made
    made.remove()


@pytest.fixture(scope="session")  # the edge has one path: what is removed serves on for a while
def without_router(
    api: Api, images: None, kubeconfig: Object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """PetClinic whose pods are the split: one Service, no Traefik."""
    name = f"canarytest-{secrets.token_hex(3)}"
    made = Stage(api, kubeconfig, name, tmp_path_factory.mktemp(name))
    steps: list[Object] = [{"setWeight": 10}, {"pause": {"duration": "2s"}}]
    made.build(stage.rollout(steps, has_router=False), stage.service())
    target = f"""
edge = "{made.service_url("was")}"
identity = {{ path = "/petclinic/actuator/info", json = "version" }}
allow = ["no-traffic-routing"]
"""
    made.write_project(target, SUITE)
    yield made
    made.remove()
