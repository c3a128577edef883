"""HTTP/1.1 messages as bytes: no sockets and no clock here, so that any split can be tested."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Headers = tuple[tuple[str, str], ...]

MAX_HEAD = 16 * 1024  # bytes of request line and headers
MAX_BODY = 64 * 1024
_END_OF_HEAD = b"\r\n\r\n"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"/[!-~]*")
_LENGTH = re.compile(r"[0-9]{1,15}")
_CONTROL = re.compile(r"[\0\r\n]")


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was read to its end."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    keep_alive: bool


@dataclass(frozen=True, slots=True)
class Response:
    """What is sent back, and how."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Headers = ()
    delay_s: float = 0.0  # sent only after so long
    then: Callable[[], None] | None = None  # called once it was sent


class MalformedError(Exception):
    """The bytes are no request that can be served; the connection cannot be used any further."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Head:
    method: str
    target: str
    headers: Mapping[str, str]
    length: int
    keep_alive: bool


class Parser:
    """Cuts the bytes of one connection into requests, however the network has split them."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: _Head | None = None

    @property
    def has_partial(self) -> bool:
        """Whether a request has begun that is not there in full."""
        return self._head is not None or bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what the network brought."""
        self._buffer += data

    def next(self) -> Request | None:
        """
        Return the next complete request, None where more bytes are needed.

        Raises MalformedError when there will never be one.
        """
        if self._head is None:
            self._head = self._read_head()
        head = self._head
        if head is None or len(self._buffer) < head.length:
            return None
        body = bytes(self._buffer[: head.length])
        del self._buffer[: head.length]
        self._head = None
        path, _, query = head.target.partition("?")
        return Request(head.method, path, query, head.headers, body, head.keep_alive)

    def _read_head(self) -> _Head | None:
        while self._buffer.startswith(b"\r\n"):  # RFC 9112, 2.2: old clients end a body so
            del self._buffer[:2]
        end = self._buffer.find(_END_OF_HEAD)
        # Not found yet, it may still begin in the last three bytes: the verdict must not depend
        # on how much of it has arrived.
        if (end if end >= 0 else len(self._buffer) - 3) > MAX_HEAD:
            raise MalformedError(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"request line and headers are more than {MAX_HEAD} bytes",
            )
        if end < 0:
            return None
        text = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + len(_END_OF_HEAD)]
        return _head(text)


def encode(
    response: Response, *, common: Headers = (), close: bool = False, with_body: bool = True
) -> bytes:
    """Return the bytes of *response*; *common* are the headers that every response carries."""
    lines = [_STATUS_LINES[response.status]]
    lines += [f"{name}: {value}" for name, value in (*common, *response.headers)]
    if response.status != HTTPStatus.NO_CONTENT:
        lines.append(f"content-type: {response.content_type}")
        lines.append(f"content-length: {len(response.body)}")
    if close:
        lines.append("connection: close")
    head = "\r\n".join(lines).encode("latin-1") + _END_OF_HEAD
    return head + response.body if with_body else head


def _head(text: str) -> _Head:
    request_line, *lines = text.split("\r\n")
    method, target, version = _request_line(request_line)
    headers = _headers(lines)
    if version == "HTTP/1.1" and "host" not in headers:
        raise MalformedError(HTTPStatus.BAD_REQUEST, "an HTTP/1.1 request names its host")
    connection = [option.strip() for option in headers.get("connection", "").lower().split(",")]
    return _Head(
        method,
        target,
        headers,
        _content_length(headers),
        "close" not in connection if version == "HTTP/1.1" else "keep-alive" in connection,
    )


def _request_line(line: str) -> tuple[str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not parts[2].startswith("HTTP/"):
        raise MalformedError(HTTPStatus.BAD_REQUEST, f"{line[:80]!r} is no request line")
    method, target, version = parts
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise MalformedError(
            HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, f"{version[:20]!r} is not spoken; try HTTP/1.1"
        )
    if not _TARGET.fullmatch(target):
        raise MalformedError(HTTPStatus.BAD_REQUEST, f"{target[:80]!r} is no path")
    return method, target, version


def _headers(lines: Iterable[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        # A name with blanks around it is read differently by every proxy: refuse it.
        if not colon or not _TOKEN.fullmatch(name) or _CONTROL.search(value):
            raise MalformedError(HTTPStatus.BAD_REQUEST, f"{line[:80]!r} is no header")
        key, value = name.lower(), value.strip(" \t")
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _content_length(headers: Mapping[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise MalformedError(
            HTTPStatus.NOT_IMPLEMENTED, "transfer codings are not understood; send content-length"
        )
    text = headers.get("content-length", "0")
    if not _LENGTH.fullmatch(text):
        raise MalformedError(HTTPStatus.BAD_REQUEST, f"content-length {text[:80]!r} is no length")
    if int(text) > MAX_BODY:
        raise MalformedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is more than {MAX_BODY} bytes"
        )
    return int(text)


_STATUS_LINES = {int(status): f"HTTP/1.1 {int(status)} {status.phrase}" for status in HTTPStatus}
