"""Whether the previous revision is there for as long as a promotion is watched."""

from typing import Any

import pytest

from canarytest.core.lint import unwatchable

ROUTED = {"trafficRouting": {"traefik": {"weightedTraefikServiceName": "was"}}}


def rollout(**canary: Any) -> dict[str, Any]:
    spec = {"strategy": {"canary": canary}}
    return {"kind": "Rollout", "metadata": {"name": "was"}, "spec": spec}


@pytest.mark.parametrize(
    ("canary", "watched_s", "said"),
    [
        ({}, 10, "without trafficRouting"),
        (ROUTED, 29, ""),
        (ROUTED, 30, "end 30 s after the promotion"),
        ({**ROUTED, "scaleDownDelaySeconds": 120}, 60, ""),
        ({**ROUTED, "scaleDownDelaySeconds": 60}, 60, "end 60 s after the promotion"),
        ({**ROUTED, "scaleDownDelaySeconds": 0}, 600, ""),  # they are never ended
        ({**ROUTED, "dynamicStableScale": True}, 10, "by dynamicStableScale"),
        ({**ROUTED, "scaleDownDelayRevisionLimit": 0}, 10, "by scaleDownDelayRevisionLimit"),
        ({**ROUTED, "scaleDownDelayRevisionLimit": 1}, 10, ""),
    ],
)
def test_it_has_to_outlast_the_watch(canary: dict[str, Any], watched_s: float, said: str) -> None:
    found = unwatchable(rollout(**canary), watched_s)

    assert [finding.severity for finding in found] == (["error"] if said else [])
    assert all(said in finding.message for finding in found)


def test_the_correction_is_enough() -> None:
    (finding,) = unwatchable(rollout(**ROUTED), 45)
    key, _, value = finding.fix.partition("#")[0].partition(":")

    assert unwatchable(rollout(**ROUTED, **{key: int(value)}), 45) == ()
