"""What runs on both platforms when their traces are compared; `-k` says which of it."""

from typing import Any

import pytest


def test_up(canary: Any) -> None:
    assert canary.get("/petclinic/actuator/health").status_code == 200


def test_login(canary: Any) -> None:
    reply = canary.post("/petclinic/login", json={"user": "jane", "password": "secret"})

    assert reply.status_code == 200


@pytest.mark.canary(min_weight=10, max_weight=10)
@pytest.mark.load("load/visits.py", users=10, spawn_rate=10)
def test_load(load: Any) -> None:
    load.assert_within(error_rate=0.05, latency_p95_ms=1000)


def test_all_users(edge: Any, step: Any) -> None:
    assert edge.get("/petclinic/actuator/info").status_code == 200
    assert not step.is_promoted, "the pool is too small for all"
