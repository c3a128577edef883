"""`[tool.canarytest.metrics.NAME]` and `prometheus` of a target: what is taken, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from canarytest.config import Table
from canarytest.core.bands import DEFAULT_BANDS, Band
from canarytest.core.errors import ConfigError
from canarytest.core.query import NoData, Query, looks_back_s
from canarytest.plugin.metrics import read_metrics, read_server, shipped
from canarytest.signals.cadvisor import QUERIES
from canarytest.signals.prometheus import Server


def metrics(**values: Any) -> tuple[Query, ...]:
    return read_metrics(Table(values, "metrics"), DEFAULT_BANDS)


def server(value: object) -> Server | None:
    return read_server(Table({"prometheus": value}, "targets.t"))


def test_a_query_and_its_band_are_enough() -> None:
    found = metrics(lag={"query": 'lag{v="{{canary}}"}', "band": [1, 2]})

    assert found == (Query("lag", 'lag{v="{{canary}}"}', Band(1, 2)),)
    assert found[0].no_data is NoData.INCONCLUSIVE


def test_all_keys_are_taken() -> None:
    given = {
        "query": "lag", "band": [1, 2.5], "interval": "1m", "no_data": "roll back", "unit": "s",
        "window": "30s",
    }  # fmt: skip

    assert metrics(lag=given) == (
        Query("lag", "lag", Band(1, 2.5), 60.0, NoData.ROLL_BACK, "s", 30.0),
    )


def test_cpu_and_memory_have_all_but_what_is_said_otherwise() -> None:
    (cpu,) = metrics(cpu={"no_data": "inconclusive"})

    assert (cpu.text, cpu.band) == (QUERIES["cpu"], DEFAULT_BANDS["cpu"])
    assert (cpu.no_data, cpu.unit) == (NoData.INCONCLUSIVE, "share")
    assert [query.name for query in shipped(DEFAULT_BANDS)] == ["cpu", "memory"]


def test_the_shipped_queries_look_at_the_canary_alone() -> None:
    assert {name: looks_back_s(text) for name, text in QUERIES.items()} == {"cpu": 60, "memory": 60}


BAND = {"band": [1, 2]}


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("lag", {"query": "x"}, "metrics.lag: 'band' is missing"),
        ("lag", {**BAND}, "metrics.lag: 'query' is missing; expected a string"),
        ("lag", {**BAND, "qery": "x"}, "did you mean it by 'qery'"),
        ("lag", {**BAND, "query": " "}, "it is empty; expected a query of PromQL"),
        ("lag", {**BAND, "query": "x", "no_data": "abort"}, "'abort' is not one of 'inconclusive'"),
        ("lag", {**BAND, "query": "x", "every": 3}, "unknown key 'every'"),
        ("lag", {**BAND, "query": "x", "interval": 0}, "expected at least 0.1 seconds"),
        ("lag", {**BAND, "query": "x", "interval": "soon"}, "'soon' is not a duration"),
        ("lag", {**BAND, "query": "x{{canry}}"}, "did you mean 'canary'? Known: {{canary}}, "),
        (
            "ok",
            {"query": "x", "band": [0.99, 0.95]},
            "Where less is worse, ask for what is missing",
        ),
        ("ok", {"query": "x", "band": 3}, "3 is not [warning from, roll back from]"),
        ("split", {"query": "x", **BAND}, "canarytest measures 'split' by itself"),
        ("latency_p95_ms", {"query": "x", **BAND}, "measures 'latency_p95_ms' by itself"),
        ("lag", "x", "metrics.lag: 'x' is not a table"),
    ],
)
def test_what_is_no_metric_is_refused(name: str, values: Any, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        metrics(**{name: values})

    assert words in str(raised.value)


def test_a_server_is_a_url_or_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    headers = {"Authorization": "Bearer ${TOKEN}"}

    assert read_server(Table({}, "t")) is None
    assert server("http://p:9090") == Server("http://p:9090")
    assert server(
        {"url": "https://p", "headers": headers, "timeout": "2s", "insecure": True}
    ) == Server("https://p", {"Authorization": "Bearer secret"}, 2.0, is_insecure=True)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("p:9090", "'p:9090' is no URL; expected e.g. 'http://prometheus:9090'"),
        (3, "targets.t.prometheus: 3 is not a table"),
        ({}, "'url' is missing"),
        ({"url": "http://p", "header": {}}, "did you mean 'headers'"),
        ({"url": "http://p", "headers": {"X": 1}}, "headers.X: 1 is not a string"),
        ({"url": "http://p", "headers": {"X": "${NO_SUCH}"}}, "${NO_SUCH} is not set"),
        ({"url": "http://p", "timeout": 0}, "0 leaves no time to answer"),
    ],
)
def test_what_is_no_server_is_refused(value: object, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        server(value)

    assert words in str(raised.value)
