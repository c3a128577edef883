"""How often the canary Service is re-pointed after an abort: counted there, or not told."""

from collections.abc import Mapping
from typing import Any

import pytest

from canarytest.platforms.argo.api import ApiError
from canarytest.platforms.argo.flapping import Flapping
from canarytest.platforms.argo.view import HASH_LABEL
from tests.platforms.argo.objects import CANARY, STABLE
from tests.platforms.argo.streams import FakeApi, changed

SPEC: dict[str, Any] = {
    "strategy": {"canary": {"canaryService": "was-canary", "trafficRouting": {"traefik": {}}}}
}


def pointing(hash_: str, version: int = 1) -> Mapping[str, Any]:
    return changed("was-canary", version, spec={"selector": {HASH_LABEL: hash_}})


def flapped(*hashes: str, weight: int | None = 0) -> str:
    """Return the note after the Service of an aborted rollout pointed to each of *hashes*."""
    first, *others = [pointing(hash_, 500 + number) for number, hash_ in enumerate(hashes)]
    api = FakeApi([first], [("MODIFIED", other) for other in others])
    flapping = Flapping(api, "petclinic")  # type: ignore[arg-type]
    flapping.know(SPEC)
    flapping.begin()
    flapping.begin()
    api.wait()
    said = flapping.note(CANARY, weight)
    assert len(api.lists) == 1
    assert api.lists[0] == {"fieldSelector": "metadata.name=was-canary"}
    assert flapping.note(CANARY, weight) == ""
    flapping.stop()
    return said


def test_a_service_that_comes_back_to_the_canary_is_told_by_name() -> None:
    assert flapped(CANARY, STABLE, CANARY, STABLE) == (
        "after the abort the controller re-pointed the canary Service was-canary 3 times "
        "(argoproj/argo-rollouts#3078): users are not concerned, the router gives it no weight; "
        "nothing is tested through it"
    )


def test_it_may_point_to_the_stable_version_when_it_is_first_seen() -> None:
    assert "re-pointed the canary Service was-canary once" in flapped(STABLE, CANARY)


@pytest.mark.parametrize("weight", [10, None])
def test_of_users_nothing_is_said_that_is_not_known(weight: int | None) -> None:
    said = flapped(CANARY, STABLE, CANARY, weight=weight)

    assert "2 times (argoproj/argo-rollouts#3078): nothing is tested" in said


@pytest.mark.parametrize(
    "hashes", [[CANARY], [CANARY, STABLE], [CANARY, CANARY, STABLE, STABLE], [STABLE, "third"]]
)
def test_what_belongs_to_an_abort_is_no_flapping(hashes: list[str]) -> None:
    assert flapped(*hashes) == ""


class ForbiddingApi(FakeApi):
    """Lets nobody look."""

    def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        super().get(path, query)
        self.is_told.set()
        raise ApiError(f"GET {path}: 403: forbidden", 403)


def test_without_the_right_to_look_nothing_is_said() -> None:
    api = ForbiddingApi([pointing(CANARY)])
    flapping = Flapping(api, "petclinic")  # type: ignore[arg-type]
    flapping.know(SPEC)
    flapping.begin()
    api.wait()

    assert flapping.note(CANARY, 0) == ""


def test_without_a_router_there_is_nothing_to_be_followed() -> None:
    api = FakeApi([])
    flapping = Flapping(api, "petclinic")  # type: ignore[arg-type]
    flapping.know({"strategy": {"canary": {"canaryService": "was-canary"}}})
    flapping.begin()
    flapping.stop()

    assert api.lists == []
    assert flapping.note(CANARY, 0) == ""
