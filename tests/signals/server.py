"""A real server on localhost that notes what it is asked, and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request, as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def query(self) -> str:
        """What a Prometheus was asked."""
        return parse_qs(urlsplit(self.path).query)["query"][0]


@dataclass(frozen=True)
class Said:
    """An answer."""

    body: str = ""
    status: int = 200


class Server(ThreadingHTTPServer):
    """Answers by `answer`, which may be changed meanwhile."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Callable[[Asked], Said]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever hung up had its reasons."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
        self.server.asked.append(asked)
        said = self.server.answer(asked)
        self.send_response(said.status)
        self.end_headers()
        self.wfile.write(said.body.encode())

    do_POST = do_PUT = do_GET  # noqa: N815  http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base's name
        """Log nothing."""


@contextmanager
def serving(answer: Callable[[Asked], Said]) -> Iterator[Server]:
    """Have a server for a while."""
    server = Server(answer)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def says(body: str, status: int = 200) -> Callable[[Asked], Said]:
    """Answer everything so."""
    return lambda _: Said(body, status)


def prometheus_says(kind: str, result: Any) -> Said:
    """Return a good answer of a Prometheus."""
    return Said(json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}))


def vector(*values: str, label: str = "pod") -> Said:
    """Return a vector of *values*, as Prometheus writes them, each of a series of its own."""
    series = [{"metric": {label: f"p{i}"}, "value": [1.5, v]} for i, v in enumerate(values)]
    return prometheus_says("vector", series)
