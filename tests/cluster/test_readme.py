"""README.md on a cluster, word for word: what a newcomer copies line by line has to work."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from canarytest.platforms.argo.api import Api
from tests.cluster.kubectl import Kubectl
from tests.cluster.newcomer import Shell, blocks
from tests.cluster.stage import CLUSTER, EDGE, ROOT, Object

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.timeout(480),
]
NAMESPACE = "petclinic"  # README.md's
YOURS, IMAGES, RIGHTS, BEHIND_TRAEFIK, WITHOUT_ROUTER, AWAY = blocks("The sample on a cluster")
ROUTES = "/apis/traefik.io/v1alpha1/{}ingressroutes"


@pytest.fixture(scope="module")
def kubeconfig_of_ours(kubeconfig: Object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig that README.md may change."""
    path = tmp_path_factory.mktemp("newcomer") / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))
    return path


@pytest.fixture(scope="module")
def shell(kubeconfig: Object, kubeconfig_of_ours: Path) -> Iterator[Shell]:
    """A shell in a clone, with the images made."""
    clone = kubeconfig_of_ours.parent / "canarytest"
    unshared = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", "reports")
    shutil.copytree(ROOT, clone, ignore=unshared)
    context, image = kubeconfig["current-context"], "local/petclinic-readme"
    yours = {"CONTEXT": context, "EDGE": EDGE, "IMAGE": image}
    with Shell(clone, yours, os.environ | {"KUBECONFIG": str(kubeconfig_of_ours)}) as shell:
        shell.follow([*YOURS, *IMAGES])
        yield shell


@pytest.fixture
def place(api: Api, shell: Shell) -> Iterator[Shell]:
    """The shell, with the namespace and the account there; both are gone afterwards."""
    if not CLUSTER.exists():
        pytest.skip(f"{CLUSTER} is not there, which makes the images")
    shell.follow(RIGHTS)
    yield shell
    shell.follow(AWAY)


@pytest.fixture
def alone_at_the_edge(api: Api) -> Iterator[None]:
    """No other PetClinic at the edge meanwhile: it has one path."""
    routes = api.get(ROUTES.format(""))["items"]
    for route in routes:
        api.delete(f"{_routes_beside(route)}/{route['metadata']['name']}")
    yield
    for route in routes:
        metadata = {"name": route["metadata"]["name"]}
        api.create(_routes_beside(route), {**route, "metadata": metadata})


def _routes_beside(route: Object) -> str:
    return ROUTES.format(f"namespaces/{route['metadata']['namespace']}/")


def test_behind_traefik(place: Shell, alone_at_the_edge: None) -> None:
    *before, good, bad = BEHIND_TRAEFIK
    place.follow(before)
    promoted = place.follow([good])
    sent_back = place.follow([bad])

    assert "v100 → v101 on staging: promoted, exit status 0" in promoted
    for label in ("dark", "10%", "30%", "50%"):
        assert re.search(rf"^{label} +successful", promoted, re.MULTILINE)
    assert re.search(r"^dark +failed", sent_back, re.MULTILINE)
    assert "proven: 0 of" in sent_back
    assert sent_back.endswith("exit status 1\n")


def test_without_a_router(place: Shell) -> None:
    promoted = place.follow(WITHOUT_ROUTER)

    assert "v100 → v101 on pods: promoted, exit status 0" in promoted


def test_the_server_takes_each_manifest_as_it_is(place: Shell) -> None:
    """Fields that it does not know would be errors; nothing is kept."""
    paths = set((ROOT / "deploy").rglob("*.yaml"))
    for path in paths - {ROOT / "deploy/petclinic/rollout-original.yaml"}:  # it has its mistakes
        Kubectl(NAMESPACE)("apply", "--dry-run=server", "--validate=strict", "-f", str(path))
