"""The API client asks nothing of a namespace that the target does not name."""

import pytest
from kubernetes import client

from canarytest.core.errors import PlatformError
from canarytest.platforms.argo.api import Api, ApiError


@pytest.fixture
def api() -> Api:
    configuration = client.Configuration()
    configuration.host = "http://127.0.0.1:9"  # nobody listens there: what is sent fails otherwise
    return Api(configuration, "petclinic")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/other/pods",
        "/api/v1/namespaces/petclinic2/pods",
        "/apis/argoproj.io/v1alpha1/namespaces/other/rollouts/was",
    ],
)
def test_another_namespace_is_refused(api: Api, path: str) -> None:
    with pytest.raises(PlatformError, match="outside the namespace 'petclinic'") as caught:
        api.get(path, patience_s=0)

    assert not isinstance(caught.value, ApiError)
    assert api.calls == 0


def test_a_port_forward_into_another_namespace_is_refused(api: Api) -> None:
    with pytest.raises(PlatformError, match="outside"), api.dial("other", "pod", 80):
        pass


@pytest.mark.parametrize(
    "path",
    ["/api/v1/namespaces/petclinic/pods", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"],
)
def test_our_own_is_asked(api: Api, path: str) -> None:
    with pytest.raises(ApiError, match="no answer"):
        api.get(path, patience_s=0)

    assert api.calls == 1
