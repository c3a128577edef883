"""What is run at each step of a rollout on the cluster: short, and one of each kind."""

from typing import Any

import pytest


def test_login(canary: Any) -> None:
    reply = canary.post("/petclinic/login", json={"user": "jane", "password": "secret"})

    assert reply.status_code == 200


def test_the_stable_version_is_reached_alone(stable: Any, rollout: Any) -> None:
    for _ in range(5):
        reply = stable.get("/petclinic/actuator/info")

        assert reply.json()["version"] == rollout.revisions["stable"]


def test_split(split: Any) -> None:
    split.assert_matches()


@pytest.mark.canary(min_weight=10, max_weight=10)
@pytest.mark.load("load/visits.py", users=10, spawn_rate=10)
def test_load(load: Any) -> None:
    load.assert_within(error_rate=0.05, latency_p95_ms=1000)
