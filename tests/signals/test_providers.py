"""What an AnalysisTemplate says of a provider, and the request that comes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from canarytest.core.errors import ConfigError
from canarytest.signals import prometheus
from canarytest.signals.providers import ADDRESS, read_provider
from tests.signals.server import says, serving, vector


@pytest.fixture(autouse=True)
def no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)


def test_a_template_asks_its_own_address() -> None:
    with serving(says(vector("0.5").body)) as server:
        spec = {"address": server.url, "query": "up", "headers": [{"key": "X-Org", "value": "1"}]}
        result = read_provider({"prometheus": spec}, None)()

    assert result == (0.5,)
    assert server.asked[0].headers["X-Org"] == "1"


def test_without_an_address_the_targets_server_is_asked() -> None:
    with serving(says(vector("0.5").body)) as server:
        default = prometheus.Server(server.url, {"Authorization": "Bearer t"})
        read_provider({"prometheus": {"query": "up"}}, default)()

    assert server.asked[0].headers["Authorization"] == "Bearer t"


def test_without_an_address_the_controllers_is_asked_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(says(vector("0.5").body)) as server:
        monkeypatch.setenv(ADDRESS, server.url)

        assert read_provider({"prometheus": {"query": "up"}}, None)() == (0.5,)


def test_a_web_request_is_sent_as_written() -> None:
    with serving(says('{"ok": true}')) as server:
        spec = {
            "url": f"{server.url}/judge?x=1",
            "method": "POST",
            "headers": [{"key": "X-User", "value": "jane"}],
            "jsonBody": {"weight": 10},
            "timeoutSeconds": 3,
            "jsonPath": "{$.ok}",
        }
        result = read_provider({"web": spec}, None)()

    (asked,) = server.asked
    assert result is True
    assert (asked.method, asked.path) == ("POST", "/judge?x=1")
    assert json.loads(asked.body) == {"weight": 10}
    assert (asked.headers["X-User"], asked.headers["Content-Type"]) == ("jane", "application/json")


def test_a_text_is_sent_as_it_is() -> None:
    with serving(says("true")) as server:
        read_provider({"web": {"url": server.url, "method": "PUT", "body": "a=b"}}, None)()

    assert server.asked[0].body == b"a=b"


URL = "http://x.invalid"


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ({"prometheus": {"query": "up"}}, "address: it is missing"),
        ({"prometheus": {"query": " ", "address": URL}}, "query: it is empty"),
        ({"prometheus": {"address": URL}}, "'query' is missing"),
        ({"prometheus": {"query": "up", "address": "prom:9090"}}, "'prom:9090' is no URL"),
        ({"prometheus": {"query": "up", "adress": URL}}, "did you mean 'address'"),
        ({"prometheus": {"query": "up", "address": URL, "rangeQuery": {"step": "1m"}}}, "rangeQ"),
        ({"prometheus": {"query": "up", "authentication": {"sigv4": {}}}}, "authentication"),
        ({"web": {}}, "'url' is missing"),
        ({"web": {"url": "/x"}}, "'/x' is no URL"),
        ({"web": {"url": URL, "method": "DELETE"}}, "'DELETE' is not one of"),
        ({"web": {"url": URL, "body": "x"}}, "only be used with the methods POST or PUT"),
        ({"web": {"url": URL, "method": "PUT", "body": "x", "jsonBody": {}}}, "there are both"),
        ({"web": {"url": URL, "jsonPath": "{range .a}"}}, "'range' are not evaluated"),
        ({"web": {"url": URL, "headers": [{"key": "x"}]}}, r"headers\[0\]: 'value' is missing"),
        ({"web": {"url": URL, "authentication": {"oauth2": {}}}}, "authentication"),
    ],
)
def test_what_cannot_be_asked_is_refused(provider: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_provider(provider, None)
