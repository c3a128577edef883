"""Logging in: what went wrong once, and was noticed by customers first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import requests

LOGIN = "/petclinic/login"


def test_login(canary: requests.Session) -> None:
    reply = canary.post(LOGIN, json={"user": "jane", "password": "secret"})

    assert reply.status_code == 200
    assert reply.json()["token"]


@pytest.mark.parametrize(
    ("user", "password"),
    [("jane", "wrong"), ("nobody", "secret")],
    ids=["wrong-password", "unknown-user"],
)
def test_login_is_refused(canary: requests.Session, user: str, password: str) -> None:
    reply = canary.post(LOGIN, json={"user": user, "password": password})

    assert reply.status_code == 401
    assert "token" not in reply.json()


def test_login_without_a_password_is_a_bad_request(canary: requests.Session) -> None:
    assert canary.post(LOGIN, json={"user": "jane"}).status_code == 400
