"""Owners: kept as they were entered, and answered as the stable version answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import requests


def test_an_owner_is_kept(canary: requests.Session, owner: dict[str, Any]) -> None:
    reply = canary.get(f"/petclinic/owners/{owner['id']}")

    assert reply.status_code == 200
    assert reply.json() == owner | {"pets": []}


def test_an_owner_is_found_by_name(canary: requests.Session) -> None:
    reply = canary.get("/petclinic/owners", params={"lastName": "Davis"})

    assert {owner["firstName"] for owner in reply.json()} >= {"Betty", "Harold"}


def test_an_owner_with_a_pet_stays(
    canary: requests.Session, owner: dict[str, Any], pet: dict[str, Any]
) -> None:
    reply = canary.delete(f"/petclinic/owners/{owner['id']}")

    assert reply.status_code == 409
    assert canary.get(f"/petclinic/pets/{pet['id']}").json() == pet


@pytest.mark.parametrize(
    "path",
    [
        "/petclinic/owners/1",
        "/petclinic/owners?lastName=Franklin",
        "/petclinic/owners/2/pets",
        "/petclinic/pets/3",
        "/petclinic/owners/999",
        "/petclinic/nothing",
    ],
)
def test_both_versions_answer_alike(
    canary: requests.Session, stable: requests.Session, path: str
) -> None:
    """
    A regression: clients of the stable version must not notice that they moved.

    Only what no other test writes to is compared, so that suites may run side by side.
    """
    new, old = canary.get(path), stable.get(path)

    assert new.status_code == old.status_code
    assert new.headers["content-type"] == old.headers["content-type"]
    assert new.json() == old.json()
