"""What users may write of a target on a cluster, and what they are told."""

from typing import Any

import pytest

from canarytest.config import Table
from canarytest.core.errors import ConfigError
from canarytest.core.reach import Endpoint
from canarytest.platforms.argo import settings
from canarytest.platforms.argo.settings import Proxy, Settings

GOOD: dict[str, Any] = {
    "context": "staging",
    "namespace": "petclinic",
    "rollout": "was",
    "edge": "https://petclinic.example.com",
    "canary_via": {"header": {"x-canary": "always"}},
    "identity": {"path": "/info", "json": "version"},
}


def read(**keys: Any) -> Settings:
    chosen = {key: value for key, value in {**GOOD, **keys}.items() if value is not None}
    return settings.read(Table(chosen, "tool.canarytest.targets.staging"))


def test_a_header_that_says_always_has_a_never_for_the_stable_version() -> None:
    url = GOOD["edge"]
    found = read()

    assert found.canary == Endpoint(url, {"x-canary": "always"})
    assert found.stable == Endpoint(url, {"x-canary": "never"})
    assert found.edge == Endpoint(url)


@pytest.mark.parametrize(
    "keys",
    [
        {"canary_via": None},
        {"canary_via": "port-forward"},
        {"canary_via": {"header": {"x-who": "canary"}}},
        {"canary_via": {"url": "http://canary"}},
        {"stable_via": "port-forward"},
    ],
)
def test_without_another_way_it_is_a_port_forward(keys: dict[str, Any]) -> None:
    assert read(**keys).stable is None


@pytest.mark.parametrize(
    ("way", "port"), [("proxy", ""), ({"proxy": "http"}, "http"), ({"proxy": 80}, "80")]
)
def test_the_proxy_leads_to_both_versions(way: Any, port: str) -> None:
    found = read(canary_via=way)

    assert (found.canary, found.stable) == (Proxy(port), Proxy(port))


def test_each_version_may_have_a_url() -> None:
    found = read(canary_via={"url": "http://canary:81/"}, stable_via={"url": "http://stable:82"})

    assert (found.canary, found.stable) == (
        Endpoint("http://canary:81"),
        Endpoint("http://stable:82"),
    )


def test_a_header_may_be_asked_for_at_a_path() -> None:
    found = read(identity={"header": "x-version", "path": "/info"})

    assert (found.naming.header, found.naming.path, found.naming.json) == (
        "x-version",
        "/info",
        None,
    )


def test_timeouts_are_durations() -> None:
    found = read(timeouts={"ready": "1m30s", "reach": 5})

    assert (found.timeouts.ready_s, found.timeouts.reach_s) == (90.0, 5.0)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"context": None}, "'context' is missing; expected a context of the kubeconfig; never"),
        ({"namespace": ""}, "'namespace' is missing; expected the namespace"),
        ({"rollout": None}, "'rollout' is missing; expected the name"),
        ({"edge": "petclinic"}, "edge: 'petclinic' is no URL; expected e.g."),
        ({"canary_via": "proxi"}, "canary_via: 'proxi' is no way to a version; expected one of"),
        ({"canary_via": {}}, "canary_via has not exactly one way; expected one of"),
        (
            {"canary_via": {"url": "http://a", "header": {"a": "b"}}},
            "canary_via has not exactly one way",
        ),
        ({"canary_via": {"url": "a"}}, "canary_via.url: 'a' is no URL"),
        ({"canary_via": {"header": {"a": 1}}}, "header.a: 1 is not a string"),
        ({"canary_via": {"heder": {}}}, "unknown key 'heder'; did you mean 'header'"),
        ({"identity": {}}, "identity: expected either"),
        ({"identity": {"json": "version"}}, "identity: expected either"),
        ({"identity": {"header": "a", "json": "b", "path": "/"}}, "identity: expected either"),
        ({"identity": {"path": "info", "json": "b"}}, "path: 'info' is not a path"),
        ({"timeouts": {"ready": [1]}}, "ready: [1] is not a duration"),
        ({"timeouts": {"redy": "1m"}}, "unknown key 'redy'; did you mean 'ready'"),
        ({"contxt": "a"}, "unknown key 'contxt'; did you mean 'context'"),
    ],
)
def test_what_cannot_work_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**keys)

    assert message in str(caught.value)
