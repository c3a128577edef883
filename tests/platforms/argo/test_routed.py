"""What the router was told, against what the status says."""

from typing import Any

import pytest

from canarytest.platforms.argo.api import ApiError
from canarytest.platforms.argo.routed import Routed
from tests.platforms.argo.test_routers import rollout

SERVICE = "/apis/traefik.io/v1alpha1/namespaces/default/traefikservices/ts"
ROUTING = {"traefik": {"weightedTraefikServiceName": "ts"}}


class FakeApi:
    """An API server that has one TraefikService, or trouble."""

    def __init__(self, weight: int = 0, status: int = 0) -> None:
        self.weight, self.status = weight, status

    def get(self, path: str, *, patience_s: float = 0) -> dict[str, Any]:
        """Return it."""
        assert path == SERVICE
        if self.status:
            raise ApiError("refused", self.status)
        weights = {"stable-svc": 100 - self.weight, "canary-svc": self.weight}
        services = [{"name": name, "weight": weight} for name, weight in weights.items()]
        return {"spec": {"weighted": {"services": services}}}


def routed(api: FakeApi) -> Routed:
    made = Routed(api)  # type: ignore[arg-type]
    made.start(rollout(ROUTING))
    return made


def test_a_router_that_was_told_the_same_contradicts_nothing() -> None:
    assert routed(FakeApi(10)).contradicts(10) == ""
    assert routed(FakeApi(10)).weight() == 10


def test_a_router_that_was_told_otherwise_is_named() -> None:
    said = routed(FakeApi(0)).contradicts(10)

    assert said.startswith("the TraefikService ts gives the canary 0 % where the status has 10 %")


@pytest.mark.parametrize("status", [403, 404])
def test_a_router_that_may_not_be_read_is_left_to_the_status(status: int) -> None:
    made = routed(FakeApi(status=status))

    assert made.weight() is None
    assert made.contradicts(10) == ""


def test_an_api_in_trouble_is_no_agreement() -> None:
    with pytest.raises(ApiError):
        routed(FakeApi(status=500)).contradicts(10)
