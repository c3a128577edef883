"""What is heard of each request, without Locust around it; `test_load` is with it."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from canarytest.core.measure import EndpointTally, Tally
from canarytest.core.reach import Version
from canarytest.core.sketch import Sketch
from canarytest.signals.locust_listener import (
    Counter,
    Pending,
    add_headers,
    by_header,
    by_target,
)

VERSIONS = {"v100": "stable", "v101": "canary"}


def response(**headers: str) -> Any:
    return SimpleNamespace(headers=CaseInsensitiveDict(headers))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(response(version="v100"), "stable", id="stable"),
        pytest.param(response(Version="v101"), "canary", id="canary"),
        pytest.param(response(version="v102"), None, id="neither"),
        pytest.param(response(), None, id="without-the-header"),
        pytest.param(SimpleNamespace(headers=None), None, id="FastHttpUser-nobody-answered"),
        pytest.param(None, None, id="no-response"),
        pytest.param("ok", None, id="not-HTTP"),
        pytest.param(SimpleNamespace(headers={"version": ["v100"]}), None, id="several-values"),
    ],
)
def test_a_response_says_its_version_by_a_header(made: Any, expected: str | None) -> None:
    assert by_header("version", VERSIONS)(made) == expected


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(response(server="x"), "canary", id="answered"),
        pytest.param(response(), None, id="HttpUser-nobody-answered"),
        pytest.param(SimpleNamespace(headers=None), None, id="FastHttpUser-nobody-answered"),
        pytest.param(None, "canary", id="not-HTTP"),
    ],
)
def test_where_one_version_alone_is_asked_it_made_every_answer(
    made: Any, expected: str | None
) -> None:
    assert by_target("canary")(made) == expected


def test_requests_are_counted_by_version_and_endpoint() -> None:
    counter = Counter(by_header("version", VERSIONS))
    heard = [
        ("GET", "/a", 1.0, None, "v100"),
        ("GET", "/a", 300.0, OSError("no"), "v100"),
        ("GET", "/a", 0.0, None, "v101"),
        ("POST", "/a", None, None, "v101"),
    ]
    for method, name, took_ms, exception, version in heard:
        counter.on_request(
            request_type=method,
            name=name,
            response_time=took_ms,
            response_length=2,
            exception=exception,
            response=response(version=version),
            context={},
        )

    assert counter.cut() == (
        EndpointTally(Version.STABLE, "GET /a", Tally(2, 1, Sketch.of([1.0, 300.0]))),
        EndpointTally(Version.CANARY, "GET /a", Tally(1, 0, Sketch.of([0.0]))),
        EndpointTally(Version.CANARY, "POST /a", Tally(1, 0)),
    )
    assert counter.cut() == ()


def test_headers_are_added_to_those_of_a_request_and_go_before_them() -> None:
    class Session:
        def request(self, method: str, url: str, **kwargs: Any) -> Any:
            return kwargs["headers"]

    add_headers([Session], {"x-canary": "always"})

    assert Session().request("GET", "/") == {"x-canary": "always"}
    assert Session().request("GET", "/", headers={"a": "b", "x-canary": "never"}) == {
        "a": "b",
        "x-canary": "always",
    }


def test_requests_are_known_to_be_under_way_until_they_have_ended() -> None:
    seen: list[tuple[Any, ...]] = []

    class Session:
        def request(self, method: str, url: str, name: str | None = None, **kwargs: Any) -> Any:
            seen.append((method, url, name, kwargs))
            if method == "FAIL":
                raise ValueError(method)
            return pending.ages().count

    pending = Pending()
    pending.watch([Session])
    user = Session()

    assert user.request("GET", "/", name="front") == 1
    assert user.request("POST", "/", "front", json={"a": 1}) == 1
    with pytest.raises(ValueError, match="FAIL"):
        user.request("FAIL", "/")
    assert pending.ages() == Sketch()
    assert seen == [
        ("GET", "/", "front", {}),
        ("POST", "/", "front", {"json": {"a": 1}}),
        ("FAIL", "/", None, {}),
    ]


def test_neither_the_listener_nor_the_load_brings_locust_or_pytest_in() -> None:
    listed = (
        "import sys, canarytest.signals.load, canarytest.signals.generator; print(*sys.modules)"
    )
    modules = subprocess.check_output([sys.executable, "-c", listed], text=True).split()

    assert {"locust", "gevent", "pytest"}.isdisjoint(modules)
