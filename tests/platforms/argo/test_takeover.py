"""What cannot be taken over, and what is said of it."""

from typing import Any

import pytest

from canarytest.config import Table
from canarytest.core.errors import NotBegun
from canarytest.platforms.argo.platform import ArgoPlatform
from canarytest.platforms.argo.settings import read
from canarytest.platforms.argo.takeover import Image, placed, refuse_unselected
from tests.platforms.argo.objects import plan, rollout

TARGET = {
    "context": "c",
    "namespace": "petclinic",
    "rollout": "was",
    "edge": "http://was.test",
    "identity": {"header": "x-version"},
}
REFERENCE = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "was"}
LABELS = {"matchLabels": {"app": "was"}}
OWN = {"spec": {"containers": [{"name": "petclinic", "image": "app:v1"}]}}


def test_pods_that_only_a_workload_selects_are_refused() -> None:
    refuse_unselected(rollout(selector=LABELS, workloadRef=REFERENCE)["spec"])
    with pytest.raises(
        NotBegun, match=r"no spec.selector.* of Deployment was, .*; expected .*; copy"
    ):
        refuse_unselected(rollout(workloadRef=REFERENCE)["spec"])


def test_an_image_goes_into_a_container_of_the_rollout_s_own() -> None:
    assert placed(rollout(template=OWN), Image("petclinic", "app:v2")) == (0, "app:v1")
    with pytest.raises(NotBegun, match=r"no container 'app'; expected one of petclinic"):
        placed(rollout(template=OWN), Image("app", "app:v2"))
    with pytest.raises(
        NotBegun, match=r"of Deployment was, .*; expected .*; change the image there"
    ):
        placed(rollout(workloadRef=REFERENCE), Image("petclinic", "app:v2"))


class ReadOnlyApi:
    """An API server with one Rollout, of which nothing but that is asked."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    def get(self, path: str) -> dict[str, Any]:
        """Return it."""
        assert path.endswith("/rollouts/was")
        return self.found


@pytest.mark.parametrize(
    ("spec", "image"),
    [({}, ""), ({"selector": LABELS}, "app:v2")],
    ids=["it selects no pods", "an image for a template that is elsewhere"],
)
def test_it_is_refused_before_anything_is_written(spec: dict[str, Any], image: str) -> None:
    api: Any = ReadOnlyApi(rollout(workloadRef=REFERENCE, **spec))
    platform = ArgoPlatform(read(Table(TARGET, "target")), api, api, run_id="run")
    if image:
        platform.use_image("petclinic", image)

    with pytest.raises(NotBegun, match=r"workloadRef"):
        platform.begin(plan(), lambda _: None)
