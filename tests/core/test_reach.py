"""Who answered, and the ways in."""

import json

import pytest

from canarytest.core.reach import Endpoint, Identity, Reach, Version

BY_HEADER = Identity(canary="v101", stable="v100", header="x-version")
BY_PATH = Identity(canary="v101", stable="v100", path="/info", json="version")


@pytest.mark.parametrize(
    ("value", "version"),
    [
        ("v101", Version.CANARY),
        ("v100", Version.STABLE),
        ("v99", None),
        ("V101", None),
        ("", None),
        (None, None),
    ],
)
def test_a_version_is_known_by_its_exact_value(value: str | None, version: Version | None) -> None:
    assert BY_HEADER.version_of(value) is version


@pytest.mark.parametrize("identity", [BY_HEADER, BY_PATH])
def test_a_reach_comes_back_from_its_json(identity: Identity) -> None:
    reach = Reach(
        Endpoint("https://petclinic.example.com"),
        Endpoint("https://petclinic.example.com", {"x-canary": "always"}),
        Endpoint("http://stable.invalid:8080"),
        identity,
    )

    assert Reach.from_json(json.loads(json.dumps(reach.as_json()))) == reach
