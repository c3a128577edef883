"""The clinic's own behaviour, asked over the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.petclinic.conftest import Running

OWNER = {"firstName": "Ada", "lastName": "Byron", "city": "London", "telephone": "12"}
PET = {"name": "Rex", "type": "dog"}
VISIT = {"date": "2026-01-31", "description": "rabies shot"}


@pytest.fixture
def owner(clinic: Running) -> Iterator[str]:
    """The path of an owner of the test's own."""
    path = clinic.post("/petclinic/owners", **OWNER).headers["location"]
    yield path
    for pet in clinic.get(path).json().get("pets", []):
        clinic.delete(f"/petclinic/pets/{pet['id']}")
    clinic.delete(path)


@pytest.fixture
def pet(clinic: Running, owner: str) -> str:
    """The path of a pet of that owner."""
    return clinic.post(f"{owner}/pets", **PET).headers["location"]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/petclinic/actuator/health", {"status": "UP"}),
        ("/petclinic/actuator/info", {"version": "v100"}),
    ],
)
def test_it_says_who_it_is(clinic: Running, path: str, content: dict[str, str]) -> None:
    reply = clinic.get(path)

    assert (reply.status_code, reply.json()) == (200, content)
    assert reply.headers["x-version"] == "v100"


@pytest.mark.parametrize(
    ("user", "password", "status"),
    [
        ("jane", "secret", 200),
        ("jane", "wrong", 401),
        ("jane", "sécret", 401),
        ("john", "secret", 401),
    ],
)
def test_login(clinic: Running, user: str, password: str, status: int) -> None:
    reply = clinic.post("/petclinic/login", user=user, password=password)

    assert reply.status_code == status
    assert ("token" in reply.json()) == (status == 200)


def test_an_owner_lives_and_leaves(clinic: Running) -> None:
    created = clinic.post("/petclinic/owners", **OWNER)
    path = created.headers["location"]

    assert created.status_code == 201
    assert clinic.get(path).json() == created.json() | {"pets": []}
    assert created.json() in clinic.get("/petclinic/owners", lastName="Byr").json()
    assert clinic.delete(path).status_code == 204
    assert clinic.get(path).status_code == 404
    assert clinic.delete(path).status_code == 404


def test_owners_are_listed_by_name(clinic: Running) -> None:
    names = [owner["lastName"] for owner in clinic.get("/petclinic/owners").json()]

    assert {"Davis", "Franklin"} <= set(names)
    assert names == sorted(names)
    assert clinic.get("/petclinic/owners", lastName="%").json() == []


def test_a_pet_belongs_to_its_owner(clinic: Running, owner: str, pet: str) -> None:
    found = clinic.get(pet).json()

    assert clinic.get(f"{owner}/pets").json() == [found]
    assert clinic.get(owner).json()["pets"] == [found]
    assert clinic.post(f"{owner}/pets", **PET).status_code == 409
    assert clinic.delete(owner).status_code == 409
    assert clinic.delete(pet).status_code == 204
    assert clinic.delete(owner).status_code == 204


def test_visits_leave_with_the_pet(clinic: Running, pet: str) -> None:
    booked = clinic.post(f"{pet}/visits", **VISIT)

    assert booked.status_code == 201
    assert clinic.get(f"{pet}/visits").json() == [booked.json()]
    assert clinic.delete(pet).status_code == 204
    assert clinic.get(f"{pet}/visits").status_code == 404


def test_visits_are_cancelled_by_what_they_are(clinic: Running, pet: str) -> None:
    for description in ("mine", "mine", "yours"):
        clinic.post(f"{pet}/visits", date="2026-01-31", description=description)

    assert clinic.delete(f"{pet}/visits", description="mine").json() == {"removed": 2}
    assert [v["description"] for v in clinic.get(f"{pet}/visits").json()] == ["yours"]
    assert clinic.delete(f"{pet}/visits").status_code == 400


@pytest.mark.parametrize(
    ("path", "content"),
    [
        pytest.param("/petclinic/login", {"user": "jane"}, id="missing"),
        pytest.param("/petclinic/login", {"user": "jane", "password": 1}, id="no-text"),
        pytest.param("/petclinic/owners", OWNER | {"city": ""}, id="empty"),
        pytest.param("/petclinic/owners", OWNER | {"city": "x" * 201}, id="too-long"),
        pytest.param("/petclinic/owners", OWNER | {"city": "\ud800"}, id="lone-surrogate"),
        pytest.param("/petclinic/owners", OWNER | {"telephone": "+1"}, id="telephone"),
        pytest.param("/petclinic/owners/1/pets", {"name": "Rex"}, id="pet-without-type"),
        pytest.param("/petclinic/pets/1/visits", VISIT | {"date": "2026-02-30"}, id="no-day"),
    ],
)
def test_what_makes_no_sense_is_a_bad_request(
    clinic: Running, path: str, content: dict[str, object]
) -> None:
    reply = clinic.post(path, **content)

    assert (reply.status_code, reply.json()["error"]) == (400, "Bad Request")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 50_000])
def test_garbage_is_a_bad_request(clinic: Running, body: bytes) -> None:
    reply = clinic.session.post(f"{clinic.url}/petclinic/login", data=body, timeout=20)

    assert (reply.status_code, reply.json()["error"]) == (400, "Bad Request")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/petclinic/owners/999",
        "/petclinic/owners/999/pets",
        "/petclinic/owners/99999999999999999999",
        "/petclinic/owners/x",
        "/petclinic/pets/999",
        "/petclinic/pets/999/visits",
        "/petclinic/pets/1/visits/1",
    ],
)
def test_what_is_not_there_is_not_found(clinic: Running, path: str) -> None:
    reply = clinic.get(path)

    assert (reply.status_code, reply.json()["error"]) == (404, "Not Found")


def test_nothing_is_added_to_what_is_not_there(clinic: Running) -> None:
    assert clinic.post("/petclinic/owners/999/pets", **PET).status_code == 404
    assert clinic.post("/petclinic/pets/999/visits", **VISIT).status_code == 404
    assert clinic.delete("/petclinic/pets/999").status_code == 404


def test_a_method_that_is_not_offered_is_told_which_are(clinic: Running) -> None:
    reply = clinic.session.put(f"{clinic.url}/petclinic/owners", timeout=20)

    assert reply.status_code == 405
    assert reply.headers["allow"] == "GET, HEAD, POST"


def test_head_is_get_without_the_body(clinic: Running) -> None:
    reply = clinic.session.head(f"{clinic.url}/petclinic/owners/1", timeout=20)

    assert (reply.status_code, reply.content) == (200, b"")
    assert int(reply.headers["content-length"]) > 0
