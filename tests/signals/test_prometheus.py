"""Queries to a Prometheus: what each answer is, and what none is."""

from __future__ import annotations

import json
import math
import socket

import pytest

from canarytest.core.errors import MeasurementError, QueryRefused
from canarytest.signals.prometheus import Server, ask, result_of
from tests.signals.server import Said, prometheus_says, says, serving, vector
from tests.signals.site import drips, site

NAN = prometheus_says("scalar", [1.5, "NaN"])
MATRIX = prometheus_says("matrix", [{"metric": {}, "values": [[1, "1"], [2, "2.5"]]}])
ERROR = json.dumps({"status": "error", "errorType": "execution", "error": "many-to-many matching"})
REFUSAL = json.dumps({"status": "error", "errorType": "bad_data", "error": "1:5: parse error"})


@pytest.mark.parametrize(
    ("said", "result"),
    [
        (vector("0.95"), (0.95,)),
        (vector("0.95", "+Inf"), (0.95, math.inf)),
        (vector(), ()),
        (prometheus_says("vector", None), ()),
        (prometheus_says("scalar", [1.5, "3"]), 3.0),
        (MATRIX, (1.0, 2.5)),
    ],
)
def test_a_result_is_what_argo_makes_of_it(said: Said, result: object) -> None:
    with serving(lambda _: said) as server:
        assert result_of(ask(Server(server.url), "q")) == result


def test_nan_is_a_number_here() -> None:
    with serving(lambda _: NAN) as server:
        result = result_of(ask(Server(server.url), "q"))

    assert isinstance(result, float)
    assert math.isnan(result)


def test_the_series_keep_their_labels() -> None:
    with serving(lambda _: vector("1", "2")) as server:
        answer = ask(Server(server.url), "q")

    assert [dict(series.labels) for series in answer.series] == [{"pod": "p0"}, {"pod": "p1"}]


def test_the_query_and_the_headers_arrive() -> None:
    query = 'sum(rate(http_requests_total{version="v1",status=~"5.."}[1m])) / 3 + 1'
    with serving(lambda _: vector("1")) as server:
        ask(Server(f"{server.url}/", {"Authorization": "Bearer t"}), query)

    (asked,) = server.asked
    assert asked.path.startswith("/api/v1/query?query=")
    assert asked.query == query
    assert asked.headers["Authorization"] == "Bearer t"


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (Said(REFUSAL, 400), QueryRefused, "1:5: parse error"),
        (Said(ERROR, 422), MeasurementError, "answered many-to-many matching"),
        (Said("", 503), MeasurementError, "answered HTTP 503 and no JSON"),
        (Said("<html>Sign in</html>"), MeasurementError, "a proxy is before it: '<html>Sign in"),
        (Said('{"status": "success"}', 500), MeasurementError, "answered HTTP 500"),
        (Said('{"status": "success"}'), MeasurementError, "not supported: None"),
        (prometheus_says("string", [1, "x"]), MeasurementError, "not supported: 'string'"),
        (prometheus_says("vector", [{"metric": {}}]), MeasurementError, "not of the form"),
        (prometheus_says("scalar", [1, "x"]), MeasurementError, "not of the form"),
    ],
)
def test_what_is_no_answer_says_why(said: Said, error: type[Exception], words: str) -> None:
    with serving(lambda _: said) as server, pytest.raises(error, match=words) as raised:
        ask(Server(server.url), "q")

    assert type(raised.value) is error


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

    with pytest.raises(MeasurementError, match=rf"{url}.* did not answer: .*refused"):
        ask(Server(url), "q")


def test_an_answer_that_never_ends_is_cut_off() -> None:
    with site(says_nothing) as there:
        there.answer = drips(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", there.over)
        with pytest.raises(MeasurementError, match="does not end"):
            ask(Server(there.endpoint.url, timeout_s=0.2), "q")


def says_nothing(_: socket.socket) -> None:
    return None


def test_a_name_and_password_of_a_netrc_do_not_replace_the_headers(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w") as file:  # noqa: PTH123  one line of a fixture
        file.write("machine 127.0.0.1 login jane password secret\n")
    monkeypatch.setenv("NETRC", netrc)
    with serving(says(vector("1").body)) as server:
        ask(Server(server.url, {"Authorization": "Bearer t"}), "q")

    assert server.asked[0].headers["Authorization"] == "Bearer t"
