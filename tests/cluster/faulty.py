"""A way to the API server on which calls are counted, refused, and answers lost."""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import urllib3

HOST = "127.0.0.1"
LOST = 0  # as a status: it is done, and nothing is said of it
_DROPPED = ("connection", "content-length", "transfer-encoding", "host", "accept-encoding")


@dataclass
class Fault:
    """What becomes of the calls whose method and path match, as often as *times* says."""

    calls: str  # a regular expression for "PATCH /apis/…"
    status: int
    times: int = 1
    skip: int = 0  # the first ones, which are answered
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def strikes(self, call: str) -> bool:
        """Whether *call* is one of them; it counts."""
        if not re.search(self.calls, call):
            return False
        with self._lock:
            if self.skip:
                self.skip -= 1
                return False
            self.times -= 1
            return self.times >= 0


class FaultyApi:
    """
    Listens while it is entered, and forwards to the API server of a kubeconfig's *cluster*.

    Plain HTTP on this side, which the client takes; TLS, and the client's credentials, beyond.
    """

    def __init__(self, cluster: Mapping[str, Any], *faults: Fault) -> None:
        self.calls: list[str] = []
        self._faults = faults
        self._to = str(cluster["server"]).rstrip("/")
        self._pool = urllib3.PoolManager(ca_certs=cluster["certificate-authority"], maxsize=20)
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    @property
    def unspent(self) -> list[Fault]:
        """The faults that did not come about as often as they should have."""
        return [fault for fault in self._faults if fault.times > 0]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, str], Iterator[bytes]] | None:
        """Return the status, the headers and the parts of the answer; None if it is lost."""
        call = f"{method} {path}"
        self.calls.append(call)
        fault = next((fault for fault in self._faults if fault.strikes(call)), None)
        if fault is not None and fault.status != LOST:
            return fault.status, {}, iter([_refusal(fault.status)])
        timeout = urllib3.Timeout(connect=2.0, read=None)
        reply = self._pool.request(
            method,
            self._to + path,
            body=body,
            headers=headers,
            timeout=timeout,
            retries=False,
            preload_content=False,
        )
        if fault is not None:
            reply.read()  # it is done by then
            return None
        return reply.status, _of_message(reply.headers), reply.stream(1 << 16)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(_Handler):
            ask = staticmethod(answer)

        return Handler


class _Handler(BaseHTTPRequestHandler):
    ask: Any
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        self.close_connection = True
        try:
            answered = self.ask(self.command, self.path, _of_message(self.headers), body)
        except urllib3.exceptions.HTTPError:
            return  # the API server is not there: nor are we
        if answered is not None:
            with contextlib.suppress(OSError, urllib3.exceptions.HTTPError):  # one side has gone
                self._answer(*answered)

    def _answer(self, status: int, headers: Mapping[str, str], parts: Iterator[bytes]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")  # a watch is read as it comes
        self.end_headers()
        for part in parts:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Forward every method: the server looks for `do_GET` and the like."""
        if name.startswith("do_"):
            return self._forward
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _of_message(headers: "Mapping[str, str] | Message[str, str]") -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _DROPPED}


def _refusal(status: int) -> bytes:
    said = {"kind": "Status", "message": f"made up by the tests: {status}", "code": status}
    return json.dumps(said).encode()
