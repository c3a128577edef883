"""A Service through the API server: what is passed on, and what is not."""

import io
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests
import urllib3

from canarytest.platforms.argo.api import ApiError
from canarytest.platforms.argo.proxy import ServiceProxy

PREFIX = "/api/v1/namespaces/petclinic/services/was-canary:http/proxy"


class FakeApi:
    """An API server that answers for the application, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Mapping[str, str], bytes | None]] = []
        self.status = 200
        self.headers: dict[str, str] = {"x-version": "v101"}
        self.trouble: ApiError | None = None

    def relay(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, _: float
    ) -> urllib3.HTTPResponse:
        """Answer."""
        self.asked.append((method, path, headers, body))
        if self.trouble is not None:
            raise self.trouble
        content = io.BytesIO(b"content")
        return urllib3.HTTPResponse(
            content, self.headers, self.status, preload_content=False, request_method=method
        )


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def url(api: FakeApi) -> Iterator[str]:
    proxy = ServiceProxy(api, "petclinic", "was-canary", "http")  # type: ignore[arg-type]
    yield proxy.start()
    proxy.stop()


def test_a_request_goes_to_the_service(api: FakeApi, url: str) -> None:
    reply = requests.post(f"{url}/login?next=%2Fhome", json={"user": "jane"}, timeout=5)
    method, path, headers, body = api.asked[0]

    assert (reply.status_code, reply.text, reply.headers["x-version"]) == (200, "content", "v101")
    assert (method, path, body) == ("POST", f"{PREFIX}/login?next=%2Fhome", b'{"user": "jane"}')
    assert headers["Content-Type"] == "application/json"
    assert "Host" not in headers


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_every_method_is_passed_on(api: FakeApi, url: str, method: str) -> None:
    reply = requests.request(method, url, timeout=5)

    assert api.asked[0][0] == method
    assert reply.text == ("" if method == "HEAD" else "content")


def test_a_bad_answer_is_passed_on_too(api: FakeApi, url: str) -> None:
    api.status = 503

    assert requests.get(url, timeout=5).status_code == 503


def test_a_redirect_loses_what_the_api_server_put_before_it(api: FakeApi, url: str) -> None:
    api.status, api.headers = 302, {"Location": f"{PREFIX}/home"}
    reply = requests.get(url, timeout=5, allow_redirects=False)

    assert reply.headers["Location"] == "/home"


@pytest.mark.parametrize(
    "given", [{"headers": {"Authorization": "Bearer app"}}, {"data": iter([b"in chunks"])}]
)
def test_what_cannot_be_passed_on_is_said(api: FakeApi, url: str, given: dict[str, Any]) -> None:
    reply = requests.post(url, timeout=5, **given)

    assert reply.status_code == 501
    assert "the API server's proxy keeps 'Authorization'" in reply.text
    assert api.asked == []


def test_an_api_that_does_not_answer_is_a_bad_gateway(api: FakeApi, url: str) -> None:
    api.trouble = ApiError("no answer", 0)
    reply = requests.get(url, timeout=5)

    assert (reply.status_code, reply.text) == (502, "canarytest: no answer")
