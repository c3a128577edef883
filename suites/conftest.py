"""
What the suites of PetClinic share: an owner and a pet for each test, made through the canary.

`canary`, `stable` and `edge` come from canarytest: each a `requests.Session` with a base URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

Row = dict[str, Any]


@pytest.fixture
def owner(canary: requests.Session) -> Iterator[Row]:
    """An owner of the test's own: suites run side by side, and on data that others use too."""
    reply = canary.post(
        "/petclinic/owners",
        json={
            "firstName": "Canary",
            "lastName": "Test",
            "city": "Madison",
            "telephone": "6085550100",
        },
    )
    assert reply.status_code == 201, reply.text
    created: Row = reply.json()
    yield created
    _remove(canary, f"/petclinic/owners/{created['id']}")


@pytest.fixture
def pet(canary: requests.Session, owner: Row) -> Iterator[Row]:
    """A pet of that owner; its visits leave with it."""
    reply = canary.post(
        f"/petclinic/owners/{owner['id']}/pets", json={"name": "Rex", "type": "dog"}
    )
    assert reply.status_code == 201, reply.text
    created: Row = reply.json()
    yield created
    _remove(canary, f"/petclinic/pets/{created['id']}")


def _remove(session: requests.Session, path: str) -> None:
    reply = session.delete(path)
    assert reply.status_code in (204, 404), reply.text  # 404: the test removed it itself
