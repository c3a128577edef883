"""An image whose rollout nobody drives yet: when it is taken back, and what is left alone."""

from collections.abc import Mapping
from typing import Any

import pytest

from canarytest.core.errors import NotBegun
from canarytest.platforms.argo import orders
from canarytest.platforms.argo.api import ApiError
from canarytest.platforms.argo.newimage import NewImage
from canarytest.platforms.argo.takeover import Image
from canarytest.platforms.argo.view import rollout_view
from tests.platforms.argo.objects import CANARY, STABLE, rollout

PATH = "/apis/argoproj.io/v1alpha1/namespaces/petclinic/rollouts/was"
UNKNOWN = ApiError("no answer", 0, may_be_done=True)


class FakeApi:
    """An API server with one Rollout: it refuses as told, then says what is there."""

    def __init__(self, found: dict[str, Any], *refusals: ApiError | None) -> None:
        self.found = found
        self.refusals = list(refusals)
        self.patches: list[tuple[str, Any]] = []

    def get(self, path: str, **_: object) -> Mapping[str, Any]:
        """Return it."""
        return self.found

    def patch(self, path: str, patch: Any, **_: object) -> Mapping[str, Any]:
        """Note it, or refuse."""
        self.patches.append((path.removeprefix(PATH), patch))
        if self.refusals and (refusal := self.refusals.pop(0)) is not None:
            raise refusal
        return self.found


def quiet(**status: Any) -> dict[str, Any]:
    """Return a Rollout that is not on its way anywhere."""
    found = rollout({"currentPodHash": STABLE, "currentStepIndex": 5, **status})
    found["spec"]["template"] = {"spec": {"containers": [{"name": "petclinic", "image": "old"}]}}
    return found


def under_way(**status: Any) -> dict[str, Any]:
    return {**quiet(), "status": rollout(status)["status"]}


def new(api: FakeApi, before: dict[str, Any]) -> NewImage:
    image = Image("petclinic", "new")
    return NewImage(api, api, PATH, image, rollout_view(before))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (ApiError("test failed", 422), "somebody else changed the Rollout"),
        (ApiError("too many requests", 429), "nothing was touched"),
        (ApiError("refused", 0), "nothing was touched"),  # nobody listened
    ],
)
def test_an_image_that_was_refused_is_not_taken_back(refusal: ApiError, said: str) -> None:
    api = FakeApi(quiet(), refusal)
    image = new(api, quiet())

    with pytest.raises(NotBegun, match=said):
        image.set()
    image.take_back(1.0)
    assert len(api.patches) == 1
    assert not image.is_astray(rollout_view(under_way()))


def test_an_image_of_which_nobody_knows_is_taken_back() -> None:
    api = FakeApi(quiet(), UNKNOWN)
    image = new(api, quiet())

    with pytest.raises(ApiError):
        image.set()
    image.take_back(1.0)
    path = "/spec/template/spec/containers/0/image"
    back = [
        {"op": "test", "path": path, "value": "new"},
        {"op": "replace", "path": path, "value": "old"},
    ]
    assert api.patches[1:] == [("", back)]


def test_a_rollout_that_began_by_it_is_aborted() -> None:
    api = FakeApi(quiet())
    image = new(api, quiet())
    image.set()
    api.found, api.refusals = under_way(), [ApiError("the image is another", 422)]

    image.take_back(1.0)
    assert image.is_astray(rollout_view(api.found))
    assert api.patches[-1] == ("/status", orders.abort(CANARY, STABLE))
    assert not image.is_astray(rollout_view(under_way(abort=True)))


def test_a_rollout_that_was_under_way_before_is_left_alone() -> None:
    api = FakeApi(under_way())
    image = new(api, under_way())
    image.set()
    image.take_back(1.0)

    assert [path for path, _ in api.patches] == ["", ""]
    assert not image.is_astray(rollout_view(under_way()))


def test_an_order_to_take_it_back_that_is_not_taken_is_told() -> None:
    api = FakeApi(quiet(), None, UNKNOWN)
    image = new(api, quiet())
    image.set()

    with pytest.raises(ApiError):
        image.take_back(1.0)
