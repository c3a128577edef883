"""Argo's web provider: what is found in an answer, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from canarytest.core.errors import ConfigError, MeasurementError
from canarytest.signals.http import Request
from canarytest.signals.web import ask, read_path
from tests.signals.server import says, serving

BODY = """{"data": {"ok": true, "share": 1, "foo-bar": 2, "k8s.io/x": 3, "none": null},
 "items": [{"name": "a", "value": 1}, {"name": "b", "value": 2}]}"""


def found(path: str, body: str = BODY, status: int = 200) -> Any:
    with serving(says(body, status)) as server:
        return ask(Request(server.url), read_path(path))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("{$.data.ok}", True),
        ("{.data.ok}", True),
        ("{data.ok}", True),
        ("{@.data.ok}", True),
        ("{ $.data.ok }", True),
        ("{.data.foo-bar}", 2.0),
        ("{$['data']['foo-bar']}", 2.0),
        (r"{.data.k8s\.io/x}", 3.0),
        ("{.data.none}", None),
        ("{.items[*].value}", 1.0),
        ("{..value}", 1.0),
        ("{.items[-1:].name}", "b"),
        ('{.items[?(@.name=="b")].value}', 2.0),
        ("{.items[?(@.value>1)].name}", "b"),
    ],
)
def test_the_first_match_is_the_result(path: str, value: object) -> None:
    assert found(path) == value


def test_numbers_are_floats_as_in_go() -> None:
    assert isinstance(found("{.data.share}"), float)


@pytest.mark.parametrize("path", ["", "{$}", "{}"])
@pytest.mark.parametrize(("body", "value"), [('["5"]', ["5"]), ('"5"', "5"), ("null", None)])
def test_the_whole_body_is_one_value(path: str, body: str, value: object) -> None:
    assert found(path, body) == value


@pytest.mark.parametrize("body", ["", "OK", "NaN", "{", '{"a": Infinity}'])
def test_a_body_that_is_no_json_is_a_text_whatever_the_path(body: str) -> None:
    assert found("{.data.ok}", body) == body


@pytest.mark.parametrize("status", [300, 404, 500])
def test_a_status_that_is_no_success_is_an_error(status: int) -> None:
    with pytest.raises(MeasurementError, match=f"non 2xx response code: {status}"):
        found("{$}", "true", status)


@pytest.mark.parametrize("path", ["{.data.nope}", "{.items[7].name}", "{.data.ok.further}"])
def test_no_match_is_an_error_and_not_nothing(path: str) -> None:
    with pytest.raises(MeasurementError, match="Could not find JSONPath in body"):
        found(path)


@pytest.mark.parametrize(
    "path", ["$.data", "{.a", "x{.a}", "{.a}{.b}", "{range .a[*]}{.b}{end}", "{.a[}", "{.a | .b}"]
)
def test_what_is_not_evaluated_is_refused_by_name(path: str) -> None:
    with pytest.raises(ConfigError, match="jsonPath '"):
        read_path(path)
