"""
A port of this machine that leads to a Service, through the API server's own proxy.

Where a port-forward is not allowed. The credentials are added here, so that no test and no report
ever sees them. What the API server does to what it passes on: links in HTML get a prefix, and
`Authorization` is its own.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

from canarytest.core.errors import PlatformError
from canarytest.platforms.argo.api import Api

HOST = "127.0.0.1"
ANSWER_WITHIN_S = 60.0  # the client of the application has its own, shorter one
# RFC 9110, 7.6.1: of this connection, not of the message; and what is counted anew.
_OF_CONNECTION = (
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
_REFUSED = (
    "canarytest: the API server's proxy keeps 'Authorization' for itself, and a body in chunks is "
    'not passed on; use canary_via = "port-forward", a header or a URL'
)


class ServiceProxy:
    """Listens from `start` to `stop`; each request goes to *service*, by its port *port* if any."""

    def __init__(self, api: Api, namespace: str, service: str, port: str = "") -> None:
        name = f"{service}:{port}" if port else service
        self._api = api
        self._prefix = (
            f"/api/v1/namespaces/{quote(namespace)}/services/{quote(name, safe=':')}/proxy"
        )
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> str:
        """Begin to listen; return the base URL."""
        api, prefix = self._api, self._prefix

        class Handler(_Handler):
            relay = _Relay(api, prefix)

        self._server = server = ThreadingHTTPServer((HOST, 0), Handler)
        server.daemon_threads = True
        threading.Thread(
            target=server.serve_forever, name="canarytest-proxy", daemon=True, args=(0.1,)
        ).start()
        return f"http://{HOST}:{server.server_address[1]}"

    def stop(self) -> None:
        """Take no more requests."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _Relay:
    """Passes a request on to the API server's proxy."""

    def __init__(self, api: Api, prefix: str) -> None:
        self._api, self._prefix = api, prefix

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        reply = self._api.relay(method, self._prefix + path, headers, body, ANSWER_WITHIN_S)
        with contextlib.closing(reply):
            content = reply.read(decode_content=False)
            return (
                reply.status,
                [self._plain(*h) for h in passed_on(reply.headers.items())],
                content,
            )

    def _plain(self, name: str, value: str) -> tuple[str, str]:
        """Take the prefix out of a redirect that the API server put in."""
        return name, value.replace(self._prefix, "", 1) if name.lower() == "location" else value


class _Handler(BaseHTTPRequestHandler):
    relay: _Relay
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        if "Authorization" in self.headers or "chunked" in self.headers.get(
            "Transfer-Encoding", ""
        ):
            self._answer(501, [], _REFUSED.encode())
            self.close_connection = True
            return
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        try:
            reply = self.relay(self.command, self.path, dict(passed_on(self.headers.items())), body)
        except PlatformError as error:
            reply = 502, [], f"canarytest: {error}".encode()
        self._answer(*reply)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Pass every method on: the server looks for `do_GET` and the like."""
        if name.startswith("do_"):
            return self._pass
        raise AttributeError(name)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the client tells."""


def passed_on(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return those of *headers* that are of the message."""
    return [(name, value) for name, value in headers if name.lower() not in _OF_CONNECTION]
