"""The canary is up, and is the one that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


def test_the_canary_is_up(canary: requests.Session) -> None:
    reply = canary.get("/petclinic/actuator/health")

    assert reply.status_code == 200
    assert reply.json() == {"status": "UP"}


def test_the_canary_says_one_version_everywhere(canary: requests.Session) -> None:
    reply = canary.get("/petclinic/actuator/info")

    assert reply.headers["x-version"] == reply.json()["version"]


def test_users_are_served(edge: requests.Session) -> None:
    assert edge.get("/petclinic/actuator/health").status_code == 200
